import java.io.IOException;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.file.Path;

/** Starts the OGC's test suite with the standard's schemas read from a folder, for scripts/cite. */
class LocalSchemas {
  static final String PREFIX = "/ogcapi/processes/part1/1.0/openapi/";

  /** The file of a schema's address, or null for any other address. */
  static URL file(Path folder, URL url) throws IOException {
    if (!url.getHost().equals("schemas.opengis.net") || !url.getPath().startsWith(PREFIX)) {
      return null;
    }
    return folder.resolve(url.getPath().substring(PREFIX.length())).toUri().toURL();
  }

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    URLStreamHandler http = new sun.net.www.protocol.http.Handler() {
      @Override
      protected URLConnection openConnection(URL url) throws IOException {
        URL file = file(folder, url);
        return file == null ? super.openConnection(url) : file.openConnection();
      }
    };
    URLStreamHandler https = new sun.net.www.protocol.https.Handler() {
      @Override
      protected URLConnection openConnection(URL url) throws IOException {
        URL file = file(folder, url);
        return file == null ? super.openConnection(url) : file.openConnection();
      }
    };
    URL.setURLStreamHandlerFactory(
        scheme -> scheme.equals("http") ? http : scheme.equals("https") ? https : null);
    String[] rest = java.util.Arrays.copyOfRange(arguments, 1, arguments.length);
    Class.forName("org.opengis.cite.ogcapiprocesses10.TestNGController")
        .getMethod("main", String[].class)
        .invoke(null, (Object) rest);
  }
}

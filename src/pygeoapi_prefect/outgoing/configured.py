"""Requests to addresses that the operator has configured, not a client.

They may lead anywhere, so the guard of this package does not check their addresses; the proxies and
certificates of the environment apply (``HTTPS_PROXY``, ``SSL_CERT_FILE``). Time and size are
limited, and redirects are not followed.
"""

import time

import httpx

TIMEOUT_SECONDS = 4.0
MAX_BYTES = 512 * 1024
HEADERS = {
    "Accept": "application/json, application/jwk-set+json",
    "Accept-Encoding": "identity",
    "User-Agent": "pygeoapi-prefect-stack",
}


def fetch(url: str) -> bytes:
    """Fetch a document of an issuer.

    Raises:
        OSError: It cannot be fetched; the message names the URL and the reason.
    """
    end = time.monotonic() + TIMEOUT_SECONDS
    received = bytearray()
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
            client.stream("GET", url, headers=HEADERS) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise OSError(f"{url} answered with status {response.status_code}")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise OSError(f"{url} sent a compressed body")
            for piece in response.iter_raw():
                received += piece
                if len(received) > MAX_BYTES:
                    raise OSError(f"{url} is larger than {MAX_BYTES} bytes")
                if time.monotonic() > end:
                    raise OSError(f"{url} timed out")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise OSError(f"{url} cannot be fetched: {reason}") from error
    return bytes(received)

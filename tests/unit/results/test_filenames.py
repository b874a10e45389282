"""The name under which a browser saves an output."""

import email.message
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from pygeoapi_prefect.results.delivery import ranged, single
from pygeoapi_prefect.results.filenames import MAX_NAME, content_disposition, file_name
from pygeoapi_prefect.results.output import Output


def output(name: str, media_type: str, suffix: str = "") -> Output:
    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return iter([b"12345"])

    return Output(name, media_type, chunks, lambda: 5, "", location=f"job/x{suffix}")


@pytest.mark.parametrize(
    ("name", "media_type", "suffix", "expected"),
    [
        ("table", "text/csv", "", "table.csv"),
        ("table", "Text/CSV; charset=utf-8", "", "table.csv"),
        ("table.csv", "text/csv", ".csv", "table.csv"),
        ("zones", "application/geo+json", ".json", "zones.geojson"),
        ("dem", "image/tiff; application=geotiff; profile=cloud-optimized", ".x", "dem.tif"),
        ("picture", "image/png", "", "picture.png"),
        ("cloud", "application/octet-stream", ".las", "cloud.las"),
        ("cloud", "application/octet-stream", "", "cloud.bin"),
        ("cloud", "application/octet-stream", ".l/s", "cloud.bin"),
        ("thing", "application/vnd.thing+json", "", "thing.json"),
        ("thing", "x/unheard-of", ".thing", "thing.thing"),
        ("thing", "x/unheard-of", "", "thing"),
    ],
)
def test_fault_17_the_extension_is_that_of_the_media_type(
    name: str, media_type: str, suffix: str, expected: str
) -> None:
    assert file_name(output(name, media_type, suffix)) == expected


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "a/b", "a\\b", "..", ".", "", ".hidden", 'a"b', "a\r\nSet-Cookie: x=1",
        "a\x00b", "evil\u202egpj", "con", "NUL.1", "x" * 500, "\ud800", "a;b=c", "a%2fb", "größe",
        "漢字" * 60, "a b", "C:x", "*?<>|",
    ],
)  # fmt: skip
def test_fault_17_a_name_is_harmless_everywhere(name: str) -> None:
    header = content_disposition(output(name, "text/csv"))
    assert header.isascii()
    assert header.isprintable()
    message = email.message.Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "inline"
    saved = message.get_filename()
    assert saved is not None
    assert saved.endswith(".csv")
    assert not saved.startswith(".")
    assert len(saved.encode()) <= MAX_NAME
    assert PurePosixPath(saved).name == PureWindowsPath(saved).name == saved
    assert not PureWindowsPath(saved).is_reserved()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x" * 251, "x" * 251),
        ("x" * 252, "x" * 251),
        ("é" * 126, "é" * 125),
        ("漢" * 84, "漢" * 83),
        ("x" + "😀" * 63, "x" + "😀" * 62),
    ],
)
def test_a_name_is_as_long_as_file_systems_take(name: str, expected: str, tmp_path: Path) -> None:
    """Fault 17: cut at 255 bytes and between characters, not at 100 characters."""
    saved = file_name(output(name, "text/csv"))
    assert saved == f"{expected}.csv"
    (tmp_path / saved).touch()


def test_names_that_are_no_ascii_are_encoded() -> None:
    header = content_disposition(output("größe", "text/csv"))
    assert header == "inline; filename=\"gr__e.csv\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.csv"


def test_fault_17_whole_outputs_and_ranges_have_it() -> None:
    table = output("table", "text/csv")
    for reply in (single(table), ranged(table, None), ranged(table, "bytes=0-1")):
        assert ("Content-Disposition", 'inline; filename="table.csv"') in reply.headers

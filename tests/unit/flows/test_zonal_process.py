"""The process as a whole, its flow called as a plain function."""

import base64
import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from pygeoapi_prefect.deploy.package import collect
from pygeoapi_prefect.errors import InvalidJobParameterError, MissingJobParameterError
from pygeoapi_prefect.execution.inputs import validate
from pygeoapi_prefect.models.processes import ExecuteRequest, JobStatusInfoInternal
from pygeoapi_prefect.process.memory import memory_in_use_bytes
from support.rasters_made import box, collection, feature, write_raster
from zonal_statistics import process as module
from zonal_statistics.process import ZonalStatisticsProcessor
from zonal_statistics.rasters import SAMPLES
from zonal_statistics.writing import as_csv, as_geojson
from zonal_statistics.zones import Zones, read_zones

DESCRIPTION = ZonalStatisticsProcessor({"name": "x"}).metadata
DATA = SAMPLES["waco-dem"].parent
REQUEST = json.loads((DATA / "request.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "results"
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: folder}), disable_run_logger():
        yield folder


def unexpected(*_: Any) -> Any:
    raise AssertionError("no input is given by reference")


def run(inputs: dict[str, Any], outputs: Any = None, *, check: bool = True) -> dict[str, bytes]:
    """Run the flow; what it has stored, by output."""
    if check:
        validate(inputs, DESCRIPTION["inputs"], fetch=unexpected, check=unexpected)
    request = ExecuteRequest.model_validate({"inputs": inputs, "outputs": outputs})
    status: JobStatusInfoInternal = ZonalStatisticsProcessor.process_flow.fn(
        job_id="job-1",
        result_storage_block=None,
        process_description=ZonalStatisticsProcessor.process_description,
        execution_request=request,
    )
    assert (status.job_id, status.process_id) == ("job-1", "zonal-statistics")
    assert status.generated_outputs is not None
    for name, output in status.generated_outputs.items():
        told = DESCRIPTION["outputs"][name]["schema"]["contentMediaType"]
        assert output.media_type == told
    return {
        name: Path(output.location).read_bytes()
        for name, output in status.generated_outputs.items()
    }


def zones_of(outputs: dict[str, bytes]) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(outputs["zones"])["features"]
    return features


def table_of(outputs: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(outputs["table"].decode(), newline="")))


def test_example_request_on_the_real_dem(results: Path) -> None:
    outputs = run(REQUEST["inputs"])
    assert sorted(path.name for path in (results / "job-1").iterdir()) == [
        "table.csv",
        "zones.geojson",
    ]
    zones, rows = zones_of(outputs), table_of(outputs)
    assert [zone["geometry"] for zone in zones] == [
        zone["geometry"] for zone in REQUEST["inputs"]["zones"]["features"]
    ]
    names = ["West pasture", "River bend", "Two groves", "Ring road", "East edge"]
    assert [zone["properties"]["name"] for zone in zones] == names
    assert [row["name"] for row in rows] == names
    assert list(rows[0]) == [
        "zone",
        "id",
        "name",
        "count",
        "min",
        "max",
        "mean",
        "std",
        "percentile_10",
        "percentile_90",
    ]
    for zone, row in zip(zones, rows, strict=True):
        told = zone["properties"]
        assert 147 <= told["min"] <= told["percentile_10"] <= told["mean"]
        assert told["mean"] <= told["percentile_90"] <= told["max"] <= 298
        for name in ("count", "min", "max", "mean", "std", "percentile_10", "percentile_90"):
            assert float(row[name]) == told[name]
    # A rectangle of 0.06 x 0.06 degrees, cells of 3 arc-seconds.
    assert zones[0]["properties"]["count"] == pytest.approx(72 * 72)
    # 0.08 degrees wide, of which about the half lies in the raster.
    assert zones[4]["properties"]["count"] == pytest.approx(49 * 84)


def test_shipped_zones_and_request_are_the_same() -> None:
    shipped = json.loads((DATA / "zones.geojson").read_text(encoding="utf-8"))
    assert REQUEST["inputs"]["zones"] == shipped
    with rasterio.open(SAMPLES["waco-dem"]) as dataset:
        right = dataset.bounds.right
    ring = shipped["features"][4]["geometry"]["coordinates"][0]
    assert min(x for x, _ in ring) < right < max(x for x, _ in ring)


@pytest.mark.parametrize(
    ("outputs", "made"),
    [
        (None, {"zones", "table"}),
        ({}, {"zones", "table"}),
        ({"table": {}}, {"table"}),
        ({"zones": {"transmissionMode": "reference"}}, {"zones"}),
    ],
)
def test_only_requested_outputs_are_made(outputs: Any, made: set[str], results: Path) -> None:
    assert set(run(REQUEST["inputs"], outputs)) == made
    assert len(list((results / "job-1").iterdir())) == len(made)


def test_band_statistics_and_qualified_raster(tmp_path: Path) -> None:
    cells = np.stack([np.zeros((4, 4)), np.arange(16.0).reshape(4, 4)])
    path = write_raster(tmp_path / "r.tif", cells, crs="EPSG:4326", corner=(10, 50), cell=0.5)
    inputs = {
        "raster": {
            "value": base64.b64encode(path.read_bytes()).decode(),
            "mediaType": "image/tiff; application=geotiff",
            "encoding": "base64",
        },
        "zones": {"value": collection(box(10, 50, 12, 52))},
        "band": 2,
        "statistics": ["sum", "variety"],
        "percentiles": [50],
    }
    [zone] = zones_of(run(inputs))
    assert zone["properties"] == {"sum": 120, "variety": 16, "percentile_50": 7}


def test_many_zones_keep_their_order_and_tell_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, str]] = []
    monkeypatch.setattr(module, "report_progress", lambda *report: told.append(report))
    lefts = [-97.48 + 0.005 * number for number in range(40)]
    zones = collection(*(box(x, 32.6, x + 0.005, 32.605, id=i) for i, x in enumerate(lefts)))
    found = zones_of(run({"raster": "waco-dem", "zones": zones}))
    assert [zone["id"] for zone in found] == list(range(40))
    [single] = zones_of(run({"raster": "waco-dem", "zones": collection(zones["features"][33])}))
    assert found[33] == single
    percents = [percent for percent, _ in told[: told.index((100, "Done: 40 zones")) + 1]]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert (41.0, "16 of 40 zones") in told


def test_zones_in_another_crs_come_back_in_it() -> None:
    zones = collection(
        box(650_000, 3_620_000, 651_000, 3_621_000), crs="urn:ogc:def:crs:EPSG::32614"
    )
    outputs = run({"raster": "waco-dem", "zones": zones})
    told = json.loads(outputs["zones"])
    assert told["crs"] == zones["crs"]
    assert told["features"][0]["geometry"] == zones["features"][0]["geometry"]
    # A square kilometre in cells of 3 arc-seconds, about 78 x 92 m.
    assert told["features"][0]["properties"]["count"] == pytest.approx(139, rel=0.02)


@pytest.mark.parametrize("name", ["raster", "zones"])
def test_missing_input(name: str) -> None:
    inputs = {key: value for key, value in REQUEST["inputs"].items() if key != name}
    with pytest.raises(MissingJobParameterError, match=f"'{name}'"):
        run(inputs, check=False)
    with pytest.raises(MissingJobParameterError, match=f"'{name}'"):
        run(inputs)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("raster", "another-dem"),
        ("raster", 5),
        ("zones", collection()),
        ("zones", collection(feature("Point", [1, 2]))),
        ("zones", box(0, 0, 1, 1)),
        ("band", 0),
        ("band", 1.5),
        ("percentiles", [101]),
        ("percentiles", [10, 10]),
        ("statistics", ["mode"]),
        ("statistics", []),
    ],
)
def test_wrong_values_are_refused_before_a_job_exists(name: str, value: Any) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"input '{name}'"):
        run(REQUEST["inputs"] | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("raster", "another-dem"),
        ("raster", 5),
        ("zones", collection()),
        ("zones", collection(feature("Point", [1, 2]))),
        ("band", 2),
    ],
)
def test_wrong_values_are_refused_by_the_flow_too(name: str, value: Any, results: Path) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"input '{name}'"):
        run(REQUEST["inputs"] | {name: value}, check=False)
    assert not (results / "job-1").exists()


def test_example_of_the_description_is_valid() -> None:
    [zone] = zones_of(run(DESCRIPTION["example"]["inputs"]))
    assert zone["properties"]["name"] == "West pasture"


def test_geojson_keeps_everything_that_was_given() -> None:
    given = {
        **collection(
            box(0, 0, 1, 1, id="a", properties={"name": "é", "mean": "old", "deep": {"a": [1]}}),
            {**box(1, 1, 2, 2), "properties": None, "bbox": [1, 1, 2, 2]},
        ),
        "name": "layer",
    }
    results: list[Any] = [{"count": 2.0, "mean": 1.5}, {"count": 0.0, "mean": None}]
    told = json.loads(as_geojson(given, results))
    assert told["name"] == "layer"
    first, second = told["features"]
    assert first["properties"] == {"name": "é", "mean": 1.5, "deep": {"a": [1]}, "count": 2.0}
    assert second["properties"] == {"count": 0.0, "mean": None}
    assert (first["id"], second["bbox"]) == ("a", [1, 1, 2, 2])
    assert given["features"][1]["properties"] is None


def test_table_has_all_columns_and_quotes_what_needs_it() -> None:
    features = [
        box(0, 0, 1, 1, properties={"name": 'say "a, b"', "deep": {"a": 1}}),
        box(0, 0, 1, 1, id=9, properties={"other": 5, "count": "old"}),
    ]
    content = as_csv(features, [{"count": 2.0, "mean": None}, {"count": 1.5, "mean": 3.25}])
    assert content.decode() == (
        'zone,name,id,other,count,mean\r\n1,"say ""a, b""",,,2.0,\r\n2,,9,5,1.5,3.25\r\n'
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-cmd|'/c calc'!A0", "'-cmd|'/c calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("a;=1+1", "a;'=1+1"),
        ('="a"', '\'="a"'),
        # Numbers, and text that only has such characters in it, stay as they are.
        ("-5", "-5"),
        ("+3.25e-7", "+3.25e-7"),
        ("a=b", "a=b"),
        ("2020-01-02", "2020-01-02"),
        ("", ""),
        ("'=1", "'=1"),
        (-5, "-5"),
        (-2.5e-7, "-2.5e-07"),
    ],
)
def test_fault_38_spreadsheets_run_nothing_of_the_table(text: Any, written: str) -> None:
    """Fault 38: values, ids and names of properties alike, as OWASP advises."""
    features = [box(0, 0, 1, 1, id=text, properties={"note": text, f"{text}": 1})]
    content = as_csv(features, [{"mean": -1.5}]).decode()
    head, row = list(csv.reader(io.StringIO(content, newline="")))
    assert row == ["1", written, written, "1", "-1.5"]
    assert head == ["zone", "id", "note", written if isinstance(text, str) else str(text), "mean"]


def test_fault_38_own_columns_keep_their_names() -> None:
    """Fault 38: a property called zone or id does not replace the zone's number and id."""
    features = [
        box(0, 0, 1, 1, id="a", properties={"zone": "north", "id": 7, "mean": "old", "x": 1}),
        box(0, 0, 1, 1, properties={"id": 8, "property_id": 9}),
    ]
    results: list[Any] = [{"mean": 2.5}, {"mean": 3.5}]
    rows = list(csv.DictReader(io.StringIO(as_csv(features, results).decode(), newline="")))
    assert [row["zone"] for row in rows] == ["1", "2"]
    assert [row["id"] for row in rows] == ["a", ""]
    assert [row["property_zone"] for row in rows] == ["north", ""]
    assert [row["property_property_id"] for row in rows] == ["7", "8"]
    assert [row["property_id"] for row in rows] == ["", "9"]
    assert [row["mean"] for row in rows] == ["2.5", "3.5"]
    told = json.loads(as_geojson(collection(*features), results))["features"]
    assert told[0]["properties"] == {"zone": "north", "id": 7, "mean": 2.5, "x": 1}
    for name in ("property_zone", "property_id"):
        assert name in DESCRIPTION["outputs"]["table"]["description"]


def sparse(path: Path, size: int) -> Path:
    """A GeoTIFF of a few kilobytes with as many rows and columns."""
    profile: dict[str, Any] = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    tiles = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True}
    transform = rasterio.Affine(10 / size, 0, 0, 0, -10 / size, 10)
    with rasterio.open(path, "w", width=size, height=size, transform=transform, **profile, **tiles):
        pass
    return path


def test_fault_29_a_raster_of_more_cells_than_the_bound(tmp_path: Path, results: Path) -> None:
    """Fault 29: 2 kB of GeoTIFF kept a worker busy for more than a minute."""
    path = sparse(tmp_path / "r.tif", 60_000)
    assert path.stat().st_size < 10_000
    inputs = {
        "raster": base64.b64encode(path.read_bytes()).decode(),
        "zones": collection(box(1, 1, 1.01, 1.01), box(0, 0, 10, 10, id="all")),
    }
    began = time.process_time()
    with pytest.raises(InvalidJobParameterError, match=r"500000000 cells .*at zone 2 \(id 'all'\)"):
        run(inputs)
    assert time.process_time() - began < 2
    assert not (results / "job-1").exists()
    assert "500 million cells" in DESCRIPTION["description"]
    # Small zones of it are no trouble.
    [zone] = zones_of(run(inputs | {"zones": collection(box(1, 1, 1.01, 1.01))}))
    assert zone["properties"]["count"] == pytest.approx(60 * 60)


def test_fault_29_all_zones_together_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 29: many zones take as long as a large one; a thin one does not take its whole box."""
    monkeypatch.setattr(module, "MAX_CELLS", 40_000_000)
    path = sparse(tmp_path / "r.tif", 20_000)
    raster = base64.b64encode(path.read_bytes()).decode()
    zones = [box(0, 0, 2, 2), box(0, 0, 2, 2), box(0, 0, 2, 2)]
    with pytest.raises(
        InvalidJobParameterError, match=r"more than 40000000 cells .*\(exceeded at zone 3\)"
    ):
        run({"raster": raster, "zones": collection(*zones)})
    thin = feature("Polygon", [[[0, 0], [10, 9.99], [10, 10], [0, 0]]])
    [zone] = zones_of(run({"raster": raster, "zones": collection(thin)}))
    assert zone["properties"]["count"] == pytest.approx(0.05 * 2000**2)


def test_fault_3_a_zone_that_would_exceed_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3: the message says what to leave out, and without that it is computed."""
    monkeypatch.setattr(module, "memory_in_use_bytes", lambda: 100 * module.MIB)
    monkeypatch.setenv("PYGEOAPI_JOB_MEMORY_MB", "229")
    cells = np.random.default_rng(1).normal(size=(400, 400))
    path = write_raster(tmp_path / "r.tif", cells, crs="EPSG:4326", cell=0.01)
    raster = base64.b64encode(path.read_bytes()).decode()
    inputs = {"raster": raster, "zones": collection(box(0, 0, 1, 1), box(0, 0, 4, 4))}
    asked: list[dict[str, Any]] = [
        {"percentiles": [50]},
        {"statistics": ["variety"]},
        {"statistics": ["majority"]},
    ]
    for more in asked:
        with pytest.raises(InvalidJobParameterError, match=r"zone 2: .* 1 MiB .* leave out 'perc"):
            run(inputs | more)
    assert zones_of(run(inputs))[1]["properties"]["count"] == pytest.approx(160_000)
    monkeypatch.setenv("PYGEOAPI_JOB_MEMORY_MB", "238")
    found = zones_of(run(inputs | {"percentiles": [50]}))[1]["properties"]
    assert found["percentile_50"] == pytest.approx(np.median(cells), abs=1e-4)
    assert "16 bytes for each cell" in DESCRIPTION["description"]


def test_fault_3_what_the_inputs_take_is_not_there_for_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3: a job with large zones was killed instead of refused."""
    cells = np.random.default_rng(1).normal(size=(400, 400))
    path = write_raster(tmp_path / "r.tif", cells, crs="EPSG:4326", cell=0.01)
    raster = base64.b64encode(path.read_bytes()).decode()
    inputs = {"raster": raster, "zones": collection(box(0, 0, 4, 4)), "percentiles": [50]}
    run(inputs)  # what a first run leaves behind is in use by then
    limit = memory_in_use_bytes() + module.WORKING_BYTES + 48 * module.MIB
    monkeypatch.setattr(module, "memory_limit_bytes", lambda: limit)
    run(inputs)
    held: list[bytearray] = []

    def read_large_zones(*given: Any) -> Zones:
        held.append(bytearray(b"x") * (128 * module.MIB))
        return read_zones(*given)

    monkeypatch.setattr(module, "read_zones", read_large_zones)
    with pytest.raises(InvalidJobParameterError, match=r"zone 1: .* fewer zones in a request"):
        run(inputs)
    assert len(held) == 1


def test_fault_1_scale_and_offset_are_told_to_clients() -> None:
    """Fault 1: the description says that they are applied."""
    assert "scale and an offset of the band are applied" in DESCRIPTION["description"]


def test_worker_loads_it_by_its_file_from_another_folder(tmp_path: Path) -> None:
    package = collect(ZonalStatisticsProcessor.process_flow, ZonalStatisticsProcessor)
    assert package.entrypoint == "zonal_statistics/process.py:zonal_statistics"
    for name, content in package.files.items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    code = f"""
import json, sys
from pathlib import Path
from prefect.flows import load_flow_from_entrypoint
flow = load_flow_from_entrypoint({package.entrypoint!r})
from pygeoapi_prefect.models.processes import ExecuteRequest
from zonal_statistics import process
import statistics
assert hasattr(statistics, "fmean")
assert Path(process.__file__).is_relative_to({str(tmp_path)!r}), process.__file__
request = Path("zonal_statistics/data/request.json").read_text()
zones, results = process.compute(ExecuteRequest.model_validate(request), Path("."))
print(flow.name, len(results))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["zonal-statistics", "5"]

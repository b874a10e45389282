"""Bodies that take long to read: answered in bounded time, while others are served."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from support.http import assert_problem, execute
from support.stack import RunningStack

MIB = 1 << 20
EXECUTION = "/processes/zonal-statistics/execution"
HEADERS = {"Content-Type": "application/json", "Prefer": "respond-async"}
FEATURE = (
    b'{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":'
    b"[[[-97.46,32.56],[-97.4,32.56],[-97.4,32.62],[-97.46,32.56]]]}}"
)


def collection(feature: bytes, size: int) -> bytes:
    features = b",".join([feature] * (size // (len(feature) + 1)))
    zones = b'{"type":"FeatureCollection","features":[' + features + b"]}"
    return b'{"inputs":{"raster":"waco-dem","zones":' + zones + b"}}"


def post(stack: RunningStack, body: bytes) -> httpx.Response:
    return stack.client.post(EXECUTION, content=body, headers=HEADERS, timeout=120)


def test_a_body_of_millions_of_objects_is_refused(stack: RunningStack) -> None:
    """Fault 25: it took two minutes of CPU."""
    reply = post(stack, collection(b"{}", 16 * MIB - 200))
    assert_problem(reply, 400, "invalid-parameter-value", "too many objects, members")
    reply = post(stack, collection(b"{}", 2 * MIB))
    assert_problem(reply, 400, "invalid-parameter-value", "the members 'type', 'geometry'")
    assert len(reply.json()["errors"]) == 20
    assert "at least 100 errors" in reply.json()["detail"]
    assert len(reply.content) < 8000


def test_a_valid_collection_of_15_mib_becomes_a_job(stack: RunningStack) -> None:
    """Fault 25: as fast as it can be read, and the request is kept as it was sent."""
    body = collection(FEATURE, 15 * MIB)
    reply = post(stack, body)
    assert reply.status_code == 201, reply.text[:500]
    job_id = reply.json()["jobID"]
    stored = (stack.state / "results" / job_id / "request.json").read_bytes()
    assert len(stored) > 0.99 * len(body)
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200


def test_others_are_served_while_eight_large_bodies_are_read(stack: RunningStack) -> None:
    """Fault 25: they took up to three minutes, and 1.1 GiB."""
    bodies = [collection(b"{}", 2 * MIB), collection(FEATURE, 2 * MIB)[:-2]] * 4
    waits: list[float] = []
    with ThreadPoolExecutor(8) as pool:
        posted = [pool.submit(post, stack, body) for body in bodies]
        while not all(one.done() for one in posted):
            before = time.monotonic()
            assert stack.client.get("/processes/echo").status_code == 200
            waits.append(time.monotonic() - before)
    for one in posted:
        assert_problem(one.result(), 400, "invalid-parameter-value")
    assert max(waits) < 20  # of a machine that does other things as well


def test_all_faults_are_told(stack: RunningStack) -> None:
    """Fault 13."""
    inputs = {"raster": "data/dem.tif", "zones": {"type": "x"}, "band": 0, "colour": 1}
    reply = execute(stack, "zonal-statistics", inputs)
    assert_problem(reply, 400, "invalid-parameter-value", "5 errors in the inputs")
    pointers = [fault["pointer"] for fault in reply.json()["errors"]]
    assert pointers == [
        *("/inputs/colour", "/inputs/raster", "/inputs/zones", "/inputs/zones/type"),
        "/inputs/band",
    ]
    assert '{"href": ...}' in reply.json()["errors"][1]["detail"]


def test_a_duplicate_key_is_refused(stack: RunningStack) -> None:
    """Fault 36."""
    body = b'{"inputs": {"raster": "waco-dem", "raster": "other"}}'
    assert_problem(post(stack, body), 400, "invalid-parameter-value", "duplicate key 'raster'")


def test_a_reference_that_is_no_uri_is_refused(stack: RunningStack) -> None:
    """Fault 15."""
    inputs = {"raster": {"href": "http://host/a b", "type": "image/tiff"}, "zones": {"href": "a"}}
    reply = execute(stack, "zonal-statistics", inputs)
    assert_problem(reply, 400, "invalid-parameter-value", "valid URI")
    pointers = [fault["pointer"] for fault in reply.json()["errors"]]
    assert pointers == ["/inputs/raster/href", "/inputs/zones/href"]

"""The samples of the 2023 documentation, word for word: they deploy and run on this stack.

A web application of its own serves their configuration; the stack's worker, a stock Prefect worker
with another working directory, executes the jobs; code and results are in an S3 server.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support import s3_server
from support.polling import wait_for
from support.stack import REPOSITORY, RunningStack
from support.web import serving

SEED = REPOSITORY / "tests/seed"
BUCKETS = {"test-sb1": "pygeoapi-test", "test-sb1-results": "pygeoapi-test-results"}
SIMPLE = {"inputs": {"name": "Joe", "message": "hey"}}


@pytest.fixture(scope="module")
def environment(stack: RunningStack) -> dict[str, str]:
    """Of the commands and the web application; the S3 server and both blocks are made."""
    for bucket in BUCKETS.values():
        s3_server.make_bucket(bucket)
    own = {"PREFECT_API_URL": stack.prefect_api_url}
    environment = {key: text for key, text in os.environ.items() if "AWS_" not in key} | own
    for block, bucket in BUCKETS.items():
        arguments = (block, f"s3://{bucket}", s3_server.endpoint())
        done = prefect(environment, "create-storage-block", *arguments, "tester", "12345678")
        assert done == f"Creating block remote-file-system/{block}...\nDone!\n"
    return environment


def prefect(environment: dict[str, str], *arguments: str) -> str:
    """Run a command as an operator would; returns what it printed."""
    pygeoapi = str(Path(sys.executable).with_name("pygeoapi"))
    line = [pygeoapi, "plugins", "prefect", *arguments]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configuration(folder: Path, resources: dict[str, Any]) -> Path:
    """The repository's configuration with other resources; returns its path."""
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    config["resources"] = resources
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def seed_resources() -> dict[str, Any]:
    resources: dict[str, Any] = yaml.safe_load((SEED / "config.yml").read_text())["resources"]
    return resources


def simple_flow(module: str, deployment: str) -> dict[str, Any]:
    """A resource for a sample's class, with the same keys as in the configuration sample."""
    prefect = {
        "result_storage": "remote-file-system/test-sb1-results",
        "deployment": {
            "name": deployment,
            "queue": "pygeoapi",
            "storage_block": "remote-file-system/test-sb1",
            "storage_sub_path": f"{deployment}-flow",
        },
    }
    processor = {"name": f"{module}.SimpleFlowProcessor", "prefect": prefect}
    return {"simple-flow": {"type": "process", "processor": processor}}


@pytest.fixture(scope="module")
def web(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The configuration sample, and sample 1's flow with sample 2's class; deployed and served."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / "sample1.py").write_text((SEED / "sample1.py").read_text())
    before, rest = (SEED / "sample2.py").read_text().split("@flow", 1)
    cls = rest[rest.index("class SimpleFlowProcessor") :]
    (folder / "sample2.py").write_text(f"{before}from sample1 import simple_flow\n\n\n{cls}")
    own = environment | {"PYTHONPATH": str(folder)}
    config = configuration(folder, seed_resources() | simple_flow("sample2", "sample"))
    printed = prefect(own, "deploy-process", "--all", "-c", str(config))
    for process in ("hi-prefect-world", "simple-flow"):
        assert f"Deploying process '{process}' with prefect...\n" in printed
    assert printed.count("Done!\n") == 2
    with serving(own, config, folder / "web.log") as client:
        yield client


def execute(client: httpx.Client, process: str, body: Any, **headers: str) -> httpx.Response:
    return client.post(f"/processes/{process}/execution", json=body, headers=headers)


def job_done(client: httpx.Client, reply: httpx.Response) -> dict[str, Any]:
    """The final statusInfo of an asynchronous job."""
    assert reply.status_code == 201, reply.text
    url = reply.headers["Location"]

    def final() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(url, params={"f": "json"}).json()
        return job if job["status"] not in ("accepted", "running") else None

    job = wait_for(final, 90, "the end of the job")
    assert job is not None
    return job


def test_the_configuration_sample_uploads_its_module_only(web: httpx.Client) -> None:
    found = s3_server.files().find("pygeoapi-test/hi-prefect-world-flow")
    names = sorted(path.rsplit("/", 1)[1] for path in found)
    assert names == [".complete", "hi_prefect_world.py"]


def test_the_samples_deployments_are_in_prefect(web: httpx.Client, stack: RunningStack) -> None:
    deployment = stack.prefect.get("/deployments/name/hi-prefect-world/minio").json()
    assert deployment["entrypoint"] == "hi_prefect_world.py:hi_prefect_world"
    assert deployment["path"] == f"hi-prefect-world-flow/{deployment['version']}"
    assert (deployment["work_pool_name"], deployment["work_queue_name"]) == ("pygeoapi", "pygeoapi")
    sample = stack.prefect.get("/deployments/name/simple-flow/sample").json()
    assert sample["entrypoint"] == "sample1.py:simple_flow"


def test_the_configuration_sample_runs_synchronously(web: httpx.Client) -> None:
    reply = execute(web, "hi-prefect-world", SIMPLE)
    assert (reply.status_code, reply.text) == (200, "Hello Joe! hey")
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_the_configuration_sample_keeps_results_in_its_block(web: httpx.Client) -> None:
    job = job_done(web, execute(web, "hi-prefect-world", SIMPLE, Prefer="respond-async"))
    assert job["status"] == "successful", job
    path = f"pygeoapi-test-results/{job['jobID']}/output-result.txt"
    assert s3_server.files().cat_file(path) == b"Hello Joe! hey"
    reply = web.get(f"/jobs/{job['jobID']}/results")
    assert reply.status_code == 200
    assert "Hello Joe! hey" in reply.text


@pytest.mark.parametrize("prefer", ["wait", "respond-async"])
def test_sample_1_with_the_class_of_sample_2(web: httpx.Client, prefer: str) -> None:
    reply = execute(web, "simple-flow", {"inputs": {"name": "Ann"}}, Prefer=prefer)
    if prefer == "respond-async":
        job = job_done(web, reply)
        assert (job["status"], job["processID"]) == ("successful", "simple-flow")
        reply = web.get(f"/jobs/{job['jobID']}/results/result")
    assert (reply.status_code, reply.text) == (200, "Hello Ann!")


def test_the_class_of_sample_2_describes_the_process(web: httpx.Client) -> None:
    described = web.get("/processes/simple-flow", params={"f": "json"}).json()
    assert described["title"] == "Simple flow Processor"
    assert described["version"] == "0.0.1"
    assert set(described["jobControlOptions"]) >= {"sync-execute", "async-execute"}
    assert described["inputs"]["message"]["minOccurs"] == 0
    assert described["outputs"]["result"]["schema"] == {
        "type": "string",
        "contentMediaType": "text/plain",
    }


def test_a_name_is_required(web: httpx.Client) -> None:
    reply = execute(web, "simple-flow", {"inputs": {"message": "hey"}})
    assert reply.status_code == 400
    assert "name" in reply.json()["detail"]


def test_sample_2_as_printed_deploys_and_its_job_says_what_is_missing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sample2.py").write_text((SEED / "sample2.py").read_text())
    own = environment | {"PYTHONPATH": str(tmp_path)}
    config = configuration(tmp_path, simple_flow("sample2", "printed"))
    printed = prefect(own, "deploy-process", "simple-flow", "-c", str(config))
    assert printed.endswith("Done!\n")
    with serving(own, config, tmp_path / "web.log") as client:
        job = job_done(client, execute(client, "simple-flow", SIMPLE, Prefer="respond-async"))
        assert job["status"] == "failed"
        message = "an instance of JobStatusInfoInternal"
        assert message in job["message"]
        reply = client.get(f"/jobs/{job['jobID']}/results")
        assert reply.status_code == 500
        assert message in reply.json()["detail"]

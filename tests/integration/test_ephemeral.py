"""Without any Prefect server: unmodified processes run against Prefect's own temporary one."""

import os
from pathlib import Path

import yaml

from support import web
from support.stack import REPOSITORY, RunningStack


def test_unmodified_processes_need_no_server(tmp_path: Path) -> None:
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    del config["server"]["manager"]["result_storage"]
    config["server"]["manager"]["output_dir"] = str(tmp_path / "outputs")
    config["resources"] = {"hello-world": config["resources"]["hello-world"]}
    file, log = tmp_path / "config.yml", tmp_path / "web.log"
    file.write_text(yaml.safe_dump(config, width=1000))
    own = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    own |= {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    }
    with web.serving(own, file, log, "/healthz") as client:
        reply = client.post(
            "/processes/hello-world/execution", json={"inputs": {"name": "Joe"}}, timeout=120
        )
        assert reply.status_code == 200, log.read_text()
        assert reply.json()["value"] == "Hello Joe!"
        job_id = reply.headers["Link"].partition(">")[0].rsplit("/", 1)[1]
        assert client.get(f"/jobs/{job_id}").json()["status"] == "successful"
        assert client.get(f"/jobs/{job_id}/results").json()["value"] == "Hello Joe!"
        assert client.get("/jobs").json()["jobs"][0]["jobID"] == job_id
        assert client.delete(f"/jobs/{job_id}").status_code == 200


def test_with_a_server_started_later_its_ui_shows_the_runs(
    stack: RunningStack, tmp_path: Path
) -> None:
    """The same configuration, with PREFECT_API_URL set now."""
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    config["server"]["manager"] |= {"result_storage": None, "output_dir": str(tmp_path / "outputs")}
    config["resources"] = {"hello-world": config["resources"]["hello-world"]}
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump(config, width=1000))
    own = web.environment(stack.prefect_api_url)
    with web.serving(own, file, tmp_path / "web.log") as client:
        reply = client.post("/processes/hello-world/execution", json={"inputs": {"name": "Joe"}})
        assert reply.status_code == 200
        job_id = reply.headers["Link"].partition(">")[0].rsplit("/", 1)[1]
    wanted = {"flow_runs": {"name": {"any_": [f"pygeoapi_job_{job_id}"]}}}
    (run,) = stack.prefect.post("/flow_runs/filter", json=wanted).json()
    assert run["state_type"] == "COMPLETED"
    assert run["start_time"] <= run["end_time"]
    assert "process:hello-world" in run["tags"]

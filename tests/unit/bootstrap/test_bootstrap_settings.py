"""What the bootstrap reads from its environment, and the policy that it gives the services' key."""

import pytest

from pygeoapi_prefect.bootstrap.__main__ import buckets_of, days_of, run
from pygeoapi_prefect.bootstrap.stores import Endpoint, policy
from pygeoapi_prefect.errors import ConfigurationError

AWS = {
    "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def test_buckets_have_defaults_and_names_of_the_operators() -> None:
    assert buckets_of({}) == {"code": "pygeoapi-flows", "results": "pygeoapi-results"}
    assert buckets_of({"CODE_BUCKET": "", "RESULT_BUCKET": "mine"}) == {
        "code": "pygeoapi-flows",
        "results": "mine",
    }


@pytest.mark.parametrize(("text", "days"), [("", None), ("1", 1), ("30", 30)])
def test_days(text: str, days: int | None) -> None:
    assert days_of({"RESULT_DAYS": text}) == days


@pytest.mark.parametrize("text", ["0", "-1", "soon", "1.5", "30d"])
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="RESULT_DAYS"):
        days_of({"RESULT_DAYS": text})


def test_endpoint_from_the_variables_of_s3_clients() -> None:
    endpoint = Endpoint.from_env(AWS)
    assert endpoint == Endpoint("https://s3.example.org", "key", "secret", "us-east-1")
    assert endpoint.secure
    assert endpoint.host == "s3.example.org"
    assert Endpoint.from_env(AWS | {"AWS_DEFAULT_REGION": "eu-1"}).region == "eu-1"


@pytest.mark.parametrize("name", AWS)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Endpoint.from_env({key: value for key, value in AWS.items() if key != name})


@pytest.mark.parametrize("url", ["minio:9000", "s3://bucket", "http://", "http://host/folder"])
def test_an_address_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address"):
        _ = Endpoint(url, "key", "secret").host


def test_policy_names_only_the_buckets() -> None:
    statements = policy(["one", "two"])["Statement"]
    resources = {resource for statement in statements for resource in statement["Resource"]}
    arn = "arn:aws:s3:::"
    assert resources == {f"{arn}one", f"{arn}two", f"{arn}one/*", f"{arn}two/*"}
    actions = {action for statement in statements for action in statement["Action"]}
    assert not any("*" in action or "Create" in action or "Policy" in action for action in actions)


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="unknown command 'exprot'"):
        run("exprot")

"""The store of the services, and the policy that their key gets."""

import pytest

from pygeoapi_prefect.bootstrap.stores import Endpoint, policy
from pygeoapi_prefect.errors import ConfigurationError

AWS = {
    "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


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

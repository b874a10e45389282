"""Settings from pygeoapi's configuration."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pygeoapi_prefect.config import (
    ManagerSettings,
    PrefectDeployment,
    Settings,
    load_config,
    processes_of,
)
from pygeoapi_prefect.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def process(**processor: Any) -> dict[str, Any]:
    return {"type": "process", "processor": {"name": "some.Processor", **processor}}


def settings(prefect: Any = None, **server: Any) -> Settings:
    resource = process() if prefect is None else process(prefect=prefect)
    return Settings.from_config({"server": server, "resources": {"p": resource}})


def test_an_empty_configuration_has_defaults() -> None:
    found = Settings.from_config({})
    assert found.public_url == "http://localhost:5000"
    assert (found.default_limit, found.max_limit) == (10, 10_000)
    assert found.manager == ManagerSettings()
    assert found.processes == {}


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ({"url": "https://example.org"}, "https://example.org"),
        ({"url": "https://example.org/a/"}, "https://example.org/a"),
        (
            {"url": "https://example.org", "api_rules": {"url_prefix": "/v1/"}},
            "https://example.org/v1",
        ),
        ({"url": "https://example.org", "api_rules": None}, "https://example.org"),
        ({"url": None}, "http://localhost:5000"),
    ],
)
def test_the_root_of_links_has_no_slash_at_its_end(server: dict[str, Any], url: str) -> None:
    assert settings(**server).public_url == url


def test_limits_of_lists_are_pygeoapis() -> None:
    found = settings(limits={"default_items": 3, "max_items": 7})
    assert (found.default_limit, found.max_limit) == (3, 7)


def test_the_manager_ignores_keys_that_are_pygeoapis() -> None:
    manager = {"name": "x", "connection": "y", "output_dir": "/tmp", "result_storage": "a/b"}
    manager |= {"options": {"pool": 1}, "track": True, "processes": {}}  # type: ignore[dict-item]
    found = settings(manager={**manager, "sync_timeout_seconds": 5}).manager
    assert found.result_storage == "a/b"
    assert found.output_dir == Path("/tmp")
    assert found.sync_timeout_seconds == 5
    assert found.inline_request_bytes == 8192
    assert found.max_body_bytes == 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sync_timeout_seconds", 0),
        ("sync_timeout_seconds", "soon"),
        ("max_body_bytes", -1),
        ("inline_request_bytes", -1),
        ("max_reference_bytes", 0),
        ("result_storage", ["a/b"]),
    ],
)
def test_a_wrong_setting_of_the_manager_is_named(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"server\.manager\.{key}: "):
        settings(manager={key: value})


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("sync_timeout", "sync_timeout_seconds"),
        ("sync_timeout_second", "sync_timeout_seconds"),
        ("max_body_size", "max_body_bytes"),
        ("results_storage", "result_storage"),
        ("outputdir", "output_dir"),
        ("conection", "connection"),
        ("trusted_proxy", "trusted_proxies"),
        ("signed_links", "signed_links_seconds"),
    ],
)
def test_an_unknown_key_of_the_manager_is_refused_with_the_nearest_one(
    key: str, nearest: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(manager={"name": "x", key: 5})
    assert str(refused.value) == f"server.manager.{key}: unknown key; did you mean {nearest}?"


def test_a_key_that_is_like_no_other_is_only_called_unknown() -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(manager={"zzz": 5, "result_storage": 3})
    first, second = sorted(str(refused.value).split("; "), reverse=True)
    assert first == "server.manager.zzz: unknown key"
    assert second.startswith("server.manager.result_storage: ")


@pytest.mark.parametrize(
    ("prefect", "told"),
    [
        (
            {"result_store": "a/b"},
            "prefect.result_store: unknown key; did you mean result_storage?",
        ),
        (
            {"deployment": {"name": "d", "queue": "q", "storage_subpath": "x"}},
            "deployment.storage_subpath: unknown key; did you mean storage_sub_path?",
        ),
    ],
)
def test_an_unknown_key_of_a_process_is_told_with_the_nearest_one(
    prefect: dict[str, Any], told: str
) -> None:
    assert settings(prefect).invalid_processes["p"].endswith(f".{told}")


def test_the_configuration_of_the_processes_page() -> None:
    deployment: dict[str, Any] = {
        "name": "d", "queue": "q", "storage_block": "b/c", "storage_sub_path": "x"
    }  # fmt: skip
    found = settings({"result_storage": "r/s", "deployment": deployment}).processes["p"]
    assert found.prefect.result_storage == "r/s"
    assert found.prefect.deployment == PrefectDeployment(**deployment)
    assert found.processor_def["name"] == "some.Processor"


def test_the_samples_of_the_processes_page_are_read_word_for_word() -> None:
    seed = load_config(ROOT / "tests/seed/config.yml")
    shipped = load_config(ROOT / "pygeoapi-config.yml")["server"]
    found = Settings.from_config({"server": shipped, **seed})
    deployment = found.processes["hi-prefect-world"].prefect.deployment
    assert deployment is not None
    assert deployment.storage_sub_path == "hi-prefect-world-flow"
    assert found.invalid_processes == {}


def test_a_deployment_needs_only_name_and_queue() -> None:
    found = settings({"deployment": {"name": "d", "queue": "q"}}).processes["p"].prefect.deployment
    assert found == PrefectDeployment(name="d", queue="q")
    assert found.work_pool == "pygeoapi"
    assert (found.storage_block, found.storage_sub_path, found.ignore_file) == (None, None, None)


@pytest.mark.parametrize("prefect", [None, {}])
def test_a_process_without_prefect_runs_here(prefect: Any) -> None:
    found = settings(prefect).processes["p"].prefect
    assert (found.deployment, found.result_storage) == (None, None)


@pytest.mark.parametrize(
    ("prefect", "told"),
    [
        ({"deploymnt": {}}, r"processor\.prefect\.deploymnt"),
        ({"deployment": {"name": "d"}}, r"deployment\.queue"),
        ({"deployment": {"queue": "q"}}, r"deployment\.name"),
        ({"deployment": {"name": "d", "queue": "q", "que": 1}}, r"deployment\.que"),
        ({"deployment": {"name": 3, "queue": "q"}}, r"deployment\.name"),
        ({"result_storage": 3}, r"result_storage"),
        ("x", r"processor\.prefect"),
    ],
)
def test_a_wrong_key_of_a_process_is_named(prefect: Any, told: str) -> None:
    found = settings(prefect)
    assert found.processes == {}
    assert re.search(rf"process 'p': .*{told}", found.invalid_processes["p"])


@pytest.mark.parametrize("resource", [{}, {"processor": None}, {"processor": {"prefect": {}}}])
def test_a_process_without_a_class_is_named(resource: dict[str, Any]) -> None:
    found, invalid = processes_of({"p": {"type": "process", **resource}})
    assert found == {}
    assert invalid["p"].startswith("process 'p': processor.name is missing")


def test_only_processes_are_taken() -> None:
    found, invalid = processes_of({"a": {"type": "collection"}, "b": process(), "c": None})
    assert list(found) == ["b"]
    assert invalid == {}


def test_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yml"
    file.write_text("server:\n  url: ${SOME_URL:-http://default}\n")
    monkeypatch.delenv("SOME_URL", raising=False)
    assert load_config(file)["server"]["url"] == "http://default"
    monkeypatch.setenv("SOME_URL", "http://other")
    assert load_config(file)["server"]["url"] == "http://other"


@pytest.mark.parametrize(
    "text",
    ["a: [", "just text", "", "- a", "a: ${NOT_SET_ANYWHERE}", "a: \x00", "a: b: c"],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"config\.yml"):
        load_config(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml"):
        load_config(tmp_path / "nowhere.yml")


def test_the_repositorys_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYGEOAPI_URL", "https://example.org/jobs/")
    monkeypatch.setenv("RESULT_BLOCK", "remote-file-system/results")
    monkeypatch.setenv("CODE_BLOCK", "remote-file-system/code")
    found = Settings.from_config(load_config(ROOT / "pygeoapi-config.yml"))
    assert found.public_url == "https://example.org/jobs"
    assert found.manager.result_storage == "remote-file-system/results"
    deployment = found.processes["simple-flow"].prefect.deployment
    assert deployment is not None
    assert deployment.storage_block == "remote-file-system/code"
    assert found.processes["hello-world"].prefect.deployment is None


def deployed(**keys: Any) -> dict[str, Any]:
    return process(prefect={"deployment": {"name": "d", "queue": "q", **keys}})


def test_limits_and_retries_of_a_deployment() -> None:
    keys = {
        "queue_priority": 2,
        "concurrency_limit": 3,
        "retries": 1,
        "retry_delay_seconds": 5,
        "crash_retries": 0,
        "memory_limit_mb": 200,
        "timeout_seconds": 1.5,
    }
    target = processes_of({"p": deployed(**keys)})[0]["p"].prefect.deployment
    assert target is not None
    assert {name: getattr(target, name) for name in keys} == keys
    plain = processes_of({"p": deployed()})[0]["p"].prefect.deployment
    assert {getattr(plain, name) for name in keys} == {None}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("queue_priority", 0),
        ("concurrency_limit", 0),
        ("retries", -1),
        ("retries", "often"),
        ("retry_delay_seconds", -1),
        ("crash_retries", -1),
        ("memory_limit_mb", 0),
        ("timeout_seconds", 0),
    ],
)
def test_limits_that_are_none(key: str, value: object) -> None:
    """Fault 22: and a process with such a key keeps no other from being one."""
    found, invalid = processes_of({"p": deployed(**{key: value}), "q": deployed()})
    assert list(found) == ["q"]
    assert f"deployment.{key}" in invalid["p"]


def test_a_queue_has_one_priority() -> None:
    same = {"a": deployed(queue_priority=1), "b": deployed(queue_priority=1), "c": deployed()}
    assert len(processes_of(same)[0]) == 3
    found, invalid = processes_of({**same, "b": deployed(queue_priority=2)})
    assert list(found) == ["a", "c"]
    assert re.search(r"'b': another process .* 'pygeoapi/q'", invalid["b"])


def test_fault_12_anchors_are_extended_as_the_configuration_file_shows(tmp_path: Path) -> None:
    shipped = (ROOT / "pygeoapi-config.yml").read_text()
    shown = shipped.partition("in its place.\n#\n")[2].partition("x-deployment")[0]
    keys = "".join(line.removeprefix("#") + "\n" for line in shown.splitlines())
    assert "crash_retries: 1" in keys
    extended = shipped.replace("      prefect: *prefect\n", keys, 1)
    path = tmp_path / "config.yml"
    path.write_text(extended)
    first, *others = Settings.from_config(load_config(path)).processes.values()
    deployments = [process.prefect.deployment for process in (first, *others)]
    target, _, plain = deployments[:3]
    assert target is not None
    assert plain is not None
    assert (target.crash_retries, target.timeout_seconds) == (1, 1800)
    assert (plain.crash_retries, plain.timeout_seconds) == (None, 600)
    assert replace(target, crash_retries=None, timeout_seconds=600) == plain
    assert first.prefect.result_storage == others[0].prefect.result_storage


def access(**values: Any) -> Any:
    return settings(manager={"access": values}).manager.access


def test_access_is_open_without_the_key_and_closed_with_it() -> None:
    assert settings(manager={}).manager.access is None
    assert access(keys="/etc/keys.json").anonymous == "none"
    found = access(anonymous="execute", roles={"read": ["p"], "execute": []})
    assert found.keys is None
    assert (found.roles.read, found.roles.execute) == (("p",), ())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "set 'keys', 'oidc', 'proxy' or 'anonymous'"),
        ({"anonymous": "none"}, "set 'keys', 'oidc', 'proxy' or 'anonymous'"),
        (None, "must not be empty; remove the key"),
        ({"anonymous": None}, "server.manager.access.anonymous: "),
        ({"anonymous": "root"}, "server.manager.access.anonymous: "),
        ({"anonymous_": "read"}, "access.anonymous_: unknown key; did you mean anonymous?"),
        ({"key": "/k"}, "access.key: unknown key; did you mean keys?"),
        ({"oidc": {}}, "server.manager.access.oidc.issuer: Field required"),
        ({"keys": "k"}, "server.manager.access.keys: Value error, must be an absolute path"),
        ({"keys": "/k", "roles": {"executes": ["p"]}}, "unknown key; did you mean execute?"),
        ({"keys": "/k", "roles": {"admin": ["p"]}}, "server.manager.access.roles.admin: unknown"),
        ({"keys": "/k", "roles": {"read": "p"}}, "server.manager.access.roles.read: "),
    ],
)
def test_a_wrong_setting_of_access_is_refused(values: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(manager={"access": values})
    assert told in str(caught.value)


OIDC: dict[str, Any] = {
    "issuer": "https://sso.example.org/realms/geo",
    "audience": "geo",
    "roles": {"geo-user": "execute"},
}


def test_oidc_has_defaults_that_suit_keycloak() -> None:
    found = access(oidc=OIDC).oidc
    assert found.audience == ("geo",)
    assert found.types == ("JWT", "at+jwt")
    assert found.of(["geo-user", "x"]) == {"execute"}
    assert found.of(["x"]) == set()
    assert access(oidc={**OIDC, "default_role": "read"}).oidc.of(["x"]) == {"read"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"issuer": "sso.example.org"}, "oidc.issuer: Value error, must be an http or https URL"),
        ({"issuer": "https://"}, "oidc.issuer: Value error, must be an http or https URL"),
        ({"issuer": "https://a.test/?x=1"}, "must have no query, fragment or user"),
        ({"issuer": "https://me@a.test/"}, "must have no query, fragment or user"),
        ({"audience": []}, "server.manager.access.oidc.audience: "),
        ({"audience": ""}, "server.manager.access.oidc.audience"),
        ({"roles": {}}, "set 'roles', 'default_role' or both"),
        ({"roles": {"a": "root"}}, "server.manager.access.oidc.roles.a: "),
        ({"algorithms": ["none"]}, "server.manager.access.oidc.algorithms.0: "),
        ({"algorithms": ["HS256"]}, "server.manager.access.oidc.algorithms.0: "),
        ({"algorithms": []}, "server.manager.access.oidc.algorithms: "),
        ({"types": []}, "server.manager.access.oidc.types: "),
        ({"leeway_seconds": 301}, "server.manager.access.oidc.leeway_seconds: "),
        ({"role_claim": "x"}, "oidc.role_claim: unknown key; did you mean roles_claim?"),
    ],
)
def test_a_wrong_setting_of_oidc_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        access(oidc={**OIDC, **values})
    assert told in str(caught.value)


PROXY: dict[str, Any] = {
    "user_header": "Remote-User",
    "from": ["10.0.0.0/8", "192.0.2.1"],
    "default_role": "execute",
}


def test_users_of_a_proxy_come_from_its_networks() -> None:
    found = access(proxy=PROXY).proxy
    assert found.roles_header is None
    trusted = ("10.1.2.3", "192.0.2.1", "::ffff:10.1.2.3", "192.0.2.2", "::1", "", "unix:")
    assert [found.trusts(address) for address in trusted] == [True] * 3 + [False] * 4
    assert access(proxy={**PROXY, "from": "::1"}).proxy.trusts("::1")
    login = {"login": {"type": "http", "scheme": "basic"}}
    assert settings(manager={"access": {"proxy": PROXY}, "security_schemes": login}).manager.access


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"user_header": "Authorization"}, "proxy.user_header: Value error, 'Authorization' has"),
        ({"roles_header": "cookie"}, "proxy.roles_header: Value error, 'cookie' has"),
        ({"user_header": "Remote_User"}, "server.manager.access.proxy.user_header: "),
        ({"user_header": ""}, "server.manager.access.proxy.user_header: "),
        ({"from": []}, "server.manager.access.proxy.from: "),
        ({"from": ["proxy"]}, "server.manager.access.proxy.from.0: "),
        ({"from": ["10.0.0.1/8"]}, "server.manager.access.proxy.from.0: "),
        ({"from": ["10.0.0.0/8", "0.0.0.0/0"]}, "proxy.from: Value error, must not have all"),
        ({"from": "::/0"}, "proxy.from: Value error, must not have all"),
        ({"networks": ["10.0.0.0/8"]}, "proxy.networks: unknown key"),
        ({"form": []}, "proxy.form: unknown key; did you mean from?"),
        ({"default_role": "none"}, "set 'roles', 'default_role' or both"),
    ],
)
def test_a_wrong_setting_of_the_proxy_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        access(proxy={**PROXY, **values})
    assert told in str(caught.value)


def test_access_and_the_schemes_of_a_proxy_exclude_each_other() -> None:
    both = {"access": {"keys": "/k"}, "security_schemes": {"login": {"type": "http"}}}
    with pytest.raises(ConfigurationError, match="cannot be used together with 'access'"):
        settings(manager=both)


def test_listed_processes_that_are_not_configured_are_found() -> None:
    lists = access(anonymous="read", roles={"read": ["p", "q", "r"], "execute": ["p", "q"]}).roles
    assert lists.unknown({"p"}) == ["q", "r"]
    assert lists.unknown({"p", "q", "r"}) == []

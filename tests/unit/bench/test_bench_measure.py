import pytest

from bench.client import BenchError, Client
from bench.measure import jobs, pages, times
from support.fake_pygeoapi import fake_pygeoapi


def test_a_job_is_polled_until_it_is_successful() -> None:
    with fake_pygeoapi("404", "accepted", "running", "successful") as url, Client(url) as client:
        values = jobs(client, "good", 1)
    assert set(values) == {
        f"{name}_ms_{q}" for name in ("post", "submit", "results") for q in ("p50", "p95")
    }
    assert (values["submit_ms_p50"] or 0) > (values["post_ms_p50"] or 0) > 0


def test_the_id_of_a_job_comes_from_its_location() -> None:
    with fake_pygeoapi("accepted") as url, Client(url) as client:
        assert client.submit("good", {})[0] == "the-job"


@pytest.mark.parametrize("status", ["failed", "dismissed"])
def test_a_job_that_ends_otherwise_is_no_measurement(status: str) -> None:
    with (
        fake_pygeoapi(status) as url,
        Client(url) as client,
        pytest.raises(BenchError, match=f"the-job is {status}"),
    ):
        client.wait("the-job", "successful", timeout=5)


def test_waiting_has_an_end() -> None:
    with (
        fake_pygeoapi("running") as url,
        Client(url) as client,
        pytest.raises(BenchError, match="is running"),
    ):
        client.wait("the-job", "successful", timeout=0)


def test_an_error_is_no_measurement() -> None:
    with fake_pygeoapi("accepted") as url, Client(url) as client:
        assert client.sync("good", {}) > 0
        with pytest.raises(BenchError, match="bad, synchronous: 500"):
            client.sync("bad", {})
        assert client.dismiss("the-job") == 500


def test_job_lists_are_named_for_the_jobs_that_are_stored() -> None:
    with fake_pygeoapi("accepted") as url, Client(url) as client:
        assert set(pages(client, 100, 2)) == {"list_100_ms_p50", "list_100_ms_p95"}


def test_a_server_that_is_away_does_not_answer() -> None:
    with fake_pygeoapi("accepted") as url:
        pass
    with Client(url) as client:
        assert not client.answers("/jobs")


def test_times_are_milliseconds() -> None:
    assert times("sync", iter([0.1, 0.3, 0.2]).__next__, 3) == pytest.approx(
        {"sync_ms_p50": 200, "sync_ms_p95": 300}
    )

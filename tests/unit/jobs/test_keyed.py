"""Which requests are repetitions of each other, and when one may be worked on."""

import threading
import uuid

import pytest

from pygeoapi_prefect.errors import KeyInUse, KeyReused
from pygeoapi_prefect.jobs.keyed import InProgress, Keyed, keyed

BODY = b'{"inputs": {}}'


def request(owner: str = "127.0.0.1", process: str = "p", key: str = "k") -> Keyed:
    return keyed(owner, process, key, BODY)


def test_repetitions_are_of_one_job_and_fingerprint() -> None:
    first, second = request(), request()
    assert (first.job_id, first.fingerprint) == (second.job_id, second.fingerprint)
    assert str(uuid.UUID(first.job_id)) == first.job_id
    assert first.has_made(first.labels)
    assert not second.has_made(first.labels)
    second.check(first.labels)


def test_the_names_of_jobs_are_stable() -> None:
    """Another derivation would forget all keys with the next version."""
    assert request().job_id == keyed("127.0.0.1", "p", "k", b"other").job_id
    assert request().job_id == "331492df-963c-5e38-b722-c8d101114ff2"


def test_a_key_belongs_to_an_owner_and_a_process() -> None:
    others = [
        request(),
        request(owner="127.0.0.2"),
        request(owner=""),
        request(process="q"),
        request(key="l"),
        keyed("127.0.0.1", 'p", "k', "", BODY),
    ]
    assert len({one.job_id for one in others}) == len(others)


@pytest.mark.parametrize("labels", [{}, {"pygeoapi.fingerprint": "0"}])
def test_another_body_is_no_repetition(labels: dict[str, str]) -> None:
    with pytest.raises(KeyReused):
        request().check(labels)
    with pytest.raises(KeyReused):
        request().check(keyed("127.0.0.1", "p", "k", BODY + b" ").labels)


def test_one_request_of_a_job_is_worked_on_at_a_time() -> None:
    at_work, entered, refused = InProgress(), [], []
    together = threading.Barrier(8)

    def enter() -> None:
        together.wait(10)
        try:
            with at_work.only("a"):
                entered.append(1)
                together.wait(10)
        except KeyInUse:
            refused.append(1)
            together.wait(10)

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(entered), len(refused)) == (1, 7)


def test_a_request_that_fails_lets_the_next_one_in() -> None:
    at_work = InProgress()
    with pytest.raises(ValueError, match="x"), at_work.only("a"), at_work.only("b"):
        raise ValueError("x")
    with at_work.only("a"), at_work.only("b"):
        pass

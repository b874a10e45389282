from pygeoapi_prefect.embedded.restarts import MOST_ENDS, WINDOW_SECONDS, Restarts


def test_pauses_grow_until_it_is_given_up() -> None:
    """Fault 21."""
    restarts = Restarts()

    pauses = [restarts.ended("worker", 100.0 + n) for n in range(MOST_ENDS)]

    assert pauses == [1.0, 2.0, 4.0, None]


def test_what_ends_rarely_is_always_started_again_after_a_short_pause() -> None:
    restarts = Restarts()

    pauses = {restarts.ended("worker", n * WINDOW_SECONDS) for n in range(20)}

    assert pauses == {1.0}


def test_the_ends_of_one_do_not_count_for_another() -> None:
    restarts = Restarts()
    for n in range(MOST_ENDS - 1):
        restarts.ended("worker", n)

    assert restarts.ended("prefect", 3.0) == 1.0
    assert restarts.ended("worker", 3.0) is None


def test_a_restart_is_due_once_and_not_before_its_pause_is_over() -> None:
    restarts = Restarts()
    restarts.ended("worker", 10.0)
    restarts.ended("prefect", 10.5)

    assert dict(restarts.waiting) == {"worker": 11.0, "prefect": 11.5}
    assert restarts.take_due(10.9) == []
    assert restarts.take_due(11.2) == ["worker"]
    assert restarts.take_due(11.2) == []
    assert dict(restarts.waiting) == {"prefect": 11.5}

"""The table of the documentation is that of the tests, and nothing of the standard is left out."""

from support import requirements
from support.cite import Outcome, table


def test_every_requirement_has_a_test_or_a_reason() -> None:
    found = {identifier for identifier, _, _ in requirements.marked()}
    assert requirements.ALL - found - set(requirements.NOT_USED) == set()
    assert found - requirements.ALL == set(), "no such requirement"
    assert found & set(requirements.NOT_USED) == set()


def test_the_page_is_up_to_date() -> None:
    message = "run PYTHONPATH=tests python -m support.requirements"
    assert requirements.PAGE.read_text() == requirements.page(), message


def test_the_results_of_the_ogc_suite_as_a_table() -> None:
    outcomes = [Outcome("Jobs", "b", "skipped", "no input"), Outcome("Jobs", "a", "passed")]
    assert (
        table(outcomes)
        == "Jobs.a  passed\nJobs.b  skipped  no input\n1 passed, 0 failed, 1 skipped"
    )

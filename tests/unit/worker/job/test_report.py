"""What a job's process tells its supervisor by files."""

from pathlib import Path

from pygeoapi_prefect.worker.job.report import CONCLUDED, Report


def test_a_process_that_has_seen_the_end(tmp_path: Path) -> None:
    Report(tmp_path).conclude("Completed", ["numpy", "numpy.linalg"])
    found = Report(tmp_path).conclusion()
    assert found is not None
    assert found.state == "Completed"
    assert found.imported == ["numpy", "numpy.linalg"]


def test_one_that_had_to_import_nothing(tmp_path: Path) -> None:
    Report(tmp_path).conclude("Failed", [])
    assert Report(tmp_path).conclusion() == ("Failed", [])


def test_one_that_died_before_or_while_it_wrote(tmp_path: Path) -> None:
    assert Report(tmp_path).conclusion() is None
    (tmp_path / CONCLUDED).write_text("Completed")
    assert Report(tmp_path).conclusion() is None
    assert Report(tmp_path / "no-folder").conclusion() is None


def test_hooks_are_known_once_the_flow_is_loaded(tmp_path: Path) -> None:
    report = Report(tmp_path)
    assert not report.has_hooks("crashed")
    report.announce_hooks(["cancelled", "crashed"])
    assert report.has_hooks("crashed")
    assert not report.has_hooks("failed")


def test_a_flow_without_hooks(tmp_path: Path) -> None:
    report = Report(tmp_path)
    report.announce_hooks([])
    assert not report.has_hooks("failed")


def test_a_flow_that_has_begun(tmp_path: Path) -> None:
    report = Report(tmp_path)
    assert not report.has_begun()
    report.begin()
    report.begin()
    assert report.has_begun()


def test_a_flow_whose_folder_was_removed_may_have_begun(tmp_path: Path) -> None:
    assert Report(tmp_path / "removed").has_begun()

"""The commands of the README, run as they stand there, in their order."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.stack import RunningStack

README = Path(__file__).parents[2] / "README.md"
FENCE = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PUBLIC = "http://localhost:5000"
MORE = "..."


def transcripts() -> Iterator[tuple[str, str]]:
    """Each command and the output that the README shows; none if it shows none."""
    for block in FENCE.findall(README.read_text()):
        command = ""
        shown: list[str] = []
        for line in [*block.splitlines(), "$ "]:
            if not line.startswith("$ "):
                shown.append(line)
                continue
            if command:
                yield command, "\n".join(shown).strip()
            command, shown = line[2:], []


CURLS = [(command, output) for command, output in transcripts() if command.startswith("curl ")]


@pytest.fixture(scope="module")
def said(stack: RunningStack) -> dict[str, str]:
    """What every curl command of the README answered, with what changes each time replaced."""
    answers: dict[str, str] = {}
    job_id = ""
    for command, _ in CURLS:
        line = command.replace(PUBLIC, stack.url).replace("{jobID}", job_id)
        if job_id:
            stack.wait_until(job_id, "successful")
        done = subprocess.run(
            shlex.split(line), capture_output=True, text=True, timeout=60, check=True
        )
        found = re.search(r"^Location: .*/jobs/(\S+)", done.stdout, re.M)
        job_id = found[1] if found else job_id
        answers[command] = normalised(done.stdout.replace(stack.url, PUBLIC))
    return answers


def normalised(text: str) -> str:
    return TIME.sub("{time}", JOB_ID.sub("{jobID}", text.replace("\r\n", "\n").strip()))


def test_shown_are_all_the_steps_of_a_jobs_life() -> None:
    asked = [
        re.sub(rf"^.*?{PUBLIC}", "", command).split()[0].strip(chr(34)) for command, _ in CURLS
    ]
    execution = "/processes/simple-flow/execution"
    assert asked == [
        *("/processes/simple-flow", execution, execution),
        *("/jobs/{jobID}", "/jobs/{jobID}/results", "/jobs?limit=1", "/jobs/{jobID}"),
    ]
    assert all(output for _, output in CURLS)


@pytest.mark.parametrize(("command", "shown"), CURLS, ids=range(len(CURLS)))
def test_every_shown_answer_is_the_answer(said: dict[str, str], command: str, shown: str) -> None:
    answer, expected = said[command], normalised(shown)
    if "curl -si" in command:
        head, _, answer = answer.partition("\n\n")
        expected_head, _, expected = expected.partition("\n\n")
        assert set(expected_head.splitlines()) <= set(head.splitlines())
    if MORE in expected:
        assert_shortened(json.loads(answer), json.loads(_complete(expected)))
    else:
        assert answer == expected


def _complete(text: str) -> str:
    """Shortened JSON as JSON: ``...`` becomes a member that says so."""
    return re.sub(rf"{re.escape(MORE)}(?=\s*[}}])", f'"{MORE}": true', text)


def assert_shortened(answer: Any, shown: Any) -> None:
    """What is shown is there; what is not shown is there only where ``...`` stands."""
    if isinstance(shown, list):
        assert len(answer) == len(shown)
        for one, other in zip(answer, shown, strict=True):
            assert_shortened(one, other)
    elif isinstance(shown, dict):
        more = shown.pop(MORE, False)
        assert set(shown) < set(answer) if more else set(shown) == set(answer)
        for key, value in shown.items():
            assert_shortened(answer[key], value)
    else:
        assert answer == shown


def test_the_scripts_that_are_named_exist() -> None:
    root = README.parent
    for name in re.findall(r"scripts/(\w+)", README.read_text()):
        assert (root / "scripts" / name).is_file()

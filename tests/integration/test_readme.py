"""The commands of the README, run as they stand there, in their order."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.stack import RunningStack

README = Path(__file__).parents[2] / "README.md"
FENCE = re.compile(r"^```console\n(.*?)^```", re.M | re.S)


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
                yield command, "\n".join(shown)
            command, shown = line[2:], []


@pytest.fixture(scope="module")
def said(stack: RunningStack) -> dict[str, str]:
    """What every curl command of the README answered."""
    answers: dict[str, str] = {}
    job_id = ""
    for command, _ in transcripts():
        if not command.startswith("curl "):
            continue
        line = command.replace("http://localhost:5000", stack.url).replace("{jobID}", job_id)
        if "/results" in line:
            stack.wait_until(job_id, "successful")
        done = subprocess.run(
            shlex.split(line), capture_output=True, text=True, timeout=60, check=True
        )
        answers[command] = done.stdout
        found = re.search(r"^Location: .*/jobs/(\S+)", done.stdout, re.M)
        job_id = found[1] if found else job_id
    return answers


def test_every_shown_answer_is_the_answer(said: dict[str, str]) -> None:
    shown = {command: output for command, output in transcripts() if output and command in said}
    assert len(shown) >= 2
    for command, output in shown.items():
        assert said[command].strip() == output.strip()


def test_every_command_succeeds(said: dict[str, str]) -> None:
    assert len(said) == 7
    assert not any("/exceptions/ogcapi" in answer for answer in said.values())


def test_the_commands_do_what_the_text_says(said: dict[str, str]) -> None:
    commands = list(said)
    assert json.loads(said[commands[0]])["id"] == "simple-flow"
    assert said[commands[2]].startswith("HTTP/1.1 201")
    assert json.loads(said[commands[3]])["processID"] == "simple-flow"
    assert json.loads(said[commands[5]])["jobs"]
    assert json.loads(said[commands[6]])["status"] == "dismissed"


def test_the_scripts_that_are_named_exist() -> None:
    root = README.parent
    for name in re.findall(r"scripts/(\w+)", README.read_text()):
        assert (root / "scripts" / name).is_file()

"""What a stranger sees first: pictures, architecture, decisions, security, the changelog."""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images"
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
SVG = "{http://www.w3.org/2000/svg}"


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next of its level."""
    level = heading.split()[0]
    return text.partition(f"\n{heading}\n")[2].partition(f"\n{level} ")[0]


def test_the_readme_shows_the_architecture_and_a_result() -> None:
    shown = {target: text for text, target in IMAGE.findall((ROOT / "README.md").read_text())}
    assert set(shown) == {"docs/images/architecture.svg", "docs/images/results-page.png"}
    assert all(len(text) > 40 for text in shown.values()), "a picture needs a text for who is blind"
    screenshot = (ROOT / "docs/images/results-page.png").read_bytes()
    assert screenshot.startswith(b"\x89PNG\r\n")
    assert len(screenshot) < 200_000


def test_the_picture_is_readable_on_light_and_dark_pages() -> None:
    """It loads nothing, says what it shows, and has colours of both themes for each class."""
    picture = (IMAGES / "architecture.svg").read_text()
    root = ElementTree.fromstring(picture)
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert "href" not in picture
    style = root.findtext(f"{SVG}style") or ""
    light, _, dark = style.partition("@media (prefers-color-scheme: dark)")
    coloured = {name for name, rule in rules(light) if "#" in rule}
    assert coloured == {name for name, rule in rules(dark) if "#" in rule}
    assert {".page", "text"} <= coloured, "an opaque ground: a page's theme may differ"


def rules(style: str) -> list[tuple[str, str]]:
    return re.findall(r"(\.\w+|text)\s*\{([^{}]*)\}", style)


def test_the_architecture_says_what_there_is_and_what_grows() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    assert "images/architecture.svg" in text
    for heading in ("Components", "The path of a job", "Where state lives", "What can be scaled"):
        assert len(section(text, f"## {heading}")) > 400, heading
    numbers = re.findall(r'class="number"[^>]*>(\d)<', (IMAGES / "architecture.svg").read_text())
    steps = re.findall(r"^(\d)\. ", section(text, "## The path of a job"), re.M)
    assert sorted(numbers) == steps, "the picture and the text number the same steps"


def test_the_architecture_names_variables_that_there_are() -> None:
    text = (ROOT / "docs/architecture.md").read_text() + (ROOT / "SECURITY.md").read_text()
    documented = (ROOT / "docs/configuration.md").read_text()
    for name in re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", text):
        assert f"`{name}`" in documented, name


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_why_and_until_when(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem[:3]}: ")
    for heading in ("Context", "Decision", "Consequences", "What would change our mind"):
        assert len(section(text, f"## {heading}")) > 80, heading


def test_decisions_are_numbered_and_listed() -> None:
    assert [page.stem[:3] for page in DECISIONS] == [
        f"{number:03}" for number in range(1, len(DECISIONS) + 1)
    ]
    assert len(DECISIONS) >= 7
    listed = re.findall(r"\((\d{3}[^)]*)\)", (ROOT / "docs/decisions/README.md").read_text())
    assert listed == [page.name for page in DECISIONS]


def test_security_says_how_to_report_and_what_an_operator_must_know() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    for heading in ("Report a vulnerability", "In scope", "For operators"):
        assert section(text, f"## {heading}"), heading
    assert "@" not in text, "no address that nobody reads"
    assert "SECURITY.md" in (ROOT / "README.md").read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    default = re.search(r"\$\{PYGEOAPI_BIND:-([0-9.]+)\}", compose)
    assert default is not None
    assert ("all interfaces by default" in text) == (default[1] == "0.0.0.0")


def test_the_changelog_has_a_dated_section_for_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    sections = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert sections[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", sections[1])
    assert len(sections) == len(set(sections))


def test_the_changelog_is_grouped_for_readers() -> None:
    """Merges of several branches keep both sides: no heading twice, no line under none."""
    text = (ROOT / "CHANGELOG.md").read_text()
    for release in re.split(r"^## ", text, flags=re.M)[1:]:
        groups = re.findall(r"^### (.*)$", release, re.M)
        assert len(groups) == len(set(groups)), release.splitlines()[0]
        assert set(groups) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
        assert not re.search(r"^- ", release.partition("\n### ")[0], re.M)

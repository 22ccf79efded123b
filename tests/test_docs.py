"""The docs say what the program does: reference pages are made from it, links lead somewhere, nothing goes unnamed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import click
import pytest
from docs import make_reference

from sockwright.cli import VERBS, up
from sockwright.endpoint import OPTIONS, SCHEMES
from sockwright.faults import FAULTS, kind
from sockwright.faults.profiles import PROFILES
from sockwright.journal.export import FORMATS
from sockwright.journal.matching import CHOICES, KEYS
from sockwright.journal.records import KINDS
from sockwright.services import SERVICES
from sockwright.wire.framing import FRAMINGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def anchors(page: Path) -> set[str]:
    """Return the fragments that a link into `page` may have, as code hosts make them from headings."""
    headings = re.findall(r"^#+ +(.+?) *$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_command_line_reference_is_fresh() -> None:
    assert make_reference.PAGE.read_text("utf-8") == make_reference.page(), "run: python3 dev.py docs"


def test_check_tells_a_stale_page_and_writing_cures_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "cli.md"
    stale.write_text("# something else\n", "utf-8")
    monkeypatch.setattr(make_reference, "PAGE", stale)
    assert make_reference.main(["--check"]) == 1
    assert "python3 dev.py docs" in capsys.readouterr().err
    assert make_reference.main([]) == 0
    assert make_reference.main(["--check"]) == 0


def test_a_group_is_shown_with_what_is_below_it() -> None:
    @click.group(epilog="\b\nExamples:\n  log list | head\n")
    def log() -> None:
        """The journal's past."""

    @log.command()
    @click.option("--as", "form", metavar="har|pcapng", help="How a\nfile is written.")
    @click.argument("name")
    def export(form: str, name: str) -> None:
        """Write it out."""

    above = click.Context(click.Group(), info_name="sockwright", auto_envvar_prefix="SOCKWRIGHT")
    shown = "".join(make_reference.sections(log, "sockwright log", above, 2))
    assert "## sockwright log\n" in shown
    assert "```text\nlog list | head\n```" in shown
    assert "### sockwright log export\n\n    sockwright log export [OPTIONS] NAME" in shown
    assert "| `--as har\\|pcapng` | `SOCKWRIGHT_LOG_EXPORT_FORM` | How a file is written. |" in shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", page.read_text("utf-8")):
        place, _, fragment = link.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if fragment and target.suffix == ".md":
            assert fragment in anchors(target), link


@pytest.mark.parametrize("folder", ["tutorial", "how-to", "reference", "explanation"])
def test_each_index_names_its_pages(folder: str) -> None:
    index = (ROOT / "docs" / folder / "README.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs" / folder).glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_every_verb_is_explained_and_every_service_named() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES if page.is_relative_to(ROOT / "docs"))
    assert {verb for verb in VERBS if f"## sockwright {verb}" not in text} == set()
    assert {name for name in SERVICES if f"`{name}`" not in text} == set()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    section = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("\n## Dependencies")[2]
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    asked += project["dependency-groups"]["bench"]
    names = {re.split(r"[^\w.-]", one)[0] for one in asked if isinstance(one, str)}  # else it includes a group
    assert {name for name in names if f"`{name}`" not in section} == set()


def test_every_room_and_every_file_that_architecture_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rooms = {path.parent.name for path in ROOT.glob("src/sockwright/*/__init__.py")}
    assert {room for room in rooms if f"`{room}/`" not in text and f"`{room}`" not in text} == set()
    named = re.findall(r"`((?:src|examples|tests|bench|docs)/[\w/.-]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_holds_the_two_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.search(r"^python3 dev\.py up\b", readme, re.MULTILINE)
    assert re.search(r"^python3 dev\.py test\b", readme, re.MULTILINE)
    assert re.search(r"^python3 dev\.py test$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)


def test_the_reference_names_every_scheme_option_framing_and_port() -> None:
    endpoints = (ROOT / "docs" / "reference" / "endpoints.md").read_text("utf-8")
    assert {name for name in (*SCHEMES, *OPTIONS, *FRAMINGS) if f"`{name}`" not in endpoints} == set()
    services = (ROOT / "docs" / "reference" / "services.md").read_text("utf-8")
    rows = [(scheme, str(port)) for *_, schemes, port in (*up.TABLE, *up.LECTURE) for scheme in schemes]
    assert [row for row in rows if not re.search(rf"\b{row[1]}\b.*\b{row[0]}\b", services)] == []


def test_every_fault_stands_in_the_reference_with_its_form_and_picture() -> None:
    text = (ROOT / "docs" / "reference" / "faults.md").read_text("utf-8")
    for name in FAULTS:
        found = kind(name)
        assert f"### {name}\n\n`{found.form}`: {found.about}." in text
    for path in (ROOT / "src" / "sockwright" / "faults").glob("*.py"):
        for line in re.findall(r"^    (?:in|out)   ?\S.*$", path.read_text("utf-8"), re.MULTILINE):
            assert line.strip().replace("\\\\", "\\") in text, line


def test_every_profile_stands_in_the_reference_with_its_figures() -> None:
    text = (ROOT / "docs" / "reference" / "faults.md").read_text("utf-8")
    for one in PROFILES.values():
        assert f"| `{one.name}` | {', '.join(one.down)} | {', '.join(one.up)} | {', '.join(one.udp)} |" in text


def test_the_fault_that_the_how_to_shows_works() -> None:
    page = (ROOT / "docs" / "how-to" / "write-a-fault.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)  # the example as a reader would write it
    _, down = names["KIND"].read("")(False, True)
    assert list(down.feed(b"abc", 1.0, Random(1))) == [(1 + 2, "3 bytes shouted", 1.0), (0, b"ABC", 1.0)]


def test_the_journal_s_page_names_every_record_filter_key_and_format() -> None:
    text = (ROOT / "docs" / "reference" / "journal.md").read_text("utf-8")
    words = {*KEYS, *FORMATS, *(word for choice in CHOICES.values() for word in choice)}
    assert {word for word in words if f"`{word}`" not in text} == set()
    assert {kind for kind in KINDS if kind not in text} == set()

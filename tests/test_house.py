"""The house itself: every room is under the import rules, locks are whole, no file names a machine or an index."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests import strangers

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "sockwright"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS: list[dict[str, Any]] = PROJECT["tool"]["importlinter"]["contracts"]


def rooms() -> set[str]:
    """Return the names of the modules and packages right below `sockwright`."""
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    return packages | {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}


def floors() -> set[str]:
    """Return the rooms that the layers contract knows."""
    layers = next(contract for contract in CONTRACTS if contract["type"] == "layers")["layers"]
    return set(re.findall(r"\w+", " ".join(layers)))


def committed() -> list[Path]:
    """Return the files in git, or, where this is no clone, all that do not look made."""
    try:
        words = ["git", "-C", str(ROOT), "ls-files", "-z"]
        names = subprocess.run(words, capture_output=True, check=True).stdout.decode().split("\0")
        found = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        made = re.compile(r"/(\.git|\.venv|\.[a-z]+_cache|\.hypothesis|__pycache__|build|dist)/")
        found = [path for path in ROOT.rglob("*") if not made.search(f"/{path.relative_to(ROOT).as_posix()}/")]
    return [path for path in found if path.is_file()]


def test_every_room_stands_on_a_floor() -> None:
    assert rooms() <= floors()


@pytest.mark.parametrize("contract", CONTRACTS[1:], ids=lambda contract: contract["name"])
def test_contracts_name_rooms_that_are_planned(contract: dict[str, Any]) -> None:
    # `*.room` passes silently where there is no such room, so a slip of the pen would pass as well.
    names = [*contract["source_modules"], *contract["forbidden_modules"]]
    named = {name.partition(".")[2] for name in names if "." in name}
    assert named <= floors()


@pytest.mark.parametrize(("stranger", "host"), [("cherrypy", {"console"}), ("redis", set())])
def test_what_one_room_alone_may_import_is_forbidden_to_all_others(stranger: str, host: set[str]) -> None:
    contract = next(one for one in CONTRACTS if stranger in one.get("forbidden_modules", ()))
    assert {name.partition(".")[2] for name in contract["source_modules"]} == floors() - host


def test_locks_are_hashed_and_the_second_holds_the_first() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / name).read_text("utf-8")
        found = re.findall(r"^([\w.-]+==[^ ]+)(.*\\\n(?: +--hash=sha256:[0-9a-f]{64}[ \\]*\n)+)", text, re.MULTILINE)
        assert len(found) == len(re.findall(r"^[^ #\n]", text, re.MULTILINE)), f"{name} has a line without a hash"
        return {pin for pin, _ in found}

    assert pins("requirements.lock") < pins("requirements-dev.lock")


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (None, "requirements.lock"),
        ("build", "requirements.lock"),
        ("dev", "requirements-dev.lock"),
        ("bench", "requirements-dev.lock"),
    ],
)
def test_locks_hold_what_pyproject_asks_for(group: str | None, name: str) -> None:
    asked = PROJECT["dependency-groups"][group] if group else PROJECT["project"]["dependencies"]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    names = {re.split(r"[^\w.-]", one)[0].lower() for one in asked if isinstance(one, str)}  # or a group within
    assert names <= set(locked), "run: python3 dev.py lock"


def test_no_file_names_an_index_or_this_machine() -> None:
    # Written in pieces, so that this file does not hold what it forbids.
    index = r"files\.python" + r"hosted|py" + r"pi\.org|/simple" + r"/|registry\.npm" + r"js|--index" + r"-url[ =]\S*:"
    folder = re.escape(str(ROOT)) if len(ROOT.parts) > 2 else "(?!)"
    place = r"(?<![\w.})])(?:/(?:home|Users)/[a-z]\w+/|/root" + rf"/\.|{folder}\b)"
    forbidden = re.compile(f"{index}|{place}".encode())
    held = {
        f"{path.relative_to(ROOT)}: {found.group().decode()}"
        for path in committed()
        if (found := forbidden.search(path.read_bytes()))
    }
    assert not held


def test_no_expression_repeats_a_group_possessively() -> None:
    # Python before 3.11.5, Debian 12's among them, takes too much there when a repetition fails half-way. An atomic
    # group, (?>(?:...)*), means the same and is as fast.
    one_character = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
    possessive = re.compile(r"\)(?:[*+?]|\{\{?[0-9,]+\}\}?)\+")
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
            is_raw = token.type == tokenize.STRING and "r" in re.split("[\"']", token.string, maxsplit=1)[0].lower()
            if is_raw and possessive.search(one_character.sub("x", token.string)):
                found.append(f"{path.relative_to(SOURCE)}:{token.start[0]}")
    assert not found


def test_strangers_have_a_package_each() -> None:
    assert strangers.listed()
    assert all(package and commands for package, commands in strangers.listed().values())


def test_a_missing_stranger_skips_with_its_package_and_fails_on_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = tmp_path / "strangers"
    listed.write_text("# a remark\nno-such-program some-package no-such-command\n", "utf-8")
    monkeypatch.setattr(strangers, "LIST", listed)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install some-package"):
        strangers.find("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install some-package"):
        strangers.find("no-such-program")

"""A race as a whole: turns, who is missing, who is wrong; and the command line around it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.catalogue import RACES
from bench.figures import Goal
from bench.machine import Cores, Stage
from bench.native import program
from bench.race import Ask, Contender, Load, Place, Race

from bench import table

ROOT = Path(__file__).resolve().parents[2]
SHORT = Load("3 connections", Ask("tcp_load", ("--connections", "3"), warmup=0.02))


def c_echo(*words: str, name: str = "C", group: str = "yardstick") -> Contender:
    """Return a contender that is the native echo."""

    def command(place: Place) -> list[str]:
        return [str(program("tcp_echo")), "--port", str(place.port), *words]

    return Contender(name, command, group)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of short slices."""
    made = Stage(tmp_path, Cores.here(), 0.1)
    yield made
    made.clear()


def race(*contenders: Contender) -> Race:
    """Return a race of these against C."""
    return Race("r", "a race", (c_echo(), *contenders), (SHORT,), (Goal("ours", "C", 0.5),), "C")


@pytest.mark.stranger("cc")
def test_turns_go_round_and_servers_end(stage: Stage) -> None:
    said: list[str] = []
    there = race(c_echo(name="ours", group="ours"))
    (outcome,) = there.run(stage, 3, said.append)
    assert [line.rpartition(", ")[2] for line in said] == ["C", "ours"] * 3
    assert {name: len(rounds) for name, rounds in outcome.rounds.items()} == {"C": 3, "ours": 3}
    assert outcome.errors == []
    assert stage.servers == {}
    assert outcome.verdicts(there.goals)[0].met
    shown = table.text(there, outcome, 3, 0.1)
    assert "goal ours ≥ 0.5 × C: reached" in shown
    parsed = json.loads(json.dumps(table.as_json(there, outcome, 3, 0.1)))
    assert parsed["contenders"]["ours"]["ratio"]["median"] > 0.5
    assert parsed["goals"][0]["met"] is True


@pytest.mark.stranger("cc")
def test_who_is_not_installed_is_named_and_skipped(stage: Stage) -> None:
    absent = Contender("gone", lambda place: [], needs=("no-such-program-here",))
    module = Contender("gone too", lambda place: [], "python", needs=("module:no_such_module_here",))
    there = race(absent, module)
    (outcome,) = there.run(stage, 1, lambda line: None)
    assert list(outcome.rounds) == ["C"]
    assert outcome.errors == []
    shown = table.text(there, outcome, 1, 0.1)
    assert "not here: gone: no program no-such-program-here" in shown
    assert "not here: gone too: no Python module no_such_module_here (pip install no_such_module_here)" in shown
    assert "goal ours ≥ 0.5 × C: cannot be told, ours is not here" in shown


@pytest.mark.stranger("cc")
def test_wrong_bytes_are_an_error_whoever_sent_them(stage: Stage) -> None:
    (outcome,) = race(c_echo("--spoil", "100", name="liar", group="other")).run(stage, 2, lambda line: None)
    assert "liar" not in outcome.rounds
    assert len(outcome.errors) == 1
    assert "wrong answers" in outcome.errors[0]


@pytest.mark.stranger("cc")
def test_ours_that_does_not_start_is_an_error_and_a_peer_is_not(stage: Stage) -> None:
    def broken(group: str) -> Contender:
        return Contender(group, lambda place: [sys.executable, "-c", "import sys; sys.exit('no voice today')"], group)

    (outcome,) = race(broken("ours"), broken("other")).run(stage, 1, lambda line: None)
    assert [error.partition(":")[0] for error in outcome.errors] == ["ours"]
    assert "it ended with 1: no voice today" in outcome.skipped["other"]


def test_every_race_knows_whom_it_measures_by_and_promises() -> None:
    assert len({there.name for there in RACES}) == len(RACES)
    for there in RACES:
        names = {contender.name for contender in there.contenders}
        loads = {load.name for load in there.loads}
        assert there.yardstick in names
        assert there.figure in {figure for figure, _ in there.columns}
        for goal in there.goals:
            assert goal.of in names
            assert set(goal.loads) <= loads
            if isinstance(goal, Goal):
                assert goal.against in names or goal.against == "best python"


@pytest.mark.stranger("cc")
@pytest.mark.parametrize("command", [["-m", "bench"], [str(ROOT / "bench" / "__main__.py")]], ids=["module", "file"])
def test_the_command_line_prints_a_table(command: list[str]) -> None:
    words = [*command, "tcp", "--rounds", "1", "--seconds", "0.1", "--only", "asyncio Protocol"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "× C epoll echo" in done.stdout
    assert "asyncio Protocol, bare" in done.stdout
    assert "goal sockwright, journal on ≥ 0.75 × C epoll echo: cannot be told" in done.stdout


@pytest.mark.stranger("cc")
def test_as_json_it_prints_an_object_per_load_and_nothing_else() -> None:
    words = ["-m", "bench", "tcp", "--rounds", "1", "--seconds", "0.1", "--only", "C epoll", "--json"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["bench"], one["load"]) for one in found] == [("tcp", "50 connections"), ("tcp", "500 connections")]


def test_an_unknown_bench_is_refused_with_the_list() -> None:
    words = ["-m", "bench", "tpc"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "there is no bench 'tpc'; there are: " in done.stderr
    assert "tcp-idle, tcp-pipelined" in done.stderr

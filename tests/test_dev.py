"""dev.py: when .venv is made, when it is believed, what is said when it cannot be."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("dev.py", "pyproject.toml", "requirements.lock", "requirements-dev.lock")


class Installs(list[tuple[str, bool]]):
    """Stands in for `install`: remembers what was asked for, and fails once where it is told to."""

    def __init__(self, dev: ModuleType) -> None:
        super().__init__()
        self.dev = dev
        self.failing: BaseException | None = None

    def __call__(self, lock: str, fresh: bool) -> None:
        self.append((lock, fresh))
        python = Path(self.dev.PYTHON)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        if self.failing:
            raise self.failing


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what dev.py reads, and nothing else."""
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def dev(clone: Path) -> ModuleType:
    """dev.py of `clone`, as a module."""
    spec = importlib.util.spec_from_file_location("dev_of_clone", clone / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installs(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Installs:
    found = Installs(dev)
    monkeypatch.setattr(dev, "install", found)
    return found


def put_program(clone: Path, dev: ModuleType, text: str) -> None:
    """Put a whole .venv into `clone` whose `sockwright` is the Python program `text`."""
    program = Path(dev.BIN, "sockwright")
    program.write_text(f"#!{sys.executable}\n{text}", "utf-8")
    program.chmod(0o755)


def test_installs_once_and_then_believes_the_stamp(dev: ModuleType, installs: Installs) -> None:
    dev.ensure(dev.RUN)
    dev.ensure(dev.RUN)
    assert installs == [(dev.RUN, True)]


def test_the_dev_lock_holds_the_other_but_not_the_other_way_round(dev: ModuleType, installs: Installs) -> None:
    dev.ensure(dev.RUN)
    dev.ensure(dev.DEV)
    dev.ensure(dev.RUN)
    dev.ensure(dev.DEV)
    assert installs == [(dev.RUN, True), (dev.DEV, False)]


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_a_change_updates_in_place(dev: ModuleType, installs: Installs, clone: Path, name: str) -> None:
    dev.ensure(dev.RUN)
    with (clone / name).open("a") as file:
        file.write("\n# changed\n")
    dev.ensure(dev.RUN)
    assert installs == [(dev.RUN, True), (dev.RUN, False)]


def test_a_lock_updated_for_up_is_not_believed_for_test(dev: ModuleType, installs: Installs, clone: Path) -> None:
    dev.ensure(dev.DEV)
    (clone / "pyproject.toml").write_text("# changed", "utf-8")
    dev.ensure(dev.RUN)
    dev.ensure(dev.DEV)
    assert installs == [(dev.DEV, True), (dev.RUN, False), (dev.DEV, False)]


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("whole_before", [False, True])
def test_an_interrupted_install_is_not_believed(
    dev: ModuleType, installs: Installs, clone: Path, ending: BaseException, whole_before: bool
) -> None:
    if whole_before:
        dev.ensure(dev.RUN)
        (clone / "requirements.lock").write_text("# changed", "utf-8")
    installs.failing = ending
    with pytest.raises(type(ending)):
        dev.ensure(dev.RUN)
    installs.failing = None
    dev.ensure(dev.RUN)
    assert installs[-1] == (dev.RUN, True), "half made, so made anew from nothing"


def test_a_foreign_or_moved_venv_is_made_anew(
    dev: ModuleType, installs: Installs, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.ensure(dev.RUN)
    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")
    dev.ensure(dev.RUN)
    Path(dev.PYTHON).unlink()  # as when the system's Python went away under .venv/bin/python
    dev.ensure(dev.RUN)
    assert installs == [(dev.RUN, True)] * 3


@pytest.mark.skipif(os.name == "nt", reason="no flock on Windows")
def test_a_second_one_waits_for_the_first(dev: ModuleType, installs: Installs, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(lock: str, fresh: bool) -> None:
        inside.set()
        assert go_on.wait(10)
        installs(lock, fresh)

    monkeypatch.setattr(dev, "install", slow)
    first = threading.Thread(target=dev.ensure, args=(dev.RUN,))
    second = threading.Thread(target=dev.ensure, args=(dev.RUN,))
    first.start()
    assert inside.wait(10)
    second.start()
    go_on.set()
    first.join(10)
    second.join(10)
    assert installs == [(dev.RUN, True)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "WARNING: Retrying after '[SSL: X] certificate verify failed: self-signed (_ssl.c:1)'\nERROR: nothing",
            "cert",
        ),
        ("W: Temporary failure resolving 'deb.invalid'\nE: No packages found", "Temporary failure resolving"),
        ("note: one\nERROR: No matching distribution found for x==1\nhint: two", "No matching distribution"),
        ("Traceback (most recent call last):\n  line\nModuleNotFoundError: No module named 'venv'", "No module named"),
        ("", "ended with 7"),
    ],
)
def test_the_line_that_tells_most_becomes_the_error(dev: ModuleType, said: str, told: str) -> None:
    with pytest.raises(dev.Failed, match=told):
        dev.call(sys.executable, "-c", f"import sys; sys.stderr.write({said!r}); sys.exit(7)")


def test_a_program_that_is_not_there_is_named(dev: ModuleType) -> None:
    with pytest.raises(dev.Failed, match="no-such-program: No such file"):
        dev.call("no-such-program")


def test_arguments_folder_and_exit_code_pass_through(
    dev: ModuleType, installs: Installs, clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dev.ensure(dev.RUN)
    put_program(clone, dev, "import os, sys; print(sys.argv[1:], os.getcwd()); sys.exit(3)")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    words = [sys.executable, str(clone / "dev.py"), "up", "--lan", "--only", "tcp, smtp", "слово"]
    done = subprocess.run(
        words, check=False, cwd=elsewhere, capture_output=True, text=True, encoding="utf-8", timeout=30
    )
    assert done.stdout == f"['up', '--lan', '--only', 'tcp, smtp', 'слово'] {elsewhere}\n"
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no exec and no SIGTERM to hand on")
def test_sigterm_reaches_the_program_itself(dev: ModuleType, installs: Installs, clone: Path) -> None:
    dev.ensure(dev.RUN)
    put_program(
        clone,
        dev,
        "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(42))\nprint('ready', flush=True)\nsignal.pause()",
    )
    with subprocess.Popen([sys.executable, str(clone / "dev.py"), "up"], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 42


def test_where_nothing_can_be_installed_it_says_so_in_three_lines(clone: Path, tmp_path: Path) -> None:
    no_index = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PATH": str(tmp_path)}
    words = [sys.executable, str(clone / "dev.py"), "up"]
    done = subprocess.run(words, check=False, env=no_index, capture_output=True, text=True, timeout=100)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert len(lines) <= 3
    assert lines[1].startswith("error: .venv could not be made: ")
    assert "No matching distribution found" in lines[1] or "has no pip" in lines[1]
    assert lines[2].startswith("  ")
    assert not (clone / ".venv" / "made-by-dev.py").exists()


def test_an_old_python_is_told_so() -> None:
    source = (ROOT / "dev.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 7))  # it must get as far as saying it
    old = (
        "import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.version = '3.9.2 (old)'; sys.argv = ['dev.py', 'up']"
    )
    words = [sys.executable, "-c", f"{old}; exec(compile({source!r}, 'dev.py', 'exec'))"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "needs Python 3.11 or newer, and this is 3.9.2" in done.stderr
    assert "  try: " in done.stderr


def test_an_unknown_task_shows_the_tasks(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main("fly") == 2
    assert dev.main("--help") == 0
    shown = capsys.readouterr().out
    for task in ("up", "test", "lint", "bench", "soak", "docs", "lock", "clean"):
        assert f"dev.py {task} " in shown


@pytest.mark.parametrize(
    ("abi", "is_whole"), [("cpython-311-x86_64-linux-gnu", True), ("cpython-311-x86_64-linux-musl", False)]
)
def test_on_musl_what_has_no_wheels_there_is_left_out(
    dev: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch, abi: str, is_whole: bool
) -> None:
    monkeypatch.setattr(dev.sysconfig, "get_config_var", lambda name: abi)
    (clone / ".venv").mkdir(exist_ok=True)
    (clone / dev.DEV).write_text(
        "a==1 \\\n    --hash=x\nplaywright==1 ; linux \\\n    --hash=y\n    # via b\nz==2 \\\n    --hash=z\n"
    )
    told = dev.steps(dev.DEV)[0][-1]
    text = (clone / told).read_text()
    assert ("playwright" in text) is is_whole
    assert ("--hash=y" in text) is is_whole
    assert "a==1" in text
    assert text.endswith("z==2 \\\n    --hash=z\n")


def test_clean_removes_what_tasks_leave_behind(dev: ModuleType, clone: Path) -> None:
    made = [clone / ".venv" / "bin", clone / ".mypy_cache", clone / "src" / "x" / "__pycache__"]
    for folder in made:
        folder.mkdir(parents=True)
    assert dev.main("clean") == 0
    assert not any(folder.exists() for folder in made)
    assert (clone / "src" / "x").is_dir()

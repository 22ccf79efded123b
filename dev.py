#!/usr/bin/env python3
"""Work on Sockwright from a clone, one word per task. Needs Python 3.11 or newer and nothing else.

  python3 dev.py up [ARGS...]       run `sockwright up ARGS...`
  python3 dev.py test [ARGS...]     run the tests (ARGS go to pytest)
  python3 dev.py lint               run ruff, mypy and import-linter
  python3 dev.py bench [NAME...]    measure against peers, as ratios
  python3 dev.py soak [NAME...]     run for long, watching memory and descriptors
  python3 dev.py docs [--check]     write docs/reference/cli.md (--check: only say whether it is stale)
  python3 dev.py screenshots        write docs/images/*.png with a bench full of examples (needs chromium)
  python3 dev.py lock [--upgrade]   write the two lock files anew
  python3 dev.py clean              remove .venv and the caches

Each task first makes .venv from the hashed locks, and again when these or pyproject.toml change.
"""

import os
import shutil
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036  An old Python must get this far: no new syntax in this file
    found = [f"python3.{n}" for n in range(15, 10, -1) if shutil.which(f"python3.{n}")]
    sys.stderr.write(f"error: Sockwright needs Python 3.11 or newer, and this is {sys.version.split()[0]}\n")
    sys.stderr.write(f"  try: {(found or ['uv run --python 3.13'])[0]} dev.py {' '.join(sys.argv[1:])}\n")
    sys.exit(2)

import hashlib
import re
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / ("python.exe" if os.name == "nt" else "python"))
BASE = str(getattr(sys, "_base_executable", sys.executable))  # not the one in .venv, which may be made anew
STAMP = VENV / "made-by-dev.py"  # written last: a .venv without it is half made, or not ours
RUN, DEV = "requirements.lock", "requirements-dev.lock"  # DEV holds all that RUN holds, at the same versions
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"  # where Debian's pip looks for them
CAUSES = (  # said early and deep inside a line; what pip and apt say last is only what followed from it
    r"certificate verify failed[^('\n]*[^(' \n]|temporary failure (?:in name resolution|resolving '[^']*')"
    r"|name or service not known|connection refused|network is unreachable|(?:read |connection )?timed out"
    r"|no space left on device|permission denied[^\n]*"
)
GLIBC_ONLY = ("playwright", "axe-playwright-python")  # no wheels for musl, and no marker that could say so in the lock
QUIET = {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


class Failed(Exception):
    """A step of making .venv failed: what happened, and what cures it."""

    def __init__(
        self, what: str, cure: str = "mend that, or pip's settings (index, certificates); then run this again"
    ) -> None:
        super().__init__(what)
        self.cure = cure


def call(*words: str, cwd: str = str(ROOT)) -> None:
    """Run a command without a word; where it fails, the line of it that tells most becomes the error."""
    try:
        environ = {**os.environ, **QUIET}
        done = subprocess.run(
            words, check=False, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except OSError as trouble:
        raise Failed(f"{words[0]}: {trouble.strerror}") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        telling = re.findall(CAUSES, done.stderr, re.IGNORECASE)[:1] or [
            line for line in lines if line.lower().startswith(("error:", "e:")) or "Error: " in line
        ]
        last = (telling or lines or [f"{words[0]} ended with {done.returncode}"])[-1]
        raise Failed(re.sub(r"^(error|e): *", "", last, flags=re.IGNORECASE)[:300])


def mark(lock: str) -> str:
    """Return a line that changes when what `lock` leads to changes."""
    content = (ROOT / "pyproject.toml").read_bytes() + (ROOT / lock).read_bytes()
    return f"{lock} {hashlib.sha256(content).hexdigest()}"


def ensure(lock: str) -> None:
    """Make .venv hold what `lock` says; takes a few milliseconds where it does already."""
    home = f"{sys.version} in {ROOT}".replace("\n", " ")  # another Python, a moved folder: another .venv
    with open(__file__, "rb") as turn:
        if os.name != "nt":
            import fcntl

            fcntl.flock(turn, fcntl.LOCK_EX)  # a second dev.py waits here while the first one installs
        said = STAMP.read_text("utf-8").splitlines() if STAMP.exists() and os.path.exists(PYTHON) else []
        if home in said and mark(lock) in said:
            return
        fresh = home not in said
        print("making .venv (first time, about 20 s) ..." if fresh else "updating .venv ...", file=sys.stderr)
        STAMP.unlink(missing_ok=True)
        install(lock, fresh)
        half = STAMP.with_suffix(".half")
        half.write_text("\n".join([home, mark(RUN), mark(lock)]), "utf-8")
        half.replace(STAMP)


def install(lock: str, fresh: bool) -> None:
    """Install `lock` and ourselves (editable) into .venv: with uv where there is one, else with pip."""
    if shutil.which("uv"):
        try:
            if fresh:
                call("uv", "venv", "-q", "--clear", "--no-python-downloads", "--python", BASE, str(VENV))
            for step in steps(lock):
                call("uv", "pip", "install", "-q", "--python", PYTHON, *step)
            return
        except Failed as trouble:  # uv does not read pip's settings, so pip may get what uv could not
            print(f"  uv could not ({trouble}); trying pip", file=sys.stderr)
    if fresh:
        try:
            call(BASE, "-m", "venv", "--clear", str(VENV))
        except Failed:  # Debian splits off the part that brings pip
            call(BASE, "-m", "venv", "--clear", "--without-pip", str(VENV))
    pip = find_pip()
    for step in steps(lock):
        call(*pip, "install", "-q", *step)


def steps(lock: str) -> list[list[str]]:
    """Return what is told to pip, or uv, to install `lock` and ourselves, once there is a .venv."""
    return [["--require-hashes", "-r", fitting(lock)], ["--no-deps", "--no-build-isolation", "-e", "."]]


def fitting(lock: str) -> str:
    """Return the path of `lock`; on musl, of a copy without what has no wheels there; tests skip what needs it."""
    if "musl" not in str(sysconfig.get_config_var("SOABI")):
        return lock
    entries = re.split(r"^(?=[\w.-]+==)", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE)
    copy = VENV / lock
    copy.write_text("".join(entry for entry in entries if entry.partition("==")[0] not in GLIBC_ONLY), "utf-8")
    return str(copy)


def find_pip() -> list[str]:
    """Return the command of a pip that installs into .venv: its own, the one of BASE, or a borrowed one."""
    own = [PYTHON, "-m", "pip"]
    for pip in (own, [BASE, "-m", "pip", "--python", PYTHON]):
        try:
            call(*pip, "--version")
            return pip
        except Failed:
            pass
    try:
        borrow_pip()
    except (Failed, OSError, StopIteration) as trouble:
        cure = "as root: apt-get install -y python3-venv    (or put uv on PATH), then run this again"
        raise Failed(f"this Python has no pip, and apt lends none ({trouble})", cure) from None
    return own


def borrow_pip() -> None:
    """Unpack Debian's pip into .venv, fetched by apt: needs no root and leaves the system as it is."""
    import tempfile
    import zipfile

    site = next(VENV.glob("lib/python3*/site-packages"))
    with tempfile.TemporaryDirectory() as box:
        apt = ["apt-get", "-qq", "-oAPT::Sandbox::User=root", "-oAPT::Update::Error-Mode=any"]
        fetch = ["download", "python3-pip-whl", *([] if os.path.exists(AUTHORITIES) else ["ca-certificates"])]
        try:
            call(*apt, *fetch, cwd=box)
        except Failed:  # no package lists here, or stale ones: fetch some for this once
            os.makedirs(f"{box}/lists/partial")
            apt += [f"-oDir::State::lists={box}/lists", f"-oDir::Cache={box}"]
            call(*apt, "update", cwd=box)
            call(*apt, *fetch, cwd=box)
        for package in Path(box).glob("*.deb"):
            call("dpkg-deb", "-x", str(package), box)
        with zipfile.ZipFile(next(Path(box, "usr/share/python-wheels").glob("pip-*.whl"))) as wheel:
            wheel.extractall(site)
        authorities = sorted(Path(box, "usr/share/ca-certificates").rglob("*.crt"))
        if authorities:
            bundle, finder = site / "pip/_vendor/certifi/cacert.pem", site / "pip/_vendor/certifi/core.py"
            bundle.write_bytes(b"".join(one.read_bytes() for one in authorities))
            finder.write_text(finder.read_text("utf-8").replace(AUTHORITIES, str(bundle)), "utf-8")


def become(*words: str) -> int:
    """Run `words` in our place, so that Ctrl-C and SIGTERM reach them directly."""
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(words[0], words)
    with subprocess.Popen(words) as program:  # Windows has no exec; Ctrl-C goes to both, the program answers
        while True:
            try:
                return program.wait()
            except KeyboardInterrupt:
                continue


def lint() -> int:
    """Run every checker, whatever the others say; return 1 where one of them objects."""
    checks = ["ruff check", "ruff format --check", "mypy", "lint-imports"]
    objectors = [one for one in checks if subprocess.call([str(BIN / one.split()[0]), *one.split()[1:]])]
    print(f"lint: {', '.join(objectors)} objected" if objectors else "lint: clean")
    return 1 if objectors else 0


def lock(*args: str) -> int:
    """Write both locks: hashed, for every platform and Python we run on, without the address of an index."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(BIN))
    if not uv:
        ensure(RUN)
        call(*find_pip(), "install", "-q", "uv")
        uv = str(BIN / "uv")
    words = [uv, "pip", "compile", "-q", "pyproject.toml", "--group", "build", "--universal", "--generate-hashes"]
    words += ["--python-version", "3.11", "--no-header", "--no-emit-index-url", "--no-emit-find-links", *args]
    return subprocess.call([*words, "-o", RUN]) or subprocess.call([*words, "--group", "dev", "-c", RUN, "-o", DEV])


def clean() -> int:
    """Remove what tasks leave behind; nothing that is in git."""
    rooms = [ROOT / room for room in ("src", "tests", "bench", "examples", "docs")]
    caches = [VENV, ROOT / "build", ROOT / "dist", ROOT / ".hypothesis", *ROOT.glob(".*_cache")]
    for old in caches + [found for room in rooms for found in room.rglob("__pycache__")]:
        shutil.rmtree(old, ignore_errors=True)
    return 0


def main(task: str = "", *args: str) -> int:
    """Do one task and return its exit code."""
    if task == "up":  # in the folder the user is in, which `--dir .` means
        ensure(RUN)
        return become(str(BIN / "sockwright"), "up", *args)
    os.chdir(ROOT)
    programs = {
        "test": ["-m", "pytest", "-q", "-n", "auto", "--dist", "loadgroup"],
        "bench": ["-m", "bench"],
        "soak": ["-m", "bench.soak"],
        "docs": ["docs/make_reference.py"],
        "screenshots": ["docs/make_screenshots.py"],
    }
    if task in programs:
        ensure(DEV)
        return become(PYTHON, *programs[task], *args)
    if task == "lint":
        ensure(DEV)
        return lint()
    if task == "lock":
        return lock(*args)
    if task == "clean":
        return clean()
    print(__doc__)
    return 0 if task in ("help", "-h", "--help") else 2


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failed as failed:
        sys.exit(f"error: .venv could not be made: {failed}\n  {failed.cure}")
    except KeyboardInterrupt:
        sys.exit(130)

"""Our own program as a process: started, waited for, and ended by its id."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WAIT = 20.0  # seconds; a test that needs them is failing


@dataclass
class Program:
    """A running `sockwright`, and where its endpoints came to be."""

    process: subprocess.Popen[str]
    ports: Mapping[tuple[str, str], int]  # (service, scheme) -> port

    def port(self, service: str, scheme: str = "tcp") -> int:
        return self.ports[service, scheme]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return exit code, stdout and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out, err


def environment(home: Path, **more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SOCKWRIGHT_")}
    return clean | {"SOCKWRIGHT_HOME": str(home), "PYTHONWARNINGS": "default", "COLUMNS": "120"} | more


def run(
    home: Path, *words: str, stdin: str | bytes | None = None, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `sockwright` to its end."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [sys.executable, "-m", "sockwright", *words],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        timeout=60,
        env=environment(home, **more),
        cwd=cwd,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


@contextmanager
def running(home: Path, *words: str, cwd: Path | None = None, **more: str) -> Iterator[Program]:
    """Run `sockwright up|serve ...` while the block lasts, from the moment its endpoints answer."""
    ready = home / f"ready-{time.monotonic_ns()}.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "sockwright", *words, "--ready-file", str(ready)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(home, **more),
        cwd=cwd,
    )
    try:
        end = time.monotonic() + WAIT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                out, err = process.communicate()
                raise AssertionError(f"{words} did not start (exit {process.returncode}):\n{out}\n{err}")
            time.sleep(0.01)
        about = json.loads(ready.read_text("utf-8"))
        yield Program(process, {(one["service"], one["scheme"]): one["port"] for one in about["endpoints"]})
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=WAIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


# The ports that docs and lessons write, and what `up` has there.
STANDARD = {
    7007: ("echo", "tcp"),
    7009: ("discard", "tcp"),
    7013: ("time", "tcp"),
    7017: ("greet", "tcp"),
    7019: ("symbols", "tcp"),
    7080: ("http", "http"),
    7443: ("https", "https"),
    7081: ("xmlrpc", "xmlrpc"),
}


def with_real_ports(text: str, program: Program) -> str:
    """Return what docs write of an `up`, with the ports that this one really got: the standard ones may be taken."""

    def real(found: re.Match[str]) -> str:
        service, scheme = STANDARD[int(found[2])]
        scheme = "udp" if found[1].startswith("udp:") else scheme
        return f"{found[1]}{program.port(service, scheme)}"

    return re.sub(rf"((?:\w+://|[ '\"]|127\.0\.0\.1|localhost)\S*?:)({'|'.join(map(str, STANDARD))})\b", real, text)

"""The control channel: how a command reaches a bench that already runs.

A Unix socket in the user's state folder, one per running bench (where there are none, or the path is too long for one,
a port of the loopback); beside it a file that says how to get there, readable by its user alone. One JSON object per
line in, one out: `{"token": ..., "do": "list", ...}` -> `{"ok": true, "result": ...}` or `{"ok": false, "error": ...}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sockwright.config import home
from sockwright.errors import ConfigError
from sockwright.journal.runs import born, is_alive

# A line in either direction (bytes).
LONGEST = 1 << 20
# How long either side waits for the other (seconds).
WAIT = 5.0
# The system's limit for the path of a Unix socket is 104 to 108 bytes.
LONGEST_PATH = 100

Handler = Callable[[str, Mapping[str, Any]], Any]


def folder() -> Path:
    """Return where running benches are found."""
    return home().state / "benches"


@dataclass(frozen=True, slots=True)
class Bench:
    """A running bench as another process finds it. `console` is the address of its page, "" without."""

    pid: int
    command: str
    socket: str
    port: int
    token: str
    console: str


class ControlServer:
    """Answers at the control channel of this process; used from the loop's thread.

    `handler` is told what to do and with what; it raises ConfigError for what cannot be.
    """

    def __init__(self, handler: Handler, command: str, console: str = "") -> None:
        self._handler = handler
        self._command = command
        self._console = console
        self._token = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        base = folder()
        self._file = base / f"{os.getpid()}.json"
        self._socket = base / f"{os.getpid()}.sock"

    async def start(self) -> None:
        """Begin to answer.

        Raises: OSError where the state folder cannot be used.
        """
        base = self._file.parent
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        port = 0
        path = ""
        if hasattr(socket, "AF_UNIX") and len(os.fsencode(self._socket)) <= LONGEST_PATH:
            self._socket.unlink(missing_ok=True)
            path = str(self._socket)
            self._server = await asyncio.start_unix_server(self._serve, path, limit=LONGEST)
            os.chmod(path, 0o600)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST)
            port = self._server.sockets[0].getsockname()[1]
        about = {
            "pid": os.getpid(),
            "born": born(os.getpid()),
            "command": self._command,
            "socket": path,
            "port": port,
            "token": self._token,
            "console": self._console,
        }
        draft = self._file.with_suffix(".tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(about, file)
        draft.replace(self._file)

    async def stop(self) -> None:
        """Answer nobody any more, and leave nothing behind."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._server.wait_closed()
        for path in (self._file, self._socket):
            with contextlib.suppress(OSError):
                path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WAIT):
                line = await reader.readline()
                if line:
                    writer.write(json.dumps(self._answer(line), ensure_ascii=False).encode() + b"\n")
                    await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # whoever asked is gone, or said more than a line may hold
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
        except ValueError as wrong:
            return {"ok": False, "error": f"not JSON: {wrong}"}
        if not isinstance(asked, dict):
            return {"ok": False, "error": "a request is an object"}
        token = asked.pop("token", "")
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._token.encode()):
            return {"ok": False, "error": "the token is wrong"}
        try:
            return {"ok": True, "result": self._handler(str(asked.pop("do", "")), asked)}
        except ConfigError as wrong:
            return {"ok": False, "error": str(wrong), "cure": wrong.cure}
        except (TypeError, ValueError, KeyError) as wrong:
            return {"ok": False, "error": f"the request makes no sense: {wrong}"}


def running() -> Sequence[Bench]:
    """Return the benches of this user that run now, the newest first."""
    found: list[tuple[float, Bench]] = []
    for path in folder().glob("*.json"):
        try:
            about = json.loads(path.read_text("utf-8"))
            bench = Bench(*(about[name] for name in ("pid", "command", "socket", "port", "token", "console")))
            if is_alive(bench.pid, about["born"]):
                found.append((path.stat().st_mtime, bench))
            else:  # it was killed
                path.unlink(missing_ok=True)
                path.with_suffix(".sock").unlink(missing_ok=True)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return [bench for _, bench in sorted(found, key=lambda pair: -pair[0])]


def ask(bench: Bench, do: str, **what: Any) -> Any:
    """Have a running bench do something; return its answer.

    Raises: ConfigError with the bench's own words; OSError where it cannot be reached.
    """
    if bench.socket:
        sock = socket.socket(socket.AF_UNIX)
        address: Any = bench.socket
    else:
        sock = socket.socket()
        address = ("127.0.0.1", bench.port)
    with sock:
        sock.settimeout(WAIT)
        sock.connect(address)
        sock.sendall(json.dumps({"token": bench.token, "do": do, **what}).encode() + b"\n")
        with sock.makefile("rb") as answer:
            line = answer.readline(LONGEST)
    try:
        said = json.loads(line)
    except ValueError:
        raise OSError(f"the bench with pid {bench.pid} did not answer") from None
    if not said.get("ok"):
        raise ConfigError(str(said.get("error", "no reason given")), cure=str(said.get("cure", "")))
    return said["result"]

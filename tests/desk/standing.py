"""A console that stands on a real bench, and a person who asks it things over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sockwright.desk.mount import Console
from sockwright.endpoint import Peer, parse
from sockwright.stores.mailbox import Mailbox, MemoryMailbox
from sockwright.workbench import BenchThread

# Nothing here takes longer, unless it hangs (seconds).
WAIT = 20.0


@dataclass
class Answer:
    """What came back."""

    status: int
    fields: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Standing:
    """A bench with a console."""

    bench: BenchThread
    console: Console
    mailbox: Mailbox
    troubles: list[str]

    @property
    def port(self) -> int:
        return self.console.door.port

    @property
    def token(self) -> str:
        return self.console.door.token

    def ask(
        self, method: str, path: str, body: Any = None, fields: Mapping[str, str] | None = None, *, bearer: bool = True
    ) -> Answer:
        """Ask for `path` with the token, unless `fields` say otherwise; a body that is no bytes goes as JSON."""
        given = {"Authorization": f"Bearer {self.token}"} if bearer else {}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request(method, path, body, {**given, **(fields or {})})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the JSON at `path`, which must be there."""
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.json

    def say(self, at: Peer, data: bytes) -> bytes:
        """Say `data` to a service, half-close, and return all that comes."""
        with socket.create_connection(at, timeout=WAIT) as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            said = b""
            while piece := peer.recv(65536):
                said += piece
            return said


@contextmanager
def standing(**options: Any) -> Iterator[Standing]:
    """Hold a bench with a console."""
    mailbox = MemoryMailbox()
    troubles: list[str] = []
    with BenchThread(mailbox=mailbox, **options) as bench:

        async def mount() -> Console:
            console = Console(bench.workbench, lan=False, trouble=troubles.append)
            console.listen(parse("http://:0", "http"), move=False)
            return console

        async def close(console: Console) -> None:
            console.close()

        console = bench.call(mount())
        try:
            yield Standing(bench, console, mailbox, troubles)
        finally:
            bench.call(close(console))
    assert not troubles
    assert not bench.troubles


@contextmanager
def watching(here: Standing, after: int | None = None, **fields: str) -> Iterator[Viewer]:
    """Hold a live stream."""
    path = "/api/events/stream" + ("" if after is None else f"?after={after}")
    connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=WAIT)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {here.token}", **fields})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        # What happens from here on is told: these words come once the feed follows.
        assert answer.readline() == b"retry: 1000\n"
        assert answer.readline().startswith(b": ")
        yield Viewer(answer)
    finally:
        connection.close()


class Viewer:
    """One live stream, read event by event."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer
        self.last = 0

    def next(self) -> tuple[str, Any]:
        """Return kind and data of the next event; comments are passed over."""
        found: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line:
                if "event" in found:
                    self.last = int(found["id"])
                    return found["event"], json.loads(found["data"])
                found.clear()
                continue
            name, _, value = line.partition(":")
            found[name] = value.strip()

    def until(self, kind: str, **wanted: Any) -> Any:
        """Return the data of the next event of a kind whose data hold what is wanted."""
        while True:
            found, data = self.next()
            if found == kind and all(data.get(name) == value for name, value in wanted.items()):
                return data

    def until_any(self, kind: str, endpoint: str) -> Any:
        """Return the row of an endpoint in the next event of a kind that has one."""
        while True:
            found, data = self.next()
            rows = [row for row in data if row["endpoint"] == endpoint] if found == kind else []
            if rows:
                return rows[0]

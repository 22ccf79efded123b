"""The real desk: what the console may ask, asked of the bench, its stores, the client and the link checker.

What touches the bench's servers is done in the loop's thread; everything else in the console's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sockwright import __version__
from sockwright.config import duration
from sockwright.console.desk import Counts, Plain
from sockwright.desk import copies, letters
from sockwright.desk.books import BenchBooks
from sockwright.desk.calls import Calls
from sockwright.desk.checks import Checks
from sockwright.desk.commands import commands
from sockwright.desk.people import BenchPeople
from sockwright.errors import ServiceError
from sockwright.journal.transcript import Transcript
from sockwright.services.books import Shelf
from sockwright.services.presence import Registry
from sockwright.workbench import Listening, Workbench

T = TypeVar("T")

# How long the loop may take to answer (seconds): it is busy, or it hangs.
LOOP_WAIT = 5.0


class BenchDesk:
    """The desk of one bench."""

    def __init__(
        self, bench: Workbench, loop: asyncio.AbstractEventLoop, tell: Callable[[str, Any], None], *, lan: bool = False
    ) -> None:
        """`tell` takes events for the feed: kind and data."""
        self._bench = bench
        self._loop = loop
        self._lan = lan
        self.journal = bench.journal
        self.mailbox = bench.context.extra.get("mailbox")
        registry, shelf = (bench.context.extra.get(name) for name in ("people", "codebooks"))
        self.people = BenchPeople(registry) if isinstance(registry, Registry) else None
        self.books = BenchBooks(shelf, bench.context.store) if isinstance(shelf, Shelf) else None
        self._calls = Calls(self.journal)
        self._runs = Checks(tell)

    def in_loop(self, work: Callable[[], T]) -> T:
        """Do `work` in the loop's thread, and wait for it."""

        async def do() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(LOOP_WAIT)

    def _shown(self) -> list[Listening]:
        return [one for one in list(self._bench.listening) if not one.posting.unwatched]

    def state(self) -> Plain:
        run = self.journal.run
        traffic = {one["endpoint"]: one for one in self.traffic()}
        broken = {one["endpoint"]: one for one in self.faults()}
        endpoints = []
        for one in self._shown():
            at = str(one.endpoint)
            endpoints.append(
                {
                    "name": one.name,
                    "scheme": one.endpoint.scheme,
                    "endpoint": at,
                    "port": one.endpoint.port,
                    "moved_from": one.moved_from or None,
                    "tls": one.endpoint.tls,
                    "services": list(one.posting.services),
                    "target": str(one.posting.target) if one.posting.target is not None else None,
                    **traffic[at],
                    "faults": broken.get(at, {}).get("faults", []),
                    "seed": broken.get(at, {}).get("seed", 0),
                    "try": commands(one.name, one.endpoint),
                }
            )
        return {
            "version": __version__,
            "command": run.command,
            "started": run.started,
            "pid": run.pid,
            "run": run.born,
            "seed": run.seed,
            "journal": str(self.journal.path) if self.journal.path is not None else None,
            "trouble": self.journal.trouble,
            "lan": self._lan,
            "endpoints": endpoints,
        }

    def traffic(self) -> Sequence[Plain]:
        rows = []
        for one in self._shown():
            server = one.server
            counts = [each.counts for each in server.connections]
            rows.append(
                {
                    "endpoint": str(one.endpoint),
                    "connections": len(counts),
                    "total": server.total,
                    "received": server.past.received + sum(each.received for each in counts),
                    "sent": server.past.sent + sum(each.sent for each in counts),
                    "refused": server.past.refused,
                }
            )
        return rows

    def live(self) -> Mapping[int, Counts]:
        return {each.number: Counts(*each.counts) for one in self._shown() for each in one.server.connections}

    def faults(self) -> Sequence[Plain]:
        listed: Sequence[Plain] = self._bench.breaking.do("list", {})
        return listed

    def fault_catalogue(self) -> Plain:
        known: Plain = self._bench.breaking.do("catalogue", {})
        return {"catalogue": known["faults"], "profiles": known["profiles"]}

    def break_(self, asked: Mapping[str, Any]) -> Sequence[Plain]:
        wanted = _request(asked)
        changes: Sequence[Plain] = self.in_loop(lambda: self._bench.breaking.do("break", wanted))
        return changes

    def heal(self, name: str) -> Sequence[Plain]:
        changes: Sequence[Plain] = self.in_loop(lambda: self._bench.breaking.do("heal", {"name": name}))
        return changes

    def call(self, asked: Mapping[str, Any]) -> Plain:
        return self._calls.call(asked)

    def send_mail(self, asked: Mapping[str, Any]) -> Plain:
        return letters.send(asked)

    def composed(self, transcript: Transcript) -> Plain | None:
        return copies.composed(transcript)

    def copy(self, transcript: Transcript, form: str) -> str | None:
        return copies.copy(transcript, form)

    def start_check(self, asked: Mapping[str, Any]) -> Plain:
        return self._runs.start(asked)

    def checks(self) -> Sequence[Plain]:
        return self._runs.all()

    def check(self, id: str) -> Plain | None:
        return self._runs.one(id)

    def stop_check(self, id: str) -> None:
        self._runs.stop(id)

    def close(self) -> None:
        """End what is under way."""
        self._runs.close()


def _request(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Breaking.do` takes for what a page asks. Raises: ServiceError."""
    name, texts = asked.get("name"), asked.get("faults", [])
    if not isinstance(name, str) or not name:
        raise ServiceError("name is a service, an endpoint, a port, or * for all", code=400)
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise ServiceError("faults is a list of texts, such as latency=200ms", code=400)
    direction = asked.get("direction") or "both"
    if direction not in ("up", "down", "both"):
        raise ServiceError("direction is up, down or both", code=400)
    wanted: dict[str, Any] = {"name": name, "faults": texts}
    wanted |= {"up": direction == "up", "down": direction == "down"}
    try:
        if asked.get("rate") not in (None, ""):
            wanted["share"] = _share(asked["rate"])
        if asked.get("for") not in (None, ""):
            given = asked["for"]
            wanted["seconds"] = float(given) if isinstance(given, int | float) else duration(str(given))
        if asked.get("seed") not in (None, ""):
            wanted["seed"] = int(asked["seed"])
    except (TypeError, ValueError) as wrong:
        raise ServiceError(f"rate is a share like 10%, for a time like 30s, seed a number: {wrong}", code=400) from None
    if asked.get("profile"):
        wanted["profile"] = str(asked["profile"])
    return wanted


def _share(given: Any) -> float:
    """Return a share of the connections: 0.1, or `10%`."""
    text = str(given).strip()
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)

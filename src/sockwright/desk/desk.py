"""The real desk: what the console may ask, asked of the bench, its stores, the client and the link checker.

What touches the bench's servers is done in the loop's thread; everything else in the console's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sockwright import __version__
from sockwright.console.desk import Counts, Plain
from sockwright.desk.commands import commands
from sockwright.workbench import Listening, Workbench

T = TypeVar("T")

# How long the loop may take to answer (seconds): it is busy, or it hangs.
LOOP_WAIT = 5.0


class BenchDesk:
    """The desk of one bench."""

    def __init__(self, bench: Workbench, loop: asyncio.AbstractEventLoop, *, lan: bool = False) -> None:
        self._bench = bench
        self._loop = loop
        self._lan = lan
        self.journal = bench.journal
        self.mailbox = bench.context.extra.get("mailbox")
        self.people = None
        self.books = None

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
        faults = {one["endpoint"]: one for one in self.faults()}
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
                    "faults": faults.get(at, {}).get("faults", []),
                    "seed": faults.get(at, {}).get("seed", 0),
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

    def fault_catalogue(self) -> Sequence[Plain]:
        return ()

    def break_(self, asked: Mapping[str, Any]) -> Sequence[Plain]:
        changes: Sequence[Plain] = self.in_loop(lambda: self._bench.breaking.do("break", asked))
        return changes

    def heal(self, name: str) -> Sequence[Plain]:
        changes: Sequence[Plain] = self.in_loop(lambda: self._bench.breaking.do("heal", {"name": name}))
        return changes

    def call(self, asked: Mapping[str, Any]) -> Plain:
        raise NotImplementedError

    def send_mail(self, asked: Mapping[str, Any]) -> Plain:
        raise NotImplementedError

    def copy(self, number: int, form: str) -> str | None:
        return None

    def start_check(self, asked: Mapping[str, Any]) -> Plain:
        raise NotImplementedError

    def checks(self) -> Sequence[Plain]:
        return ()

    def check(self, id: str) -> Plain | None:
        return None

    def stop_check(self, id: str) -> None:
        return None

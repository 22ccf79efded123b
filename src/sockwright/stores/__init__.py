"""What is remembered: the seam `Store`, and where one is opened.

A store keeps *tables* (names to dictionaries of bytes) that outlive the process: acknowledged means kept. And it knows
who is *present*: entries that are there as long as the process that made them, and no longer.

    memory                          nothing outlives the process; for tests
    state.db, sqlite:PATH[?mode=ro] one file (SQLite), shared by all processes on this machine; the default
    redis://HOST:PORT/DB            one Redis or Valkey, shared by several nodes, which then are one bench

Every method may wait (for a disk, for a network), so whoever must not calls from a worker's thread; `arrive` and
`depart` alone return at once. What a table means is left to whoever uses it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from sockwright.config import suggest
from sockwright.errors import ConfigError, ServiceError

# URL scheme -> module in this room that has `open_store(url)`.
STORES: Mapping[str, str] = {
    "memory": "memory",
    "sqlite": "sqlite",
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
}


class Unavailable(ServiceError):
    """The state cannot be had or changed now. Nothing was changed, and nothing acknowledged is lost."""

    def __init__(self, why: str) -> None:
        super().__init__(f"state unavailable: {why}", code=503)


class Stale(Exception):
    """Somebody else changed the table since it was read; nothing was changed. Read it again."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one table, in the order of revisions.

    `put` and `drop` say all of it, unless `whole`: then it must be read anew, or is `gone`.
    """

    table: str
    revision: int
    put: Mapping[bytes, bytes] = field(default_factory=dict)
    drop: Sequence[bytes] = ()
    whole: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody who is there. `number` is unique in the store, `node` the process that holds the connection."""

    number: int
    node: str
    about: bytes


@dataclass(frozen=True, slots=True)
class Follower:
    """Who is told, in a thread of the store's: `changed` of tables, `arrived` and `departed` of those present.

    `dismissed` says that somebody asked for this number to go. `trouble` says why nothing can be had now, and "" once
    it can again; by then all that was missed has been told.
    """

    changed: Callable[[Sequence[Change]], None] = lambda changes: None
    arrived: Callable[[Sequence[Presence]], None] = lambda who: None
    departed: Callable[[Sequence[int]], None] = lambda numbers: None
    dismissed: Callable[[int], None] = lambda number: None
    trouble: Callable[[str], None] = lambda why: None


class Store(Protocol):
    """Three makers, one behaviour; `tests/stores` holds them to it. `warning`: what should be known of this one."""

    url: str
    warning: str

    @property
    def fresh(self) -> bool:
        """Tell whether nothing was ever kept here."""

    def tables(self) -> Mapping[str, int]:
        """Return each table's name and how many entries it has.

        Raises: Unavailable, as everything here.
        """

    def read(self, table: str) -> tuple[int, dict[bytes, bytes]]:
        """Return the table's revision and all its entries; revision 0 and none where there is no such table."""

    def change(
        self,
        table: str,
        put: Mapping[bytes, bytes] = {},
        drop: Sequence[bytes] = (),
        *,
        replace: bool = False,
        expect: int | None = None,
    ) -> int:
        """Change a table, or make it, and return its new revision once that is kept for good; whole or not at all.

        `replace`: what is not in `put` goes.

        Raises: Stale where its revision is not `expect`; Unavailable where it cannot be kept.
        """

    def remove(self, table: str) -> bool:
        """Remove a table; tell whether there was one."""

    def arrive(self, about: bytes) -> Future[int]:
        """Let somebody be present; the result is the number, once everybody may know."""

    def depart(self, number: int) -> None:
        """Let somebody of ours be present no more."""

    def present(self) -> Sequence[Presence]:
        """Return who is present, of all nodes, by number."""

    def dismiss(self, number: int) -> bool:
        """Ask that somebody goes, wherever the connection is; tell whether there is such a one."""

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Tell `follower` what happens from now on; return how to stop that."""

    def close(self) -> None:
        """Let everybody of ours depart, and close what is open."""


async def settled(future: Future[int]) -> int:
    """Wait in a loop for what a store promised."""
    return future.result() if future.done() else await asyncio.wrap_future(future)


def open_store(url: str) -> Store:
    """Open the store at `url`; see the head of this module. A bare path is a SQLite file.

    Raises: ConfigError for what is no store; Unavailable where it is not there.
    """
    scheme = urlsplit(url).scheme.lower() if "://" in url or url.startswith("sqlite:") else ""
    if url in ("memory", "memory:"):
        scheme = "memory"
    elif not scheme:
        scheme, url = "sqlite", f"sqlite:{url}"
    if scheme not in STORES:
        from importlib.metadata import entry_points  # 20 ms that a built-in store need not pay

        for entry in entry_points(group="sockwright.stores"):
            if entry.name == scheme:
                theirs: Store = entry.load()(url)
                return theirs
        raise ConfigError(
            f"there is no store of the kind {scheme!r}.{suggest(scheme, STORES)}",
            cure="--store sqlite:PATH, redis://HOST:PORT/DB or memory",
        )
    opened: Store = importlib.import_module(f"{__name__}.{STORES[scheme]}").open_store(url)
    return opened


def file_of(url: str) -> tuple[Path, bool]:
    """Return the path that a `sqlite:` URL names, and whether it is for reading alone (`?mode=ro`)."""
    path, _, query = url.removeprefix("sqlite:").partition("?")
    if path.startswith("//"):
        path = path[2:]
    return Path(path).expanduser(), dict(parse_qsl(query)).get("mode") == "ro"

"""The terms of a run: what it begins with, how far it goes, where outcomes come from, who is told, what is counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from sockwright.links.fetcher import Outcome, Task
from sockwright.links.page import Link
from sockwright.links.verdict import Verdict

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

PAGES_MAX = 5_000
DEPTH_MAX = 20
RUN_MAX = 600.0  # seconds


class Report(Protocol):
    """Who is told of links as their verdicts come."""

    def link(self, page: str, link: Link, verdict: Verdict) -> None: ...

    def progress(self, crawler: Crawler) -> None: ...


class Source(Protocol):
    """Where outcomes come from: the fetcher, or workers elsewhere."""

    @property
    def idle(self) -> bool: ...

    def submit(self, task: Task) -> None: ...

    def step(self, seconds: float) -> list[tuple[Task, Outcome]]: ...

    def drain(self) -> list[Task]: ...


class Bounds(Struct, frozen=True):
    """How far a run goes."""

    recursive: bool = False
    depth: int = DEPTH_MAX
    pages: int = PAGES_MAX
    seconds: float = RUN_MAX


class Input(Struct):
    """Something to begin with: a URL to fetch, a file to read, or what was piped in."""

    url: str  # canonical; file: for files, empty for what was piped in
    name: str = ""  # as the user wrote it
    path: Path | None = None
    content: bytes | None = None
    content_type: str = ""


class Tally(Struct):
    """What was counted."""

    pages: int = 0
    links: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)  # limits that were reached -> how often

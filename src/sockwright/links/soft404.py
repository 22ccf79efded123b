"""Pages that say "not found" with status 200, found out by comparing, not by phrases (`--soft-404`).

For each directory a name is asked that cannot exist. Where the server answers it with a page, or a redirect, every
page of that directory that says the same, or redirects to the same place, is as little there as that one.

A `Source` around another one: outcomes wait in it until their directory's probe is back.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from sockwright.links.asking import Body
from sockwright.links.credentials import bare
from sockwright.links.fetcher import Outcome, Task
from sockwright.links.terms import Source

ALIKE = 0.85  # share of three-word runs that two pages have in common, from which they say the same
_RUNS_MAX = 5_000  # of one page that are compared
_DIRECTORIES_MAX = 20_000


@dataclass(slots=True)
class _Directory:
    """What a server says to a name that cannot exist in one directory."""

    known: bool = False
    text: frozenset[int] | None = None  # of the page it shows; None for an honest answer
    location: str = ""  # where it redirects to
    waiting: list[tuple[Task, Outcome]] = field(default_factory=list)


class SoftSource:
    """Finds soft 404s among another source's outcomes."""

    def __init__(self, source: Source, *, name: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        self._source = source
        self._name = name
        self._directories: dict[str, _Directory] = {}
        self._ready: deque[tuple[Task, Outcome]] = deque()

    @property
    def idle(self) -> bool:
        return not self._ready and self._source.idle

    def submit(self, task: Task) -> None:
        if task.body < Body.TEXT:
            task.body = Body.TEXT
        self._source.submit(task)

    def step(self, seconds: float) -> list[tuple[Task, Outcome]]:
        for task, outcome in self._source.step(0.0 if self._ready else seconds):
            if isinstance(task.owner, _Directory):
                self._know(task.owner, outcome, task.url)
            elif outcome.kind in ("ok", "flaky", "redirect") and _is_below_root(task.url):
                self._compare(task, outcome)
            else:
                self._ready.append((task, outcome))
        found = list(self._ready)
        self._ready.clear()
        return found

    def drain(self) -> list[Task]:
        self._ready.clear()
        return self._source.drain()

    def _compare(self, task: Task, outcome: Outcome) -> None:
        name = _directory_of(task.url)
        directory = self._directories.get(name)
        if directory is None:
            if len(self._directories) >= _DIRECTORIES_MAX:
                self._ready.append((task, outcome))
                return
            directory = self._directories[name] = _Directory()
            self._source.submit(Task(name + self._name() + _suffix_of(task.url), Body.TEXT, owner=directory))
        if directory.known:
            self._ready.append((task, _judged(outcome, directory, task.url)))
        else:
            directory.waiting.append((task, outcome))

    def _know(self, directory: _Directory, outcome: Outcome, url: str) -> None:
        directory.known = True
        if outcome.kind in ("ok", "flaky") and outcome.text is not None:
            directory.text = _runs(outcome.text, url)
        elif outcome.kind == "redirect":
            directory.location = outcome.location
        waiting, directory.waiting = directory.waiting, []
        self._ready.extend((task, _judged(found, directory, task.url)) for task, found in waiting)


def _judged(outcome: Outcome, directory: _Directory, url: str) -> Outcome:
    if outcome.kind == "redirect":
        if outcome.location != directory.location:
            return outcome
        words = f"{outcome.reason} to {bare(outcome.location)}, as is every name that does not exist (soft 404)"
        return replace(outcome, kind="broken", reason=words)
    if outcome.text is None or directory.text is None or not alike(_runs(outcome.text, url), directory.text):
        return outcome
    words = f"{outcome.reason}, but the page is the same for a name that does not exist (soft 404)"
    return replace(outcome, kind="broken", reason=words, page=None)


def _runs(text: str, url: str) -> frozenset[int]:
    """Return the runs of three words in a page, without its own name, which many such pages repeat."""
    own = url.partition("?")[0].rstrip("/").rpartition("/")[2].casefold()
    words = text.casefold().split()
    if own:
        words = [word for word in words if own not in word]
    if len(words) < 3:
        return frozenset((hash(" ".join(words)),))
    return frozenset(hash(run) for run in zip(words[:_RUNS_MAX], words[1:], words[2:], strict=False))


def alike(one: frozenset[int], other: frozenset[int]) -> bool:
    """Tell whether two pages say the same (Jaccard's index of their runs of words)."""
    return len(one & other) >= ALIKE * len(one | other)


def _is_below_root(url: str) -> bool:
    path = url.partition("?")[0].split("/", 3)
    return url.startswith("http") and len(path) > 3 and path[3] != ""


def _directory_of(url: str) -> str:
    return url.partition("?")[0].rstrip("/").rpartition("/")[0] + "/"


def _suffix_of(url: str) -> str:
    path = url.partition("?")[0]
    if path.endswith("/"):
        return "/"
    name = path.rpartition("/")[2]
    return "." + name.rpartition(".")[2] if "." in name else ""

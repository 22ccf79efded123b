"""Runs of the link checker on the console's behalf: each in a thread of its own, with what it found by page."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sockwright.desk import consoles
from sockwright.endpoint import parse
from sockwright.errors import ConfigError, ServiceError
from sockwright.links.crawler import Crawler
from sockwright.links.inputs import inputs_of
from sockwright.links.page import Link
from sockwright.links.policy import FAILING
from sockwright.links.reports import Summary
from sockwright.links.run import Options
from sockwright.links.run import check as run_check
from sockwright.links.terms import PAGES_MAX, Bounds
from sockwright.links.verdict import Verdict
from sockwright.wire.visible import visible

# Runs at once, and runs that are remembered.
AT_ONCE = 2
KEPT = 20
# Broken links of one run that are kept.
FOUND = 2_000
# A run ends by then (seconds).
LONGEST = 600.0
DEPTH = 20
# Between two words of how far a run is (seconds).
PACE = 0.5

Tell = Callable[[str, Any], None]


class Checks:
    """The runs of one console. `tell` hears how far they are."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a run. Raises: ConfigError, ServiceError."""
        url = asked.get("url")
        if not isinstance(url, str) or not url.strip():
            raise ServiceError("url is the address of a page", code=400)
        url = url.strip() if "://" in url or url.startswith(":") else f"http://{url.strip()}"
        if not url.startswith(("http://", "https://", ":")):
            raise ServiceError("only http:// and https:// are checked here; files are for `sockwright links`", code=400)
        consoles.refuse(parse(url, "http"), "the link checker")
        bounds = Bounds(
            recursive=bool(asked.get("recursive")),
            depth=_whole(asked, "depth", DEPTH, DEPTH),
            pages=_whole(asked, "pages", 1_000, PAGES_MAX),
            seconds=LONGEST,
        )
        inputs = inputs_of([url], lambda: b"")
        with self._lock:
            if sum(one.state == "running" for one in self._runs.values()) >= AT_ONCE:
                raise ServiceError(f"{AT_ONCE} runs are under way already; wait for one, or end it", code=503)
            run = _Run(url, bounds, self._tell)
            self._runs[run.id] = run
            for old in [id for id, one in self._runs.items() if one.state != "running"][
                : max(0, len(self._runs) - KEPT)
            ]:
                del self._runs[old]
        run.start(inputs)
        return run.as_dict()

    def all(self) -> Sequence[dict[str, Any]]:
        with self._lock:
            return [one.as_dict(whole=False) for one in reversed(self._runs.values())]

    def one(self, id: str) -> dict[str, Any] | None:
        with self._lock:
            run = self._runs.get(id)
        return None if run is None else run.as_dict()

    def stop(self, id: str) -> None:
        with self._lock:
            run = self._runs.pop(id, None)
        if run is None:
            raise ServiceError("there is no such run", code=404)
        run.stop()

    def close(self) -> None:
        """End all runs."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.stop()


def _whole(asked: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = asked.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ServiceError(f"{name} is a whole number", code=400)
    return min(value, most)


class _Run:
    """One run; the reporter of itself."""

    def __init__(self, url: str, bounds: Bounds, tell: Tell) -> None:
        self.id = secrets.token_hex(6)
        self.url = url
        self.state = "running"
        self._bounds = bounds
        self._tell = tell
        self._lock = threading.Lock()
        self._crawler: Crawler | None = None
        self._stopped = False
        self._began = time.time()
        self._seconds = 0.0
        self._told = 0.0
        self._pages = self._checked = self._urls = self._count = 0
        self._classes: dict[str, int] = {}
        self._limits: dict[str, int] = {}
        self._broken: dict[str, list[dict[str, Any]]] = {}
        self._trouble = ""
        self._thread = threading.Thread(target=self._work, name="console-links", daemon=True)

    def start(self, inputs: Any) -> None:
        self._inputs = inputs
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        if self._crawler is not None:
            self._crawler.stopped = True

    def _work(self) -> None:
        options = Options(bounds=self._bounds, avoid=consoles.avoided())
        try:
            run_check(self._inputs, options, [self])
            self.state = "stopped" if self._stopped else "done"
        except (ConfigError, OSError) as wrong:
            self.state, self._trouble = "failed", str(wrong)
        except Exception as wrong:  # noqa: BLE001 - a thread of ours must not end without a word
            self.state, self._trouble = "failed", f"a mistake in the link checker: {type(wrong).__name__}: {wrong}"
        self._seconds = time.time() - self._began
        self._tell("links", self.as_dict(whole=False))

    # -- what a run is told

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        with self._lock:
            self._checked += 1
            self._classes[verdict.kind] = self._classes.get(verdict.kind, 0) + 1
            if verdict.kind not in FAILING:
                return
            self._count += 1
            if self._count <= FOUND:
                self._broken.setdefault(page, []).append(
                    {
                        "url": visible(link.url, 2000),
                        "raw": visible(link.raw, 2000),
                        "line": link.line,
                        "column": link.column,
                        "class": verdict.kind,
                        "status": verdict.status or None,
                        "reason": visible(verdict.reason, 500),
                        "text": visible(link.text, 200),
                    }
                )

    def progress(self, crawler: Crawler) -> None:
        self._crawler = crawler
        if self._stopped:
            crawler.stopped = True
        self._pages, self._urls = crawler.tally.pages, crawler.urls
        now = time.monotonic()
        if now - self._told >= PACE:
            self._told = now
            self._tell("links", self.as_dict(whole=False))

    def finish(self, summary: Summary) -> None:
        self._pages, self._urls, self._limits = summary.pages, summary.urls, dict(summary.limits)

    def as_dict(self, *, whole: bool = True) -> dict[str, Any]:
        with self._lock:
            told: dict[str, Any] = {
                "id": self.id,
                "url": self.url,
                "state": self.state,
                "recursive": self._bounds.recursive,
                "began": self._began,
                "seconds": round(self._seconds or time.time() - self._began, 3),
                "checked": self._checked,
                "found": self._urls,
                "pages": self._pages,
                "broken_count": self._count,
                "classes": dict(self._classes),
                "limits": dict(self._limits),
                "error": {"what": self._trouble, "cure": ""} if self._trouble else None,
            }
            if whole:
                told["broken"] = [{"page": page, "links": list(links)} for page, links in self._broken.items()]
        return told

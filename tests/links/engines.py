"""Asking with each engine, for tests."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from sockwright.links.asking import Body, Limits
from sockwright.links.fetcher import Fetcher, Outcome, Settings, Task
from sockwright.links.run import Options, engine_of

QUICK = Limits(connect=1.0, first_byte=0.6, total=1.2)


def fetch(
    urls: str | Iterable[str],
    *,
    engine: str = "curl",
    body: Body = Body.PAGE,
    limits: Limits = QUICK,
    robots: bool = False,
    settings: Settings | None = None,
    **options: Any,
) -> dict[str, Outcome]:
    """Ask `urls` and return their outcomes."""
    wanted = [urls] if isinstance(urls, str) else list(urls)
    settings = replace(settings or Settings(robots=robots), limits=limits)
    speaker = engine_of(Options(settings=settings, engine=engine, **options))
    fetcher = Fetcher(speaker, settings)
    outcomes: dict[str, Outcome] = {}
    end = time.monotonic() + 60
    try:
        for url in wanted:
            fetcher.submit(Task(url, body))
        while not fetcher.idle and time.monotonic() < end:
            for task, outcome in fetcher.step(0.2):
                assert task.url not in outcomes, f"{task.url} has two outcomes"
                outcomes[task.url] = outcome
    finally:
        speaker.close()
    assert set(outcomes) == set(wanted)
    return outcomes


def one(url: str, **options: Any) -> Outcome:
    return fetch(url, **options)[url]

"""Puts a run together: engine, fetcher, crawler, reports; and says how it ended."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from sockwright.errors import ConfigError
from sockwright.links.asking import USER_AGENT, Engine
from sockwright.links.crawler import Crawler
from sockwright.links.credentials import NO_CREDENTIALS, Credentials, masked
from sockwright.links.fetcher import Fetcher, Settings
from sockwright.links.local import url_of
from sockwright.links.page import Link
from sockwright.links.policy import FAILING
from sockwright.links.private import Avoid
from sockwright.links.reports import Reporter, Reports, Summary
from sockwright.links.scope import Scope, patterns
from sockwright.links.terms import Bounds, Input, Source

if TYPE_CHECKING:
    from sockwright.links.dispatch import Dispatch
    from sockwright.links.memory import Memory
    from sockwright.links.parcels import About
    from sockwright.links.second import Second

ENGINES = ("curl", "urllib")


class Options(Struct, frozen=True):
    """All that a run can be told."""

    settings: Settings = field(default_factory=Settings)
    bounds: Bounds = field(default_factory=Bounds)
    engine: str = "curl"
    user_agent: str = USER_AGENT
    credentials: Credentials = NO_CREDENTIALS
    public_only: bool = False
    resolve: tuple[str, ...] = ()  # "host:port:address"
    ca_file: str = ""
    proxy: str | None = None
    scope: tuple[str, ...] = ()  # URL prefixes; empty: the hosts of the inputs
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    root: Path | None = None  # what "/" means in local pages
    failing: frozenset[str] = FAILING
    store: Path | None = None  # where results are remembered; None for nowhere
    shared: str = ""  # URL of the Redis through which workers share the run
    work: bool = True  # work along on a shared run
    soft_404: bool = False
    mx: bool = False
    name_servers: tuple[tuple[str, int], ...] | None = None  # None: the system's
    resume: bool = False
    avoid: Avoid | None = None  # where nobody may be led, whoever asks
    max_age: float = 0.0  # seconds that a good result is believed without asking
    alone: bool = False  # the process has no threads and no other work: a large run may fork a second one


def engine_of(options: Options) -> Engine:
    """Return the engine that `options` name.

    Raises: ConfigError where it is not there.
    """
    if options.engine == "curl":
        try:
            from sockwright.links.engine_curl import CurlEngine
        except ImportError as missing:
            raise ConfigError(f"libcurl is not there: {missing}", cure="--engine urllib does without") from None
        return CurlEngine(
            options.settings.limits,
            user_agent=options.user_agent,
            public_only=options.public_only,
            resolve=options.resolve,
            ca_file=options.ca_file,
            proxy=options.proxy,
            avoid=options.avoid,
        )
    if options.engine == "urllib":
        from sockwright.links.engine_urllib import UrllibEngine

        return UrllibEngine(
            options.settings.limits,
            user_agent=options.user_agent,
            public_only=options.public_only,
            resolve=options.resolve,
            ca_file=options.ca_file,
            proxy=options.proxy,
            avoid=options.avoid,
        )
    raise ConfigError(f"there is no engine {options.engine!r}", cure=f"engines: {', '.join(ENGINES)}")


def scope_of(options: Options) -> Scope:
    """Return the scope that `options` draw.

    Raises: ConfigError for a pattern that is none.
    """
    try:
        scope = Scope(set(options.scope), patterns(options.include), patterns(options.exclude), bool(options.scope))
    except re.error as wrong:
        raise ConfigError(f"not a regular expression: {wrong}") from None
    if options.root is not None:
        scope.prefixes.add(url_of(options.root).rstrip("/") + "/")
    return scope


def open_memory(path: Path, remark: Callable[[str], None]) -> Memory | None:
    """Return the memory at `path`, or None where it cannot be used: a run without it is better than none."""
    import sqlite3

    from sockwright.links.memory import Memory

    try:
        return Memory(path)
    except (sqlite3.Error, OSError) as wrong:
        remark(f"remembering nothing: {path}: {wrong}")
        return None


def _key(names: Sequence[str], options: Options) -> str:
    """Return what makes two runs the same."""
    bounds = options.bounds
    parts = (sorted(names), bounds.recursive, bounds.depth, options.scope, options.include, options.exclude)
    import hashlib

    return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()


def _dispatch(names: Sequence[str], options: Options, remark: Callable[[str], None]) -> Dispatch:
    """Return the source that shares its work through Redis."""
    from sockwright.links.dispatch import Dispatch
    from sockwright.links.parcels import About
    from sockwright.links.worker import Worker
    from sockwright.stores.redis_frontier import RedisFrontier

    frontier = RedisFrontier(options.shared)
    about = About(options.settings, options.user_agent, options.public_only, options.resolve)
    run = _key(names, options)[:16]
    worker = None
    if options.work:
        worker = Worker(frontier, lambda _about: engine_of(options), credentials=options.credentials, only=run)
    dispatch = Dispatch(frontier, run, about, resume=options.resume, worker=worker)
    if options.resume and not dispatch.resumed:
        remark("there is no unfinished run of these inputs: beginning a new one")
    return dispatch


def work(options: Options, *, until_idle: float = 0.0, remark: Callable[[str], None] = lambda _text: None) -> int:
    """Work on shared runs until Ctrl-C, or until there was nothing to do for `until_idle` seconds; return how much."""
    from sockwright.links.worker import Worker
    from sockwright.stores.redis_frontier import RedisFrontier

    def engine(about: About) -> Engine:
        of_run = replace(
            options,
            settings=about.settings,
            user_agent=about.user_agent,
            public_only=about.public_only or options.public_only,
            resolve=(*about.resolve, *options.resolve),
        )
        return engine_of(of_run)

    worker = Worker(RedisFrontier(options.shared), engine, credentials=options.credentials)
    remark(f"working on runs at {options.shared.rpartition('@')[2]}; Ctrl-C stops")
    idle_since = time.monotonic()
    try:
        with _stopped_by_signals(worker):
            while not worker.stopped:
                if worker.turn(0.25) or worker.busy:
                    idle_since = time.monotonic()
                elif until_idle and time.monotonic() - idle_since > until_idle:
                    break
    finally:
        worker.close()
    return worker.finished


class _Stoppable(Protocol):
    stopped: bool


@contextlib.contextmanager
def _stopped_by_signals(who: _Stoppable) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run at the next turn, so that nothing is left half done; a second one at once."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        if who.stopped:
            raise KeyboardInterrupt
        who.stopped = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check(
    inputs: Iterable[Input],
    options: Options,
    reporters: Sequence[Reporter],
    *,
    names: Sequence[str] = (),
    remark: Callable[[str], None] = lambda _text: None,
    engine: Engine | None = None,
    second: Second | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Check all that `inputs` lead to, tell `reporters`, and return the summary. Ctrl-C ends it early and is told.

    `names` are the inputs as the user wrote them: a run of the same names and bounds can be resumed. `second` is a
    process that reads pages, begun already; it ends with the run.
    """
    begun = clock()
    engine = engine or engine_of(options)
    may_fork = options.alone and options.engine == "curl"
    fetcher = Fetcher(engine, options.settings, credentials=options.credentials, second=second, may_fork=may_fork)
    reports = Reports(reporters, options.failing)
    source: Source = fetcher
    shared = _dispatch(names, options, remark) if options.shared else None
    if shared is not None:
        source = shared
    memory = open_memory(options.store, remark) if options.store and shared is None else None
    if memory is not None:
        from sockwright.links.remembering import RememberingSource

        resumed = memory.begin(_key(names, options), resume=options.resume)
        if options.resume and not resumed:
            remark("there is no unfinished run of these inputs: beginning a new one")
        source = RememberingSource(fetcher, memory, max_age=options.max_age, resumed=resumed)
    elif options.resume and shared is None:
        remark("nothing is remembered that could be resumed: beginning a new run")
    if options.soft_404:
        from sockwright.links.soft404 import SoftSource

        source = SoftSource(source)
    mail = None
    if options.mx:
        from sockwright.links.mx import MailSource

        source = mail = MailSource(source, options.name_servers)
    crawler = Crawler(source, reports, scope_of(options), options.bounds, root=options.root, mail=options.mx)
    whole = False
    try:
        with _stopped_by_signals(crawler):
            whole = crawler.run(inputs)
    finally:
        engine.close()
        fetcher.close()
        if mail is not None:
            mail.close()
        if shared is not None:
            shared.close(whole=whole)
        if memory is not None:
            if whole:
                memory.end()
            memory.close()
    for name, verdict in crawler.starts():
        # An input is nobody's link; it only gets a line when there is something to say of it.
        if verdict.kind not in ("ok", "redirected", "flaky"):
            name = masked(name)
            link = Link(raw=name, url=name, line=0, column=0, origin="input", text="", follow=True)
            crawler.tally.classes[verdict.kind] = crawler.tally.classes.get(verdict.kind, 0) + 1
            crawler.tally.links += 1
            reports.link("", link, verdict)
    tally = crawler.tally
    summary = Summary(
        pages=tally.pages,
        links=tally.links,
        urls=crawler.urls,
        classes=tally.classes,
        failed=sum(count for kind, count in tally.classes.items() if kind in options.failing),
        limits=tally.told,
        requests=(shared or fetcher).requests,
        bytes=(shared or fetcher).bodies,
        seconds=round(clock() - begun, 3),
        interrupted=crawler.stopped,
    )
    reports.finish(summary)
    return summary

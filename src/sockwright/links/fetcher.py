"""Gets outcomes for URLs: asks robots.txt first, paces, retries, brings cookies and credentials along.

One task is one URL; where it redirects to is the crawler's next task. The engine speaks HTTP, the frontier says
whose turn it is, the policy what an answer means; here they meet. One thread, no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from sockwright.links.asking import Ask, Body, Engine, Exchange, Limits
from sockwright.links.content import decode_content
from sockwright.links.cookies import Cookies
from sockwright.links.credentials import NO_CREDENTIALS, Credentials, masked
from sockwright.links.frontier import PER_HOST, PER_HOST_LOOPBACK, TOTAL, Frontier, Taken
from sockwright.links.heads import Heads
from sockwright.links.page import LINKS_PER_PAGE, Page, read_page, visible_text
from sockwright.links.policy import (
    RETRY_AFTER_MAX,
    RETRY_DELAYS,
    RETRY_JITTER,
    Judgement,
    Sign,
    after_retry,
    judge,
    readable,
)
from sockwright.links.reader import AFTER, Reader
from sockwright.links.robots import NO_RULES, REDIRECTS_MAX, Forbidden, Rules
from sockwright.links.second import Second, begin
from sockwright.links.url import BadURL, address_of, parse


class Task(Struct):
    """One URL to be asked."""

    url: str  # without fragment; may hold user and password
    body: Body = Body.NONE
    etag: str = ""  # what is known of it from an earlier run
    modified: str = ""
    exempt: bool = False  # named by the user, who needs no leave from robots.txt
    generation: int = 0  # how often it was asked before in this run; what is known of it does not count then
    owner: object = None  # handed back untouched
    robots_for: str = ""  # the origin whose robots.txt this is
    hops: int = 0  # redirects that a robots.txt has led through
    head: str = ""  # "exists" or "missing": HEAD is tried on the host with this
    no_head: bool = False  # HEAD has said nothing good of it: GET must
    put_off: int = 0
    waited: float = 0.0
    failures: list[str] = field(default_factory=list)
    origin: str = ""
    begun: float = 0.0


class Outcome(Struct):
    """What became of a task."""

    kind: str  # a class, or "redirect", or "unchanged"
    reason: str
    status: int = 0
    location: str = ""  # where it redirects to, resolved, with fragment
    permanent: bool = False
    note: str = ""
    page: Page | None = None
    text: str | None = None  # of the page, where it was asked for
    readable: bool = False  # it is a document that could be read, were the body asked for
    spare: tuple[bytes, str] | None = None  # its body and media type, which came although nobody asked for them
    cookies: bool = False  # the answer set some
    etag: str = ""
    modified: str = ""
    exchange: Exchange | None = None  # the proof
    why: dict[str, Any] | None = None  # the proof as it was remembered


class Settings(Struct, frozen=True):
    """How to ask."""

    total: int = TOTAL
    per_host: int = 0  # 0: by the kind of host
    delay: float = 0.0  # seconds between two asks to one host
    robots: bool = True
    retry: bool = True
    links_per_page: int = LINKS_PER_PAGE
    limits: Limits = field(default_factory=Limits)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a canonical http(s) URL: who is asked."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{authority}"


def is_loopback(origin: str) -> bool:
    """Tell whether a canonical origin is this machine."""
    host = origin.partition("://")[2]
    return host.startswith(("127.", "[::1]")) or host.partition(":")[0] == "localhost"


def _validator(value: str) -> str:
    """Return a validator that may be sent back: short, and made of what a field may hold."""
    return value if len(value) <= 200 and value.isascii() and value.isprintable() else ""


def _chance() -> float:
    import random  # most runs have nothing to ask twice

    return random.random()


class Fetcher:
    """Takes tasks, gives outcomes."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        credentials: Credentials = NO_CREDENTIALS,
        second: Second | None = None,
        may_fork: bool = False,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._chance = chance
        self._frontier: Frontier[Task] = Frontier(total=settings.total)
        self._cookies = Cookies()
        self._heads = Heads()
        self._rules: dict[str, Rules | list[Task]] = {}  # a list: the tasks that wait for the rules
        self._finished: list[tuple[Task, Outcome]] = []
        self._held = 0
        self._may_fork = may_fork  # this process is ours alone: a large run may have a second one to read pages
        self._pages = 0
        self._reader: Reader | None = None
        if second is not None:
            self._reader = Reader(second)
            engine.watch(self._reader.fileno())
        self._reading: dict[int, tuple[Task, Outcome, bytes, str]] = {}  # what is being read there, by ticket
        self.requests = 0
        self.bodies = 0  # bytes of bodies that came

    @property
    def idle(self) -> bool:
        return self._frontier.idle and not self._finished and not self._held and not self._reading

    def submit(self, task: Task) -> None:
        """Have `task` asked when its turn comes."""
        origin = task.origin = task.origin or origin_of(task.url)
        self._introduce(origin)
        if not self._settings.robots or task.exempt:
            self._frontier.add(task, origin)
            return
        rules = self._rules.get(origin)
        if rules is None:
            self._rules[origin] = [task]
            self._held += 1
            robots = Task(origin + "/robots.txt", Body.ALL, robots_for=origin, origin=origin)
            self._frontier.add(robots, origin, first=True)
        elif isinstance(rules, list):
            rules.append(task)
            self._held += 1
        else:
            self._admit(task, rules)

    def step(self, seconds: float) -> list[tuple[Task, Outcome]]:
        """Ask what may be asked, wait at most `seconds` for something to end; return what is finished."""
        now = self._clock()
        while taken := self._frontier.take(now):
            self._start(taken)
        self._give_up()
        if not self._finished:
            wake = self._frontier.wake_at()
            if wake is not None:
                seconds = min(seconds, max(0.0, wake - now))
            reader = self._reader
            if reader is None:
                for exchange in self._engine.wait(seconds):
                    self._ended(exchange)
            else:
                ended = self._engine.wait(0.0 if reader.overloaded else seconds)
                for exchange in ended:
                    self._ended(exchange)
                self._collect(reader)
                if not ended and not self._finished and reader.overloaded:
                    self._take_back(reader)
            self._give_up()
        finished, self._finished = self._finished, []
        return finished

    def drain(self) -> list[Task]:
        """Forget what was never asked, and return it. What is under way stays so."""
        tasks = list(self._frontier.drain())
        for rules in self._rules.values():
            if isinstance(rules, list):
                tasks += rules
                rules.clear()
        self._held = 0
        return [task for task in tasks if not task.robots_for and not task.head]

    # --- asking ---------------------------------------------------------------------------------------------------

    def _introduce(self, origin: str) -> None:
        cap = self._settings.per_host or (PER_HOST_LOOPBACK if is_loopback(origin) else PER_HOST)
        self._frontier.host(origin, cap=cap, interval=self._settings.delay)

    def _admit(self, task: Task, rules: Rules) -> None:
        if rules.allows(task.url):
            self._frontier.add(task, task.origin)
        else:
            why = "unreachable, so nothing is allowed" if isinstance(rules, Forbidden) else "it disallows this path"
            self._finished.append((task, Outcome("robots", f"robots.txt: {why}")))

    def _start(self, taken: Taken[Task]) -> None:
        task = taken.item
        task.begun = taken.at
        url, fields = self._credentials.apply(task.url)
        if task.etag:
            fields = (*fields, ("If-None-Match", task.etag))
        if task.modified:
            fields = (*fields, ("If-Modified-Since", task.modified))
        if cookie := self._cookies.field(url):
            fields = (*fields, ("Cookie", cookie))
        self.requests += 1
        head = task.head or (task.body is Body.NONE and not task.no_head and self._heads.trusted(task.origin, url))
        self._engine.start(Ask(url, "HEAD" if head else "GET", task.body, fields, task))

    def _give_up(self) -> None:
        for task, trouble in self._frontier.given_up():
            if task.robots_for:
                self._know(task.robots_for, NO_RULES)
                continue
            if task.head:
                continue
            if not isinstance(trouble, Exchange):
                self._finish(task, Outcome("skipped", "never asked"))
                continue
            found = judge(trouble, time.time())
            reason = f"{found.reason} (host given up after {trouble.ask.url})"
            if task.failures:
                reason = task.failures[-1]
            self._finish(task, Outcome(found.kind, reason, found.status, exchange=trouble))

    # --- answers --------------------------------------------------------------------------------------------------

    def _ended(self, exchange: Exchange) -> None:
        task = exchange.ask.owner
        assert isinstance(task, Task)
        self.bodies += exchange.wire
        decode_content(exchange, self._settings.limits)
        cookies = self._cookies.receive(exchange.ask.url, exchange.fields)
        found = judge(exchange, time.time())
        now = self._clock()
        self._frontier.ended(
            task.origin,
            found.sign,
            now,
            begun=task.begun,
            latency=exchange.latency,
            retry_after=found.retry_after,
            trouble=exchange,
        )
        if exchange.ask.method == "HEAD" and self._headed(task, exchange, found):
            return
        if self._again(task, found, now):
            return
        if task.robots_for:
            self._robots(task, exchange, found)
            return
        found = after_retry(found, task.failures)
        outcome = Outcome(
            found.kind,
            found.reason,
            found.status,
            permanent=found.permanent,
            note=found.note,
            cookies=cookies,
            exchange=exchange,
        )
        if found.kind == "redirect":
            self._locate(outcome, exchange, found)
        elif found.kind in ("ok", "flaky"):
            away = self._read(task, outcome, exchange)
            if exchange.cut == "not needed" and task.body is Body.NONE:
                self._try_head(task, exchange.ask.url)
            if away:
                return
        self._finish(task, outcome)

    def _headed(self, task: Task, exchange: Exchange, found: Judgement) -> bool:
        """Deal with the answer to HEAD; tell whether nothing else is to be done with it."""
        if task.head:
            self._heads.learn(task.origin, exchange, exists=task.head == "exists")
            return True
        if found.kind in ("ok", "redirect", "unchanged"):
            return False
        task.no_head = True
        self._frontier.add(task, task.origin)
        return True

    def _try_head(self, task: Task, url: str) -> None:
        """Find out whether HEAD can be believed on a host, after the GET of `url` was hung up."""
        for kind, one in zip(("exists", "missing"), self._heads.hung_up(task.origin, url) or (), strict=False):
            self._frontier.add(Task(one, origin=task.origin, head=kind), task.origin, first=True)

    def _again(self, task: Task, found: Judgement, now: float) -> bool:
        """Have the task asked once more, if what was found is worth it."""
        if found.sign is Sign.SLOW_DOWN:
            wished = found.retry_after or 0.0
            task.put_off += 1
            task.waited += wished
            if task.put_off >= found.tries or task.waited > RETRY_AFTER_MAX or not self._settings.retry:
                return False
            self._frontier.add(task, task.origin)
            return True
        tries = len(task.failures)
        if task.robots_for and found.status < 500:
            return False
        if tries >= min(found.tries, len(RETRY_DELAYS)) or not self._settings.retry:
            return False
        task.failures.append(found.reason)
        delay = RETRY_DELAYS[tries] * (1 + RETRY_JITTER * (2 * self._chance() - 1))
        self._frontier.later(task, task.origin, now + delay)
        return True

    def _locate(self, outcome: Outcome, exchange: Exchange, found: Judgement) -> None:
        try:
            target = parse(found.location, parse(exchange.ask.url))
        except BadURL as wrong:
            outcome.kind = "broken"
            outcome.reason = masked(f"{found.reason} to {found.location!r:.200}, which is no URL: {wrong}")
            return
        outcome.location = str(target)

    def _read(self, task: Task, outcome: Outcome, exchange: Exchange) -> bool:
        """Read what the answer brought; tell whether its page is read elsewhere and the outcome comes later."""
        away = False
        content_type = exchange.value("content-type")
        outcome.etag = _validator(exchange.value("etag"))
        outcome.modified = _validator(exchange.value("last-modified"))
        outcome.readable = readable(content_type)
        if task.body in (Body.PAGE, Body.TEXT) and outcome.readable and not exchange.cut.startswith("its body"):
            if task.body is Body.TEXT:
                outcome.text = visible_text(exchange.content, exchange.ask.url, content_type)
            away = self._send_away(task, outcome, exchange.content, content_type)
            if not away:
                limit = self._settings.links_per_page
                outcome.page = read_page(exchange.content, exchange.ask.url, content_type, limit=limit)
        elif outcome.readable and exchange.content and not exchange.cut and task.body is Body.NONE:
            outcome.spare = (exchange.content, content_type)
        if task.body is not Body.ALL:
            exchange.content = b""
        return away

    def _send_away(self, task: Task, outcome: Outcome, content: bytes, content_type: str) -> bool:
        """Have a page read by the second process, if there is one that has room for it; tell whether that is so."""
        self._pages += 1
        if self._pages == AFTER and self._may_fork and self._reader is None:
            second = begin()
            if second is not None:
                self._reader = Reader(second)
                self._engine.watch(self._reader.fileno())
        if self._reader is None:
            return False
        ticket = self._reader.take(content, task.url, content_type, self._settings.links_per_page)
        if ticket is None:
            return False
        self._reading[ticket] = (task, outcome, content, content_type)
        return True

    def _collect(self, reader: Reader) -> None:
        for ticket, page in reader.collect():
            if page is None:
                self._read_after_all(ticket)
                continue
            task, outcome, _, _ = self._reading.pop(ticket)
            outcome.page = page
            self._finish(task, outcome)
        if reader.gone:
            self._engine.watch(-1)
            self.close()

    def _take_back(self, reader: Reader) -> None:
        """Read a page that waits for the other process, since nothing else is to be done here."""
        ticket = reader.take_back()
        if ticket is not None:
            self._read_after_all(ticket)

    def _read_after_all(self, ticket: int) -> None:
        task, outcome, content, content_type = self._reading.pop(ticket)
        outcome.page = read_page(content, task.url, content_type, limit=self._settings.links_per_page)
        self._finish(task, outcome)

    def close(self) -> None:
        """Let go of the process that reads; the engine is its maker's."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _finish(self, task: Task, outcome: Outcome) -> None:
        self._finished.append((task, outcome))

    # --- robots.txt -----------------------------------------------------------------------------------------------

    def _robots(self, task: Task, exchange: Exchange, found: Judgement) -> None:
        origin = task.robots_for
        if found.kind == "redirect" and task.hops < REDIRECTS_MAX:
            try:
                target = address_of(str(parse(found.location, parse(exchange.ask.url))))
            except BadURL:
                target = ""
            if target.startswith(("http://", "https://")):
                there = origin_of(target)
                self._introduce(there)
                onward = Task(target, Body.ALL, robots_for=origin, hops=task.hops + 1, origin=there)
                self._frontier.add(onward, there, first=True)
                return
        if found.kind == "ok" or (exchange.trouble == "body-time-out" and exchange.content):
            self._know(origin, Rules(exchange.content))
        elif found.status >= 500 and not exchange.trouble:
            self._know(origin, Forbidden())
        else:
            if found.kind in ("time-out", "dns"):
                self._frontier.suspect(origin, exchange)
            self._know(origin, NO_RULES)

    def _know(self, origin: str, rules: Rules) -> None:
        waiting = self._rules.get(origin)
        self._rules[origin] = rules
        if rules.delay:
            self._frontier.pace(origin, rules.delay)
        if isinstance(waiting, list):
            self._held -= len(waiting)
            for task in waiting:
                self._admit(task, rules)

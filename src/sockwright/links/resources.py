"""The URLs of a run and who waits for their verdicts: each URL once, redirects shared, loops found.

A resource is a URL without fragment. One that redirects waits for the one it leads to, so a target that many URLs
redirect to is asked once. A loop is what the chain of waiting resources closes; if an answer on it has set a cookie,
the URL is asked again under the same name, as a browser would.

There may be millions, so one that has its verdict and nothing particular about it is replaced by a shared one, and
anchors are kept of as many pages as fit in memory; a link into another page has it asked again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from sockwright.links.asking import Body
from sockwright.links.fetcher import Task
from sockwright.links.policy import REDIRECTS_MAX
from sockwright.links.verdict import Verdict, through

GENERATIONS_MAX = 3  # times a URL is asked again because a loop through it has set cookies
PROOFS_MAX = 10_000  # exchanges that are kept for further links to what they condemned; 2 kB each
ANCHORS_MAX = 500_000  # ids and names that are kept in memory

NEW, ASKED, REDIRECTED, SETTLED = range(4)

UNSEEN = -1  # no link has asked yet to read it as a page
NEVER = -2  # it lies outside the crawl's scope

# What may be particular about a resource.
COOKIED = 1  # its answer has set cookies
EXEMPT = 2  # named by the user
READABLE = 4  # its document could be read, were it asked for
TAKEN = 8  # its links have been taken


class Resource:
    """A URL without fragment, from its first sight to its verdict."""

    __slots__ = (
        "asked",
        "flags",
        "follow",
        "generation",
        "on",
        "redirects",
        "state",
        "url",
        "verdict",
        "waiters",
        "want",
    )

    def __init__(self, url: str, want: Body = Body.NONE, follow: int = UNSEEN) -> None:
        self.url = url  # empty for one that stands for many
        self.state = NEW
        self.want = want
        self.asked = Body.NONE  # what its last task wanted
        self.follow = follow  # the depth at which it is read as a page, or one of the above
        self.flags = 0
        self.redirects = 0  # that led here, at least
        self.generation = 0
        self.on: Task | Hop | None = None  # the task under way, or where it redirects to
        self.verdict: Verdict | None = None
        self.waiters: int | Resource | list[int | Resource] | None = None  # occurrences, and what redirects here


class Hop(Struct, frozen=True):
    """A redirect from one resource to the next."""

    location: str  # resolved, with fragment
    reason: str  # "301 Moved Permanently"
    permanent: bool
    target: Resource


class Resources:
    """The table of a run's resources."""

    def __init__(self, emit: Callable[[list[int], Verdict], None]) -> None:
        self._emit = emit
        self.by_url: dict[str, Resource] = {}
        self.unsettled = 0
        self._shared: dict[tuple[object, ...], Resource] = {}
        self._anchored: deque[tuple[str, int]] = deque()
        self._anchors = 0
        self._proofs = 0

    def add(self, resource: Resource) -> None:
        self.by_url[resource.url] = resource
        self.unsettled += 1

    def own(self, url: str, resource: Resource) -> Resource:
        """Return a resource of its own for `url`, which may be under a shared one."""
        if resource.url:
            return resource
        own = Resource(url, resource.want, resource.follow)
        own.state, own.asked, own.flags, own.verdict = resource.state, resource.asked, resource.flags, resource.verdict
        self.by_url[url] = own
        return own

    def unsettle(self, resource: Resource) -> None:
        """Take a verdict back: more of the resource is wanted than was asked."""
        resource.verdict = None
        resource.state = NEW
        self.unsettled += 1

    def wait(self, resource: Resource, waiter: int | Resource) -> None:
        waiters = resource.waiters
        if waiters is None:
            resource.waiters = waiter
        elif isinstance(waiters, list):
            waiters.append(waiter)
        else:
            resource.waiters = [waiters, waiter]

    def settle(self, resource: Resource, verdict: Verdict) -> None:
        """Give `resource` its verdict, and all that waited for it theirs."""
        ready = [(resource, verdict)]
        while ready:  # not by recursion: a chain may be as long as a site is large
            resource, verdict = ready.pop()
            if resource.state == SETTLED:
                continue
            resource.verdict = verdict
            resource.state = SETTLED
            self.unsettled -= 1
            waiters, resource.waiters = resource.waiters, None
            if waiters is None:
                continue
            occurrences: list[int] = []
            for waiter in waiters if isinstance(waiters, list) else (waiters,):
                if isinstance(waiter, int):
                    occurrences.append(waiter)
                else:
                    assert isinstance(waiter.on, Hop)
                    ready.append((waiter, through(waiter.url, waiter.on, verdict)))
            self._emit(occurrences, verdict)

    def compact(self, resource: Resource) -> None:
        """Let a settled resource go, if another one can stand for it."""
        verdict = resource.verdict
        if verdict is None or resource.on is not None or resource.generation:
            return
        if verdict.why is not None:
            if self._proofs < PROOFS_MAX:
                self._proofs += 1
                return
            verdict = resource.verdict = replace(verdict, why=None)
        anchors = verdict.anchors
        if anchors is not None and (anchors.names or anchors.text is not None):
            self._anchored.append((resource.url, len(anchors.names) + 10))
            self._anchors += len(anchors.names) + 10
            while self._anchors > ANCHORS_MAX:
                self._forget_anchors(*self._anchored.popleft())
            return
        if self.by_url.get(resource.url) is not resource:
            return
        follow = min(resource.follow, 0)
        key = (verdict, resource.want, resource.asked, follow, resource.flags)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = Resource("", resource.want, follow)
            shared.state, shared.asked, shared.flags, shared.verdict = SETTLED, resource.asked, resource.flags, verdict
        self.by_url[resource.url] = shared

    def _forget_anchors(self, url: str, count: int) -> None:
        self._anchors -= count
        resource = self.by_url.get(url)
        if resource is None or not resource.url or resource.state != SETTLED or resource.verdict is None:
            return
        resource.verdict = replace(resource.verdict, anchors=None)
        resource.want = resource.asked = Body.NONE
        self.compact(resource)

    def redirect(self, resource: Resource, hop: Hop) -> None:
        """Let `resource` share the verdict of the one that it redirects to."""
        resource.on = hop
        target = hop.target
        if target.state == SETTLED and target.verdict is not None:
            self.settle(resource, through(resource.url, hop, target.verdict))
        else:
            resource.state = REDIRECTED
            self.wait(target, resource)

    def loop(self, resource: Resource, target: Resource) -> list[Resource]:
        """Return the resources of the loop that a redirect from `resource` to `target` closes, empty for none."""
        chain = [resource]
        at = target
        while at is not resource:
            if at.state != REDIRECTED or not isinstance(at.on, Hop):
                return []
            chain.append(at)
            at = at.on.target
        return chain

    def again(self, resource: Resource, chain: list[Resource]) -> Resource | None:
        """Return a fresh resource to ask in the place of `resource` because its loop set cookies, None for no use."""
        if not any(one.flags & COOKIED for one in chain):
            return None
        fresh = Resource(resource.url, resource.want, resource.follow)
        fresh.generation = max(one.generation for one in chain) + 1
        fresh.flags = resource.flags & EXEMPT
        fresh.redirects = resource.redirects + 1
        if fresh.generation > GENERATIONS_MAX or fresh.redirects > REDIRECTS_MAX:
            return None
        self.unsettled += 1
        return fresh

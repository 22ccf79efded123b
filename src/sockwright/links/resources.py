"""The URLs of a run and who waits for their verdicts: each URL once, redirects shared, loops found.

A resource is a URL without fragment. One that redirects waits for the one it leads to, so a target that many URLs
redirect to is asked once. A loop is what the chain of waiting resources closes; if an answer on it has set a cookie,
the URL is asked again under the same name, as a browser would.
"""

from __future__ import annotations

from collections.abc import Callable

from sockwright.links.asking import Body
from sockwright.links.fetcher import Task
from sockwright.links.policy import REDIRECTS_MAX
from sockwright.links.verdict import Hop, Verdict, through

_GENERATIONS_MAX = 3  # times a URL is asked again because a loop through it has set cookies

NEW, ASKED, REDIRECTED, SETTLED = range(4)

UNSEEN = -1  # no link has asked yet to read it as a page
NEVER = -2  # it lies outside the crawl's scope


class Resource:
    """A URL without fragment, from its first sight to its verdict."""

    __slots__ = (
        "asked",
        "cookied",
        "exempt",
        "follow",
        "generation",
        "hop",
        "on",
        "readable",
        "redirects",
        "state",
        "url",
        "verdict",
        "waiters",
        "want",
    )

    def __init__(self, url: str, want: Body = Body.NONE, follow: int = UNSEEN) -> None:
        self.url = url
        self.state = NEW
        self.want = want
        self.asked = Body.NONE  # what its last task wanted
        self.follow = follow  # the depth at which it is read as a page, or one of the above
        self.redirects = 0  # that led here, at least
        self.generation = 0
        self.cookied = False  # its answer has set cookies
        self.exempt = False  # named by the user
        self.readable = False  # its document could be read, were it asked for
        self.on: Task | Resource | None = None  # the task under way, or where it redirects to
        self.hop: Hop | None = None
        self.verdict: Verdict | None = None
        self.waiters: list[int | Resource] | None = None  # occurrences of links, resources that redirect here


class Resources:
    """The table of a run's resources."""

    def __init__(self, emit: Callable[[int, Resource], None]) -> None:
        self._emit = emit
        self.by_url: dict[str, Resource] = {}
        self.unsettled = 0

    def add(self, resource: Resource) -> None:
        self.by_url[resource.url] = resource
        self.unsettled += 1

    def unsettle(self, resource: Resource) -> None:
        """Take a verdict back: more of the resource is wanted than was asked."""
        resource.verdict = None
        resource.state = NEW
        self.unsettled += 1

    def wait(self, resource: Resource, waiter: int | Resource) -> None:
        if resource.waiters is None:
            resource.waiters = [waiter]
        else:
            resource.waiters.append(waiter)

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
            for waiter in waiters or ():
                if isinstance(waiter, Resource):
                    assert waiter.hop is not None
                    ready.append((waiter, through(waiter.url, waiter.hop, verdict)))
                else:
                    self._emit(waiter, resource)

    def redirect(self, resource: Resource, hop: Hop, target: Resource) -> None:
        """Let `resource` share the verdict of `target`, which it redirects to."""
        resource.hop = hop
        resource.on = target
        if target.state == SETTLED and target.verdict is not None:
            self.settle(resource, through(resource.url, hop, target.verdict))
        else:
            resource.state = REDIRECTED
            self.wait(target, resource)

    def loop(self, resource: Resource, target: Resource) -> list[Resource]:
        """Return the resources of the loop that a redirect from `resource` to `target` closes, empty for none."""
        chain = [resource]
        at: Task | Resource | None = target
        while isinstance(at, Resource) and at is not resource:
            if at.state != REDIRECTED:
                return []
            chain.append(at)
            at = at.on
        return chain if at is resource else []

    def again(self, resource: Resource, chain: list[Resource]) -> Resource | None:
        """Return a fresh resource to ask in the place of `resource` because its loop set cookies, None for no use."""
        if resource.generation >= _GENERATIONS_MAX or not any(one.cookied for one in chain):
            return None
        fresh = Resource(resource.url, resource.want, resource.follow)
        fresh.generation = max(one.generation for one in chain) + 1
        fresh.exempt = resource.exempt
        fresh.redirects = resource.redirects + 1
        if fresh.generation > _GENERATIONS_MAX or fresh.redirects > REDIRECTS_MAX:
            return None
        self.unsettled += 1
        return fresh

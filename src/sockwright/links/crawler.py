"""Goes from pages to links to verdicts: every URL is asked once, every link of every page gets its line.

inputs ──▶ pages ──▶ links ──▶ resources ──▶ tasks ──▶ outcomes ──▶ verdicts ──▶ report
             ▲                                            │
             └──────────── pages inside the scope ◀───────┘
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec import structs

from sockwright.links.asking import Body
from sockwright.links.credentials import bare, masked
from sockwright.links.fetcher import Outcome, Task, origin_of
from sockwright.links.fragment import DIRECTIVE
from sockwright.links.handout import Handout
from sockwright.links.local import Disk, read_file, type_of, url_of
from sockwright.links.page import Link, Page, read_page, visible_text
from sockwright.links.policy import REDIRECTS_MAX
from sockwright.links.resources import (
    ASKED,
    COOKIED,
    EXEMPT,
    NEVER,
    NEW,
    READABLE,
    REDIRECTED,
    SETTLED,
    TAKEN,
    UNSEEN,
    Hop,
    Resource,
    Resources,
)
from sockwright.links.schemes import check_scheme
from sockwright.links.scope import Scope, looks_endless
from sockwright.links.shelf import Shelf
from sockwright.links.spares import Spares
from sockwright.links.terms import Bounds, Input, Report, Source, Tally
from sockwright.links.url import fragment_of
from sockwright.links.verdict import WORKS, Anchors, Verdict, of_outcome, through, with_fragment

_UNSETTLED_MAX = 20_000  # URLs without a verdict while there are files left to read
_PLACE = 20  # bits for the number of a link in its page
_PLACE_MASK = (1 << _PLACE) - 1
_STYLES = frozenset({"link[rel=stylesheet]", "css @import"})
_WEB = ("http://", "https://")


def _want(fragment: str) -> Body:
    """Return what must be had of a page to find a fragment in it."""
    if not fragment:
        return Body.NONE
    return Body.TEXT if DIRECTIVE in fragment else Body.PAGE


class Crawler:
    """One run."""

    def __init__(
        self,
        source: Source,
        report: Report,
        scope: Scope,
        bounds: Bounds,
        *,
        root: Path | None = None,
        mail: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._report = report
        self._scope = scope
        self._bounds = bounds
        self._root = url_of(root).rstrip("/") if root else ""
        self._mail = mail  # the source knows what to do with mailto:
        self._clock = clock
        self._disk = Disk()
        self._table = Resources(self._emit)
        self._starts: list[tuple[str, Resource]] = []
        self._shelf = Shelf()
        self._spares = Spares()
        self._handout = Handout(source.submit, self._before_asking)
        self.tally = Tally()
        self.stopped = False  # set from outside, it ends the run at the next turn

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, inputs: Iterable[Input]) -> bool:
        """Check all that `inputs` lead to; tell whether it came to the end of it."""
        waiting = iter(inputs)
        more = True
        until = self._clock() + self._bounds.seconds
        while True:
            while more and self._table.unsettled < _UNSETTLED_MAX:
                more = self._begin(waiting)
            if self._source.idle and not more:
                return True
            for task, outcome in self._source.step(0.25):
                self._done(task, outcome)
            self._report.progress(self)
            if self.stopped:
                self.abandon("the run was interrupted")
                return False
            if self._clock() >= until:
                self.abandon(f"the run's time limit of {self._bounds.seconds:g} s was reached")
                return False

    def abandon(self, reason: str) -> None:
        """Give every URL that has no verdict yet the class `skipped`, for `reason`."""
        self._source.drain()
        self._handout.clear()
        self._tell(reason)
        for resource in list(self._table.by_url.values()):
            if resource.state != SETTLED:
                self._table.settle(resource, Verdict("skipped", reason))

    @property
    def urls(self) -> int:
        """How many different URLs have been met."""
        return len(self._table.by_url)

    @property
    def unsettled(self) -> int:
        """How many of them have no verdict yet."""
        return self._table.unsettled

    def starts(self) -> Iterator[tuple[str, Verdict]]:
        """Return the inputs that had to be asked for, as the user wrote them, with their verdicts."""
        for name, resource in self._starts:
            if resource.verdict is not None:
                yield name, resource.verdict

    # --- inputs ---------------------------------------------------------------------------------------------------

    def _begin(self, waiting: Iterator[Input]) -> bool:
        for given in waiting:
            if given.content is not None or given.path is not None:
                self._begin_document(given)
                return True
            if given.url.startswith(_WEB):
                self._scope.begin(origin_of(given.url))
            resource = self._see(given.url.partition("#")[0], Body.PAGE, 0, exempt=True)
            self._starts.append((given.name or given.url, resource))
            return True
        return False

    def _begin_document(self, given: Input) -> None:
        content, cut = given.content or b"", ""
        if given.path is not None:
            try:
                content, cut = read_file(given.path)
            except OSError as wrong:
                reason = f"cannot be read: {wrong.strerror or wrong}"
                resource = self._see_file(given.url)
                self._table.settle(resource, Verdict("broken", reason))
                self._starts.append((given.name or given.url, resource))
                return
        page = read_page(content, given.url, given.content_type)
        if cut:
            self._tell(f"{given.name}: {cut}")
        if given.path is not None:
            self._table.settle(self._see_file(given.url), Verdict("ok", "a file", anchors=Anchors.of(page, cut)))
        self._take_links(page, given.url or given.name, 0)

    def _see_file(self, url: str) -> Resource:
        resource = self._table.by_url.get(url)
        if resource is None:
            resource = Resource(url, Body.PAGE)
            self._table.add(resource)
        elif resource.state == SETTLED:
            self._table.unsettle(resource)
        return resource

    # --- pages and links ------------------------------------------------------------------------------------------

    def _take_links(self, page: Page, address: str, depth: int) -> None:
        """Take the links of a page that was reached at `depth`."""
        self.tally.pages += page.kind != "css"
        if page.truncated:
            self._tell(page.truncated)
        links = page.links
        local = address.startswith("file:")
        if local and self._root:
            links = [self._rooted(link) for link in links]
        if not links:
            return
        shown = bare(address)
        number = self._shelf.put(shown, links)
        below = depth + 1
        goes_on = self._bounds.recursive and below <= self._bounds.depth
        if page.kind == "sitemap":  # it stands for the pages that it lists
            below, goes_on = depth, True
        too_deep = self._bounds.recursive and not goes_on
        by_url = self._table.by_url
        waiting = 0
        for place, link in enumerate(links):
            url, _, fragment = link.url.partition("#")
            resource = by_url.get(url)
            if link.fault or (not local and url.startswith("file:")):
                self._say(shown, link, self._unaskable(link))
                continue
            if resource is None:
                follow = below if goes_on and self._leads_on(link) and self._scope.inside(url) else UNSEEN
                want = max(_want(fragment), Body.PAGE if follow >= 0 else Body.NONE)
                resource = self._see(url, want, follow)
            else:
                if fragment and resource.want < _want(fragment):
                    resource = self._table.own(url, resource)
                    self._want_page(resource, _want(fragment))
                if goes_on and resource.follow == UNSEEN and self._leads_on(link):
                    resource = self._table.own(url, resource)
                    self._follow(resource, below)
            if too_deep and link.follow and self._scope.inside(url):
                self._tell(f"pages deeper than {self._bounds.depth} links were not read")
            verdict = resource.verdict
            if verdict is None:
                self._table.wait(resource, number << _PLACE | place)
                waiting += 1
            elif verdict.anchors is None:
                self._say(shown, link, verdict)
            else:
                self._say(shown, link, with_fragment(verdict, fragment))
        if waiting < len(links):
            self._shelf.told(number, len(links) - waiting)

    @staticmethod
    def _leads_on(link: Link) -> bool:
        """Tell whether a crawl goes on from there: to pages, and to style sheets, which load more."""
        return link.follow or link.origin in _STYLES

    def _rooted(self, link: Link) -> Link:
        """Return a link of a file with `/x` taken from the site's root, not the file system's."""
        raw = link.raw.lstrip()
        if not raw.startswith("/") or raw.startswith("//") or not link.url.startswith("file:///"):
            return link
        if link.url.startswith(self._root + "/"):  # written for this machine
            return link
        return structs.replace(link, url=self._root + link.url.removeprefix("file://"))

    def _unaskable(self, link: Link) -> Verdict:
        if link.fault:
            return Verdict("broken", masked(link.fault))
        return Verdict("skipped", "a page of the web cannot link to this machine's files")

    def _emit(self, occurrences: list[int], verdict: Verdict) -> None:
        """Tell of links that have waited for a verdict."""
        shelf = self._shelf
        plain = verdict.anchors is None
        for occurrence in occurrences:
            number = occurrence >> _PLACE
            page, link = shelf.tell(number, occurrence & _PLACE_MASK)
            self._say(page, link, verdict if plain else with_fragment(verdict, fragment_of(link.url)))

    def _say(self, page: str, link: Link, verdict: Verdict) -> None:
        if "@" in link.raw or "@" in link.url:  # a password is for its host, not for reports
            link = structs.replace(link, raw=masked(link.raw), url=bare(link.url), text=masked(link.text))
        tally = self.tally
        tally.links += 1
        try:
            tally.classes[verdict.kind] += 1
        except KeyError:
            tally.classes[verdict.kind] = 1
        self._report.link(page, link, verdict)

    def _tell_pages(self) -> None:
        self._tell(f"the limit of {self._bounds.pages} pages was reached: more were asked, but not read")

    def _tell(self, limit: str) -> None:
        self.tally.told[limit] = self.tally.told.get(limit, 0) + 1

    # --- resources ------------------------------------------------------------------------------------------------

    def _see(self, url: str, want: Body, follow: int, *, exempt: bool = False, redirects: int = 0) -> Resource:
        """Return the resource of a URL without fragment, and have it asked if it is new."""
        resource = self._table.by_url.get(url)
        if resource is not None:
            if want > resource.want or (follow >= 0 and resource.follow < 0):
                resource = self._table.own(url, resource)
            if want > resource.want:
                self._want_page(resource, want)
            if follow >= 0 and resource.follow < 0:
                self._follow(resource, follow, inside=True)
            return resource
        resource = Resource(url, want, follow)
        resource.flags = EXEMPT if exempt else 0
        resource.redirects = redirects
        self._table.add(resource)
        self._ask(resource)
        return resource

    def _ask(self, resource: Resource) -> None:
        """Find out about a resource: at once where no server is needed, else when its turn comes."""
        url = resource.url
        if not resource.flags & EXEMPT and (reason := self._scope.left_out(url)):
            self._table.settle(resource, Verdict("skipped", reason))
        elif url.startswith(_WEB):
            if looks_endless(url) and not resource.flags & EXEMPT:
                self._tell("paths that repeat themselves were taken for a trap")
                self._table.settle(resource, Verdict("skipped", "its path repeats itself: taken for a trap"))
                return
            self._handout.give(resource)
        elif url.startswith("file:"):
            self._ask_disk(resource)
        elif self._mail and url.startswith("mailto:"):
            self._handout.give(resource)
        else:
            self._table.settle(resource, Verdict(*check_scheme(url)))
            self._table.compact(resource)

    def _before_asking(self, resource: Resource) -> None:
        if resource.follow > 0 and self.tally.pages >= self._bounds.pages:
            self._tell_pages()
            resource.follow = NEVER  # whether it works is asked all the same

    def _ask_disk(self, resource: Resource) -> None:
        found = self._disk.look(resource.url)
        if found.wrong:
            self._table.settle(resource, Verdict("broken", found.wrong))
            return
        anchors = None
        page = None
        if found.path is not None and resource.want is not Body.NONE:
            try:
                content, cut = read_file(found.path)
            except OSError as wrong:
                self._table.settle(resource, Verdict("broken", f"cannot be read: {wrong.strerror or wrong}"))
                return
            page = read_page(content, url_of(found.path), type_of(found.path))
            text = visible_text(content, page.url, type_of(found.path)) if resource.want is Body.TEXT else None
            anchors = Anchors.of(page, cut, text)
        resource.asked = resource.want
        resource.flags |= READABLE
        self._table.settle(resource, Verdict("ok", "a file" if found.path else "a directory", anchors=anchors))
        if page is not None and resource.follow >= 0:
            self._take_once(resource, page)

    def _follow(self, resource: Resource, depth: int, *, inside: bool = False) -> None:
        """Have the links of a resource taken that was known before, but not wanted as a page."""
        if not inside and not self._scope.inside(resource.url):
            resource.follow = NEVER
            return
        resource.follow = depth
        if resource.state == SETTLED and resource.asked is not Body.NONE and not resource.flags & TAKEN:
            resource.want = Body.NONE  # it was read for its anchors only
        self._want_page(resource, Body.PAGE)
        if isinstance(resource.on, Hop):
            self._follow(resource.on.target, depth)

    def _want_page(self, resource: Resource, want: Body) -> None:
        """Have more of a resource that was known before: its links and anchors, or its text as well."""
        if resource.want >= want:
            return
        resource.want = want
        on = resource.on
        if isinstance(on, Task):
            if not on.begun:
                on.body = want
        elif isinstance(on, Hop):
            target = on.target
            self._want_page(target, want)
            if resource.state == SETTLED and target.state != SETTLED:
                self._table.unsettle(resource)
                resource.state = REDIRECTED
                self._table.wait(target, resource)
            elif resource.state == SETTLED and target.verdict is not None:
                resource.verdict = through(resource.url, on, target.verdict)
        elif resource.state == SETTLED and resource.flags & READABLE:
            self._read_late(resource)

    def _read_late(self, resource: Resource) -> None:
        """Read a document that was asked before anybody wanted it: from its spare body, or by asking again."""
        spare = self._spares.take(resource.url)
        if spare is None or resource.verdict is None:
            self._table.unsettle(resource)
            self._ask(resource)
            return
        content, content_type = spare
        page = read_page(content, resource.url, content_type)
        text = visible_text(content, resource.url, content_type) if resource.want is Body.TEXT else None
        resource.asked = resource.want
        resource.verdict = structs.replace(resource.verdict, anchors=Anchors.of(page, "", text))
        if resource.follow >= 0:
            self._take_once(resource, page)

    def _take_once(self, resource: Resource, page: Page) -> None:
        """Take the links of a resource, unless that was done before."""
        if not resource.flags & TAKEN:
            resource.flags |= TAKEN
            self._take_links(page, page.url if page.url.startswith("file:") else resource.url, resource.follow)

    # --- outcomes -------------------------------------------------------------------------------------------------

    def _done(self, task: Task, outcome: Outcome) -> None:
        resource = task.owner
        assert isinstance(resource, Resource)
        if resource.state == ASKED and resource.on is task:
            self._learn(resource, task, outcome)
        self._handout.ended(task)

    def _learn(self, resource: Resource, task: Task, outcome: Outcome) -> None:
        resource.on = None
        resource.asked = task.body
        resource.flags |= (COOKIED if outcome.cookies else 0) | (READABLE if outcome.readable else 0)
        if outcome.kind == "redirect":
            self._redirected(resource, outcome)
            return
        if outcome.kind == "unchanged":
            outcome.kind = "ok"
        if resource.want > task.body and outcome.readable and outcome.kind in WORKS:
            if outcome.spare is None:
                resource.state = NEW
                self._ask(resource)
                return
            content, content_type = outcome.spare
            outcome.page = read_page(content, resource.url, content_type)
            if resource.want is Body.TEXT:
                outcome.text = visible_text(content, resource.url, content_type)
            resource.asked = resource.want
        elif outcome.spare is not None:
            self._spares.keep(resource.url, outcome.spare)
        self._table.settle(resource, of_outcome(outcome))
        page = outcome.page
        if page is not None and resource.follow >= 0:
            if self.tally.pages < self._bounds.pages:
                self._take_once(resource, page)
            else:
                self._tell_pages()
        self._table.compact(resource)

    def _redirected(self, resource: Resource, outcome: Outcome) -> None:
        url, _, fragment = outcome.location.partition("#")
        if not url.startswith(_WEB):
            self._table.settle(resource, self._strange(url, outcome))
            return
        if resource.redirects >= REDIRECTS_MAX:
            self._table.settle(resource, Verdict("broken", f"more than {REDIRECTS_MAX} redirects", outcome.status))
            return
        target = self._table.by_url.get(url)
        if target is not None and target.url and (chain := self._table.loop(resource, target)):
            fresh = self._table.again(target, chain)
            if fresh is None:
                way = " -> ".join([bare(one.url) for one in chain] + [bare(url)])
                self._table.settle(resource, Verdict("broken", f"a redirect loop: {way:.500}", outcome.status))
                return
            target = fresh
            self._ask(fresh)
        else:
            start = bool(resource.flags & EXEMPT)
            if start:
                self._scope.redirected(origin_of(resource.url), origin_of(url))
            follow = resource.follow if start or (resource.follow >= 0 and self._scope.inside(url)) else UNSEEN
            want = max(_want(fragment), resource.want)
            target = self._see(url, want, follow, exempt=start, redirects=resource.redirects + 1)
        target = self._table.own(url, target)
        self._table.redirect(resource, Hop(outcome.location, outcome.reason, outcome.permanent, target))

    def _strange(self, url: str, outcome: Outcome) -> Verdict:
        """Return the verdict on a redirect to where HTTP does not lead."""
        scheme = url.partition(":")[0]
        if scheme in ("file", "data", "javascript", "about", "blob"):
            return Verdict("broken", f"{outcome.reason} to {scheme}:, where no browser follows", outcome.status)
        kind, reason = check_scheme(url)
        kind = "redirected" if kind != "broken" else kind
        url = bare(url)
        return Verdict(kind, f"{outcome.reason} to {url:.100}: {reason}", outcome.status, redirects=(url,))

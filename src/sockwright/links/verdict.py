"""What is said of a link in the end: the outcome of its URL, what redirects added, and whether its fragment exists.

Pure. The same verdict is shared by all links to a URL; only a fragment makes it a link's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from sockwright.links.credentials import bare
from sockwright.links.evidence import evidence
from sockwright.links.fetcher import Outcome
from sockwright.links.page import Page, fragment_found, missing_texts
from sockwright.links.policy import REDIRECTS_MAX
from sockwright.links.url import address_of, fragment_of

WORKS = frozenset({"ok", "redirected", "flaky"})
# Kinds of document in which a fragment names an element; in a PDF, a picture or a film it means something else.
_WITH_ANCHORS = frozenset({"html", "markdown", "svg"})
_MEDIA = re.compile(r"(svgView|xywh=|t=|id=)", re.IGNORECASE)  # what fragments of a picture may say beside an id


class Anchors(Struct, frozen=True):
    """What of a page is kept for links into it."""

    kind: str
    names: frozenset[str]
    whole: bool  # nothing of the page was cut off
    text: str | None = None  # what a reader sees, kept where a link quotes from it

    @classmethod
    def of(cls, page: Page, cut: str = "", text: str | None = None) -> Anchors:
        return cls(page.kind, page.anchors, not (cut or page.truncated), text)


class Verdict(Struct, frozen=True):
    """The class of a URL, and why."""

    kind: str
    reason: str
    status: int = 0  # of the last response; 0 where none came
    redirects: tuple[str, ...] = ()  # the addresses gone through after the first, the last one answered
    permanent: bool = False  # all of these redirects are for good
    fragment: str = ""  # that a redirect has put in the place of the link's own
    note: str = ""  # what to know although it works
    anchors: Anchors | None = None
    why: Mapping[str, Any] | None = None  # the exchange that proved it; not kept where all is well

    @property
    def hint(self) -> str:
        """What to do about a link that works."""
        if self.kind == "redirected" and self.permanent:
            return f"moved for good: link to {self.redirects[-1]}"
        return self.note


class Moved(Protocol):
    """A redirect from one URL to the next."""

    @property
    def location(self) -> str: ...  # resolved, with fragment

    @property
    def reason(self) -> str: ...  # "301 Moved Permanently"

    @property
    def permanent(self) -> bool: ...


def of_outcome(outcome: Outcome) -> Verdict:
    """Return the verdict on a URL that did not redirect."""
    cut = outcome.exchange.cut if outcome.exchange else ""
    why = None if outcome.kind == "ok" else outcome.why
    if why is None and outcome.exchange is not None and outcome.kind != "ok":
        why = evidence(outcome.exchange)
    return Verdict(
        outcome.kind,
        outcome.reason,
        outcome.status,
        note=outcome.note,
        anchors=Anchors.of(outcome.page, cut, outcome.text) if outcome.page else None,
        why=why,
    )


def through(url: str, hop: Moved, beyond: Verdict) -> Verdict:
    """Return the verdict on `url`, which redirects by `hop` to a URL with the verdict `beyond`."""
    redirects = (bare(address_of(hop.location)), *beyond.redirects)
    if len(redirects) > REDIRECTS_MAX and beyond.kind in WORKS:
        return Verdict("broken", f"more than {REDIRECTS_MAX} redirects", redirects=redirects[: REDIRECTS_MAX + 1])
    kind, reason = beyond.kind, beyond.reason
    if kind in ("ok", "redirected"):
        kind, reason = "redirected", f"{hop.reason} to {redirects[-1]}"
        if redirects[-1] == bare(url):
            kind, reason = "ok", f"{beyond.status} in the end: it only handed out a cookie on the way"
    elif kind not in WORKS and not reason.startswith(("redirected", "a redirect loop", "more than")):
        reason = f"redirected to {redirects[-1]}: {reason}"
    return replace(
        beyond,
        kind=kind,
        reason=reason,
        redirects=redirects[: REDIRECTS_MAX + 1],
        permanent=hop.permanent and (beyond.permanent or not beyond.redirects),
        fragment=beyond.fragment or fragment_of(hop.location),
    )


def _with_quotes(verdict: Verdict, fragment: str, anchors: Anchors) -> Verdict:
    """Look whether the page says what `#:~:text=` quotes from it."""
    if anchors.text is None or not anchors.whole:
        return verdict
    missing = missing_texts(fragment, anchors.text)
    if not missing:
        return verdict
    return replace(
        verdict, kind="broken", reason=f"{verdict.status}: the page does not say {unquote(missing[0])!r:.100}"
    )


def with_fragment(verdict: Verdict, fragment: str) -> Verdict:
    """Return the verdict on a link with `fragment` (as in its URL, may be empty) to a URL with `verdict`."""
    fragment = verdict.fragment or fragment
    if not fragment:
        return verdict
    anchors = verdict.anchors
    if anchors is not None and anchors.kind == "svg" and _MEDIA.match(fragment):
        return verdict
    if verdict.kind not in WORKS or anchors is None or anchors.kind not in _WITH_ANCHORS:
        return verdict
    if fragment_found(fragment, anchors.names):
        return _with_quotes(verdict, fragment, anchors)
    if fragment[0] in "/!":  # what a script on the page makes of it, nobody can tell without running it
        return replace(verdict, note=verdict.note or "its fragment is for a script")
    if not anchors.whole:
        return replace(verdict, note="its fragment was not found in the part of the page that was read")
    return replace(
        verdict,
        kind="broken",
        reason=f"{verdict.status or 'the page'}: nothing there has the id or name {unquote(fragment)!r:.100}",
    )

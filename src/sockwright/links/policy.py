"""What an exchange means: the class of the verdict, whether it is worth another try, what it says of the host.

Pure: an `Exchange` comes in, a `Judgement` comes out. Who asks, when and how often is the frontier's part.

False alarms are what makes people switch a link checker off. So only what a person with a browser would find
broken too is called broken; what a server refuses to machines is `blocked`, what it puts off is `rate-limited`,
what went well at the second try is `flaky`.
"""

from __future__ import annotations

import enum
import re

from msgspec import Struct
from msgspec.structs import replace

from sockwright.links.asking import Exchange

# class -> (does it fail the run by default, what it means)
CLASSES: dict[str, tuple[bool, str]] = {
    "ok": (False, "it works"),
    "redirected": (False, "it works, at another address"),
    "broken": (True, "it leads nowhere"),
    "blocked": (False, "the server turns machines or strangers away: nothing is known of the link"),
    "rate-limited": (False, "the server wanted to be asked later than we could wait"),
    "time-out": (True, "no answer in time"),
    "dns": (True, "the host's name has no address"),
    "tls": (True, "no secure connection: the certificate or the handshake is bad"),
    "refused": (True, "nobody listens there"),
    "robots": (False, "robots.txt asks machines to keep off"),
    "skipped": (False, "not asked: by a setting, a limit, or because this kind cannot be asked"),
    "flaky": (False, "it works now, but failed before in this run"),
}
FAILING = frozenset(name for name, (fails, _) in CLASSES.items() if fails)

RETRY_AFTER_MAX = 60.0  # seconds; who wants to be left alone for longer is left alone
REDIRECTS_MAX = 10
# Seconds before the second and the third try. The tries themselves come at the end of the run at the earliest, so
# these only count when the run is shorter than they are.
RETRY_DELAYS = (0.5, 2.0)
RETRY_JITTER = 0.25  # share of the delay by which it may differ, so that many clients do not come back together
RATE_LIMITED_TRIES = 4  # times one URL may be put off
EXPIRY_WARNING = 14 * 86400.0  # a certificate that ends within this time is told


class Sign(enum.Enum):
    """What an exchange says of its host."""

    ANSWERED = "answered"
    SLOW_DOWN = "slow down"  # 429, or 503 with Retry-After
    STRAINED = "strained"  # 502, 503, 504: it answered, but ask less
    SILENT = "silent"  # no answer in time
    NAMELESS = "nameless"  # its name has no address
    FAILED = "failed"  # refused, reset, TLS: quick to say, so asking on costs nothing


class Judgement(Struct, frozen=True):
    """What one exchange means for the URL that was asked."""

    kind: str  # a class, or "redirect" (to `location`), or "unchanged" (304: what was known is still so)
    reason: str
    status: int = 0
    location: str = ""  # as the server wrote it
    permanent: bool = False  # the redirect is meant for good
    tries: int = 0  # further tries that it is worth
    retry_after: float | None = None  # seconds, as the server wished; None where it did not say
    sign: Sign = Sign.ANSWERED
    note: str = ""  # what a person should know although the link works


_REDIRECTS = {300: False, 301: True, 302: False, 303: False, 307: False, 308: True}

# trouble -> (class, sign, further tries)
_TROUBLES: dict[str, tuple[str, Sign, int]] = {
    "dns": ("dns", Sign.NAMELESS, 0),
    "dns-time-out": ("dns", Sign.NAMELESS, 1),
    "refused": ("refused", Sign.FAILED, 0),
    "unreachable": ("refused", Sign.FAILED, 1),
    "connect-time-out": ("time-out", Sign.SILENT, 1),
    "head-time-out": ("time-out", Sign.SILENT, 1),
    "body-time-out": ("time-out", Sign.ANSWERED, 0),
    "tls": ("tls", Sign.FAILED, 0),
    "reset": ("broken", Sign.FAILED, 2),
    "not-http": ("broken", Sign.ANSWERED, 0),
    "head": ("broken", Sign.ANSWERED, 0),
    "informational": ("broken", Sign.ANSWERED, 0),
    "body": ("broken", Sign.ANSWERED, 1),
    "coding": ("broken", Sign.ANSWERED, 0),
    "private": ("skipped", Sign.FAILED, 0),
    "avoided": ("skipped", Sign.FAILED, 0),
    "url": ("broken", Sign.FAILED, 0),
    "other": ("broken", Sign.FAILED, 1),
}
_OF_THE_BODY = frozenset({"body-time-out", "body", "coding"})  # what changes nothing where the head has said it all
_WORDS = {
    "dns": "the host's name has no address",
    "dns-time-out": "the name servers did not answer",
    "refused": "connection refused",
    "unreachable": "no route to the host",
    "connect-time-out": "no connection within the time-out",
    "head-time-out": "connected, but no answer within the time-out",
    "body-time-out": "the answer did not end within the time-out",
    "tls": "TLS",
    "reset": "the connection was broken off before an answer came",
    "not-http": "the answer is not HTTP",
    "head": "the head of the answer is over the limit",
    "informational": "endless 1xx answers",
    "body": "the answer's body is not whole",
    "coding": "the body is not what Content-Encoding says",
    "private": "a private address, and --no-private is set",
    "avoided": "the console of a running bench",
    "url": "cannot be asked",
    "other": "failed",
}

_ALWAYS_BLOCKED = {
    401: "wants a login",
    402: "wants payment",
    407: "the proxy wants a login",
    451: "withheld for legal reasons",
    999: "turns machines away (999)",
}
# Responses that a wall in front of a site gives instead of the site's own.
_WALL_STATUSES = frozenset({403, 405, 406, 409, 429, 503})
_WALL_FIELDS = ("cf-mitigated", "x-datadome", "x-amzn-waf-action", "x-px-block", "x-sucuri-block", "www-authenticate")
_WALL_COOKIES = re.compile(r"^(datadome|_abck|bm_sz|ak_bmsc|incap_ses|visid_incap|_px|aws-waf-token)", re.IGNORECASE)
_WALL_CONTENT = re.compile(
    rb"captcha|just a moment\.\.\.|attention required!|cf-chl|challenge-platform|_incapsula_resource|px-captcha"
    rb"|errors\.edgesuite\.net|are you a robot|not a robot|enable javascript and cookies"
    rb"|access denied.{0,200}reference",
    re.IGNORECASE | re.DOTALL,
)
WALL_CONTENT_MAX = 16_384  # bytes of an error's body that are kept to recognise a wall by

# What a request that failed like this says about us, not about the link: worth another try.
_WORTH_RETRY = {408: 1, 425: 1, 500: 1, 502: 2, 503: 2, 504: 2, **dict.fromkeys(range(520, 530), 2)}


def judge(exchange: Exchange, now: float) -> Judgement:
    """Say what `exchange` means; `now` is in seconds since the epoch (for dates in Retry-After)."""
    status = exchange.status
    if exchange.trouble and not (status >= 300 and exchange.trouble in _OF_THE_BODY):
        return _trouble(exchange)
    reason = f"{status} {exchange.phrase or phrase_of(status)}".strip()
    if 200 <= status < 300:
        return Judgement("ok", reason, status, note=_note(exchange, now))
    if status == 304:
        return Judgement("unchanged", reason, status)
    if status in _REDIRECTS:
        location = exchange.value("location").strip()
        if location:
            return Judgement("redirect", reason, status, location=location, permanent=_REDIRECTS[status])
        if status == 300:  # its page is the choice
            return Judgement("ok", reason, status, note=_note(exchange, now))
        return Judgement("broken", f"{reason} without a Location", status)
    if status in _ALWAYS_BLOCKED:
        return Judgement("blocked", f"{status}: {_ALWAYS_BLOCKED[status]}", status)
    wished = retry_after(exchange.value("retry-after"), exchange.value("date"), now)
    wall = _wall(exchange) if status in _WALL_STATUSES else ""
    if wall and wished is None:
        return Judgement("blocked", f"{status}: {wall}", status)
    if status in (420, 429) or (status == 503 and wished is not None):
        return Judgement(
            "rate-limited", reason, status, tries=RATE_LIMITED_TRIES, retry_after=wished, sign=Sign.SLOW_DOWN
        )
    return Judgement(
        "time-out" if status == 408 else "broken",
        reason,
        status,
        tries=_WORTH_RETRY.get(status, 0),
        sign=Sign.STRAINED if status in (502, 503, 504) else Sign.ANSWERED,
    )


def phrase_of(status: int) -> str:
    """Return the usual reason phrase of a status code, or an empty string."""
    import http

    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _trouble(exchange: Exchange) -> Judgement:
    kind, sign, tries = _TROUBLES.get(exchange.trouble, _TROUBLES["other"])
    reason = _WORDS.get(exchange.trouble, exchange.trouble)
    if exchange.detail:
        reason = f"{reason}: {exchange.detail}"
    if exchange.status:
        reason = f"{exchange.status}, but {reason}"
    return Judgement(kind, reason, exchange.status, tries=tries, sign=sign)


def _note(exchange: Exchange, now: float) -> str:
    if exchange.expires and exchange.expires - now < EXPIRY_WARNING:
        days = max(0, int((exchange.expires - now) // 86400))
        return f"its certificate ends in {days} days"
    return exchange.cut if exchange.cut != "not needed" else ""


def _wall(exchange: Exchange) -> str:
    for name, value in exchange.fields:
        if name in _WALL_FIELDS:
            return "wants a login" if name == "www-authenticate" else f"a bot wall ({name})"
        if name == "set-cookie" and _WALL_COOKIES.match(value):
            return f"a bot wall ({value.partition('=')[0]} cookie)"
    found = _WALL_CONTENT.search(exchange.content[:WALL_CONTENT_MAX])
    return "a bot wall (its page is a challenge)" if found else ""


def retry_after(value: str, date: str, now: float) -> float | None:
    """Return the seconds that a Retry-After field asks for (RFC 9110, 10.2.3), None where it asks for nothing.

    What is negative, past or no number at all asks for nothing: obeying `-1` means asking without a stop.
    A date is measured against the server's own clock (`date`) where it told it.
    """
    value = value.strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    due = _http_date(value)
    if due is None:
        return None
    there = _http_date(date)
    left = due - (now if there is None else there)
    return left if left >= 0 else None


def _http_date(value: str) -> float | None:
    import email.utils

    try:
        return email.utils.parsedate_to_datetime(value.strip()).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


# Kinds of document that are read for their links or anchors. The reader looks at the bytes too; this only decides
# whether a body is worth its transfer.
_READABLE = re.compile(
    r"\s*(text/|application/(xhtml|xml|rss|atom|rdf|[\w.-]+\+xml|gzip|x-gzip)|image/svg)", re.IGNORECASE
)


def readable(content_type: str) -> bool:
    """Tell whether a document of this media type may have links or anchors. A missing type may be anything."""
    return not content_type.strip() or bool(_READABLE.match(content_type))


def after_retry(judgement: Judgement, earlier: list[str]) -> Judgement:
    """Return what `judgement` means when the tries before it had failed for the reasons `earlier`."""
    if earlier and judgement.kind == "ok":
        return replace(judgement, kind="flaky", reason=f"{judgement.reason}, after {earlier[0]}", tries=0)
    return judgement

"""What a visitor is told in which manner: the language of a page, and what went wrong in words and a status."""

from __future__ import annotations

from sockwright.console.gate import Environ
from sockwright.errors import ConfigError, PeerError, ServiceError

LANGUAGES = ("en", "ru")
# Set to anything, mistakes of ours are told with where they happened.
DEBUG = "SOCKWRIGHT_DEBUG"


def problem(wrong: Exception) -> tuple[int, dict[str, str]]:
    """Return the status and the words for what an operation refused."""
    match wrong:
        case ConfigError(cure=cure):
            return 400, {"what": str(wrong), "cure": cure}
        case ServiceError(code=code):
            return code if 400 <= code <= 599 else 422, {"what": str(wrong), "cure": ""}
        case PeerError():
            return 502, {"what": str(wrong), "cure": ""}
        case TimeoutError():
            return 504, {"what": str(wrong), "cure": ""}
        case OSError():
            return 502, {"what": wrong.strerror or str(wrong), "cure": ""}
    return 500, {"what": f"a mistake in the console itself: {type(wrong).__name__}", "cure": f"{DEBUG}=1 shows where"}


def language(environ: Environ) -> str:
    """Return the language of the page: what was chosen, else what the browser likes best (RFC 9110, 12.5.4)."""
    for one in str(environ.get("HTTP_COOKIE", "")).split(";"):
        name, _, value = one.strip().partition("=")
        if name == "lang" and value in LANGUAGES:
            return value
    best, weight = LANGUAGES[0], 0.0
    for item in str(environ.get("HTTP_ACCEPT_LANGUAGE", "")).split(",")[:20]:
        tag, _, quality = item.strip().partition(";")
        try:
            q = float(quality.partition("=")[2]) if "=" in quality else 1.0
        except ValueError:
            continue
        if tag.lower().partition("-")[0] in LANGUAGES and q > weight:
            best, weight = tag.lower().partition("-")[0], q
    return best

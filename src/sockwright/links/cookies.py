"""The cookies of one run: some sites send in circles whoever does not bring back what they handed out.

Scope, path, expiry and Secure are `http.cookiejar`'s business. Kept in memory, for the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import http.cookiejar

_JAR_MAX = 3_000  # cookies in all (RFC 6265, 6.1, asks for as many)
_HOST_MAX = 50  # of one response
_HEADER_MAX = 8_192  # bytes of a Cookie field; more makes servers answer 431


class _Response:
    """The little that a cookie jar looks at."""

    def __init__(self, set_cookies: list[str]) -> None:
        import email.message

        self._message = email.message.Message()
        for value in set_cookies[:_HOST_MAX]:
            self._message["Set-Cookie"] = value.replace("\r", "").replace("\n", "")

    def info(self) -> Any:
        return self._message


class Cookies:
    """What servers of this run have set."""

    def __init__(self) -> None:
        self._jar: http.cookiejar.CookieJar | None = None

    def receive(self, url: str, fields: list[tuple[str, str]]) -> bool:
        """Keep what the response to `url` sets; tell whether it set anything."""
        values = [value for name, value in fields if name == "set-cookie"]
        if not values:
            return False
        import http.cookiejar  # 25 ms that only who meets a cookie pays
        import urllib.request

        if self._jar is None:
            self._jar = http.cookiejar.CookieJar()
        if len(self._jar) >= _JAR_MAX:
            self._jar.clear_expired_cookies()
        if len(self._jar) < _JAR_MAX:
            response: Any = _Response(values)
            self._jar.extract_cookies(response, urllib.request.Request(url))
        return True

    def field(self, url: str) -> str:
        """Return the Cookie field's value for a request to `url`, or an empty string."""
        if self._jar is None:
            return ""
        import urllib.request

        request = urllib.request.Request(url)
        self._jar.add_cookie_header(request)
        value = request.get_header("Cookie") or ""
        return value if len(value) <= _HEADER_MAX else ""

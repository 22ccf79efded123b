"""Which requests are taken for those of a foreign page. The fields are what browsers of today really send."""

from __future__ import annotations

import pytest

from sockwright.wire.exchange import Request
from sockwright.wire.origin import foreign

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


def told(method: str, fields: dict[str, str]) -> str:
    request = Request.to("/", method, fields)
    return foreign(request.host, request.fields, {"myhost"}, reads=method == "GET")


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", {"Host": "127.0.0.1:7080", "User-Agent": "curl/8"}),
        ("POST", {"Host": "[::1]:7080"}),
        ("GET", {"Host": "localhost"}),
        ("GET", {"Host": "bench.localhost:7080"}),
        ("GET", {"Host": "192.168.1.5:7080"}),
        ("GET", {"Host": "myhost:7080"}),
        ("POST", {"Host": "MyHost.:7080"}),
        # typed into the address bar; a script of our own page
        ("GET", {"Host": "localhost:7080", "User-Agent": CHROME, "Sec-Fetch-Site": "none"}),
        ("GET", {"Host": "localhost:7080", "User-Agent": CHROME, "Sec-Fetch-Site": "same-origin"}),
        ("POST", {"Host": "localhost:7080", "User-Agent": CHROME, "Origin": "http://localhost:7080"}),
        ("POST", {"Host": "localhost:7443", "User-Agent": CHROME, "Origin": "https://localhost:7443"}),
        # a page of ours at an address that is not trustworthy: no Sec-Fetch-Site
        ("GET", {"Host": "192.168.1.5:7080", "User-Agent": CHROME, "Referer": "http://192.168.1.5:7080/x"}),
    ],
)
def test_programs_and_our_own_pages(method: str, fields: dict[str, str]) -> None:
    assert told(method, fields) == ""


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        # DNS rebinding: the name resolves to us, the page is theirs
        ("GET", {"Host": "evil.example:7080", "User-Agent": CHROME}),
        ("GET", {"Host": "evil.example:7080", "User-Agent": CHROME, "Sec-Fetch-Site": "same-origin"}),
        ("POST", {"Host": "evil.example:7080", "Origin": "http://evil.example:7080"}),
        ("GET", {"Host": "127.0.0.1.evil.example", "User-Agent": CHROME}),
        ("GET", {"Host": "localhost.evil.example"}),
        ("GET", {"Host": "myhost.evil.example"}),
        # a form, an image, a script, a link on a foreign page
        ("POST", {"Host": "localhost:7080", "User-Agent": CHROME, "Origin": "http://evil.example"}),
        ("POST", {"Host": "localhost:7080", "User-Agent": CHROME, "Origin": "null"}),
        ("POST", {"Host": "localhost:7080", "User-Agent": CHROME, "Origin": "http://localhost:8000"}),
        ("POST", {"Host": "localhost:7080", "User-Agent": CHROME, "Origin": "http://localhost"}),
        ("GET", {"Host": "localhost:7080", "User-Agent": CHROME, "Sec-Fetch-Site": "cross-site"}),
        ("GET", {"Host": "localhost:7080", "User-Agent": CHROME, "Sec-Fetch-Site": "same-site"}),
        ("GET", {"Host": "192.168.1.5:7080", "User-Agent": CHROME, "Referer": "http://evil.example/"}),
        ("GET", {"Host": "192.168.1.5:7080", "User-Agent": CHROME}),
        ("POST", {"Host": "", "Origin": "null"}),
    ],
)
def test_foreign_pages(method: str, fields: dict[str, str]) -> None:
    assert told(method, fields)

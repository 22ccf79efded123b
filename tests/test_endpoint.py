"""Endpoints as a person writes them."""

from __future__ import annotations

import pytest

from sockwright.endpoint import Endpoint, Peer, parse
from sockwright.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "tls", "path"),
    [
        (":7007", "tcp", "127.0.0.1", 7007, False, ""),
        ("7007", "tcp", "127.0.0.1", 7007, False, ""),
        ("tcp://:0", "tcp", "127.0.0.1", 0, False, ""),
        ("UDP://localhost:9", "udp", "localhost", 9, False, ""),
        ("tcp+tls://example.org:443", "tcp", "example.org", 443, True, ""),
        ("http://example.org", "http", "example.org", 80, False, ""),
        ("https://example.org/a/b?c=d#e", "https", "example.org", 443, True, "/a/b?c=d"),
        ("http://example.org?x=1", "http", "example.org", 80, False, "/?x=1"),
        ("xmlrpc://:7081", "xmlrpc", "127.0.0.1", 7081, False, ""),
        ("smtps://mail.example", "smtps", "mail.example", 465, True, ""),
        ("tcp://[::1]:7007", "tcp", "::1", 7007, False, ""),
        ("tcp://[fe80::1%eth0]:1", "tcp", "fe80::1%eth0", 1, False, ""),
        ("tcp://пример.рф:80", "tcp", "пример.рф", 80, False, ""),
    ],
)
def test_forms_that_are_understood(text: str, scheme: str, host: str, port: int, tls: bool, path: str) -> None:
    found = parse(text)
    assert (found.scheme, found.host, found.port, found.tls, found.path) == (scheme, host, port, tls, path)
    assert parse(str(found)) == found


def test_the_verbs_scheme_stands_in_for_none() -> None:
    assert parse(":7080", "http").scheme == "http"
    assert parse("example.org/path", "http").path == "/path"


def test_options_stand_behind_the_question_mark() -> None:
    found = parse("tcp://:7007?frame=len2&wait=5s")
    assert dict(found.options) == {"frame": "len2", "wait": "5s"}


def test_names_and_passwords_are_decoded_and_never_shown() -> None:
    found = parse("smtp://an%40n:p%3Aw@mail.example:25")
    assert (found.user, found.password) == ("an@n", "p:w")
    assert "p:w" not in repr(found)
    assert "p:w" not in str(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tpc://:1", "there is no scheme 'tpc' in 'tpc://:1'. Did you mean 'tcp'?"),
        ("tcp://example.org", "names no port"),
        ("tcp://:", "names no port behind the colon"),
        ("tcp://:70000", "'70000' in 'tcp://:70000' is not a port"),
        ("tcp://:seven", "is not a port"),
        ("tcp://:٧", "is not a port"),
        ("tcp://::1:80", "more than one colon"),
        ("tcp://[::1:80", "opens a bracket"),
        ("tcp://[nonsense]:80", "not an IPv6 address"),
        ("tcp://a b:80", "blank or a control character"),
        ("tcp://\x1b[2J:80", "blank or a control character"),
        ("tcp://:1?farme=line", "there is no option 'farme' in 'tcp://:1?farme=line'. Did you mean 'frame'?"),
        ("://:1", "does not begin with a scheme"),
    ],
)
def test_what_is_not_understood_says_why(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert words in str(refused.value)


def test_loopback_is_known() -> None:
    assert all(Endpoint("tcp", host, 1).is_loopback for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(Endpoint("tcp", host, 1).is_loopback for host in ("0.0.0.0", "example.org", "192.0.2.1"))


def test_peers_are_written_with_brackets_where_needed() -> None:
    assert (str(Peer("127.0.0.1", 80)), str(Peer("::1", 80))) == ("127.0.0.1:80", "[::1]:80")

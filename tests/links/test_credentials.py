"""Who may see a login: the host that it is for, and nobody who reads a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.links.nasty import Nasty, Peer, Request
from tests.programs import run

from sockwright.links.credentials import bare, basic, login_of, masked

SECRET = "s3cr3t"
OWN = "0wn-pa55"


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        yield nasty


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h/x", "http://***@h/x"),
        ("//u:p@h/x", "//***@h/x"),
        ("http:u:p@h/", "http:***@h/"),
        ("http:/u:p@h/", "http:/***@h/"),
        (r"http:\\u:p@h/", r"http:\\***@h/"),
        ("see http://a:b@c/ and https://d/@e", "see http://***@c/ and https://d/@e"),
        ("http://u:p@q@h/", "http://***@h/"),
        ("mailto:ann@example.org", "mailto:ann@example.org"),
        ("https://cdn.example/npm/react@18/x.js", "https://cdn.example/npm/react@18/x.js"),
        ("http://h//u@x", "http://h//u@x"),
        ("http://h/?to=ann@example.org", "http://h/?to=ann@example.org"),
    ],
)
def test_what_may_be_shown(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_urls_without_their_login() -> None:
    assert bare("http://ann:s%20x@example.org:81/a@b?c#d") == "http://example.org:81/a@b?c#d"
    assert bare("http://example.org/@b") == "http://example.org/@b"
    assert login_of("http://ann:s%20x@example.org/") == basic("ann", "s x")
    assert login_of("http://example.org/a@b") == ""


@pytest.mark.parametrize("engine", ["curl", "urllib"])
def test_a_login_in_the_url_given_is_for_its_host_and_in_no_report(server: Nasty, tmp_path: Path, engine: str) -> None:
    def guarded(peer: Peer, request: Request) -> None:
        if request.fields.get("authorization") != basic("ann", OWN):
            peer.reply("401 Unauthorized", b"", WWW_Authenticate="Basic")
        elif request.path == "/":
            away = f"http://bob:{SECRET}2@127.0.0.1:{other.port}/x"
            bad = f"http://bob:{SECRET}3@[::/"
            absolute = server.url + "/absolute"
            peer.reply(200, "".join(f'<a href="{url}">{url}</a>' for url in ("/near", absolute, "/moved", away, bad)))
        elif request.path == "/moved":
            peer.redirect(f"http://eve:{SECRET}4@127.0.0.1:{other.port}/y", Set_Cookie=f"id={SECRET}5; Path=/")
        else:
            peer.reply(404, b"")

    with Nasty().running() as other:
        server.fallback = guarded
        start = f"http://ann:{OWN}@127.0.0.1:{server.port}/"
        reports = [tmp_path / f"report.{kind}" for kind in ("xml", "csv", "sarif", "html", "jsonl")]
        wanted = [word for path in reports for word in ("--report", str(path))]
        done = run(tmp_path, "links", start, "--json", "--engine", engine, "--no-robots", *wanted)
        assert done.returncode == 1
        seen = run(tmp_path, "links", start, "--engine", engine, "--no-robots", "-v")
        why = run(tmp_path, "links", "--why", start)
    asked = {request.path: request.fields.get("authorization") for request in other.seen}
    assert asked == {"/x": basic("bob", SECRET + "2"), "/y": basic("eve", SECRET + "4")}
    assert {request.path for request in server.seen} == {"/", "/near", "/absolute", "/moved"}
    assert all(request.fields.get("authorization") == basic("ann", OWN) for request in server.seen)
    assert not any("referer" in request.fields for request in [*server.seen, *other.seen])
    assert f'"url":"{server.url}/near"' in done.stdout
    for text in (done.stdout, done.stderr, seen.stdout, seen.stderr, why.stdout, *(one.read_text() for one in reports)):
        assert SECRET not in text
        assert OWN not in text
    assert "200 X" in why.stdout
    # What pages say is kept as they say it; what the user said is not.
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and OWN.encode() in path.read_bytes()]

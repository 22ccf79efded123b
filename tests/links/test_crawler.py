"""Whole runs against a server of our own: from pages to verdicts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.links import collected
from tests.links.collected import crawl, page_of
from tests.links.nasty import Nasty, Peer, Request

from sockwright.links.asking import Limits
from sockwright.links.credentials import Credentials
from sockwright.links.fetcher import Settings


@pytest.fixture(autouse=True, params=["curl", "urllib"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every run is made with both engines."""
    monkeypatch.setattr(collected, "ENGINE", request.param)
    return str(request.param)


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        yield nasty


def site(server: Nasty, **pages: list[str]) -> None:
    for name, links in pages.items():
        server.page("/" if name == "index" else f"/{name}", page_of(links))


def test_the_links_of_one_page(server: Nasty) -> None:
    site(server, index=["/good", "/missing", "/good#there", "mailto:a@example.org", "mailto:nobody", "javascript:x()"])
    server.page("/good", '<p id="there">x</p>')
    found = crawl(server.url + "/")
    assert found.kinds() == {
        "/good": "ok",
        "/missing": "broken",
        "/good#there": "ok",
        "mailto:a@example.org": "ok",
        "mailto:nobody": "broken",
        "javascript:x()": "skipped",
    }
    assert found.summary is not None
    assert found.summary.failed == 2
    assert server.count("/good") == 1


def test_each_url_is_asked_once_however_it_is_spelled(server: Nasty) -> None:
    host = f"127.0.0.1:{server.port}"
    spelled = [
        "/x",
        "x",
        "./x",
        "/a/../x",
        f"http://{host}/x",
        f"//{host}/x",
        "/x#a",
        " /x ",
        f"HTTP://{host}/x",
        "/\tx",
    ]
    site(server, index=spelled)
    server.page("/x", '<p id="a">')
    found = crawl(server.url + "/")
    assert set(found.kinds().values()) == {"ok"}
    assert len(found.found) == len(spelled)
    assert server.count("/x") == 1


def test_fragments(server: Nasty) -> None:
    server.page("/to", '<p id="one"><a name="two"></a><p id="ж">seen')
    site(
        server,
        index=["/to#one", "/to#two", "/to#three", "/to#One", "/to#%D0%B6", "/to#top", "/to#", "/to#:~:text=seen"],
    )
    kinds = crawl(server.url + "/").kinds()
    assert kinds == {
        "/to#one": "ok",
        "/to#two": "ok",
        "/to#three": "broken",
        "/to#One": "broken",
        "/to#%D0%B6": "ok",
        "/to#top": "ok",
        "/to#": "ok",
        "/to#:~:text=seen": "ok",
    }
    assert server.count("/to") == 1


def test_a_fragment_that_is_met_after_its_page_was_asked_without_need(server: Nasty) -> None:
    server.page("/to", '<p id="one">')
    site(server, index=["/to", "/slow"], other=["/to#one", "/to#two"], slow=["/other"])
    found = crawl(server.url + "/", recursive=True)
    assert found.kinds()["/to#one"] == "ok"
    assert found.kinds()["/to#two"] == "broken"


def test_fragments_of_what_is_no_page_mean_something_else(server: Nasty) -> None:
    server.paths["/doc"] = lambda peer, _: peer.reply(200, b"%PDF-1.7", "application/pdf")
    site(server, index=["/doc#page=2"])
    assert crawl(server.url + "/").kinds() == {"/doc#page=2": "ok"}


def test_texts_that_links_quote(server: Nasty) -> None:
    server.page("/to", '<p id="one">The quick <b>brown</b> fox</p>')
    server.paths["/moved"] = lambda peer, _: peer.redirect("/to", 301)
    quotes = ["/to", "/to#:~:text=quick%20brown", "/to#one:~:text=slow", "/to#nope:~:text=quick", "/moved#:~:text=slow"]
    site(server, index=["/to", *quotes])
    kinds = crawl(server.url + "/").kinds()
    assert kinds == {
        "/to": "ok",
        "/to#:~:text=quick%20brown": "ok",
        "/to#one:~:text=slow": "broken",
        "/to#nope:~:text=quick": "broken",
        "/moved#:~:text=slow": "broken",
    }
    assert server.count("/to") == 1


def test_icons_of_a_sprite(server: Nasty) -> None:
    sprite = '<svg xmlns="http://www.w3.org/2000/svg"><symbol id="in"/></svg>'
    server.paths["/s.svg"] = lambda peer, _: peer.reply(200, sprite, "image/svg+xml")
    server.page(
        "/", '<svg><use href="/s.svg#in"/><use href="/s.svg#out"/></svg><img src="/s.svg#svgView(viewBox(0,0,1,1))">'
    )
    assert list(crawl(server.url + "/").kinds().values()) == ["ok", "broken", "ok"]


def test_style_sheets_are_read_for_what_they_load(server: Nasty) -> None:
    server.page("/", '<link rel=stylesheet href="/css/a.css">')
    server.paths["/css/a.css"] = lambda peer, _: peer.reply(
        200, "@import 'b.css'; p{background:url(../gone.png)}", "text/css"
    )
    server.paths["/css/b.css"] = lambda peer, _: peer.reply(
        200, "@import 'a.css'; p{background:url(x.png)}", "text/css"
    )
    found = crawl(server.url + "/", recursive=True)
    assert found.kinds() == {
        "/css/a.css": "ok",
        "b.css": "ok",
        "../gone.png": "broken",
        "a.css": "ok",
        "x.png": "broken",
    }
    assert found.summary is not None
    assert found.summary.pages == 1


def test_redirects(server: Nasty) -> None:
    server.page("/end", '<p id="there">')
    for path, location, status in [
        ("/old", "/end", 301),
        ("/temporary", "/end", 302),
        ("/chain", "/old", 308),
        ("/relative", "sub/../end", 307),
        ("/into", "/end#there", 301),
        ("/nowhere", "/gone", 301),
        ("/round", "/round", 302),
        ("/a", "/b", 302),
        ("/b", "/a", 302),
        ("/empty", "", 302),
        ("/mail", "mailto:a@example.org", 302),
        ("/file", "file:///etc/passwd", 302),
        ("/bad", "http://[::/", 302),
        ("/utf8", "/конец", 302),
    ]:
        server.paths[path] = lambda peer, _, location=location, status=status: peer.send(  # type: ignore[misc]
            f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        )
    server.page("/%D0%BA%D0%BE%D0%BD%D0%B5%D1%86", "the end")
    links = [*server.paths, "/old#there", "/old#elsewhere", "/into#elsewhere"]
    links.remove("/%D0%BA%D0%BE%D0%BD%D0%B5%D1%86")
    site(server, index=links)
    found = crawl(server.url + "/")
    assert found.kinds() == {
        "/end": "ok",
        "/old": "redirected",
        "/temporary": "redirected",
        "/chain": "redirected",
        "/relative": "redirected",
        "/into": "redirected",
        "/nowhere": "broken",
        "/round": "broken",
        "/a": "broken",
        "/b": "broken",
        "/empty": "broken",
        "/mail": "redirected",
        "/file": "broken",
        "/bad": "broken",
        "/utf8": "redirected",
        "/old#there": "redirected",
        "/old#elsewhere": "broken",
        "/into#elsewhere": "redirected",
    }
    told = found.by_raw()
    assert told["/chain"].redirects == (server.url + "/old", server.url + "/end")
    assert told["/chain"].permanent
    assert "link to " + server.url + "/end" in told["/old"].hint
    assert told["/temporary"].hint == ""
    assert "loop" in told["/a"].reason
    assert told["/nowhere"].status == 404
    assert server.count("/end") == 1


def test_redirects_without_end(server: Nasty) -> None:
    server.fallback = lambda peer, request: peer.redirect(f"/r{int(request.path[2:]) + 1}")
    site(server, index=["/r1"])
    found = crawl(server.url + "/")
    assert found.kinds() == {"/r1": "broken"}
    assert "more than 10 redirects" in found.by_raw()["/r1"].reason
    assert len(server.seen) <= 13


def test_ten_redirects_are_gone_along_with(server: Nasty) -> None:
    def behave(peer: Peer, request: Request) -> None:
        number = int(request.path[2:])
        peer.redirect(f"/r{number + 1}") if number < 10 else peer.reply(200, "here")

    server.fallback = behave
    site(server, index=["/r0"])
    found = crawl(server.url + "/")
    assert found.kinds() == {"/r0": "redirected"}
    assert len(found.by_raw()["/r0"].redirects) == 10


def test_a_long_chain_of_links_that_redirect_is_no_recursion(server: Nasty) -> None:
    server.fallback = lambda peer, request: peer.redirect(f"/r{int(request.path[2:]) + 1}", 301)
    site(server, index=[f"/r{number}" for number in range(1, 1500)])
    server.page("/r1500", "the end")
    kinds = crawl(server.url + "/").kinds()
    assert kinds["/r1495"] == "redirected"
    assert kinds["/r1"] == "broken"


def test_a_cookie_wall_is_passed_with_its_cookie(server: Nasty) -> None:
    @server.on("/wall")
    def _(peer: Peer, request: Request) -> None:
        if "pass=yes" in request.fields.get("cookie", ""):
            peer.reply(200, '<p id="in">')
        else:
            peer.redirect("/check")

    @server.on("/check")
    def _(peer: Peer, _request: Request) -> None:
        peer.redirect("/wall", Set_Cookie="pass=yes; Path=/")

    @server.on("/self")
    def _(peer: Peer, request: Request) -> None:
        if "self=1" in request.fields.get("cookie", ""):
            peer.reply(200, "in")
        else:
            peer.redirect("/self", Set_Cookie="self=1")

    @server.on("/never")
    def _(peer: Peer, _request: Request) -> None:
        peer.redirect("/never", Set_Cookie="n=1")

    site(server, index=["/wall", "/wall#in", "/self", "/never"])
    kinds = crawl(server.url + "/").kinds()
    assert kinds == {"/wall": "ok", "/wall#in": "ok", "/self": "ok", "/never": "broken"}
    assert server.count("/never") <= 5


def test_a_recursive_run_stays_on_its_host(server: Nasty) -> None:
    with Nasty().running() as other:
        other.page("/", page_of(["/never-read"]))
        site(server, index=["/one", other.url + "/"], one=["/two", "/"], two=["/missing"])
        found = crawl(server.url + "/", recursive=True)
        assert found.kinds()["/missing"] == "broken"
        assert found.kinds()[other.url + "/"] == "ok"
        assert other.count("/never-read") == 0
        assert found.summary is not None
        assert found.summary.pages == 3


def test_a_scope_of_a_folder_is_not_its_neighbour(server: Nasty) -> None:
    server.page("/docs/", page_of(["/docs/a", "/docs-old/"]))
    server.page("/docs/a", page_of(["/x1"]))
    server.page("/docs-old/", page_of(["/x2"]))
    found = crawl(server.url + "/docs/", recursive=True, scope=(server.url + "/docs",))
    assert set(found.kinds()) == {"/docs/a", "/docs-old/", "/x1"}


def test_links_are_resolved_against_where_the_page_was_found(server: Nasty) -> None:
    server.paths["/start"] = lambda peer, _: peer.redirect("/deep/down/")
    server.page("/deep/down/", page_of(["x"]))
    server.page("/deep/down/x", "x")
    found = crawl(server.url + "/start")
    assert [link.url for _, link, _ in found.found] == [server.url + "/deep/down/x"]
    assert found.found[0][0] == server.url + "/deep/down/"


def test_traps_end_by_a_limit_and_are_told(server: Nasty) -> None:
    server.fallback = lambda peer, request: peer.reply(200, page_of([f"/p{int(request.path[2:] or 0) + 1}"]))
    server.page("/", page_of(["/p1"]))
    found = crawl(server.url + "/", recursive=True, depth=7)
    assert found.summary is not None
    assert any("deeper than 7" in limit for limit in found.summary.limits)
    assert len(server.seen) == 9

    server.seen.clear()
    server.fallback = lambda peer, request: peer.reply(
        200, page_of([f"/p{int(request.path[2:]) * 2}", f"/p{int(request.path[2:]) * 2 + 1}"])
    )
    found = crawl(server.url + "/", recursive=True, pages=50)
    assert found.summary is not None
    assert any("limit of 50 pages" in limit for limit in found.summary.limits)
    assert found.summary.pages == 50
    assert set(found.kinds().values()) == {"ok"}
    assert 51 <= len(server.seen) <= 200

    server.seen.clear()
    server.fallback = lambda peer, request: peer.reply(200, page_of(["again/"]))
    server.page("/", page_of(["again/"]))
    found = crawl(server.url + "/", recursive=True)
    assert found.summary is not None
    assert any("trap" in limit for limit in found.summary.limits)
    assert len(server.seen) < 10


def test_the_whole_run_has_a_limit(server: Nasty) -> None:
    server.paths["/slow"] = _silent
    site(server, index=["/slow", "/good"])
    server.page("/good", "x")
    begun = time.monotonic()
    found = crawl(server.url + "/", seconds=1.0, limits=Limits())
    assert time.monotonic() - begun < 4
    assert found.kinds() == {"/slow": "skipped", "/good": "ok"}


def test_bot_walls_and_logins_are_not_broken(server: Nasty) -> None:
    server.paths["/login"] = lambda peer, _: peer.reply("401 Unauthorized", b"", WWW_Authenticate="Basic")
    server.paths["/linkedin"] = lambda peer, _: peer.reply("999 Denied", b"")
    server.paths["/wall"] = lambda peer, _: peer.reply("403 Forbidden", b"<title>Just a moment...</title>")
    server.paths["/forbidden"] = lambda peer, _: peer.reply("403 Forbidden", b"no")
    site(server, index=["/login", "/linkedin", "/wall", "/forbidden"])
    assert crawl(server.url + "/").kinds() == {
        "/login": "blocked",
        "/linkedin": "blocked",
        "/wall": "blocked",
        "/forbidden": "broken",
    }


def test_robots_txt_is_kept_to(server: Nasty) -> None:
    server.paths["/robots.txt"] = lambda peer, _: peer.reply(
        200, "User-agent: *\nDisallow: /private\nAllow: /private/open\n", "text/plain"
    )
    site(server, index=["/private/x", "/private/open", "/public"])
    server.page("/public", "x")
    server.page("/private/open", "x")
    assert crawl(server.url + "/", robots=True).kinds() == {
        "/private/x": "robots",
        "/private/open": "ok",
        "/public": "ok",
    }
    assert server.count("/private/x") == 0
    assert server.count("/robots.txt") == 1


@pytest.mark.parametrize(("status", "kind"), [(404, "ok"), (403, "ok"), (500, "robots"), (503, "robots")])
def test_robots_txt_that_cannot_be_had(server: Nasty, status: int, kind: str) -> None:
    server.paths["/robots.txt"] = lambda peer, _: peer.reply(status, b"")
    site(server, index=["/x"], x=[])
    assert crawl(server.url + "/", robots=True).kinds() == {"/x": kind}


def test_robots_txt_behind_a_redirect(server: Nasty) -> None:
    server.paths["/robots.txt"] = lambda peer, _: peer.redirect("/real")
    server.paths["/real"] = lambda peer, _: peer.reply(200, "User-agent: sockwright\nDisallow: /x", "text/plain")
    site(server, index=["/x"], x=[])
    assert crawl(server.url + "/", robots=True).kinds() == {"/x": "robots"}


def test_credentials_go_to_their_host_only(server: Nasty) -> None:
    with Nasty().running() as other:
        other.page("/away", "x")
        other.page("/x", "x")
        server.paths["/away"] = lambda peer, _: peer.redirect(other.url + "/away")
        site(server, index=["/away", other.url + "/x", "/own"], own=[])
        secret = Credentials({server.url: (("Authorization", "Bearer secret"), ("X-Key", "k"))})
        crawl(server.url + "/", credentials=secret)
        assert all(request.fields.get("authorization") == "Bearer secret" for request in server.seen)
        assert len(other.seen) == 2
        assert not any("authorization" in request.fields or "x-key" in request.fields for request in other.seen)


def test_a_login_in_a_url_is_sent_as_a_field_and_not_kept_in_the_referer(server: Nasty) -> None:
    site(server, index=[f"http://ann:s%20ecret@127.0.0.1:{server.port}/x"], x=[])
    crawl(server.url + "/")
    asked = next(request for request in server.seen if request.path == "/x")
    assert asked.fields["authorization"] == "Basic YW5uOnMgZWNyZXQ="
    assert "referer" not in asked.fields
    assert "ann" not in asked.fields["host"]


def test_rate_limits_are_obeyed_without_false_alarm(server: Nasty) -> None:
    allowed: list[float] = []
    shut = [0.0]
    early: list[float] = []

    def behave(peer: Peer, request: Request) -> None:
        now = request.at
        if now < shut[0] - 0.02:
            early.append(shut[0] - now)
        allowed[:] = [at for at in allowed if at > now - 1]
        if len(allowed) < 10:
            allowed.append(now)
            peer.reply(200, "ok")
        else:
            shut[0] = now + 1
            peer.reply("429 Too Many", b"", Retry_After="1")

    server.fallback = behave
    site(server, index=[f"/{number}" for number in range(60)])
    begun = time.monotonic()
    found = crawl(server.url + "/", limits=Limits())
    assert time.monotonic() - begun < 12  # 6.5 on a machine of its own
    assert set(found.kinds().values()) == {"ok"}
    assert all(left > 0.9 for left in early), early  # under way when the first refusal came


@pytest.mark.parametrize("wished", ["-1", "nonsense", "3600", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_hostile_retry_after_ends(server: Nasty, wished: str) -> None:
    server.paths["/x"] = lambda peer, _: peer.reply("429 Too Many", b"", Retry_After=wished)
    site(server, index=["/x", *[f"/good{number}" for number in range(20)]])
    server.fallback = lambda peer, _: peer.reply(200, "ok")
    begun = time.monotonic()
    kinds = crawl(server.url + "/").kinds()
    assert kinds.pop("/x") == "rate-limited"
    assert set(kinds.values()) == {"ok"}
    assert server.count("/x") < 10
    assert time.monotonic() - begun < 15


def test_dead_hosts_cost_little(server: Nasty) -> None:
    import socket

    dead = [socket.socket() for _ in range(3)]
    try:
        links = []
        for listener in dead:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            links += [f"http://127.0.0.1:{listener.getsockname()[1]}/{number}" for number in range(20)]
        server.fallback = lambda peer, _: peer.reply(200, "ok")
        good = [f"/{number}" for number in range(500)]
        server.page("/", page_of([*links, *good]))
        begun = time.monotonic()
        found = crawl(server.url + "/", limits=Limits(connect=2, first_byte=2, total=2), robots=True)
        assert time.monotonic() - begun < 5.5
        assert all(found.kinds()[link] == "time-out" for link in links)
        assert all(found.kinds()[link] == "ok" for link in good)
    finally:
        for listener in dead:
            listener.close()


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        page_of(
            ["b.html", "B.html", "sub/", "sub", "/b.html", "nope.html", "b.html#x", "b.html#y", "b.html?q=1", "b.html/"]
        )
    )
    (tmp_path / "b.html").write_text('<p id="x">')
    (tmp_path / "sub" / "пример.html").write_text(
        page_of(["../b.html", "/index.html", "%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.html"])
    )
    found = crawl(str(tmp_path))
    assert found.kinds() == {
        "b.html": "ok",
        "B.html": "broken",
        "sub/": "ok",
        "sub": "ok",
        "/b.html": "ok",
        "nope.html": "broken",
        "b.html#x": "ok",
        "b.html#y": "broken",
        "b.html?q=1": "ok",
        "b.html/": "broken",
        "../b.html": "ok",
        "/index.html": "ok",
        "%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.html": "ok",
    }
    assert "'b.html'" in found.by_raw()["B.html"].reason


def test_a_page_of_the_web_cannot_ask_for_local_files(server: Nasty) -> None:
    site(server, index=["file:///etc/passwd"])
    assert crawl(server.url + "/").kinds() == {"file:///etc/passwd": "skipped"}


def test_patterns(server: Nasty) -> None:
    site(server, index=["/a", "/b", "/c"], a=[], b=[], c=[])
    found = crawl(server.url + "/", exclude=("/b$",))
    assert found.kinds() == {"/a": "ok", "/b": "skipped", "/c": "ok"}
    assert server.count("/b") == 0


def test_an_input_that_does_not_answer_has_a_line(server: Nasty) -> None:
    found = crawl(server.url + "/missing")
    assert [(link.origin, verdict.kind) for _, link, verdict in found.found] == [("input", "broken")]


def test_a_hundred_thousand_links_on_a_page(server: Nasty) -> None:
    server.page("/", page_of(["/x"] * 100_000))
    server.page("/x", "x")
    begun = time.monotonic()
    found = crawl(server.url + "/", limits=Limits())
    assert time.monotonic() - begun < 10
    assert len(found.found) == 10_000
    assert found.summary is not None
    assert found.summary.limits


def test_engines_share_the_settings(server: Nasty) -> None:
    most = [0]
    busy = [0]

    def behave(peer: Peer, _request: Request) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        peer.wait(0.05)
        busy[0] -= 1
        peer.reply(200, "ok")

    server.fallback = behave
    site(server, index=[f"/{number}" for number in range(20)])
    crawl(server.url + "/", settings=Settings(robots=False, per_host=3))
    assert 1 <= most[0] <= 3


def _silent(peer: Peer, _request: Request) -> None:
    peer.wait(20)

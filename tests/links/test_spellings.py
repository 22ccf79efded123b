"""URLs as pages spell them: what a browser would ask for is asked for, once, with either engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.links.collected import crawl
from tests.links.nasty import Nasty


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        nasty.fallback = lambda peer, _: peer.reply(200, "here")
        yield nasty


def html(links: list[str]) -> str:
    quoted = (link.replace("&", "&amp;").replace('"', "&quot;") for link in links)
    return "<!doctype html><meta charset=utf-8>" + "".join(f'<a href="{link}">x</a>\n' for link in quoted)


@pytest.mark.parametrize("engine", ["curl", "urllib"])
def test_one_url_in_many_spellings_is_asked_once(server: Nasty, engine: str) -> None:
    port = server.port
    spelled = [
        "/a/b",
        " /a/b\n",
        "/a/\tb",
        "\\a\\b",
        "/x/../a/./b",
        "/x/%2e%2E/a/b",
        "/a/b#one",
        f"http://127.0.0.1:{port}/a/b",
        f"HTTP://127.0.0.1:{port}/a/b",
        f"http:\\\\127.0.0.1:{port}\\a\\b",
        "http:/a/b",
        "http:a/../a/b",
        f"http://127.1:{port}/a/b",
        f"http://0x7f.1:{port}/a/b",
        f"http://0177.0.0.1:{port}/a/b",
        f"http://2130706433:{port}/a/b",
        f"http://127.0.0.1.:{port}/a/b",
        f"http://１２７.0.0.1:{port}/a/b",
        f"//127.0.0.1:{port}/a/b",
        f"http://127.0.0.1:0{port}/a/b",
    ]
    server.page("/", html(spelled))
    found = crawl(server.url + "/", engine=engine)
    assert {verdict.kind for verdict in found.by_raw().values()} <= {"ok", "broken"}
    works = [raw for raw, verdict in found.by_raw().items() if verdict.kind == "ok"]
    assert sorted(works) == sorted(set(spelled) - {"/a/b#one"})
    assert found.by_raw()["/a/b#one"].kind == "broken"  # nothing there is called so
    assert {link.url.partition("#")[0] for _, link, _ in found.found} == {f"{server.url}/a/b"}
    assert server.count("/a/b") == 1


@pytest.mark.parametrize("engine", ["curl", "urllib"])
def test_what_looks_alike_and_is_not_is_asked_each(server: Nasty, engine: str) -> None:
    paths = [
        "/a/b",
        "/a%2Fb",
        "/a%2fb",
        "/A/b",
        "/a//b",
        "/a/b/",
        "/a/b?",
        "/a/b?x",
        "/a;b",
        "/~a",
        "/%7Ea",
        "/a%20b",
        "/a+b",
    ]
    server.page("/", html(paths))
    found = crawl(server.url + "/", engine=engine)
    assert set(found.kinds().values()) == {"ok"}
    assert sorted(one.target for one in server.seen) == sorted(["/", *paths])


@pytest.mark.parametrize("engine", ["curl", "urllib"])
@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("/ключ", "/%D0%BA%D0%BB%D1%8E%D1%87"),
        ("/a b", "/a%20b"),
        ("/a\"b'c", "/a%22b'c"),
        ("/?q=a b&r=ж", "/?q=a%20b&r=%D0%B6"),
        ("/?a='b'", "/?a=%27b%27"),
        ("/{x}|y", "/%7Bx%7D|y"),
        ("/%zz%", "/%zz%"),
        ("/^`", "/%5E%60"),
        ("?only=query", "/start?only=query"),
        ("http//x", "/http//x"),
        ("x:8080/y/../../z", None),
        ("/a/../../../b", "/b"),
    ],
)
def test_what_is_sent_is_what_a_browser_sends(server: Nasty, engine: str, written: str, target: str | None) -> None:
    server.page("/start", html([written]))
    found = crawl(server.url + "/start", engine=engine)
    sent = [one.target for one in server.seen if one.target != "/start"]
    assert sent == ([target] if target else [])
    assert list(found.kinds().values()) == ["ok" if target else "skipped"]


@pytest.mark.parametrize("engine", ["curl", "urllib"])
@pytest.mark.parametrize(
    "written",
    ["http://", "http://:80/", "http://a b/", "http://[::1", "http://h:99999/", "http://h:x/", "http://256.1.1.1/",
     "http://1.2.3.4.5/", "http://a%00b/", "https://exa%23mple/"],
)  # fmt: skip
def test_what_no_browser_could_ask_for_is_broken(server: Nasty, engine: str, written: str) -> None:
    server.page("/", html([written]))
    found = crawl(server.url + "/", engine=engine)
    assert list(found.kinds().values()) == ["broken"]
    assert len(server.seen) == 1


@pytest.mark.parametrize("engine", ["curl", "urllib"])
def test_names_beyond_ascii_are_looked_up_as_the_web_does(server: Nasty, engine: str) -> None:
    names = {"bücher.example": "xn--bcher-kva.example", "faß.example": "xn--fa-hia.example"}
    names |= {"ПРЕЗИДЕНТ.example": "xn--d1abbgf6aiiy.example", "a。example": "a.example", "xn--bcher-kva.example": ""}
    server.page("/", html([f"http://{name}:{server.port}/x" for name in names]))
    hosts = {ascii_ or name for name, ascii_ in names.items()}
    resolve = tuple(f"{host}:{server.port}:127.0.0.1" for host in hosts)
    found = crawl(server.url + "/", engine=engine, resolve=resolve)
    assert set(found.kinds().values()) == {"ok"}
    assert {one.fields["host"].partition(":")[0] for one in server.seen if one.path == "/x"} == hosts
    assert server.count("/x") == len(hosts)

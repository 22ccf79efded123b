"""`--no-private`: addresses are looked at when it connects, after the name was looked up and after each redirect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.links.collected import crawl, page_of
from tests.links.engines import one
from tests.links.nasty import Nasty

from sockwright.links import curl_transfer, engine_urllib
from sockwright.links.private import is_private

ENGINES = ["curl", "urllib"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1",
        "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "64:ff9b::127.0.0.1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1", "2001:db8::1", "2001::1",
        "no address", "",
    ],
)  # fmt: skip
def test_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::101:101"],
)
def test_public(address: str) -> None:
    assert not is_private(address)


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        nasty.fallback = lambda peer, _: peer.reply(200, "inside")
        yield nasty


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.0.0.1.", "localhost", "LocalHost",
     "0.0.0.0", "0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "１２７.0.0.1", "127。0。0。1"],
)  # fmt: skip
def test_however_it_is_spelled_nobody_is_called(server: Nasty, engine: str, host: str) -> None:
    links = page_of([f"http://{host}:{server.port}/x"])
    found = crawl("-", stdin=links.encode(), engine=engine, public_only=True)
    ((_, link, verdict),) = found.found
    assert verdict.kind == "skipped", (link.url, verdict)
    assert "private" in verdict.reason
    assert server.connections == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("resolved", ["127.0.0.1", "[::1]"])
def test_a_name_that_leads_inside(server: Nasty, engine: str, resolved: str) -> None:
    url = f"http://intern.example:{server.port}/"
    outcome = one(url, engine=engine, public_only=True, resolve=(f"intern.example:{server.port}:{resolved}",))
    assert outcome.kind == "skipped"
    assert server.connections == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_redirect_that_leads_inside(server: Nasty, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def but_one(address: str) -> bool:
        return address != "127.0.0.2" and is_private(address)  # which plays a host of the web

    monkeypatch.setattr(curl_transfer, "is_private", but_one)
    monkeypatch.setattr(engine_urllib, "is_private", but_one)
    with Nasty(address="127.0.0.2").running() as outside:
        ways = {
            "/plain": server.url + "/secret",
            "/odd": f"http://0x7f000001:{server.port}/secret",
            "/six": f"http://[::ffff:127.0.0.1]:{server.port}/secret",
            "/twice": outside.url + "/plain",
            "/robots.txt": server.url + "/robots.txt",
        }
        for path, target in ways.items():
            outside.paths[path] = lambda peer, _, target=target: peer.redirect(target)  # type: ignore[misc]
        outside.page("/", page_of(["/plain", "/odd", "/six", "/twice", "/fine"]))
        outside.page("/fine", "fine")
        found = crawl(outside.url + "/", engine=engine, public_only=True, robots=True)
    kinds = found.kinds()
    assert kinds.pop("/fine") == "ok"
    assert kinds == dict.fromkeys(("/plain", "/odd", "/six", "/twice"), "skipped")
    assert server.connections == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_the_environments_proxy_is_no_way_round(server: Nasty, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert one("http://127.0.0.1:1/x", engine=engine, public_only=True).kind == "skipped"
    assert server.connections == 0

"""The door: what each kind of visit comes to, with a clock of the test's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sockwright.console.door import MINUTE, SESSION, WRONG, Door, Visit, new_token

NOW = 1_800_000_000.0
KEY = bytes(range(32))


@pytest.fixture
def door() -> Door:
    return Door("right-token", KEY, names=("bench.lan", "192.168.1.7"), port=7070)


HERE = Visit("GET", host="127.0.0.1:7070", peer="127.0.0.1")


def _cookie(door: Door, now: float = NOW) -> str:
    return door.judge(replace(HERE, token="right-token"), now).cookie.partition(";")[0]


def test_a_token_has_256_bits_and_never_comes_twice() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)  # 32 bytes in base64


def test_the_token_is_taken_once_for_a_cookie_that_scripts_cannot_read(door: Door) -> None:
    verdict = door.judge(replace(HERE, token="right-token"), NOW)
    assert verdict.status == 303
    name, *attributes = verdict.cookie.split("; ")
    assert name.startswith("sockwright-7070=")
    assert "right-token" not in name
    assert set(attributes) == {"Path=/", f"Max-Age={int(SESSION)}", "HttpOnly", "SameSite=Strict"}
    assert door.judge(replace(HERE, cookie=f"other=1; {name}; more=2"), NOW).is_in


def test_a_session_ends_after_twelve_hours_whatever_the_browser_thinks(door: Door) -> None:
    cookie = _cookie(door)
    assert door.judge(replace(HERE, cookie=cookie), NOW + SESSION - 2).is_in
    assert door.judge(replace(HERE, cookie=cookie), NOW + SESSION + 2).status == 401


def test_a_session_outlives_a_restart_and_is_of_one_port(door: Door) -> None:
    cookie = _cookie(door)
    assert Door("another", KEY, port=7070).judge(replace(HERE, cookie=cookie), NOW).is_in
    assert Door("another", KEY, port=7071).judge(replace(HERE, cookie=cookie), NOW).status == 401
    moved = cookie.replace("sockwright-7070", "sockwright-7071")
    assert Door("another", KEY, port=7071).judge(replace(HERE, cookie=moved), NOW).status == 401
    assert Door("another", bytes(32), port=7070).judge(replace(HERE, cookie=cookie), NOW).status == 401


@pytest.mark.parametrize(
    "cookie",
    [
        "sockwright-7070=",
        "sockwright-7070=99999999999",
        "sockwright-7070=99999999999.",
        "sockwright-7070=99999999999.AAAA",
        "sockwright-7070=.AAAA",
        "sockwright-7070=١٢٣.AAAA",
        "sockwright-7070=\udcff.\udcff",
        "sockwright-7070",
        "right-token",
    ],
)
def test_a_forged_cookie_is_none(door: Door, cookie: str) -> None:
    assert door.judge(replace(HERE, cookie=cookie), NOW).status == 401


def test_a_later_date_needs_another_signature(door: Door) -> None:
    name, _, signature = _cookie(door).rpartition(".")
    until = int(name.partition("=")[2])
    assert door.judge(replace(HERE, cookie=f"sockwright-7070={until + 1}.{signature}"), NOW).status == 401


def test_a_bearer_comes_in_and_may_write_without_an_origin(door: Door) -> None:
    bearer = replace(HERE, authorization="Bearer right-token")
    assert door.judge(bearer, NOW).is_in
    assert door.judge(replace(bearer, method="POST"), NOW).is_in
    assert door.judge(replace(bearer, method="POST", origin="http://evil.example"), NOW).status == 403
    assert door.judge(replace(HERE, authorization="Basic right-token"), NOW).status == 401
    assert door.judge(replace(HERE, authorization="Bearer wröng"), NOW).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:7070",
        "localhost:7070",
        "LOCALHOST:7070",
        "localhost.:7070",
        "[::1]:7070",
        "[0:0:0:0:0:0:0:1]:7070",
        "127.0.0.1",
        "localhost:8080",  # a forwarding in between
        "bench.lan:7070",
        "192.168.1.7:7070",
    ],
)
def test_our_own_names_are_known(door: Door, host: str) -> None:
    assert door.judge(replace(HERE, host=host, authorization="Bearer right-token"), NOW).is_in


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:7070",
        "localhost.evil.example:7070",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1:7070",
        "127.0.0.1:7070@evil.example",
        "127.0.0.1:7070/x",
        "127.0.0.1 evil",
        "[::2]:7070",
        "[::1",
        "[x]",
        "127.0.0.1:",
        "127.0.0.1:x",
        "0.0.0.0:7070",
        "127.0.0.1\x00",
    ],
)
def test_a_foreign_name_is_403_even_with_the_token(door: Door, host: str) -> None:
    for visit in (replace(HERE, host=host, authorization="Bearer right-token"), replace(HERE, host=host)):
        assert door.judge(visit, NOW).status == 403
        assert door.admits(visit, NOW).status == 403
    assert door.judge(replace(HERE, host=host, token="right-token"), NOW).cookie == ""


def test_a_write_needs_our_own_origin(door: Door) -> None:
    write = replace(HERE, method="POST", cookie=_cookie(door))
    assert door.judge(replace(write, origin="http://127.0.0.1:7070"), NOW).is_in
    assert door.judge(replace(write, origin="http://127.0.0.1:7070", site="same-origin"), NOW).is_in
    for origin in (
        "",
        "null",
        "http://localhost:7070",  # another origin than the page's
        "http://127.0.0.1:9999",
        "https://127.0.0.1:7070",
        "http://127.0.0.1:7070.evil.example",
        "http://evil.example",
        "http://[::1",
    ):
        for method in ("POST", "PUT", "DELETE", "PATCH", "ODD"):
            assert door.judge(replace(write, method=method, origin=origin), NOW).status == 403, origin


def test_another_sites_page_gets_nothing_but_a_window_of_its_own(door: Door) -> None:
    read = replace(HERE, cookie=_cookie(door))
    for site in ("cross-site", "same-site"):
        assert door.judge(replace(read, site=site, mode="no-cors", destination="image"), NOW).status == 403
        assert door.judge(replace(read, site=site, mode="cors", destination="empty"), NOW).status == 403
        assert door.judge(replace(read, site=site, mode="navigate", destination="iframe"), NOW).status == 403
        assert door.judge(replace(read, site=site, mode="navigate", destination="document"), NOW).is_in
    assert door.judge(replace(read, site="same-origin"), NOW).is_in
    assert door.judge(replace(read, site="none"), NOW).is_in


def test_ten_wrong_tokens_a_minute_lock_one_address_for_a_while(door: Door) -> None:
    for second in range(WRONG):
        assert door.judge(replace(HERE, token="wrong"), NOW + second).status == 401
    locked = door.judge(replace(HERE, token="right-token"), NOW + WRONG)
    assert (locked.status, locked.cookie) == (429, "")
    assert 0 < locked.retry <= MINUTE + 1
    assert door.judge(replace(HERE, authorization="Bearer right-token"), NOW + WRONG).status == 429
    assert door.judge(replace(HERE, cookie=_cookie(Door("x", KEY, port=7070)), token=""), NOW).status == 401
    assert door.judge(replace(HERE, peer="192.168.1.9", token="right-token"), NOW + WRONG).status == 303
    assert door.judge(replace(HERE, token="right-token"), NOW + MINUTE + WRONG).status == 303


def test_who_is_in_already_is_not_locked_out_by_others_guesses(door: Door) -> None:
    cookie = _cookie(door)
    for _ in range(3 * WRONG):
        door.judge(replace(HERE, token="wrong"), NOW)
    assert door.judge(replace(HERE, cookie=cookie), NOW).is_in
    assert door.judge(replace(HERE, cookie="sockwright-7070=stale"), NOW).status == 401, "no guess at the token"


def test_guesses_from_everywhere_are_counted_in_bounded_memory(door: Door) -> None:
    for number in range(3_000):
        door.judge(replace(HERE, peer=f"10.0.{number // 256}.{number % 256}", token="wrong"), NOW)
    assert len(door._wrong) <= 1_000

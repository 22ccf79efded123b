"""What an exchange means, case by case."""

from __future__ import annotations

import pytest

from sockwright.links.asking import Ask, Exchange
from sockwright.links.policy import CLASSES, FAILING, Sign, after_retry, judge, readable, retry_after

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def answer(status: int, content: bytes = b"", **fields: str) -> Exchange:
    named = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return Exchange(Ask("http://h/"), status=status, fields=named, content=content)


@pytest.mark.parametrize(
    ("exchange", "kind"),
    [
        (answer(200), "ok"),
        (answer(204), "ok"),
        (answer(206), "ok"),
        (answer(304), "unchanged"),
        (answer(301, location="/x"), "redirect"),
        (answer(302, location="/x"), "redirect"),
        (answer(303, location="/x"), "redirect"),
        (answer(307, location="/x"), "redirect"),
        (answer(308, location="/x"), "redirect"),
        (answer(302), "broken"),
        (answer(302, location="  "), "broken"),
        (answer(305, location="/x"), "broken"),
        (answer(400), "broken"),
        (answer(404), "broken"),
        (answer(410), "broken"),
        (answer(405), "broken"),
        (answer(500), "broken"),
        (answer(503), "broken"),
        (answer(408), "time-out"),
        (answer(401), "blocked"),
        (answer(401, www_authenticate="Basic"), "blocked"),
        (answer(402), "blocked"),
        (answer(451), "blocked"),
        (answer(999), "blocked"),
        (answer(403), "broken"),
        (answer(403, www_authenticate="Bearer"), "blocked"),
        (answer(403, cf_mitigated="challenge"), "blocked"),
        (answer(403, b"<title>Just a moment...</title>"), "blocked"),
        (answer(403, b"Please solve the CAPTCHA"), "blocked"),
        (answer(403, set_cookie="datadome=abc; path=/"), "blocked"),
        (answer(503, b"<script src=/cdn-cgi/challenge-platform/x.js>"), "blocked"),
        (answer(404, b"captcha"), "broken"),
        (answer(429), "rate-limited"),
        (answer(429, retry_after="1"), "rate-limited"),
        (answer(503, retry_after="1"), "rate-limited"),
        (answer(503, retry_after="-1"), "broken"),
        (answer(503, b"captcha", retry_after="1"), "rate-limited"),
        (answer(799), "broken"),
    ],
)
def test_the_class_of_a_response(exchange: Exchange, kind: str) -> None:
    assert judge(exchange, NOW).kind == kind


@pytest.mark.parametrize(
    ("trouble", "kind", "tries"),
    [
        ("dns", "dns", 0),
        ("dns-time-out", "dns", 1),
        ("refused", "refused", 0),
        ("connect-time-out", "time-out", 1),
        ("head-time-out", "time-out", 1),
        ("body-time-out", "time-out", 0),
        ("tls", "tls", 0),
        ("reset", "broken", 2),
        ("not-http", "broken", 0),
        ("private", "skipped", 0),
        ("never heard of", "broken", 1),
    ],
)
def test_the_class_of_trouble(trouble: str, kind: str, tries: int) -> None:
    found = judge(Exchange(Ask("http://h/"), trouble=trouble, detail="so it said"), NOW)
    assert (found.kind, found.tries) == (kind, tries)
    assert "so it said" in found.reason


def test_trouble_after_the_head_tells_the_status_too() -> None:
    found = judge(Exchange(Ask("http://h/"), status=200, trouble="body", detail="10 of 100 bytes"), NOW)
    assert (found.kind, found.status) == ("broken", 200)
    assert found.reason.startswith("200, but")


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("0", "", 0.0),
        ("7", "", 7.0),
        (" 7 ", "", 7.0),
        ("-1", "", None),
        ("1.5", "", None),
        ("", "", None),
        ("soon", "", None),
        ("٣", "", None),
        ("9" * 400, "", 999999999.0),
        ("Fri, 15 Jan 2027 08:00:05 GMT", "", 5.0),
        ("Fri, 15 Jan 2027 07:00:05 GMT", "", None),
        # The server's clock is an hour behind ours: its own difference counts.
        ("Fri, 15 Jan 2027 07:00:05 GMT", "Fri, 15 Jan 2027 07:00:00 GMT", 5.0),
        ("Fri, 99 Jan 2027 07:00:05 GMT", "", None),
    ],
)
def test_retry_after(value: str, date: str, seconds: float | None) -> None:
    assert retry_after(value, date, NOW) == seconds


def test_who_wants_a_pause_says_so_to_the_frontier() -> None:
    assert judge(answer(429, retry_after="3"), NOW).sign is Sign.SLOW_DOWN
    assert judge(answer(429, retry_after="3"), NOW).retry_after == 3
    assert judge(answer(503), NOW).sign is Sign.STRAINED
    assert judge(answer(404), NOW).sign is Sign.ANSWERED


def test_what_works_at_the_second_try_is_flaky() -> None:
    good = judge(answer(200), NOW)
    assert after_retry(good, []).kind == "ok"
    assert after_retry(good, ["502 Bad Gateway"]).kind == "flaky"
    assert after_retry(judge(answer(404), NOW), ["502 Bad Gateway"]).kind == "broken"


def test_a_certificate_that_ends_soon_is_told() -> None:
    exchange = answer(200)
    exchange.expires = NOW + 3 * 86400
    assert "3 days" in judge(exchange, NOW).note
    exchange.expires = NOW + 90 * 86400
    assert judge(exchange, NOW).note == ""


@pytest.mark.parametrize(
    ("content_type", "worth"),
    [
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("application/xhtml+xml", True),
        ("application/atom+xml", True),
        ("application/gzip", True),
        ("image/svg+xml", True),
        ("", True),
        ("image/png", False),
        ("application/pdf", False),
        ("application/octet-stream", False),
        ("video/mp4", False),
    ],
)
def test_what_is_worth_reading(content_type: str, worth: bool) -> None:
    assert readable(content_type) is worth


def test_every_class_is_explained() -> None:
    assert set(CLASSES) >= FAILING
    assert all(meaning for _, meaning in CLASSES.values())

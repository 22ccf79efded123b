"""The server goes away and comes back: pages that are open say so, wait, and catch up by themselves."""

from __future__ import annotations

from pathlib import Path

from tests.console.browser.benches import LOST, Bench, Visit, becomes, hide, row_with


def test_a_page_outlives_a_restart_and_catches_up(tmp_path: Path, visit: Visit) -> None:
    first = Bench(tmp_path)
    visitor = visit(first)
    visitor.allowed.append(LOST)
    try:
        page = visitor.open("/traffic")
        first.say(b"before\n")
        row_with(page, "before")
        other = visitor.open("/")
    finally:
        first.stop()
    page.bring_to_front()
    page.wait_for_selector('.feed[data-feed="lost"]')

    second = Bench(tmp_path, console=first.console)
    try:
        second.say(b"while it was away\n")
        page.wait_for_selector('.feed[data-feed="live"]')
        row_with(page, "while it was away")
        row_with(page, "before")
        second.say(b"afterwards\n")
        row_with(page, "afterwards")
        port = second.ports["echo", "tcp"]
        becomes(other, f"document.querySelector('#groups').innerText.includes('127.0.0.1:{port}')")
    finally:
        visitor.check()
        second.stop()


def test_where_there_is_no_stream_the_page_asks_instead(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append("status of 503")
    visitor.context.route("**/api/events/stream*", lambda route: route.fulfill(status=503))
    page = visitor.open("/traffic", wait=False)
    page.wait_for_selector('.feed[data-feed="polling"]')
    bench.say(b"asked for\n")
    row_with(page, "asked for")


def test_a_page_whose_token_is_not_valid_any_more_says_what_to_do(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append("status of 401")
    page = visitor.open("/traffic")
    visitor.context.clear_cookies()
    hide(page, hidden=True)
    hide(page, hidden=False)
    page.wait_for_selector('.feed[data-feed="out"]')
    assert "sockwright up" in page.locator("#banner").inner_text()

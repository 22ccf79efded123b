"""Traffic: the list that lives and keeps still, its filter, the detail, and an address for each view."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.console.browser.benches import Bench, Visit, becomes, hide, live, row_with, rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Rows that may exist, whatever the list holds; and milliseconds between two pictures while it is scrolled, half of the
# time: 16.7 is the aim, and a machine with much other work loses many.
MOST_ROWS = 80
SMOOTH = 200.0


def found(page: Page) -> int:
    return int(page.locator("#list").get_attribute("aria-rowcount") or 1) - 1


def is_new(page: Page, count: int) -> None:
    page.locator("#news", has_text=f"{count} new").wait_for()


def test_a_connection_is_followed_from_its_first_byte_to_its_end(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/traffic")
    with bench.dial("echo") as sock:
        sock.sendall(b"followed-1\n")
        row = row_with(page, "followed-1")
        row.get_by_text("open", exact=True).wait_for()
        sock.sendall(b"followed-2\n")
        row.get_by_text("22 B").first.wait_for()
        while len(sock.recv(100)) < 11:
            pass
        sock.shutdown(1)
        while sock.recv(100):
            pass
    row.get_by_text("peer closed (FIN)").wait_for()


def test_the_filter_finds_and_goes_on_finding(bench: Bench, visit: Visit) -> None:
    bench.say(b"needle-1\n")
    bench.say(b"haystack\n")
    page = visit(bench).open("/traffic")
    field = page.get_by_label("Filter", exact=True)
    field.fill("service:echo received~needle")
    becomes(page, "document.querySelector('#list').ariaRowCount === '2'")
    assert "filter=service%3Aecho+received%7Eneedle" in page.url
    bench.say(b"haystack\n")
    bench.say(b"needle-2\n")
    row_with(page, "needle-2")
    assert found(page) == 2
    assert page.locator(".rows-space", has_text="haystack").count() == 0


def test_a_connection_that_comes_to_fit_later_appears_then(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open(f"/traffic?filter={quote('end:fin received~later-on')}")
    with bench.dial("echo") as sock:
        sock.sendall(b"later-on\n")
        sock.recv(100)
        other = bench.say(b"later-on and over\n")
        assert other
        row_with(page, "and over")
        assert found(page) == 1
    becomes(page, "document.querySelector('#list').ariaRowCount === '3'")


def test_a_wrong_filter_is_explained_under_the_field_and_the_list_stays(bench: Bench, visit: Visit) -> None:
    bench.say(b"stays\n")
    visitor = visit(bench)
    visitor.allowed.append("the server responded with a status of 400")
    page = visitor.open("/traffic")
    row_with(page, "stays")
    field = page.get_by_label("Filter", exact=True)
    field.fill("protocoll:tcp")
    page.get_by_role("alert").filter(has_text="protocoll").wait_for()
    assert field.get_attribute("aria-invalid") == "true"
    assert row_with(page, "stays").is_visible()
    field.fill("")
    becomes(page, "document.querySelector('#filter-text').getAttribute('aria-invalid') === null")


def test_the_list_does_not_move_while_somebody_reads(bench: Bench, visit: Visit) -> None:
    for number in range(60):
        bench.say(b"reading %d\n" % number)
    page = visit(bench).open("/traffic?filter=reading")
    page.locator("#list").evaluate("(list) => { list.scrollTop = 300; }")
    page.wait_for_timeout(50)
    before = rows(page)
    place = page.locator("#list").evaluate("(list) => list.scrollTop")
    for number in range(12):
        bench.say(b"reading on %d\n" % number)
    is_new(page, 12)
    assert rows(page) == before
    assert page.locator("#list").evaluate("(list) => list.scrollTop") == place

    page.locator("#news").click()
    row_with(page, "reading on 11")
    assert page.locator("#list").evaluate("(list) => list.scrollTop") == 0
    assert page.locator("#news").is_hidden()


def test_a_selected_row_and_a_pause_hold_the_list_too(bench: Bench, visit: Visit) -> None:
    bench.say(b"held 0\n")
    page = visit(bench).open("/traffic?filter=held")
    row_with(page, "held 0").click()
    bench.say(b"held 1\n")
    is_new(page, 1)
    page.keyboard.press("Escape")
    row_with(page, "held 1")
    page.get_by_role("button", name="Pause").click()
    bench.say(b"held 2\n")
    is_new(page, 1)
    page.get_by_role("button", name="Go on").click()
    row_with(page, "held 2")


def test_each_view_has_an_address_that_reload_and_back_keep(bench: Bench, visit: Visit) -> None:
    bench.say(b"addressed\n")
    page = visit(bench).open("/traffic")
    page.get_by_label("Filter", exact=True).fill("addressed")
    page.keyboard.press("Enter")
    row_with(page, "addressed").click()
    page.locator(".piece").first.wait_for()
    number = rows(page)[0]
    page.get_by_role("tab", name="Timeline").click()
    page.wait_for_url(f"**/traffic/{number}?filter=addressed&tab=timeline")

    page.reload()
    live(page)
    assert page.get_by_role("tab", name="Timeline").get_attribute("aria-selected") == "true"
    assert page.get_by_label("Filter", exact=True).input_value() == "addressed"
    assert page.locator('.rows-line[aria-selected="true"]').inner_text().count("addressed") == 1
    page.go_back()
    page.wait_for_url("**/traffic?filter=addressed")
    assert page.locator("#detail").is_hidden()
    page.go_forward()
    page.locator("#detail .lanes").wait_for()


def test_the_conversation_shows_who_said_what_in_which_chunks(bench: Bench, visit: Visit) -> None:
    with bench.dial("echo") as sock:
        for piece in (b"one\r\n", "два".encode(), b"\x00\xff\x1b[31m"):
            sock.sendall(piece)
            answer = b""
            while len(answer) < len(piece):
                answer += sock.recv(100)
        sock.shutdown(1)
        sock.recv(1)
    page = visit(bench).open("/traffic?filter=one")
    row_with(page, "one").click()
    page.locator(".piece").nth(5).wait_for()
    pieces = page.locator(".piece")
    assert [("client" in (name or "")) for name in pieces.evaluate_all("(all) => all.map((one) => one.className)")] == [
        True, False, True, False, True, False,
    ]  # fmt: skip
    assert pieces.nth(0).locator(".piece-body").inner_text().strip() == "one\\r\\n"
    assert pieces.nth(2).locator(".piece-body").inner_text().strip() == "два"
    assert "00ff1b5b33316d" in pieces.nth(4).locator(".hex").inner_text()
    client, server = (pieces.nth(place).bounding_box() for place in (0, 1))
    assert client
    assert server
    assert client["x"] < server["x"]
    page.locator(".event", has_text="has said all (FIN)").wait_for()
    page.locator(".event.end", has_text="peer closed (FIN)").wait_for()


def test_text_and_hexadecimal_are_linked(bench: Bench, visit: Visit) -> None:
    bench.say("linked ж\n".encode())
    page = visit(bench).open("/traffic?filter=linked")
    row_with(page, "linked").click()
    page.get_by_role("button", name="Both").click()
    piece = page.locator(".piece").first
    piece.locator('.hex [data-at="7"]').first.hover()
    assert piece.locator(".piece-body:not(.hex) .lit").inner_text() == "ж"
    assert page.locator(".readout").inner_text() == "byte 7: 0xD0 = 208, part of a UTF-8 sign"
    piece.locator('.hex [data-at="9"]').first.hover()
    assert piece.locator(".piece-body:not(.hex) .lit").inner_text() == "\\n"
    page.reload()
    live(page)
    page.locator(".piece .hex").first.wait_for()


def test_an_open_conversation_grows_before_the_eyes(bench: Bench, visit: Visit) -> None:
    with bench.dial("echo") as sock:
        sock.sendall(b"growing\n")
        page = visit(bench).open("/traffic?filter=growing")
        row_with(page, "growing").click()
        page.locator(".piece").nth(1).wait_for()
        sock.sendall(b"still growing\n")
        page.locator(".piece").nth(3).wait_for()


def test_anatomy_names_the_line_that_is_wrong(bench: Bench, visit: Visit) -> None:
    bench.say(b"GET /anatomy HTTP/1.1\r\nHost: x\r\nBad Header : y\r\n\r\n", "http", "http")
    page = visit(bench).open("/traffic?filter=anatomy")
    row_with(page, "anatomy").click()
    page.get_by_role("tab", name="Anatomy").click()
    page.locator(".message.client .line.bad", has_text="Bad Header").wait_for()
    page.locator(".message.server", has_text="400").wait_for()


def test_what_was_said_can_be_said_again(bench: Bench, visit: Visit) -> None:
    bench.say(b"say it again\n")
    visitor = visit(bench)
    visitor.allowed.append(r"404.*/copy\?as=curl")  # which says no HTTP
    page = visitor.open("/traffic?filter=again")
    row_with(page, "say it again").click()
    page.get_by_role("tab", name="Say it again").click()
    page.get_by_role("tab", name="nc", exact=True).click()
    command = page.locator(".copies [role=tabpanel]:not([hidden]) code").inner_text()
    assert bench.shell(command) == "say it again\n"
    number = rows(page)[0]
    assert page.get_by_role("link", name="Send again").get_attribute("href") == f"/call?from={number}"


@pytest.mark.timeout(60)
def test_thousands_of_rows_stay_smooth(fresh: Bench, visit: Visit, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(lambda number: fresh.say(b"%d\n" % number, "discard", all_of_it=True), range(5_000)))
    page = visit(fresh).open("/traffic")
    took = page.evaluate(
        """async () => {
          const list = document.querySelector('#list');
          const gaps = [];
          let most = 0;
          const end = performance.now() + 40000;
          let before = performance.now();
          while (Number(list.ariaRowCount) < 5001 && performance.now() < end) {
            list.scrollTop += 2000;
            await new Promise(requestAnimationFrame);
            const now = performance.now();
            gaps.push(now - before);
            before = now;
            most = Math.max(most, list.querySelectorAll('.rows-line').length);
          }
          return [Number(list.ariaRowCount) - 1, most, gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)]];
        }"""
    )
    count, most, gap = took
    with capsys.disabled():
        print(f"\n  {count} rows, {most} of them exist, half of the pictures within {gap:.0f} ms")
    assert count == 5_000
    assert most < MOST_ROWS
    assert gap < SMOOTH


def test_a_flood_leaves_the_list_whole(fresh: Bench, visit: Visit) -> None:
    page = visit(fresh).open("/traffic")
    fresh.say(b"first\n")
    row_with(page, "first")
    with ExitStack() as crowd:
        socks = [crowd.enter_context(fresh.dial("echo")) for _ in range(600)]
        for number, sock in enumerate(socks):
            sock.sendall(b"flood %d\n" % number)
    held = "Number(document.querySelector('#news span').textContent.replace(/\\D/g, '') || 0)"
    becomes(page, f"Number(document.querySelector('#list').ariaRowCount) + {held} === 602")


def test_a_narrow_window_shows_the_list_or_the_detail(bench: Bench, visit: Visit) -> None:
    bench.say(b"narrow\n")
    page = visit(bench, viewport={"width": 400, "height": 760}).open("/traffic?filter=narrow")
    row_with(page, "narrow").click()
    page.locator(".piece").first.wait_for()
    assert page.locator("#list").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#detail").get_by_role("button", name="Close").click()
    assert row_with(page, "narrow").is_visible()


def test_a_page_that_nobody_looks_at_holds_no_stream(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    page = visitor.open("/traffic")
    hide(page, hidden=True)
    page.wait_for_selector('.feed[data-feed="off"]')
    bench.say(b"meanwhile\n")
    hide(page, hidden=False)
    live(page)
    row_with(page, "meanwhile")
    assert sum("/api/events/stream" in one.url for one in visitor.asked) == 2

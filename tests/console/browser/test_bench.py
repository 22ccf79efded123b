"""Bench: a card per endpoint, what to paste where nothing has happened yet, faults set and healed."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from tests.console.browser.benches import Bench, Visit, becomes, live, row_with

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# A page shows what happened within that time (seconds); 0.3 is the aim, but other tests run beside this one.
SOON = 2.0
TOOLS = ["sockwright", "nc", "curl", "Python"]


def card(page: Page, bench: Bench, service: str, scheme: str = "tcp") -> Locator:
    return page.get_by_role("article", name=f"{service} {scheme}", exact=True)


def test_there_is_a_card_per_endpoint(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/")
    for (service, scheme), port in bench.ports.items():
        place = card(page, bench, service, scheme)
        assert place.locator(".place-where > span").first.inner_text().strip() == f"127.0.0.1:{port}"


def test_where_nothing_has_happened_it_says_what_to_paste_and_that_works(fresh: Bench, visit: Visit) -> None:
    visitor = visit(fresh)
    page = visitor.open("/")
    panel = page.locator(".paste")
    assert panel.get_by_role("tab").all_inner_texts() == TOOLS
    panel.get_by_label("Talk to").select_option(f"tcp://127.0.0.1:{fresh.ports['echo', 'tcp']}")
    command = panel.get_by_role("tabpanel").locator("code").inner_text()
    traffic = visitor.open("/traffic")
    assert traffic.locator(".paste h2").inner_text() == "Nothing has happened yet"

    fresh.shell(command)

    row = row_with(traffic, "hello")
    assert "echo" in row.inner_text()
    page.bring_to_front()
    panel.wait_for(state="hidden")
    becomes(page, "document.querySelector('.place .in').textContent !== '↓ 0 B'")
    assert re.search(r"\b1 in all", card(page, fresh, "echo").inner_text())


def test_each_command_that_is_shown_for_http_works(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/")
    card(page, bench, "http", "http").get_by_role("button", name="Try http http").click()
    tries = page.get_by_role("dialog")
    for tool in TOOLS:
        tries.get_by_role("tab", name=tool, exact=True).click()
        command = tries.get_by_role("tabpanel").locator("code").inner_text()
        assert "true" in bench.shell(command), tool


def test_a_row_is_on_the_screen_soon_after_the_bytes(
    bench: Bench, visit: Visit, capsys: pytest.CaptureFixture[str]
) -> None:
    page = visit(bench).open("/traffic?filter=soon-there")
    page.goto(f"{bench.origin}/traffic")
    live(page)
    page.evaluate(
        """void (window.seen = new Promise((done) => new MutationObserver(() => {
             if (document.querySelector('.rows-space')?.textContent.includes('soon-there')) done(Date.now() / 1000);
           }).observe(document.body, {childList: true, subtree: true, characterData: true})))"""
    )
    sent = time.time()
    bench.say(b"soon-there\n")
    took = float(page.evaluate("window.seen")) - sent
    with capsys.disabled():
        print(f"\n  first row after {took * 1000:.0f} ms")
    assert took < SOON


def greet_form(page: Page, bench: Bench) -> tuple[Locator, Locator]:
    """Open the form that breaks `greet`; return its card and the form."""
    place = card(page, bench, "greet")
    place.get_by_role("button", name="Break greet tcp").click()
    return place, page.get_by_role("dialog", name="Faults at greet")


def test_a_fault_is_set_with_the_form_and_healed(bench: Bench, visit: Visit) -> None:
    place, form = greet_form(visit(bench).open("/"), bench)
    form.get_by_label("What goes wrong").select_option("latency")
    form.get_by_label("Written as").fill("latency=300ms")
    form.get_by_role("button", name="Break it").click()
    place.get_by_text("latency=300ms").wait_for()
    began = time.monotonic()
    with bench.dial("greet") as sock:
        assert sock.recv(100)
    assert time.monotonic() - began >= 0.3

    place.get_by_role("button", name="Heal", exact=True).click()
    place.get_by_text("latency=300ms").wait_for(state="detached")
    assert not place.locator(".place-faults").is_visible()


def test_a_network_is_put_in_the_way_with_the_form(bench: Bench, visit: Visit) -> None:
    place, form = greet_form(visit(bench).open("/"), bench)
    form.get_by_label("What goes wrong").select_option("3g")
    form.get_by_text("Figures: ").wait_for()
    assert not form.get_by_label("Written as").is_visible()
    form.get_by_role("button", name="Break it").click()
    place.get_by_text("latency=150ms~40ms", exact=True).wait_for()
    assert place.get_by_text("rate=768kbit/s · to the server").is_visible()
    place.get_by_role("button", name="Heal", exact=True).click()
    place.get_by_text("latency=150ms~40ms").first.wait_for(state="detached")


def test_the_form_offers_what_makes_sense_there_and_says_what_is_wrong(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append("the server responded with a status of 400")
    page = visitor.open("/")
    card(page, bench, "echo", "udp").get_by_role("button", name="Break echo udp").click()
    page.get_by_label("What goes wrong").wait_for()
    offered = page.get_by_label("What goes wrong").locator("option").all_inner_texts()
    assert "loss" in offered
    assert "status" not in offered
    page.get_by_label("What goes wrong").select_option("loss")
    page.get_by_label("Written as").fill("loss=many")
    page.get_by_role("button", name="Break it").click()
    page.locator("dialog .wrong", has_text="loss").wait_for()


def test_a_fault_that_is_set_in_a_terminal_shows_up(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/")
    port = bench.ports["time", "tcp"]
    place = card(page, bench, "time")
    bench.shell(f"sockwright break tcp://127.0.0.1:{port} cut=5")
    place.get_by_text("cut=5").wait_for()
    bench.shell(f"sockwright break tcp://127.0.0.1:{port} --heal")
    place.get_by_text("cut=5").wait_for(state="detached")

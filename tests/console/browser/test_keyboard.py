"""A tour without a mouse: every screen of the bench and its traffic, by keys alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.console.browser.benches import Bench, Visit, becomes, live, row_with

if TYPE_CHECKING:
    from playwright.sync_api import Page

SELECTED = "document.querySelector('.rows-line[aria-selected=\"true\"]')?.textContent ?? ''"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))


def test_a_tour_by_keyboard_alone(bench: Bench, visit: Visit) -> None:
    bench.say(b"tour 1\n")
    bench.say(b"tour 2\n")
    page = visit(bench).open("/")
    press(page, "?")
    page.get_by_role("dialog", name="Keyboard").get_by_text("Next endpoint").wait_for()
    press(page, "Escape")
    press(page, "j")
    assert focused(page) == "echo"
    press(page, "c")
    tries = page.get_by_role("dialog", name="Try echo tcp")
    tries.wait_for()
    tries.get_by_role("tab", selected=True).focus()
    press(page, "ArrowRight")
    assert tries.get_by_role("tab", selected=True).inner_text() == "nc"
    press(page, "Escape")
    tries.wait_for(state="detached")

    press(page, "g", "t")
    page.wait_for_url("**/traffic")
    live(page)
    press(page, "/")
    page.keyboard.type("tour")
    press(page, "Enter")
    becomes(page, "document.querySelector('#list').ariaRowCount === '3'")
    press(page, "j")
    becomes(page, f"{SELECTED}.includes('tour 2')")
    press(page, "Enter")
    page.locator(".piece").first.wait_for()
    press(page, "j")
    becomes(page, f"{SELECTED}.includes('tour 1')")
    page.locator(".piece-body", has_text="tour 1").first.wait_for()
    for key, tab in (("2", "Timeline"), ("3", "Anatomy"), ("1", "Conversation")):
        press(page, key)
        page.get_by_role("tab", name=tab, selected=True).wait_for()
    press(page, "x")
    page.locator(".piece .hex").first.wait_for()
    press(page, "k")
    becomes(page, f"{SELECTED}.includes('tour 2')")
    press(page, "Escape")
    page.locator("#detail").wait_for(state="hidden")
    assert page.url.endswith("/traffic?filter=tour")
    press(page, "p")
    page.get_by_role("button", name="Go on").wait_for()
    bench.say(b"tour 3\n")
    page.locator("#news", has_text="1 new").wait_for()
    press(page, "n")
    row_with(page, "tour 3")
    press(page, "g", "b")
    page.wait_for_url(f"{bench.origin}/")


def test_keys_work_with_a_cyrillic_keyboard(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/")
    for key, code in (("п", "KeyG"), ("е", "KeyT")):
        about = f"{{key: '{key}', code: '{code}', bubbles: true, cancelable: true}}"
        page.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {about}))")
    page.wait_for_url("**/traffic")
    live(page)


def test_keys_are_letters_while_typing(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/traffic")
    press(page, "/")
    page.keyboard.type("gb?p")
    assert page.get_by_label("Filter", exact=True).input_value() == "gb?p"
    press(page, "Escape")
    assert page.url.startswith(f"{bench.origin}/traffic")


@pytest.mark.parametrize("path", ["/", "/traffic", "/help"])
def test_tab_reaches_everything_and_each_stop_can_be_seen(bench: Bench, visit: Visit, path: str) -> None:
    bench.say(b"something\n")
    page = visit(bench).open(path)
    page.locator("h1").wait_for()
    visited: set[str] = set()
    for _ in range(120):
        press(page, "Tab")
        stop = page.evaluate(
            """() => {
              const one = document.activeElement;
              if (one === document.body) return null;
              const box = one.getBoundingClientRect();
              one.dataset.stop ??= String(document.querySelectorAll('[data-stop]').length);
              const ring = getComputedStyle(one);
              return {stop: one.dataset.stop, seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
                      ring: ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 1,
                      what: one.outerHTML.slice(0, 120)};
            }"""
        )
        if stop is None or stop["stop"] in visited:
            break
        visited.add(stop["stop"])
        assert stop["seen"], stop["what"]
        assert stop["ring"], stop["what"]
    everything = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, [tabindex="0"]')]
             .filter((one) => one.tabIndex >= 0 && one.offsetParent && !one.disabled).length"""
    )
    assert len(visited) >= everything

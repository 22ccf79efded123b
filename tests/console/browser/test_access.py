"""Nobody is shut out: axe-core finds nothing serious on any page, in either theme; Russian is Russian."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from tests.console.browser.benches import Bench, Visit, row_with

if TYPE_CHECKING:
    from playwright.sync_api import Page

THEMES = ("light", "dark")
# What a page that is shown in Russian may still say in Latin letters: names, units, what peers said.
LATIN = re.compile(r"[A-Za-z]{3,}")
NAMES = {
    "sockwright", "echo", "discard", "time", "greet", "codebook", "people", "symbols", "mailsink", "http", "https",
    "xmlrpc", "tcp", "udp", "smtp", "smtps", "curl", "python", "rpc", "xml", "call", "hello", "russian", "fin", "rst",
    "journal", "up", "quiet", "ready", "file", "json", "hex", "utf", "proto", "service", "end", "db", "tls",
    "enter", "esc", "tab",
}  # fmt: skip


def serious(page: Page) -> list[str]:
    """Return what axe-core finds that is serious or worse."""
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    page.evaluate(f"{{ {source} }}; undefined")
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", THEMES)
def test_the_bench_shuts_nobody_out(fresh: Bench, visit: Visit, theme: str) -> None:
    page = visit(fresh, color_scheme=theme, reduced_motion="reduce").open("/")
    page.locator(".paste").wait_for()
    assert serious(page) == []
    fresh.shell(f"sockwright break tcp://127.0.0.1:{fresh.ports['echo', 'tcp']} latency=1ms reset=5")
    page.get_by_text("reset=5").wait_for()
    page.get_by_role("button", name="Break echo tcp").click()
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious(page) == []


@pytest.mark.parametrize("theme", THEMES)
def test_traffic_shuts_nobody_out(bench: Bench, visit: Visit, theme: str) -> None:
    bench.say(b"GET /access HTTP/1.1\r\nHost: x\r\nBad : y\r\n\r\n", "http", "http")
    bench.say(b"access\n\x00\xff")
    visitor = visit(bench, color_scheme=theme, reduced_motion="reduce")
    visitor.allowed.append(r"404.*/copy\?as=|status of 400")
    page = visitor.open("/traffic?filter=access")
    row_with(page, "GET /access")
    assert serious(page) == []
    row_with(page, "GET /access").click()
    page.get_by_role("tab", name="Anatomy").click()
    page.locator(".message").first.wait_for()
    assert serious(page) == []
    page.keyboard.press("j")
    for tab in ("Timeline", "Say it again", "Conversation"):
        page.get_by_role("tab", name=tab).click()
        assert serious(page) == [], tab
    page.get_by_role("button", name="Both").click()
    page.get_by_label("Filter", exact=True).fill("nonsense:1")
    page.get_by_role("alert").filter(has_text="nonsense").wait_for()
    assert serious(page) == []


@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_of_words_shut_nobody_out(bench: Bench, visit: Visit, theme: str) -> None:
    visitor = visit(bench, color_scheme=theme)
    visitor.allowed.append(r"status of (401|404)")
    page = visitor.open("/help")
    page.locator("#keys dt").first.wait_for()
    assert serious(page) == []
    page.goto(f"{bench.origin}/nowhere")
    assert page.locator("h1").inner_text() == "There is no such page"
    assert serious(page) == []
    visitor.context.clear_cookies()
    page.goto(f"{bench.origin}/")
    assert page.locator("h1").inner_text() == "This page wants its token"
    assert serious(page) == []


def test_a_theme_is_kept_and_does_not_flash(bench: Bench, visit: Visit) -> None:
    page = visit(bench, color_scheme="light").open("/")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto(f"{bench.origin}/traffic", wait_until="commit")
    page.locator("body").wait_for()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.keyboard.press("t")
    assert page.get_by_role("button", name="As the system").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("path", ["/", "/traffic", "/help"])
def test_a_browser_that_speaks_russian_gets_russian(bench: Bench, visit: Visit, path: str) -> None:
    bench.say("по-русски\n".encode())
    path = f"{path}?filter=по-русски" if path == "/traffic" else path
    page = visit(bench, locale="ru-RU").open(path)
    assert page.locator("html").get_attribute("lang") == "ru"
    if path.startswith("/traffic"):
        row_with(page, "по-русски").click()
        page.locator(".piece").first.wait_for()
        page.keyboard.press("2")
        page.locator(".steps").wait_for()
    elif path == "/":
        page.get_by_role("button", name="Сломать echo tcp").click()
        page.get_by_role("dialog", name="Поломки у echo").wait_for()
    words = page.evaluate(
        """() => [...document.querySelectorAll('nav, h1, h2, label, button, p, dt, th, [role=columnheader], .c-end')]
             .filter((one) => one.offsetParent && !one.closest('.c-said, code, .mono, .place-faults, .version'))
             .map((one) => one.innerText).join(' ')"""
    )
    left = {word.lower() for word in LATIN.findall(words)} - NAMES
    assert left == set()


def test_the_language_can_be_chosen_and_is_kept(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/traffic?filter=proto%3Atcp")
    page.get_by_role("link", name="RU").click()
    page.wait_for_url("**/traffic?filter=proto%3Atcp")
    assert page.locator("h1").inner_text() == "Трафик"
    page.goto(f"{bench.origin}/")
    assert page.locator("h1").inner_text() == "Стенд"

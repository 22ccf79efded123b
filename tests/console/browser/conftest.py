"""One Chromium and one bench per worker; each test is a visitor of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import strangers
from tests.console.browser.benches import Bench, Visitor, visits

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-gpu"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers at most: a browser takes a second to start, and more of them take each other's time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            half = "views" if item.path.stem in ("test_bench", "test_traffic", "test_rooms") else "manners"
            item.add_marker(pytest.mark.xdist_group(f"browser-{half}"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window. Playwright's loop runs in this thread as long: other tests' cannot."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright has no wheel here")
    path = strangers.find("chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield chromium
        finally:
            chromium.close()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench that all tests share; what they look for in it must be their own."""
    running = Bench(tmp_path_factory.mktemp("bench"))
    try:
        yield running
    finally:
        said = running.stop()
    assert said == ""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Bench]:
    """A bench where nothing has happened yet."""
    running = Bench(tmp_path)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """`visit(bench, color_scheme="dark").open("/traffic")`; any error on a page fails the test."""
    with visits(browser) as let_in:
        yield let_in

"""A bench with its console as a process, on ports that nobody else has, and what a browser sees of it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.programs import WAIT, environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

# `up` with its own table, but where the system says: benches of several workers do not meet.
UP = """
import sys
from sockwright.cli import main, up
up.TABLE = tuple((*row[:3], 0) for row in up.TABLE)
up.CONSOLE = "http://127.0.0.1:" + sys.argv.pop(1)
main()
"""
# Milliseconds that a page may take for anything; a test that needs them is failing, or shares its machine with many.
PATIENCE = 20_000
# What a browser says of an answer that was not given; a test that provokes one allows it.
LOST = r"Failed to load resource: net::ERR_|net::ERR_CONNECTION|net::ERR_INCOMPLETE_CHUNKED_ENCODING"


class Bench:
    """A running `sockwright up`, on ports that the system chose, or on the `usual` ones."""

    def __init__(self, home: Path, *words: str, console: int = 0, usual: bool = False) -> None:
        self.home = home
        self._ready = home / f"ready-{time.monotonic_ns()}.json"
        self.process = subprocess.Popen(
            [
                sys.executable,
                *(["-m", "sockwright"] if usual else ["-c", UP, str(console)]),
                "up",
                "--quiet",
                "--ready-file",
                str(self._ready),
                *words,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(home),
        )
        self._said: list[str] = []
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()
        about = self._await_ready()
        self.url: str = about["console"]
        self.origin, _, self.token = self.url.partition("/?token=")
        self.ports = {(one["service"], one["scheme"]): int(one["port"]) for one in about["endpoints"]}
        self.ports.pop(("console", "http"), None)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self._said.extend(stream)

    def _await_ready(self) -> dict[str, Any]:
        end = time.monotonic() + WAIT
        while not self._ready.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"the bench did not start:\n{''.join(self._said)}")
            time.sleep(0.01)
        about: dict[str, Any] = json.loads(self._ready.read_text("utf-8"))
        return about

    @property
    def console(self) -> int:
        return int(self.origin.rpartition(":")[2])

    def stop(self) -> str:
        """End it; return what it said on stderr."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._ear.join(WAIT)
        return "".join(self._said)

    def dial(self, service: str, scheme: str = "tcp") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[service, scheme]), timeout=WAIT)

    def say(self, data: bytes, service: str = "echo", scheme: str = "tcp", *, all_of_it: bool = True) -> bytes:
        """Say `data`, half-close, and return the answer."""
        with self.dial(service, scheme) as sock:
            sock.sendall(data)
            if all_of_it:
                sock.shutdown(socket.SHUT_WR)
            parts = []
            while part := sock.recv(65536):
                parts.append(part)
            return b"".join(parts)

    def shell(self, command: str) -> str:
        """Run a command as somebody would who pasted it, with our own tool on PATH; return what it printed."""
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(
            ["sh", "-c", command],
            env=environment(self.home, PATH=path),
            capture_output=True,
            text=True,
            timeout=WAIT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


class Visitor:
    """A browser's context that is signed in; it remembers what went wrong and what was asked for."""

    def __init__(self, browser: Browser, bench: Bench, **about: Any) -> None:
        self.bench = bench
        self.allowed: list[str] = []
        self.errors: list[str] = []
        self.asked: list[Request] = []
        about = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **about}
        self.context: BrowserContext = browser.new_context(**about)
        self.context.set_default_timeout(PATIENCE)
        self.context.on("request", self._note)
        self.context.on("weberror", lambda error: self._object(str(error.error)))
        self.context.on("console", self._hear)
        self.context.on("dialog", lambda dialog: self._object(f"a dialog: {dialog.message}"))
        self.context.add_init_script("window.ran = []; window.pwn = (...about) => window.ran.push(about.join());")

    def _note(self, request: Request) -> None:
        self.asked.append(request)

    def _object(self, what: str) -> None:
        self.errors.append(what)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self._object(f"{said.text} ({said.location['url']})")

    def open(self, path: str = "/", *, wait: bool = True) -> Page:
        """Open a page, with the token the first time, and wait until it follows the bench."""
        page = self.context.new_page()
        there = f"{self.bench.origin}{path}"
        if not self.context.cookies():
            there += f"{'&' if '?' in path else '?'}token={self.bench.token}"
        page.goto(there)
        if wait:
            live(page)
        return page

    def check(self) -> None:
        """Say that nothing went wrong, nothing ran, and nothing was asked for outside."""
        for page in self.context.pages:
            if page.url.startswith("http"):
                assert page.evaluate("window.ran") == []
        self.context.close()
        unexpected = [one for one in self.errors if not any(re.search(allowed, one) for allowed in self.allowed)]
        assert unexpected == []
        inside = (f"{self.bench.origin}/", "data:", "blob:")
        outside = [one for one in self.asked if not one.url.startswith(inside)]
        assert [one.url for one in outside if one.failure != "csp"] == []  # what the policy stopped never left


Visit = Callable[..., Visitor]


@contextmanager
def visits(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Let visitors in; at the end each of them must have seen nothing wrong."""
    there: list[Visitor] = []

    def visit(bench: Bench, **about: Any) -> Visitor:
        there.append(Visitor(browser, bench, **about))
        return there[-1]

    try:
        yield visit
        for one in there:
            one.check()
    finally:
        for one in there:
            one.context.close()


def live(page: Page) -> None:
    """Wait until the page follows the bench."""
    page.wait_for_selector('.feed[data-feed="live"]')


def becomes(page: Page, condition: str, wait: float = PATIENCE / 1000) -> None:
    """Wait until an expression is true there. Playwright's own way evaluates text, which the page's policy forbids.

    Raises: AssertionError after `wait` seconds.
    """
    end = time.monotonic() + wait
    while not page.evaluate(condition):
        if time.monotonic() > end:
            about = page.evaluate(
                "[document.querySelector('#list')?.ariaRowCount, document.querySelector('#news')?.innerText]"
            )
            raise AssertionError(f"it never became true: {condition} (rows and news: {about})")
        page.wait_for_timeout(20)


def rows(page: Page) -> list[int]:
    """Return the numbers of the rows that exist, from the top."""
    all_rows = "[...document.querySelectorAll('.rows-space > .rows-line')]"
    found: Sequence[tuple[int, int]] = page.evaluate(f"{all_rows}.map((row) => [+row.ariaRowIndex, row.item.number])")
    return [number for _, number in sorted(found)]


def hide(page: Page, *, hidden: bool) -> None:
    """Tell the page what a browser says when another tab comes to the front; without a window it never says so."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def row_with(page: Page, text: str) -> Any:
    """Return the row that shows `text`, once it is there."""
    row = page.locator(".rows-space > .rows-line", has_text=text).first
    row.wait_for()
    return row

"""What peers say is hostile: wherever the console shows it, nothing of it runs, and nothing is asked for outside.

`window.pwn` is there for whoever gets so far (benches.Visitor), and each request of the browser is looked at.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.console.browser.benches import Bench, Visit, live, row_with

if TYPE_CHECKING:
    from playwright.sync_api import Page

OUTSIDE = "http://203.0.113.9"  # RFC 5737: nobody is there
PAYLOADS = [
    f"<script>pwn('script')</script><script src={OUTSIDE}/a.js></script>",
    f"<img src={OUTSIDE}/b.png onerror=pwn('img')><svg onload=pwn('svg')><style>@import '{OUTSIDE}/c.css'</style>",
    f"</script></title></style><iframe src={OUTSIDE}/d></iframe>",
    "\"'><a href=javascript:pwn('href') autofocus onfocus=pwn('focus')>x</a>",
    "{{7*7}}${pwn('template')}{%raw%}\u202eevil\u2028\ufeff",
    "\x1b]0;title\x07\x1b[2J\x00\x9b31m",
]


def look_everywhere(page: Page) -> None:
    """Open each view of the connection that is selected."""
    page.locator(".piece").first.wait_for()
    page.get_by_role("button", name="Both").click()
    for tab in ("Timeline", "Anatomy", "Say it again", "Conversation"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(30)


def test_bytes_of_a_peer_run_nothing(bench: Bench, visit: Visit) -> None:
    for number, payload in enumerate(PAYLOADS):
        bench.say(b"evil%d " % number + payload.encode() + b"\n")
    visitor = visit(bench)
    visitor.allowed.append(r"404.*/copy\?as=")
    page = visitor.open("/traffic?filter=evil")
    row_with(page, f"evil{len(PAYLOADS) - 1}").click()
    for number in reversed(range(len(PAYLOADS))):
        page.locator(".piece-body", has_text=f"evil{number}").first.wait_for()
        look_everywhere(page)
        body = page.locator(".piece-body").first.inner_text()
        assert not set(body) & {"\u202e", "\x1b", "\u2028", "\x00", "\x9b"}
        page.keyboard.press("j")
    page.reload()
    live(page)
    page.locator(".piece").first.wait_for()


def test_fields_of_a_request_run_nothing(bench: Bench, visit: Visit) -> None:
    evil = PAYLOADS[1].replace("\r", "").replace("\n", "")
    target = f"/evil-fields{PAYLOADS[0].replace(' ', '+')}"
    head = f"GET {target} HTTP/1.1\r\nHost: {evil}\r\nUser-Agent: {evil}\r\n{evil}: {evil}\r\n\r\n"
    bench.say(head.encode(), "http", "http")
    visitor = visit(bench)
    visitor.allowed.append(r"404.*/copy\?as=")
    page = visitor.open("/traffic?filter=evil-fields")
    row_with(page, "evil-fields").click()
    look_everywhere(page)
    page.get_by_role("tab", name="Anatomy").click()
    page.locator(".message .raw", has_text="User-Agent").wait_for()


def test_names_of_people_and_of_mails_run_nothing(bench: Bench, visit: Visit) -> None:
    with bench.dial("people") as sock:
        sock.sendall(json.dumps({"name": f"evil-name {PAYLOADS[1]}"[:60], "age": 30}).encode() + b"\n")
        page = visit(bench).open("/traffic?filter=evil-name")
        row_with(page, "evil-name").click()
        page.locator(".piece").first.wait_for()
    bench.say(
        f"EHLO evil-mail\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{PAYLOADS[0]}@x>\r\nQUIT\r\n".encode(), "mailsink", "smtp"
    )
    page.goto(f"{bench.origin}/traffic?filter=evil-mail")
    live(page)
    row_with(page, "evil-mail").click()
    page.get_by_role("tab", name="Anatomy").click()
    page.locator(".dialogue .line").nth(2).wait_for()


def test_addresses_of_ours_with_something_evil_in_them_run_nothing(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append(r"status of 40[04]")
    page = visitor.open("/help")
    for path in ("/traffic?filter=", "/traffic?tab=", "/?lang=", "/nowhere?"):
        page.goto(f"{bench.origin}{path}{quote(''.join(PAYLOADS[:4]))}")
        page.locator("h1").wait_for()
        page.wait_for_timeout(30)


def test_the_policy_holds_for_who_would_get_past_all_that(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append("Content Security Policy|violates the following")
    page = visitor.open("/")
    page.evaluate(
        f"""() => {{
          const box = document.createElement('div');
          box.innerHTML = `<img src="{OUTSIDE}/i.png"><button onclick="pwn('inline')">x</button>`;
          document.body.append(box);
          box.querySelector('button').click();
          const script = document.createElement('script');
          script.textContent = "pwn('inline script')";
          document.body.append(script);
        }}"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") == []


def test_nobody_else_gets_the_page_into_a_frame(bench: Bench, visit: Visit) -> None:
    with socket.create_connection(("127.0.0.1", bench.console)) as sock:
        sock.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n"
            % (bench.console, bench.token.encode())
        )
        head = b""
        while part := sock.recv(65536):
            head += part
    policy = next(line for line in head.decode().split("\r\n") if line.lower().startswith("content-security-policy"))
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy

"""People, codebooks, mailbox, call and links: each used in a browser while a real bench runs behind it."""

from __future__ import annotations

import json
import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.console.browser.benches import Bench, Visit, becomes, live

if TYPE_CHECKING:
    from playwright.sync_api import Page

EVIL = "<img src=x onerror=pwn('name')><script>pwn('name')</script>"
EVIL_PAGE = """<h1>Order</h1><script>pwn('html')</script><img src="https://evil.example/a.png" onerror="pwn('img')">
<svg onload="pwn('svg')"><script>pwn('svg script')</script></svg><iframe src="https://evil.example/"></iframe>
<style>@import url(https://evil.example/a.css); h1 { background: url(https://evil.example/b.png) }</style>
<a href="javascript:pwn('link')">link</a><meta http-equiv="refresh" content="0;url=https://evil.example/">"""
# What a browser says of what the sandbox did not let a mail do.
SANDBOXED = r"sandboxed|Content Security Policy|Blocked script"


def join(bench: Bench, name: str, age: int = 30) -> socket.socket:
    """Let somebody be there, until the socket is closed."""
    sock = bench.dial("people")
    sock.sendall((json.dumps({"name": name, "age": age}) + "\n").encode())
    assert sock.recv(65536)
    return sock


def post(bench: Bench, subject: str, text: str = "Hello", html: str = "", **more: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "bob@example.org", subject
    for name, value in more.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", bench.ports["mailsink", "smtp"], timeout=10) as server:
        server.send_message(mail)


def mail_row(page: Page, text: str) -> None:
    page.locator(".rows-line", has_text=text).first.click()


# -- people


def test_who_comes_and_goes_is_seen_at_once_and_can_be_let_go(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/people")
    with join(bench, "Ольга-видна", 41) as sock:
        row = page.locator(".rows-line", has_text="Ольга-видна")
        row.wait_for()
        assert "41" in row.inner_text()
        page.locator("#news .joined", has_text="Ольга-видна").wait_for()

        row.get_by_role("button", name="Disconnect").click()
        page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
        row.wait_for(state="detached")
        page.locator("#news .left", has_text="Ольга-видна").wait_for()
        while sock.recv(65536):
            pass


def test_people_are_found_by_name(bench: Bench, visit: Visit) -> None:
    with join(bench, "Findable Ann"), join(bench, "Other Bob"):
        page = visit(bench).open("/people")
        page.locator(".rows-line", has_text="Other Bob").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("findable")
        page.locator(".rows-line", has_text="Other Bob").wait_for(state="detached")
        assert page.locator(".rows-line", has_text="Findable Ann").is_visible()


def test_a_name_is_shown_and_never_run(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/people")
    with join(bench, EVIL[:60]):
        page.locator(".rows-line", has_text="onerror").wait_for()


def test_where_nobody_is_it_says_how_to_join_and_that_works(fresh: Bench, visit: Visit) -> None:
    page = visit(fresh).open("/people")
    page.get_by_role("heading", name="Nobody is connected").wait_for()
    assert page.locator("#nobody code").inner_text() == "sockwright join Ann 30"
    with join(fresh, "Ann"):
        page.locator(".rows-line", has_text="Ann").wait_for()
    page.get_by_role("heading", name="Nobody is connected").wait_for()


# -- codebooks


def test_a_list_of_words_is_deciphered_while_one_types(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/codebooks")
    page.get_by_role("textbox", name="Words").fill("khoor nonsense zruog")
    answer = page.locator(".plain-words")
    becomes(page, "document.querySelector('.plain-words').children.length === 3")
    assert answer.locator("span").all_inner_texts() == ["hello", "nonsense", "world"]
    assert answer.locator(".unknown").all_inner_texts() == ["nonsense"]
    page.get_by_role("button", name="Encipher").click()
    page.get_by_role("textbox", name="Words").fill("hello")
    becomes(page, "document.querySelector('.plain-words').textContent === 'khoor'")


def test_a_book_is_made_filled_changed_searched_and_removed(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/codebooks")
    page.get_by_role("button", name="New codebook").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("farben")
    form.get_by_role("button", name="New codebook").click()
    page.wait_for_url("**/codebooks/farben")
    live(page)

    for word, plain in (("rot", "red"), ("синий", "blue")):
        page.get_by_role("button", name="Add a word").click()
        page.get_by_label("Enciphered").fill(word)
        page.get_by_label("Plain", exact=True).fill(plain)
        page.get_by_role("button", name="Save").click()
        page.locator(".rows-line", has_text=word).wait_for()
    assert page.locator("#size").inner_text() == "2 words"
    assert bench.shell(f"sockwright decode rot --book farben --at tcp://127.0.0.1:{bench.ports['codebook', 'tcp']}")

    page.locator(".rows-line", has_text="rot").get_by_role("button", name="Change").click()
    page.get_by_label("Plain", exact=True).fill("crimson")
    page.get_by_role("button", name="Save").click()
    page.locator(".rows-line", has_text="crimson").wait_for()

    page.get_by_label("Find a word").fill("blue")
    page.locator(".rows-line", has_text="crimson").wait_for(state="detached")
    page.reload()
    live(page)
    assert page.get_by_label("Find a word").input_value() == "blue"
    page.locator(".rows-line", has_text="синий").get_by_role("button", name="Remove the word").click()
    page.get_by_text("No such word").wait_for()

    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.wait_for_url("**/codebooks")


def test_a_file_is_imported_whole_or_not_at_all_and_exported(bench: Bench, visit: Visit, tmp_path: Path) -> None:
    visitor = visit(bench)
    visitor.allowed.append("the server responded with a status of 4")
    page = visitor.open("/codebooks")
    good, bad = tmp_path / "tiere.csv", tmp_path / "bad.csv"
    good.write_text("hund,dog\nкот,cat\n", "utf-8")
    bad.write_text("hund,wolf\nvogel,bird\n", "utf-8")
    page.get_by_role("button", name="Import").first.click()
    page.get_by_label("File").set_input_files(good)
    assert page.get_by_role("dialog").get_by_label("Name").input_value() == "tiere"
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    page.wait_for_url("**/codebooks/tiere")
    live(page)
    page.locator(".rows-line", has_text="кот").wait_for()

    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files(bad)
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    page.locator("dialog .wrong", has_text="hund").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#size").inner_text() == "2 words"

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "кот,cat" in Path(download.value.path()).read_text("utf-8")


# -- mailbox


def test_a_mail_appears_and_is_shown_from_every_side(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/mailbox")
    post(bench, "Письмо о коде", "Your code is 482913, see https://example.org/confirm", X_Word="odd")
    mail_row(page, "Письмо о коде")
    detail = page.locator("#detail")
    detail.get_by_text("482913", exact=True).wait_for()
    assert page.url.rpartition("/")[2].isdecimal()
    detail.get_by_role("tab", name="Headers").click()
    detail.get_by_role("row", name="X-Word odd").wait_for()
    detail.get_by_role("tab", name="Source").click()
    detail.locator("pre", has_text="MIME-Version: 1.0").wait_for()
    detail.get_by_role("tab", name="Dialogue").click()
    detail.locator(".dialogue .client", has_text="ehlo").first.wait_for()
    page.reload()
    live(page)
    assert detail.get_by_role("tab", name="Dialogue").get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    detail.wait_for(state="hidden")
    assert page.url.endswith("/mailbox")


def test_the_html_of_a_mail_neither_runs_nor_loads_anything(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append(SANDBOXED)
    page = visitor.open("/mailbox")
    post(bench, EVIL, "plain words", EVIL_PAGE)
    mail_row(page, "onerror")
    page.get_by_role("tab", name="HTML").click()
    frame = page.frame_locator("iframe.mail-page")
    assert frame.get_by_role("heading", name="Order").inner_text() == "Order"
    page.wait_for_timeout(300)  # for the refresh that must not happen
    assert frame.get_by_role("heading", name="Order").is_visible()


def test_mails_are_searched_downloaded_and_deleted(bench: Bench, visit: Visit) -> None:
    post(bench, "needle one")
    post(bench, "haystack")
    page = visit(bench).open("/mailbox")
    page.get_by_label("Find in subject").fill("needle")
    page.locator(".rows-line", has_text="haystack").wait_for(state="detached")
    mail_row(page, "needle one")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert b"Subject: needle one" in Path(download.value.path()).read_bytes()
    page.get_by_role("button", name="Delete the mail").click()
    page.get_by_text("No such mail").wait_for()


def test_what_was_refused_has_its_own_list(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/mailbox/refused")
    with smtplib.SMTP("127.0.0.1", bench.ports["mailsink", "smtp"], timeout=10) as server:
        server.ehlo()
        server.docmd("MAIL FROM:<refused-in-a-browser")
    page.locator("tr", has_text="refused-in-a-browser").get_by_role("link").click()
    page.wait_for_url("**/traffic/*")


def test_a_mail_is_written_and_sent_through_a_chosen_server(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/mailbox")
    page.keyboard.press("c")
    form = page.get_by_role("dialog", name="Write a mail")
    assert str(bench.ports["mailsink", "smtp"]) in form.get_by_label("By the server").input_value()
    form.get_by_label("From", exact=True).fill("eve@example.org")
    form.get_by_label("To", exact=True).fill("bob@example.org")
    form.get_by_label("Subject").fill("Written in the console: ёж")
    form.get_by_label("Text").fill("Hello")
    form.get_by_role("button", name="Send").click()
    form.locator(".dialogue .server", has_text="250").first.wait_for()
    page.keyboard.press("Escape")
    page.locator(".rows-line", has_text="ёж").wait_for()


# -- call


@pytest.mark.parametrize(
    ("service", "scheme", "said", "answer"),
    [("echo", "tcp", "привет", "привет"), ("echo", "udp", "ping", "ping"), ("time", "tcp", "", "20")],
)
def test_what_is_said_is_answered(
    bench: Bench, visit: Visit, service: str, scheme: str, said: str, answer: str
) -> None:
    page = visit(bench).open("/call")
    page.get_by_label("Address").fill(f"{scheme}://127.0.0.1:{bench.ports[service, scheme]}")
    page.get_by_label("Datagram" if scheme == "udp" else "Content", exact=True).fill(said)
    page.get_by_role("button", name="Send").click()
    page.locator("#said code", has_text=answer).first.wait_for()
    page.locator("#said").get_by_role("link", name="in Traffic").click()
    page.wait_for_url("**/traffic/*")


def test_an_http_call_is_taken_apart(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/call")
    page.get_by_label("Address").fill(f"http://127.0.0.1:{bench.ports['http', 'http']}/probe/anything?q=1")
    page.get_by_label("Header fields").fill("X-Said: here")
    page.get_by_role("button", name="Send").click()
    page.locator("#said code", has_text="X-Said").first.wait_for()
    page.get_by_role("tab", name="Anatomy").click()
    page.locator(".message .line", has_text="X-Said: here").first.wait_for()
    page.get_by_role("tab", name="Bytes").click()
    page.locator("#said .hex i").first.hover()
    page.get_by_text("byte 0: 0x").wait_for()


def test_a_remote_method_is_called_with_typed_arguments(bench: Bench, visit: Visit) -> None:
    page = visit(bench).open("/call")
    page.get_by_label("Address").fill(f"xmlrpc://127.0.0.1:{bench.ports['xmlrpc', 'xmlrpc']}")
    page.get_by_label("Arguments").fill("[4]")
    page.keyboard.press("Control+Enter")
    page.locator("#said code", has_text="true").first.wait_for()


def test_what_cannot_be_said_is_told_and_the_console_calls_no_console(bench: Bench, visit: Visit) -> None:
    visitor = visit(bench)
    visitor.allowed.append("the server responded with a status of 4")
    page = visitor.open("/call")
    page.get_by_label("Address").fill(bench.origin)
    page.get_by_role("button", name="Send").click()
    page.locator("#composer .wrong", has_text="console").wait_for()
    page.get_by_label("Header fields").fill("no colon here")
    page.get_by_role("button", name="Send").click()
    page.locator("#composer .wrong", has_text="no colon here").wait_for()


def test_a_connection_is_said_again(bench: Bench, visit: Visit) -> None:
    bench.say(b"said-once-before\n")
    visitor = visit(bench)
    page = visitor.open("/traffic")
    page.locator(".rows-line", has_text="said-once-before").first.click()
    page.wait_for_url("**/traffic/*")
    number = page.url.rpartition("/")[2].partition("?")[0]
    page = visitor.open(f"/call?from={number}")
    assert page.get_by_label("Content", exact=True).input_value() == "said-once-before\n"
    page.get_by_role("button", name="Send").click()
    page.locator("#said code", has_text="said-once-before").first.wait_for()


# -- links


def test_a_site_is_checked_and_what_is_broken_is_told_by_page(bench: Bench, visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        "<a href=there.html>there</a> <a href=gone.html>gone for good</a>", encoding="utf-8"
    )
    (tmp_path / "there.html").write_text("<a href=./>back</a>", encoding="utf-8")
    from sockwright.workbench import BenchThread

    with BenchThread() as site:
        peer = site.serve("http://127.0.0.1:0", f"files:{tmp_path}")
        page = visit(bench).open("/links")
        page.get_by_label("Page or site").fill(f"http://127.0.0.1:{peer.port}/")
        page.get_by_role("button", name="Check").click()
        page.wait_for_url("**/links/*")
        page.get_by_text("1 broken link").wait_for()
        line = page.locator(".broken-page tr")
        assert "gone.html" in line.inner_text()
        assert "line 1" in line.inner_text()
        assert "gone for good" in line.inner_text()
        page.locator(".run-title a").click()
        page.wait_for_url("**/links")
        page.locator("#runs tr", has_text=str(peer.port)).get_by_text("1 broken link").wait_for()

"""Mail addresses whose domains are looked up, at a name server of our own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.links.collected import crawl

from sockwright.links.mx import ask_mx, name_servers, read_answer

KNOWN: dict[bytes, tuple[int, list[tuple[int, bytes]]]] = {
    b"good.test": (0, [(20, b"\x05later\x04good\x04test\0"), (10, b"\x02mx\xc0\x0c")]),
    b"null.test": (0, [(0, b"\0")]),
    b"none.test": (3, []),
    b"sick.test": (2, []),
    b"localhost": (0, []),
    b"xn--e1afmkfd.test": (0, [(1, b"\x02mx\xc0\x0c")]),
}


@pytest.fixture(scope="module")
def name_server() -> Iterator[tuple[str, int]]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0.1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                question, peer = sock.recvfrom(512)
            except TimeoutError:
                continue
            name, at = b"", 12
            while question[at]:
                name += b"." + question[at + 1 : at + 1 + question[at]]
                at += 1 + question[at]
            if name[1:] not in KNOWN:
                continue  # silence
            code, records = KNOWN[name[1:]]
            sock.sendto(b"\0\0" + bytes(30), peer)  # somebody guessing
            answer = question[:2] + struct.pack("!5H", 0x8180 | code, 1, len(records), 0, 0) + question[12:]
            for preference, host in records:
                answer += (
                    b"\xc0\x0c" + struct.pack("!2HIH", 15, 1, 60, len(host) + 2) + struct.pack("!H", preference) + host
                )
            sock.sendto(answer, peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield sock.getsockname()
    stop.set()
    thread.join(5)
    sock.close()


def test_answers(name_server: tuple[str, int]) -> None:
    assert ask_mx("good.test", [name_server]) == ["mx.good.test", "later.good.test"]
    assert ask_mx("пример.test", [name_server]) == ["mx.xn--e1afmkfd.test"]
    assert ask_mx("null.test", [name_server]) == [""]
    assert ask_mx("none.test", [name_server]) is None
    with pytest.raises(TimeoutError):
        ask_mx("sick.test", [name_server])


def test_mail_links(name_server: tuple[str, int], tmp_path: Path) -> None:
    domains = ["good.test", "null.test", "none.test", "sick.test", "localhost"]
    links = "".join(f'<a href="mailto:a@{domain}">x</a>' for domain in domains)
    (tmp_path / "page.html").write_text(links + '<a href="mailto:b@good.test,c@null.test">x</a>')
    kinds = crawl(str(tmp_path / "page.html"), mx=True, name_servers=(name_server,)).kinds()
    assert kinds == {
        "mailto:a@good.test": "ok",
        "mailto:a@null.test": "broken",
        "mailto:a@none.test": "dns",
        "mailto:a@sick.test": "skipped",
        "mailto:a@localhost": "ok",
        "mailto:b@good.test,c@null.test": "broken",
    }


def test_no_name_server_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<a href="mailto:a@b.test">x</a>')
    assert crawl(str(tmp_path / "page.html"), mx=True, name_servers=()).kinds() == {"mailto:a@b.test": "skipped"}


@pytest.mark.parametrize(
    "answer",
    [
        b"\0\0\x81\x80\0\1\xff\xff\0\0\0\0",
        b"\0\0\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c",
        b"\0\0\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\x0f\0\1\0\0\0\0\xff\xff\0\1\xc0\x1a",
    ],
)
def test_crooked_answers_end(answer: bytes) -> None:
    assert all("good" not in host for host in read_answer(answer, 12) or [])


def test_the_systems_name_servers(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("# x\nsearch a.b\nnameserver 192.0.2.1\nnameserver\nnameserver ::1\n")
    assert name_servers(tmp_path / "resolv.conf") == [("192.0.2.1", 53), ("::1", 53)]
    assert name_servers(tmp_path / "missing") == []

"""The second process reads pages as we would, and a run goes on without it."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.links.nasty import Nasty
from tests.programs import run

from sockwright.links.page import Page, read_page
from sockwright.links.reader import Reader
from sockwright.links.second import begin

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="no fork that bears it")


@pytest.fixture
def reader() -> Iterator[Reader]:
    second = begin()
    if second is None:
        pytest.skip("one core only")
    found = Reader(second)
    yield found
    found.close()


def collected(reader: Reader, count: int) -> dict[int, Page | None]:
    pages: dict[int, Page | None] = {}
    end = time.monotonic() + 20
    while len(pages) < count and time.monotonic() < end:
        pages.update(reader.collect())
        select.select([reader], [], [], 0.1)
    return pages


def page(number: int, links: int = 20) -> bytes:
    return "".join(f'<p id="i{n}"><a href="ж{number}-{n}?q=ü#é">Ссылка {n}</a>\n' for n in range(links)).encode()


def test_pages_come_back_as_we_would_have_read_them(reader: Reader) -> None:
    url = "http://example.org/a/b.html"
    tickets = {reader.take(page(number), url, "text/html", 1000): number for number in range(40)}
    assert None not in tickets
    assert reader.busy
    found = collected(reader, 40)
    assert {tickets[ticket]: one for ticket, one in found.items()} == {
        number: read_page(page(number), url, "text/html", limit=1000) for number in range(40)
    }
    assert not reader.busy


def test_there_is_room_for_so_much_only(reader: Reader) -> None:
    url = "http://example.org/"
    assert reader.take(b"x" * 1_000_000, url, "text/html", 10) is None
    taken = 0
    while reader.take(page(taken) + b" " * 100_000, url, "text/html", 1000) is not None:
        taken += 1
        assert taken < 1000
    assert len(collected(reader, taken)) == taken
    assert reader.take(page(1), url, "text/html", 10) is not None


def test_what_waits_too_long_can_be_taken_back(reader: Reader) -> None:
    url = "http://example.org/"
    assert not reader.overloaded
    assert reader.take_back() is None
    tickets = [reader.take(page(number, 1), url, "text/html", 10) for number in range(500)]
    assert reader.overloaded
    back = [reader.take_back() for _ in range(100)]
    assert back == tickets[:-101:-1]
    assert collected(reader, 400).keys() == set(tickets[:400])
    assert not reader.busy


def test_half_a_surrogate_pair_is_ours_to_read(reader: Reader) -> None:
    ticket = reader.take(b"<a href='x'>&#xd83d;</a>\xed\xa0\xbd", "http://example.org/", "text/html", 10)
    assert ticket is not None
    found = collected(reader, 1)
    assert ticket in found


def test_when_it_dies_all_that_was_there_comes_back_unread(reader: Reader) -> None:
    url = "http://example.org/"
    os.kill(reader.pid, signal.SIGSTOP)
    tickets = [reader.take(page(number), url, "text/html", 1000) for number in range(10)]
    os.kill(reader.pid, signal.SIGKILL)
    assert collected(reader, 10) == dict.fromkeys(tickets)
    assert reader.gone
    assert reader.take(page(1), url, "text/html", 10) is None


def test_a_large_run_finds_with_it_what_it_finds_alone(tmp_path: Path) -> None:
    with Nasty().running() as server:
        for number in range(120):
            near = "".join(f'<a href="/{(number * 7 + step) % 130}#here">{step}</a>' for step in range(20))
            server.page(f"/{number}", f"<h1 id=here>Страница {number}</h1>{near}")
        words = ("links", server.url + "/0", "--recursive", "--json", "--store", "none")
        runs = [run(tmp_path, *words, "--engine", "urllib"), run(tmp_path, *words)]
    lines = [[json.loads(line) for line in one.stdout.splitlines()] for one in runs]
    told = [sorted((x["page"], x["line"], x["column"], x["url"], x["class"]) for x in some[:-1]) for some in lines]
    assert told[0] == told[1]
    assert len(told[0]) == 120 * 20
    assert lines[0][-1]["summary"]["classes"] == lines[1][-1]["summary"]["classes"]

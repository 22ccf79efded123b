"""The live stream: numbered events over real sockets, resumed, reset, bounded; and many viewers at once."""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.desk.standing import WAIT, Standing, Viewer, standing, watching

from sockwright.console import feed as feeds
from sockwright.desk import live
from sockwright.stores import open_store
from sockwright.transport.limits import Limits


def _until(done: Any) -> Any:
    deadline = time.monotonic() + WAIT
    while not (found := done()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_a_row_comes_within_300_ms_of_the_bytes(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    with watching(here) as viewer:
        took = []
        for number in range(5):
            began = time.monotonic()
            here.say(at, b"row %d" % number)
            row = viewer.until("connection", state="ended")
            took.append(time.monotonic() - began)
            assert row["said"] == f"row {number}"
    assert statistics.median(took) < 0.3


def test_what_goes_on_is_told_again_and_again_but_not_too_often(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    with watching(here) as viewer, socket.create_connection(at, timeout=WAIT) as peer:
        rows = [viewer.until("connection")]
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            peer.sendall(b"x")
            peer.recv(10)
        peer.shutdown(socket.SHUT_WR)
        while rows[-1]["state"] == "open":
            rows.append(viewer.until("connection"))
    assert 4 <= len(rows) <= 11, "opened, ended, and four a second between"
    counts = [row["received"] for row in rows]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_endpoints_people_mails_and_books_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    store = open_store(str(tmp_path / "state.db"))
    with standing(store=store) as here:
        people = here.bench.serve("tcp://:0", "people")
        post = here.bench.serve("smtp://:0", "mailsink")
        here.bench.serve("tcp://:0", "codebook")
        with watching(here) as viewer:
            with socket.create_connection(people, timeout=WAIT) as peer:
                peer.sendall(b'{"name": "Ann", "age": 30}')
                peer.recv(4096)
                came = viewer.until("people", event="joined")
                assert (came["person"]["name"], came["count"]) == ("Ann", 1)
            assert viewer.until("people", event="left")["count"] == 0
            with smtplib.SMTP("127.0.0.1", post.port, timeout=WAIT) as server:
                server.sendmail("a@example.org", ["b@example.org"], "Subject: x\r\n\r\nx")
            assert viewer.until("mail") == {"event": "arrived", "number": 1, "count": 1}
            here.ask("DELETE", "/api/mails/1")
            assert viewer.until("mail")["event"] == "removed"
            here.ask("POST", "/api/books", {"name": "new"})
            assert viewer.until("books")["name"] == "new"
            here.ask("DELETE", "/api/books/new")
            assert viewer.until("books", name="new")["size"] is None
            at = here.bench.serve("tcp://:0", "echo")
            here.say(at, b"hello")
            rows = viewer.until_any("endpoints", f"tcp://127.0.0.1:{at.port}")
            assert (rows["total"], rows["received"], rows["sent"]) == (1, 5, 5)
    store.close()


def test_who_comes_back_gets_what_was_missed_by_either_way(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    with watching(here) as viewer:
        here.say(at, b"seen")
        viewer.until("connection", state="ended")
        known = viewer.last
    for number in range(3):
        here.say(at, b"missed %d" % number)
    _until(
        lambda: (
            len([one for one in here.get(f"/api/events?after={known}")["events"] if one["kind"] == "connection"]) >= 3
        )
    )
    for fields in ({"Last-Event-ID": str(known)}, {}):
        with watching(here, None if fields else known, **fields) as viewer:
            said = [viewer.until("connection", state="ended")["said"] for _ in range(3)]
            assert said == ["missed 0", "missed 1", "missed 2"]
    told = here.get(f"/api/events?after={known}&limit=2")["events"]
    assert [one["id"] for one in told] == [known + 1, known + 2], "numbers go up one by one"


def test_who_was_away_for_too_long_or_in_another_run_looks_anew(
    here: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = here.get("/api/state")["sequence"]
    for unknown in (1, now - 1_000_000, now + 1_000):
        with watching(here, unknown) as viewer:
            kind, _ = viewer.next()
            assert kind == "reset"
            here.say(here.bench.serve("tcp://:0", "echo"), b"after it")
            assert viewer.until("connection", state="ended")["said"] == "after it"
        assert here.get(f"/api/events?after={unknown}")["events"][0]["kind"] == "reset"
    monkeypatch.setattr(feeds, "KEPT", 50)
    known = here.get("/api/state")["sequence"]
    for number in range(200):
        here.console.feed().tell("links", {"id": str(number)})
    with watching(here, known) as viewer:
        assert viewer.next()[0] == "reset"
    late = here.get(f"/api/events?after={here.get('/api/state')['sequence'] - 10}")["events"]
    assert [one["data"].get("id") for one in late if one["kind"] == "links"][-1] == "199"


def test_a_page_finds_its_way_back_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    from sockwright.desk.mount import Console
    from sockwright.endpoint import parse

    with standing() as before:
        port = before.port
        cookie = before.ask("GET", f"/?token={before.token}", bearer=False).fields["set-cookie"].partition(";")[0]
        known = before.get("/api/state")["sequence"]
        old = before.token
    listen = Console.listen
    monkeypatch.setattr(
        Console, "listen", lambda self, endpoint, *, move: listen(self, parse(f"http://:{port}", "http"), move=move)
    )
    with standing() as here:
        assert here.port == port
        assert here.token != old
        state = here.ask("GET", "/api/state", fields={"Cookie": cookie}, bearer=False)
        assert state.status == 200, "the session goes on"
        assert state.json["sequence"] > known
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        connection.request("GET", "/api/events/stream", headers={"Cookie": cookie, "Last-Event-ID": str(known)})
        assert Viewer(connection.getresponse()).next()[0] == "reset"
        connection.close()


def test_a_silent_stream_shows_signs_of_life(here: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    assert live.HEARTBEAT <= 15
    monkeypatch.setattr(live, "HEARTBEAT", 0.1)
    with watching(here) as viewer:
        lines = [viewer.answer.readline() for _ in range(12)]
    assert lines.count(b": still here\n") >= 3


def test_nobody_looking_costs_nothing_and_a_viewer_that_goes_is_noticed(
    here: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = here.console.feed()
    assert here.bench.journal._followers == (), "nobody looked yet"
    with watching(here):
        _until(lambda: feed.viewers == 1)
        _until(lambda: len(here.bench.journal._followers) == 1)
    _until(lambda: feed.viewers == 0)
    monkeypatch.setattr(feeds, "LINGER", 0.0)
    _until(lambda: here.bench.journal._followers == ())
    with watching(here, here.get("/api/state")["sequence"]) as viewer:
        here.say(here.bench.serve("tcp://:0", "echo"), b"again")
        assert viewer.until("connection", state="ended")["said"] == "again"


def test_a_flood_is_counted_instead_of_told(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    total = 2_000
    with watching(here) as viewer:
        for _ in range(total):
            with socket.create_connection(at, timeout=WAIT):
                pass
        told = skipped = 0
        states: dict[int, str] = {}
        while told + skipped < total:
            kind, data = viewer.next()
            if kind == "connection":
                told += data["number"] not in states
                states[data["number"]] = data["state"]
            elif kind == "skipped":
                skipped += data["count"]
        while "open" in states.values():
            row = viewer.until("connection")
            states[row["number"]] = row["state"]
    assert told + skipped == total
    assert told >= 250


def test_a_viewer_that_reads_nothing_is_dropped_and_costs_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    with standing(limits=Limits(write_stall=0.5)) as here:
        feed = here.console.feed()
        with socket.create_connection(("127.0.0.1", here.port), timeout=WAIT) as lazy:
            head = f"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {here.token}\r\n\r\n"
            lazy.sendall(head.encode())
            _until(lambda: feed.viewers == 1)
            for _ in range(300):  # 30 MB in all
                feed.tell("links", {"x": "y" * 100_000})
            assert sum(len(one.text) for one in feed._events) <= feeds.KEPT_BYTES
            _until(lambda: feed.viewers == 0)


def test_two_hundred_viewers_and_two_hundred_half_requests_leave_room_for_a_page(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    here.ask("GET", "/")  # CherryPy is there
    with ExitStack() as held:
        viewers = [held.enter_context(watching(here)) for _ in range(200)]
        for number in range(200):
            half = held.enter_context(socket.create_connection(("127.0.0.1", here.port), timeout=WAIT))
            start = f"POST /api/call HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {here.token}\r\n"
            half.sendall((start + ("Content-Length: 100\r\n\r\n{" if number % 2 else "X-Half")).encode())
        took = []
        for path in ("/", "/traffic", "/api/state", "/api/connections", "/static/nothing"):
            began = time.monotonic()
            assert here.ask("GET", path).status in (200, 404)
            took.append(time.monotonic() - began)
        assert max(took) < 1.0, took
        here.say(at, b"all see this")
        for viewer in viewers:
            assert viewer.until("connection", state="ended")["said"] == "all see this"


def test_above_the_limit_pages_are_told_to_ask_instead(here: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 3)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(watching(here))
        answer = here.ask("GET", "/api/events/stream")
        assert (answer.status, answer.fields["retry-after"]) == (503, "5")
        assert "after=N" in answer.json["error"]["cure"]
        assert here.get("/api/events?after=0")["events"][0]["kind"] == "reset"
    _until(lambda: here.console.feed().viewers == 0)
    with watching(here):
        pass


def test_events_are_valid_whatever_strangers_say(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    with watching(here) as viewer:
        here.say(at, b"\n\r\n\x00id: 1\nevent: reset\n\ndata: x\xff<script>\x1b]0;x\x07")
        row = viewer.until("connection", state="ended")
    assert row["said"] == "\\x00id: 1"
    assert json.loads(json.dumps(row)) == row

"""What is remembered from run to run: validators, results of a broken-off run, age."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.links.collected import crawl, page_of
from tests.links.nasty import Nasty, Peer, Request
from tests.programs import environment

from sockwright.links.asking import Body
from sockwright.links.fetcher import Outcome
from sockwright.links.memory import Memory
from sockwright.links.page import read_page


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        yield nasty


def tagged(text: str, tag: str) -> object:
    """Return a behaviour that answers 304 to who knows the tag."""

    def behave(peer: Peer, request: Request) -> None:
        if request.fields.get("if-none-match") == tag:
            peer.send(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n")
        else:
            peer.reply(200, text, ETag=tag)

    return behave


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "links.db")
    memory.begin("key")
    page = read_page(b"<a href=/x id=a>\xd1\x8f</a>", "http://h/", "text/html; charset=utf-8")
    outcome = Outcome("ok", "200 OK", 200, page=page, readable=True, etag='"1"')
    memory.keep("http://h/", outcome, Body.PAGE)
    memory.close()
    memory = Memory(tmp_path / "deep" / "links.db")
    known = memory.recall("http://h/")
    assert known is not None
    assert (known.outcome.kind, known.outcome.etag, known.asked) == ("ok", '"1"', Body.PAGE)
    assert memory.page_of("http://h/") == page
    assert memory.recall("http://h/other") is None
    memory.close()


def test_a_file_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "links.db"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE links_result (other TEXT)")
        base.execute("CREATE TABLE links_version (version INTEGER)")
        base.execute("INSERT INTO links_version VALUES (99)")
        base.execute("CREATE TABLE somebody_elses (x TEXT)")
    base.close()
    memory = Memory(path)
    memory.begin("key")
    memory.keep("http://h/", Outcome("ok", "200", 200), Body.NONE)
    memory.close()
    with sqlite3.connect(path) as base:
        assert base.execute("SELECT count(*) FROM somebody_elses").fetchone() == (0,)
    base.close()


def test_a_file_that_is_none_is_no_reason_to_stop(tmp_path: Path, server: Nasty) -> None:
    (tmp_path / "links.db").write_bytes(b"this is no database, and long enough to be looked at" * 100)
    server.page("/", page_of(["/x"]))
    assert crawl(server.url + "/", store=tmp_path / "links.db").kinds() == {"/x": "broken"}


def test_a_second_run_asks_again_with_validators(tmp_path: Path, server: Nasty) -> None:
    server.paths["/"] = tagged(page_of(["/a", "/b", "/a#there", "/a#nowhere", "/missing"]), '"i"')  # type: ignore[assignment]
    server.paths["/a"] = tagged('<p id="there"><a href="/c">c</a>', '"a"')  # type: ignore[assignment]
    server.paths["/b"] = tagged("b", '"b"')  # type: ignore[assignment]
    server.paths["/c"] = tagged("c", '"c"')  # type: ignore[assignment]
    first = crawl(server.url + "/", recursive=True, store=tmp_path / "links.db")
    server.seen.clear()
    second = crawl(server.url + "/", recursive=True, store=tmp_path / "links.db")
    assert second.kinds() == first.kinds()
    assert second.kinds()["/a#nowhere"] == "broken"
    conditional = {request.path: "if-none-match" in request.fields for request in server.seen}
    assert conditional == {"/": True, "/a": True, "/b": True, "/c": True, "/missing": False}


def test_a_page_that_changed_is_read_anew(tmp_path: Path, server: Nasty) -> None:
    server.paths["/"] = tagged(page_of(["/a"]), '"1"')  # type: ignore[assignment]
    crawl(server.url + "/", store=tmp_path / "links.db")
    server.paths["/"] = tagged(page_of(["/b"]), '"2"')  # type: ignore[assignment]
    assert set(crawl(server.url + "/", store=tmp_path / "links.db").kinds()) == {"/b"}


def test_a_fault_is_always_asked_again(tmp_path: Path, server: Nasty) -> None:
    server.page("/", page_of(["/x", "/y"]))
    server.page("/y", "y")
    store = tmp_path / "links.db"
    assert crawl(server.url + "/", store=store, max_age=3600.0).kinds()["/x"] == "broken"
    server.page("/x", "x")
    del server.paths["/y"]
    server.seen.clear()
    assert crawl(server.url + "/", store=store, max_age=3600.0).kinds() == {"/x": "ok", "/y": "ok"}
    assert [request.path for request in server.seen] == ["/x"]
    assert crawl(server.url + "/", store=store).kinds() == {"/x": "ok", "/y": "broken"}


def test_a_304_nobody_asked_for_is_no_crash(tmp_path: Path, server: Nasty) -> None:
    server.page("/", page_of(["/x"]))
    server.paths["/x"] = lambda peer, _: peer.send("HTTP/1.1 304 Not Modified\r\n\r\n")
    assert crawl(server.url + "/", store=tmp_path / "links.db").kinds() == {"/x": "ok"}


def test_a_run_that_was_killed_is_taken_up(tmp_path: Path, server: Nasty) -> None:
    pages = 60

    def behave(peer: Peer, request: Request) -> None:
        number = int(request.path[2:])
        peer.wait(0.05)
        peer.reply(200, page_of([f"/p{number + 1}" if number < pages else "/missing", "/p1"]))

    server.fallback = behave
    server.page("/missing2", "")
    server.paths["/missing"] = lambda peer, _: peer.reply(404, "")
    server.page("/", page_of(["/p1"]))
    words = [sys.executable, "-m", "sockwright", "links", server.url + "/", "--recursive", "--depth", "99", "--json"]
    words += ["--no-robots", "--store", str(tmp_path / "links.db")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment(tmp_path))
    end = time.monotonic() + 30
    while len(server.seen) < pages // 2 and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = len(server.seen)
    assert before < pages
    done = subprocess.run([*words, "--resume"], capture_output=True, env=environment(tmp_path), timeout=60, check=False)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["url"] for line in lines[:-1]} == {f"{server.url}/p{n}" for n in range(1, pages + 1)} | {
        server.url + "/missing"
    }
    assert lines[-1]["summary"]["links"] == 2 * pages + 1
    asked = len(server.seen) - before
    assert asked < pages + 2 - before + 20  # what the last half second had found out is asked again
    server.seen.clear()
    done = subprocess.run([*words, "--resume"], capture_output=True, env=environment(tmp_path), timeout=60, check=False)
    assert b"beginning a new one" in done.stderr
    assert len(server.seen) == pages + 2


def test_interrupted_runs_tell_what_they_have(tmp_path: Path, server: Nasty) -> None:
    server.paths["/slow"] = _silent
    server.page("/", page_of(["/x", "/slow"]))
    words = [sys.executable, "-m", "sockwright", "links", server.url + "/", "--json", "--no-robots"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path))
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["raw"] == "/x"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["class"] == "skipped", lines
    assert lines[-1]["summary"]["interrupted"] is True
    assert b"Traceback" not in err


def _silent(peer: Peer, _request: Request) -> None:
    peer.wait(20)

"""A run shared by several machines: here, several processes and one Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests import strangers
from tests.links.collected import crawl, page_of
from tests.links.nasty import Nasty, Peer, Request
from tests.programs import environment, run
from tests.redis_server import RedisServer

from sockwright.links.fetcher import Outcome, Task
from sockwright.links.page import read_page
from sockwright.links.parcels import pack_outcome, pack_task, unpack_outcome, unpack_task
from sockwright.stores import Unavailable
from sockwright.stores.redis_frontier import RedisFrontier


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(strangers.find("redis"), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def store(shared: RedisServer) -> str:
    with redis.Redis(port=shared.port) as client:
        client.flushall()
    return shared.url


def test_parcels_come_out_as_they_went_in() -> None:
    task = Task("http://h/я", exempt=True)
    number, packed = pack_task(task)
    assert pack_task(Task("http://h/я", exempt=True)) == (number, packed)
    assert pack_task(Task("http://h/я"))[0] != number
    assert (unpack_task(packed).url, unpack_task(packed).exempt) == ("http://h/я", True)
    page = read_page(b"<a href=/x id=a>x</a>" * 100, "http://h/", "text/html")
    outcome, requests, size = unpack_outcome(pack_outcome(Outcome("ok", "200 OK", 200, page=page), 2, 3))
    assert (outcome.page, outcome.status, requests, size) == (page, 200, 2, 3)


def test_a_task_is_given_once_and_ends_once(store: str) -> None:
    board, one, two = RedisFrontier(store), RedisFrontier(store), RedisFrontier(store)
    board.open("run", b"about", resume=False)
    board.give("run", [(3, "a", b"A"), (3, "b", b"B"), (3, "a", b"A")])
    assert one.runs() == {"run": b"about"}
    assert one.loads("run")[3] == 2
    assert one.take("run", 3)
    assert not two.take("run", 3)
    entries = one.read("run", 3, 10)
    assert [(number, packed) for _, number, packed in entries] == [("a", b"A"), ("b", b"B")]
    assert one.read("run", 3, 10) == []
    # The first dies; the second takes over what it had, and both say how it ended.
    assert two.inherit("run", 3) == entries
    two.finish("run", [(3, entries[0][0], "a", b"first")])
    one.finish("run", [(3, entries[0][0], "a", b"second"), (3, entries[1][0], "b", b"only")])
    assert [outcome for _, _, outcome in board.outcomes("run", "0", 10)] == [b"first", b"only"]
    assert sum(one.loads("run")) == 0
    board.end("run")
    with redis.Redis.from_url(store) as client:
        assert [key for key in client.keys("sockwright:links:{*") if b"lease" not in key] == []
    for each in (board, one, two):
        each.close()


def test_a_lease_is_lost_by_silence_only(store: str) -> None:
    one, two = RedisFrontier(store, lease=0.3), RedisFrontier(store, lease=0.3)
    assert one.take("run", 1)
    for _ in range(4):
        time.sleep(0.1)
        assert one.hold("run", [1]) == [1]
    assert not two.take("run", 1)
    end = time.monotonic() + 5
    while not two.take("run", 1):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert one.hold("run", [1]) == []
    assert (one.beat(), two.beat()) == (1, 2)
    one.close()
    two.close()


def test_no_redis_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        RedisFrontier("redis://127.0.0.1:1/0")
    done = run(tmp_path, "links", "http://127.0.0.1:1/", "--store", "redis://127.0.0.1:1/0")
    assert done.returncode != 0
    assert "Redis" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(tmp_path, "links", "worker", "--store", "links.db").returncode == 2


def test_a_run_works_along_where_nobody_else_does(store: str) -> None:
    with Nasty().running() as server:
        server.page("/", page_of(["/a", "/a#x", "/missing", "/old", "/loop"]))
        server.page("/a", '<p id="x"><a href="/deep">deep</a>')
        server.paths["/old"] = lambda peer, _: peer.redirect("/a", 301)
        server.paths["/loop"] = lambda peer, _: peer.redirect("/loop")
        found = crawl(server.url + "/", recursive=True, shared=store)
        assert found.kinds() == {
            "/a": "ok",
            "/a#x": "ok",
            "/missing": "broken",
            "/old": "redirected",
            "/loop": "broken",
            "/deep": "broken",
        }
        assert max(Counter(request.path for request in server.seen).values()) == 1


def worker(home: Path, store: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "sockwright", "links", "worker", "--store", store, "--until-idle", "60s"]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL, env=environment(home))


def test_three_workers_one_killed(store: str, tmp_path: Path) -> None:
    hosts = 6
    pages = 60
    most: Counter[int] = Counter()
    busy: Counter[int] = Counter()
    lock = threading.Lock()

    def behave(peer: Peer, request: Request) -> None:
        port = peer.server.port
        with lock:
            busy[port] += 1
            most[port] = max(most[port], busy[port])
        peer.wait(0.03)
        with lock:
            busy[port] -= 1
        number = int(request.path[2:])
        peer.reply(200, page_of([f"/p{number + 1}", f"/p{number + 2}"] if number < pages - 2 else ["/missing"]))

    servers = [Nasty(fallback=behave) for _ in range(hosts)]
    for server in servers:
        server.paths["/missing"] = lambda peer, _: peer.reply(404, "no")
        server.paths["/robots.txt"] = lambda peer, _: peer.reply(404, "no")
    processes = [worker(tmp_path, store) for _ in range(3)]
    try:
        contexts = [server.running() for server in servers]
        for context in contexts:
            context.__enter__()
        urls = [server.url + "/p0" for server in servers]
        words = [sys.executable, "-m", "sockwright", "links", *urls, "--recursive", "--depth", "99", "--json"]
        words += ["--store", store, "--no-work", "--per-host", "2"]
        checker = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment(tmp_path))
        end = time.monotonic() + 60
        while sum(len(server.seen) for server in servers) < 60 and time.monotonic() < end:
            time.sleep(0.02)
        killed = processes[0]
        os.kill(killed.pid, signal.SIGKILL)
        out, _ = checker.communicate(timeout=60)
        assert checker.returncode == 1
        *lines, last = [json.loads(line) for line in out.splitlines()]
        told = Counter((line["page"], line["raw"]) for line in lines)
        assert max(told.values()) == 1, "a link was told twice"
        assert last["summary"]["classes"] == {"ok": hosts * 2 * (pages - 2), "broken": hosts * 2}
        for server in servers:
            asked = Counter(request.path for request in server.seen)
            assert set(asked) == {f"/p{n}" for n in range(pages)} | {"/missing", "/robots.txt"}
            # What the killed worker had under way is asked again; what it had finished is not.
            assert sum(asked.values()) - asked["/robots.txt"] <= pages + 1 + 4
        assert all(count <= 4 for count in most.values()), "two workers pressed one host"
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
            process.wait(20)
        for context in contexts:
            context.__exit__(None, None, None)
    assert [process.returncode for process in processes[1:]] == [0, 0]


def test_a_shared_run_that_was_killed_is_taken_up(store: str, tmp_path: Path) -> None:
    pages = 60

    def behave(peer: Peer, request: Request) -> None:
        peer.wait(0.03)
        number = int(request.path[2:])
        peer.reply(200, page_of([f"/p{number + 1}"] if number < pages - 1 else []))

    with Nasty(fallback=behave).running() as server:
        words = [
            sys.executable,
            "-m",
            "sockwright",
            "links",
            server.url + "/p0",
            "--recursive",
            "--depth",
            "99",
            "--json",
        ]
        words += ["--store", store, "--no-robots"]
        checker = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment(tmp_path))
        end = time.monotonic() + 60
        while len(server.seen) < pages // 2 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(checker.pid, signal.SIGKILL)
        checker.wait()
        done = subprocess.run(
            [*words, "--resume"], capture_output=True, env=environment(tmp_path), timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["summary"]["links"] == pages - 1
        assert len(server.seen) <= pages + 2

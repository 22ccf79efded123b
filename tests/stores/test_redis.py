"""What only the shared store must stand: two nodes, a node that dies, a Redis that goes, hangs and comes back."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import strangers
from tests.programs import run, running
from tests.redis_server import RedisServer
from tests.sockets import ask, dial, until
from tests.stores.test_conformance import Told

from sockwright import User, call, join
from sockwright.client.people import look
from sockwright.errors import ConfigError, ServiceError
from sockwright.stores import Store, Unavailable, open_store
from sockwright.workbench import BenchThread


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with RedisServer(strangers.find("redis"), folder) as server:
        yield server


def refused(work: object) -> bool:
    try:
        work()  # type: ignore[operator]
    except Unavailable:
        return True
    return False


def test_nobody_there_and_no_such_url(tmp_path: Path) -> None:
    from tests.peers import closed_port

    port = closed_port()
    with pytest.raises(Unavailable, match=f"no Redis at 127.0.0.1:{port}/0: nobody listens there"):
        open_store(f"redis://127.0.0.1:{port}/0")
    with pytest.raises(ConfigError, match="--store"):
        open_store("redis://127.0.0.1:none/0")
    done = run(tmp_path, "serve", "tcp://:0", "--do", "codebook", "--store", f"redis://127.0.0.1:{port}/0")
    assert (done.returncode, "state unavailable: no Redis at" in done.stderr) == (3, True)


def test_an_outage_loses_nothing_acknowledged_and_heals_by_itself(redis_server: RedisServer) -> None:
    """Several threads change things while Redis is killed and started again, again and again."""
    store = open_store(redis_server.url)
    told = Told(store)
    kept: list[bytes] = []
    over = threading.Event()

    def work(who: int) -> None:
        n = 0
        while not over.is_set():
            n += 1
            key = b"%d/%d" % (who, n)
            try:
                store.change("t", {key: b"x"})
            except Unavailable:
                time.sleep(0.01)
            else:
                kept.append(key)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = len(kept)
        until(lambda: len(kept) > before + 20)  # noqa: B023 - waited for here and now
        redis_server.kill()
        until(lambda: refused(lambda: store.read("t")))
        redis_server.start()
    before = len(kept)
    until(lambda: len(kept) > before + 20, 15)
    over.set()
    for thread in threads:
        thread.join()
    entries = store.read("t")[1]
    assert not [key for key in kept if key not in entries]
    until(lambda: told.tables.get("t") == entries)
    store.close()


def test_a_redis_that_hangs_is_an_outage_too(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    redis_server.freeze()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        store.change("t", {b"a": b"1"})
    assert time.monotonic() - began < 4
    redis_server.thaw()
    until(lambda: not refused(lambda: store.change("t", {b"b": b"1"})), 15)
    store.close()


def test_the_service_says_that_its_state_is_unavailable_and_recovers(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    with BenchThread(store=store) as bench:
        book, people = bench.serve("tcp://:0", "codebook"), bench.serve("tcp://:0", "people")
        place = f"tcp://{people}"
        assert ask(book, b"khoor\n") == b"hello\n"
        with join(User("Анна", 30), place, follow=True) as ann:
            redis_server.kill()
            until(lambda: ask(book, b"khoor\n").startswith(b"error: state unavailable: Redis at 127.0.0.1:"))
            with pytest.raises(ServiceError, match="state unavailable"):
                join(User("Bob", 41), place)
            with pytest.raises(ServiceError, match="state unavailable"):
                look(place)
            redis_server.start()
            until(lambda: ask(book, b"khoor\n") == b"hello\n", 15)
            with look(place) as seen:
                assert [one["name"] for one in seen.people] == ["Анна"]
            with join(User("Bob", 41), place) as bob:
                assert bob.connected == 2
                assert next(ann.events())["name"] == "Bob"
    store.close()


def test_people_outlive_a_redis_that_forgot_all(redis_server: RedisServer) -> None:
    import redis

    here, there = open_store(redis_server.url), open_store(redis_server.url)
    told = Told(there)
    number = here.arrive(b"Ann").result(5)
    until(lambda: number in told.there)
    with redis.Redis(port=redis_server.port) as client:
        client.flushall()
    until(lambda: [one.about for one in there.present()] == [b"Ann"], 15)
    assert here.arrive(b"Bob").result(5) > number
    for store in (here, there):
        store.close()


def test_two_nodes_are_one_bench_and_a_killed_one_takes_its_people_along(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    one_home, two_home = tmp_path / "one", tmp_path / "two"
    for home in (one_home, two_home):
        home.mkdir()
    words = ("up", "--only", "codebook,people", "--store", redis_server.url)
    with running(one_home, *words) as one, running(two_home, *words) as two:
        at = [f"tcp://127.0.0.1:{node.port('people')}" for node in (one, two)]
        with join(User("Eve", 20), at[1], follow=True) as eve, join(User("Анна", 30), at[0]) as ann:
            events = eve.events()
            event = next(events)
            assert (event["event"], event["name"], event["connected"]) == ("join", "Анна", 2)
            for place in at:
                with look(place) as seen:
                    assert sorted(each["name"] for each in seen.people) == ["Eve", "Анна"]
            assert ann.number != eve.number

            run(one_home, "codebook", "set", "default", "слово", "word", "--store", redis_server.url)
            for node in (one, two):
                until(lambda: _decoded(two_home, node.port("codebook"), "слово") == "word\n", 5)  # noqa: B023

            one.process.send_signal(signal.SIGKILL)
            one.process.wait()
            began = time.monotonic()
            event = next(events)
            assert (event["event"], event["name"], event["connected"]) == ("leave", "Анна", 1)
            assert time.monotonic() - began < 10
            with look(at[1]) as seen:
                assert [each["name"] for each in seen.people] == ["Eve"]


def _decoded(home: Path, port: int, word: str) -> str:
    return run(home, "decode", "--at", f":{port}", word).stdout


def test_somebody_of_another_node_is_dismissed(redis_server: RedisServer) -> None:
    stores: list[Store] = [open_store(redis_server.url) for _ in range(2)]
    with (
        BenchThread(store=stores[0]) as one,
        BenchThread(store=stores[1]) as two,
        dial(one.serve("tcp://:0", "people")) as ann,
    ):
        ann.sendall(b"Ann 30\n")
        number = json.loads(ann.recv(1000))["id"]
        url = f"http://{two.serve('http://:0', 'people')}/people"
        until(lambda: len(json.loads(call(url).content)) == 1)
        assert call(f"{url}/{number}", method="DELETE").status == 200
        assert json.loads(ann.recv(1000)) == {"event": "dismissed", "id": number}
        until(lambda: json.loads(call(url).content) == [])
    for store in stores:
        store.close()


def test_a_redis_that_may_forget_is_said(redis_server: RedisServer, tmp_path: Path) -> None:
    import redis

    with redis.Redis(port=redis_server.port) as client:
        client.config_set("appendonly", "no")
    with running(tmp_path, "serve", "tcp://:0", "--do", "codebook", "--store", redis_server.url) as bench:
        _, _, err = bench.stop()
    assert "has appendonly off" in err

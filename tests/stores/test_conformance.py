"""What every store does, whichever it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from tests.sockets import until

from sockwright.stores import Change, Follower, Presence, Stale, Store

Opener = Callable[[], Store]


def test_a_fresh_store_has_nothing_and_says_so(store: Store) -> None:
    assert store.fresh
    assert dict(store.tables()) == {}
    assert store.read("книга") == (0, {})
    assert store.present() == []
    store.change("книга")
    assert not store.fresh
    assert dict(store.tables()) == {"книга": 0}


def test_what_is_put_is_there_whatever_its_bytes(store: Store) -> None:
    entries = {b"": b"", b"\x00": b"\xff" * 1000, "слово".encode(): "мир".encode(), b"'; DROP": b"\r\n"}
    revision = store.change("t", entries)
    assert store.read("t") == (revision, entries)
    again = store.change("t", {b"new": b"1"}, [b"", b"was never there"])
    assert again > revision
    del entries[b""]
    assert store.read("t") == (again, {**entries, b"new": b"1"})


def test_replacing_leaves_nothing_of_before(store: Store) -> None:
    store.change("t", {b"a": b"1", b"b": b"2"})
    store.change("t", {b"b": b"3"}, replace=True)
    assert store.read("t")[1] == {b"b": b"3"}


def test_tables_do_not_touch_each_other_and_go_alone(store: Store) -> None:
    store.change("one", {b"k": b"1"})
    store.change("two", {b"k": b"2"})
    assert store.remove("one")
    assert not store.remove("one")
    assert dict(store.tables()) == {"two": 1}
    assert store.read("two")[1] == {b"k": b"2"}
    assert store.read("one") == (0, {})


def test_a_change_to_what_somebody_else_changed_is_refused_whole(store: Store) -> None:
    revision = store.change("t", {b"a": b"1"})
    later = store.change("t", {b"a": b"2"}, expect=revision)
    with pytest.raises(Stale):
        store.change("t", {b"a": b"3", b"b": b"3"}, expect=revision)
    with pytest.raises(Stale):
        store.change("t", {b"a": b"3"}, expect=0)
    with pytest.raises(Stale):
        store.change("none", {b"a": b"3"}, expect=revision)
    assert store.read("t") == (later, {b"a": b"2"})
    assert store.change("u", {b"a": b"1"}, expect=0)


def test_ten_thousand_entries_at_once(store: Store) -> None:
    entries = {f"слово{n}".encode(): b"%d" % n for n in range(10_000)}
    store.change("t", entries)
    assert store.read("t")[1] == entries
    store.change("t", drop=list(entries)[:9_999])
    assert dict(store.tables()) == {"t": 1}


def test_threads_that_change_at_once_lose_nothing(store: Store) -> None:
    revisions: list[int] = []

    def work(who: int) -> None:
        revisions.extend(store.change("t", {b"%d/%d" % (who, n): b"x"}) for n in range(20))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(revisions)) == 160
    assert len(store.read("t")[1]) == 160


class Told:
    """A copy of a store's tables, kept by what a follower is told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tables: dict[str, dict[bytes, bytes]] = {}
        self.changes: list[Change] = []
        self.there: dict[int, bytes] = {}
        self.dismissed: list[int] = []
        self.stop = store.follow(
            Follower(
                changed=self.changed, arrived=self.arrived, departed=self.departed, dismissed=self.dismissed.append
            )
        )

    def changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.changes.append(change)
            if change.gone:
                self.tables.pop(change.table, None)
            elif change.whole:
                self.tables[change.table] = self.store.read(change.table)[1]
            else:
                table = self.tables.setdefault(change.table, {})
                for key in change.drop:
                    table.pop(key, None)
                table.update(change.put)

    def arrived(self, who: Sequence[Presence]) -> None:
        self.there |= {one.number: one.about for one in who}

    def departed(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            del self.there[number]


def test_who_follows_ends_with_the_same_state(opener: Opener) -> None:
    here, there = opener(), opener()
    told = Told(there)
    here.change("t", {b"a": b"1", b"b": b"2"})
    here.change("t", {b"a": b"3"}, [b"b"])
    here.change("gone", {b"a": b"1"})
    until(lambda: told.tables == {"t": {b"a": b"3"}, "gone": {b"a": b"1"}})
    here.remove("gone")
    here.change("t", {b"c": b"4"}, replace=True)
    here.change("big", {b"%d" % n: b"x" for n in range(5_000)})
    until(lambda: told.tables == {"t": {b"c": b"4"}, "big": here.read("big")[1]})
    revisions = [change.revision for change in told.changes]
    assert revisions == sorted(revisions)


def test_a_table_that_went_has_the_latest_revision(opener: Opener) -> None:
    here = opener()
    told = Told(opener())
    here.change("stays", {b"a": b"1"})
    last = here.change("goes", {b"a": b"1"})
    until(lambda: "goes" in told.tables)
    here.remove("goes")
    until(lambda: "goes" not in told.tables)
    assert told.changes[-1].revision > last


def test_a_table_of_many_parts_is_read_as_one_whatever_others_do(opener: Opener) -> None:
    here, there = opener(), opener()
    here.change("t", {b"%d" % n: b"0" for n in range(30_000)})
    over = threading.Event()

    def work() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            here.change("t", {b"%d" % n: b"%d" % turn for n in (0, 15_000, 29_999)})

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(3):
            entries = there.read("t")[1]
            assert len(entries) == 30_000
            assert len({entries[b"%d" % n] for n in (0, 15_000, 29_999)}) == 1
    finally:
        over.set()
        thread.join()


def test_a_small_change_of_a_large_table_is_told_alone(opener: Opener) -> None:
    here = opener()
    here.change("big", {b"%d" % n: b"x" for n in range(5_000)})
    told = Told(opener())
    here.change("big", {b"7": b"y"}, [b"8"])
    until(lambda: told.changes)
    last = told.changes[-1]
    assert (last.put, list(last.drop), last.whole) == ({b"7": b"y"}, [b"8"], False)


def test_who_stopped_following_is_told_no_more(store: Store) -> None:
    first, second = Told(store), Told(store)
    first.stop()
    first.stop()
    store.change("t", {b"a": b"1"})
    until(lambda: second.tables)
    assert not first.tables


# -- who is present


def test_who_arrives_is_present_until_they_depart(store: Store) -> None:
    told = Told(store)
    ann = store.arrive("Анна".encode()).result(5)
    bob = store.arrive(b"Bob").result(5)
    assert ann != bob
    until(lambda: told.there == {ann: "Анна".encode(), bob: b"Bob"})
    assert [(one.number, one.about) for one in store.present()] == [(ann, "Анна".encode()), (bob, b"Bob")]
    store.depart(ann)
    store.depart(ann)
    until(lambda: told.there == {bob: b"Bob"})
    assert [one.number for one in store.present()] == [bob]


def test_who_is_dismissed_is_told_and_still_there(store: Store) -> None:
    told = Told(store)
    number = store.arrive(b"x").result(5)
    assert store.dismiss(number)
    assert not store.dismiss(number + 1)
    until(lambda: told.dismissed == [number])
    assert len(store.present()) == 1


def test_closing_is_departing(opener: Opener) -> None:
    store = opener()
    told = Told(store)
    number = store.arrive(b"x").result(5)
    until(lambda: told.there == {number: b"x"})
    store.close()
    assert not told.there

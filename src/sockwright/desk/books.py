"""Codebooks, for the console: the shelf that the bench's service reads, the store behind it for changes."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sockwright.errors import ConfigError, ServiceError
from sockwright.services import book_files
from sockwright.services.books import PREFIX, Book, Shelf, entry_of, nfc, table_of
from sockwright.stores import Change, Follower, Stale, Store

# How often a change is tried again when somebody else changes the same book.
TRIES = 20
# How long a change may take until the shelf shows it (seconds).
SHOWN = 2.0
# Words of one list.
WORDS = 10_000


class BenchBooks:
    """The codebooks of one bench."""

    def __init__(self, shelf: Shelf, store: Store) -> None:
        self._shelf = shelf
        self._store = store
        self._sorted: dict[str, tuple[int, list[str]]] = {}

    def sizes(self) -> Mapping[str, int]:
        return self._shelf.sizes()

    def page(self, name: str, search: str, after: str, limit: int) -> tuple[Sequence[tuple[str, str]], bool]:
        book = self._shelf.named(self._name(name))
        words = self._words(nfc(name), book)
        start = bisect_right(words, after) if after else 0
        wanted = nfc(search).casefold()
        found: list[tuple[str, str]] = []
        for word in words[start:]:
            plain = book.find(word.encode())
            if plain is None:  # it went this moment
                continue
            meaning = plain.decode()
            if wanted and wanted not in word.casefold() and wanted not in meaning.casefold():
                continue
            if len(found) == limit:
                return found, True
            found.append((word, meaning))
        return found, False

    def _name(self, name: str) -> str:
        """Return `name`; it may not be empty, which would mean the one that is spoken where none is named."""
        if not name:
            raise ServiceError("a codebook has a name", code=404)
        return name

    def _words(self, name: str, book: Book) -> list[str]:
        """Return a book's words in order; a million of them takes a second, so they are kept until it changes."""
        held = self._sorted.get(name)
        if held is None or held[0] != book.revision:
            held = (book.revision, sorted(word.decode() for word in book.all()))
            self._sorted[name] = held
            for gone in self._sorted.keys() - self._shelf.sizes().keys():
                del self._sorted[gone]
        return held[1]

    def make(self, name: str) -> None:
        table = table_of(name)
        try:
            revision = self._store.change(table, {}, expect=0)
        except Stale:
            raise ServiceError(f"there is a codebook {name!r} already", code=409) from None
        self._shown(name, revision)

    def remove(self, name: str) -> None:
        if not self._store.remove(table_of(name)):
            raise ServiceError(f"there is no codebook {name!r}", code=404)
        self._wait(lambda: nfc(name) not in self._shelf.sizes())

    def put(self, name: str, word: str, plain: str) -> None:
        key, value = entry_of(word, plain)
        self._shelf.named(self._name(name))
        self._shown(name, self._store.change(table_of(name), {key: value}))

    def drop(self, name: str, word: str) -> None:
        key = nfc(word).encode("utf-8", "replace")
        if key not in set(self._shelf.named(self._name(name)).all()):
            raise ServiceError(f"the codebook {name!r} has no word {word[:60]!r}", code=404)
        self._shown(name, self._store.change(table_of(name), {}, [key]))

    def load(self, name: str, content: bytes, form: str, how: str) -> dict[str, Any]:
        table = table_of(name)
        read = book_files.read_book(book_files.text_of(content, "the file"), "the file", form)
        for _ in range(TRIES):
            revision, words = self._store.read(table)
            if how == "add":
                try:
                    book_files.against(read, words, "the file")
                except book_files.BadRows as wrong:
                    raise ServiceError(str(wrong), code=409) from None
            try:
                new = self._store.change(table, read.entries, replace=how == "replace", expect=revision)
            except Stale:
                continue
            self._shown(name, new)
            size = len(read.entries) if how == "replace" else len({*words, *read.entries})
            return {"words": len(read.entries), "size": size}
        raise ServiceError(f"others change the codebook {name!r} all the time; try again", code=503)

    def dump(self, name: str, form: str) -> bytes:
        revision, words = self._store.read(table_of(name))
        if not revision:
            raise ServiceError(f"there is no codebook {name!r}", code=404)
        return "".join(book_files.write_book(sorted(words.items()), form)).encode()

    def translate(self, words: Sequence[str], name: str, *, encode: bool) -> Sequence[str | None]:
        if len(words) > WORDS:
            raise ServiceError(f"{len(words)} words came; {WORDS} are the limit of one list", code=413)
        book = self._shelf.named(name)
        find = book.find_plain if encode else book.find
        try:
            found = [find(word.encode()) for word in words]
        except UnicodeEncodeError:
            raise ServiceError("half of a surrogate pair is no character", code=400) from None
        return [None if one is None else one.decode() for one in found]

    def watch(self, follower: Callable[[str], None]) -> Callable[[], None]:
        def changed(changes: Sequence[Change]) -> None:
            for change in changes:
                if change.table.startswith(PREFIX):
                    follower(change.table.removeprefix(PREFIX))

        return self._store.follow(Follower(changed=changed))

    def _shown(self, name: str, revision: int) -> None:
        """Wait until the shelf shows a change, so that whoever made it sees it."""

        def is_shown() -> bool:
            try:
                return self._shelf.named(name).revision >= revision
            except (ServiceError, ConfigError):
                return False

        self._wait(is_shown)

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SHOWN
        while not done() and time.monotonic() < deadline:
            time.sleep(0.005)

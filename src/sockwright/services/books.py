"""Books of enciphered words in memory: how a word is found, what an entry may be, and which books a store holds.

A word is found first as it came; then in Unicode's composed form (NFC, so й is й however it was typed); then in small
letters, where the answer takes over the capitals (`KHOOR` HELLO, `Khoor` Hello). Ё and Е are two letters.

The books are in memory, as UTF-8; the store behind them says when one has changed. What was asked for lately is at
hand besides, close together: see `Recent`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from sockwright.config import suggest
from sockwright.errors import ServiceError
from sockwright.services.sample_book import NAME as SAMPLE
from sockwright.services.sample_book import sample
from sockwright.stores import Change, Follower, Stale, Store, Unavailable
from sockwright.wire.visible import visible

# The book that is meant where none is named; where there is no such book, the sample.
DEFAULT = "default"
# What a table in the store is called that holds a book.
PREFIX = "codebook/"
# Characters of a word, a plain word and a book's name: a dictionary's entry, not a document.
LONGEST_WORD = 1_000
LONGEST_NAME = 64
# Words that are at hand: their table, words and answers together take about a megabyte, the second cache of a core.
RECENT = 10_000
LONGEST_RECENT = 200  # bytes of word and answer: a few long ones would take the room of many
# Words asked for, per word that was not at hand, below which it is not worth its while ...
WORTH = 3
# ... and after how many words that is tried again.
AGAIN = 2_000_000

_JSON = (b"[", b"{")  # how a word begins that makes JSON of its line


def nfc(word: str) -> str:
    """Return `word` in the composed form in which books hold it."""
    return word if word.isascii() else unicodedata.normalize("NFC", word)


def table_of(book: str) -> str:
    """Return the table that holds `book`.

    Raises: ServiceError where that cannot be a name.
    """
    name = nfc(book)
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name.strip() != name:
        raise ServiceError(
            f"{visible(name, 80)!r} cannot be a book's name: 1 to {LONGEST_NAME} characters that can be printed"
        )
    return PREFIX + name


def entry_of(word: str, plain: str) -> tuple[bytes, bytes]:
    """Return one entry as the store keeps it.

    Raises: ServiceError where word or plain word cannot be one.
    """
    for what, text in (("the enciphered word", word), ("the plain word", plain)):
        if not text or text.isspace():
            raise ServiceError(f"{what} is empty")
        if len(text) > LONGEST_WORD:
            raise ServiceError(f"{what} has {len(text)} characters; {LONGEST_WORD} are the limit")
        if not text.isprintable():
            bad = next(sign for sign in text if not sign.isprintable())
            raise ServiceError(f"{what} holds a control character, {visible(bad)}")
    return nfc(word).encode(), nfc(plain).encode()


class Book:
    """One book in memory. `find` and `find_plain` take and return UTF-8; None is unknown."""

    __slots__ = ("_back", "_folded", "_odd", "revision", "words")

    def __init__(self, revision: int, words: dict[bytes, bytes]) -> None:
        self.revision = revision
        self.words = words
        # Words that a line of text cannot mean, since it would be JSON, and those whose plain word it cannot say: kept
        # where the fast way does not look.
        self._odd = {word: plain for word, plain in words.items() if word[:1] in _JSON or is_unsayable(plain)}
        for word in self._odd:
            del words[word]
        self._folded: dict[bytes, bytes] | None = None
        self._back: dict[bytes, bytes] | None = None

    def __len__(self) -> int:
        return len(self.words) + len(self._odd)

    def all(self) -> list[bytes]:
        """Return all words, in no order. For any thread."""
        return [*self.words, *self._odd]

    def apply(self, change: Change) -> None:
        """Take over what changed."""
        self.revision = change.revision
        for word in change.drop:
            self.words.pop(word, None)
            self._odd.pop(word, None)
        for word, plain in change.put.items():
            is_odd = word[:1] in _JSON or is_unsayable(plain)
            here, there = (self._odd, self.words) if is_odd else (self.words, self._odd)
            here[word] = plain
            there.pop(word, None)
        self._folded = self._back = None

    def find(self, word: bytes) -> bytes | None:
        """Return the plain word for `word`, however it is written."""
        found = self.words.get(word)
        if found is not None:
            return found
        text = nfc(word.decode())
        composed = text.encode()
        found = self.words.get(composed) or self._odd.get(composed)
        if found is not None:
            return found
        small = text.lower()
        key = small.encode()
        found = self.words.get(key) or self._odd.get(key) if small != text else None
        if found is None:
            if self._folded is None:
                both = (self.words, self._odd)
                self._folded = {_small(one): one for part in both for one in part if _small(one) != one}
            known = self._folded.get(key)
            if known is None:
                return None
            found = self.words.get(known) or self._odd[known]
        return _as_written(text, found.decode()).encode()

    def find_plain(self, plain: bytes) -> bytes | None:
        """Return the enciphered word for `plain`; of several, the one that sorts first."""
        if self._back is None:
            back: dict[bytes, bytes] = {}
            for part in (self.words, self._odd):
                for word, meaning in part.items():
                    if meaning not in back or word < back[meaning]:
                        back[meaning] = word
            self._back = back
        text = nfc(plain.decode())
        found = self._back.get(text.encode())
        if found is not None:
            return found
        small = text.lower()
        found = self._back.get(small.encode()) if small != text else None
        return None if found is None else _as_written(text, found.decode()).encode()


def _small(word: bytes) -> bytes:
    return word.lower() if word.isascii() else word.decode().lower().encode()


def is_unsayable(plain: bytes) -> bool:
    """Tell whether `plain` in a line of text would be taken for something else."""
    return plain[:1] in (b"?", b"[", b"{") or plain == b"error:" or len(plain.split()) != 1


def _as_written(asked: str, found: str) -> str:
    """Return `found` with the capitals of `asked`."""
    if asked.isupper() and len(asked) > 1:
        return found.upper()
    if asked[:1].isupper():
        return found[:1].upper() + found[1:]
    return found


class Recent(dict[bytes, bytes]):
    """Words as they were asked for lately, and their answers; what is not here is found and taken in.

    A large book lies all over memory, and a word of it costs four or five waits for memory, more than all else about
    it. Of what people write the same few thousand words are nine tenths, and those fit a cache of the processor. It
    also makes words in capitals as quick as others.
    """

    __slots__ = ("_book", "_since", "again", "asked", "spared")

    def __init__(self, book: Book | None) -> None:
        self._book = book  # None: nothing is known
        self.asked = self._since = 0  # words, so far and when this was last empty
        self.again = AGAIN  # words asked for, at which `begin_anew` is due
        # Where set, to be asked in place of this: almost every word is another one.
        self.spared: Callable[[bytes], bytes] | None = None

    def __missing__(self, word: bytes) -> bytes:
        book = self._book
        plain = None if book is None else book.find(word)
        if book is None or plain is None or word[:1] in _JSON or is_unsayable(plain):
            raise KeyError(word)
        if len(self) >= RECENT:
            if self.asked - self._since < WORTH * RECENT:
                self.spared = book.words.__getitem__
            self.clear()
            self._since = self.asked
        if len(word) + len(plain) > LONGEST_RECENT:
            return plain
        # A copy: the book's own lies where it lies.
        self[word] = copy = b"%b" % plain
        return copy

    def begin_anew(self) -> None:
        """Forget what was asked for long ago, and try whether it is worth its while again."""
        self.clear()
        self.spared = None
        self._since = self.asked
        self.again = self.asked + AGAIN


class Shelf:
    """All books of a store, in memory.

    `recent` is the fast way to a word of the book that is meant where none is named, for lines of text: it raises
    KeyError for what should rather go the long way. Another one takes its place whenever a book changes.

    While the state is unavailable nothing is answered: another node may have changed it meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._books: dict[str, Book] = {}
        self._trouble = ""
        self.book: Book | None = None
        self.recent = Recent(None)
        store.follow(Follower(changed=self._changed, trouble=self._troubled))
        if store.fresh:
            try:
                store.change(PREFIX + SAMPLE, dict(entry_of(*one) for one in sample().items()), expect=0)
            except (Unavailable, Stale):  # read-only, or another process was quicker
                pass
        for table in store.tables():
            if table.startswith(PREFIX):
                self._load(table)
        self._choose()

    def _load(self, table: str) -> None:
        revision, words = self._store.read(table)
        if revision:
            self._books[table.removeprefix(PREFIX)] = Book(revision, words)

    def _choose(self) -> None:
        """Point the fast way at the book that is meant where none is named."""
        self.book = self._books.get(DEFAULT) or self._books.get(SAMPLE)
        self.recent = Recent(None if self._trouble else self.book)

    def _changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if not change.table.startswith(PREFIX):
                continue
            name = change.table.removeprefix(PREFIX)
            book = self._books.get(name)
            if change.gone:
                self._books.pop(name, None)
            elif change.whole or book is None:
                self._load(change.table)
            elif book.revision < change.revision:
                book.apply(change)
        self._choose()

    def _troubled(self, why: str) -> None:
        self._trouble = why
        self._choose()

    def named(self, name: str) -> Book:
        """Return the book `name`, or the one that is meant by "".

        Raises: ServiceError where there is none, or the state is unavailable.
        """
        if self._trouble:
            raise Unavailable(self._trouble)
        if not name:
            if self.book is None:
                raise ServiceError("there is no book here yet; sockwright codebook import makes one", code=404)
            return self.book
        book = self._books.get(nfc(name))
        if book is None:
            shown = visible(name, 80)
            raise ServiceError(f"there is no book {shown!r}.{suggest(name[:64], self._books)}", code=404)
        return book

    def sizes(self) -> dict[str, int]:
        """Return the books and how many words each has.

        Raises: ServiceError where the state is unavailable.
        """
        if self._trouble:
            raise Unavailable(self._trouble)
        return {name: len(book) for name, book in sorted(self._books.items())}

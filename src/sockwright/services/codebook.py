"""Codebook: a list of enciphered words in, the list of plain words out, in order and of the same length.

As text a list is one line, words apart by blanks; an unknown word comes back behind a question mark. A line that
begins with `[` is a JSON array, one with `{` an object of `words` and, where wanted, `book` and `encode`; both are
answered by a JSON array with null for what is unknown. A list of text whose answer holds words that text cannot say
(blanks in them, a leading question mark) is answered by a JSON array too.

How a word is found is said in `books`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sockwright.binding import Service, service, service_of
from sockwright.errors import ServiceError
from sockwright.services import Context
from sockwright.services.books import Shelf, is_unsayable
from sockwright.stores import Store

# Words in one list. A list is answered in one go, and all others wait as long: 10,000 words take some 2 ms.
MOST_WORDS = 10_000


def _utf8(words: Sequence[str]) -> list[bytes]:
    if len(words) > MOST_WORDS:
        raise ServiceError(
            f"{len(words)} words came; {MOST_WORDS} are the limit of one list, so send several", code=413
        )
    try:
        return [word.encode() for word in words]
    except UnicodeEncodeError:
        raise ServiceError("half of a surrogate pair is no character; send UTF-8", code=400) from None


def _text(found: bytes | None) -> str | None:
    return None if found is None else found.decode()


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A list as a JSON object."""

    words: list[str]
    book: str = ""
    encode: bool = False


_read_list = msgspec.json.Decoder(list[str]).decode
_read_asked = msgspec.json.Decoder(_Asked).decode


def _by_line(shelf: Shelf, line: bytes) -> bytes:
    """Answer what the fast way could not: JSON, unknown words, words written otherwise."""
    words = line.split()
    if len(words) > MOST_WORDS:
        raise ServiceError(
            f"{len(words)} words came; {MOST_WORDS} are the limit of one list, so send several", code=413
        )
    if words and words[0][:1] in (b"[", b"{"):
        return _by_json(shelf, line)
    book = shelf.named("")
    try:
        found = [book.find(word) for word in words]
    except UnicodeDecodeError:
        try:
            line.decode()
        except UnicodeDecodeError as wrong:
            raise ServiceError(f"byte {wrong.start} (0x{line[wrong.start]:02x}) is not UTF-8", code=400) from None
        raise
    known = {one for one in found if one is not None}
    if any(is_unsayable(one) for one in known):
        return msgspec.json.encode([_text(one) for one in found])
    return b" ".join([b"?" + word if one is None else one for word, one in zip(words, found, strict=True)])


def _by_json(shelf: Shelf, line: bytes) -> bytes:
    try:
        asked = _read_asked(line) if line.lstrip()[:1] == b"{" else _Asked(_read_list(line))
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise ServiceError(
            f"a list is a JSON array of words, or an object of words, book and encode: {wrong}", code=400
        ) from None
    book = shelf.named(asked.book)
    find = book.find_plain if asked.encode else book.find
    return msgspec.json.encode([_text(find(word)) for word in _utf8(asked.words)])


def offer(context: Context) -> Sequence[Service]:
    store: Store = context.store
    shelf = context.extra["codebooks"] = Shelf(store)
    join = b" ".join

    @service(name="codebook", blocking=False, only="line")
    def decode_line(line: bytes) -> bytes:
        """Decipher a list as text: words apart by blanks, or JSON."""
        words = line.split()
        recent = shelf.recent
        recent.asked = asked = recent.asked + len(words)
        if asked > recent.again:
            recent.begin_anew()
        try:
            answer = join(map(recent.spared or recent.__getitem__, words))  # all of it in C
        except (KeyError, UnicodeDecodeError):
            return _by_line(shelf, line)
        return answer if len(words) <= MOST_WORDS else _by_line(shelf, line)

    @service(blocking=False)
    def decode(words: list[str], book: str = "") -> list[str | None]:
        """Decipher a list of words by a book; what is unknown comes back as null."""
        find = shelf.named(book).find
        return [_text(find(word)) for word in _utf8(words)]

    @service()
    def encode(words: list[str], book: str = "") -> list[str | None]:
        """Encipher a list of plain words by a book; what is unknown comes back as null."""
        find = shelf.named(book).find_plain
        return [_text(find(word)) for word in _utf8(words)]

    @service(blocking=False)
    def books() -> dict[str, int]:
        """Return the books there are, and how many words each has."""
        return shelf.sizes()

    functions: tuple[Callable[..., Any], ...] = (decode_line, decode, encode, books)
    return tuple(service_of(function, "codebook") for function in functions)

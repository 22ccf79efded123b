"""The codebook: how words are found, what lists look like, and everything that is no list."""

from __future__ import annotations

import json
import unicodedata
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sockets import ask, dial, read_all, read_exactly, until

from sockwright.errors import ServiceError
from sockwright.services.books import DEFAULT, LONGEST_RECENT, RECENT, WORTH, Book, Recent, Shelf, entry_of, table_of
from sockwright.services.ciphers import cipher
from sockwright.stores import Change, Store, open_store
from sockwright.workbench import BenchThread

WORDS = {
    "khoor": "hello",
    "zruog": "world",
    "тулезх": "привет",
    "ённог": "ёлка",
    "енног": "елка",
    "йод": "йод-плейн",
    "Olwwoh": "Little",
    "two": "two words",
    "[x]": "bracket",
    "q": "?mark",
    "a b": "blank",
}


def book(words: dict[str, str] = WORDS) -> Book:
    return Book(1, dict(entry_of(*each) for each in words.items()))


def find(word: str) -> str | None:
    found = book().find(word.encode())
    return None if found is None else found.decode()


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("khoor", "hello"),
        ("Khoor", "Hello"),
        ("KHOOR", "HELLO"),
        ("kHOOR", "hello"),
        ("ТУЛЕЗХ", "ПРИВЕТ"),
        ("ённог", "ёлка"),  # Ё and Е are two letters
        ("енног", "елка"),
        ("Ённог", "Ёлка"),
        (unicodedata.normalize("NFD", "ённог"), "ёлка"),  # composed or not, it is the same word
        (unicodedata.normalize("NFD", "йод"), "йод-плейн"),
        (unicodedata.normalize("NFD", "ЙОД"), "ЙОД-ПЛЕЙН"),
        ("Olwwoh", "Little"),  # as the book writes it
        ("olwwoh", "Little"),
        ("OLWWOH", "LITTLE"),
        ("[x]", "bracket"),
        ("a b", "blank"),
        ("khoo", None),
        ("", None),
        ("\x00", None),
    ],
)
def test_a_word_is_found_however_it_is_written(word: str, plain: str | None) -> None:
    assert find(word) == plain


def test_an_odd_word_changes_and_is_found_in_capitals_too() -> None:
    one = book({"q": "?mark", "w": "word"})
    assert one.find(b"Q") == b"?mark"
    one.apply(Change(table_of(DEFAULT), 2, put={b"q": b"mark", b"w": b"two words"}))
    assert (one.find(b"q"), one.find(b"w"), len(one)) == (b"mark", b"two words", 2)
    assert one.words == {b"q": b"mark"}
    one.apply(Change(table_of(DEFAULT), 3, drop=(b"q", b"w")))
    assert (one.find(b"q"), one.find(b"w"), len(one)) == (None, None, 0)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """Yield a shelf with a book whose words are more than what is at hand."""
    store = open_store("memory:")
    store.change(table_of(DEFAULT), {b"w%d" % n: b"p%d" % n for n in range(RECENT + 100)} | {b"q": b"?mark"})
    yield Shelf(store)
    store.close()


def test_what_was_asked_for_is_at_hand_and_means_the_same(shelf: Shelf) -> None:
    for _ in range(2):
        assert [shelf.recent[word] for word in (b"w1", b"W1", b"w2")] == [b"p1", b"P1", b"p2"]
    for word in (b"unknown", b"q", b"[x"):
        for _ in range(2):
            with pytest.raises(KeyError):
                shelf.recent[word]
    assert [*shelf.recent] == [b"w1", b"W1", b"w2"]


def test_what_is_at_hand_is_bounded_and_spared_where_it_does_not_pay(shelf: Shelf) -> None:
    recent = shelf.recent
    for number in range(RECENT + 1):
        recent.asked += WORTH
        assert recent[b"w%d" % number] == b"p%d" % number
    assert len(recent) == 1  # it paid: begun anew
    assert recent.spared is None
    for number in range(RECENT + 1):
        recent.asked += 1
        assert recent[b"w%d" % number] == b"p%d" % number
    assert recent.spared is not None
    assert recent.spared(b"w1") == b"p1"
    with pytest.raises(KeyError):
        recent.spared(b"q")  # what text cannot say goes the long way there too
    recent.begin_anew()
    assert (recent.spared, len(recent)) == (None, 0)


def test_a_few_long_words_are_not_kept_at_hand() -> None:
    long = b"x" * LONGEST_RECENT
    recent = Recent(Book(1, {long: b"plain"}))
    assert [recent[long], recent[long], len(recent)] == [b"plain", b"plain", 0]


def test_a_book_reads_backwards_and_of_several_the_first_is_meant() -> None:
    both = book({"b": "same", "a": "same", "ёж": "Hedgehog"})
    assert both.find_plain(b"same") == b"a"
    assert both.find_plain(b"SAME") == b"A"
    assert both.find_plain(b"Hedgehog") == "ёж".encode()
    assert both.find_plain(b"other") is None


@pytest.mark.parametrize(
    ("word", "plain", "why"),
    [
        ("", "x", "is empty"),
        ("x", "  ", "is empty"),
        ("x\x00", "y", r"control character, \\x00"),
        ("x", "\x1b[31m", r"control character, \\x1b"),
        ("x" * 1001, "y", "1001 characters; 1000 are the limit"),
    ],
)
def test_what_cannot_be_an_entry(word: str, plain: str, why: str) -> None:
    with pytest.raises(ServiceError, match=why):
        entry_of(word, plain)


@pytest.mark.parametrize("name", ["", " x", "a\nb", "x" * 65, "\x1b[2J"])
def test_what_cannot_be_a_books_name(name: str) -> None:
    with pytest.raises(ServiceError, match="cannot be a book's name"):
        table_of(name)


@pytest.mark.parametrize(
    ("name", "word", "enciphered"),
    [
        ("caesar:3", "Hello, World", "Khoor, Zruog"),
        ("caesar:3", "Привет, Ёж", "Тулезх, Ий"),
        ("caesar:-3", "khoor", "hello"),
        ("caesar:29", "эюя", "щъы"),
        ("atbash", "abz АЯё", "zya ЯАщ"),
        ("keyword:Zebra", "abcde", "zebra"),
        ("keyword:ключ", "абвг abc", "ключ abc"),
        ("sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_ciphers(name: str, word: str, enciphered: str) -> None:
    assert cipher(name)(word) == enciphered


# -- over sockets


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "state.db"))
    opened.change(table_of(DEFAULT), dict(entry_of(*each) for each in WORDS.items()))
    opened.change(table_of("числа"), dict([entry_of("один", "1"), entry_of("два", "2")]))
    yield opened
    opened.close()


@pytest.fixture
def bench(store: Store) -> Iterator[BenchThread]:
    with BenchThread(store=store) as running:
        yield running
    assert not running.troubles


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("khoor zruog", "hello world"),
        ("  khoor\t zruog  ", "hello world"),
        ("тулезх xyz KHOOR", "привет ?xyz HELLO"),
        ("", ""),
        ("   ", ""),
        ("[]", "[]"),
        ('["khoor", "a b", "", "nope"]', '["hello","blank",null,null]'),
        ('{"words": ["один", "три"], "book": "числа"}', '["1",null]'),
        ('{"words": ["hello"], "encode": true}', '["khoor"]'),
        ("two khoor", '["two words","hello"]'),
        ("q", '["?mark"]'),
        ("Q", '["?mark"]'),
        ("x\x00y", "?x\x00y"),
        ('{"words": ["khoor"], "book": "числo"}', "error: there is no book 'числo'. Did you mean 'числа'?"),
    ],
)
def test_a_list_over_tcp_and_udp(bench: BenchThread, said: str, answer: str) -> None:
    assert ask(bench.serve("tcp://:0", "codebook"), said.encode() + b"\n") == answer.encode() + b"\n"
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(said.encode() or b"\n", tuple(bench.serve("udp://:0", "codebook")))
        assert sock.recv(65_536).decode() == answer


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\xff\xfe khoor", "byte 0 (0xff) is not UTF-8"),
        (b"khoor \xd0", "byte 6 (0xd0) is not UTF-8"),
        (b"khoor \xed\xa0\x80", "byte 6 (0xed) is not UTF-8"),  # half of a surrogate pair
        (b"[1, 2]", "Expected `str`, got `int`"),
        (b'[["khoor"]]', "Expected `str`, got `array`"),
        (b'{"words": {"a": 1}}', "Expected `array`, got `object`"),
        (b'{"word": ["a"]}', "unknown field `word`"),
        (b"{}", "missing required field `words`"),
        (b'["khoor"', "truncated"),
        (b'["\\ud800"]', "a list is a JSON array of words"),
        (b'["\\udc00\\ud800"]', "a list is a JSON array of words"),
        (b"[" * 100_000, "a list is a JSON array of words"),
        (b"khoor " * 10_001, "10001 words came; 10000 are the limit"),
        (b"xyz " * 10_001, "10001 words came; 10000 are the limit"),
        (b"[" + b'"a",' * 10_000 + b'"a"]', "10001 words came; 10000 are the limit"),
    ],
)
def test_what_is_no_list_is_refused_and_the_connection_lives(bench: BenchThread, said: bytes, why: str) -> None:
    came = ask(bench.serve("tcp://:0", "codebook"), said + b"\nkhoor\n").decode()
    refusal, answer, rest = came.split("\n")
    assert refusal.startswith("error: ")
    assert why in refusal
    assert (answer, rest) == ("hello", "")


def test_a_line_of_10_mb_is_refused_and_the_next_peer_served(bench: BenchThread) -> None:
    address = bench.serve("tcp://:0", "codebook")
    with dial(address) as sock:
        try:
            for _ in range(100):
                sock.sendall(b"khoor " * 17_500)
        except ConnectionError:  # hung up on before it had said all
            pass
        came = b""
        try:
            came = read_all(sock)
        except ConnectionError:
            pass
    assert not came or came.startswith(b"error: the line that begins here is longer than the 1048576 bytes allowed")
    assert ask(address, b"khoor\n") == b"hello\n"


def test_many_lists_in_one_read_are_answered_in_order(bench: BenchThread) -> None:
    address = bench.serve("tcp://:0", "codebook")
    said = b"khoor zruog\r\nxyz\n[1]\n\nzruog\n" * 100
    came = ask(address, said).decode().splitlines()
    assert len(came) == 500
    assert came[:2] == ["hello world", "?xyz"]
    assert came[2].startswith("error: ")
    assert came[3:5] == ["", "world"]
    assert came == came[:5] * 100


def test_a_list_byte_by_byte_is_one_list(bench: BenchThread) -> None:
    with dial(bench.serve("tcp://:0", "codebook")) as sock:
        for byte in "тулезх khoor\n".encode():
            sock.sendall(bytes([byte]))
        assert read_exactly(sock, len("привет hello\n".encode())) == "привет hello\n".encode()


def test_calls_over_xmlrpc(bench: BenchThread) -> None:
    at = bench.serve("xmlrpc://:0", "codebook")
    with xmlrpc.client.ServerProxy(f"http://{at.host}:{at.port}/", allow_none=True) as server:
        assert server.decode(["khoor", "nope", ""]) == ["hello", None, None]
        assert server.decode([]) == []
        assert server.decode(["один"], "числа") == ["1"]
        assert server.encode(["hello", "ПРИВЕТ"]) == ["khoor", "ТУЛЕЗХ"]
        assert server.books() == {DEFAULT: len(WORDS), "числа": 2}
        names = server.system.listMethods()
        assert isinstance(names, list)
        assert "codebook.codebook" not in names
        for wrong in ([1], "khoor", [["khoor"]]):
            with pytest.raises(xmlrpc.client.Fault):
                server.decode(wrong)


def test_calls_over_http(bench: BenchThread) -> None:
    from sockwright import call

    url = f"http://{bench.serve('http://:0', 'codebook')}"
    asked = {"words": ["khoor", "nope"]}
    assert json.loads(call(f"{url}/call/codebook.decode", json=asked).content) == ["hello", None]
    assert json.loads(call(f"{url}/call/codebook.encode", json={"words": ["Hello"]}).content) == ["Khoor"]
    assert json.loads(call(f"{url}/call/codebook.books").content)["числа"] == 2
    assert call(f"{url}/call/codebook.decode", json={"words": [1]}).status == 422
    assert call(f"{url}/call/codebook.decode", json={"words": ["a"], "book": "none"}).status == 404
    assert call(f"{url}/call/codebook.decode", '{"words": ["\\ud800"]}', fields=JSON).status in (400, 422)


JSON = {"Content-Type": "application/json"}


def test_a_change_by_another_process_is_seen_at_once(bench: BenchThread, store: Store) -> None:
    address = bench.serve("tcp://:0", "codebook")
    other = open_store(store.url)
    try:
        other.change(table_of(DEFAULT), dict([entry_of("ново", "new")]), [b"khoor"])
        until(lambda: ask(address, "ново khoor\n".encode()) == b"new ?khoor\n", 2)
        other.change(table_of(DEFAULT), dict([entry_of("only", "this")]), replace=True)
        until(lambda: ask(address, "only ново\n".encode()) == "this ?ново\n".encode(), 2)
        other.remove(table_of(DEFAULT))
        until(lambda: ask(address, b"only\n").startswith(b"error: there is no book here yet"), 2)
        other.change(table_of("sample"), dict([entry_of("s", "sample")]))
        until(lambda: ask(address, b"s\n") == b"sample\n", 2)
    finally:
        other.close()


def test_a_new_store_begins_with_a_sample_and_a_removed_one_stays_removed(tmp_path: Path) -> None:
    file = str(tmp_path / "fresh.db")
    for answer in (b"hello world \xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\n", None):
        store = open_store(file)
        try:
            with BenchThread(store=store) as bench:
                came = ask(bench.serve("tcp://:0", "codebook"), "khoor zruog тулезх\n".encode())
                assert came == answer if answer else came.startswith(b"error: there is no book here yet")
            store.remove(table_of("sample"))
        finally:
            store.close()

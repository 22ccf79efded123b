"""What is said between `people` and those who come: cut anywhere, and everything that is nobody."""

from __future__ import annotations

import json

import pytest

from sockwright.errors import ServiceError
from sockwright.wire.people import LONGEST, Hello, Reader, User, Wish, read_message, read_told, table_of, told

ANN = Hello(User("Ann", 30))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('{"name": "Ann", "age": 30}', ANN),
        ('{"age":30,"name":"Ann","extra":{"a":[1]}}', ANN),  # what else a program's User has
        ('  {"name": "Анна", "age": 0}  ', Hello(User("Анна", 0))),
        ('{"name": "\\u0410\\u043d\\u043d\\u0430", "age": 150}', Hello(User("Анна", 150))),
        ('{"name": "Ann", "age": 30, "follow": true, "beat": 2.5}', Hello(User("Ann", 30), True, 2.5)),
        ('{"follow": true, "beat": 2}', Wish(True, 2.0)),
        ('{"beat": 0}', Wish(None, 0.0)),
        ('{"follow": 1}', Wish(False, None)),
        ("Ann 30", ANN),
        ("Анна Мария 41", Hello(User("Анна Мария", 41))),
        ("x" * 64 + " 7", Hello(User("x" * 64, 7))),
        ("who", "who"),
        ("FOLLOW", "follow"),
        ("leave\r", "leave"),
    ],
)
def test_who_somebody_is(message: str, said: object) -> None:
    assert read_message(message.encode()) == said


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Ann", "say who you are"),
        ("hello world", "an age is a whole number of years, and 'world' came"),
        ("Ann thirty", "'thirty' came"),
        ("Ann -1", "nobody is -1 years old"),
        ("Ann 151", "nobody is 151 years old"),
        ("Ann 3.5", "'3.5' came"),
        ("Ann ٣٠", "an age is a whole number"),
        ("x" * 65 + " 7", "65 characters; 64 are the limit"),
        ("\x1b[31mAnn 7", "cannot be shown, \\x1b"),
        ("A\x00nn 7", "cannot be shown, \\x00"),
        ("A\u202enn 7", "cannot be shown, \\u202e"),
        ('{"name": "Ann"}', "'age' is missing"),
        ('{"name": "Ann", "follow": true}', "'age' is missing"),
        ("{}", "'name' is missing"),
        ('{"beat": "often"}', "'beat' is a number"),
        ('{"age": 30}', "'name' is missing"),
        ('{"name": "Ann", "age": "thirty"}', "'thirty' came"),
        ('{"name": "Ann", "age": "30"}', "'30' came"),
        ('{"name": "Ann", "age": 30.5}', "30.5 came"),
        ('{"name": "Ann", "age": true}', "True came"),
        ('{"name": "Ann", "age": null}', "None came"),
        ('{"name": "Ann", "age": -1}', "nobody is -1"),
        ('{"name": "Ann", "age": 1e400}', "inf came"),
        ('{"name": "", "age": 1}', "the name is empty"),
        ('{"name": "  ", "age": 1}', "the name is empty"),
        ('{"name": 7, "age": 1}', "a name is text"),
        ('{"name": {"first": "Ann"}, "age": 1}', "a name is text"),
        ('{"name": "\\ud800", "age": 1}', "cannot be shown, \\ud800"),
        ('{"name": "\\u001b]0;x", "age": 1}', "cannot be shown"),
        ('{"name": "Ann", "age": 30', "this is not JSON"),
        ('{"name": "Ann", "age": 30, "beat": -1}', "'beat' is a number"),
        ("{" * 3000, "this is not JSON"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "say who you are"),
    ],
)
def test_who_nobody_is(message: str, why: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read_message(message.encode())
    assert why in str(refused.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ServiceError, match=r"byte 3 \(0xff\) is not UTF-8"):
        read_message(b"Ann\xff 30")


STREAM = (
    '{"name": "Анна", "age": 30}Bob 41\r\n\n{"name": "{\\"}", "age": 1}\nwho\n{"name": "x", "age": {}}\nlast 5'.encode()
)
MESSAGES = ['{"name": "Анна", "age": 30}', "Bob 41", '{"name": "{\\"}", "age": 1}', "who", '{"name": "x", "age": {}}']


@pytest.mark.parametrize("step", [1, 2, 3, 7, 20, len(STREAM)])
def test_messages_are_the_same_wherever_the_reads_were_cut(step: int) -> None:
    reader = Reader()
    found = [message for at in range(0, len(STREAM), step) for message in reader.feed(STREAM[at : at + step])]
    # A whole read may bring an object and the next line at once; then the line's end parts them.
    assert [message.decode() for message in found] == MESSAGES if step < 20 else len(found) >= 4
    assert reader.finish() == [b"last 5"]


def test_an_object_without_a_line_end_is_whole_when_it_is() -> None:
    reader = Reader()
    assert reader.feed(b'{"name": "Ann", ') == []
    assert reader.feed(b'"age": 30}') == [b'{"name": "Ann", "age": 30}']
    assert reader.feed(b"\nwho\n") == [b"who"]


def test_a_message_without_an_end_is_refused() -> None:
    reader = Reader()
    assert reader.feed(b"{" * LONGEST) == []
    with pytest.raises(ServiceError, match=f"at most {LONGEST} bytes"):
        reader.feed(b"{")
    with pytest.raises(ServiceError, match=f"at most {LONGEST} bytes"):
        Reader().feed(b"x" * 5000 + b"\n")


def test_what_a_server_says_is_read_back() -> None:
    assert read_told(told(id=7, name="Анна")) == {"id": 7, "name": "Анна"}
    with pytest.raises(ServiceError, match="nobody is"):
        read_told(b"error: nobody is 151 years old\n")
    with pytest.raises(ValueError):
        read_told(b"[1]")


def test_the_table_is_safe_to_show() -> None:
    (line,) = table_of([{"id": 1, "name": "\x1b[31m" + json.loads('"\\u202e"'), "age": 3}])
    assert line.isprintable()

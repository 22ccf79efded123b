"""What is said between `people` and those who come: one JSON object in a line, each way.

    {"name": "Ann", "age": 30}           who one is; `Ann 30` by hand means the same
    {"id": 7, "name": "Ann", "age": 30, "connected": 2}                       the answer
    {"event": "join", "id": 8, "name": "Bob", "age": 41, "connected": 3}      to those who follow; also "leave"

    {"follow": true, "beat": 2}          a wish of one who has come; see `Wish`

A line of one word asks for something: `who` (who is there), `follow`, `unfollow`, `beat` (I am still here), `leave`.
A JSON object needs no end of line: programs send their user in one go and wait.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sockwright.errors import ServiceError
from sockwright.wire.visible import visible

# Characters of a name, years of an age, bytes of a message: a person, not a document.
LONGEST_NAME = 64
OLDEST = 150
LONGEST = 4096
COMMANDS = ("who", "follow", "unfollow", "beat", "leave")

# A pickle of protocol 2 and later (PEP 307) begins with this byte; no UTF-8 does.
PICKLE = b"\x80"

_AGE = re.compile(r"[+-]?[0-9]{1,9}")
_object_at = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class User:
    """A person who connects.

    Raises: ServiceError for a name or an age that nobody has.
    """

    name: str
    age: int

    def __post_init__(self) -> None:
        name, age = self.name, self.age
        if not isinstance(name, str):
            raise ServiceError(f"a name is text, and {_short(name)} came")
        if not name.strip():
            raise ServiceError("the name is empty")
        if len(name) > LONGEST_NAME:
            raise ServiceError(f"the name has {len(name)} characters; {LONGEST_NAME} are the limit")
        if not name.isprintable():
            bad = next(sign for sign in name if not sign.isprintable())
            raise ServiceError(f"the name holds a character that cannot be shown, {visible(bad)}")
        if type(age) is not int:
            raise ServiceError(f"an age is a whole number of years, and {_short(age)} came")
        if not 0 <= age <= OLDEST:
            raise ServiceError(f"nobody is {age} years old; 0 to {OLDEST} is an age")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who comes, and how: who follows is told of others; `beat` seconds without a word, and they are gone."""

    user: User
    follow: bool = False
    beat: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What one wants who has said already who it is: a client that does not know yet whether this is our `people` says
    its user first, and nothing else, since a server of somebody else's may take a name and an age alone."""

    follow: bool | None = None
    beat: float | None = None


def _short(value: object) -> str:
    return visible(repr(value), 60)


class Reader:
    """Cuts what one peer says into messages: lines, or a JSON object as soon as it is whole."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that `data` completes.

        Raises: ServiceError for one that is too long; nothing more can be read then.
        """
        data = self._held + data
        messages: list[bytes] = []
        while data:
            line, end, rest = data.partition(b"\n")
            if data[:1] == PICKLE:  # no text begins so; what looks like lines in it is none, and no end will come
                messages.append(data)
                rest = b""
            elif end:
                messages.append(line.removesuffix(b"\r"))
            elif (size := _object_size(data)) > 0:
                messages.append(data[:size])
                rest = data[size:].lstrip()
            else:
                break
            data = rest
        self._held = data
        if len(data) > LONGEST or any(len(message) > LONGEST for message in messages):
            raise ServiceError(f"a message here has at most {LONGEST} bytes", code=413)
        return [message for message in messages if message.strip()]

    def finish(self) -> list[bytes]:
        """Return what the end of the stream completes."""
        held, self._held = self._held, b""
        return [held] if held.strip() else []


def _object_size(data: bytes) -> int:
    """Return how many bytes the JSON object takes that `data` begins with, 0 where it is not whole."""
    if data.lstrip()[:1] != b"{" or b"}" not in data or len(data) > LONGEST:
        return 0
    try:
        text = data.decode()
        start = len(text) - len(text.lstrip())
        _, end = _object_at(text, start)
    except (ValueError, RecursionError):
        return 0
    return len(text[:end].encode())


def read_message(message: bytes) -> Hello | Wish | str:
    """Return what a message says: who comes, what one wants, or one of the commands.

    Raises: ServiceError with what is wrong and how it is written.
    """
    if message[:1] == PICKLE:
        raise ServiceError(
            "this looks like pickle, which is never read; send JSON (sockwright explain pickle says why)",
            code=400,
        )
    try:
        text = message.decode().strip()
    except UnicodeDecodeError as wrong:
        raise ServiceError(f"byte {wrong.start} (0x{message[wrong.start]:02x}) is not UTF-8", code=400) from None
    if text.lower() in COMMANDS:
        return text.lower()
    if text.startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as wrong:
            raise ServiceError(f"this is not JSON: {visible(str(wrong), 80)}", code=400) from None
        return _hello(said)
    name, _, age = text.rpartition(" ")
    if name and not _AGE.fullmatch(age):
        raise ServiceError(f"an age is a whole number of years, and {_short(age)} came")
    if not name:
        raise ServiceError(
            f'say who you are: {{"name": "Ann", "age": 30}} or Ann 30, and {_short(text)} came', code=400
        )
    return Hello(User(name.strip(), int(age)))


def _hello(said: Mapping[str, Any]) -> Hello | Wish:
    beat = said.get("beat", 0)
    if type(beat) not in (int, float) or not 0 <= beat <= 60:
        raise ServiceError(f"'beat' is a number of seconds up to 60, and {_short(beat)} came")
    if not said.keys() & {"name", "age"} and said.keys() & {"follow", "beat"}:
        return Wish(said["follow"] is True if "follow" in said else None, float(beat) if "beat" in said else None)
    for name in ("name", "age"):
        if name not in said:
            raise ServiceError(f"{name!r} is missing")
    # What else a program's User has is its own business.
    return Hello(User(said["name"], said["age"]), said.get("follow") is True, float(beat))


def told(**what: Any) -> bytes:
    """Return one message of ours."""
    return msgspec.json.encode(what) + b"\n"


def read_told(line: bytes) -> dict[str, Any]:
    """Return what a server said.

    Raises: ServiceError where it is a refusal, ValueError where it is nothing of ours.
    """
    if line.startswith(b"error: "):
        raise ServiceError(line[7:].decode(errors="backslashreplace"))
    said = msgspec.json.decode(line)
    if not isinstance(said, dict):
        raise ValueError(f"{line[:60]!r} is no object")
    return said


def table_of(people: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return lines that show `people` to a person."""
    rows = [(str(one["id"]), visible(str(one["name"]), LONGEST_NAME), str(one["age"])) for one in people]
    width = max((len(name) for _, name, _ in rows), default=0)
    return [f"#{number:<6} {name:<{width}}  {age}" for number, name, age in rows]

"""Functions that Sockwright can serve: their signatures are all there is to write.

sockwright serve tcp://:9000 --do examples/shout.py:shout
sockwright call tcp://:9000 hello
"""

from __future__ import annotations

from dataclasses import dataclass

from sockwright import ServiceError, Session, service


def shout(text: str) -> str:
    """One text in, one text out."""
    return text.upper() + "!"


def total(numbers: list[int]) -> int:
    """Several values: `1 2 3` in a line of text, an array in JSON and XML-RPC."""
    return sum(numbers)


@dataclass
class User:
    name: str
    age: int


def welcome(user: User) -> str:
    """A structure: a JSON object in a line, a body, a struct."""
    if user.age < 0:
        raise ServiceError(f"nobody is {user.age} years old")  # a refusal in words meant for the peer
    return f"Welcome, {user.name}"


@service(blocking=False)
def is_long(text: str) -> bool:
    """Cannot block, so it may run in the loop itself: no thread, twice the speed."""
    return len(text) > 20


async def chat(session: Session) -> None:
    """Sees a peer come, talk and go."""
    await session.send(b"What is your name?")
    while name := await session.receive():
        await session.send(b"Hello, " + name)

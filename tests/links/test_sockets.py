"""Both ways to ask which sockets are ready say the same."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import pytest

from sockwright.links import sockets
from sockwright.links.sockets import READ, WRITE, Selected

MAKERS: list[Callable[[], Selected]] = [Selected]
if sys.platform == "linux":
    MAKERS.append(sockets.Polled)  # type: ignore[arg-type]  # alike, but no relation


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_ready_is_told(make: Callable[[], Selected]) -> None:
    found = make()
    ours, theirs = socket.socketpair()
    try:
        assert found.wait(0.0) == []
        found.add(ours.fileno(), READ)
        assert found.wait(0.0) == []
        theirs.send(b"x")
        assert found.wait(1.0) == [(ours.fileno(), READ)]
        found.change(ours.fileno(), READ | WRITE)
        assert found.wait(1.0) == [(ours.fileno(), READ | WRITE)]
        found.add(ours.fileno(), WRITE)  # the number of one that was closed behind our back
        assert found.wait(1.0) == [(ours.fileno(), WRITE)]
        theirs.close()
        found.change(ours.fileno(), READ)
        assert found.wait(1.0)[0][1] & READ  # a hang-up is for who reads
        found.remove(ours.fileno())
        found.remove(ours.fileno())
        assert found.wait(0.0) == []
    finally:
        found.close()
        ours.close()
        theirs.close()

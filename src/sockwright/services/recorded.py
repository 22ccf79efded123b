"""A recording as a server: each client hears what the server of one recorded connection said.

`sockwright serve tcp://:9000 --do FILE`. The first client gets the first connection of the file, and so on round it.
What the server said after so many bytes of the client is said after as many bytes now, with the gap it had then.
An RST of the recorded server is played as a FIN.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from sockwright.binding import Service, service, service_of
from sockwright.journal.recording import Take, is_recording, read
from sockwright.session import Session

# A client that says less than was recorded is given up after so many seconds of silence.
PATIENCE = 30.0


def is_file(name: str) -> bool:
    """Tell whether `name` is the path of a recording."""
    return is_recording(Path(name))


def offer_file(name: str, now: Callable[[], float]) -> Sequence[Service]:
    """Return the service that plays the recording in the file `name`.

    Raises: ConfigError for a recording that cannot be read.
    """
    takes = itertools.cycle(read(Path(name)))

    @service(frame="raw")
    async def recorded(session: Session) -> None:
        """Say what the recorded server said."""
        await _play(session, next(takes), now)

    return (service_of(recorded, "recorded"),)


async def _play(session: Session, take: Take, now: Callable[[], float]) -> None:
    wanted = heard = 0
    is_over = False
    before = 0.0  # when the last thing happened, then
    last = now()  # ... and now
    for one in take.said:
        if one.by == "client":
            wanted += len(one.data)
            while heard < wanted and not is_over:
                data = await session.receive(PATIENCE)
                if data is None:
                    return
                is_over = not data
                heard += len(data)
            if not one.data:
                while not is_over:
                    data = await session.receive(PATIENCE)
                    if data is None:
                        return
                    is_over = not data
        else:
            due = last + (one.time - before)
            while (left := due - now()) > 0 and not is_over:
                data = await session.receive(left)
                if data is not None:
                    is_over = not data
                    heard += len(data)
            if not one.data:
                return  # FIN
            await session.send(one.data)
        before, last = one.time, now()

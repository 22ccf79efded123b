"""Mails on their way to be kept: who brings one returns at once, and a thread takes all that wait together.

put --> pending --(the crowd is there, or patience is over)--> take --> kept together --> settle: done(number), each
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from sockwright.binding import Refusal
from sockwright.stores.mailbox import Done
from sockwright.wire.mail import Mail

Group = Sequence[tuple[Mail, Done]]

# Most mails at once: what they take is what the last sender waits.
GROUP = 512
# As many senders as shared the last wait come back one after the other; who comes first would else keep the disk busy
# while all others wait. They are waited for as long as the disk took, within these seconds.
PATIENCE = (0.0005, 0.005)
# More mails than can be pending.
_NOBODY = 1 << 62


class Intake:
    """`put` is for any thread, `take` and `settle` for the one that runs `work`; it begins with the first mail."""

    def __init__(self, work: Callable[[], None], most_waiting: int) -> None:
        self._work = work
        self._most_waiting = most_waiting  # bytes
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._patience = 0.0
        self._lock = threading.Lock()  # guards what follows
        self._pending: list[tuple[Mail, Done]] = []
        self._waiting = 0  # bytes
        self._wanted = 1  # mails pending at which the bell rings
        self._thread: threading.Thread | None = None
        self.closing = False

    def put(self, mail: Mail, done: Done) -> None:
        """Let a mail wait for its turn; refused where too much waits already."""
        size = len(mail.content)
        with self._lock:
            full = self._waiting + size > self._most_waiting or self.closing
            if not full:
                self._waiting += size
                self._pending.append((mail, done))
                rings = len(self._pending) == self._wanted
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="sockwright-mailbox", daemon=True)
                    self._thread.start()
        if full:
            done(Refusal("more mail is waiting to be kept than memory should hold; try again", 503))
        elif rings:
            self._bell.put(None)

    def take(self, rest: float | None) -> Group:
        """Wait for mails and take them; none when nothing came for `rest` seconds (None: ever), or all is over."""
        for wait in (self._patience, rest):
            with self._lock:
                enough = self.closing or len(self._pending) >= self._wanted
            if not enough and wait != 0.0:
                with contextlib.suppress(Empty):
                    self._bell.get(timeout=wait)
            with self._lock:
                group, self._pending = self._pending[:GROUP], self._pending[GROUP:]
                self._wanted = _NOBODY if group else 1  # while the writer is at work, nobody need ring
            if group or self.closing:
                break
        self._patience = 0.0
        return group

    def settle(self, group: Group, outcomes: Sequence[int | Refusal], took: float) -> int:
        """Tell everybody of a group what came of it in `took` seconds; return the group's size in bytes."""
        size = sum(len(mail.content) for mail, _ in group)
        self._patience = min(max(took, PATIENCE[0]), PATIENCE[1])
        with self._lock:
            self._waiting -= size
            self._wanted = min(len(group) + len(self._pending), GROUP)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            done(outcome)
        return size

    def close(self) -> None:
        """Take no more, and wait until what came is settled."""
        with self._lock:
            self.closing = True
            thread = self._thread
        if thread is not None:
            self._bell.put(None)
            thread.join()

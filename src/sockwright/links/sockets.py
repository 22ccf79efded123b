"""Which sockets are ready: asked of Linux's epoll itself, elsewhere of what `selectors` finds.

A transfer comes and goes here, and `selectors` makes an object for each of its steps: a fortieth of a run's time.
"""

from __future__ import annotations

import select
import selectors
import sys
import time

READ, WRITE = 1, 2  # as bits; libcurl has the same


class Selected:
    """Sockets by number, and what each waits for."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, fd: int, what: int) -> None:
        """Watch a socket; a number that is here already is that of one that was closed behind our back."""
        self.remove(fd)
        self._selector.register(fd, what)

    def change(self, fd: int, what: int) -> None:
        self._selector.modify(fd, what)

    def remove(self, fd: int) -> None:
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """Return the sockets that are ready, after at most so many seconds, each with what for."""
        if not self._selector.get_map():  # Windows' select refuses to wait for nothing
            time.sleep(max(0.0, seconds))
            return []
        return [(key.fd, ready) for key, ready in self._selector.select(seconds)]

    def close(self) -> None:
        self._selector.close()


if sys.platform == "linux":
    _EVENTS = (0, select.EPOLLIN, select.EPOLLOUT, select.EPOLLIN | select.EPOLLOUT)
    _NOT_IN, _NOT_OUT = ~select.EPOLLIN, ~select.EPOLLOUT

    class Polled:
        """The same with epoll, which forgets a socket that is closed."""

        def __init__(self) -> None:
            self._epoll = select.epoll()

        def add(self, fd: int, what: int) -> None:
            try:
                self._epoll.register(fd, _EVENTS[what])
            except FileExistsError:
                self._epoll.modify(fd, _EVENTS[what])

        def change(self, fd: int, what: int) -> None:
            self._epoll.modify(fd, _EVENTS[what])

        def remove(self, fd: int) -> None:
            try:
                self._epoll.unregister(fd)
            except OSError:
                pass

        def wait(self, seconds: float) -> list[tuple[int, int]]:
            # An error or a hang-up is for both: whoever reads or writes learns of it.
            return [
                (fd, (READ if events & _NOT_OUT else 0) | (WRITE if events & _NOT_IN else 0))
                for fd, events in self._epoll.poll(max(0.0, seconds))
            ]

        def close(self) -> None:
            self._epoll.close()

    Sockets = Polled
else:
    Sockets = Selected

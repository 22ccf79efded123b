"""How the second process is made, which reads pages while the first one asks (see `reader`).

Little is imported here, since it is made before the first process has loaded what a run needs: both load their own at
the same time.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import warnings

BYTES = 400_000  # of pages that are there at once, about as much as a socket takes


class Second:
    """A process of ours at the other end of a socket."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.connection = connection
        self.pid = pid

    def close(self) -> None:
        """End it."""
        self.connection.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass


def begin() -> Second | None:
    """Return a process that reads, or None where there is no second core for it or no way to make one."""
    if not hasattr(os, "fork") or sys.platform == "darwin" or len(os.sched_getaffinity(0)) < 2:
        return None
    ours, theirs = socket.socketpair()
    for side in (ours, theirs):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * BYTES)  # as far as the system grants it
    with warnings.catch_warnings():
        # Since Python 3.12 a fork beside threads warns. libcurl may look up a name in one; what is forked never
        # comes near it, and no lock of Python's is held here.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            return None
    if pid == 0:
        try:
            _become_reader(theirs)
        finally:
            os._exit(0)
    theirs.close()
    return Second(ours, pid)


def _become_reader(connection: socket.socket) -> None:
    """Let go of all that belongs to the first process, and read pages until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the run, which tells us by closing
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    kept = connection.fileno()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, 65_536)
    connection.setblocking(True)
    from sockwright.links.errands import serve

    serve(connection)

"""A run: one process that keeps the journal, from its start to its end, and how to tell whether it still lives."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """Who keeps the journal. `born` tells two processes apart that had the same number, where the system can."""

    started: float  # seconds since the epoch
    pid: int
    seed: int
    command: str
    born: str


def born(pid: int) -> str:
    """Return when the system says that process `pid` began, in its own units, or "" where it does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return fields[19] if len(fields) > 19 else ""


def is_alive(pid: int, since: str) -> bool:
    """Tell whether process `pid`, born `since`, still runs."""
    if pid == os.getpid():
        return since in ("", born(pid))
    if not _exists(pid):
        return False
    now = born(pid)
    return not since or not now or since == now


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        # os.kill(pid, 0) would send Ctrl-C there.
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return False
        code = ctypes.c_ulong()
        known = ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return not known or code.value == 259  # STILL_ACTIVE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Run a program and write what it used, as JSON: `spent.py FILE COMMAND...`.

A process of its own, and a small one, because a program's peak memory counts from the fork: begun by a bench that
holds a hundred megabytes of figures, everybody would seem to need as much.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(report: str, command: list[str]) -> int:
    """Run the command to its end and return its exit code; its children count where it has waited for them."""
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(pid, 0)
    spent = {
        "seconds": time.perf_counter() - began,
        "cpu_s": used.ru_utime + used.ru_stime,
        "memory_mb": used.ru_maxrss / 1024,
    }
    with open(report, "w", encoding="utf-8") as file:
        json.dump(spent, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

"""Kill rounds: a process that imports and sets in one store is killed (SIGKILL) at a random moment, again and again.

After each round every change that was acknowledged in any round is there, an import is there whole or not at all, and
the file passes SQLite's integrity check.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sockwright.stores import Store, open_store

ROUNDS = 50
SETTERS = 3  # threads that set single entries, beside one that imports
IMPORT = 3_000  # entries in an import
LONGEST = 0.4  # seconds that a round lasts at most, from the first acknowledged change

# Says on stdout what was acknowledged, in the order it was.
WRITER = """
import os, sys, threading
from sockwright.stores import open_store
store = open_store(sys.argv[1])
start, setters, size = map(int, sys.argv[2:])
lock = threading.Lock()
def say(text):
    with lock:
        os.write(1, text.encode())
def sets(who):
    n = start
    while True:
        n += 1
        store.change(f"set{who}", {b"%d" % n: b"v%d" % n})
        say(f"set {who} {n}\\n")
def imports():
    n = start
    while True:
        n += 1
        store.change("import", {b"%d" % i: b"%d" % n for i in range(size)}, replace=True)
        say(f"import 0 {n}\\n")
for who in range(setters):
    threading.Thread(target=sets, args=(who,), daemon=True).start()
imports()
"""


class Rounds:
    """One file, and what was acknowledged of it so far."""

    def __init__(self, file: Path, seed: int) -> None:
        self.file = file
        self.sets: dict[int, set[int]] = {who: set() for who in range(SETTERS)}
        self.imports = 0  # number of the last one
        self.imported = 0  # how many there were
        self.rounds = 0
        self._chance = random.Random(seed)

    @property
    def acknowledged(self) -> int:
        """How many single entries were set and acknowledged."""
        return sum(map(len, self.sets.values()))

    def play(self) -> list[str]:
        """Let one writer write and be killed; return what is wrong after it."""
        words = [str(self.file), str(self.rounds * 1_000_000), str(SETTERS), str(IMPORT)]
        self.rounds += 1
        with subprocess.Popen([sys.executable, "-c", WRITER, *words], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            said = writer.stdout.readline()  # it has begun
            time.sleep(self._chance.uniform(0.0, LONGEST))  # a random moment is what is wanted here
            writer.kill()
            said += writer.stdout.read()
        for line in said.decode().split("\n")[:-1]:  # the last one may be half a line
            what, who, number = line.split()
            if what == "set":
                self.sets[int(who)].add(int(number))
            else:
                self.imports = int(number)
                self.imported += 1
        return self.examine()

    def examine(self) -> list[str]:
        """Return what is wrong with the file."""
        with closing(sqlite3.connect(self.file)) as db:
            verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
        found = [] if verdict == "ok" else [f"the file is damaged: {verdict}"]
        store = open_store(str(self.file))
        try:
            found += self._lost(store)
        finally:
            store.close()
        return [f"round {self.rounds}: {wrong}" for wrong in found]

    def _lost(self, store: Store) -> list[str]:
        found = []
        for who, numbers in self.sets.items():
            table = store.read(f"set{who}")[1]
            missing = sorted(n for n in numbers if table.get(b"%d" % n) != b"v%d" % n)
            if missing:
                found.append(f"{len(missing)} acknowledged and gone, the first is {missing[0]}")
        imported = store.read("import")[1]
        versions = set(imported.values())
        if len(versions) > 1 or (imported and len(imported) != IMPORT):
            found.append(f"an import is there in part: {len(imported)} entries of {len(versions)} imports")
        elif self.imports and (not versions or int(next(iter(versions))) < self.imports):
            found.append(f"import {self.imports} was acknowledged and is gone")
        return found


def kill_rounds(folder: Path, count: int, say: Callable[[str], None], seed: int = 7) -> list[str]:
    """Play `count` rounds, or until something is wrong, and return that."""
    rounds = Rounds(folder / f"killed-{os.getpid()}.db", seed)
    found: list[str] = []
    while rounds.rounds < count and not found:
        found = rounds.play()
    if not found and count and not (rounds.acknowledged and rounds.imported):
        found = ["nothing was acknowledged in any round, so nothing is proved"]
    say(
        f"killed {rounds.rounds} times: {rounds.acknowledged:,} sets and {rounds.imported:,} imports acknowledged, "
        + (f"{len(found)} complaints" if found else "all are there")
    )
    return found

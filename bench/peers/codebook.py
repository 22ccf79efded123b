"""Ours with a book of a million words: `codebook.py PORT WORDS` fills the store in SOCKWRIGHT_HOME, then becomes
`sockwright serve`. Redis is filled by the bench itself, since it must run for that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import ours, words
from sockwright.config import home
from sockwright.services.books import DEFAULT, table_of
from sockwright.stores import open_store

port, count, *options = sys.argv[1:]
store = open_store(str(home().data / "state.db"))
store.change(table_of(DEFAULT), words.book(int(count)))
store.close()
command = [*ours.executable(), "serve", f"tcp://127.0.0.1:{port}", "--do", "codebook", *options]
os.execvp(command[0], command)

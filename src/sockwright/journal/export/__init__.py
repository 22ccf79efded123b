"""The journal in other programs' formats: the list of them.

A format is a module with `write(transcripts, out) -> int` that returns how many connections it could write, and one
line in `FORMATS`. `out` is a binary file; `transcripts` come in the order of their numbers, and one is held at a time
where the format allows.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from sockwright.config import suggest
from sockwright.errors import ConfigError
from sockwright.journal.transcript import Transcript

# format -> (what it is, whether it is binary)
FORMATS: Mapping[str, tuple[str, bool]] = {
    "jsonl": ("one JSON object per connection, with everything in it", False),
    "recording": ("what was said and when, for `replay` and `serve --do FILE`", False),
    "eml": ("the mail of an SMTP dialogue; into a folder (-o FOLDER/) the mails of many", False),
    "har": ("HTTP exchanges, for browsers and HTTP tools (HAR 1.2)", False),
    "pcapng": ("packets as they could have been, for Wireshark and tshark", True),
}


def write(name: str, transcripts: Iterable[Transcript], out: BinaryIO) -> int:
    """Write `transcripts` to `out` in the format `name`; return how many connections had something to write.

    Raises: ConfigError where there is no such format.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"there is no format {name!r}.{suggest(name, FORMATS)}", cure=f"formats: {', '.join(FORMATS)}"
        )
    count: int = importlib.import_module(f"{__name__}.{name}").write(transcripts, out)
    return count

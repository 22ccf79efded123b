"""Mails as they went through SMTP dialogues, refused ones too: one as .eml, or each as a file of its own in a folder.

What the mailbox keeps `mail export` writes; here is what the wire carried, dots undone and nothing else changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from sockwright.errors import ConfigError
from sockwright.journal.transcript import Transcript
from sockwright.wire.smtp_anatomy import Step, steps_in


def write(transcripts: Iterable[Transcript], out: BinaryIO) -> int:
    """Write the one mail that there is.

    Raises: ConfigError where there are more: a file holds one.
    """
    found = ((transcript, step) for transcript in transcripts for step in _mails(transcript))
    whole = ((transcript, step) for transcript, step in found if step.known_by == "dot")
    first, second = next(whole, None), next(whole, None)
    if second is not None:
        raise ConfigError("there are several mails, and one .eml file holds one", cure="-o FOLDER/ writes each of them")
    if first is None:
        return 0
    out.write(first[1].content)
    return 1


def write_each(transcripts: Iterable[Transcript], folder: Path) -> int:
    """Write each mail as FOLDER/CONNECTION-NUMBER.eml, one whose end is not in the journal as .cut.eml; return how
    many connections had some."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for transcript in transcripts:
        some = False
        for number, step in enumerate(_mails(transcript), 1):
            ending = "eml" if step.known_by == "dot" else "cut.eml"
            (folder / f"{transcript.connection.number}-{number}.{ending}").write_bytes(step.content)
            some = True
        count += some
    return count


def _mails(transcript: Transcript) -> Iterator[Step]:
    if transcript.connection.opened.proto != "smtp":
        return
    client, server = transcript.both_ways()
    for step in steps_in(client, server):
        if step.kind == "content":
            yield step

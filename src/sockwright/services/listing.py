"""A folder as a page: names, sizes and times, each a way to sort. No script, and nothing from elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from sockwright.config import size_text
from sockwright.services.folder import good_name
from sockwright.wire.visible import visible

# Entries shown of one folder: above it a page helps nobody, and making it takes seconds.
LISTED = 10_000
COLUMNS = {"name": "Name", "size": "Size", "time": "Changed (UTC)"}

_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root{{color-scheme:light dark}}
body{{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
h1{{font-size:1.2rem;overflow-wrap:anywhere}}
table{{border-collapse:collapse;width:100%}}
th{{text-align:left;border-bottom:1px solid #888}}
td,th{{padding:.15rem .5rem;white-space:nowrap}}
td:first-child{{white-space:normal;overflow-wrap:anywhere;width:100%;unicode-bidi:isolate}}
td:nth-child(2),th:nth-child(2){{text-align:right;font-variant-numeric:tabular-nums}}
a{{text-decoration:none}}a:hover{{text-decoration:underline}}
</style></head><body>
<h1>{heading}</h1>
<table><thead><tr>{columns}</tr></thead><tbody>
{rows}
</tbody></table>
<p>{remark}</p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the page."""

    name: str
    folder: bool
    size: int  # bytes
    time: float  # since the epoch


def entries_of(file: int | str, *, hidden: bool) -> tuple[list[Entry], bool]:
    """Return what the page shows of an open folder, and whether it is all.

    Links are shown as what they lead to; what cannot be asked for (a dead link, a FIFO) is left out.
    """
    found: list[Entry] = []
    with os.scandir(file) as inside:
        for one in inside:
            if not good_name(one.name, hidden=hidden):
                continue
            if len(found) >= LISTED:
                return found, False
            try:
                about = one.stat()
            except OSError:
                continue
            if stat.S_ISDIR(about.st_mode) or stat.S_ISREG(about.st_mode):
                found.append(Entry(one.name, stat.S_ISDIR(about.st_mode), about.st_size, about.st_mtime))
    return found, True


def sorted_by(entries: Sequence[Entry], column: str, *, down: bool) -> list[Entry]:
    """Return `entries` with folders first, by the value of `column`, names deciding between equals."""
    named = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.name), reverse=down and column == "name")
    if column == "size":
        named.sort(key=lambda entry: entry.size, reverse=down)
    elif column == "time":
        named.sort(key=lambda entry: entry.time, reverse=down)
    return sorted(named, key=lambda entry: not entry.folder)


def page(names: Sequence[str], entries: Sequence[Entry], *, column: str, down: bool, whole: bool = True) -> str:
    """Return the page of the folder at `names`."""
    column = column if column in COLUMNS else "name"
    title = _shown("/" + "".join(name + "/" for name in names))
    heads = []
    for key, words in COLUMNS.items():
        order = "&amp;order=down" if key == column and not down else ""
        mark = (" ▼" if down else " ▲") if key == column else ""
        heads.append(f'<th><a href="?sort={key}{order}">{words}</a>{mark}</th>')
    rows = ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>'] if names else []
    for entry in sorted_by(entries, column, down=down):
        slash = "/" if entry.folder else ""
        # The dot keeps a name with a colon from being read as a scheme (RFC 3986, 4.2).
        link = "./" + quote(os.fsencode(entry.name), safe="") + slash
        size = "" if entry.folder else f'<span title="{entry.size} bytes">{size_text(entry.size)}</span>'
        name = f'<a href="{link}">{_shown(entry.name)}{slash}</a>'
        rows.append(f"<tr><td>{name}</td><td>{size}</td><td>{_time(entry.time)}</td></tr>")
    counted = f"{len(entries)} entries" if whole else f"the first {len(entries)} entries of more"
    return _PAGE.format(title=title, heading=title, columns="".join(heads), rows="\n".join(rows), remark=counted)


def _shown(name: str) -> str:
    return escape(visible(name))


def _time(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "?"

"""A folder as a page: names, sizes and times, each a way to sort. No script, and nothing from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from sockwright.services.folder import Entry
from sockwright.wire.visible import visible

COLUMNS = {"name": "Name", "size": "Size", "time": "Changed (UTC)"}

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STYLE = """\
:root{color-scheme:light dark;--line:#8883;--dim:#666;--link:#0b57d0;--hover:#8881;--new:#1a7f371f}
@media(prefers-color-scheme:dark){:root{--dim:#a0a0a0;--link:#8ab4f8;--new:#3fb95026}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.25rem;font-weight:600;margin:0 0 1rem;overflow-wrap:anywhere}
a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
h1 i{font-style:normal;font-weight:400;color:var(--dim);padding:0 .3em}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:500;font-size:.875rem;border-bottom:1px solid var(--line);white-space:nowrap}
th a{color:var(--dim)}
td,th{padding:.4rem .6rem}
td{border-bottom:1px solid var(--line)}
tbody tr:hover{background:var(--hover)}
tr.new{background:var(--new)}
td:first-child{overflow-wrap:anywhere;width:100%;unicode-bidi:isolate}
td:nth-child(n+2){white-space:nowrap;color:var(--dim);font-variant-numeric:tabular-nums}
td:nth-child(2),th:nth-child(2){text-align:right}
b{font-weight:600}
p{color:var(--dim);font-size:.875rem}
form{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;margin:1.5rem 0 0;padding:1rem;
border:1px solid var(--line);border-radius:.5rem}
form p{flex-basis:100%;margin:0}
input{font:inherit;flex:1 1 14rem;min-width:0}
button{font:inherit;padding:.35rem 1rem;border:1px solid var(--line);border-radius:.4rem;color:#fff;background:#0b57d0;
cursor:pointer}
@media(max-width:36rem){
thead th:nth-child(3){display:none}
td:nth-child(3){display:none}
}
"""
_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style></head><body>
<h1>{heading}</h1>
<table><thead><tr>{columns}</tr></thead><tbody>
{rows}
</tbody></table>
<p>{remark}</p>
{form}</body></html>
"""
_FORM = """\
<form method="post" enctype="multipart/form-data">
<input type="file" name="file" multiple required aria-label="Files to upload"><button>Upload</button>
<p>Up to {limit} at once. A file whose name is taken gets another one.</p>
</form>
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the page shall be: sorted by a column, and which entries came just now."""

    column: str = "name"
    down: bool = False
    saved: frozenset[str] = field(default_factory=frozenset)


def sorted_by(entries: Sequence[Entry], column: str, *, down: bool) -> list[Entry]:
    """Return `entries` with folders first, by the value of `column`, names deciding between equals."""
    named = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.name), reverse=down and column == "name")
    if column == "size":
        named.sort(key=lambda entry: entry.size, reverse=down)
    elif column == "time":
        named.sort(key=lambda entry: entry.time, reverse=down)
    return sorted(named, key=lambda entry: not entry.folder)


def page(names: Sequence[str], entries: Sequence[Entry], asked: Asked, *, whole: bool = True, upload: int = 0) -> str:
    """Return the page of the folder at `names`, with a form where up to `upload` bytes are taken."""
    column = asked.column if asked.column in COLUMNS else "name"
    heads = []
    for key, words in COLUMNS.items():
        order = "&amp;order=down" if key == column and not asked.down else ""
        mark = (" ▼" if asked.down else " ▲") if key == column else ""
        sorted_so = (' aria-sort="descending"' if asked.down else ' aria-sort="ascending"') if key == column else ""
        heads.append(f'<th scope="col"{sorted_so}><a href="?sort={key}{order}">{words}</a>{mark}</th>')
    rows = ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>'] if names else []
    rows += [_row(entry, new=entry.name in asked.saved) for entry in sorted_by(entries, column, down=asked.down)]
    return _PAGE.format(
        title=_shown("/" + "".join(name + "/" for name in names)),
        style=_STYLE,
        heading=_heading(names),
        columns="".join(heads),
        rows="\n".join(rows),
        remark=_remark(entries, whole=whole),
        form=_FORM.format(limit=_size(upload).replace(".0 ", " ")) if upload else "",
    )


def _heading(names: Sequence[str]) -> str:
    """Return the path, each folder on it a link."""
    parts = []
    for up, name in enumerate(reversed(names)):
        shown = _shown(name)
        parts.append(f'<a href="{"../" * up}">{shown}</a>' if up else shown)
    parts.append(f'<a href="{"../" * len(names)}">Files</a>' if names else "Files")
    return "<i>/</i>".join(reversed(parts))


def _row(entry: Entry, *, new: bool) -> str:
    slash = "/" if entry.folder else ""
    # The dot keeps a name with a colon from being read as a scheme (RFC 3986, 4.2).
    link = "./" + quote(os.fsencode(entry.name), safe="") + slash
    shown = f"<b>{_shown(entry.name)}</b>/" if entry.folder else _shown(entry.name)
    size = "" if entry.folder else f'<span title="{entry.size:,} bytes">{_size(entry.size)}</span>'
    begin = '<tr class="new">' if new else "<tr>"
    return f'{begin}<td><a href="{link}">{shown}</a></td><td>{size}</td><td>{_time(entry.time)}</td></tr>'


def _remark(entries: Sequence[Entry], *, whole: bool) -> str:
    if not entries:
        return "This folder is empty."
    folders = sum(entry.folder for entry in entries)
    files = len(entries) - folders
    counted = [f"{count:,} {one if count == 1 else one + 's'}" for count, one in ((folders, "folder"), (files, "file"))]
    words = ", ".join(text for text, count in zip(counted, (folders, files), strict=True) if count)
    if files:
        words += f", {_size(sum(entry.size for entry in entries if not entry.folder))}"
    return words if whole else f"The first {len(entries):,} entries of more: {words}"


def _shown(name: str) -> str:
    return escape(visible(name))


def _size(count: int) -> str:
    """Return bytes as a person reads them."""
    power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{count / 1024**power:.1f} {_UNITS[power]}" if power else f"{count} B"


def _time(seconds: float) -> str:
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "?"
    return f'<time title="{when:%Y-%m-%d %H:%M:%S}">{when:%Y-%m-%d %H:%M}</time>'

"""The pages: one template per screen, filled with words and with what the page's script must know at once.

What is live (connections, people, mails) is not rendered here: the script asks the API for it and follows the feed. So
nothing that a peer said passes through a template, and what does pass is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup

from sockwright.console.words import LANGUAGES, word, words

# The pages of the bar, in its order: what each is called, its address, and the key behind `g`.
SCREENS: tuple[tuple[str, str, str], ...] = (
    ("bench", "/", "b"),
    ("traffic", "/traffic", "t"),
    ("people", "/people", "p"),
    ("codebooks", "/codebooks", "c"),
    ("mailbox", "/mailbox", "m"),
    ("call", "/call", "a"),
    ("links", "/links", "l"),
)
# Pages that stand behind a screen of the bar: they show it as theirs and speak its words.
BEHIND: Mapping[str, str] = {"codebook": "codebooks", "refused": "mailbox", "run": "links"}

_HERE = Path(__file__).parent
# A script block ends at the next `</script`, whatever stands around it; `<` and `&` are written as escapes.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


class Pages:
    """Renders the pages of the console."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._templates.filters["data"] = data

    def render(self, name: str, about: Mapping[str, Any], lang: str = "en") -> str:
        """Return the page `name` as HTML.

        `about` goes to the template, and to the page's script as JSON: `path` and `query` of its address, the bench's
        `state`, and what the page shows first.
        """
        tables = words(lang)
        screen = BEHIND.get(name, name)
        others = {one for one, *_ in SCREENS} - {screen}
        return self._templates.get_template(f"{name}.html").render(
            page=name,
            screen=screen,
            about=about,
            version=about.get("state", about).get("version", ""),
            lang=lang,
            languages=LANGUAGES,
            screens=SCREENS,
            here=partial(_with_language, str(about.get("path", "/")), about.get("query", {})),
            t=partial(word, lang),
            texts={table: tables[table] for table in tables if table not in others},
        )


def data(value: Any) -> Markup:
    """Return `value` as JSON for a data block (`<script type="application/json">`), which nothing in it can end."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES))


def _with_language(path: str, query: Mapping[str, str], language: str) -> str:
    """Return the address of the same page in another language."""
    return f"{quote(path)}?{urlencode({**query, 'lang': language})}"

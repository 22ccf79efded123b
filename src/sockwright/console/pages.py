"""Pages: what a person sees, made of a template and what the page is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

HERE = Path(__file__).parent


class Pages:
    """Renders pages by name."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True)

    def render(self, name: str, about: Mapping[str, Any], lang: str) -> str:
        """Return the page `name`."""
        return self._templates.get_template("placeholder.html").render(name=name, about=about, lang=lang)

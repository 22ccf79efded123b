"""The pages: rendered whole in each language, with nothing that could run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest

import sockwright.console
from sockwright.console.pages import Pages, data
from sockwright.console.words import LANGUAGES

ROOM = Path(sockwright.console.__file__).parent
NAMES = sorted(path.stem for path in ROOM.glob("templates/*.html") if path.stem not in ("base", "parts"))
# What a page may be told beside `version` and `path`.
ABOUT: dict[str, Any] = {
    "path": "/x",
    "query": {"filter": "a"},
    "state": {"version": "0.1"},
    "status": 401,
    "error": {"what": "no", "cure": "yes"},
    "number": 1,
    "name": "N",
    "view": "text",
    "search": "a",
    "run": {"id": "1", "url": "https://site/"},
}
EVIL = "</script><script>alert(1)</script><!--\"'&\u2028"


class Tags(HTMLParser):
    """Collects start tags and the content of data blocks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self._block = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._block = dict(attrs).get("id") or "" if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._block:
            self.blocks[self._block] = self.blocks.get(self._block, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._block = ""


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_each_page_is_rendered_in_each_language(pages: Pages, name: str, lang: str) -> None:
    page = pages.render(name, ABOUT, lang)
    assert page.lstrip().startswith("<!doctype html>")
    assert f'<html lang="{lang}">' in page


@pytest.mark.parametrize("name", NAMES)
def test_no_page_has_a_script_or_style_of_its_own_or_asks_for_anything_outside(pages: Pages, name: str) -> None:
    for tag, attributes in Tags(pages.render(name, ABOUT, "en")).tags:
        assert tag != "style"
        assert not [one for one in attributes if one.startswith("on") or one == "style"], f"{tag} {attributes}"
        if tag == "script":
            assert "src" in attributes or attributes.get("type") == "application/json"
        for one in ("src", "href", "action"):
            assert (attributes.get(one) or "/").startswith(("/", "#", "?")), f"{tag} {attributes}"


def test_what_a_page_is_told_cannot_leave_its_place(pages: Pages) -> None:
    tags = Tags(pages.render("help", {"version": EVIL, "path": EVIL, "query": {EVIL: EVIL}, "filter": EVIL}, "en"))
    assert len([1 for tag, about in tags.tags if tag == "script" and "src" not in about]) == 2
    assert json.loads(tags.blocks["about"])["filter"] == EVIL
    assert EVIL not in pages.render("problem", {"status": 400, "error": {"what": EVIL, "cure": EVIL}}, "en")


def test_a_data_block_holds_no_sign_that_ends_it() -> None:
    assert not re.search(r"[<>&\u2028\u2029]", data({EVIL: [EVIL]}))
    assert json.loads(data(EVIL)) == EVIL


def test_what_a_template_asks_for_and_is_not_told_is_an_error(pages: Pages) -> None:
    with pytest.raises(jinja2.UndefinedError):
        pages.render("problem", {}, "en")


def test_a_page_leads_to_itself_in_the_other_language(pages: Pages) -> None:
    page = pages.render("help", {"path": "/traffic/7", "query": {"filter": "proto:tcp", "lang": "en"}}, "en")
    assert 'href="/traffic/7?filter=proto%3Atcp&amp;lang=ru"' in page


def test_no_script_parses_text_as_html_or_code() -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|setHTML"
    for path in ROOM.glob("static/**/*.js"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if not line.lstrip().startswith("//"):
                assert not re.search(ways, line), f"{path.name}:{number}: {line}"


def test_no_file_of_a_page_is_outside() -> None:
    for path in [*ROOM.glob("static/**/*.js"), *ROOM.glob("static/**/*.css"), *ROOM.glob("templates/*.html")]:
        found = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", path.read_text("utf-8")))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name


def test_every_icon_that_is_shown_is_there() -> None:
    drawn = set(re.findall(r'id="([\w-]+)"', (ROOM / "static" / "icons.svg").read_text("utf-8")))
    named = {
        name
        for path in ROOM.glob("static/**/*.js")
        for name in re.findall(r'icon(?:\(|: )"([\w-]+)"', path.read_text("utf-8"))
    }
    named |= {
        name
        for path in ROOM.glob("templates/*.html")
        for name in re.findall(r'icon\("([\w-]+)"\)', path.read_text("utf-8"))
    }
    assert named <= drawn

"""The pictures of the docs: each is there, is small, and is made by `dev.py screenshots`."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Bytes; a picture of a page with a palette takes 30 to 90 KB.
MOST = 150_000


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_screenshots", ROOT / "docs" / "make_screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_that_pages_show_are_there_and_have_words_for_who_does_not_see_them() -> None:
    shown = 0
    for page in PAGES:
        for words, place in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text("utf-8")):
            shown += 1
            assert words
            assert (page.parent / place).exists(), f"{page.name}: {place}"
    assert shown


def test_each_picture_is_made_by_the_command_and_small(maker: ModuleType) -> None:
    made = {view.name for view in maker.VIEWS} | {"empty"}
    for picture in (ROOT / "docs" / "images").glob("*.png"):
        assert picture.stem in made
        assert picture.stat().st_size < MOST, picture.name


def test_there_is_a_picture_of_each_view(maker: ModuleType) -> None:
    wanted = {view.name for view in maker.VIEWS if maker.is_there(view)} | {"empty"}
    assert wanted <= {picture.stem for picture in (ROOT / "docs" / "images").glob("*.png")}

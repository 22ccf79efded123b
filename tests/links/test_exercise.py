"""Exercise 3 of the lecture: our example of it, and what it has become with `--engine urllib`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.links.nasty import Nasty
from tests.programs import run

PROGRAM = Path(__file__).parents[2] / "examples" / "lecture" / "page_links.py"
PAGE = """<!doctype html><title>Ссылки</title>
<a href="good">works</a> <a href="/missing">does not</a> <a href="old">moved</a>
<a href="good#part">the same page</a> <a href="http://127.0.0.1:1/">nobody there</a>
<a href="mailto:a@example.org">mail</a>
<!-- <a href="/commented">no link</a> --> <a href="поиск?q=сеть">beyond ASCII</a>
"""


@pytest.mark.parametrize("engine", ["curl", "urllib"])
def test_what_the_exercise_finds_the_product_finds(tmp_path: Path, engine: str) -> None:
    with Nasty().running() as server:
        server.page("/", PAGE.replace('href="поиск?q=сеть"', 'href="search?q=1"'))
        server.page("/good", '<p id="part">here')
        server.page("/search", "found")
        server.paths["/old"] = lambda peer, _: peer.redirect("/good", 301)
        exercise = subprocess.run(
            [sys.executable, PROGRAM, server.url + "/"], capture_output=True, text=True, timeout=60, check=True
        )
        done = run(tmp_path, "links", server.url + "/", "--json", "--engine", engine)
        urls = [server.url + path for path in ("/good", "/missing", "/old")]
        urls += ["http://127.0.0.1:1/", server.url + "/search?q=1"]
    said = dict(line.split(" ", 1) for line in exercise.stdout.splitlines())
    assert list(said) == urls
    works = {url for url, verdict in said.items() if verdict.startswith("200 ")}
    assert works == {urls[0], urls[2], urls[4]}
    *lines, _ = [json.loads(line) for line in done.stdout.splitlines()]
    ours = {line["url"].partition("#")[0]: line["class"] for line in lines if line["url"].startswith("http")}
    assert {url for url, kind in ours.items() if kind in ("ok", "redirected")} == works
    assert (ours[urls[1]], ours[urls[3]]) == ("broken", "refused")
    # And what the exercise leaves open: letters beyond ASCII, which urllib refuses to send, fragments, mail addresses.
    assert any(line["url"].startswith("mailto:") for line in lines)


def test_letters_beyond_ascii_are_no_stumbling_block(tmp_path: Path) -> None:
    with Nasty().running() as server:
        server.page("/", PAGE)
        server.fallback = lambda peer, request: peer.reply(200, request.target)
        done = run(tmp_path, "links", server.url + "/", "--json", "--engine", "urllib", "--no-robots")
        assert "/%D0%BF%D0%BE%D0%B8%D1%81%D0%BA?q=%D1%81%D0%B5%D1%82%D1%8C" in {one.target for one in server.seen}
        assert '"class":"ok"' in done.stdout

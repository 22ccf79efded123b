"""The example handlers answer as docs/reference/http.md says."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from sockwright.workbench import BenchThread

ROOT = Path(__file__).resolve().parents[2]
VISITORS = ROOT / "examples" / "visitors.py"


def test_each_handler_answers() -> None:
    with BenchThread() as bench:
        host, port = bench.serve("http://:0", f"{VISITORS}:greet", f"{VISITORS}:visitor")
        at = f"http://{host}:{port}"
        with urllib.request.urlopen(f"{at}/?name={urllib.parse.quote('Анна')}", timeout=10) as answer:
            assert answer.read().decode() == "Hello Анна\n"
            assert answer.headers["X-Seen"] == "GET"
        with urllib.request.urlopen(f"{at}/visitors/{urllib.parse.quote('Анна')}", timeout=10) as answer:
            assert json.load(answer) == {"name": "Анна", "from": "127.0.0.1"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{at}/visitors/4", timeout=10)
        with refused.value as error:
            assert (error.code, error.read()) == (404, b"nobody is called 4\n")


def test_the_reference_shows_what_is_in_the_file() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text("utf-8")
    shown = page.partition("```python\n")[2].partition("```")[0]
    assert shown in VISITORS.read_text("utf-8")

"""Files as curl and wget get them, from `serve` and `up` as a person runs them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import run, running


@pytest.mark.stranger("curl")
def test_curl_resumes_compresses_and_asks_what_changed(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    curl = stranger("curl")
    site = tmp_path / "site"
    site.mkdir()
    (site / "big.txt").write_bytes(b"0123456789" * 100_000)
    with running(tmp_path, "serve", "http://:0", "--do", f"files:{site}", "--cors") as program:
        url = f"http://127.0.0.1:{program.port('files:' + str(site), 'http')}/big.txt"

        def got(*words: str) -> bytes:
            return subprocess.run([curl, "-sS", *words], capture_output=True, timeout=20, check=True).stdout

        half = tmp_path / "half"
        half.write_bytes(b"0123456789" * 50_000)
        got("-C", "-", "-o", str(half), url)
        assert half.read_bytes() == b"0123456789" * 100_000
        assert got("--compressed", url) == b"0123456789" * 100_000
        etag = tmp_path / "etag"
        got("--etag-save", str(etag), "-o", str(half), url)
        assert got("--etag-compare", str(etag), "-w", "%{http_code}", url) == b"304"
        assert b"Access-Control-Allow-Origin: *" in got("-I", url)
        assert got("--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", url + "/../../etc/passwd") == b"404"


@pytest.mark.stranger("wget")
def test_wget_mirrors_a_listing_of_up(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    site = tmp_path / "site"
    (site / "папка").mkdir(parents=True)
    (site / "папка" / "файл с пробелом.txt").write_text("содержание", "utf-8")
    (site / "a#b?c%d.txt").write_text("odd", "utf-8")
    with running(tmp_path, "up", "--only", "http", "--dir", str(site)) as program:
        words = [
            stranger("wget"),
            "-q",
            "-r",
            "-np",
            "-nH",
            "--reject-regex",
            "[?]sort",
            "--restrict-file-names=nocontrol",
        ]
        url = f"http://127.0.0.1:{program.port('http', 'http')}"
        copy = tmp_path / "copy"
        subprocess.run([*words, "-P", str(copy), url + "/"], timeout=20, check=True)
        assert (copy / "папка" / "файл с пробелом.txt").read_text("utf-8") == "содержание"
        assert (copy / "a#b?c%d.txt").read_text("utf-8") == "odd"
        called = subprocess.run(
            [stranger("wget"), "-qO-", url + "/call/parity.is_even?n=4"], capture_output=True, check=True
        )
        assert called.stdout == b"true"


def test_flags_of_files_are_for_files(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "http://:0", "--do", "hello", "--spa")
    assert (done.returncode, "--spa is for --do files:DIR" in done.stderr) == (2, True)
    done = run(tmp_path, "serve", "http://:0", "--do", "files:nowhere")
    assert (done.returncode, "nowhere is not there" in done.stderr) == (2, True)

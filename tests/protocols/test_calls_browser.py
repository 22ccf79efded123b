"""A real browser: our own page may call, a page of another origin may not, whatever it tries."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sockets import records

from sockwright.endpoint import Peer
from sockwright.journal.records import NOTE
from sockwright.workbench import BenchThread

SERVICES = '''
from pathlib import Path

from sockwright import Request, Response, service


@service(blocking=False)
def strike(n: int) -> int:
    """Do something that should not be done for strangers."""
    with Path(__file__).with_suffix(".struck").open("a") as log:
        log.write(f"{n} ")
    return n


@service(blocking=False, route="GET /page")
def page(request: Request) -> Response:
    """A page that tries to call at ?at=, in every way that needs no leave, and in some that do."""
    at = request.parameter("at")
    script = """
    const json = {"Content-Type": "application/json"};
    const tries = [
      fetch(AT + "?n=1"),
      fetch(AT + "?n=2", {mode: "no-cors"}),
      fetch(AT, {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body: "[3]"}),
      fetch(AT, {method: "POST", headers: json, body: "[4]"}),
      new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = AT + "?n=5"; }),
      new Promise(done => { const f = document.createElement("iframe"); f.onload = done; f.src = AT + "?n=6";
                            document.body.append(f); }),
      new Promise(done => { navigator.sendBeacon(AT, new Blob(["[7]"], {type: "text/plain"}));
                            setTimeout(done, 300); }),
    ];
    Promise.allSettled(tries).then(all => { document.title = "done " + all.map(one => one.status).join(" "); });
    """
    return Response(f"<!doctype html><body><script>const AT = {at!r};{script}</script>", type="text/html")
'''


@pytest.fixture
def served(tmp_path: Path, bench: BenchThread) -> Peer:
    path = tmp_path / "struck.py"
    path.write_text(SERVICES, "utf-8")
    return bench.serve("http://:0", f"{path}:strike", f"{path}:page")


def browse(chromium: str, home: Path, url: str) -> str:
    """Return what the page at `url` has become after its script."""
    command = [
        chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        f"--user-data-dir={home}", "--virtual-time-budget=8000", "--timeout=20000", "--dump-dom", url,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def struck(home: Path) -> list[str]:
    """Return what the service was called with."""
    log = home / "struck.struck"
    return sorted(log.read_text().split()) if log.exists() else []


@pytest.mark.stranger("chromium")
def test_a_page_of_another_origin_cannot_call(
    stranger: Callable[[str], str], bench: BenchThread, served: Peer, tmp_path: Path
) -> None:
    other = bench.serve("http://:0", f"{tmp_path / 'struck.py'}:page")
    target = f"http://{served}/call/struck.strike"
    shown = browse(stranger("chromium"), tmp_path / "home", f"http://{other}/page?at={target}")
    assert "<title>done rejected" in shown, shown
    assert struck(tmp_path) == []
    refused = [record[3][1] for record in records(bench.journal, NOTE) if record[3][0] == "refused"]
    assert len(refused) >= 5, "they did arrive"
    assert {note["status"] for note in refused} == {403}


@pytest.mark.stranger("chromium")
def test_our_own_page_can(stranger: Callable[[str], str], bench: BenchThread, served: Peer, tmp_path: Path) -> None:
    target = "/call/struck.strike"
    shown = browse(stranger("chromium"), tmp_path / "home", f"http://{served}/page?at={target}")
    assert "<title>done fulfilled" in shown, shown
    assert struck(tmp_path) == ["1", "2", "4", "5", "6"], "but for what is not said to be JSON"

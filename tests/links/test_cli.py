"""`sockwright links` as a person, a pipe and a CI server meet it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.links.collected import page_of
from tests.links.nasty import Nasty
from tests.programs import environment, run, running

HOSTILE = '\x1b]0;owned\x07\x1b[31m\u202eevil "><script>alert(1)</script>\r\nforged: line'


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        nasty.page("/", page_of(["/good", "/missing", "/old"]))
        nasty.page("/good", page_of(["/deep"]))
        nasty.paths["/old"] = lambda peer, _: peer.redirect("/good", 301)
        yield nasty


def test_json_lines(server: Nasty, tmp_path: Path) -> None:
    done = run(tmp_path, "links", server.url + "/", "--json")
    assert done.returncode == 1
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["raw"]: line["class"] for line in lines} == {"/good": "ok", "/missing": "broken", "/old": "redirected"}
    by_raw = {line["raw"]: line for line in lines}
    missing = by_raw["/missing"]
    assert missing["url"] == server.url + "/missing"
    assert missing["page"] == server.url + "/"
    assert (missing["line"], missing["status"], missing["redirects"]) == (2, 404, [])
    assert missing["column"] > 0
    assert missing["why"]["answer"] == "HTTP/1.1 404 Not Found"
    assert by_raw["/old"]["redirects"] == [server.url + "/good"]
    assert "link to" in by_raw["/old"]["hint"]
    assert last["summary"]["failed"] == 1
    assert last["summary"]["classes"] == {"ok": 1, "broken": 1, "redirected": 1}
    assert done.stderr == ""


def test_a_person_sees_pages_lines_and_texts(server: Nasty, tmp_path: Path) -> None:
    done = run(tmp_path, "links", server.url + "/", "--recursive")
    assert done.returncode == 1
    assert f"{server.url}/\n  2:10  broken  {server.url}/missing" in done.stdout
    assert "404 Not Found" in done.stdout
    assert "/deep" in done.stdout
    assert "\x1b" not in done.stdout


def test_exit_codes(server: Nasty, tmp_path: Path) -> None:
    server.page("/fine", page_of(["/good"]))
    assert run(tmp_path, "links", server.url + "/fine").returncode == 0
    assert run(tmp_path, "links", server.url + "/").returncode == 1
    assert run(tmp_path, "links", server.url + "/", "--fail-on", "dns,tls").returncode == 0
    assert run(tmp_path, "links", server.url + "/fine", "--fail-on", "ok").returncode == 1
    assert run(tmp_path, "links").returncode == 2
    assert run(tmp_path, "links", "no such file").returncode == 2
    assert run(tmp_path, "links", "ftp://example.org/").returncode == 2
    assert run(tmp_path, "links", server.url, "--exclude", "(").returncode == 2
    assert run(tmp_path, "links", server.url, "--timeout", "soon").returncode == 2
    assert run(tmp_path, "links", server.url, "--fail-on", "brokn").returncode == 2
    # The process that reads pages is begun by then, and ends with us.
    assert run(tmp_path, "links", server.url, "--recursive", "--timeout", "soon").returncode == 2
    assert run(tmp_path, "links", server.url + "/missing").returncode == 1
    assert run(tmp_path, "links", "http://no-such-host.invalid/").returncode == 1


def test_errors_name_the_cure(tmp_path: Path) -> None:
    done = run(tmp_path, "links", "http://x/", "--fail-on", "brokn")
    assert "Did you mean 'broken'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_urls_are_taken_as_people_write_them(server: Nasty, tmp_path: Path) -> None:
    for text in (f":{server.port}/good", f"127.0.0.1:{server.port}/good", f"localhost:{server.port}/good"):
        done = run(tmp_path, "links", text, "--json")
        assert json.loads(done.stdout.splitlines()[0])["raw"] == "/deep", done.stderr


def test_stdin_is_a_page_or_a_list(server: Nasty, tmp_path: Path) -> None:
    text = f"look at {server.url}/good and {server.url}/missing"
    done = run(tmp_path, "links", "-", "--json", stdin=text)
    *lines, _ = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["url"]: line["class"] for line in lines} == {
        server.url + "/good": "ok",
        server.url + "/missing": "broken",
    }


def test_a_sitemap_stands_for_its_pages(server: Nasty, tmp_path: Path) -> None:
    urls = "".join(f"<url><loc>{server.url}{path}</loc></url>" for path in ("/", "/good"))
    sitemap = f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    server.paths["/sitemap.xml"] = lambda peer, _: peer.reply(200, sitemap, "application/xml")
    done = run(tmp_path, "links", server.url + "/sitemap.xml", "--json")
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["raw"] for line in lines} >= {"/good", "/missing", "/old", "/deep"}
    assert last["summary"]["pages"] == 3


def test_hostile_bytes_never_reach_the_terminal(server: Nasty, tmp_path: Path) -> None:
    server.paths["/x"] = lambda peer, _: peer.send(
        b"HTTP/1.1 404 \x1b[31mNo\r\nContent-Type: text/html\r\nX: \x1b]0;x\x07\r\nContent-Length: 0\r\n\r\n"
    )
    text = HOSTILE.replace("<", "&lt;")
    server.page("/", f'<a href="/x">{text}</a><a href="http://\x1b[31m/">y</a><a href="/%1b[31m">z</a>')
    for words in ((), ("--verbose",), ("--json",)):
        done = run(tmp_path, "links", server.url + "/", *words)
        assert done.returncode == 1
        assert not any(sign in done.stdout + done.stderr for sign in ("\x1b", "\x07", "\u202e", "\r"))
    done = run(tmp_path, "links", "--why", server.url + "/x")
    assert "\\x1b" in done.stdout
    assert "\x1b" not in done.stdout


def test_reports_as_files(server: Nasty, tmp_path: Path) -> None:
    server.page("/", page_of(["/good", "/missing", "/old", "/no&#1;pe"]) + f'<a href="/gone?=cmd">{HOSTILE}</a>')
    names = [str(tmp_path / name) for name in ("r.xml", "r.csv", "r.sarif", "r.html", "r.jsonl")]
    done = run(tmp_path, "links", server.url + "/", *[word for name in names for word in ("--report", name)])
    assert done.returncode == 1, done.stderr

    suite = ElementTree.parse(names[0]).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "3", "0")

    rows = list(csv.DictReader(io.StringIO(Path(names[1]).read_text("utf-8"))))
    assert {row["raw"]: row["class"] for row in rows}["/missing"] == "broken"
    assert not any("\x1b" in value for row in rows for value in row.values())

    log = json.loads(Path(names[2]).read_text("utf-8"))
    results = log["runs"][0]["results"]
    assert [result["level"] for result in results].count("error") == 3
    region = next(r for r in results if "/missing" in r["message"]["text"])["locations"][0]["physicalLocation"][
        "region"
    ]
    assert region["startLine"] == 2

    html = Path(names[3]).read_text("utf-8")
    assert "<script" not in html
    assert "\x1b" not in html
    assert "3 failing links" in html

    assert len(Path(names[4]).read_text("utf-8").splitlines()) == 6


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html">=cmd|x</a>')
    run(tmp_path, "links", str(tmp_path / "a.html"), "--report", str(tmp_path / "r.csv"))
    row = next(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text())))
    assert row["text"] == "'=cmd|x"


def test_a_report_that_cannot_be_written_is_told_first(server: Nasty, tmp_path: Path) -> None:
    assert run(tmp_path, "links", server.url, "--report", str(tmp_path / "no" / "r.csv")).returncode == 2
    done = run(tmp_path, "links", server.url, "--report", "r.doc")
    assert done.returncode == 2
    assert ".html" in done.stderr
    assert not server.seen


def test_headers_and_logins(server: Nasty, tmp_path: Path) -> None:
    words = ["--header", "X-Key: k", "--auth", "ann:secret", "--header", "other.example=X-Other: no"]
    done = run(tmp_path, "links", server.url + "/", *words, "--no-robots", "--json")
    assert done.returncode == 1
    assert all(request.fields["x-key"] == "k" for request in server.seen)
    assert all(request.fields["authorization"] == "Basic YW5uOnNlY3JldA==" for request in server.seen)
    assert not any("x-other" in request.fields for request in server.seen)
    assert "secret" not in done.stdout
    assert "YW5u" not in done.stdout
    for wrong in ("nonsense", "Host: x", "X: a\nb"):
        assert run(tmp_path, "links", server.url, "--header", wrong).returncode == 2


def test_the_environment_speaks_for_flags(server: Nasty, tmp_path: Path) -> None:
    done = run(tmp_path, "links", server.url + "/", SOCKWRIGHT_LINKS_EXCLUDE="missing")
    assert done.returncode == 0


def test_urllib_does_it_too(server: Nasty, tmp_path: Path) -> None:
    done = run(tmp_path, "links", server.url + "/", "--recursive", "--json", "--engine", "urllib")
    *lines, _ = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["raw"]: line["class"] for line in lines} == {
        "/good": "ok",
        "/missing": "broken",
        "/old": "redirected",
        "/deep": "broken",
    }


def test_help_is_quick_and_imports_nothing_of_ours() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from sockwright.cli import links;"
        "print([n for n in sys.modules if n in ('pycurl', 'turbohtml', 'msgspec', 'sockwright.links.run')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_findings_as_a_letter(server: Nasty, tmp_path: Path) -> None:
    with running(tmp_path, "serve", "smtp://127.0.0.1:0", "--do", "mailsink") as sink:
        port = next(iter(sink.ports.values()))
        words = [
            "--mail-to",
            "анна@example.org",
            "--mail-at",
            f"smtp://127.0.0.1:{port}?starttls=no",
            "--mail-from",
            "ci@example.org",
        ]
        done = run(tmp_path, "links", server.url + "/", *words)
        assert done.returncode == 1, done.stderr
        shown = run(tmp_path, "mail", "show", "1")
        assert "1 failing link among 3" in shown.stdout
        assert "/missing" in shown.stdout


def test_a_letter_that_cannot_be_sent_is_told(server: Nasty, tmp_path: Path) -> None:
    done = run(tmp_path, "links", server.url + "/", "--mail-to", "a@example.org", "--mail-at", "smtp://127.0.0.1:1")
    assert done.returncode == 3
    assert "/missing" in done.stdout
    assert run(tmp_path, "links", server.url + "/", "--mail-to", "a@b", "--mail-at", "http://x/").returncode == 2


def test_files_are_called_as_they_are_from_here(tmp_path: Path) -> None:
    folder = tmp_path / "мой сайт"
    folder.mkdir()
    (folder / "a.md").write_text("[x](нет.md) [y](b.md#z)\n", "utf-8")
    (folder / "b.md").write_text("# b\n")
    words = ("links", "мой сайт", "--store", "none", "--report", "r.sarif", "--report", "r.html", "--report", "r.xml")
    done = run(tmp_path, *words, cwd=tmp_path)
    assert done.stdout.startswith('мой сайт/a.md\n  1:5   broken  нет.md  "x"\n')
    assert "2 links on 2 pages, " in done.stdout
    sarif = json.loads((tmp_path / "r.sarif").read_text())
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"] for one in sarif["runs"][0]["results"]]
    assert {place["uri"] for place in places} == {"%D0%BC%D0%BE%D0%B9%20%D1%81%D0%B0%D0%B9%D1%82/a.md"}
    assert "<h2>мой сайт/a.md</h2>" in (tmp_path / "r.html").read_text("utf-8")
    assert 'classname="мой сайт/a.md"' in (tmp_path / "r.xml").read_text("utf-8")


def test_reports_are_whole_though_nobody_reads_the_pipe(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("".join(f'<a href="missing-{number}">x</a>\n' for number in range(3_000)))
    report = tmp_path / "r.csv"
    command = [sys.executable, "-m", "sockwright", "links", str(page), "-v", "--report", str(report)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(tmp_path)) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(30)
    assert len(report.read_text().splitlines()) == 3_001

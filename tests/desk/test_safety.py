"""What a console refuses, over real sockets: foreign names, foreign pages, wrong keys; and what its answers forbid."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import stat
from pathlib import Path

import pytest
from tests.desk.standing import WAIT, Answer, Standing, standing

from sockwright.desk import consoles
from sockwright.desk.mount import signing_key
from sockwright.endpoint import parse
from sockwright.errors import ServiceError


def _raw(here: Standing, request: str) -> tuple[str, str]:
    """Say `request` as it is; return the status line, and all that follows."""
    with socket.create_connection(("127.0.0.1", here.port), timeout=WAIT) as peer:
        peer.sendall(request.encode("latin-1"))
        peer.shutdown(socket.SHUT_WR)
        said = b""
        while piece := peer.recv(65536):
            said += piece
    head, _, rest = said.decode("utf-8", "replace").partition("\r\n")
    return head, rest


def _entered(here: Standing) -> str:
    """Come in by the printed address; return the cookie."""
    answer = here.ask("GET", f"/?token={here.token}", bearer=False)
    assert answer.status == 303
    return answer.fields["set-cookie"].partition(";")[0]


def test_the_printed_address_leads_in_by_a_cookie_and_forgets_its_token(here: Standing) -> None:
    answer = here.ask("GET", f"/traffic?filter=a%26b&token={here.token}", bearer=False)
    assert (answer.status, answer.fields["location"]) == (303, "/traffic?filter=a%26b")
    cookie = answer.fields["set-cookie"]
    assert cookie.startswith(f"sockwright-{here.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert here.token not in cookie
    page = here.ask("GET", "/", fields={"Cookie": cookie.partition(";")[0], "Accept": "text/html"}, bearer=False)
    assert page.status == 200
    assert here.token.encode() not in page.content


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/%2F%2Fevil.example", "/%5Cevil.example"])
def test_the_way_on_never_leads_to_another_site(here: Standing, path: str) -> None:
    head, rest = _raw(here, f"GET {path}?token={here.token} HTTP/1.1\r\nHost: localhost:{here.port}\r\n\r\n")
    if " 303 " in head:
        location = re.search(r"location: (\S+)", rest, re.IGNORECASE)
        assert location is not None
        assert re.match(r"/[^/\\]|/\Z", location[1]), location[1]
    else:
        assert " 40" in head


def test_without_the_token_there_is_only_a_page_that_says_where_it_is(here: Standing) -> None:
    answer = here.ask("GET", "/", fields={"Accept": "text/html"}, bearer=False)
    assert answer.status == 401
    assert answer.fields["content-type"].startswith("text/html")
    assert here.token.encode() not in answer.content
    for path in ("/api/state", "/api/events", "/api/events/stream", "/mailbox/1/html", "/api/openapi.json", "/nothing"):
        answer = here.ask("GET", path, bearer=False)
        assert answer.status == 401, path
        assert here.ask("GET", f"{path}?token=wrong", bearer=False).status in (401, 429)


def test_wrong_tokens_are_counted_over_pages_api_and_stream_alike(here: Standing) -> None:
    codes = []
    for number in range(12):
        path = ("/?token=a", "/api/state?token=a", "/api/events/stream?token=a")[number % 3]
        codes.append(here.ask("GET", path, bearer=False).status)
    assert codes == [401] * 10 + [429] * 2
    locked = here.ask("GET", "/api/events/stream", fields={"Authorization": f"Bearer {here.token}"})
    assert locked.status == 429
    assert 0 < int(locked.fields["retry-after"]) <= 61


def test_a_rebound_name_gets_403_everywhere(here: Standing) -> None:
    for path in ("/", "/api/state", "/api/events/stream", "/static/x.css", f"/?token={here.token}"):
        head, rest = _raw(
            here,
            f"GET {path} HTTP/1.1\r\nHost: evil.example:{here.port}\r\nAuthorization: Bearer {here.token}\r\n\r\n",
        )
        assert " 403 " in head, path
        assert "et-Cookie" not in rest
        assert here.token not in rest


def test_the_same_console_is_known_by_all_names_of_the_loopback(here: Standing) -> None:
    for name in ("localhost", "127.0.0.1", "[::1]"):
        fields = {"Host": f"{name}:{here.port}", "Authorization": f"Bearer {here.token}"}
        assert here.ask("GET", "/api/state", fields=fields).status == 200
    connection = http.client.HTTPConnection("::1", here.port, timeout=WAIT)
    connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {here.token}"})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_write_from_a_foreign_page_is_403_and_does_nothing(here: Standing) -> None:
    here.bench.serve("tcp://:0", "echo")
    cookie = _entered(here)
    body = {"name": "echo", "faults": ["cut=1"]}

    def write(**fields: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        return here.ask("POST", "/api/faults", body, {"Cookie": cookie, **given}, bearer=False)

    assert write().status == 403, "no Origin"
    assert write(Origin="http://evil.example").status == 403
    assert write(Origin="null").status == 403
    assert write(Origin=f"http://127.0.0.1:{here.port}", Sec_Fetch_Site="cross-site").status == 403
    assert here.get("/api/faults")["places"][0]["faults"] == []
    assert write(Origin=f"http://127.0.0.1:{here.port}").status == 200
    assert here.get("/api/faults")["places"][0]["faults"] != []


def test_another_sites_picture_frame_and_script_get_nothing(here: Standing) -> None:
    cookie = _entered(here)
    for destination in ("image", "script", "iframe", "empty"):
        fields = {"Cookie": cookie, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": destination}
        for path in ("/", "/api/state", "/api/events/stream", "/static/x.css"):
            assert here.ask("GET", path, fields=fields, bearer=False).status == 403, (destination, path)


def test_every_answer_forbids_what_could_be_made_of_it(here: Standing) -> None:
    paths = [
        "/",
        "/traffic",
        "/api/state",
        "/api/nothing",
        "/nothing",
        "/static/nothing",
        "/api/connections?filter=%22",
    ]
    answers = [here.ask("GET", path) for path in paths]
    answers.append(here.ask("GET", "/", bearer=False))
    answers.append(here.ask("PUT", "/", b""))
    for path, answer in zip([*paths, "401", "405"], answers, strict=True):
        policy = answer.fields["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "script-src 'self'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert answer.fields["x-content-type-options"] == "nosniff", path
        assert answer.fields["referrer-policy"] == "no-referrer", path
        assert answer.fields["cross-origin-opener-policy"] == "same-origin", path
        assert answer.fields["x-frame-options"] == "DENY", path
        assert "access-control-allow-origin" not in answer.fields, path
        assert "CherryPy" not in str(answer.fields), path
        assert b"Traceback" not in answer.content, path


def test_a_mistake_in_the_console_is_told_to_its_user_not_to_its_visitor(here: Standing) -> None:
    def broken() -> None:
        raise RuntimeError("a secret <script>")

    here.ask("GET", "/")
    here.console._made_desk().state = broken  # type: ignore[assignment, method-assign]
    answer = here.ask("GET", "/api/state")
    assert answer.status == 500
    assert b"secret" not in answer.content
    assert "a secret" in here.troubles.pop()


def test_hostile_paths_and_queries_break_nothing(here: Standing) -> None:
    for target in (
        "/" + "a/" * 500,
        "/..%2f..%2fetc/passwd",
        "/static/../desk.py",
        "/static/%2e%2e/desk.py",
        "/static//etc/passwd",
        "/static/..\\desk.py",
        "/%ff%fe",
        "/traffic/%00",
        "/codebooks/%F0%9F%98%80",
        "/api/connections/1%2F2",
        "/?" + "a=1&" * 500,
        "/?a[]=1&a=2&self=3&rest=4&query=5",
        "/__init__",
        "/_pages",
        "/error_page",
        "/api/__class__",
        "/index/x",
    ):
        head, rest = _raw(
            here,
            f"GET {target} HTTP/1.1\r\nHost: localhost:{here.port}\r\nAuthorization: Bearer {here.token}\r\n\r\n",
        )
        assert re.match(r"HTTP/1\.1 (200|303|400|401|404|414|431) ", head), (target, head)
        assert "Traceback" not in rest
        assert "root:" not in rest


def test_the_journal_and_the_log_never_hold_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    from sockwright.journal.journal import Journal

    with standing(journal=Journal(tmp_path / "journal.db")) as here:
        here.say(here.bench.serve("tcp://:0", "echo"), b"seen")
        cookie = _entered(here)
        here.ask("GET", "/", fields={"Cookie": cookie}, bearer=False)
        here.get("/api/connections")
        token, session = here.token.encode(), cookie.partition("=")[2].encode()
    seen = False
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            seen = seen or b"seen" in content
            assert token not in content, path
            assert session not in content, path
    assert seen


@pytest.mark.skipif(os.name == "nt", reason="files have other rights there")
def test_the_key_of_sessions_is_its_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    key = signing_key()
    assert signing_key() == key
    (path,) = tmp_path.rglob("console.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"short")
    assert len(signing_key()) == 32


# -- nobody is led to a console


@pytest.fixture
def known(here: Standing, tmp_path: Path) -> Standing:
    """A console that other programs of its user know about."""
    from sockwright.journal.runs import born

    folder = tmp_path / "state" / "benches"
    folder.mkdir(parents=True)
    about = {
        "pid": os.getpid(),
        "born": born(os.getpid()),
        "command": "up",
        "socket": "",
        "port": 1,
        "token": "",
        "console": here.console.address,
    }
    (folder / f"{os.getpid()}.json").write_text(json.dumps(about))
    return here


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "127.1",
        "127.0.0.2",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        socket.gethostname(),
    ],
)
def test_no_spelling_of_its_address_leads_a_call_a_check_or_a_tap_there(known: Standing, host: str) -> None:
    endpoint = parse(f"http://{host}:{known.port}/")
    try:
        socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError:
        pytest.skip(f"this system does not take {host} for an address")
    assert consoles.leads_to_console(endpoint.host, endpoint.port)
    with pytest.raises(ServiceError) as refused:
        consoles.refuse(endpoint, "a call")
    assert refused.value.code == 403
    for path, body in (
        ("/api/call", {"url": f"http://{host}:{known.port}/"}),
        ("/api/call", {"url": f"tcp://{host}:{known.port}", "content": "GET / HTTP/1.0\r\n\r\n"}),
        ("/api/links", {"url": f"http://{host}:{known.port}/"}),
        ("/api/mails/send", {"server": f"smtp://{host}:{known.port}", "to": "a@b"}),
    ):
        assert known.ask("POST", path, body).status == 403, path


def test_other_ports_and_other_machines_are_nobodys_console(known: Standing) -> None:
    assert not consoles.leads_to_console("127.0.0.1", known.port + 1)
    assert not consoles.leads_to_console("192.0.2.1", known.port)
    assert not consoles.is_ours("no address")


def test_a_link_to_the_console_is_left_out_by_both_engines(known: Standing) -> None:
    from sockwright.links.inputs import inputs_of
    from sockwright.links.run import Options, check

    page = f'<a href="http://127.0.0.1:{known.port}/x">a</a> <a href="http://localhost:{known.port}/">b</a>'
    found: list[tuple[str, str]] = []

    class Collected:
        def link(self, _page: str, link: object, verdict: object) -> None:
            found.append((verdict.kind, verdict.reason))  # type: ignore[attr-defined]

        def progress(self, crawler: object) -> None:
            pass

        def finish(self, summary: object) -> None:
            pass

    for engine in ("curl", "urllib"):
        options = Options(engine=engine, avoid=consoles.avoided())
        check(inputs_of(["-"], page.encode), options, [Collected()])
    assert len(found) == 4
    assert {kind for kind, _ in found} == {"skipped"}
    assert all("console" in reason for _, reason in found), found

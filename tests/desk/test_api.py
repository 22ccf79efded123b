"""The API at real sockets, against a real bench."""

from __future__ import annotations

import base64
import json
import smtplib
import socket
import threading
import time
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.desk.standing import WAIT, Standing, standing, watching

from sockwright.journal.journal import Journal
from sockwright.stores import open_store


def _until(done: Any) -> Any:
    """Wait for what `done` returns; it must come."""
    deadline = time.monotonic() + WAIT
    while not (found := done()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_the_state_names_endpoints_with_commands_to_try(here: Standing) -> None:
    here.bench.serve("tcp://:0", "echo")
    here.bench.serve("xmlrpc://:0", "parity")
    state = here.get("/api/state")
    assert [one["name"] for one in state["endpoints"]] == ["echo", "parity"], "the console itself is not among them"
    echo = state["endpoints"][0]
    assert echo["try"]["nc"] == f"echo hello | nc -N 127.0.0.1 {echo['port']}"
    assert state["endpoints"][1]["try"]["nc"] is None
    assert state["sequence"] > 0


def test_a_connection_is_listed_and_told_whole(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    here.say(at, "привет\n\x00\x1b[31m".encode())
    listed = here.get("/api/connections")["connections"]
    assert [(one["said"], one["received"], one["end"]) for one in listed] == [("привет", 19, "fin")]
    told = here.get(f"/api/connections/{listed[0]['number']}")
    first = told["items"][0]
    assert (first["kind"], first["direction"], first["binary"]) == ("chunk", "received", True)
    assert "\x1b" not in first["text"]
    assert base64.b64decode(first["base64"]) == "привет\n\x00\x1b[31m".encode()
    assert [one["kind"] for one in told["items"]][-1] == "half-close"
    assert not told["cut"]


def test_more_than_a_mebibyte_of_a_connection_is_cut(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "discard")
    here.say(at, b"x" * (2 << 20))
    number = here.get("/api/connections")["connections"][0]["number"]
    told = here.get(f"/api/connections/{number}")
    assert sum(one.get("kept", 0) for one in told["items"]) <= 1 << 20


def test_an_open_connection_is_counted_so_far(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    with socket.create_connection(at, timeout=WAIT) as peer:
        peer.sendall(b"abc")
        assert peer.recv(10) == b"abc"
        one = here.get("/api/connections")["connections"][0]
        assert (one["state"], one["received"], one["sent"], one["said"]) == ("open", 3, 3, "abc")
        place = here.get("/api/state")["endpoints"][0]
        assert (place["connections"], place["total"], place["received"]) == (1, 1, 3)
    _until(lambda: here.get("/api/state")["endpoints"][0]["connections"] == 0)
    assert here.get("/api/state")["endpoints"][0]["received"] == 3, "what is over still counts"


def test_connections_come_in_pages_and_by_filter(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    for number in range(7):
        here.say(at, b"say %d" % number)
    first = here.get("/api/connections?limit=3")
    assert [one["said"] for one in first["connections"]] == ["say 6", "say 5", "say 4"]
    assert first["more"]
    second = here.get(f"/api/connections?limit=10&before={first['connections'][-1]['number']}")
    assert [one["said"] for one in second["connections"]] == ["say 3", "say 2", "say 1", "say 0"]
    assert not second["more"]
    found = here.get("/api/connections?filter=text~%22say+2%22")["connections"]
    assert [one["said"] for one in found] == ["say 2"]
    newest = first["connections"][0]["number"]
    assert here.get(f"/api/connections?after={newest}")["connections"] == []


def test_a_bad_filter_is_400_with_its_cure(here: Standing) -> None:
    answer = here.ask("GET", "/api/connections?filter=prot:tcp")
    assert answer.status == 400
    assert "Did you mean 'proto'?" in answer.json["error"]["what"]
    assert answer.json["error"]["cure"].startswith("keys:")


def test_earlier_runs_are_listed_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    path = tmp_path / "journal.db"
    with standing(journal=Journal(path)) as before:
        before.say(before.bench.serve("tcp://:0", "echo"), b"long ago")
    with standing(journal=Journal(path)) as here:
        here.say(here.bench.serve("tcp://:0", "echo"), b"just now")
        listed = here.get("/api/connections")["connections"]
        assert [one["said"] for one in listed] == ["just now", "long ago"]
        assert here.get(f"/api/connections/{listed[1]['number']}")["items"][0]["text"] == "long ago"
        assert here.ask("DELETE", "/api/connections").status == 204
        assert here.get("/api/connections")["connections"] == []


def test_forgetting_clears_what_has_ended_and_leaves_what_is_open(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    here.say(at, b"over")
    with socket.create_connection(at, timeout=WAIT) as peer:
        peer.sendall(b"open")
        assert peer.recv(10) == b"open"
        with watching(here) as viewer:
            assert here.ask("DELETE", "/api/connections").status == 204
            viewer.until("reset")
        assert [one["state"] for one in here.get("/api/connections")["connections"]] == ["open"]
    assert here.ask("DELETE", "/api/connections?filter=proto:tcp").status == 400


def test_nothing_there_is_404_and_a_wrong_method_names_the_right_ones(here: Standing) -> None:
    for path in ("/api/connections/99", "/api/connections/x", "/api/nothing", "/api/people/1", "/nothing"):
        assert here.ask("GET" if "people" not in path else "DELETE", path).status == 404, path
    answer = here.ask("PUT", "/api/connections", {})
    assert answer.status == 405
    assert answer.fields["allow"] == "DELETE, GET, HEAD"
    assert here.ask("GET", "/api/connections?nonsense=1").status == 400
    assert here.ask("GET", "/api/connections?limit=many").status == 400


def test_http_messages_are_taken_apart(here: Standing) -> None:
    at = here.bench.serve("http://:0", "hello")
    here.say(at, b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Odd: <script>\r\n\r\n")
    number = here.get("/api/connections")["connections"][0]["number"]
    told = here.get(f"/api/connections/{number}/anatomy")
    assert told["protocol"] == "http"
    assert [one["side"] for one in told["messages"]] == ["client", "server"]
    assert told["messages"][0]["lines"][0]["parts"]["request-target"] == "/a?b=c"
    assert told["messages"][1]["lines"][0]["parts"]["status code"] == "200"


def test_an_xmlrpc_call_is_taken_apart_with_its_values(here: Standing) -> None:
    import xmlrpc.client

    at = here.bench.serve("xmlrpc://:0", "parity")
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{at.port}/") as proxy:
        assert proxy.is_even(4) is True
    number = here.get("/api/connections")["connections"][0]["number"]
    messages = here.get(f"/api/connections/{number}/anatomy")["messages"]
    assert messages[0]["call"] == {"method": "is_even", "values": [4]}
    assert messages[1]["call"] == {"value": True}


def test_who_has_no_messages_has_no_anatomy(here: Standing) -> None:
    here.say(here.bench.serve("tcp://:0", "echo"), b"x")
    number = here.get("/api/connections")["connections"][0]["number"]
    assert here.ask("GET", f"/api/connections/{number}/anatomy").status == 404


# -- people


def test_people_are_listed_and_let_go(here: Standing) -> None:
    assert here.ask("GET", "/api/people").status == 404, "this bench has no people"


def test_somebody_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    with standing() as here:
        at = here.bench.serve("tcp://:0", "people")
        with socket.create_connection(at, timeout=WAIT) as peer, peer.makefile("rb") as said:
            peer.sendall('{"name": "Анна <b>", "age": 30}\n'.encode())
            assert json.loads(said.readline())["name"] == "Анна <b>"
            (one,) = here.get("/api/people")["people"]
            assert (one["name"], one["age"]) == ("Анна <b>", 30)
            assert here.ask("DELETE", f"/api/people/{one['id']}").status == 204
            assert json.loads(said.readline())["event"] == "dismissed"
            assert said.readline() == b""
        _until(lambda: here.get("/api/people")["people"] == [])
        assert here.ask("DELETE", f"/api/people/{one['id']}").status == 404


# -- codebooks


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench with codebooks in a file."""
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    store = open_store(str(tmp_path / "state.db"))
    with standing(store=store) as here:
        here.bench.serve("tcp://:0", "codebook")
        yield here
    store.close()


def test_a_book_is_made_filled_searched_and_removed(books: Standing) -> None:
    assert [one["name"] for one in books.get("/api/books")["books"]] == ["sample"]
    assert books.ask("POST", "/api/books", {"name": "школа"}).status == 201
    assert books.ask("POST", "/api/books", {"name": "школа"}).status == 409
    path = "/api/books/%D1%88%D0%BA%D0%BE%D0%BB%D0%B0"
    for word, plain in (("ъ1", "Мир"), ("б2", "труд"), ("в3", "май")):
        assert books.ask("PUT", f"{path}/words", {"word": word, "plain": plain}).status == 204
    told = books.get(path)
    assert [(one["word"], one["plain"]) for one in told["entries"]] == [("б2", "труд"), ("в3", "май"), ("ъ1", "Мир")]
    assert told["size"] == 3
    assert [one["word"] for one in books.get(f"{path}?search=%D0%BC")["entries"]] == ["в3", "ъ1"], "in any case"
    page = books.get(f"{path}?limit=2")
    assert page["more"]
    assert [one["word"] for one in books.get(f"{path}?after=%D0%B23")["entries"]] == ["ъ1"]
    assert books.ask("DELETE", f"{path}/words?word=%D0%B12").status == 204
    assert books.ask("DELETE", f"{path}/words?word=%D0%B12").status == 404
    assert books.ask("PUT", f"{path}/words", {"word": "", "plain": "x"}).status == 422
    assert books.ask("DELETE", path).status == 204
    assert books.ask("GET", path).status == 404


def test_words_are_deciphered_and_enciphered(books: Standing) -> None:
    told = books.ask("POST", "/api/decode", {"words": ["khoor", "Zruog", "nonsense"]}).json["words"]
    assert told == ["hello", "World", None]
    assert books.ask("POST", "/api/encode", {"words": ["hello"]}).json["words"] == ["khoor"]
    assert books.ask("POST", "/api/decode", {"words": "khoor"}).status == 400
    assert books.ask("POST", "/api/decode", {"words": ["x"], "book": "none"}).status == 404


def test_a_book_is_imported_whole_or_not_at_all_and_exported(books: Standing) -> None:
    made = books.ask("POST", "/api/books/new/import", "word,plain\nab,ба\ncd,дц\n".encode())
    assert (made.status, made.json) == (200, {"words": 2, "size": 2})
    wrong = books.ask("POST", "/api/books/new/import?as=csv", b"ef,x\nbroken\n")
    assert wrong.status == 422
    assert "line 2" in wrong.json["error"]["what"]
    conflict = books.ask("POST", "/api/books/new/import", b"ab,other\n")
    assert conflict.status == 409
    assert "line 1" in conflict.json["error"]["what"]
    assert books.ask("POST", "/api/books/new/import?how=overwrite", b"ab,other\n").json == {"words": 1, "size": 2}
    saved = books.ask("GET", "/api/books/new/export?as=json")
    assert json.loads(saved.content) == {"ab": "other", "cd": "дц"}
    assert saved.fields["content-disposition"].startswith('attachment; filename="new.json"')
    big = b"".join(b"w%d,p%d\n" % (number, number) for number in range(60_000))
    assert len(big) > 256 * 1024, "more than other requests may hold"
    assert books.ask("POST", "/api/books/big/import", big).json["words"] == 60_000


# -- mails


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench with a mail sink; `at` is its port."""
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    with standing() as here:
        here.at = here.bench.serve("smtp://:0", "mailsink")  # type: ignore[attr-defined]
        yield here


def _sent(here: Any, subject: str = "Hi", **parts: Any) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "bob@example.org", "ann@example.org"
    message.set_content(parts.get("text", "code 123456\n"))
    if "html" in parts:
        message.add_alternative(parts["html"], subtype="html")
    for name, content in parts.get("files", {}).items():
        message.add_attachment(content, maintype="text", subtype="html", filename=name)
    with smtplib.SMTP("127.0.0.1", here.at.port, timeout=WAIT) as peer:
        peer.send_message(message)


def test_mails_are_listed_searched_and_told(mail: Any) -> None:
    _sent(mail, "Первое", html="<b onclick=alert(1)>x</b>", files={"a\u202e.html": b"<script>1</script>"})
    _sent(mail, "second <script>")
    listed = mail.get("/api/mails")
    assert [one["subject"] for one in listed["mails"]] == ["second <script>", "Первое"]
    assert (listed["count"], listed["more"]) == (2, False)
    assert [one["subject"] for one in mail.get("/api/mails?search=%D0%9F%D0%95%D0%A0%D0%92")["mails"]] == ["Первое"]
    number = listed["mails"][1]["number"]
    assert [one["number"] for one in mail.get(f"/api/mails?before={number + 1}")["mails"]] == [number]
    told = mail.get(f"/api/mails/{number}")
    assert told["html"] is True
    assert told["codes"] == ["123456"]
    assert told["attachments"][0]["name"] == "a\\u202e.html", "what turns text round is shown"
    assert ["Subject", "Первое"] in told["headers"]
    assert told["connection"] == mail.get("/api/connections")["connections"][-1]["number"]


def test_a_mail_comes_as_a_download_that_nobody_runs(mail: Any) -> None:
    hostile = (
        b"Subject: Hi\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<script>1</script>\r\n--b\r\nContent-Type: text/html\r\n"
        b"Content-Disposition: attachment; filename*=utf-8''x%22%0D%0ASet-Cookie%3A%20a%3Db.html\r\n\r\n"
        b"<script>1</script>\r\n--b--\r\n"
    )
    with smtplib.SMTP("127.0.0.1", mail.at.port, timeout=WAIT) as peer:
        peer.sendmail("bob@example.org", ["ann@example.org"], hostile)
    source = mail.ask("GET", "/api/mails/1/source")
    assert b"Subject: Hi" in source.content
    attached = mail.ask("GET", "/api/mails/1/attachments/0")
    assert attached.content == b"<script>1</script>"
    for answer in (source, attached):
        assert answer.fields["content-disposition"].startswith("attachment;")
        assert answer.fields["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.fields["content-security-policy"]
    assert "set-cookie" not in attached.fields
    page = mail.ask("GET", "/mailbox/1/html")
    assert page.content.strip() == b"<script>1</script>"
    assert page.fields["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "'self'" in page.fields["content-security-policy"].partition("frame-ancestors")[2]
    assert mail.ask("GET", "/api/mails/1/attachments/1").status == 404


def test_mails_are_removed(mail: Any) -> None:
    for subject in ("a", "b", "c"):
        _sent(mail, subject)
    assert mail.ask("DELETE", "/api/mails/2").status == 204
    assert mail.ask("GET", "/api/mails/2").status == 404
    assert [one["subject"] for one in mail.get("/api/mails")["mails"]] == ["c", "a"]
    assert mail.ask("DELETE", "/api/mails?subject=c").status == 204
    assert [one["subject"] for one in mail.get("/api/mails")["mails"]] == ["a"]
    assert mail.ask("DELETE", "/api/mails").status == 204
    assert mail.get("/api/mails")["count"] == 0


def test_refused_mails_are_told_from_the_journal_with_the_reply(mail: Any) -> None:
    _sent(mail, "this one is taken")
    assert mail.ask("POST", "/api/faults", {"name": "mailsink", "faults": ["reject=rcpt:550"]}).status == 200
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        _sent(mail, "this one is not")
    (refused,) = _until(lambda: mail.get("/api/mails/refused")["refused"])
    assert refused["reply"].startswith("550")
    assert "bob@example.org" in refused["sender"]
    lines = mail.get(f"/api/connections/{refused['number']}/anatomy")["messages"]
    assert [line["verb"] for line in lines if line["verb"]][:3] == ["EHLO", "MAIL", "RCPT"]


def test_a_mail_is_sent_and_its_dialogue_told(mail: Any) -> None:
    server = f"smtp://127.0.0.1:{mail.at.port}"
    letter = {"server": server, "to": ["анна@example.org", "b@example.org"], "subject": "Привет", "text": "тело"}
    letter["starttls"] = "no"  # the certificate is kept in a home that other tests had
    told = mail.ask("POST", "/api/mails/send", letter).json
    assert told.get("ok"), told
    assert any(line["text"].startswith("MAIL FROM") for line in told["dialogue"])
    assert mail.get("/api/mails")["mails"][0]["subject"] == "Привет"
    refused = mail.ask("POST", "/api/mails/send", {**letter, "server": "smtp://127.0.0.1:1"}).json
    assert refused["ok"] is False
    assert "nobody listens" in refused["error"]["what"]
    assert mail.ask("POST", "/api/mails/send", {**letter, "to": ["no address at all"]}).status == 400


def test_a_login_is_not_in_the_dialogue(mail: Any) -> None:
    at = mail.bench.serve("smtp://ann:geheim-42@:0", "mailsink")
    letter = {
        "server": f"smtp://127.0.0.1:{at.port}",
        "to": "a@example.org",
        "user": "ann",
        "password": "geheim-42",
        "starttls": "no",
    }
    told = mail.ask("POST", "/api/mails/send", letter).json
    assert told["ok"], told
    assert "geheim" not in json.dumps(told)
    assert base64.b64encode(b"\0ann\0geheim-42").decode() not in json.dumps(told)
    number = mail.get("/api/connections")["connections"][0]["number"]
    lines = json.dumps(mail.get(f"/api/connections/{number}/anatomy"))
    assert base64.b64encode(b"\0ann\0geheim-42").decode() not in lines


# -- calls


def test_each_protocol_is_called(here: Standing) -> None:
    tcp = here.bench.serve("tcp://:0", "echo")
    udp = here.bench.serve("udp://:0", "echo")
    web = here.bench.serve("http://:0", "hello")
    rpc = here.bench.serve("xmlrpc://:0", "parity")
    told = here.ask("POST", "/api/call", {"url": f"tcp://:{tcp.port}", "content": "привет"}).json
    assert (told["ok"], told["answer"]) == (True, "привет")
    assert told["connection"] == here.get("/api/connections?filter=service:echo")["connections"][0]["number"]
    told = here.ask("POST", "/api/call", {"url": f"udp://:{udp.port}", "hex": "00 ff"}).json
    assert (told["ok"], told["base64"]) == (True, "AP8=")
    told = here.ask("POST", "/api/call", {"url": f"http://127.0.0.1:{web.port}/", "fields": [["X-A", "b"]]}).json
    assert (told["status"], told["answer"]) == (200, "Hello World!")
    assert [one["side"] for one in told["anatomy"]["messages"]] == ["client", "server"]
    assert told["connection"] is not None
    asked = {"url": f"xmlrpc://:{rpc.port}", "method": "is_even", "arguments": [4]}
    assert here.ask("POST", "/api/call", asked).json["answer"] == "true"
    fault = here.ask("POST", "/api/call", {**asked, "method": "nothing"}).json
    assert fault["ok"] is False
    assert "nothing" in fault["error"]["what"]


def test_trouble_with_who_is_called_is_part_of_the_answer(here: Standing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = here.ask("POST", "/api/call", {"url": f"tcp://:{port}", "content": "x", "wait": "200ms"}).json
        assert told["ok"] is False
        assert "nothing came" in told["error"]["what"]
    told = here.ask("POST", "/api/call", {"url": f"tcp://:{port}", "content": "x"}).json
    assert "nobody listens" in told["error"]["what"]
    for wrong in (
        {"url": "ftp://x"},
        {"url": 7},
        {"url": "tcp://:1", "hex": "zz"},
        {"url": "http://:1", "fields": "x"},
    ):
        assert here.ask("POST", "/api/call", wrong).status == 400, wrong
    assert here.ask("POST", "/api/call", {"url": "http://:1", "fields": [["A", "b\r\nc: d"]]}).status == 400


def test_what_was_said_is_composed_and_copied(here: Standing) -> None:
    tcp = here.bench.serve("tcp://:0", "echo")
    web = here.bench.serve("http://:0", "parity")
    here.say(tcp, "it's 100% $HOME `id` привет\n".encode())
    body = b'{"n": 4}'
    head = "POST /call/parity.is_even HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Odd: a'b\r\n"
    here.say(web, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    second, first = (one["number"] for one in here.get("/api/connections")["connections"])
    assert here.get(f"/api/connections/{first}/composed")["content"] == "it's 100% $HOME `id` привет\n"
    again = here.get(f"/api/connections/{second}/composed")
    assert (again["method"], again["content"]) == ("POST", '{"n": 4}')
    told = here.ask("POST", "/api/call", again).json
    assert (told["status"], told["answer"]) == (200, "true")
    assert here.ask("GET", f"/api/connections/{first}/copy?as=curl").status == 404
    assert here.ask("GET", f"/api/connections/{first}/copy?as=telnet").status == 400


# -- faults, checks


def test_faults_are_set_listed_and_healed(here: Standing) -> None:
    at = here.bench.serve("tcp://:0", "echo")
    told = here.get("/api/faults")
    assert [one["name"] for one in told["places"]] == ["echo"], "the console cannot be broken"
    assert {"latency", "reset"} <= {one["name"] for one in told["catalogue"]}
    assert "3g" in {one["name"] for one in told["profiles"]}
    with watching(here) as viewer:
        changed = here.ask("POST", "/api/faults", {"name": "echo", "faults": ["cut=2"], "direction": "down"})
        assert changed.json["changes"][0]["faults"][0]["fault"] == "cut=2"
        kind, _ = viewer.next()
        assert kind == "faults"
    assert here.say(at, b"hello") == b"he"
    assert here.get("/api/state")["endpoints"][0]["faults"]
    wrong = here.ask("POST", "/api/faults", {"name": "echo", "faults": ["cat=2"]})
    assert wrong.status == 400
    assert "Did you mean 'cut'?" in wrong.json["error"]["what"]
    assert here.ask("POST", "/api/faults", {"name": "echo", "faults": ["cut=2"], "rate": "lots"}).status == 400
    assert here.ask("DELETE", "/api/faults?name=echo").status == 200
    assert here.say(at, b"hello") == b"hello"


class _Site(BaseHTTPRequestHandler):
    """Two links, one of them broken."""

    def do_GET(self) -> None:
        pages = {"/": b'<a href="/good">x</a><a href="/broken?&lt;script&gt;">y</a>', "/good": b"fine"}
        content = pages.get(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        pass


def test_links_are_checked_with_progress(here: Standing) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        with watching(here) as viewer:
            begun = here.ask("POST", "/api/links", {"url": f"http://127.0.0.1:{site.server_port}/"})
            assert begun.status == 201
            id = begun.json["run"]["id"]
            viewer.until("links", id=id, state="done")
        run = here.get(f"/api/links/{id}")["run"]
        assert (run["state"], run["checked"], run["broken_count"]) == ("done", 2, 1)
        assert run["broken"][0]["links"][0]["status"] == 404
        assert [one["id"] for one in here.get("/api/links")["runs"]] == [id]
        assert here.ask("DELETE", f"/api/links/{id}").status == 204
        assert here.ask("GET", f"/api/links/{id}").status == 404
        site.shutdown()
    assert here.ask("POST", "/api/links", {"url": "file:///etc/passwd"}).status == 400
    assert here.ask("POST", "/api/links", {}).status == 400


# -- what all have in common


def test_the_description_is_valid_and_names_all_there_is(here: Standing) -> None:
    told = here.get("/api/openapi.json")
    validate(told)
    assert "/api/events/stream" in told["paths"]
    known = set(told["components"]["schemas"])
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            text = json.dumps(operation)
            named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
            assert named <= known, (method, path)


def test_what_is_answered_is_what_the_description_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    with standing() as here:
        at = here.bench.serve("tcp://:0", "echo")
        for scheme, name in (("tcp", "people"), ("tcp", "codebook"), ("smtp", "mailsink"), ("http", "hello")):
            here.bench.serve(f"{scheme}://:0", name)
        here.at = next(one.endpoint for one in here.bench.workbench.listening if one.name == "mailsink")  # type: ignore[attr-defined]
        here.say(at, b"hello")
        _sent(here, html="<b>x</b>", files={"a.html": b"x"})
        number = here.get("/api/connections")["connections"][-1]["number"]
        told = here.get("/api/openapi.json")
        paths = {
            "state": "state",
            "events": "events?after=0",
            "connections": "connections",
            "connections/{number}": f"connections/{number}",
            "connections/{number}/anatomy": f"connections/{number + 1}/anatomy",
            "connections/{number}/composed": f"connections/{number}/composed",
            "connections/{number}/copy": f"connections/{number}/copy",
            "people": "people",
            "books": "books",
            "books/{name}": "books/sample",
            "mails": "mails",
            "mails/refused": "mails/refused",
            "mails/{number}": "mails/1",
            "mails/{number}/html": "mails/1/html",
            "links": "links",
            "faults": "faults",
        }
        for path, asked in paths.items():
            schema = told["paths"][f"/api/{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            whole = {**schema, "components": told["components"]}
            Draft202012Validator(whole).validate(here.get(f"/api/{asked}"))
        gets = {path for path, methods in told["paths"].items() if "get" in methods}
        files = {"/api/books/{name}/export", "/api/mails/{number}/source", "/api/mails/{number}/attachments/{index}"}
        others = {"/api/events/stream", "/api/openapi.json", "/api/links/{id}"}
        assert gets == {f"/api/{path}" for path in paths} | files | others, "each is looked at, or known not to be"


def test_a_write_that_is_no_json_or_too_much_is_refused(here: Standing) -> None:
    plain = here.ask("POST", "/api/call", b"{}", {"Content-Type": "text/plain"})
    assert plain.status == 415
    assert here.ask("POST", "/api/call", b"{", {"Content-Type": "application/json"}).status == 400
    assert here.ask("POST", "/api/call", b"[]", {"Content-Type": "application/json"}).status == 400
    assert here.ask("POST", "/api/call", b"[" * 100_000, {"Content-Type": "application/json"}).status == 400
    too_much = here.ask("POST", "/api/call", b"x" * (257 * 1024), {"Content-Type": "application/json"})
    assert too_much.status == 413


def test_the_consoles_own_requests_are_not_in_the_journal(here: Standing) -> None:
    here.get("/api/state")
    assert here.ask("GET", "/?token=nonsense", bearer=False).status == 401
    with watching(here):
        assert here.get("/api/connections")["connections"] == []
    here.bench.journal.flush()
    assert here.bench.journal.records() == []

"""`call` as a person runs it: a process, its words, its exit codes. Its peers are strangers, and our own `serve`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.client.test_exchanges import udp_server
from tests.client.test_http import Stranger, saying
from tests.peers import blackhole, closed_port, echo, hang_up, local_ca, server, under_tls, until
from tests.programs import environment, run, running
from tests.terminal import at_terminal


def words(result: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    return result.returncode, result.stdout


# -- tcp


def test_text_goes_out_as_a_line_and_the_answer_comes_back(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "--quiet") as bench:
        port = bench.port("echo")
        assert words(run(tmp_path, "call", f"tcp://:{port}", "привет,", "мир")) == (0, "привет, мир\n")
        assert words(run(tmp_path, "call", f"tcp://:{port}", stdin="из трубы")) == (0, "из трубы")
        assert words(run(tmp_path, "call", f"tcp://:{port}", "-", stdin="dash")) == (0, "dash")
        assert words(run(tmp_path, "call", f"tcp://:{port}")) == (0, "")
        assert words(run(tmp_path, "call", f"tcp://:{port}", "--hex", "00 ff:10")) == (0, "00ff10\n")
        assert words(run(tmp_path, "call", f"tcp://:{port}?frame=len4", "a", "--repeat", "3")) == (0, "a\na\na\n")
        assert words(run(tmp_path, "call", f"tcp://:{port}", "--frame", "line", stdin="a\nb")) == (0, "a\nb\n")


def test_bytes_pass_through_a_pipe_unchanged(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8192  # 2 MiB
    with server(echo) as port:
        done = subprocess.run(
            [sys.executable, "-m", "sockwright", "call", f"tcp://:{port}"],
            input=data, capture_output=True, env=environment(tmp_path), timeout=30, check=True,
        )  # fmt: skip
    assert done.stdout == data


def test_verbose_shows_each_read_with_its_time(tmp_path: Path) -> None:
    with server(echo) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "abcd", "--split", "2", "--gap", "60ms", "-v")
    lines = result.stderr.splitlines()
    sent = [line.split() for line in lines if line.startswith(">")]
    assert [line[-1] for line in sent] == ["ab", "cd", "\\n"]
    assert float(sent[1][1]) - float(sent[0][1]) >= 55
    assert lines[0].startswith("* connected to 127.0.0.1:")
    assert "received 5 B in 3 chunks" in lines[-1]


def test_json_tells_the_whole_story(tmp_path: Path) -> None:
    with server(echo) as port:
        about = json.loads(run(tmp_path, "call", f"tcp://:{port}", "да", "--json").stdout)
    assert (about["text"], about["ended"], about["exit"], about["received"]) == ("да\n", "fin", 0, 5)
    assert [chunk["direction"] for chunk in about["chunks"]] == ["sent", "received"]
    with server(saying(b"\xff")) as port:
        about = json.loads(run(tmp_path, "call", f"tcp://:{port}", "\r\n\r\n", "--json").stdout)
    assert about["base64"] == "/w=="
    failed = run(tmp_path, "call", f"tcp://:{closed_port()}", "x", "--json")
    assert (json.loads(failed.stdout)["exit"], failed.returncode) == (3, 3)


def test_expect_decides_the_exit_code_and_shows_what_came(tmp_path: Path) -> None:
    with server(echo) as port:
        assert run(tmp_path, "call", f"tcp://:{port}", "hello", "--expect", "ell").returncode == 0
    with server(echo) as port:
        assert run(tmp_path, "call", f"tcp://:{port}", "hello", "--expect", "re:^h.*o$").returncode == 0
    with server(echo) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "he\x1bllo", "--expect", "bye")
    assert result.returncode == 1
    assert "expected 'bye', and 'he\\x1bllo\\n' came" in result.stderr
    assert run(tmp_path, "call", "tcp://:1", "--expect", "re:(").returncode == 2


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("tcp://:{closed}", 3, "nobody listens at 127.0.0.1:{closed}"),
        ("udp://:{closed}", 3, "nobody has UDP port {closed}"),
        ("http://127.0.0.1:{closed}/", 3, "nobody listens"),
        ("xmlrpc://:{closed}", 3, "nobody listens"),
        ("tcp://no-such-host.invalid:1", 3, "'no-such-host.invalid' is not known"),
        ("tcp://:1?frame=lines", 2, "there is no framing 'lines'"),
        ("tpc://:1", 2, "Did you mean 'tcp'?"),
        ("tcp://", 2, "names no port"),
        ("smtp://:25", 2, "says nothing about a mail"),
    ],
)
def test_what_goes_wrong_is_told_apart(tmp_path: Path, url: str, code: int, said: str) -> None:
    closed = closed_port()
    result = run(tmp_path, "call", url.format(closed=closed), *(() if "http" in url else ("x",)))
    assert (result.returncode, result.stdout) == (code, "")
    assert said.format(closed=closed) in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 3


def test_every_wait_has_its_deadline(tmp_path: Path) -> None:
    over = threading.Event()
    with blackhole() as port:
        assert run(tmp_path, "call", f"tcp://:{port}", "x", "--wait", "300ms").returncode == 4
    with server(until(over)) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "x", "--wait", "300ms")
        over.set()
    assert (result.returncode, "said nothing for 300ms" in result.stderr) == (4, True)
    over.clear()

    def dribble(client: socket.socket) -> None:
        with suppress(OSError):  # until it hangs up on us
            while not over.wait(0.05):
                client.sendall(b".")

    with server(dribble) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "x", "--timeout", "500ms")
        over.set()
    assert (result.returncode, "not done after 500ms" in result.stderr) == (4, True)


def test_half_an_answer_and_a_reset_are_no_success(tmp_path: Path) -> None:
    def break_off(client: socket.socket) -> None:
        client.recv(100)
        client.sendall(b"half")
        time.sleep(0.2)  # so that it was read before the reset
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with server(break_off) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "x")
    assert words(result) == (5, "half")
    assert "reset the connection after 4 bytes" in result.stderr
    with server(hang_up) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "x", "--frame", "line")
    assert (result.returncode, "hung up after 0 of 1 answers" in result.stderr) == (5, True)


def test_a_peer_that_speaks_something_else_is_named(tmp_path: Path) -> None:
    ca = local_ca(tmp_path)
    with server(saying(b"\x15\x03\x01\x00\x02\x02\x46")) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "a\r\n\r\n")
    assert (result.returncode, result.stdout) == (5, "")
    assert "looks like TLS" in result.stderr
    assert f"tcp+tls://127.0.0.1:{port}" in result.stderr
    with server(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        result = run(tmp_path, "call", f"tcp://:{port}", "a\r\n\r\n")
    assert (result.returncode, "looks like HTTP" in result.stderr) == (0, True)
    with server(echo) as port:
        result = run(tmp_path, "call", f"tcp+tls://:{port}", "x")
    assert (result.returncode, "does not speak TLS" in result.stderr) == (5, True)
    with server(under_tls(ca, hang_up, "elsewhere.test")) as port:
        result = run(tmp_path, "call", f"tcp+tls://:{port}", "x")
    assert (result.returncode, "is not trusted" in result.stderr, "--insecure" in result.stderr) == (3, True, True)


def test_plain_http_to_a_tls_port_is_told(tmp_path: Path) -> None:
    with server(saying(b"\x15\x03\x01\x00\x02\x02\x46")) as port:
        result = run(tmp_path, "call", f"http://127.0.0.1:{port}/")
        assert (result.returncode, "looks like TLS" in result.stderr) == (5, True), result.stderr
        assert f"https://127.0.0.1:{port}" in result.stderr
    with running(tmp_path, "serve", "https://:0", "--do", "hello", "--quiet") as bench:
        port = bench.port("hello", "https")
        result = run(tmp_path, "call", f"http://127.0.0.1:{port}/", "--fail")
        assert (result.returncode, "write https://" in result.stdout) == (1, True), result.stderr
        result = run(tmp_path, "call", f"tcp://127.0.0.1:{port}", "more than a header of TLS")
        assert (result.returncode, "looks like TLS" in result.stderr) == (5, True), result.stderr
        assert words(run(tmp_path, "call", f"https://127.0.0.1:{port}/")) == (0, "Hello World!")
    with server(hang_up) as port:
        result = run(tmp_path, "call", f"http://127.0.0.1:{port}/")
        assert (result.returncode, "TLS" in result.stderr) == (5, False)


def test_our_own_tls_is_trusted_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp+tls://:0", "--do", "echo", "--quiet") as bench:
        port = bench.port("echo")
        assert words(run(tmp_path, "call", f"tcp+tls://:{port}", "hello")) == (0, "hello\n")
        assert words(run(tmp_path, "call", f"tcp+tls://:{port}", "hello", "--frame", "line")) == (0, "hello\n")


def test_unknown_options_and_misplaced_ones_are_refused(tmp_path: Path) -> None:
    for given, said in (
        (["tcp://:1", "--hxe"], "--hex"),
        (["tcp://:1", "-z"], "-z"),
        (["http://:1", "--hex"], "--hex is for tcp and udp"),
        (["tcp://:1", "--fail"], "--fail is for http"),
        (["GET", "tcp://:1"], "GET is a method of http"),
        (["tcp://:1", "--hex", "xyz"], "hexadecimal"),
        (["tcp://:1", "x", "-i"], "DATA has no place"),
        (["tcp://:1", "--wait", "soon"], "200ms"),
        (["tcp://:1", "x" * 70_000, "--frame", "len2"], "at most 65535"),
        ([], "URL"),
    ):
        result = run(tmp_path, "call", *given)
        assert (result.returncode, said in result.stderr) == (2, True), (given, result.stderr)


def test_a_pipe_in_which_nothing_comes_does_not_hang_us(tmp_path: Path) -> None:
    with server(echo) as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "sockwright", "call", f"tcp://:{port}", "--wait", "300ms"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path), text=True,
        )  # fmt: skip
        assert process.wait(20) == 4
        out, err = process.communicate()
    assert (out, "nothing came from standard input" in err) == ("", True)


def test_a_reader_that_has_seen_enough_ends_us_quietly(tmp_path: Path) -> None:
    def flood(client: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client.sendall(b"x" * 65536)

    with server(flood) as port:
        script = f"{sys.executable} -m sockwright call tcp://:{port} x | head -c 10"
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, env=environment(tmp_path), timeout=30, check=True
        )
    assert (done.stdout, done.stderr) == (b"x" * 10, b"")


# -- on a terminal


def test_nothing_from_the_wire_controls_the_terminal(tmp_path: Path) -> None:
    hostile = b"\x1b]0;owned\x07\x1b[2J\xff\xe2\x80\xaetxt\r\n"
    with server(saying(hostile)) as port, at_terminal(tmp_path, "call", f"tcp://:{port}", "\r\n\r\n") as terminal:
        assert terminal.end() == 0
    assert b"\x1b" not in terminal.shown
    assert b"\x07" not in terminal.shown
    assert b"\\x1b]0;owned\\x07\\x1b[2J\\xff\\u202etxt" in terminal.shown
    with (
        server(saying(b"HTTP/1.1 200 \x1b[2J\r\nX: y\x9b\r\nContent-Length: 5\r\n\r\n\x1b[2Jx")) as port,
        at_terminal(tmp_path, "call", f":{port}/", NO_COLOR="1") as terminal,
    ):
        assert terminal.end() in (0, 5)
    assert b"\x1b" not in terminal.shown


def test_lines_typed_go_out_and_answers_come_in_until_ctrl_d(tmp_path: Path) -> None:
    with server(echo) as port, at_terminal(tmp_path, "call", f"tcp://:{port}", "-i", "--wait", "300ms") as terminal:
        terminal.type("первая\n")
        terminal.until("первая\r\nпервая\r\n")  # the terminal's own echo, and the peer's
        time.sleep(0.5)  # longer than --wait: a person may think
        terminal.type("вторая\n")
        terminal.until("вторая\r\nвторая\r\n")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_ctrl_c_ends_it_with_130(tmp_path: Path) -> None:
    with server(echo) as port, at_terminal(tmp_path, "call", f"tcp://:{port}", "-i") as terminal:
        terminal.type("x\n")
        terminal.until("x\r\nx\r\n")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert b"Traceback" not in terminal.shown


# -- udp


def test_a_datagram_and_its_answer(tmp_path: Path) -> None:
    with udp_server(lambda data, _: data or b"(empty)") as port:
        assert words(run(tmp_path, "call", f"udp://:{port}", "привет")) == (0, "привет\n")
        assert words(run(tmp_path, "call", f"udp://:{port}", stdin="line\n")) == (0, "line\n")
        assert words(run(tmp_path, "call", f"udp://:{port}", stdin="")) == (0, "(empty)\n")
        assert words(run(tmp_path, "call", f"udp://:{port}", "x", "--repeat", "3")) == (0, "x\nx\nx\n")
    with udp_server(lambda data, count: data if count % 2 else None) as port:
        result = run(tmp_path, "call", f"udp://:{port}", "x", "--repeat", "4", "--wait", "300ms")
    assert words(result) == (4, "x\nx\n")
    assert "2 of 4 datagrams had no answer" in result.stderr


def test_no_answer_over_udp_is_a_deadline(tmp_path: Path) -> None:
    with udp_server(lambda data, _: None) as port:
        result = run(tmp_path, "call", f"udp://:{port}", "x", "--wait", "200ms")
        assert (result.returncode, "no answer" in result.stderr) == (4, True)
        assert run(tmp_path, "call", f"udp://:{port}", "x", "--wait", "0").returncode == 0


# -- http


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    from http.server import ThreadingHTTPServer

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_words_make_the_request(tmp_path: Path, url: str) -> None:
    result = run(tmp_path, "call", f"{url}/p?a=1", "q==да нет", "X-Name:значение", "User-Agent:")
    assert result.stdout.startswith("GET /p?a=1&q=%D0%B4%D0%B0%20%D0%BD%D0%B5%D1%82\n")
    assert "X-Name: " in result.stdout
    assert "User-Agent" not in result.stdout
    result = run(tmp_path, "call", "PUT", url, "имя=Аня", "n:=4", "ok:=true", "with\\=sign=a=b")
    assert result.stdout.startswith("PUT /\n")
    assert json.loads(result.stdout.rpartition("\n\n")[2]) == {"имя": "Аня", "n": 4, "ok": True, "with=sign": "a=b"}
    assert "Content-Type: application/json" in result.stdout
    result = run(tmp_path, "call", url, "a=1 2", "b:=[1]", "--form")
    assert result.stdout.endswith("\n\na=1+2&b=%5B1%5D")


def test_content_comes_from_a_file_or_standard_input(tmp_path: Path, url: str) -> None:
    (tmp_path / "файл.bin").write_bytes(b"from a file")
    assert run(tmp_path, "call", url, "@файл.bin", cwd=tmp_path).stdout.endswith("\n\nfrom a file")
    piped = run(tmp_path, "call", url, stdin='{"a": 1}').stdout
    assert piped.startswith("POST /")
    assert piped.endswith('\n\n{"a": 1}')
    assert "Content-Type: application/json" in piped
    assert run(tmp_path, "call", "GET", url, stdin="ignored").stdout.endswith("\n\n")
    assert run(tmp_path, "call", "GET", url, "-", stdin="asked for").stdout.endswith("\n\nasked for")


def test_bad_words_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    for given, said in (
        ("plain", "none of Field:value"),
        ("n:=x", "is not JSON"),
        ("@missing", "cannot read missing"),
        ("f@file", "parts of a form"),
        ("X Y:z", "field name"),
    ):
        result = run(tmp_path, "call", ":1/", given, cwd=tmp_path)
        assert (result.returncode, said in result.stderr) == (2, True), (given, result.stderr)


def test_content_goes_to_stdout_and_the_rest_only_where_asked(tmp_path: Path, url: str) -> None:
    assert run(tmp_path, "call", f"{url}/missing").returncode == 0
    result = run(tmp_path, "call", f"{url}/missing", "--fail")
    assert (result.returncode, "answered 404 Not Found" in result.stderr) == (1, True)
    result = run(tmp_path, "call", f"{url}/chunked", "-v")
    assert result.stdout.startswith("GET /chunked HTTP/1.1\r\nHost: ")
    assert "HTTP/1.1 200 OK" in result.stdout
    assert "Transfer-Encoding: chunked" in result.stdout
    assert "GET /chunked\n" in result.stdout
    about = json.loads(run(tmp_path, "call", f"{url}/to/x", "--follow", "--json").stdout)
    assert (about["status"], about["redirects"][0]["status"], about["url"]) == (200, 302, f"http://{url}/x")
    assert about["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert about["timings"]["total"] >= about["timings"]["connect"] > 0
    assert run(tmp_path, "call", f"{url}/x", "--expect", "re:^GET /x").returncode == 0
    assert run(tmp_path, "call", f"{url}/x", "--expect", "nothing").returncode == 1


def test_a_response_cut_off_is_no_success(tmp_path: Path) -> None:
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")) as port:
        assert words(run(tmp_path, "call", f":{port}")) == (5, "abc")
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")) as port:
        assert run(tmp_path, "call", f":{port}", "--json").returncode == 5


def test_on_a_terminal_the_head_is_shown_and_binary_content_is_not(tmp_path: Path) -> None:
    said = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
    with server(saying(said)) as port, at_terminal(tmp_path, "call", f":{port}") as terminal:
        assert terminal.end() == 0
    assert b"HTTP/1.1 200 OK" in terminal.shown
    assert b'{\r\n  "a": 1\r\n}' in terminal.shown
    said = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x89P\x00\xff"
    with server(saying(said)) as port, at_terminal(tmp_path, "call", f":{port}") as terminal:
        assert terminal.end() == 0
    assert b"(4 bytes, not text" in terminal.shown


# -- xmlrpc


def test_values_are_typed_by_their_looks(tmp_path: Path, rpc: str) -> None:
    assert words(run(tmp_path, "call", rpc, "is_even", "4")) == (0, "true\n")
    assert words(run(tmp_path, "call", rpc, "is_even", "-3")) == (0, "false\n")
    assert words(run(tmp_path, "call", rpc, "same", "слово")) == (0, "слово\n")
    assert words(run(tmp_path, "call", rpc, "same", "4", "--string")) == (0, "4\n")
    assert words(run(tmp_path, "call", rpc, "same", '{"a": [1.5, null, "x"]}')) == (0, '{"a": [1.5, null, "x"]}\n')
    assert json.loads(run(tmp_path, "call", rpc, "same", "NaN", "--json").stdout)["value"] == "NaN"
    assert run(tmp_path, "call", rpc, "is_even", "4", "--expect", "false").returncode == 1
    assert run(tmp_path, "call", rpc, "same", str(1 << 70)).returncode == 2
    assert run(tmp_path, "call", rpc).returncode == 2


def test_a_fault_exits_1_with_its_code_and_words(tmp_path: Path, rpc: str) -> None:
    result = run(tmp_path, "call", rpc, "no_such")
    assert result.returncode == 1
    assert "fault 1: " in result.stderr
    assert "no_such" in result.stderr
    assert json.loads(run(tmp_path, "call", rpc, "no_such", "--json").stdout)["fault"]["code"] == 1


def test_list_names_the_methods(tmp_path: Path, rpc: str) -> None:
    lines = run(tmp_path, "call", rpc, "--list").stdout.splitlines()
    assert "is_even(...)  Tell whether n is even." in lines
    assert any(line.startswith("system.listMethods") for line in lines)


@pytest.fixture(scope="module")
def rpc() -> Iterator[str]:
    from typing import Any, cast
    from xmlrpc.server import SimpleXMLRPCServer

    from tests.client.test_xmlrpc import Handler, is_even

    with SimpleXMLRPCServer(("127.0.0.1", 0), Handler, allow_none=True) as stranger:
        stranger.register_function(cast(Any, is_even), "is_even")
        stranger.register_function(lambda value: value, "same")
        stranger.register_introspection_functions()
        thread = threading.Thread(target=stranger.serve_forever, args=(0.01,))
        thread.start()
        yield f"xmlrpc://127.0.0.1:{stranger.server_address[1]}"
        stranger.shutdown()
        thread.join()

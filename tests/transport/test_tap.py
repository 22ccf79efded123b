"""The relay: what goes in on one side comes out on the other, as it was."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.benches import trusting
from tests.peers import closed_port
from tests.sockets import WAIT, dial, ended, read_all, read_exactly, records, reset, until

from sockwright.endpoint import Peer, parse
from sockwright.journal.records import ENDED, NOTE, RECEIVED, SENT
from sockwright.transport import tap as tap_module
from sockwright.workbench import BenchThread, Posting

Talk = Callable[[socket.socket], None]


@contextmanager
def target(talk: Talk) -> Iterator[int]:
    """A server that talks to every client in a thread of its own; yields its port."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=serve, args=(client,), daemon=True)
                threads.append(thread)
                thread.start()

        def serve(client: socket.socket) -> None:
            client.settimeout(WAIT)
            with client:
                talk(client)

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(WAIT)
        for thread in threads:
            thread.join(WAIT)


def tap(bench: BenchThread, port: int, listen: str = "tcp://:0", scheme: str = "tcp") -> Peer:
    posting = Posting(parse(listen), (), target=parse(f"{scheme}://127.0.0.1:{port}"))
    return bench.listen(posting).server.addresses[0]


def fill(sock: socket.socket) -> None:
    """Send until nobody takes any more."""
    with contextlib.suppress(TimeoutError):
        while True:
            sock.send(bytes(65536))


def test_a_banner_comes_first(bench: BenchThread) -> None:
    def greet(client: socket.socket) -> None:
        client.sendall("220 привет\r\n".encode())
        client.recv(100)

    with target(greet) as port, dial(tap(bench, port)) as sock:
        assert read_exactly(sock, len("220 привет\r\n".encode())) == "220 привет\r\n".encode()


def test_a_reply_a_second_after_the_clients_fin_arrives(bench: BenchThread) -> None:
    def late(client: socket.socket) -> None:
        said = read_all(client)
        time.sleep(1.0)
        client.sendall(said[::-1])

    with target(late) as port, dial(tap(bench, port)) as sock:
        sock.sendall(b"abc")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"cba"
    end = ended(bench.journal)
    assert (end.who, end.how, end.received, end.sent) == ("peer", "fin", 3, 3)


def test_the_target_may_half_close_and_still_listen(bench: BenchThread) -> None:
    heard: list[bytes] = []

    def first(client: socket.socket) -> None:
        client.sendall(b"all I say")
        client.shutdown(socket.SHUT_WR)
        heard.append(read_all(client))

    with target(first) as port:
        with dial(tap(bench, port)) as sock:
            assert read_all(sock) == b"all I say"
            sock.sendall(b"and yet I ")
            sock.sendall(b"speak")
        until(lambda: heard)
    assert heard == [b"and yet I speak"]
    assert (ended(bench.journal).who, ended(bench.journal).how) == ("target", "fin")


def test_a_reset_of_the_client_reaches_the_target_100_times_of_100(bench: BenchThread) -> None:
    seen: list[str] = []

    def watch(client: socket.socket) -> None:
        try:
            while client.recv(100):
                pass
            seen.append("fin")
        except ConnectionResetError:
            seen.append("rst")

    with target(watch) as port:
        place = tap(bench, port)
        for number in range(100):
            sock = dial(place)
            if number % 2:
                sock.sendall(b"half a mess")
            reset(sock)
        until(lambda: len(seen) == 100)
    assert seen == ["rst"] * 100


def test_a_reset_of_the_target_reaches_the_client_100_times_of_100(bench: BenchThread) -> None:
    def slam(client: socket.socket) -> None:
        if client.recv(100) == b"say":
            client.sendall(b"no")
            client.recv(100)
        reset(client)

    with target(slam) as port:
        place = tap(bench, port)
        for number in range(100):
            with dial(place) as sock:
                if number % 2:
                    sock.sendall(b"say")
                    assert read_exactly(sock, 2) == b"no"
                sock.sendall(b"go")
                with pytest.raises(ConnectionResetError):
                    sock.recv(100)
    ends = [record[3] for record in until(lambda: len(records(bench.journal, 5)) == 100 and records(bench.journal, 5))]
    assert {(end.who, end.how) for end in ends} == {("target", "rst")}


def test_a_reset_behind_a_half_close_is_seen_too(bench: BenchThread) -> None:
    seen: list[str] = []

    def watch(client: socket.socket) -> None:
        read_all(client)
        seen.append("fin")
        try:
            for _ in range(100):
                client.send(b"?")
                time.sleep(0.02)
        except (ConnectionResetError, BrokenPipeError):
            seen.append("rst")

    with target(watch) as port:
        sock = dial(tap(bench, port))
        sock.shutdown(socket.SHUT_WR)
        until(lambda: seen)
        reset(sock)
        until(lambda: len(seen) == 2)
    assert seen == ["fin", "rst"]


def test_a_refusal_is_handed_on(bench: BenchThread) -> None:
    place = tap(bench, closed_port())
    with pytest.raises(ConnectionResetError), dial(place) as sock:  # at the latest when it reads
        sock.recv(100)
    assert "nobody listens" in ended(bench.journal).reason


def test_pieces_stay_pieces_and_are_recorded(bench: BenchThread) -> None:
    def drip(client: socket.socket) -> None:
        client.recv(100)
        for piece in (b"a", b"bc", b"def"):
            client.sendall(piece)
            time.sleep(0.05)

    with target(drip) as port, dial(tap(bench, port)) as sock:
        sock.sendall(b"go")
        got: list[bytes] = []
        times: list[float] = []
        while piece := sock.recv(100):
            got.append(piece)
            times.append(time.monotonic())
    assert got == [b"a", b"bc", b"def"]
    assert all(0.03 < later - earlier < 0.2 for earlier, later in itertools.pairwise(times))
    assert [record[3] for record in records(bench.journal, SENT)] == [b"a", b"bc", b"def"]
    assert [record[3] for record in records(bench.journal, RECEIVED)][:1] == [b"go"]


def test_a_peer_that_does_not_read_stops_the_other_side(bench: BenchThread) -> None:
    sent = [0]
    stuck = threading.Event()

    def flood(client: socket.socket) -> None:
        client.settimeout(0.7)
        try:
            while sent[0] < 1 << 30:
                sent[0] += client.send(bytes(65536))
        except TimeoutError:
            stuck.set()

    with target(flood) as port, dial(tap(bench, port)) as sock:
        assert stuck.wait(WAIT)
        assert sent[0] < 32 << 20  # what the kernel's buffers hold, and little of ours
        got = 0
        while part := sock.recv(1 << 20):
            got += len(part)
        assert got == sent[0]


def test_a_reset_while_nothing_is_read_is_seen(bench: BenchThread) -> None:
    seen: list[str] = []
    go = threading.Event()

    def hold(client: socket.socket) -> None:
        go.wait(WAIT)  # reads nothing, so the tap stops reading from the client
        try:
            while client.recv(1 << 20):
                pass
        except ConnectionResetError:
            seen.append("rst")

    with target(hold) as port:
        sock = dial(tap(bench, port))
        sock.settimeout(0.5)
        fill(sock)
        reset(sock)
        assert (ended(bench.journal).who, ended(bench.journal).how) == ("peer", "rst")
        go.set()
    assert seen == ["rst"]


def echo_udp(sock: socket.socket) -> None:
    """Answer each datagram with its sender's port before it, until one says that it is over."""
    while True:
        data, address = sock.recvfrom(65535)
        if data == b"over":
            return
        sock.sendto(f"{address[1]}:".encode() + data, address)


def test_over_udp_each_client_has_a_session(bench: BenchThread) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(WAIT)
        echoing = threading.Thread(target=echo_udp, args=(server,))
        echoing.start()
        place = tap(bench, server.getsockname()[1], "udp://:0", "udp")
        ports = set()
        for text in (b"", "привет".encode(), b"x" * 60000):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(WAIT)
                for _ in range(2):
                    client.sendto(text, place)
                    port, _, said = client.recv(65535).partition(b":")
                    ports.add(port)
                    assert said == text
        assert len(ports) == 3
        server.sendto(b"over", server.getsockname())
        echoing.join(WAIT)


def test_a_udp_target_that_is_not_there_is_noted(bench: BenchThread) -> None:
    place = tap(bench, closed_port(), "udp://:0", "udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"anybody?", place)
        until(lambda: [one for one in records(bench.journal, NOTE) if one[3][0] == "refused"])


def before_tls(bench: BenchThread, endpoint: str, service: str, listen: str = "tcp://:0") -> Peer:
    """Serve under TLS; return where a tap before it listens."""
    port = bench.serve(endpoint, service).port
    posting = Posting(parse(listen), (), target=parse(f"tcp+tls://localhost:{port}?verify=no"))
    return bench.listen(posting).server.addresses[0]


def test_a_client_in_clear_that_has_said_all_hears_a_target_under_tls(bench: BenchThread) -> None:
    with dial(before_tls(bench, "https://:0", "hello")) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert b"Hello World!" in read_all(sock)


def test_who_says_nothing_more_under_tls_is_let_go(bench: BenchThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_module, "LAST_WORDS", 0.3)
    with dial(before_tls(bench, "tcp+tls://:0", "echo")) as sock:
        sock.sendall(b"abc")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"abc"


def test_tls_on_both_sides_keeps_every_byte_and_a_reset(bench: BenchThread) -> None:
    place = before_tls(bench, "tcp+tls://:0", "echo", "tcp+tls://:0")
    said = bytes(range(256)) * 4000
    with dial(place) as plain, trusting().wrap_socket(plain, server_hostname="localhost") as sock:
        writing = threading.Thread(target=sock.sendall, args=(said,))
        writing.start()
        assert read_exactly(sock, len(said)) == said
        writing.join(WAIT)
        reset(sock)
    ends = until(lambda: len(records(bench.journal, ENDED)) == 2 and records(bench.journal, ENDED))
    assert {record[3].how for record in ends} == {"rst"}


@pytest.mark.stranger("nc")
def test_nc_half_closes_and_hears_the_reply_a_second_later(bench: BenchThread, stranger: Callable[[str], str]) -> None:
    def late(client: socket.socket) -> None:
        said = read_all(client)
        time.sleep(1.0)
        client.sendall(said[::-1])

    with target(late) as port:
        words = [stranger("nc"), "-N", "127.0.0.1", str(tap(bench, port).port)]
        done = subprocess.run(words, input=b"abc", capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, b"cba")


@pytest.mark.stranger("nc")
def test_nc_as_the_server(bench: BenchThread, stranger: Callable[[str], str]) -> None:
    port = free_port()
    words = [stranger("nc"), "-N", "-l", "127.0.0.1", str(port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("220 готов\r\n".encode())
        server.stdin.close()  # its banner, and its FIN
        until(lambda: listens(port))
        with dial(tap(bench, port)) as sock:
            assert read_all(sock) == "220 готов\r\n".encode()
            sock.sendall(b"heard")
            sock.shutdown(socket.SHUT_WR)
            assert server.stdout.read() == b"heard"


@pytest.mark.stranger("ncat")
def test_ncat_over_udp(bench: BenchThread, stranger: Callable[[str], str]) -> None:
    echo = bench.serve("udp://:0", "echo")
    place = tap(bench, echo.port, "udp://:0", "udp")
    words = [stranger("ncat"), "-u", "127.0.0.1", str(place.port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write("кто там?\n".encode())
        client.stdin.flush()  # it ends with its input, and over UDP an answer may come later than that
        assert client.stdout.readline().startswith("кто там?".encode())
        client.terminate()


def listens(port: int) -> bool:
    """Tell whether somebody listens there, without making a connection of it: a server may take but one."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

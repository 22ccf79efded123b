"""What other programs make of our exports: tshark for pcapng, HAR's own words for HAR, JSON for the lines."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sockwright.errors import ConfigError
from sockwright.journal import export
from sockwright.journal.connections import Connection
from sockwright.journal.records import (
    ERROR,
    FIN,
    NOTE,
    OMITTED,
    OPENED,
    RECEIVED,
    RST,
    SENT,
    STOPPED,
    Ended,
    Opened,
    Record,
)
from sockwright.journal.transcript import Transcript, transcript_of

NOW = 1_795_000_000.0
FOUR = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:51044")
SIX = Opened("tcp", "echo", "tcp://[::1]:7007", "[::1]:7007", "[fe80::1%eth0]:51044")
DATAGRAMS = Opened("udp", "echo", "udp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:40000")

Said = tuple[str, bytes] | tuple[str, bytes, int]


def talk(
    said: Sequence[Said],
    opened: Opened = FOUR,
    who: str = "peer",
    how: str = FIN,
    number: int = 17,
    since: float = NOW,
    more: tuple[int, int] = (0, 0),
) -> Transcript:
    """Make a transcript: `<` the peer said, `>` we said, `|` the peer's FIN, `.` a gap."""
    records: list[Record] = [(OPENED, number, since, opened, 0)]
    totals = {"<": [0, 0], ">": [0, 0]}
    now = since
    for sign, data, *true_size in said:
        now += 0.01
        size = true_size[0] if true_size else len(data)
        if sign == "|":
            records.append((RECEIVED, number, now, b"", 0))
        elif sign == ".":
            records.append((OMITTED, 0, now, {number: 3}, 0))
        else:
            records.append((RECEIVED if sign == "<" else SENT, number, now, data, size))
            totals[sign][0] += size
            totals[sign][1] += 1
    ended = Ended(who, how, "", totals["<"][0] + more[0], totals["<"][1], totals[">"][0] + more[1], totals[">"][1])
    return transcript_of(Connection(number, opened, since, now + 0.01, ended), records)


def exported(name: str, *transcripts: Transcript) -> bytes:
    out = io.BytesIO()
    assert export.write(name, transcripts, out) == len(transcripts)
    return out.getvalue()


# -- pcapng


class Shark:
    """tshark, reading one file."""

    def __init__(self, program: str, path: Path) -> None:
        self.program = program
        self.path = path
        checks = ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum")
        self._strict = [word for name in checks for word in ("-o", f"{name}:TRUE")]

    def read(self, *transcripts: Transcript) -> Shark:
        self.path.write_bytes(exported("pcapng", *transcripts))
        return self

    def __call__(self, *words: str) -> str:
        command = [self.program, "-r", str(self.path), "-n", *self._strict, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fields(self, *names: str, only: str = "") -> list[list[str]]:
        words = [word for name in names for word in ("-e", name)]
        out = self("-T", "fields", *words, *(("-Y", only) if only else ()))
        return [line.split("\t") for line in out.splitlines()]

    def follow(self, stream: int = 0, proto: str = "tcp") -> tuple[bytes, bytes]:
        """Return what either side of a stream said; tshark indents the second."""
        out = self("-q", "-z", f"follow,{proto},raw,{stream}")
        lines = out.splitlines()
        body = [line for line in lines[6:-1] if line]
        first = bytes.fromhex("".join(line for line in body if not line.startswith("\t")))
        second = bytes.fromhex("".join(line.strip() for line in body if line.startswith("\t")))
        return first, second

    def complaints(self) -> str:
        return self(
            "-Y",
            "_ws.expert.severity >= 6291456 || tcp.analysis.flags || _ws.malformed || ip.checksum.status == 0"
            " || tcp.checksum.status == 0 || udp.checksum.status == 0",
        )


@pytest.fixture
def shark(stranger: Callable[[str], str], tmp_path: Path) -> Shark:
    return Shark(stranger("tshark"), tmp_path / "out.pcapng")


@pytest.mark.stranger("tshark")
@pytest.mark.parametrize("opened", [FOUR, SIX], ids=["IPv4", "IPv6"])
def test_tshark_shows_the_streams(shark: Shark, opened: Opened) -> None:
    long = bytes(range(256)) * 800  # longer than one segment
    shark.read(talk([("<", b"hello "), ("<", "мир\n".encode()), (">", long), ("<", b"bye")], opened))
    assert shark.follow() == (b"hello " + "мир\n".encode() + b"bye", long)
    assert shark.complaints() == ""
    conversations = [line for line in shark("-q", "-z", "conv,tcp").splitlines() if "<->" in line]
    assert len(conversations) == 1
    assert ":7007" in conversations[0]
    assert ":51044" in conversations[0]
    (comment,) = [row[0] for row in shark.fields("frame.comment", only="tcp.flags.syn == 1 && tcp.flags.ack == 0")]
    assert comment == "#17 tcp echo"


@pytest.mark.stranger("tshark")
@pytest.mark.parametrize(
    ("who", "how", "flags"),
    [
        ("peer", FIN, [("51044", "F"), ("7007", "F"), ("51044", "A")]),
        ("us", FIN, [("7007", "F"), ("51044", "F"), ("7007", "A")]),
        ("us", STOPPED, [("7007", "F"), ("51044", "F"), ("7007", "A")]),
        ("peer", RST, [("51044", "R")]),
        ("us", RST, [("7007", "R")]),
        ("", ERROR, []),
    ],
)
def test_tshark_sees_who_ended_it_and_how(shark: Shark, who: str, how: str, flags: list[tuple[str, str]]) -> None:
    shark.read(talk([("<", b"x"), (">", b"y")], who=who, how=how))
    rows = shark.fields("tcp.srcport", "tcp.flags.str")
    assert [flags.replace("·", "") for _, flags in rows[:3]] == ["S", "AS", "A"]
    seen = [(port, next(sign for sign in "RFA" if sign in signs)) for port, signs in rows[5:]]
    assert seen == flags
    assert shark.complaints().count("\n") == (1 if how == RST else 0)  # tshark warns of every reset


@pytest.mark.stranger("tshark")
def test_tshark_sees_a_half_close_where_it_was(shark: Shark) -> None:
    shark.read(talk([("<", b"all I have"), ("|", b""), (">", b"the answer")]))
    rows = [
        (port, signs.replace("·", ""), size)
        for port, signs, size in shark.fields("tcp.srcport", "tcp.flags.str", "tcp.len")
    ]
    assert rows[3:] == [
        ("51044", "AP", "10"),
        ("51044", "AF", "0"),
        ("7007", "A", "0"),
        ("7007", "AP", "10"),
        ("7007", "AF", "0"),
        ("51044", "A", "0"),
    ]
    assert shark.complaints() == ""
    assert shark.follow() == (b"all I have", b"the answer")


@pytest.mark.stranger("tshark")
def test_what_was_not_kept_is_a_hole(shark: Shark) -> None:
    shark.read(talk([("<", b"beginning", 1000), (">", b"ok"), (".", b""), ("<", b"end")], more=(5000, 0)))
    rows = shark.fields("tcp.seq", "tcp.len", "frame.comment", only="tcp.len > 0 && tcp.srcport == 51044")
    assert rows == [["1", "9", "cut: of 1000 bytes 9 were kept"], ["6001", "3", ""]]
    assert "[5991 bytes missing in capture file]" in shark("-q", "-z", "follow,tcp,ascii,0")


@pytest.mark.stranger("tshark")
def test_tshark_shows_datagrams(shark: Shark) -> None:
    largest = b"z" * 65_507
    shark.read(talk([("<", b""), ("<", b"ping"), (">", b"pong"), (">", largest), ("<", b"begin", 2000)], DATAGRAMS))
    rows = shark.fields("udp.srcport", "udp.length", "frame.len", "frame.cap_len")
    assert rows == [
        ["40000", "8", "28", "28"],
        ["40000", "12", "32", "32"],
        ["7007", "12", "32", "32"],
        ["7007", "65515", "65535", "65535"],
        ["40000", "2008", "2028", "33"],
    ]
    assert shark.fields("frame.comment")[0] == ["#17 udp echo"]
    assert shark("-Y", "udp.checksum.status == 0 || ip.checksum.status == 0") == ""


@pytest.mark.stranger("tshark")
def test_many_connections_are_in_the_order_of_time(shark: Shark) -> None:
    client = Opened("tcp", "call", "tcp://192.0.2.7:9", "192.0.2.1:51000", "192.0.2.7:9", role="client")
    many = [
        talk([("<", b"a%d" % n), (">", b"b")] * 5, Opened("tcp", "echo", "", "10.0.0.1:7007", f"10.0.0.2:{4000 + n}"),
             number=n, since=NOW + n * 0.013)
        for n in range(1, 30)
    ]  # fmt: skip
    many.append(talk([(">", b"question"), ("<", b"answer")], client, number=30, since=NOW + 2))
    shark.read(*many)
    times = [float(row[0]) for row in shark.fields("frame.time_epoch")]
    assert times == sorted(times)
    assert shark("-q", "-z", "conv,tcp").count("<->") == 30
    assert shark.follow(29) == (b"question", b"answer")  # the client called
    assert shark.complaints() == ""
    comments = [row[0] for row in shark.fields("frame.comment", only="tcp.flags.syn == 1 && tcp.flags.ack == 0")]
    assert comments == [*(f"#{n} tcp echo" for n in range(1, 30)), "#30 tcp call"]


@pytest.mark.stranger("tshark")
def test_odd_addresses_do_no_harm(shark: Shark) -> None:
    odd = Opened("tcp", "x", "", "somewhere", "[::1]:99999")
    mixed = Opened("tcp", "x", "", "127.0.0.1:80", "[::1]:5000")
    mapped = Opened("tcp", "x", "", "[::ffff:127.0.0.1]:80", "127.0.0.1:5000")
    shark.read(*(talk([("<", b"x")], each, number=n) for n, each in enumerate((odd, mixed, mapped), 1)))
    hosts = shark.fields("ip.dst", "ipv6.dst", only="tcp.flags.syn == 1 && tcp.flags.ack == 0")
    assert hosts == [["", "::ffff:192.0.2.1"], ["", "::ffff:127.0.0.1"], ["127.0.0.1", ""]]


# -- HAR

WEB = Opened("http", "files", "http://127.0.0.1:7080", "127.0.0.1:7080", "127.0.0.1:51044")


def har(*transcripts: Transcript) -> list[dict[str, Any]]:
    out = io.BytesIO()
    export.write("har", transcripts, out)
    log = json.loads(out.getvalue())["log"]
    check_har(log)
    entries: list[dict[str, Any]] = log["entries"]
    return entries


def check_har(log: dict[str, Any]) -> None:
    """Check what HAR 1.2 demands: every required field, and its type."""
    assert log["version"] == "1.2"
    assert set(log["creator"]) == {"name", "version"}
    for entry in log["entries"]:
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        needed = ("send", "wait", "receive")
        assert all(entry["timings"][name] >= 0 for name in needed)
        assert entry["time"] == pytest.approx(sum(value for value in entry["timings"].values() if value >= 0), abs=0.01)
        assert isinstance(entry["cache"], dict)
        request, response = entry["request"], entry["response"]
        for message, words in (
            (request, ("method", "url", "httpVersion")),
            (response, ("statusText", "httpVersion", "redirectURL")),
        ):
            assert all(isinstance(message[word], str) for word in words)
            assert all(isinstance(message[word], int) for word in ("headersSize", "bodySize"))
            for name in ("headers", "cookies"):
                assert all(isinstance(one["name"], str) and isinstance(one["value"], str) for one in message[name])
        assert "://" in request["url"]
        assert all(set(one) == {"name", "value"} for one in request["queryString"])
        if "postData" in request:
            assert set(request["postData"]) >= {"mimeType", "text", "params"}
        assert isinstance(response["status"], int)
        content = response["content"]
        assert isinstance(content["size"], int)
        assert isinstance(content["mimeType"], str)
        assert content.get("encoding", "base64") == "base64"


def test_har_has_every_exchange_of_a_connection() -> None:
    first = b"GET /a?q=%D1%8F&empty= HTTP/1.1\r\nHost: localhost:7080\r\nCookie: k=v; w=x=y\r\n\r\n"
    second = b"POST /form HTTP/1.1\r\nHost: localhost:7080\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    second += b"Content-Length: 11\r\n\r\nname=J%C3%B"
    one = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
    one += b"Set-Cookie: s=1; Path=/; HttpOnly; Secure\r\n\r\n"
    one += b"5;x=y\r\nhello\r\n6\r\n, \xd0\xbc\xd0\xb8\r\n0\r\nT: r\r\nU: s\r\n\r\n"
    other = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    asked = [("<", first[:20]), ("<", first[20:] + second[:50])]
    said: list[Said] = [*asked, (">", one[:90]), (">", one[90:]), ("<", second[50:]), (">", other)]
    entries = har(talk(said, WEB))
    assert len(entries) == 2
    request, response = entries[0]["request"], entries[0]["response"]
    assert (request["method"], request["url"]) == ("GET", "http://localhost:7080/a?q=%D1%8F&empty=")
    assert request["queryString"] == [{"name": "q", "value": "я"}, {"name": "empty", "value": ""}]
    assert request["cookies"] == [{"name": "k", "value": "v"}, {"name": "w", "value": "x=y"}]
    assert response["status"] == 200
    assert response["content"] == {"size": 11, "mimeType": "text/plain", "text": "hello, ми"}
    assert response["cookies"] == [{"name": "s", "value": "1", "path": "/", "httpOnly": True, "secure": True}]
    # chunks came 10 ms apart
    assert entries[0]["timings"] == {
        "blocked": -1,
        "dns": -1,
        "connect": -1,
        "ssl": -1,
        "send": 10.0,
        "wait": 10.0,
        "receive": 10.0,
    }
    assert entries[1]["timings"]["send"] == 30.0
    assert entries[0]["connection"] == "17"
    assert entries[0]["serverIPAddress"] == "127.0.0.1"
    post = entries[1]["request"]["postData"]
    assert post["params"] == [{"name": "name", "value": "J�%B"}]
    assert entries[1]["response"]["redirectURL"] == "/there"


def test_har_encodes_what_is_binary_and_unpacks_what_is_packed() -> None:
    def answer(body: bytes, fields: str) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body

    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    bodies = [
        answer(b"\x89PNG\0\xff", "Content-Type: image/png\r\n"),
        answer(gzip.compress(b"x" * 5000), "Content-Type: text/html\r\nContent-Encoding: gzip\r\n"),
        answer("привет".encode("koi8-r"), "Content-Type: text/plain; charset=KOI8-R\r\n"),
        answer(b"??", "Content-Encoding: br\r\n"),
        answer(b"never there", "X: \xff\r\n"),
    ]
    said: list[Said] = [
        ("<", ask * 4 + b"HEAD / HTTP/1.1\r\n\r\n"),
        (">", b"".join(bodies).removesuffix(b"never there")),
    ]
    contents = [entry["response"]["content"] for entry in har(talk(said, WEB))]
    assert base64.b64decode(contents[0]["text"]) == b"\x89PNG\0\xff"
    assert contents[0]["encoding"] == "base64"
    assert contents[1]["text"] == "x" * 5000
    assert contents[1]["compression"] == 5000 - len(gzip.compress(b"x" * 5000))
    assert contents[2]["text"] == "привет"
    assert contents[3]["comment"] == "still in its content coding, br"
    assert contents[4] == {"size": 0, "mimeType": ""}  # HEAD


def test_har_says_what_is_cut_or_missing() -> None:
    cut = talk(
        [
            ("<", b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"),
            (">", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc", 5041),
        ],
        WEB,
    )
    unanswered = talk([("<", b"PUT /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")], WEB)
    until_close = talk([("<", b"GET / HTTP/1.0\r\n\r\n"), (">", b"HTTP/1.0 200 OK\r\n\r\nall there is")], WEB)
    first, second, third = har(cut, unanswered, until_close)
    assert first["comment"] == "the response is cut: its end is not in the journal"
    assert first["response"]["content"]["comment"] == "cut: the journal holds only this much"
    assert first["response"]["content"]["text"] == "abc"
    assert second["response"]["status"] == 0
    assert second["comment"].startswith("there is no response in the journal; the request is cut")
    assert second["request"]["postData"]["comment"].startswith("cut")
    assert "comment" not in third
    assert third["response"]["content"]["text"] == "all there is"


def test_har_of_other_protocols_and_of_nonsense_is_empty() -> None:
    assert har(talk([("<", b"hello")]), talk([("<", b"ping")], DATAGRAMS)) == []
    assert har(talk([("<", b"\x16\x03\x01" * 50)], WEB)) == []
    assert har() == []


def test_har_as_a_client_saw_it() -> None:
    client = Opened("http", "call", "https://e.test", "192.0.2.1:50000", "192.0.2.7:443", tls="TLSv1.3", role="client")
    (entry,) = har(
        talk([(">", b"GET /x HTTP/1.1\r\nHost: e.test\r\n\r\n"), ("<", b"HTTP/1.1 204 No Content\r\n\r\n")], client)
    )
    assert entry["request"]["url"] == "https://e.test/x"
    assert entry["serverIPAddress"] == "192.0.2.7"


# -- JSON lines


def test_json_lines_have_everything() -> None:
    transcript = talk(
        [("<", "Привет".encode()), (">", b"\xff\xfe"), (".", b""), ("|", b""), ("<", b"cu", 9)], more=(10, 0)
    )
    noted = transcript_of(
        transcript.connection,
        [
            (OPENED, 17, NOW, FOUR, 0),
            (NOTE, 17, NOW, ("malformed", {"offset": 3, "bytes": b"\xff", "deep": [b"x"]}), 0),
        ],
    )
    lines = exported("jsonl", transcript, noted).splitlines()
    whole = json.loads(lines[0])
    assert (whole["number"], whole["service"], whole["received"], whole["end"]) == (17, "echo", 12 + 9 + 10, "fin")
    kinds = [record["record"] for record in whole["records"]]
    assert kinds == ["received", "sent", "omitted", "half-closed", "received"]
    first, second, gap, _, cut = whole["records"]
    assert (first["text"], first["size"]) == ("Привет", 12)
    assert base64.b64decode(second["base64"]) == b"\xff\xfe"
    assert gap["records"] == 3
    assert (cut["text"], cut["size"], cut["kept"]) == ("cu", 9, 2)
    (note,) = json.loads(lines[1])["records"]
    assert note == {
        "record": "note", "time": NOW, "kind": "malformed", "about": {"offset": 3, "bytes": "\\xff", "deep": ["x"]},
    }  # fmt: skip


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'pcapng'"):
        export.write("pcap", (), io.BytesIO())

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import ConfigError
from sockwright.journal.connections import Connection
from sockwright.journal.matching import CHOICES, KEYS, Atom
from sockwright.journal.query import find, parse
from sockwright.journal.records import FAULT, NOTE, OPENED, RECEIVED, SENT, Ended, Opened, Record
from sockwright.journal.transcript import Transcript, transcript_of

NOW = time.mktime((2026, 11, 22, 12, 0, 0, 0, 0, -1))


class Past:
    """Connections made up for filters to look at."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._records: list[Record] = []
        self.loaded: list[int] = []

    def add(
        self,
        received: bytes = b"",
        sent: bytes = b"",
        *,
        ended: tuple[str, str] | None = ("peer", "fin"),
        reason: str = "",
        age: float = 60.0,
        lasted: float = 0.5,
        notes: tuple[str, ...] = (),
        faults: tuple[str, ...] = (),
        **opened: str,
    ) -> Past:
        number = len(self._connections) + 1
        about = Opened(
            opened.get("proto", "tcp"),
            opened.get("service", "echo"),
            "",
            "127.0.0.1:7007",
            opened.get("peer", f"127.0.0.1:5104{number}"),
            opened.get("tls", ""),
            opened.get("role", "server"),
        )
        since = NOW - age
        end = None if ended is None else Ended(*ended, reason, len(received), 2, len(sent), 1)
        connection = Connection(
            number, about, since, None if end is None else since + lasted, end, len(notes), len(faults)
        )
        half = len(received) // 2 if about.proto != "udp" else 0  # cut somewhere: matching must not care
        self._connections.append(connection)
        self._records += [
            (OPENED, number, since, about, 0),
            (RECEIVED, number, since, received[:half], half),
            (RECEIVED, number, since, received[half:], len(received) - half),
            (SENT, number, since, sent, len(sent)),
            *((NOTE, number, since, (kind, {}), 0) for kind in notes),
            *((FAULT, number, since, (name, "to client", ""), 0) for name in faults),
        ]
        return self

    def connections(self) -> list[Connection]:
        return self._connections[::-1]

    def transcript(self, connection: Connection) -> Transcript:
        self.loaded.append(connection.number)
        return transcript_of(connection, self._records)

    def found(self, text: str) -> list[int]:
        return sorted(connection.number for connection in find(self, parse(text), NOW))


@pytest.fixture(scope="module")
def past() -> Past:
    past = Past()
    past.add(b"hello \xd0\xbc\xd0\xb8\xd1\x80\n", b"HELLO")  # 1: "hello мир"
    past.add(b"\xff\xfe\x00", b"", ended=("peer", "rst"), proto="udp", service="discard", peer="[::1]:9")  # 2
    past.add(  # 3
        b"GET /a?x=1 HTTP/1.1\r\nHost: example.test:8080\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        proto="http",
        service="files",
        tls="TLSv1.3",
        notes=("malformed",),
        ended=("us", "time-out"),
        reason="idle for 5m",
        lasted=10.0,
        age=7200.0,
    )
    past.add(b"x" * 2000, b"y" * 500, ended=None, service="two words", faults=("latency",), role="tap", age=30.0)  # 4
    return past


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("proto:tcp", [1, 4]),
        ("proto=TCP service:echo", [1]),
        ("proto:tcp,udp", [1, 2, 4]),
        ("-proto:tcp", [2, 3]),
        ('service:"two words"', [4]),
        ("service~WORD", [4]),
        ("service:e*,f?les", [1, 3]),
        ("service~/^(echo|files)$/", [1, 3]),
        ("peer:127.0.0.1", [1, 3, 4]),
        ("peer:[::1]", [2]),
        ("peer:::1", [2]),
        ("peer:127.0.0.1:51041", [1]),
        ("peer::9", [2]),
        ("peer:127.*", [1, 3, 4]),
        ("local::7007", [1, 2, 3, 4]),
        ("hello", [1]),
        ("мир", [1]),
        ('"hello мир"', [1]),
        ('text~"hello \\u043c"', [1]),
        ("text~HELLO", [1]),
        ("received~HELLO", []),
        ("sent~HELLO", [1]),
        ("text~/^hel+o .и/", [1]),
        ("text~/h\\/i/", []),
        ('hex~"ff fe"', [2]),
        ("hex~fffe00", [2]),
        ('hex~"00 ff"', []),
        ("end:rst", [2]),
        ("end:fin,rst", [1, 2]),
        ("end:open", [4]),
        ("by:us", [3]),
        ("reason~idle", [3]),
        ("tls:yes", [3]),
        ("tls:no role:server", [1, 2]),
        ("role:tap", [4]),
        ("note:malformed", [3]),
        ("fault:latency", [4]),
        ("notes>0", [3]),
        ("faults:0", [1, 2, 3]),
        ("#2", [2]),
        ("-#2", [1, 3, 4]),
        ("id:2..3", [2, 3]),
        ("id:3..", [3, 4]),
        ("id:1,4", [1, 4]),
        ("id>=3", [3, 4]),
        ("id<2", [1]),
        ("bytes>1k", [4]),
        ("bytes>=2500 bytes<=2.5kB", [4]),
        ("sent:500", [4]),
        ("received<4", [2]),
        ("chunks>2", [1, 2, 3, 4]),
        ("duration>1s", [3, 4]),
        ("duration<=500ms", [1, 2]),
        ("since:5m", [1, 2, 4]),
        ("since:5m -since:45s", [1, 2]),
        ("until:10m", [3]),
        ("since:11:30", [1, 2, 4]),
        ("until:2026-11-22T10:30", [3]),
        ("since:2026-11-22", [1, 2, 3, 4]),
        ("until:2026-11-21", []),
        ("method:get", [3]),
        ("method:PUT", []),
        ("path:/a", [3]),
        ("path:/a?x=1", [3]),
        ("path~b", [3]),
        ("host:example.test", [3]),
        ("status:404", [3]),
        ("status:4xx", [3]),
        ("status>=500", []),
        ("status:200..299", [3]),
    ],
)
def test_what_a_filter_finds(past: Past, text: str, numbers: list[int]) -> None:
    assert past.found(text) == numbers


def test_the_bytes_are_looked_at_only_when_nothing_cheaper_decides(past: Past) -> None:
    past.loaded.clear()
    assert past.found("text~hello proto:udp,http") == []
    assert sorted(past.loaded) == [2, 3]
    past.loaded.clear()
    past.found("proto:udp,http duration>1s end:fin")
    assert past.loaded == []


@pytest.mark.parametrize(
    ("text", "message", "cure"),
    [
        ("prto:tcp", "at character 1: there is no key 'prto'. Did you mean 'proto'?", "keys: text, hex"),
        ("proto:tcp serivce:x", "at character 11: there is no key 'serivce'. Did you mean 'service'?", ""),
        ("proto:", "at character 7: a value is missing here", 'an empty one is written ""'),
        ("proto: tcp", "at character 7: a value is missing here", ""),
        ("proto:tcp,", "at character 11: a value is missing here", ""),
        ('text~"open', 'at character 6: this quotation mark " is never closed', ""),
        ('text~"a"b', "at character 9: 'b' makes no sense behind a closed value", ""),
        ("end:reset", "at character 1: end: there is no 'reset'. Did you mean 'rst'?", "end: how it ended"),
        ("bytes>many", "at character 1: bytes: 'many' is not a size", ""),
        ("duration>5parsec", "at character 1: duration: '5parsec' is not a duration", ""),
        ("proto>tcp", "> compares quantities", ""),
        ("bytes~5", "~ looks into text", ""),
        ("hex~zz", "'zz' is not pairs of hexadecimal digits", ""),
        ("text~/(/", "at character 7: not a regular expression: missing ), unterminated subpattern", ""),
        ("since:yesterday", "'yesterday' is not a time; write 5m (ago)", ""),
        ("since>5m", "takes one time", ""),
        ("#x1 -", "at character 5: there is nothing behind the minus", "write it like -proto:udp"),
        ("id:x", "'x' is not a whole number", ""),
        ("status:9xx", "'9xx' is not a whole number", ""),
    ],
)
def test_a_bad_filter_says_where_and_what(text: str, message: str, cure: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("filter, at character ")
    assert cure in refused.value.cure


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = texts.map(Atom)


def atoms(key: str) -> st.SearchStrategy[Atom]:
    if key in CHOICES:
        return st.sampled_from(CHOICES[key]).map(Atom)
    match KEYS[key][0]:
        case "word":
            return words
        case "bytes":
            return st.binary(max_size=6).map(lambda data: Atom(data.hex(" "))) if key == "hex" else words
        case "duration":
            return st.sampled_from(["1s", "20ms", "1.5h"]).map(Atom)
        case "time":
            return st.sampled_from(["5m", "12:00", "2026-11-22", "2026-11-22T12:00:01"]).map(Atom)
        case "status":
            return st.sampled_from(["404", "4xx", "400..499"]).map(Atom)
        case _:
            return st.integers(0, 10**9).map(lambda number: Atom(str(number)))


@st.composite
def terms(draw: Callable[[st.SearchStrategy[object]], object]) -> str:
    key = draw(st.sampled_from(sorted(KEYS)))
    assert isinstance(key, str)
    kind = KEYS[key][0]
    count = 1 if kind == "time" else draw(st.integers(1, 3))
    assert isinstance(count, int)
    op = draw(
        st.sampled_from([":", "~"] if kind in ("word", "bytes") else [":"] if kind == "time" else [":", "<", ">="])
    )
    if op not in (":", "~"):
        atom = draw(st.sampled_from(["17", "0"] if kind != "duration" else ["1s"]))
        values = [Atom(str(atom))]
    else:
        values = [draw(atoms(key)) for _ in range(count)]  # type: ignore[misc]
    minus = "-" if draw(st.booleans()) else ""
    return f"{minus}{key}{op}{','.join(map(str, values))}"


@given(st.lists(terms(), max_size=5))
def test_what_a_filter_prints_parses_to_the_same(lines: list[str]) -> None:
    once = parse(" ".join(lines))
    assert len(once.terms) == len(lines)
    assert parse(str(once)) == once
    assert str(parse(str(once))) == str(once)


@given(texts)
def test_any_text_can_be_looked_for(text: str) -> None:
    (term,) = parse("text~" + str(Atom(text))).terms
    assert term.atoms == (Atom(text),)


@given(st.text(max_size=30))
def test_any_input_is_a_filter_or_refused_in_words(text: str) -> None:
    try:
        found = parse(text)
    except ConfigError as wrong:
        refused = str(wrong)
        assert refused.startswith("filter, at character ")
    else:
        assert parse(str(found)) == found

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from sockwright.endpoint import Peer
from sockwright.hosts.environ import environ_of, server_of, split_path
from sockwright.wire.exchange import Request

SEGMENT = st.binary(max_size=8).filter(lambda raw: b"\0" not in raw).map(lambda raw: quote(raw, safe=""))
VALUE = st.text("abcdefghij äöüЖ,;=\"'", max_size=20).map(str.strip)
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}(-[A-Za-z0-9]{1,4}){0,2}", fullmatch=True)
TAKEN = {"host", "content-length", "content-type", "transfer-encoding", "expect", "connection"}


@given(st.lists(SEGMENT, min_size=1, max_size=5), st.integers(0, 3), st.text("ab%&=+/?", max_size=10))
def test_script_name_and_path_info_make_up_the_path(segments: list[str], deep: int, query: str) -> None:
    prefix = "".join(f"/p{number}" for number in range(deep))
    path = prefix + "/" + "/".join(segments)
    environ = environ_of(Request.to(f"{path}?{query}"), prefix, 0)
    assert environ["SCRIPT_NAME"] == prefix
    assert (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).encode("latin-1") == unquote_to_bytes(path)
    assert environ["QUERY_STRING"] == query
    assert environ["REQUEST_URI"] == f"{path}?{query}"


@given(st.dictionaries(NAME, VALUE, max_size=8), st.binary(max_size=20))
def test_every_field_is_there_once_and_every_text_is_native(fields: dict[str, str], content: bytes) -> None:
    fields = {name: value for name, value in fields.items() if name.lower() not in TAKEN}
    request = Request.to("/", "POST", {"Content-Type": "text/x", **fields}, content, Peer("192.0.2.7", 4711))
    environ = environ_of(request, "", len(content))
    by_name: dict[str, list[str]] = {}
    for name, value in fields.items():
        by_name.setdefault(name.lower(), []).append(value)
    for name, values in by_name.items():
        joined = ("; " if name == "cookie" else ",").join(values)
        assert environ["HTTP_" + name.upper().replace("-", "_")].encode("latin-1").decode() == joined
    assert environ["CONTENT_TYPE"] == "text/x"
    assert environ["CONTENT_LENGTH"] == str(len(content))
    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["REMOTE_PORT"] == "4711"
    for key, value in environ.items():
        assert type(value) is str
        value.encode("latin-1")
        assert "-" not in key


def test_raw_bytes_in_the_target_stay_bytes() -> None:
    environ = environ_of(Request.to("/é%E9?ü"), "", 0)
    assert environ["PATH_INFO"].encode("latin-1") == "/é".encode() + b"\xe9"
    assert environ["QUERY_STRING"].encode("latin-1") == "ü".encode()


def test_the_environ_of_one_request_is_not_that_of_the_next() -> None:
    request = Request.to("/", fields={"X-A": "1"})
    environ_of(request, "", 0)["HTTP_X_A"] = "changed"
    assert environ_of(request, "", 0)["HTTP_X_A"] == "1"


def test_chunks_become_a_content_length() -> None:
    request = Request.to("/", "POST", {"Content-Length": "3"}, b"abc")
    request.head = request.head._replace(length=-1)
    assert environ_of(request, "", 3)["CONTENT_LENGTH"] == "3"


def test_where_the_application_stands_may_have_several_segments() -> None:
    assert split_path("/a/b", "/a/b") == ("/a/b", "")
    assert split_path("/a/b/", "/a/b") == ("/a/b", "/")
    assert split_path("/a/b/c%2Fd//e", "/a/b") == ("/a/b", "/c/d//e")


def test_the_servers_name_is_never_empty() -> None:
    assert server_of("example.org:8080", False) == ("example.org", "8080")
    assert server_of("[::1]:8080", False) == ("[::1]", "8080")
    assert server_of("[::1]", True) == ("[::1]", "443")
    assert server_of("", False) == ("localhost", "80")
    assert server_of("x:", False) == ("x", "80")

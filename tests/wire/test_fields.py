from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.fields import read_fields, write_field, write_fields


def test_fields_are_found_without_case_and_kept_as_they_came() -> None:
    fields = read_fields(b"Accept: a\r\naccept:b \t\r\nX-Empty:\r\nConnection: Close, TE ,\r\n")
    assert fields.get("ACCEPT") == "a, b"
    assert fields.values("accept") == ["a", "b"]
    assert fields.tokens("connection") == ["close", "te"]
    assert fields.get("x-empty", "no") == ""
    assert fields.get("missing", "no") == "no"
    assert "x-empty" in fields
    assert "missing" not in fields
    assert next(iter(fields)) == ("Accept", "a")
    assert len(fields) == 4


def test_values_are_utf_8_where_they_are_that() -> None:
    fields = read_fields("A: день\r\n".encode() + b"B: caf\xe9\r\n")
    assert fields.get("a") == "день"
    assert fields.get("b") == "café"
    assert fields.raw("b") == [b"caf\xe9"]


@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x00", "a\x1b[31m", "\x7f", "a\r\n\r\n<script>", "\r", "\n"]
)
def test_nobody_can_split_a_response(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        write_field("Location", value)
    with pytest.raises(ValueError, match="is not a field name"):
        write_field("A" + value, "b")


@pytest.mark.parametrize("name", ["", "a b", "a:", "имя", "a\t"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="is not a field name"):
        write_field(name, "b")


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,10}", fullmatch=True),
            st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]]) -> None:
    assert list(read_fields(write_fields(pairs))) == [(name, value.strip(" \t")) for name, value in pairs]


@given(st.binary(max_size=40))
def test_garbage_is_told_by_its_rule_and_place(data: bytes) -> None:
    data += b"\x01"
    with pytest.raises(PeerError) as wrong:
        read_fields(data, 100)
    assert wrong.value.section.startswith("RFC 91")
    assert wrong.value.offset is not None
    assert 100 <= wrong.value.offset < 100 + len(data)

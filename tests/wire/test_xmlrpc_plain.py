"""The short way to read a call says what the parser says, or nothing."""

from __future__ import annotations

import itertools
import re
import time
import xmlrpc.client
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.xmlrpc import parsed_call
from sockwright.wire.xmlrpc_plain import plain_call

DEPTH, VALUES = 4, 12  # small, so that the limits are met often

# Documents that are right but for an odd thing here and there: about a third of them are plain to the end.
GOOD = {
    "int": ["4", "-1", "+7", "007", " 4 ", "-2147483648"],
    "i8": ["9223372036854775807", "0"],
    "i1": ["127", "-128"],
    "boolean": ["0", "1", " 1 "],
    "string": [
        "",
        "привет",
        "a&lt;b",
        "&amp;lt;",
        "&apos;&quot;&gt;",
        " a\tb\n",
        "]",
        "]]",
        "\x7f\x85\u2028",
        "\U0001fffe",
    ],
    "double": ["1.5", "-.5e3", "4", "1E5", "-0.0"],
    "dateTime.iso8601": ["19980717T14:08:55", "1998-07-17T14:08:55Z", "19980717T14:08:55.5+0130"],
    "base64": ["aGk=", "a Gk=", ""],
    "nil": [""],
}
ODD = [
    *("1_000", "٣", "2147483648", "9" * 21, "nan", "1e999", "20000231T00:00:00", "2", "true", "aGk", "x", "", " "),
    *("&foo;", "&#13;", "]]>", "a\rb", "a\r\nb", "\x00", "\x0b", "\x0c", "\x1f", "\ufffe", "a\uffff", "<![CDATA[x]]>"),
    *("<b/>", "<!-- -->", "&", ">", "\ud800", "<value>1</value>", "<?a b?>"),
]
HEADS = ["", "", "<?xml version='1.0'?>", '<?xml version="1.0" encoding="utf-8" ?>\n', "\n"]
ODD_HEADS = [
    "\ufeff",
    "<?xml?>",
    "<?xml version='1.1'?>",
    "<?xml version='1.0' encoding='koi8-r'?>",
    "<!DOCTYPE methodCall>",
]


@st.composite
def often(draw: st.DrawFn, usual: list[str], odd: list[str]) -> str:
    return draw(st.sampled_from(odd if draw(st.integers(0, 19)) == 19 else usual))


BLANKS = often(["", "", "", " ", "\n", "\r\n", "\t "], ["\f", "\xa0", "<!-- -->", "x", "<a/>"])


@st.composite
def values(draw: st.DrawFn, depth: int = DEPTH + 1) -> str:
    kind = draw(st.integers(0, 7 if depth else 3))
    if kind < 3:
        name = draw(st.sampled_from(sorted(GOOD)))
        text = draw(often(GOOD[name], ODD))
        name = draw(often([name], ["ex:nil", "i4", "string", "x"]))
        return draw(
            often([f"<value><{name}>{text}</{name}></value>"], ["<value><nil/></value>", "<value/>", "<value>"])
        )
    if kind == 3:
        return f"<value>{draw(often(GOOD['string'], ODD))}</value>{draw(BLANKS)}"
    blank = draw(BLANKS)
    inner = values(depth=depth - 1)
    if kind < 6:
        items = "".join(draw(st.lists(inner, max_size=3)))
        return f"<value><array>{blank}<data>{blank}{items}</data></array></value>{blank}"
    unique = draw(st.booleans())
    names = draw(
        st.lists(st.sampled_from(["a", "b", "c", "d&lt;", "д", ""]), max_size=3, unique_by=str if unique else None)
    )
    members = "".join(f"<member>{blank}<name>{name}</name>{draw(inner)}{blank}</member>" for name in names)
    return f"<value>{blank}<struct>{members}</struct>{blank}</value>"


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    head = draw(often(HEADS, ODD_HEADS))
    name = draw(often(["is_even", "a.b:c/d"], ["", "метод", " x ", "a" * 256, "a&lt;"]))
    params = draw(st.lists(values(), max_size=3))
    body = "".join(f"<param>{draw(BLANKS)}{value}</param>{draw(BLANKS)}" for value in params)
    if draw(st.booleans()) or params:
        body = f"<params>{body}</params>"
    text = f"{head}{draw(BLANKS)}<methodCall><methodName>{name}</methodName>{body}</methodCall>{draw(BLANKS)}"
    if draw(st.integers(0, 9)) == 9:  # cut something out, or put it in twice
        start, end = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        text = text[:start] + draw(st.sampled_from(["", text[start:end] * 2])) + text[end:]
    return text.encode("utf-8", "surrogatepass") + draw(st.sampled_from([b""] * 20 + [b"\xff", b"<a/>"]))


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal and of the same types throughout."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(value, other[name]) for name, value in one.items())
    return repr(one) == repr(other)


SLOTS = [
    "<param><value>{}</value></param>",
    "<param><value><array><data><value>{}</value></data></array></value></param>",
    "<param><value><struct><member><name>{}</name><value/></member></struct></value></param>",
    "<param><value><struct><member><name>{}</name><value>1</value></member></struct></value></param>",
    "<param><value>{}<string>x</string></value></param>",
    "<param><value><string>x</string>{}</value></param>",
    "<param>{}<value>x</value>{}</param>{}",
    "<param><value><array>{}<data>{}</data>{}</array>{}</value></param>",
    "<param><value><struct>{}<member>{}<name>x</name>{}<value>1</value>{}</member>{}</struct></value></param>",
    *(f"<param><value><{name}>{{}}</{name}></value></param>" for name in GOOD),
]


@pytest.mark.parametrize("slot", SLOTS)
def test_no_odd_thing_in_any_place_is_read_otherwise(slot: str) -> None:
    for text in [*ODD, *itertools.chain(*GOOD.values())]:
        call = f"<methodCall><methodName>a</methodName><params>{slot.replace('{}', text)}</params></methodCall>"
        compare(call.encode("utf-8", "surrogatepass"))


WHOLE = (
    "<methodCall> <methodName>a</methodName> <params> <param> <value><int>1</int></value> </param> <param> <value> "
    "<array> <data> <value>x</value> <value> <struct> <member> <name>n</name> <value><nil/></value> </member> <member> "
    "<name>m</name> <value> <array> <data> </data> </array> </value> </member> </struct> </value> </data> </array> "
    "</value> </param> </params> </methodCall> "
)


def test_no_tag_missing_doubled_or_misplaced_is_read_otherwise() -> None:
    assert plain_call(WHOLE.encode(), DEPTH, VALUES) is not None
    parts = re.findall(r"<[^>]*>|[^<]+", WHOLE)
    for place, part in enumerate(parts):
        for changed in ([], [part, part], [" "], [part, *parts[place + 1 : place + 3]]):
            for skipped in (1, 2, 3):
                text = "".join([*parts[:place], *changed, *parts[place + skipped :]])
                compare(text.encode())
    for one, other in itertools.combinations(range(len(parts)), 2):
        swapped = list(parts)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        compare("".join(swapped).encode())


@settings(max_examples=300, deadline=None)
@given(documents())
def test_what_it_says_is_what_the_parser_says(body: bytes) -> None:
    compare(body)


def compare(body: bytes) -> None:
    said = plain_call(body, DEPTH, VALUES)
    if said is not None:
        method, read = parsed_call(body, depth=DEPTH, values=VALUES)
        assert said[0] == method
        assert same(said[1], read)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.integers(-(2**31), 2**31 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(min_codepoint=32, max_codepoint=0x24FF)) | st.none(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcя"), inner, max_size=3),
        max_leaves=20,
    )
)  # fmt: skip
def test_whatever_the_standard_library_sends_goes_the_short_way(value: Any) -> None:
    body = xmlrpc.client.dumps((value,), "echo", allow_none=True).encode()
    said = plain_call(body, 64, 10_000)
    assert said is not None
    assert same(said[1], [value])


@pytest.mark.parametrize(
    "body",
    [
        b"<methodCall><methodName>a</methodName><params><param>"
        + b"<value><array><data>" * 5
        + b"</data></array></value>" * 5
        + b"</param></params></methodCall>",
        b"<methodCall><methodName>a</methodName><params>"
        + b"<param><value>1</value></param>" * 13
        + b"</params></methodCall>",
        b"<methodCall><methodName>a</methodName><params><param><value><struct>"
        + b"<member><name>a</name><value>1</value></member>" * 2
        + b"</struct></value></param></params></methodCall>",
    ],
    ids=["depth", "values", "twice"],
)
def test_it_says_nothing_about_what_is_over_the_limits(body: bytes) -> None:
    assert plain_call(body, DEPTH, VALUES) is None
    with pytest.raises(PeerError):
        parsed_call(body, depth=DEPTH, values=VALUES)


@pytest.mark.parametrize(
    "body",
    [
        b"<methodCall>" + b" " * 500_000,
        b"<methodCall><methodName>a</methodName><params>" + b"<param> " * 100_000,
        b"<methodCall><methodName>a</methodName><params><param><value>" + b"&lt;" * 200_000,
        b"<methodCall><methodName>" + b"a" * 1_000_000,
        b"<methodCall><methodName>a</methodName><params><param><value><string>" + b"x" * 1_000_000 + b"</strin",
        b"<methodCall><methodName>a</methodName><params>" + b"<param><value>1</value></param>" * 30_000,
    ],
    ids=["blanks", "params", "references", "name", "text", "many"],
)
def test_its_time_grows_with_the_text_alone(body: bytes) -> None:
    begun = time.process_time()
    assert plain_call(body, 64, 10_000) is None
    assert time.process_time() - begun < 1

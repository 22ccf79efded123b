"""Calls and answers read: what the standard library and others send, and what nobody should."""

from __future__ import annotations

import base64
import time
import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire import xmlrpc as wire
from sockwright.wire.xmlrpc import Call, Fault, fault_code, parsed_call, read_answer, read_call

LATER = "а—я & <тег>"  # not in ASCII, with markup


def call_of(inner: str, head: str = "") -> bytes:
    return f"{head}<methodCall><methodName>f</methodName>{inner}</methodCall>".encode()


def params_of(*values: str) -> bytes:
    return call_of(f"<params>{''.join(f'<param>{value}</param>' for value in values)}</params>")


def refusal(body: bytes, charset: str = "") -> PeerError:
    with pytest.raises(PeerError) as refused:
        read_call(body, charset)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 250
    return refused.value


VALUES = st.recursive(
    st.integers(-(2**31), 2**31 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
    | st.none()
    | st.binary()
    | st.datetimes(datetime(1000, 1, 1)).map(lambda when: when.replace(microsecond=0)),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=0x5FF)), inner)
    ),
    max_leaves=15,
)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=3))
def test_it_reads_what_the_standard_library_writes(values: list[Any]) -> None:
    body = xmlrpc.client.dumps(tuple(values), "a.b", allow_none=True).encode()
    assert read_call(body) == Call("a.b", values)
    assert parsed_call(body) == Call("a.b", values)
    for value in values:
        assert read_answer(xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()) == value


def test_it_reads_the_standard_librarys_faults() -> None:
    assert read_answer(xmlrpc.client.dumps(xmlrpc.client.Fault(4, LATER)).encode()) == Fault(4, LATER)


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("<value>untyped</value>", "untyped"),
        ("<value> kept \n</value>", " kept \n"),
        ("<value></value>", ""),
        ("<value/>", ""),
        ("<value>\n <i4>4</i4>\n </value>", 4),
        ("<value><string/></value>", ""),
        ("<value><nil/></value>", None),
        ("<value><ex:nil/></value>", None),
        ('<value><ex:nil xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions"/></value>', None),
        ("<value><ex:i8>9000000000</ex:i8></value>", 9_000_000_000),
        ("<value><x:i8>1</x:i8></value>", 1),
        ("<value><![CDATA[<b>&amp;]]></value>", "<b>&amp;"),
        ("<value>a<!-- not here -->b<?nor this?>c</value>", "abc"),
        ("<value>&#1103;&#x44F;&lt;&gt;&amp;&quot;&apos;</value>", "яя<>&\"'"),
        ("<value>a\r\nb\rc</value>", "a\nb\nc"),
        ("<value>a&#13;b</value>", "a\rb"),
        ("<value><array><data/></array></value>", []),
        ("<value><array>\n<data>\n</data>\n</array></value>", []),
        ("<value><struct/></value>", {}),
        ("<value><struct><member><name/><value/></member></struct></value>", {"": ""}),
        ("<value><struct><member><name>__class__</name><value>1</value></member></struct></value>", {"__class__": "1"}),
        ("<value><base64>\n aGV\n sbG8=\n</base64></value>", b"hello"),
    ],
)
def test_spellings_of_values(spelled: str, value: Any) -> None:
    assert read_call(params_of(spelled)).values == [value]


@pytest.mark.parametrize(
    "inner", ["", "<params/>", "<params></params>", "\n<params>\n</params>\n", "<!-- none --><params> </params>"]
)
def test_a_call_may_have_no_values(inner: str) -> None:
    assert read_call(call_of(inner)) == Call("f", [])


def test_names_of_methods_may_be_in_any_script() -> None:
    assert read_call("<methodCall><methodName>чётное</methodName></methodCall>".encode()).method == "чётное"


@pytest.mark.parametrize(
    ("head", "charset", "codec"),
    [
        ("", "", "utf-8"),
        ("", "UTF-8", "utf-8"),
        ("\ufeff", "", "utf-8"),
        ("\ufeff", "koi8-r", "utf-8"),  # the byte order mark goes before all else (RFC 7303, 3.3)
        ('<?xml version="1.0" encoding="windows-1251"?>', "", "cp1251"),
        ("<?xml version='1.0' encoding = 'koi8-r' standalone='yes'?>\n", "", "koi8-r"),
        ('<?xml version="1.0" encoding="koi8-r"?>', "windows-1251", "cp1251"),
        ('<?xml version="1.0" encoding="koi8-r"?>', "utf-8", "utf-8"),
        ("", "utf-16", "utf-16"),
        ("\ufeff", "", "utf-16-le"),
        ("\ufeff", "", "utf-16-be"),
        ('<?xml version="1.0" encoding="utf-16"?>', "", "utf-16-be"),
        ('<?xml version="1.0"?>', "", "utf-16-le"),
        ("", "gb18030", "gb18030"),
    ],
)
def test_encodings_by_mark_content_type_and_declaration(head: str, charset: str, codec: str) -> None:
    text = head + params_of("<value>привет, мир</value>").decode()
    assert read_call(text.encode(codec), charset) == Call("f", ["привет, мир"])


@pytest.mark.parametrize(
    "label", ["zip", "rot13", "punycode", "no-such", "utf-7", "utf-32", "idna", "\x1b[2J", "x" * 79]
)
def test_encodings_that_are_not_spoken(label: str) -> None:
    for body, charset in ((call_of("", f"<?xml version='1.0' encoding='{label}'?>"), ""), (call_of(""), label)):
        refused = refusal(body, charset)
        assert fault_code(refused) == wire.UNSUPPORTED_ENCODING
        assert "send UTF-8" in str(refused)


@pytest.mark.parametrize(
    ("body", "charset", "offset"),
    [
        (params_of("<value>?</value>").replace(b"?", b"\xff\xfe"), "", 60),
        (params_of("<value>?</value>").replace(b"?", "я".encode("koi8-r")), "", 60),
        (params_of("<value>я</value>"), "us-ascii", 60),
        (params_of("<value>?</value>").replace(b"?", b"\x81"), "windows-1252", 60),
        (params_of("<value>?</value>").replace(b"?", "я".encode()[:1]), "", 60),
    ],
)
def test_bytes_that_are_not_in_their_encoding(body: bytes, charset: str, offset: int) -> None:
    refused = refusal(body, charset)
    assert fault_code(refused) == wire.INVALID_CHARACTER
    assert refused.offset == offset


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "nothing in the body"),
        (b" \r\n", "nothing in the body"),
        (b"is_even 4", "not well-formed"),
        (b'{"method": "is_even"}', "not well-formed"),
        (b"<methodCall><methodName>f</methodName>", "no element found"),
        (b"<methodCall><methodName>f</methodName></methodcall>", "mismatched tag"),
        (b"<methodCall/><methodCall/>", "lacks its <methodName>"),
        (call_of("") + call_of(""), "junk after document element"),
        (call_of("") + b"\x00", "not well-formed"),
        (b" " + call_of("", "<?xml version='1.0'?>"), "XML or text declaration not at start"),
        (params_of("<value>\x00</value>"), "not well-formed"),
        (params_of("<value>\x1b[2J</value>"), "not well-formed"),
        (params_of("<value>\ufffe</value>"), "not well-formed"),
        (params_of("<value>&#0;</value>"), "reference to invalid character"),
        (params_of("<value>&#xFFFE;</value>"), "reference to invalid character"),
        (params_of("<value>]]></value>"), "not well-formed"),
        (params_of("<value>&nbsp;</value>"), "undefined entity"),
        (params_of('<value a="1" a="2"/>'), "duplicate attribute"),
        (params_of("<value><int>4</value></int>"), "mismatched tag"),
    ],
)
def test_what_is_not_well_formed(body: bytes, words: str) -> None:
    refused = refusal(body)
    assert words in str(refused)
    code = wire.NOT_XMLRPC if "lacks" in words else wire.NOT_WELL_FORMED
    assert fault_code(refused) == code
    assert refused.offset is not None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><body>hello</body></html>", "<html> is no XML-RPC"),
        (b"<methodCall></methodCall>", "<methodCall> lacks its <methodName>"),
        (b"<methodCall>f</methodCall>", "'f' stands between the elements of <methodCall>"),
        (b"<methodCall><params/></methodCall>", "<params> has no place here"),
        (b"<methodCall><methodName/></methodCall>", "1 to 255 characters"),
        (b"<methodCall><methodName>" + b"a" * 256 + b"</methodName></methodCall>", "1 to 255 characters"),
        (b"<methodCall><methodName>a<b/></methodName></methodCall>", "<b> has no place here in <methodName>"),
        (b"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>", "has no place here"),
        (call_of("<params/><params/>"), "<params> has no place here"),
        (call_of("<params><value/></params>"), "<value> has no place here in <params>"),
        (call_of("<params>x</params>"), "'x' stands between"),
        (call_of("<params><param/></params>"), "<param> lacks its <value>"),
        (params_of("<value/><value/>"), "<value> has no place here in <param>"),
        (params_of("<int>4</int>"), "<int> has no place here in <param>"),
        (params_of("<value>4<int>4</int></value>"), "'4' stands between"),
        (params_of("<value><int>4</int>4</value>"), "'4' stands between"),
        (params_of("<value><int>4</int><int>4</int></value>"), "<int> has no place here in <value>"),
        (params_of("<value><integer>4</integer></value>"), "<integer> has no place"),
        (params_of("<value><ex:int>4</ex:int></value>"), "<ex:int> has no place"),
        (params_of("<value><INT>4</INT></value>"), "<INT> has no place"),
        (params_of("<value><int><b/></int></value>"), "<b> has no place here in <int>"),
        (params_of("<value><int></int></value>"), "no integer"),
        (params_of("<value><int>99999999999</int></value>"), "does not fit 32 bits"),
        (params_of(f"<value><i8>{'9' * 5000}</i8></value>"), "5000 digits"),
        (params_of("<value><array/></value>"), "<array> lacks its <data>"),
        (params_of("<value><array><value/></array></value>"), "<value> has no place here in <array>"),
        (params_of("<value><array><data/><data/></array></value>"), "<data> has no place"),
        (params_of("<value><array><data>x</data></array></value>"), "'x' stands between"),
        (params_of("<value><struct><value/></struct></value>"), "<value> has no place here in <struct>"),
        (params_of("<value><struct><member/></struct></value>"), "<member> lacks its <name>"),
        (params_of("<value><struct><member><name>a</name></member></struct></value>"), "<member> lacks its <value>"),
        (params_of("<value><struct><member><value/><name>a</name></member></struct></value>"), "has no place here"),
        (
            params_of(f"<value><struct>{'<member><name>a</name><value/></member>' * 2}</struct></value>"),
            "two members 'a'",
        ),
        (b"<methodResponse><params><param><value/></param></params></methodResponse>", "a methodCall was expected"),
        (b"<!DOCTYPE methodCall><methodCall><methodName>f</methodName></methodCall>", "DOCTYPE has no place"),
        (params_of("<value><\x85/></value>".replace("\x85", "ы" * 5000)), "has no place here"),
    ],
)
def test_what_is_not_a_call(body: bytes, words: str) -> None:
    refused = refusal(body)
    assert words in str(refused)
    assert fault_code(refused) == wire.NOT_XMLRPC


def test_where_it_is_wrong_is_told() -> None:
    body = params_of("<value><int>4</int></value>", "<value><int>four</int></value>")
    assert refusal(body).offset == body.index(b"</int>", body.index(b"four"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<methodResponse/>", "lacks its <fault> or <params>"),
        (b"<methodResponse><params/></methodResponse>", "one value, and here are 0"),
        (b"<methodResponse><fault><value>no</value></fault></methodResponse>", "a fault is a struct"),
        (call_of(""), "a methodResponse was expected"),
        (b"HTTP/1.1 200 OK", "not well-formed"),
    ],
)
def test_what_is_not_an_answer(body: bytes, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        read_answer(body)


BOMB = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
MEMBERS = "".join(f"<member><name>{n}</name><value/></member>" for n in range(20_000))
ATTRIBUTES = " ".join(f"a{n}=''" for n in range(100_000))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY x0 "lol">{BOMB}]>'.encode() + params_of("<value>&x9;</value>"),
    "quadratic": f'<!DOCTYPE x [<!ENTITY x "{"x" * 50_000}">]>'.encode()
    + params_of(f"<value>{'&x;' * 50_000}</value>"),
    "external": b'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + params_of("<value>&x;</value>"),
    "parameter": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]>' + params_of("<value/>"),
    "subset": b'<!DOCTYPE methodCall SYSTEM "http://127.0.0.1:1/x.dtd">' + params_of("<value/>"),
    "in UTF-16": f'<!DOCTYPE x [<!ENTITY x "lol">]>{params_of("<value>&x;</value>").decode()}'.encode("utf-16"),
    "deep arrays": params_of("<value><array><data>" * 100_000),
    "deep structs": params_of("<value><struct><member><name>a</name>" * 30_000),
    "deep tags": b"<methodCall>" * 80_000,
    "deep strangers": b"<a>" * 300_000,
    "many values": params_of(
        "<value/>" * 1 + "<value><array><data>" + "<value/>" * 100_000 + "</data></array></value>"
    ),
    "many params": params_of(*["<value>1</value>"] * 30_000),
    "many members": params_of(f"<value><struct>{MEMBERS}</struct></value>"),
    "many attributes": params_of(f"<value {ATTRIBUTES}><x/></value>"),
    "long name": b"<" + b"a" * 1_000_000 + b"/>",
    "comments": b"<methodCall>" + b"<!---->" * 140_000,
    "digits": params_of(f"<value><int>{'9' * 1_000_000}</int></value>"),
    "double": params_of(f"<value><double>{'9' * 1_000_000}</double></value>"),
    "base64": params_of(f"<value><base64>{'=' * 1_000_000}</base64></value>"),
    "references": params_of(f"<value>{'&#65;' * 200_000}<x/></value>"),
    "declaration": b"<?xml version='1.0' " + b"encoding= " * 100_000 + b"?>",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_are_refused_at_once(body: bytes) -> None:
    begun = time.process_time()
    refusal(body)
    assert time.process_time() - begun < 1.5


def test_the_limits_are_the_most_that_is_taken() -> None:
    def nested(depth: int) -> bytes:
        return params_of("<value><array><data>" * depth + "</data></array></value>" * depth)

    def many(count: int) -> bytes:
        return params_of(f"<value><array><data>{'<value>1</value>' * (count - 1)}</data></array></value>")

    for read in (read_call, parsed_call):
        assert read(nested(64))
        assert len(read(many(10_000)).values[0]) == 9_999
        assert read(params_of(*[f"<value><array><data>{'<value/>' * 3}</data></array></value>"] * 3), depth=1)
        for body, words in ((nested(65), "nested too deep"), (many(10_001), "too many values")):
            with pytest.raises(PeerError, match=words):
                read(body)


def test_a_megabyte_of_base64_is_read() -> None:
    data = bytes(range(256)) * 2900
    body = params_of(f"<value><base64>{base64.encodebytes(data).decode()}</base64></value>")
    assert read_call(body).values == [data]


@settings(deadline=None)
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-16", "surrogatepass")), st.text()
)
def test_no_bytes_make_it_fail_otherwise_than_by_a_refusal(body: bytes, charset: str) -> None:
    for read in (read_call, read_answer):
        with pytest.raises(PeerError):
            read(body, charset)

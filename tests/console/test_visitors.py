"""Manners towards visitors: the language of their page, and errors as words and a status."""

from __future__ import annotations

import pytest

from sockwright.console.gate import without
from sockwright.console.visitors import language, problem
from sockwright.errors import ConfigError, ServiceError


@pytest.mark.parametrize(
    ("accepted", "cookie", "wanted"),
    [
        ("", "", "en"),
        ("ru", "", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "", "ru"),
        ("de, en;q=0.5, ru;q=0.7", "", "ru"),
        ("de", "", "en"),
        ("ru", "lang=en", "en"),
        ("en", "a=b; lang=ru", "ru"),
        ("en", "lang=<script>", "en"),
        ("ru;q=x, en;q=nan, , ;q=", "", "en"),
    ],
)
def test_the_language_is_what_was_chosen_else_what_the_browser_likes(accepted: str, cookie: str, wanted: str) -> None:
    assert language({"HTTP_ACCEPT_LANGUAGE": accepted, "HTTP_COOKIE": cookie}) == wanted


def test_errors_have_a_fitting_status_and_keep_the_consoles_own_to_themselves() -> None:
    assert problem(ConfigError("a", cure="b")) == (400, {"what": "a", "cure": "b"})
    assert problem(ServiceError("gone", code=404))[0] == 404
    assert problem(ServiceError("odd", code=7))[0] == 422
    assert problem(TimeoutError("late"))[0] == 504
    assert problem(ConnectionRefusedError(111, "refused")) == (502, {"what": "refused", "cure": ""})
    status, words = problem(RuntimeError("a secret"))
    assert status == 500
    assert "secret" not in str(words)


@pytest.mark.parametrize(
    ("path", "query", "there"),
    [
        ("/", "token=x", "/"),
        ("/traffic", "filter=a%26b&token=x&c=", "/traffic?filter=a%26b&c="),
        ("//evil.example/", "token=x", "/evil.example/"),
        ("/\\evil.example", "", "/evil.example"),
        ("/a\r\nSet-Cookie: b", "", "/a%0D%0ASet-Cookie:%20b"),
        ("/a?b#c", "", "/a%3Fb%23c"),
        ("/\u00d0\u00bf", "", "/%D0%BF"),
    ],
)
def test_the_way_on_is_a_path_of_our_own(path: str, query: str, there: str) -> None:
    assert without({"PATH_INFO": path, "QUERY_STRING": query}, "token") == there

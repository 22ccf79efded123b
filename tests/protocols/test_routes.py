from __future__ import annotations

import pytest

from sockwright.protocols.routes import Answer, Route, Routes
from sockwright.wire.exchange import Request, Response


def nothing(request: Request) -> Answer:
    return Response("")


def routes(*patterns: str) -> Routes:
    """Return routes whose handlers do not matter."""
    made = [pattern.rpartition(" ") for pattern in patterns]
    return Routes(Route(method, pattern, nothing) for method, _, pattern in made)


def found(where: Routes, method: str, path: str) -> tuple[str, dict[str, str]] | frozenset[str]:
    result = where.search(method, path)
    return (result[0].pattern, dict(result[1])) if isinstance(result, tuple) else result


PEOPLE = (
    "GET /people",
    "POST /people",
    "GET /people/{id}",
    "DELETE /people/{id}",
    "GET /people/all",
    "/files/{path...}",
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/people", ("/people", {})),
        ("HEAD", "/people", ("/people", {})),
        ("GET", "/people/7", ("/people/{id}", {"id": "7"})),
        ("GET", "/people/all", ("/people/all", {})),
        ("DELETE", "/people/all", ("/people/{id}", {"id": "all"})),
        ("GET", "/people/%D0%90%D0%BD%D1%8F", ("/people/{id}", {"id": "Аня"})),
        ("GET", "/people/a%2Fb", ("/people/{id}", {"id": "a/b"})),
        ("GET", "/people/%2541", ("/people/{id}", {"id": "%41"})),
        ("GET", "/people/%61ll", ("/people/all", {})),
        ("PATCH", "/files/a/b//c", ("/files/{path...}", {"path": "a/b//c"})),
        ("FROB", "/files/", ("/files/{path...}", {"path": ""})),
        ("GET", "/people/", frozenset()),
        ("GET", "/people/7/x", frozenset()),
        ("GET", "//people", frozenset()),
        ("GET", "/People", frozenset()),
        ("GET", "*", frozenset()),
        ("PUT", "/people", frozenset({"GET", "HEAD", "POST", "OPTIONS"})),
        ("PUT", "/people/7", frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})),
    ],
)
def test_the_most_literal_route_that_takes_the_method(
    method: str, path: str, expected: tuple[str, dict[str, str]] | frozenset[str]
) -> None:
    assert found(routes(*PEOPLE), method, path) == expected


def test_a_less_literal_route_answers_where_the_method_of_the_other_does_not_fit() -> None:
    both = routes("GET /a", "POST /{path...}")
    assert found(both, "POST", "/a") == ("/{path...}", {"path": "a"})


def test_one_added_later_replaces_its_equal() -> None:
    where = routes("GET /a")
    late = Route("GET", "/a", nothing)
    where.add(late)
    assert where.search("GET", "/a") == (late, {})


def test_what_is_caught_is_not_changed_by_who_was_first() -> None:
    _, captured = routes("GET /{a}").search("GET", "/x")
    with pytest.raises(TypeError):
        captured["a"] = "y"  # type: ignore[index]


def test_a_literal_path_is_there_or_not() -> None:
    assert "/people" in routes(*PEOPLE)
    assert "/" not in routes(*PEOPLE)
    assert "/" in routes("GET /{path...}")


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        (["GET people"], "does not begin with a slash"),
        (["GET /{a...}/b"], "must stand at the end"),
        (["GET /x{a}"], "a capture is a whole segment"),
        (["GET /{a}/b", "GET /{c}/d"], "called {a} elsewhere"),
    ],
)
def test_patterns_that_are_none(patterns: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        routes(*patterns)

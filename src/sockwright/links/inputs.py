"""What a person names to be checked, as the crawler's inputs: URLs, files, directories, sitemaps, `-` for stdin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sockwright.errors import ConfigError
from sockwright.links.credentials import bare, masked
from sockwright.links.local import pages_in, type_of, url_of
from sockwright.links.terms import Input
from sockwright.links.url import BadURL, parse

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:(?!\d)")
_HOST = re.compile(r"(localhost|\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]|[^\s/:]+\.[^\s/:.]{2,})(:\d+)?([/?#].*)?")
_HERE = re.compile(r"localhost|\d|\[")
_UNKNOWN = "application/octet-stream"


def inputs_of(texts: Iterable[str], read_stdin: Callable[[], bytes]) -> Iterator[Input]:
    """Return the inputs that `texts` name; directories one page at a time, as they are needed.

    Raises: ConfigError for what is neither a file nor a URL; before anything is asked.
    """
    texts = list(texts)
    for text in texts:
        _known(text)
    return _inputs(texts, read_stdin)


def root_of(texts: Iterable[str]) -> Path | None:
    """Return the directory that `/x` in a local page is relative to: the one given, or else where we are."""
    paths = [Path(text) for text in texts if _is_local(text)]
    if not paths:
        return None
    folders = [path for path in paths if path.is_dir()]
    if folders:
        return folders[0].resolve()
    here = Path.cwd()
    first = paths[0].resolve()
    return here if first.is_relative_to(here) else first.parent


def web_inputs(texts: Iterable[str]) -> list[str]:
    """Return the canonical URLs among `texts` that are asked over HTTP."""
    urls = [url_text(text) for text in texts if text != "-" and not _is_local(text)]
    return [url for url in urls if url.startswith(("http://", "https://"))]


def _is_local(text: str) -> bool:
    return text != "-" and not _SCHEME.match(text) and not text.startswith(":") and Path(text).exists()


def _known(text: str) -> None:
    """Refuse what cannot be begun with."""
    if text == "-" or _is_local(text):
        return
    url_text(text)


def url_text(text: str) -> str:
    """Return what a person wrote for a URL as a canonical URL.

    Raises: ConfigError with a cure.
    """
    written = text
    if text.startswith(":") and text[1:2].isdigit():
        text = f"http://127.0.0.1{text}"
    elif not _SCHEME.match(text):
        if not _HOST.fullmatch(text):
            raise ConfigError(
                f"there is no file {masked(written)!r}, and it is no URL",
                cure="name a URL like https://example.org/, a file or -",
            )
        text = ("http://" if _HERE.match(text) else "https://") + text
    try:
        url = parse(text)
    except BadURL as wrong:
        raise ConfigError(f"{masked(written)!r} is no URL: {wrong}") from None
    if url.scheme not in ("http", "https", "file"):
        raise ConfigError(f"{url.scheme}: URLs cannot be checked from here", cure="http, https and file can")
    return str(url)


def _inputs(texts: list[str], read_stdin: Callable[[], bytes]) -> Iterator[Input]:
    for text in texts:
        if text == "-":
            yield Input("", "-", content=read_stdin(), content_type="")
        elif _is_local(text):
            path = Path(text).resolve()
            if path.is_dir():
                for page in pages_in(path):
                    yield _file(page, str(page))
            else:
                yield _file(path, text)
        else:
            yield Input(bare(url_text(text)), masked(text))  # who says user and password is one of `Credentials`


def _file(path: Path, name: str) -> Input:
    kind = type_of(path)
    return Input(url_of(path), name, path=path, content_type="" if kind == _UNKNOWN else kind)

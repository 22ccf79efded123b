"""The flags of `links` and `links worker` as the options of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sockwright.cli import manners

if TYPE_CHECKING:
    from pathlib import Path

    from sockwright.links.credentials import Credentials
    from sockwright.links.private import Avoid
    from sockwright.links.run import Options


def options_of(inputs: tuple[str, ...], flags: dict[str, Any]) -> Options:
    from pathlib import Path

    from msgspec.structs import replace

    from sockwright.errors import ConfigError
    from sockwright.links.asking import USER_AGENT, Limits
    from sockwright.links.fetcher import Settings
    from sockwright.links.inputs import root_of, url_text
    from sockwright.links.run import Options
    from sockwright.links.terms import Bounds

    limits = Limits()
    total = limits.total if flags["timeout"] is None else flags["timeout"]
    if total <= 0:
        raise ConfigError("--timeout must be more than 0")
    limits = replace(limits, total=total, connect=min(limits.connect, total), first_byte=min(limits.first_byte, total))
    settings = Settings(
        per_host=flags["per_host"] or 0,
        delay=flags["delay"] or 0.0,
        robots=not flags["no_robots"],
        retry=not flags["no_retry"],
        limits=limits,
    )
    if flags["connections"]:
        settings = replace(settings, total=flags["connections"])
    bounds = Bounds(recursive=flags["recursive"])
    bounds = replace(
        bounds,
        depth=bounds.depth if flags["depth"] is None else flags["depth"],
        pages=flags["max_pages"] or bounds.pages,
        seconds=flags["run_limit"] or bounds.seconds,
    )
    options = Options(
        settings=settings,
        bounds=bounds,
        engine=flags["engine"],
        user_agent=flags["user_agent"] or USER_AGENT,
        credentials=credentials_of(inputs, flags),
        public_only=flags["no_private"],
        resolve=flags["resolve"],
        ca_file=flags["ca_file"] or "",
        proxy=flags["proxy"],
        scope=tuple(url_text(text) for text in flags["scope"]),
        include=flags["include"],
        exclude=flags["exclude"],
        root=Path(flags["root"]).resolve() if flags["root"] else root_of(inputs),
        store=None if shared_store(flags["store"]) else store_path(flags["store"]),
        shared=shared_store(flags["store"]),
        work=not flags["no_work"],
        avoid=avoided(),
        soft_404=flags["soft_404"],
        mx=flags["mx"],
        name_servers=tuple(_server(text) for text in flags["name_server"]) or None,
        resume=flags["resume"],
        max_age=flags["max_age"] or 0.0,
        alone=True,
    )
    return replace(options, failing=_failing(flags["fail_on"])) if flags["fail_on"] else options


def avoided() -> Avoid | None:
    """Return where nobody is led: to the consoles of this machine, which would take the checker for a guest."""
    from sockwright.desk import consoles

    return consoles.avoided()


def shared_store(text: str | None) -> str:
    """Return the URL of a store that several machines share, empty for any other."""
    return text if text and text.partition(":")[0] in ("redis", "rediss", "unix") else ""


def store_path(text: str | None) -> Path | None:
    from pathlib import Path

    from sockwright.config import home

    if text is None:
        return home().data / "links.db"
    if text in ("", "none", "memory"):
        return None
    return Path(text.removeprefix("sqlite:").partition("?")[0])


def _server(text: str) -> tuple[str, int]:
    from sockwright.errors import ConfigError

    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "53")
    if not port.isdigit():
        raise ConfigError(f"--name-server {text}: no port", cure="write it like 9.9.9.9 or 127.0.0.1:5353")
    return host.strip("[]"), int(port)


def _failing(text: str) -> frozenset[str]:
    from sockwright.errors import ConfigError
    from sockwright.links.policy import CLASSES

    chosen = frozenset(word.strip() for word in text.split(",") if word.strip())
    for word in chosen - set(CLASSES):
        raise ConfigError(f"there is no class {word!r}.{manners.nearest(word, CLASSES)}", cure=", ".join(CLASSES))
    return chosen


def credentials_of(inputs: tuple[str, ...], flags: dict[str, Any]) -> Credentials:
    from sockwright.errors import ConfigError
    from sockwright.links.credentials import gather, login_of, parse_auth, parse_header
    from sockwright.links.fetcher import origin_of
    from sockwright.links.inputs import web_inputs

    web = web_inputs(inputs)
    own = [origin_of(url) for url in web]
    try:
        found = [pair for text in flags["header"] for pair in parse_header(text, own)]
        found += [pair for text in flags["auth"] for pair in parse_auth(text, own)]
        said = {host for host, name, _ in found if name.lower() == "authorization"}
        logins = {origin_of(url): login_of(url) for url in web}
        found += [(origin, "Authorization", login) for origin, login in logins.items() if login and origin not in said]
    except ValueError as wrong:
        raise ConfigError(
            str(wrong), cure="like --header 'example.org=X-Token: abc'; without a host: the inputs' hosts"
        ) from None
    return gather(found)

"""The programs of others that one bench hosts: found by name, started before the doors open, stopped behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sockwright.errors import ConfigError
from sockwright.hosts import kinds
from sockwright.hosts.asgi import Asgi
from sockwright.hosts.lifespan import Lifespan
from sockwright.hosts.log import flush, to_stderr
from sockwright.hosts.wsgi import Wsgi
from sockwright.protocols.routes import Route


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all hosted programs may take. Counts and seconds."""

    threads: int = 32
    streams: int = 256
    answer: float = 30.0


class Programs:
    """All of one bench's, by the name that `--do` gives them. Used in the loop's thread."""

    def __init__(self, bounds: Bounds | None = None, say: Callable[[str], object] = to_stderr) -> None:
        self._bounds = bounds or Bounds()
        self._say = say
        self._found: dict[str, kinds.Found] = {}
        self._lifespans: dict[str, Lifespan] = {}
        self._hosts: dict[tuple[str, str, int | None], Wsgi | Asgi] = {}

    def find(self, name: str) -> bool:
        """Tell whether `name` is that of an application; it is loaded with that.

        Raises: ConfigError where it cannot be, or is nothing that one could call.
        """
        if name not in self._found:
            self._found[name] = kinds.find_application(name)
        return self._found[name].kind != kinds.FUNCTION

    def __contains__(self, name: str) -> bool:
        return name in self._found and self._found[name].kind != kinds.FUNCTION

    async def start(self, name: str) -> None:
        """Let the application start up, once. Raises: ConfigError where it cannot."""
        found = self._found[name]
        if found.kind == kinds.ASGI and name not in self._lifespans:
            self._lifespans[name] = lifespan = Lifespan(found.application, name, self._say)
            await lifespan.startup()

    def routes(self, name: str, prefix: str, body: int | None) -> tuple[Route, ...]:
        """Return the routes of an application at `prefix`; `body` is the most content taken (bytes), None: its own."""
        key = (name, prefix, body)
        host = self._hosts.get(key)
        if host is None:
            try:
                host = self._hosts[key] = self._host(name, prefix, {} if body is None else {"body": body})
            except ValueError as wrong:
                raise ConfigError(str(wrong)) from None
        return host.routes()

    def _host(self, name: str, prefix: str, options: dict[str, Any]) -> Wsgi | Asgi:
        application = self._found[name].application
        if self._found[name].kind == kinds.ASGI:
            lifespan = self._lifespans.get(name)
            state = lifespan.state if lifespan is not None else None
            return Asgi(application, prefix, state=state, errors=self._say, **options)
        bounds = self._bounds
        return Wsgi(
            application,
            prefix,
            threads=bounds.threads,
            streams=bounds.streams,
            limit=bounds.answer,
            errors=self._say,
            **options,
        )

    async def stop(self) -> None:
        """Let every application shut down."""
        for host in self._hosts.values():
            if isinstance(host, Wsgi):
                host.close()
        for lifespan in self._lifespans.values():
            await lifespan.shutdown()
        flush()

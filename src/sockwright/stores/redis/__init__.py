"""The store that several nodes share: Redis or Valkey, commands of 7.2 and older.

    sockwright:tables            hash    table -> revision
    sockwright:table:NAME        hash    its entries
    sockwright:node:ID           hash    number -> who is present at that node; expires when the node is silent
    sockwright:nodes             set     their ids
    sockwright:events            stream  what happened, for all nodes; each event carries the number before it + 1
    sockwright:revision, :number, :event  counters

`link` is how Redis is asked, `scripts` what changes something there, `people` who is present, `store` the tables and
what is told of changes. How long acknowledged changes are kept is Redis's own setting: see `warning`.
"""

from __future__ import annotations

from sockwright.stores.redis.store import RedisStore


def open_store(url: str) -> RedisStore:
    """Connect to the Redis at `url`: `redis://`, `rediss://` (TLS), `unix://`.

    Raises: ConfigError where that is no such URL; Unavailable where nobody is there.
    """
    return RedisStore(url)

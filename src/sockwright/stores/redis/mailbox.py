"""The mailbox in Redis or Valkey: nodes that share it are one bench with one mailbox. Commands of 7.2 and older.

    sockwright:mail:lines        stream  what a list shows, by number (the entry's id is N-0)
    sockwright:mail:content:N    string  the mail as it came
    sockwright:mail:search:K     string  what a search looks at, of the mails K*1000 to K*1000+999, one behind the other
    sockwright:mail:number, :version, :size  counters: the last number, changes, bytes of all contents

A mail is kept by one script, whole or not at all; what waits while Redis works goes there together. Whether what is
acknowledged outlives Redis is Redis's own setting (`appendonly`). A search fetches the strings, newest first, and looks
through them here: Redis goes on with its work meanwhile, and going through its stream took four times as long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

import msgspec
from redis.exceptions import RedisError

from sockwright.binding import Refusal
from sockwright.stores import Unavailable
from sockwright.stores.mailbox import EVERYTHING, Entry, Limits, Query, Wanted, entry_of, searched
from sockwright.stores.mailbox_intake import Group, Intake
from sockwright.stores.redis.link import client_of, warning_of, words_of
from sockwright.stores.redis.scripts import PREFIX
from sockwright.wire.mail import Mail
from sockwright.wire.mime import headline_of

MAIL = PREFIX + "mail:"
# Seconds until a command is answered: a group of large mails is not small.
ANSWER = 10.0
# Mails that one script removes: so long Redis does nothing else (some ms). Lines that are asked for at once.
REMOVED = 1_000
LINES = 500
# Mails whose words stand in one string, and strings that are fetched at once (some 200 kB each).
CHUNK, CHUNKS = 1_000, 8
_RECORD, _BEHIND_NUMBER = "\x1e", "\x1f"

# KEYS: prefix. ARGV: line, content, most mails, most bytes, words to be searched.
_KEEP = """
local number = redis.call('INCR', KEYS[1] .. 'number')
local lines = KEYS[1] .. 'lines'
redis.call('SET', KEYS[1] .. 'content:' .. number, ARGV[2])
redis.call('XADD', lines, number .. '-0', 'l', ARGV[1], 's', #ARGV[2])
redis.call('APPEND', KEYS[1] .. 'search:' .. math.floor(number / 1000), '\\30' .. number .. '\\31' .. ARGV[5])
local size = redis.call('INCRBY', KEYS[1] .. 'size', #ARGV[2])
local count = redis.call('XLEN', lines)
while count > 1 and (count > tonumber(ARGV[3]) or size > tonumber(ARGV[4])) do
  local oldest = redis.call('XRANGE', lines, '-', '+', 'COUNT', 2)
  local gone = string.sub(oldest[1][1], 1, -3)
  redis.call('XDEL', lines, oldest[1][1])
  redis.call('DEL', KEYS[1] .. 'content:' .. gone)
  local chunk = math.floor(gone / 1000)
  local next_chunk = math.floor(string.sub(oldest[2][1], 1, -3) / 1000)
  if chunk < next_chunk then redis.call('DEL', KEYS[1] .. 'search:' .. chunk) end
  size = redis.call('DECRBY', KEYS[1] .. 'size', oldest[1][2][4])
  count = count - 1
end
redis.call('INCR', KEYS[1] .. 'version')
return number
"""
# ARGV: numbers.
_REMOVE = """
local gone, chunks = 0, {}
for _, number in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[1] .. 'lines', number .. '-0', number .. '-0')[1]
  if entry then
    redis.call('XDEL', KEYS[1] .. 'lines', entry[1])
    redis.call('DEL', KEYS[1] .. 'content:' .. number)
    redis.call('DECRBY', KEYS[1] .. 'size', entry[2][4])
    chunks[math.floor(number / 1000)] = true
    gone = gone + 1
  end
end
for chunk, _ in pairs(chunks) do
  local from, to = chunk * 1000, chunk * 1000 + 999
  if #redis.call('XRANGE', KEYS[1] .. 'lines', from .. '-0', to .. '-0', 'COUNT', 1) == 0 then
    redis.call('DEL', KEYS[1] .. 'search:' .. chunk)
  end
end
if gone > 0 then redis.call('INCR', KEYS[1] .. 'version') end
return gone
"""

_pack = msgspec.msgpack.Encoder().encode


class _Line(msgspec.Struct, array_like=True, frozen=True):
    received: float
    sender: str
    recipients: tuple[str, ...]
    subject: str
    author: str
    to: str
    size: int
    peer: str
    helo: str
    login: str
    tls: bool
    searched: tuple[str, str, str]

    def entry(self, number: int) -> Entry:
        return Entry(
            number,
            self.received,
            self.sender,
            self.recipients,
            self.subject,
            self.author,
            self.to,
            self.size,
            self.peer,
            self.helo,
            self.login,
            self.tls,
        )


_unpack = msgspec.msgpack.Decoder(_Line).decode


class RedisMailbox:
    """Made by `open_mailbox`.

    Raises: Unavailable where nobody is there, here and whenever it is asked; ConfigError for what is no URL.
    """

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        self.url = url
        self._limits = limits or Limits()
        self._place = url.rpartition("@")[2].rpartition("://")[2]  # without a password
        self._redis: Any = client_of(url, ANSWER, "--mailbox")
        self._keep = self._redis.register_script(_KEEP)
        self._remove = self._redis.register_script(_REMOVE)
        self._intake = Intake(self._write, self._limits.waiting)
        self.keep = self._intake.put
        with self._asking():
            self.warning = warning_of(self._redis, self._place)

    def _write(self) -> None:
        intake = self._intake
        while True:
            group = intake.take(None)
            if not group:
                if intake.closing:
                    return
                continue
            began = perf_counter()
            outcomes = self._commit(group)
            intake.settle(group, outcomes, perf_counter() - began)

    def _commit(self, group: Group) -> Sequence[int | Refusal]:
        try:
            pipe = self._redis.pipeline(transaction=False)
            for mail, _ in group:
                limits = self._limits
                line, words = _packed(mail)
                self._keep(keys=[MAIL], args=(line, mail.content, limits.mails, limits.size, words), client=pipe)
            answers = pipe.execute(raise_on_error=False)
        except RedisError as wrong:
            # What of it was kept all the same is not known: it is refused, and comes again.
            return [Refusal(f"the mailbox is away: {words_of(wrong)}", 503)] * len(group)
        except Exception as wrong:  # noqa: BLE001 - whoever waits must not wait for ever
            return [Refusal(f"the mailbox failed: {type(wrong).__name__}: {wrong}", 500)] * len(group)
        return [
            one if isinstance(one, int) else Refusal(f"the mailbox takes nothing: {words_of(one)}", 503)
            for one in answers
        ]

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        wanted = Wanted.by(query)
        if not wanted.words:
            return self._newest(query, limit)
        sought = sorted((word.encode("utf-8", "replace") for word in wanted.words), key=len)
        found: list[Entry] = []
        with self._asking():
            last = int(self._redis.get(MAIL + "number") or 0)
            below = min(query.before or last + 1, last + 1)
            for top in range((below - 1) // CHUNK, (query.after + 1) // CHUNK - 1, -CHUNKS):
                chunks = range(top, max(top - CHUNKS, -1), -1)
                for text in self._redis.mget([f"{MAIL}search:{chunk}" for chunk in chunks]):
                    numbers = [one for one in _numbers_in(text or b"", sought) if query.after < one < below]
                    for at in range(0, len(numbers), LINES):
                        for number, line in self._lines(numbers[at : at + LINES]):
                            if wanted.stands_in(line.searched):
                                found.append(line.entry(number))
                            if 0 <= limit <= len(found):
                                return found[:limit]
        return found

    def count(self, query: Query = EVERYTHING) -> int:
        if query != EVERYTHING:
            return len(self.find(query, -1))
        with self._asking():
            return int(self._redis.xlen(MAIL + "lines"))

    def _newest(self, query: Query, limit: int) -> list[Entry]:
        found: list[Entry] = []
        below = f"({query.before}-0" if query.before else "+"
        while limit < 0 or len(found) < limit:
            wanted = LINES * 10 if limit < 0 else min(LINES * 10, limit - len(found))
            with self._asking():
                rows = self._redis.xrevrange(MAIL + "lines", below, f"{query.after + 1}-0", wanted)
            found += [_unpack(about[b"l"]).entry(int(name[:-2])) for name, about in rows]
            if len(rows) < wanted:
                break
            below = f"({rows[-1][0].decode()}"
        return found

    def _lines(self, numbers: Sequence[int]) -> Iterator[tuple[int, _Line]]:
        """Yield the lines of those mails that are still there."""
        pipe = self._redis.pipeline(transaction=False)
        for number in numbers:
            pipe.xrange(MAIL + "lines", f"{number}-0", f"{number}-0")
        for number, rows in zip(numbers, pipe.execute(), strict=True):
            if rows:
                yield number, _unpack(rows[0][1][b"l"])

    def mail(self, number: int) -> tuple[Entry, Mail] | None:
        with self._asking():
            pipe = self._redis.pipeline()
            pipe.xrange(MAIL + "lines", f"{number}-0", f"{number}-0")
            pipe.get(f"{MAIL}content:{number}")
            rows, content = pipe.execute()
        if not rows or content is None:
            return None
        one = _unpack(rows[0][1][b"l"]).entry(number)
        mail = Mail(one.sender, one.recipients, content, one.received, one.peer, one.helo, one.login, one.tls)
        return one, mail

    def clear(self, query: Query = EVERYTHING) -> int:
        numbers = [entry.number for entry in self.find(query, -1)]
        gone = 0
        for at in range(0, len(numbers), REMOVED):
            with self._asking():
                gone += self._remove(keys=[MAIL], args=numbers[at : at + REMOVED])
        return gone

    def version(self) -> int:
        with self._asking():
            return int(self._redis.get(MAIL + "version") or 0)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except RedisError as wrong:
            raise Unavailable(f"no mailbox in Redis at {self._place}: {words_of(wrong)}") from None

    def close(self) -> None:
        self._intake.close()
        self._redis.close()
        self._redis.connection_pool.disconnect()


def _packed(mail: Mail) -> tuple[bytes, bytes]:
    """Return a mail's line, and what is searched of it."""
    seen = headline_of(mail.content)
    one = entry_of(0, mail, seen, len(mail.content))
    words = searched("\n".join(mail.recipients), mail.sender, seen)
    line = _Line(
        one.received,
        one.sender,
        one.recipients,
        one.subject,
        one.author,
        one.to,
        one.size,
        one.peer,
        one.helo,
        one.login,
        one.tls,
        words,
    )
    text = "\n".join(words).replace(_RECORD, " ").replace(_BEHIND_NUMBER, " ")
    return _pack(line), text.encode("utf-8", "replace")


def _numbers_in(text: bytes, sought: Sequence[bytes]) -> list[int]:
    """Return the numbers of the mails in whose words all that is sought stands somewhere, the newest first."""
    record, behind = _RECORD.encode(), _BEHIND_NUMBER.encode()
    longest = sought[-1]
    numbers: list[int] = []
    at = text.find(longest)
    while at >= 0:
        begin, end = text.rfind(record, 0, at), text.find(record, at)
        one = text[begin + 1 : end if end >= 0 else len(text)]
        if all(word in one for word in sought):
            numbers.append(int(one.partition(behind)[0]))
        at = text.find(longest, end) if end >= 0 else -1
    numbers.reverse()
    return numbers

"""The mailbox in Redis or Valkey: nodes that share it are one bench with one mailbox. Commands of 7.2 and older.

    sockwright:mail:lines        stream  what a list shows and a search looks at, by number (the entry's id is N-0)
    sockwright:mail:content:N    string  the mail as it came
    sockwright:mail:number, :version, :size  counters: the last number, changes, bytes of all contents

A mail is kept by one script, whole or not at all; what waits while Redis works goes there together. Whether what is
acknowledged outlives Redis is Redis's own setting (`appendonly`). A search runs in Redis, piece by piece, so that
nobody else waits for long: it looks for the words anywhere in a line, and what is found is looked at again here.
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
from sockwright.stores.mailbox import EVERYTHING, Entry, Limits, Query, entry_of, searched
from sockwright.stores.mailbox_intake import Group, Intake
from sockwright.stores.redis.link import client_of, words_of
from sockwright.stores.redis.scripts import PREFIX
from sockwright.wire.mail import Mail
from sockwright.wire.mime import headline_of

MAIL = PREFIX + "mail:"
# Seconds until a command is answered: a group of large mails is not small.
ANSWER = 10.0
# Lines that one script looks at, and mails that one removes: so long Redis does nothing else (some 10 ms).
PIECE = 10_000
REMOVED = 1_000

# KEYS: prefix. ARGV: line, content, most mails, most bytes.
_KEEP = """
local number = redis.call('INCR', KEYS[1] .. 'number')
local lines = KEYS[1] .. 'lines'
redis.call('SET', KEYS[1] .. 'content:' .. number, ARGV[2])
redis.call('XADD', lines, number .. '-0', 'l', ARGV[1], 's', #ARGV[2])
local size = redis.call('INCRBY', KEYS[1] .. 'size', #ARGV[2])
local count = redis.call('XLEN', lines)
while count > 1 and (count > tonumber(ARGV[3]) or size > tonumber(ARGV[4])) do
  local oldest = redis.call('XRANGE', lines, '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', lines, oldest[1])
  redis.call('DEL', KEYS[1] .. 'content:' .. string.sub(oldest[1], 1, -3))
  size = redis.call('DECRBY', KEYS[1] .. 'size', oldest[2][4])
  count = count - 1
end
redis.call('INCR', KEYS[1] .. 'version')
return number
"""
# ARGV: lowest and highest number, lines to look at, lines wanted, words. Returns where it stopped (0: at the end), and
# numbers and lines in turns.
_FIND = """
local found, looked, wanted, last = {0}, 0, tonumber(ARGV[4]), ARGV[2]
while looked < tonumber(ARGV[3]) do
  local piece = redis.call('XREVRANGE', KEYS[1] .. 'lines', last, ARGV[1], 'COUNT', 500)
  if #piece == 0 then return found end
  for _, entry in ipairs(piece) do
    looked = looked + 1
    last = '(' .. entry[1]
    local line, all = entry[2][2], true
    for at = 5, #ARGV do
      if not string.find(line, ARGV[at], 1, true) then all = false break end
    end
    if all then
      found[#found + 1] = string.sub(entry[1], 1, -3)
      found[#found + 1] = line
      if #found > 2 * wanted then found[1] = entry[1] return found end
    end
  end
end
found[1] = string.sub(last, 2)
return found
"""
# ARGV: numbers.
_REMOVE = """
local gone = 0
for _, number in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[1] .. 'lines', number .. '-0', number .. '-0')[1]
  if entry then
    redis.call('XDEL', KEYS[1] .. 'lines', entry[1])
    redis.call('DEL', KEYS[1] .. 'content:' .. number)
    redis.call('DECRBY', KEYS[1] .. 'size', entry[2][4])
    gone = gone + 1
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
        self._redis: Any = client_of(url, ANSWER, "--mailbox")
        self._keep = self._redis.register_script(_KEEP)
        self._find = self._redis.register_script(_FIND)
        self._remove = self._redis.register_script(_REMOVE)
        self._intake = Intake(self._write, self._limits.waiting)
        self.keep = self._intake.put
        self.version()

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
                arguments = (_packed(mail), mail.content, limits.mails, limits.size)
                self._keep(keys=[MAIL], args=arguments, client=pipe)
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
        words = tuple(word.casefold() for word in (query.to, query.sender, query.subject))
        # What stands in a line is looked for as bytes, so a word cannot be cut by how lines are packed.
        sought = [word.encode("utf-8", "replace") for word in words if word]
        found: list[Entry] = []
        low, place = f"{query.after + 1}-0".encode(), b"+"
        while limit < 0 or len(found) < limit:
            wanted = PIECE if limit < 0 else limit - len(found)
            with self._asking():
                last, *rows = self._find(keys=[MAIL], args=(low, place, PIECE, wanted, *sought))
            for number, line in zip(rows[::2], rows[1::2], strict=True):
                one = _unpack(line)
                if all(word in text for word, text in zip(words, one.searched, strict=True)):
                    found.append(one.entry(int(number)))
            if last == 0:
                break
            place = b"(" + last
        return found

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
            place = self.url.rpartition("@")[2].rpartition("://")[2]
            raise Unavailable(f"no mailbox in Redis at {place}: {words_of(wrong)}") from None

    def close(self) -> None:
        self._intake.close()
        self._redis.close()
        self._redis.connection_pool.disconnect()


def _packed(mail: Mail) -> bytes:
    seen = headline_of(mail.content)
    one = entry_of(0, mail, seen, len(mail.content))
    return _pack(
        _Line(
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
            searched("\n".join(mail.recipients), mail.sender, seen),
        )
    )

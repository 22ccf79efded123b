"""Whether a mail address's domain takes mail (`--mx`): its MX records, or its address (RFC 5321, 5.1; RFC 7505).

The standard library cannot ask for MX records, and one question of twelve bytes and a name needs no library: it is
written and read here (RFC 1035, 4). The address itself is not tried.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from sockwright.links.fetcher import Outcome, Task
from sockwright.links.schemes import addresses_of, check_scheme
from sockwright.links.terms import Source

_TIMEOUT = 3.0  # seconds for one server
_TRIES = 2
_MX, _IN = 15, 1
_THREADS = 8
_POINTERS_MAX = 20  # compression pointers in one name, which could go in circles


def name_servers(path: Path = Path("/etc/resolv.conf")) -> list[tuple[str, int]]:
    """Return the name servers that this system uses."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [(word[1], 53) for word in words if len(word) > 1 and word[0] == "nameserver"][:3]


def ask_mx(domain: str, servers: Sequence[tuple[str, int]]) -> list[str] | None:
    """Return the hosts that take mail for `domain`, best first; None for no such name.

    Raises: TimeoutError where no name server answers.
    """
    number = secrets.randbelow(65_536)
    labels = domain.rstrip(".").encode("idna").split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    question = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + name + struct.pack("!2H", _MX, _IN)
    for _ in range(_TRIES):
        for server in servers:
            answer = _ask(question, server)
            if answer is not None:
                return read_answer(answer, len(question))
    raise TimeoutError("no name server answered")


def _ask(question: bytes, server: tuple[str, int]) -> bytes | None:
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    end = time.monotonic() + _TIMEOUT
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(server)  # so that only this server's datagrams are taken
            sock.send(question)
            while (left := end - time.monotonic()) > 0:
                sock.settimeout(left)
                answer = sock.recv(65_535)
                # The same number and the same question: anything else is somebody guessing.
                if len(answer) >= len(question) and answer[:2] == question[:2] and _same(answer, question):
                    return answer
        except OSError:
            return None
    return None


def _same(answer: bytes, question: bytes) -> bool:
    return answer[12 : len(question)].lower() == question[12:].lower() and bool(answer[2] & 0x80)


def read_answer(answer: bytes, at: int) -> list[str] | None:
    """Return the hosts in an answer whose records begin at `at`; None where the name does not exist.

    Raises: TimeoutError where the server could not find out.
    """
    code = answer[3] & 15
    if code == 3:
        return None
    if code:
        raise TimeoutError(f"the name server answered with code {code}")
    hosts = []
    try:
        for _ in range(struct.unpack_from("!H", answer, 6)[0]):
            at = _read_name(answer, at)[1]
            kind, _, _, length = struct.unpack_from("!2HIH", answer, at)
            at += 10
            if kind == _MX:
                hosts.append((struct.unpack_from("!H", answer, at)[0], _read_name(answer, at + 2)[0]))
            at += length
    except (struct.error, IndexError, ValueError):
        pass  # cut off: what was read counts
    return [host for _, host in sorted(hosts)]


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    """Return a name and where it ends (RFC 1035, 4.1.4)."""
    labels: list[str] = []
    end = 0
    for _ in range(128 + _POINTERS_MAX):
        length = data[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
        elif length == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(data[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise ValueError("a name without end")


class MailSource:
    """A `Source` that finds out about `mailto:` itself and leaves the rest to another one."""

    def __init__(self, source: Source, servers: Sequence[tuple[str, int]] | None = None) -> None:
        self._source = source
        self._servers = name_servers() if servers is None else list(servers)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mx")
        self._domains: dict[str, Future[tuple[str, str]]] = {}
        self._waiting: deque[tuple[Task, list[str]]] = deque()

    @property
    def idle(self) -> bool:
        return not self._waiting and self._source.idle

    def submit(self, task: Task) -> None:
        if not task.url.startswith("mailto:"):
            self._source.submit(task)
            return
        task.begun = 1.0
        domains = sorted({one.rpartition("@")[2].lower() for one in addresses_of(task.url) if "@" in one})
        for domain in domains:
            if domain not in self._domains:
                self._domains[domain] = self._threads.submit(self._check, domain)
        self._waiting.append((task, domains))

    def step(self, seconds: float) -> list[tuple[Task, Outcome]]:
        found = []
        for _ in range(len(self._waiting)):
            task, domains = self._waiting.popleft()
            if all(self._domains[domain].done() for domain in domains):
                found.append((task, self._outcome(task, domains)))
            else:
                self._waiting.append((task, domains))
        if self._waiting or found:
            seconds = 0.0 if found else min(seconds, 0.05)
        if self._source.idle:
            if seconds:
                time.sleep(seconds)
            return found
        return found + self._source.step(seconds)

    def drain(self) -> list[Task]:
        tasks = [task for task, _ in self._waiting]
        self._waiting.clear()
        return tasks + self._source.drain()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _outcome(self, task: Task, domains: list[str]) -> Outcome:
        kind, reason = check_scheme(task.url)
        if kind == "ok":
            for domain in domains:
                kind, reason = self._domains[domain].result()
                if kind != "ok":
                    break
        return Outcome(kind, reason)

    def _check(self, domain: str) -> tuple[str, str]:
        """Return class and reason for a domain."""
        if domain.startswith("["):
            return "ok", "an address instead of a domain: not looked up"
        try:
            hosts = ask_mx(domain, self._servers)
        except UnicodeError:
            return "broken", f"{domain!r:.100} cannot be a domain"
        except TimeoutError as wrong:
            return "skipped", f"{domain}: {wrong}"
        if hosts is None:
            return "dns", f"{domain} does not exist"
        if hosts == [""]:
            return "broken", f"{domain} says that it takes no mail (RFC 7505)"
        if hosts:
            return "ok", f"mail for {domain} goes to {hosts[0]}"
        try:
            socket.getaddrinfo(domain, 25, type=socket.SOCK_STREAM)
        except OSError:
            return "broken", f"{domain} has neither mail servers nor an address"
        return "ok", f"{domain} has no MX record, but an address"

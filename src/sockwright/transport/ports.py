"""Who holds a port, and which one is free: what a person asks when a port is busy.

Linux tells it in /proc, other systems by `lsof` where there is one. Binds nothing for good: between the answer and
the use of a free port somebody else may take it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sockwright.wire.visible import visible

STEP = 100  # a busy 7007 becomes 7107, then 7207: far enough from the neighbours' own ports, easy to remember
TRIES = 20
LSOF_WAIT = 3.0  # seconds
_LISTEN = "0A"  # TCP_LISTEN in the kernel's tables
_SHOWN = 60  # characters of a command line


def holder(port: int, udp: bool = False) -> str:
    """Return who listens on `port`, `nginx: master process (pid 812)`, or an empty string where nobody is found."""
    tables = [Path(f"/proc/net/{kind}") for kind in (("udp", "udp6") if udp else ("tcp", "tcp6"))]
    if not tables[0].exists():
        return _by_lsof(port, udp)
    owners = {inode: uid for table in tables for inode, uid in _sockets(table, port, udp)}
    if not owners:
        return ""
    for pid in _holding(set(owners)):
        return f"{command_of(pid)} (pid {pid})"
    uid = next(iter(owners.values()))
    return f"a process of {_user(uid)}" if uid != os.getuid() else "a process that cannot be seen from here"


def _sockets(table: Path, port: int, udp: bool) -> Iterator[tuple[str, int]]:
    """Yield inode and owner of each socket bound to `port`."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        local, state, uid, inode = fields[1], fields[3], fields[7], fields[9]
        if int(local.rpartition(":")[2], 16) == port and (udp or state == _LISTEN):
            yield inode, int(uid)


def _holding(inodes: set[str]) -> Iterator[int]:
    """Yield the processes that have one of these sockets open, as far as we may look into them."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            held = {_link(process / "fd" / number) for number in os.listdir(process / "fd")}
        except OSError:
            continue  # not ours to look into, or gone meanwhile
        if held & wanted:
            yield int(process.name)


def _link(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # closed meanwhile


def command_of(pid: int) -> str:
    """Return how process `pid` was started, cut to size, as far as the system tells it."""
    try:
        words = [part.decode(errors="replace") for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
        words[0] = os.path.basename(words[0])
        line = " ".join(words).strip() or Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"
    return visible(line, _SHOWN)


def _user(uid: int) -> str:
    import pwd  # not on Windows, which never comes here

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def _by_lsof(port: int, udp: bool) -> str:
    lsof = shutil.which("lsof")
    if lsof is None:
        return ""
    which = [f"-iUDP:{port}"] if udp else [f"-iTCP:{port}", "-sTCP:LISTEN"]
    try:
        told = subprocess.run(
            [lsof, "-nP", "-Fpc", *which], capture_output=True, text=True, timeout=LSOF_WAIT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    fields = {line[0]: line[1:] for line in reversed(told.splitlines()) if line}
    return f"{visible(fields.get('c', 'a process'), _SHOWN)} (pid {fields['p']})" if "p" in fields else ""


def is_free(host: str, port: int, udp: bool = False) -> bool:
    """Tell whether a server could bind `port` on `host` now."""
    try:
        kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as probe:
            if not udp and os.name == "posix":
                # As a server does. On Windows this option means the opposite: share the port with whoever has it.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
            if not udp:
                probe.listen(1)  # two may bind with SO_REUSEADDR, but only one may listen
    except OSError:
        return False
    return True


def free_port(host: str, near: int) -> int:
    """Return a port that is free for both TCP and UDP: `near` + 100, + 200, ..., else one that the system picks.

    Raises: OSError where `host` is none of this machine's addresses.
    """
    for port in range(near + STEP, min(near + STEP * TRIES, 65535) + 1, STEP):
        if is_free(host, port) and is_free(host, port, udp=True):
            return port
    family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(address)
        return int(probe.getsockname()[1])

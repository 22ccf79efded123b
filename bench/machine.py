"""The machine: which core does what, processes that are started, waited for and ended, what they use.

The server has one core and the load another, so that neither is slowed by the other. On a machine that others use
as well, both get a scheduling group of great weight where we may set one (Linux, root); the table says whether.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_LIMIT = 20.0  # seconds a server may take until its port answers
STOP_LIMIT = 10.0  # seconds it may take to end after SIGTERM
WANTED_FILES = 65_536  # descriptors; as many as we may have, up to this


class StartError(Exception):
    """A program did not start, or ended before its port answered."""


@dataclass(frozen=True)
class Cores:
    """Where the two sides run; None where cores cannot be chosen (macOS) or there is only one."""

    server: int | None
    load: int | None

    @classmethod
    def here(cls) -> Cores:
        """Choose among the cores this process may use."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        known = sorted(os.sched_getaffinity(0))
        return cls(known[0], known[1]) if len(known) > 1 else cls(None, None)


def raise_file_limit(wanted: int = WANTED_FILES) -> int:
    """Raise the limit of open descriptors towards `wanted`, for us and all we start; return what it is now."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, wanted)
    for limit in ((wanted, max(hard, wanted)), (min(wanted, hard), hard)):
        try:  # the first is for root only
            if soft < limit[0]:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def spawn(
    command: Sequence[str],
    core: int | None,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = subprocess.DEVNULL,
    stderr: int | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program on a core (children inherit ours, so we step onto it for a moment)."""
    before = os.sched_getaffinity(0) if core is not None else set()
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
        )
    finally:
        if core is not None:
            os.sched_setaffinity(0, before)
    give_weight(process.pid)
    return process


def give_weight(pid: int) -> bool:
    """Give a process's session the greatest share of its core; False where that is not ours to give."""
    try:
        Path(f"/proc/{pid}/autogroup").write_text("-20")
    except OSError:
        return False
    return True


def has_weight() -> bool:
    """Tell whether what we measure is shielded from the other programs of this machine."""
    process = subprocess.Popen(["sleep", "10"], start_new_session=True)
    try:
        return give_weight(process.pid)
    finally:
        process.kill()
        process.wait()


def tasks_say(pid: int, file: str) -> list[str]:
    """Return what each thread of a process says in `/proc/PID/task/TID/FILE`; what is gone meanwhile says nothing."""
    said = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                said.append(Path(f"/proc/{pid}/task/{task}/{file}").read_text())
    return said


def family(pid: int) -> list[int]:
    """Return a process and all its descendants (nginx's worker is one)."""
    found = [pid]
    for parent in found:
        found.extend(int(child) for said in tasks_say(parent, "children") for child in said.split())
    return found


def cpu_seconds(pid: int) -> float | None:
    """Return the CPU time that a process and its descendants have used, ended threads too; None where nobody tells."""
    ticks = []
    for member in family(pid):
        with contextlib.suppress(OSError):
            # proc(5), /proc/PID/stat: what follows the name in brackets; utime, stime, and those of ended children
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks.append(sum(int(field) for field in fields[11:15]))
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def memory_bytes(pid: int) -> int | None:
    """Return the memory of a process and its descendants, shared pages by their share; None where nobody tells."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total or None


def descriptors(pid: int) -> int | None:
    """Return how many descriptors a process has open; None where nobody tells."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def threads(pid: int) -> int | None:
    """Return how many threads a process has; None where nobody tells."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return None


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def answers(port: int, datagrams: bool = False) -> bool:
    """Tell whether somebody listens on the port: accepts a connection, or sends a datagram back."""
    try:
        if not datagrams:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.05)
            asking.connect(("127.0.0.1", port))
            asking.send(b"there?")
            return bool(asking.recv(100))
    except OSError:
        return False


@dataclass
class Server:
    """A running program under load."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def words(self, most: int = 240) -> str:
        """Return the end of what it said on stderr and stdout, on one line."""
        return " ".join(self.log.read_text("utf-8", "replace").split())[-most:]

    def stop(self) -> None:
        """End it: first politely, then for good."""
        for sign, patience in ((signal.SIGTERM, STOP_LIMIT), (signal.SIGKILL, None)):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)


@dataclass
class Stage:
    """Where a run takes place: its cores, its folder for a while, the servers that stand on it."""

    folder: Path
    cores: Cores
    seconds: float
    servers: dict[str, Server] = field(default_factory=dict)

    def start(
        self,
        command: Sequence[str],
        port: int,
        *,
        datagrams: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """Start a server on the server's core and wait until its port answers.

        Raises: StartError, with the last words of the program.
        """
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        with log.open("wb") as sink:
            try:
                process = spawn(
                    command,
                    self.cores.server,
                    environment=environment,
                    stdout=sink.fileno(),
                    stderr=sink.fileno(),
                )
            except OSError as trouble:
                raise StartError(f"it did not start: {trouble}") from trouble
        server = Server(process, port, log)
        give_up = time.monotonic() + START_LIMIT
        while not answers(port, datagrams):
            if process.poll() is not None:
                raise StartError(f"it ended with {process.returncode}: {server.words()}")
            if time.monotonic() > give_up:
                server.stop()
                raise StartError(f"no answer on port {port} within {START_LIMIT:g} s: {server.words()}")
            time.sleep(0.01)
        return server

    def run(self, command: Sequence[str], limit: float) -> subprocess.CompletedProcess[str]:
        """Run a load generator on the load's core to its end, at most `limit` seconds."""
        process = spawn(command, self.cores.load, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nstopped after {limit:g} s".encode()
        return subprocess.CompletedProcess(command, process.returncode, out.decode(), err.decode("utf-8", "replace"))

    def clear(self) -> None:
        """End all servers."""
        for server in self.servers.values():
            server.stop()
        self.servers.clear()


@contextlib.contextmanager
def stage(seconds: float) -> Iterator[Stage]:
    """Set up a stage; when the run is over, whatever happened, nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="sockwright-bench-") as folder:
        made = Stage(Path(folder), Cores.here(), seconds)
        # SIGTERM ends us like Ctrl-C does, so that the servers end with us.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            yield made
        finally:
            made.clear()
            signal.signal(signal.SIGTERM, before)


def described() -> str:
    """Return what a reader should know of this machine, in one line."""
    cores = Cores.here()
    pinned = (
        f"server on core {cores.server}, load on core {cores.load}" if cores.load is not None else "cores not chosen"
    )
    shielded = "shielded from other programs" if has_weight() else "other programs take part (root on Linux can shield)"
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}; {pinned}, {shielded}{busy}"
    )

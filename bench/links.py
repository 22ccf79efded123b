"""The link checker: a site of 2,000 pages with 380 faults against its peers, and hosts that are slow, dead or strict.

Each contender is a program run to its end; what it printed is compared with what is known to be wrong. The peers run
in their quickest setting: LinkChecker and lychee have limits for one host that are meant for other people's servers.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from bench import ours
from bench.figures import Bound, Figures, Goal
from bench.machine import Server, Stage, free_port, spawn
from bench.race import Contender, Load, LoadError, Place, Race, WrongBytes, python
from bench.site import LOCATIONS, PAGES, Site, make_site
from bench.web import nginx

MOODY = Path(__file__).with_name("peers") / "moody_site.py"
SPENT = Path(__file__).with_name("spent.py")
LIMIT = 300.0  # seconds after which a contender is not waited for
OURS = "sockwright"
URLLIB = "sockwright --engine urllib"
LYCHEE = "lychee"
LINKINATOR = "linkinator"
LINKCHECKER = "LinkChecker"
MUFFET = "muffet"
FAILING = {"broken", "time-out", "dns", "tls", "refused"}

Found = set[tuple[str, str]]  # (URL of the page, URL of the link, resolved)


@dataclass(frozen=True)
class Job:
    """What a checker is to do: begin at `start`, or go through `pages` where it cannot find them itself."""

    start: str
    pages: Sequence[str]
    folder: Path


@dataclass(frozen=True)
class Checker:
    """How to run one, and how to read what it says."""

    command: Callable[[Job], Sequence[str]]
    read: Callable[[str, Job], Found]


def ours_command(job: Job, *more: str) -> list[str]:
    return [*ours.executable(), "links", job.start, "--recursive", "--json", "--store", "none", *more]


def read_ours(text: str, job: Job) -> Found:
    lines = [json.loads(line) for line in text.splitlines()]
    return {(line["page"], line["url"]) for line in lines if line.get("class") in FAILING}


def lychee_command(job: Job) -> list[str]:
    pages = job.folder / "pages.txt"
    pages.write_text("\n".join(job.pages))
    quick = ["--host-concurrency", "128", "--host-request-interval", "0ms"]
    return ["lychee", "--no-progress", "--include-fragments", *quick, "--format", "json", "--files-from", str(pages)]


def read_lychee(text: str, job: Job) -> Found:
    told = json.loads(text)
    return {(page, one["url"]) for page, found in told["error_map"].items() for one in found}


def linkinator_command(job: Job) -> list[str]:
    words = ["--recurse", "--check-fragments", "--concurrency", "100", "--format", "json", "--verbosity", "error"]
    return ["linkinator", job.start, *words]


def read_linkinator(text: str, job: Job) -> Found:
    links = json.loads(text)["links"]
    return {(one.get("parent") or "", one["url"]) for one in links if one["state"] == "BROKEN"}


def linkchecker_command(job: Job) -> list[str]:
    settings = job.folder / "linkcheckerrc"
    settings.write_text("[checking]\nmaxrequestspersecond=1000000\n[AnchorCheck]\n")
    return ["linkchecker", "-f", str(settings), "--no-robots", "--check-extern", "--no-status", "-o", "csv", job.start]


def read_linkchecker(text: str, job: Job) -> Found:
    import csv

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter=";"))
    bad = [
        row
        for row in rows
        if row["valid"] == "False" or "Anchor `" in (row["warningstring"] or row["infostring"] or "")
    ]
    return {(row["parentname"], urljoin(row["parentname"], row["urlname"])) for row in bad}


def muffet_command(job: Job) -> list[str]:
    return ["muffet", "--format", "json", "--max-connections-per-host", "100", job.start]


def read_muffet(text: str, job: Job) -> Found:
    return {(page["url"], link["url"]) for page in json.loads(text) for link in page["links"]}


CHECKERS = {
    OURS: Checker(ours_command, read_ours),
    URLLIB: Checker(lambda job: ours_command(job, "--engine", "urllib"), read_ours),
    LYCHEE: Checker(lychee_command, read_lychee),
    LINKINATOR: Checker(linkinator_command, read_linkinator),
    LINKCHECKER: Checker(linkchecker_command, read_linkchecker),
    MUFFET: Checker(muffet_command, read_muffet),
}


def run(command: Sequence[str], folder: Path) -> tuple[str, dict[str, float]]:
    """Run a checker to its end; return what it printed, and its seconds, CPU seconds and peak memory."""
    out, err, spent = folder / "out", folder / "err", folder / "spent.json"
    launch = [sys.executable, "-I", "-S", str(SPENT), str(spent), *command]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = spawn(
            launch, None, stdout=stdout.fileno(), stderr=stderr.fileno(), environment={"SOCKWRIGHT_HOME": str(folder)}
        )
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own
            process.wait()
            raise LoadError(f"not through after {LIMIT:g} s") from None
    text = out.read_text("utf-8", "replace")
    if not text.strip():
        raise LoadError(f"it ended with {process.returncode}: {err.read_text('utf-8', 'replace').strip()[-300:]}")
    return text, json.loads(spent.read_text())


def standing(name: str, stage: Stage, command: Callable[[Place], Sequence[str]]) -> Server:
    """Return the server of this name, started on first use."""
    if name not in stage.servers:
        folder = stage.folder / name.replace(" ", "-")
        folder.mkdir()
        place = Place(free_port(), folder)
        stage.servers[name] = stage.start(command(place), place.port)
    return stage.servers[name]


_sites: dict[Path, Site] = {}


def the_site(stage: Stage) -> Site:
    """Return the site, made on first use."""
    if stage.folder not in _sites:
        root = stage.folder / "site"
        root.mkdir()
        _sites[stage.folder] = make_site(root, refused=free_port())
    return _sites[stage.folder]


def scored(contender: Contender, job: Job, site: Site, port: int, folder: Path) -> dict[str, float]:
    """Run a checker over the site and compare what it found with what is there."""
    checker = CHECKERS[contender.name]
    text, figures = run(checker.command(job), folder)
    base = f"http://127.0.0.1:{port}/"
    faults = {(base + page, urljoin(base + page, raw)) for page, raw in site.faults}
    # The start page has two names, and its faults count under either.
    found = {
        (base + "index.html" if page == base else page.partition("#")[0], url) for page, url in checker.read(text, job)
    }
    figures |= {"found": len(found & faults), "false": len(found - faults), "rate": site.links / figures["seconds"]}
    return figures


def whole_site(contender: Contender, stage: Stage) -> Figures:
    """Check the site on nginx."""
    site = the_site(stage)
    # LinkChecker goes slowly for whoever does not send this field.
    locations = LOCATIONS.format(root=site.root) + 'add_header LinkChecker "no limit" always;'
    server = standing("nginx", stage, lambda place: nginx(place, locations))
    folder = work_folder(stage)
    job = Job(f"http://127.0.0.1:{server.port}/", site.urls(server.port), folder)
    figures = scored(contender, job, site, server.port, folder)
    if contender.group == "ours" and (figures["found"] < len(site.faults) or figures["false"]):
        raise WrongBytes(f"{figures['found']:g} of {len(site.faults)} faults found, {figures['false']:g} false alarms")
    return figures


def work_folder(stage: Stage) -> Path:
    folder = stage.folder / f"{time.monotonic_ns()}.work"
    folder.mkdir()
    return folder


def second_run(contender: Contender, stage: Stage) -> Figures:
    """Check the site twice with a memory; return the share of the bodies that are sent again."""
    site = the_site(stage)
    server = standing("nginx", stage, lambda place: nginx(place, LOCATIONS.format(root=site.root)))
    folder = work_folder(stage)
    command = [*ours.executable(), "links", f"http://127.0.0.1:{server.port}/", "--recursive", "--json"]
    command += ["--store", str(folder / "links.db")]
    first = json.loads(run(command, folder)[0].splitlines()[-1])["summary"]
    text, figures = run(command, folder)
    second = json.loads(text.splitlines()[-1])["summary"]
    if second["classes"] != first["classes"]:
        raise WrongBytes(f"{second['classes']} after {first['classes']}")
    return figures | {"share": second["bytes"] / first["bytes"], "over": figures["seconds"]}


def latency(contender: Contender, stage: Stage) -> Figures:
    """Check the site with 50 ms added to each reply over 100 connections; `over` is the time by its bound."""
    site = the_site(stage)
    delay, connections = 0.05, 100
    server = standing(
        "delayed", stage, lambda p: python(str(MOODY), str(p.port), "delayed", str(delay), str(site.root))
    )
    folder = work_folder(stage)
    job = Job(f"http://127.0.0.1:{server.port}/", site.urls(server.port), folder)
    text, figures = run(ours_command(job, "--per-host", str(connections)), folder)
    requests = json.loads(text.splitlines()[-1])["summary"]["requests"]
    return figures | {"over": figures["seconds"] / (requests * delay / connections)}


def page_with(links: Sequence[str], folder: Path) -> str:
    page = folder / "page.html"
    page.write_text("<!doctype html>" + "".join(f'<p><a href="{link}">x</a>\n' for link in links))
    return str(page)


def of_page(contender: Contender, links: Sequence[str], folder: Path, *more: str) -> tuple[str, dict[str, float]]:
    """Check the links of one page that is a file."""
    page = page_with(links, folder)
    if contender.name == LYCHEE:
        words = ["--host-request-interval", "0ms", "--format", "json", "--timeout", "2"]
        return run(["lychee", "--no-progress", *words, page], folder)
    return run([*ours.executable(), "links", page, "--json", "--store", "none", *more], folder)


def classes(text: str) -> Mapping[str, int]:
    found: Mapping[str, int] = json.loads(text.splitlines()[-1])["summary"]["classes"]
    return found


def slow_hosts(contender: Contender, stage: Stage) -> Figures:
    """100 links to each of 4 slow hosts, one host after the other, 10 at once per host."""
    delay = 0.3
    ports = [
        standing(f"slow {n}", stage, lambda p: python(str(MOODY), str(p.port), "slow", str(delay))).port
        for n in range(4)
    ]
    links = [f"http://127.0.0.1:{port}/{number}" for port in ports for number in range(100)]
    text, figures = of_page(contender, links, work_folder(stage), "--per-host", "10", "--no-robots")
    if contender.name != LYCHEE and classes(text) != {"ok": 400}:
        raise WrongBytes(str(classes(text)))
    return figures | {"over": figures["seconds"] / (100 / 10 * delay)}


def dead_hosts(contender: Contender, stage: Stage) -> Figures:
    """60 links to 3 hosts that never answer, among 1,000 good ones, with a time-out of 2 s."""
    good = standing("good", stage, lambda p: python(str(MOODY), str(p.port), "slow", "0")).port
    dead = [socket.socket() for _ in range(3)]
    try:
        for listener in dead:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
        links = [f"http://127.0.0.1:{one.getsockname()[1]}/{n}" for one in dead for n in range(20)]
        links += [f"http://127.0.0.1:{good}/{n}" for n in range(1000)]
        text, figures = of_page(contender, links, work_folder(stage), "--timeout", "2s")
    finally:
        for listener in dead:
            listener.close()
    if contender.name != LYCHEE and classes(text) != {"ok": 1000, "time-out": 60}:
        raise WrongBytes(str(classes(text)))
    return figures | {"over": figures["seconds"]}


def strict_host(contender: Contender, stage: Stage) -> Figures:
    """60 links to a host that grants 10 requests a second."""
    server = standing("limited", stage, lambda p: python(str(MOODY), str(p.port), "limited", "10"))
    links = [f"http://127.0.0.1:{server.port}/{number}" for number in range(60)]
    text, figures = of_page(contender, links, work_folder(stage))
    with socket.create_connection(("127.0.0.1", server.port), 5) as asking:
        asking.sendall(b"GET /early HTTP/1.1\r\nHost: x\r\n\r\n")
        early = int(asking.recv(4096).rpartition(b"\r\n\r\n")[2])
    time.sleep(1.1)  # the next one finds the host as it was
    if contender.name != LYCHEE and classes(text) != {"ok": 60}:
        raise WrongBytes(str(classes(text)))
    return figures | {"over": figures["seconds"], "early": early}


def nothing(place: Place) -> Sequence[str]:
    """A checker has no server."""
    raise subprocess.SubprocessError(f"never started at {place.port}")


def checker(name: str, group: str, *needs: str, loads: tuple[str, ...] = ()) -> Contender:
    return Contender(name, nothing, group, needs, loads=loads)


SITE = f"{PAGES} pages"
TWICE = "the same again, with a memory"
LATENCY = "50 ms a reply, 100 connections"
SLOW = "4 slow hosts in a row"
DEAD = "3 dead hosts among 1,000 good links"
STRICT = "10 requests a second granted"

LINKS = Race(
    "links",
    "a site of 2,000 pages, 40,000 links and 380 faults, on nginx",
    (
        checker(LYCHEE, "yardstick", "lychee"),
        checker(OURS, "ours", "nginx"),
        checker(URLLIB, "variant", "nginx"),
        checker(LINKINATOR, "other", "linkinator"),
        checker(LINKCHECKER, "python", "linkchecker"),
        checker(MUFFET, "other", "muffet"),
    ),
    (Load(SITE, whole_site),),
    (
        Goal(OURS, LINKCHECKER, 50),
        Goal(OURS, LINKINATOR, 6),
        Goal(OURS, LYCHEE, 1.5),
        Goal(LYCHEE, OURS, 1.0, "cpu_s"),
        Bound(OURS, 90, "memory_mb", "MB"),
    ),
    LYCHEE,
    columns=(
        ("rate", "links/s"),
        ("seconds", "s"),
        ("cpu_s", "CPU s"),
        ("memory_mb", "MB"),
        ("found", "found"),
        ("false", "false"),
    ),
    rounds=3,
)

HOSTS = Race(
    "links-hosts",
    "hosts that are slow, dead or strict",
    (
        checker(OURS, "ours"),
        checker(LYCHEE, "other", "lychee", loads=(SLOW, DEAD, STRICT)),
    ),
    (
        Load(TWICE, second_run),
        Load(LATENCY, latency),
        Load(SLOW, slow_hosts),
        Load(DEAD, dead_hosts),
        Load(STRICT, strict_host),
    ),
    (
        Bound(OURS, 0.2, "share", "of the bodies", (TWICE,)),
        Bound(OURS, 1.5, "over", "× the bound", (LATENCY,)),
        Bound(OURS, 1.1, "over", "× the bound", (SLOW,)),
        Bound(OURS, 5.0, "over", "s", (DEAD,)),
        Bound(OURS, 8.0, "over", "s", (STRICT,)),
        Bound(OURS, 0.0, "early", "early requests", (STRICT,)),
    ),
    OURS,
    figure="over",
    more_is_better=False,
    columns=(("over", "s or × bound"), ("seconds", "s"), ("cpu_s", "CPU s"), ("memory_mb", "MB"), ("early", "early")),
    rounds=3,
)

"""A site to check: 2,000 pages, some 40,000 links, 380 of them at fault, and things that look like faults and are none.

Made from a seed, so that every contender and every run has the same one. The faults are known by page and link, so a
report can be compared with them.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

PAGES = 2_000
LINKS = 20  # of a page to other pages
SECTIONS = 40
FAULTS = {"missing page": 180, "missing picture": 60, "missing fragment": 60, "gone": 30, "redirect to nowhere": 30}
FAULTS |= {"redirect loop": 10, "refused": 10}
WORDS = [
    "network",
    "socket",
    "server",
    "client",
    "stream",
    "packet",
    "router",
    "address",
    "timeout",
    "protocol",
    "message",
    "queue",
    "buffer",
    "frame",
]

# What nginx must answer beside the files.
LOCATIONS = """
    root {root}; types {{ text/html html; text/css css; image/png png; application/pdf pdf; }}
    location /gone/ {{ return 410; }}
    location /moved/ {{ rewrite ^/moved/(.*)$ /$1 permanent; }}
    location /loop/ {{ rewrite ^/loop/(.*)a$ /loop/$1b redirect; rewrite ^/loop/(.*)b$ /loop/$1a redirect; }}
"""


@dataclass
class Site:
    """What was made: where, and what is wrong with it."""

    root: Path
    faults: set[tuple[str, str]] = field(default_factory=set)  # (page's path, link as it is written)
    links: int = 0
    pages: list[str] = field(default_factory=list)  # paths

    def urls(self, port: int) -> list[str]:
        return [f"http://127.0.0.1:{port}/{page}" for page in self.pages]


def path_of(number: int) -> str:
    """Return the path of a page below the root."""
    return f"s{number % SECTIONS:02d}/page{number:04d}.html" if number else "index.html"


def make_site(root: Path, *, refused: int, pages: int = PAGES, seed: int = 7) -> Site:
    """Write the site to `root`; `refused` is a port where nobody listens."""
    dice = random.Random(seed)
    site = Site(root, pages=[path_of(number) for number in range(pages)])
    for section in range(SECTIONS):
        (root / f"s{section:02d}").mkdir(parents=True, exist_ok=True)
    (root / "static").mkdir(exist_ok=True)
    (root / "static" / "style.css").write_text("body { background: url(back.png) }\n")
    (root / "static" / "back.png").write_bytes(b"\x89PNG" + bytes(200))
    for number in range(20):
        (root / "static" / f"picture {number}.png").write_bytes(b"\x89PNG" + bytes(3_000))
    (root / "static" / "big.pdf").write_bytes(b"%PDF-1.4" + bytes(300_000))
    plan: dict[int, list[str]] = {}
    for kind, count in FAULTS.items():
        for _ in range(count):
            plan.setdefault(dice.randrange(pages), []).append(kind)
    for number in range(pages):
        text = page(site, number, plan.get(number, []), dice, refused)
        (root / path_of(number)).write_text(text, "utf-8")
    (root / "faults.json").write_text(json.dumps(sorted(site.faults)))
    return site


def page(site: Site, number: int, faults: list[str], dice: random.Random, refused: int) -> str:
    """Return the text of a page, and note its faults."""
    me = path_of(number)
    up = "" if number == 0 else "../"
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<title>Page {number}</title><link rel="stylesheet" href="{up}static/style.css">',
        '</head><body><h1 id="top-of-page">Words</h1>',
        f'<nav><a href="{up}index.html">home</a>',
        f'<a href="{up}{path_of((number + 1) % len(site.pages))}">next</a></nav>',
        # None of these is a fault, though it may look like one.
        f"<!-- <a href='{up}not/there.html'>old</a> --><script>var x = '<a href=\"nowhere.html\">';</script>",
        f'<img src="{up}static/picture%20{number % 20}.png" alt="a picture">',
        f'<a href="{up}moved/{path_of((number * 3) % len(site.pages))}">moved</a>'
        if number % 10 == 0
        else "<a href='#top-of-page'>up</a>",
        f'<a href="{up}static/big.pdf#page=2">paper</a>' if number % 50 == 0 else "",
    ]
    site.links += 6
    targets = [number * LINKS + step for step in range(1, LINKS - 4)]  # a tree, so that all are reached
    for target in targets:
        other = path_of(target if target < len(site.pages) else dice.randrange(len(site.pages)))
        fragment = "#second" if dice.random() < 0.15 else ""
        lines.append(
            f'<p>{sentence(dice)} <a href="{up}{other}{fragment}">{dice.choice(WORDS)}</a> {sentence(dice)}</p>'
        )
        site.links += 1
    for place, kind in enumerate(faults):
        raw = faulty(kind, f"{number}x{place}", up, dice, refused, len(site.pages))
        if "picture" in kind:
            lines.append(f'<img src="{raw}" alt="">')
        else:
            lines.append(f'<p><a href="{raw}">{dice.choice(WORDS)}</a></p>')
        site.faults.add((me, raw))
        site.links += 1
    lines.append(f'<h2 id="second">More</h2><p>{" ".join(sentence(dice) for _ in range(12))}</p></body></html>')
    return "\n".join(lines)


def faulty(kind: str, name: str, up: str, dice: random.Random, refused: int, pages: int) -> str:
    """Return a link that is at fault in the given way, as it is written."""
    match kind:
        case "missing page":
            return f"{up}missing/{name}.html"
        case "missing picture":
            return f"{up}static/missing-{name}.png"
        case "missing fragment":
            return f"{up}{path_of(dice.randrange(pages))}#no-{name}"
        case "gone":
            return f"{up}gone/{name}.html"
        case "redirect to nowhere":
            return f"{up}moved/missing/{name}.html"
        case "redirect loop":
            return f"{up}loop/{name}a"
        case _:
            return f"http://127.0.0.1:{refused}/{name}"


def sentence(dice: random.Random) -> str:
    """Return some words."""
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(5, 12))).capitalize() + "."

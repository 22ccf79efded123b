"""What the pages are made of: styles, scripts and pictures of one folder, by names that were found in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

STATIC = Path(__file__).parent / "static"
# What a static file is, by the end of its name; others are not served.
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


class StaticFiles:
    """Files of one folder, read once: they are few, small, and our own."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._held: dict[str, tuple[float, tuple[bytes, str, str]]] = {}
        self._known = {
            path.relative_to(folder).as_posix(): path
            for path in (folder.rglob("*") if folder.is_dir() else ())
            if path.is_file() and path.suffix in TYPES
        }

    def find(self, name: str) -> tuple[bytes, str, str] | None:
        """Return content, type and entity tag. Only names that were found in the folder are known."""
        path = self._known.get(name)
        if path is None:
            return None
        changed = path.stat().st_mtime
        held = self._held.get(name)
        if held is None or held[0] != changed:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            held = self._held[name] = (changed, (content, TYPES[path.suffix], tag))
        return held[1]

"""Exercise 3: collect all links of a page with urllib, and check that they work."""

import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib import error, request
from urllib.parse import urldefrag, urljoin


class Links(HTMLParser):
    """Collects where the <a href> of a page lead."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href is not None:
            url = urldefrag(urljoin(self.base, href)).url
            if url.startswith("http") and url not in self.found:
                self.found.append(url)


def check(url: str) -> str:
    """Ask for a URL; return "200 OK", or what is wrong."""
    try:
        with request.urlopen(url, timeout=5) as response:
            return f"{response.status} {response.reason}"
    except error.HTTPError as wrong:
        with wrong:
            return f"{wrong.code} {wrong.reason}"
    except OSError as wrong:  # refused, timed out, no such name: URLError is one of these
        return f"broken: {wrong}"


where = sys.argv[1] if len(sys.argv) > 1 else "8888"
start = f"http://127.0.0.1:{where}/" if where.isdecimal() else where
with request.urlopen(start, timeout=5) as page:
    links = Links(page.url)
    links.feed(page.read().decode(page.headers.get_content_charset("utf-8"), "replace"))
with ThreadPoolExecutor(10) as pool:
    for url, verdict in zip(links.found, pool.map(check, links.found), strict=True):
        print(url, verdict)

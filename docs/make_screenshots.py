"""Make docs/images/*.png: each view of the console, with a bench full of lively examples behind it.

Needs chromium; the usual ports should be free, since they are in the pictures.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xmlrpc.client import ServerProxy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.console.browser.benches import Bench, Visitor, live, row_with  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = ROOT / "docs" / "images"
TEMPLATES = ROOT / "src" / "sockwright" / "console" / "templates"
WIDE, NARROW = (1280, 800), (420, 800)
# Seconds of traffic before the first picture: a spark line shows a minute.
LIVELY = 40.0


class View(NamedTuple):
    """One picture: where to go, what to do there, and how it is looked at."""

    name: str
    path: str
    do: Callable[[Page], object] = lambda page: None
    size: tuple[int, int] = WIDE
    theme: str = "light"


def conversation(page: Page) -> None:
    row_with(page, "POST /call/").click()
    page.locator(".piece").nth(1).wait_for()


def pieces(page: Page) -> None:
    row_with(page, "Съешь").click()
    page.get_by_role("button", name="Both").click()
    page.locator(".piece").nth(3).wait_for()


def timeline(page: Page) -> None:
    row_with(page, "Съешь").click()
    page.get_by_role("tab", name="Timeline").click()
    page.locator(".steps").wait_for()


def anatomy(page: Page) -> None:
    row_with(page, "GET /old-client").click()
    page.get_by_role("tab", name="Anatomy").click()
    page.locator(".message").first.wait_for()


def faults(page: Page) -> None:
    page.get_by_role("button", name="Break greet tcp").click()
    page.get_by_label("What goes wrong").select_option("latency")


def mail(page: Page) -> None:
    row_with(page, "Minutes of Tuesday").click()
    page.wait_for_timeout(500)


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_timeout(500)


VIEWS = (
    View("bench", "/"),
    View("bench-dark", "/", theme="dark"),
    View("faults", "/", faults),
    View("traffic", "/traffic"),
    View("conversation", "/traffic", conversation),
    View("conversation-dark", "/traffic?filter=service:echo", pieces, theme="dark"),
    View("conversation-narrow", "/traffic?filter=service:echo", pieces, NARROW),
    View("timeline", "/traffic?filter=proto:tcp", timeline),
    View("anatomy", "/traffic?filter=proto:http", anatomy),
    View("people", "/people"),
    View("codebooks", "/codebooks"),
    View("mailbox", "/mailbox", mail),
    View("call", "/call", send),
    View("links", "/links"),
    View("keyboard", "/help"),
)


def main(*names: str) -> int:
    """Make the pictures called `names`, all without one."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.stderr.write("error: chromium is missing\n  apt-get install chromium\n")
        return 3
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as driver:
        bench = Bench(Path(home), "--dir", str(ROOT / "docs"), usual=True)
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        try:
            if not names or "empty" in names:
                picture(Visitor(browser, bench), View("empty", "/"))
            with lively(bench):
                settled = opened(Visitor(browser, bench), VIEWS[0])  # gathers what the spark lines show
                time.sleep(LIVELY if not names or {"bench", "bench-dark"} & set(names) else 5)
                for view in VIEWS:
                    if names and view.name not in names:
                        continue
                    if not is_there(view):
                        continue
                    if view.name.startswith("bench"):
                        settled.emulate_media(color_scheme=view.theme)  # type: ignore[arg-type]
                        shoot(settled, view)
                    else:
                        picture(Visitor(browser, bench, viewport=size(view), color_scheme=view.theme), view)
        finally:
            browser.close()
            bench.stop()
    return 0


def is_there(view: View) -> bool:
    """Tell whether the console has that screen."""
    screen = view.path.strip("/").partition("?")[0].partition("/")[0] or "bench"
    return (TEMPLATES / f"{screen}.html").exists()


def size(view: View) -> dict[str, int]:
    return {"width": view.size[0], "height": view.size[1]}


def opened(visitor: Visitor, view: View) -> Page:
    page = visitor.open(view.path, wait=False)
    live(page)
    page.wait_for_timeout(300)
    view.do(page)
    page.wait_for_timeout(700)
    return page


def picture(visitor: Visitor, view: View) -> None:
    shoot(opened(visitor, view), view)
    visitor.context.close()


def shoot(page: Page, view: View) -> None:
    page.wait_for_timeout(200)
    path = IMAGES / f"{view.name}.png"
    path.write_bytes(smaller(page, page.screenshot()))
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KiB")


# A page has few colours but for the edges of letters, so 255 stand for all: those that are used most, then those that
# would be missed most. A third of the bytes.
PALETTE = """async (picture) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const one of pixels) counts.set(one, (counts.get(one) ?? 0) + 1);
  const parts = (one) => [one & 255, (one >> 8) & 255, (one >> 16) & 255];
  const colours = [...counts].map(([one, count]) => ({one, count, rgb: parts(one), far: Infinity, place: 0}));
  colours.sort((a, b) => b.count - a.count);
  const palette = [];
  const take = ({rgb}) => {
    for (const colour of colours) {
      const far = rgb.reduce((sum, part, at) => sum + (part - colour.rgb[at]) ** 2, 0);
      if (far < colour.far) [colour.far, colour.place] = [far, palette.length];
    }
    palette.push(rgb);
  };
  colours.slice(0, 64).forEach(take);
  const missed = ({count, far}) => count * far * far;
  const worst = () => colours.reduce((a, b) => (missed(b) > missed(a) ? b : a));
  while (palette.length < Math.min(255, colours.length)) take(worst());
  const places = new Map(colours.map(({one, place}) => [one, place]));
  let text = '';
  for (const one of pixels) text += String.fromCharCode(places.get(one));
  return [image.width, image.height, palette.flat(), btoa(text)];
}"""


def smaller(page: Page, picture: bytes) -> bytes:
    """Return a PNG with a palette (PNG, 11.2.2), its colours found by the browser."""
    blank = page.context.browser.new_page()  # type: ignore[union-attr]
    try:
        width, height, palette, indices = blank.evaluate(PALETTE, base64.b64encode(picture).decode())
    finally:
        blank.close()
    data = base64.b64decode(indices)
    rows = b"".join(b"\0" + data[at : at + width] for at in range(0, len(data), width))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
    body = chunk(b"PLTE", bytes(palette)) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


# -- the examples


@contextmanager
def lively(bench: Bench) -> Iterator[None]:
    """Let people talk to the bench while the block lasts: first what the pictures show, then this and that."""
    over = threading.Event()
    with ExitStack() as there:
        for name, age in (("Ann", 30), ("Борис", 41), ("Chiara", 27)):
            sock = there.enter_context(bench.dial("people"))
            sock.sendall(json.dumps({"name": name, "age": age}).encode() + b"\n")
        bench.shell(f"sockwright break tcp://127.0.0.1:{bench.ports['greet', 'tcp']} latency=200ms~50ms")
        bench.shell(f"sockwright break udp://127.0.0.1:{bench.ports['echo', 'udp']} loss=10% --rate 50%")
        mails(bench)
        crowd = threading.Thread(target=chatter, args=(bench, over))
        crowd.start()
        there.callback(crowd.join)
        there.callback(over.set)
        yield


def mails(bench: Bench) -> None:
    at = f"smtp://:{bench.ports['mailsink', 'smtp']}"
    for sender, to, subject in (
        ("bob@example.org", "ann@example.org", "Minutes of Tuesday"),
        ("shop@example.com", "ann@example.org", "Your code is 482 913"),
        ("boris@example.org", "team@example.org", "Отчёт за ноябрь"),
    ):
        bench.shell(f"sockwright call {at} from={sender} to={to} subject='{subject}' body='Hello, and thank you.'")


def chatter(bench: Bench, over: threading.Event) -> None:
    """Say this and that until it is `over`; what goes wrong here is part of the picture."""
    sayings: list[Callable[[], object]] = [
        lambda: bench.say(b"khoor zruog frph hduob\n", "codebook"),
        lambda: http(bench, "GET / HTTP/1.1", "User-Agent: Mozilla/5.0"),
        lambda: bench.say(b"hello, bench\n"),
        lambda: http(bench, "GET /probe/status/503 HTTP/1.1", "User-Agent: curl/8.5.0"),
        lambda: broken_off(bench),
        lambda: http(bench, "GET /old-client HTTP/1.1", "User-Agent : legacy/0.9"),
        lambda: in_pieces(bench, "Съешь ещё этих мягких французских булок\r\n"),
        lambda: call(bench),
        lambda: http(bench, "POST /call/parity.is_even HTTP/1.1", "Content-Type: application/json", b'{"n": 4}'),
        lambda: datagram(bench, b"ping"),
        lambda: bench.say(b"", "greet", all_of_it=False),
        lambda: datagram(bench, "привет".encode(), "time"),
    ]
    while not over.is_set():
        for saying in sayings:
            with suppress(OSError):
                saying()
            if over.wait(0.35):
                return
        over.wait(1.5)


def http(bench: Bench, start: str, field: str, content: bytes = b"") -> bytes:
    length = f"Content-Length: {len(content)}\r\n" if content else ""
    head = f"{start}\r\nHost: 127.0.0.1:{bench.ports['http', 'http']}\r\n{field}\r\n{length}Connection: close\r\n\r\n"
    return bench.say(head.encode() + content, "http", "http", all_of_it=False)


def call(bench: Bench) -> None:
    with ServerProxy(f"http://127.0.0.1:{bench.ports['xmlrpc', 'xmlrpc']}/") as methods:
        methods.is_even(4)


def in_pieces(bench: Bench, text: str) -> None:
    data = text.encode()
    with bench.dial("echo") as sock:
        for at in range(0, len(data), 26):
            sock.sendall(data[at : at + 26])
            sock.recv(4096)
            time.sleep(0.04)


def broken_off(bench: Bench) -> None:
    with bench.dial("discard") as sock:
        sock.sendall(b"and then the train went into the tunnel\n")
        time.sleep(0.02)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def datagram(bench: Bench, data: bytes, service: str = "echo") -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(data, ("127.0.0.1", bench.ports[service, "udp"]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

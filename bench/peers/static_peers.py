"""Peers that serve a folder, each in its best mode: `static_peers.py aiohttp|starlette|stdlib PORT FOLDER`."""

from __future__ import annotations

import sys


def with_aiohttp(port: int, folder: str) -> None:
    import uvloop
    from aiohttp import web

    uvloop.install()
    app = web.Application()
    app.router.add_static("/", folder)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, backlog=4096, print=None)


def with_starlette(port: int, folder: str) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    app = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning",
        backlog=4096,
    )  # fmt: skip


def with_stdlib(port: int, folder: str) -> None:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and content in one write where they are small
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 4096

    Server(("127.0.0.1", port), partial(Handler, directory=folder)).serve_forever()


if __name__ == "__main__":
    {"aiohttp": with_aiohttp, "starlette": with_starlette, "stdlib": with_stdlib}[sys.argv[1]](
        int(sys.argv[2]), sys.argv[3]
    )

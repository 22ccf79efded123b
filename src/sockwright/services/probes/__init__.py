"""Probes: answers made for testing HTTP clients, at the paths and with the fields of httpbin.

    echo        /get /post /put /patch /delete /anything /headers /ip /user-agent /forms/post
    status      /status/{codes}: one code, or several with weights (200:0.9,500:0.1)
    timed       /delay/{n} /drip /stream/{n} /stream-bytes/{n} /range/{n} /sse
    content     /bytes/{n} /links/{n} /uuid /base64/{value}
    redirects   /redirect/{n} /absolute-redirect/{n} /relative-redirect/{n} /redirect-to
    cookies     /cookies /cookies/set /cookies/set/{name}/{value} /cookies/delete
    logins      /basic-auth/{user}/{password} /hidden-basic-auth/... /digest-auth/{qop}/{user}/{password} /bearer
    caching     /cache /cache/{seconds} /etag/{tag} /response-headers
    documents   /html /json /xml /robots.txt /deny /encoding/utf8 /image /image/{form} /gzip /deflate /brotli

Every wait and every size has a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from sockwright.binding import Service, service_of
from sockwright.services import Context
from sockwright.services.probes import caching, content, cookies, documents, echo, redirects, status
from sockwright.services.probes.logins import Digest, basic, bearer, hidden_basic
from sockwright.services.probes.timed import Timed
from sockwright.services.probes.told import Probe, open_to_pages
from sockwright.wire.exchange import HTML, Request, Response

_GET = ("GET",)
_ANY = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
Paths = Sequence[tuple[Sequence[str], str, Probe]]


def paths_of(context: Context) -> Paths:
    """Return what is where: methods, path, probe."""
    timed, digest = Timed(context.sleep), Digest()
    return (
        (_GET, "/get", echo.get),
        (("POST",), "/post", echo.post),
        (("PUT",), "/put", echo.post),
        (("PATCH",), "/patch", echo.post),
        (("DELETE",), "/delete", echo.post),
        (_ANY, "/anything", echo.anything),
        (_ANY, "/anything/{path...}", echo.anything),
        (_GET, "/headers", echo.headers),
        (_GET, "/ip", echo.ip),
        (_GET, "/user-agent", echo.user_agent),
        (_GET, "/forms/post", echo.form),
        (_ANY, "/status/{codes}", status.status),
        (_ANY, "/delay/{seconds}", timed.delay),
        (_GET, "/drip", timed.drip),
        (_GET, "/stream/{count}", timed.stream),
        (_GET, "/stream-bytes/{count}", timed.stream_bytes),
        (_GET, "/sse", timed.sse),
        (_GET, "/range/{count}", timed.part),
        (_GET, "/bytes/{count}", content.random_bytes),
        (_GET, "/links/{count}", content.links),
        (_GET, "/links/{count}/{offset}", content.links),
        (_GET, "/uuid", content.new_uuid),
        (_GET, "/base64/{value}", content.from_base64),
        (_GET, "/redirect/{count}", redirects.redirect),
        (_GET, "/absolute-redirect/{count}", redirects.redirect),
        (_GET, "/relative-redirect/{count}", redirects.redirect),
        (_ANY, "/redirect-to", redirects.redirect_to),
        (_GET, "/cookies", cookies.cookies),
        (_GET, "/cookies/set", cookies.set_cookies),
        (_GET, "/cookies/set/{name}/{value}", cookies.set_cookie),
        (_GET, "/cookies/delete", cookies.delete_cookies),
        (_GET, "/basic-auth/{user}/{password}", basic),
        (_GET, "/hidden-basic-auth/{user}/{password}", hidden_basic),
        (_GET, "/digest-auth/{qop}/{user}/{password}", digest.ask),
        (_GET, "/digest-auth/{qop}/{user}/{password}/{algorithm}", digest.ask),
        (_GET, "/digest-auth/{qop}/{user}/{password}/{algorithm}/{stale_after}", digest.ask),
        (_GET, "/bearer", bearer),
        (_GET, "/cache", caching.cache),
        (_GET, "/cache/{seconds}", caching.cache_for),
        (_GET, "/etag/{tag}", caching.etag),
        (("GET", "POST"), "/response-headers", caching.response_headers),
        (_GET, "/html", documents.html),
        (_GET, "/json", documents.slideshow),
        (_GET, "/xml", documents.xml),
        (_GET, "/robots.txt", documents.robots),
        (_GET, "/deny", documents.deny),
        (_GET, "/encoding/utf8", documents.utf8),
        (_GET, "/image", documents.image),
        (_GET, "/image/{form}", documents.image_of),
        (_GET, "/gzip", documents.gzipped),
        (_GET, "/deflate", documents.deflated),
        (_GET, "/brotli", documents.brotli),
    )


def offer(context: Context) -> Sequence[Service]:
    """Return every probe at httpbin's own path and below /probe; `prefixes` names others."""
    prefixes: Any = context.settings.get("prefixes", ("", "/probe"))
    paths = paths_of(context)
    offered: list[Service] = []
    for prefix in prefixes:
        trusted = not prefix  # nobody else is there
        allowed: dict[str, list[str]] = {}
        for methods, path, probe in ((_GET, "/", index_of(prefix, paths)), *paths):
            made = _service(open_to_pages(probe, trusted=trusted))
            offered += [replace(made, route=f"{method} {prefix}{path}") for method in methods]
            allowed.setdefault(path, []).extend(methods)
        for path, taken in allowed.items():
            made = _service(open_to_pages(_options(taken), trusted=trusted))
            offered.append(replace(made, route=f"OPTIONS {prefix}{path}"))
    return offered


def _service(probe: Probe) -> Service:
    return replace(service_of(probe, "probes"), blocking=False)


def _options(taken: Sequence[str]) -> Probe:
    """Return what answers which methods are taken."""
    methods = [*taken, "OPTIONS"] + (["HEAD"] if "GET" in taken else [])
    allow: Mapping[str, str] = {"Allow": ", ".join(methods)}

    def options(request: Request) -> Response:
        """Tell which methods are taken."""
        return Response(b"", 200, fields=allow)

    return options


_INDEX = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Probes</title>
<style>
:root{{color-scheme:light dark}}
body{{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1.5rem 1rem 3rem}}
table{{border-collapse:collapse;width:100%}}
td{{padding:.3rem .6rem;border-bottom:1px solid #8883;vertical-align:top}}
td:first-child,td:nth-child(2){{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}}
td:nth-child(2){{color:GrayText}}
</style></head><body>
<h1>Probes</h1>
<p>Answers for testing HTTP clients, at the paths and with the fields of httpbin.</p>
<table>
{rows}
</table>
</body></html>
"""


def index_of(prefix: str, paths: Paths) -> Probe:
    """Return the probe that lists all others."""
    rows = []
    for methods, path, probe in paths:
        place = escape(prefix + path)
        shown = place if "{" in path or "GET" not in methods else f'<a href="{place}">{place}</a>'
        words = escape((probe.__doc__ or "").partition("\n")[0])
        rows.append(f"<tr><td>{shown}</td><td>{' '.join(methods)}</td><td>{words}</td></tr>")
    page = Response(_INDEX.format(rows="\n".join(rows)), type=HTML)

    def index(request: Request) -> Response:
        """List what there is."""
        return page

    return index

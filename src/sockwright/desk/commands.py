"""Commands to paste that try an endpoint: ours, and those of people who have other tools."""

from __future__ import annotations

from sockwright.endpoint import LOOPBACK, Endpoint

Try = dict[str, str | None]

# A word in Russian with a blank in it would need quoting in four shells; these need none.
HELLO = "hello"
WORDS = "khoor zruog"


def commands(name: str, endpoint: Endpoint) -> Try:
    """Return what to paste into a terminal, by tool; None where that tool makes no sense there.

    `name` is the service that is spoken there, `endpoint` where it really listens.
    """
    host = LOOPBACK if endpoint.host in ("0.0.0.0", "::", "localhost") else endpoint.host
    at = endpoint.at(host, endpoint.port)
    match at.protocol:
        case "tcp":
            return _tcp(name, at)
        case "udp":
            return _udp(name, at)
        case "http":
            return _http(name, at)
        case "xmlrpc":
            return _xmlrpc(at)
        case "smtp":
            return _smtp(at)
    return {"sockwright": None, "nc": None, "curl": None, "python": None}


def _short(at: Endpoint) -> str:
    """Return the endpoint as briefly as ours takes it."""
    plus = "+tls" if at.tls and at.scheme == "tcp" else ""
    return f"{at.scheme}{plus}://:{at.port}" if at.host == LOOPBACK else f"{at.scheme}{plus}://{at.authority}"


def _tcp(name: str, at: Endpoint) -> Try:
    said = {"codebook": WORDS, "people": '{"name": "Ann", "age": 30}', "symbols": "a"}.get(name, HELLO)
    ours = f"sockwright call {_short(at)} {said}"
    if name == "codebook":
        ours = f"sockwright decode --at :{at.port} {WORDS}"
    elif name == "people":
        ours = f"sockwright join Ann 30 --at :{at.port}"
    elif name == "symbols":
        ours = f"sockwright call {_short(at)} -i"
    elif name in ("time", "greet"):
        ours = f"sockwright call {_short(at)}"
    if at.tls:
        return {"sockwright": f"{ours}", "nc": None, "curl": None, "python": None}
    stays = name in ("people", "symbols")
    nc = f"nc {at.host} {at.port}" if stays else f"echo {said} | nc -N {at.host} {at.port}"
    python = (
        f"import socket; s = socket.create_connection(('{at.host}', {at.port})); "
        f"s.sendall({(said + chr(10)).encode()!r}); s.shutdown(1); print(s.makefile().read())"
    )
    return {"sockwright": ours, "nc": nc, "curl": None, "python": None if stays else _python(python)}


def _udp(name: str, at: Endpoint) -> Try:
    said = WORDS if name == "codebook" else HELLO
    python = (
        f"import socket; s = socket.socket(type=2); s.settimeout(2); s.sendto({said.encode()!r}, "
        f"('{at.host}', {at.port}))"
    )
    if name != "discard":
        python += "; print(s.recv(65535).decode())"
    return {
        "sockwright": None if name == "discard" else f"sockwright call {_short(at)} {said}",  # it waits for an answer
        "nc": f"echo {said} | nc -u -w1 {at.host} {at.port}",
        "curl": None,
        "python": _python(python),
    }


def _http(name: str, at: Endpoint) -> Try:
    path = "call/parity.is_even?n=4" if name in ("http", "https") else ""
    url = f"{at.scheme}://{at.authority}/{path}"
    python = f"import urllib.request; print(urllib.request.urlopen('{url}').read().decode())"
    lines = f"GET /{path} HTTP/1.1\\r\\nHost: {at.authority}\\r\\nConnection: close\\r\\n\\r\\n"
    nc = f"printf '{lines}' | nc {at.host} {at.port}"
    return {
        "sockwright": f"sockwright call {'--insecure ' if at.tls else ''}'{url}'",
        "nc": None if at.tls else nc,
        "curl": f"curl {'-k ' if at.tls else ''}'{url}'",
        "python": None if at.tls else _python(python),
    }


def _xmlrpc(at: Endpoint) -> Try:
    url = f"http://{at.authority}/"
    value = "<param><value><int>4</int></value></param>"
    call = f"<methodCall><methodName>is_even</methodName><params>{value}</params></methodCall>"
    return {
        "sockwright": f"sockwright call {_short(at)} is_even 4",
        "nc": None,
        "curl": f"curl -H 'Content-Type: text/xml' --data '{call}' {url}",
        "python": _python(f"import xmlrpc.client; print(xmlrpc.client.ServerProxy('{url}').is_even(4))"),
    }


def _smtp(at: Endpoint) -> Try:
    url = f"{at.scheme}://{at.authority}"
    mail = "printf 'Subject: Hello\\r\\n\\r\\nHello!\\r\\n'"
    envelope = "--mail-from me@example.org --mail-rcpt ann@example.org"
    trust = "--insecure " if at.tls else ""
    box = "SMTP_SSL" if at.tls else "SMTP"
    python = (
        f"import smtplib; s = smtplib.{box}('{at.host}', {at.port}); "
        "s.sendmail('me@example.org', ['ann@example.org'], 'Subject: Hello\\r\\n\\r\\nHello!'); s.quit()"
    )
    return {
        "sockwright": f"sockwright call {trust}{_short(at)} to=ann@example.org subject=Hello body=Hello",
        "nc": None,
        "curl": f"{mail} | curl -s {'-k ' if at.tls else ''}{url} {envelope} -T -",
        "python": None if at.tls else _python(python),
    }


def _python(code: str) -> str:
    return f'python3 -c "{code}"'

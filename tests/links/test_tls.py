"""Certificates told apart, against real handshakes with certificates made on the spot."""

from __future__ import annotations

import datetime
import ssl
import time
from pathlib import Path

import pytest
import trustme
from tests.links.engines import one
from tests.links.nasty import Nasty, Peer, Request

ENGINES = ["curl", "urllib"]
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def secure(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def hello(peer: Peer, _request: Request) -> None:
    peer.reply(200, "hello")


def test_a_good_certificate(engine: str, authority: trustme.CA, ca_file: str) -> None:
    certificate = authority.issue_cert("127.0.0.1", not_after=NOW + 90 * DAY)
    with Nasty(tls=secure(certificate), fallback=hello).running() as server:
        outcome = one(server.url + "/", engine=engine, ca_file=ca_file)
        assert (outcome.kind, outcome.note) == ("ok", "")


def test_one_that_ends_soon_works_with_a_note(engine: str, authority: trustme.CA, ca_file: str) -> None:
    certificate = authority.issue_cert("127.0.0.1", not_after=NOW + 3 * DAY)
    with Nasty(tls=secure(certificate), fallback=hello).running() as server:
        outcome = one(server.url + "/", engine=engine, ca_file=ca_file)
        assert outcome.kind == "ok"
        assert "certificate ends in 2 days" in outcome.note


def test_expired(engine: str, authority: trustme.CA, ca_file: str) -> None:
    certificate = authority.issue_cert("127.0.0.1", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    with Nasty(tls=secure(certificate), fallback=hello).running() as server:
        outcome = one(server.url + "/", engine=engine, ca_file=ca_file)
        assert outcome.kind == "tls"
        assert "expired" in outcome.reason


def test_for_another_host(engine: str, authority: trustme.CA, ca_file: str) -> None:
    with Nasty(tls=secure(authority.issue_cert("example.org")), fallback=hello).running() as server:
        outcome = one(server.url + "/", engine=engine, ca_file=ca_file)
        assert outcome.kind == "tls"
        assert "another host" in outcome.reason


def test_unknown_issuer(engine: str, ca_file: str) -> None:
    with Nasty(tls=secure(trustme.CA().issue_cert("127.0.0.1")), fallback=hello).running() as server:
        outcome = one(server.url + "/", engine=engine, ca_file=ca_file)
        assert outcome.kind == "tls"
        assert "issuer" in outcome.reason


def test_self_signed(engine: str, ca_file: str, tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "own.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    with Nasty(tls=context, fallback=hello).running() as server:
        outcome = one(server.url + "/", engine=engine, ca_file=ca_file)
        assert outcome.kind == "tls"
        assert "self-signed" in outcome.reason


def test_a_plain_server_behind_https(engine: str) -> None:
    with Nasty(fallback=hello).running() as server:
        outcome = one(server.url.replace("http:", "https:") + "/", engine=engine)
        assert outcome.kind in ("tls", "time-out")


@pytest.mark.parametrize("answer", [b"\x15\x03\x01\x00\x02\x02\x28", b"", b"HTTP/1.1 400 Bad\r\n\r\n"])
def test_a_refused_handshake(engine: str, answer: bytes) -> None:
    import socket
    import threading

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def refuse() -> None:
            for _ in range(3):
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        begun = time.monotonic()
        outcome = one(f"https://127.0.0.1:{listener.getsockname()[1]}/", engine=engine)
        assert outcome.kind == "tls"
        assert time.monotonic() - begun < 5
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)

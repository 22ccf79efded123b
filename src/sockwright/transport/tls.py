"""TLS for endpoints: a certificate made on the spot by a local CA of the user's own, or a given one.

The CA is made once and kept in the user's data folder; a client that trusts its file trusts every certificate we make.
Its key never leaves that folder and is readable by the user alone.
"""

from __future__ import annotations

import datetime
import importlib.util
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sockwright import config
from sockwright.errors import ConfigError

CA_DAYS = 3650
# Browsers and Apple's systems refuse server certificates that are valid for longer than 398 days (CA/B BR 6.3.2).
LEAF_DAYS = 90
# A certificate on disk is used again until so many days before its end.
RENEW_DAYS = 7
NAMES = ("localhost", "127.0.0.1", "::1")
# Two connections may ask for the first certificate at once, each in a thread.
_making = threading.RLock()


def folder() -> Path:
    """Return where the CA and our certificates are kept."""
    return config.home().data / "tls"


def ensure_ca() -> Path:
    """Return the file of our local CA's certificate (PEM), made now if there is none.

    Raises: ConfigError where it cannot be made or kept.
    """
    with _making:
        return _ensure_ca()


def _ensure_ca() -> Path:
    certificate = folder() / "ca.pem"
    key = folder() / "ca.key"
    if certificate.is_file() and key.is_file():
        return certificate
    x509, _, serialization, ec = _cryptography()
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Sockwright"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Sockwright local CA of {socket.gethostname()[:32]}"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    built = (
        _builder(x509, name, name, private.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, _sha256())
    )
    pem = serialization.Encoding.PEM
    _write(key, private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    _write(certificate, built.public_bytes(pem))
    return certificate


def ensure_leaf(names: Sequence[str] = NAMES) -> tuple[Path, Path]:
    """Return the files (certificate chain, key) of a server certificate for `names`, made now where none fits."""
    with _making:
        return _ensure_leaf(names)


def _ensure_leaf(names: Sequence[str]) -> tuple[Path, Path]:
    x509, hashes, serialization, ec = _cryptography()
    ca_file = ensure_ca()
    chain, key = folder() / "server.pem", folder() / "server.key"
    wanted = set(names) | set(NAMES)
    ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
    if chain.is_file() and key.is_file() and _still_good(x509, chain, ca, wanted):
        return chain, key
    signer = serialization.load_pem_private_key((folder() / "ca.key").read_bytes(), None)
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    built = (
        _builder(x509, subject, ca.subject, private.public_key(), LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general_name(x509, name) for name in sorted(wanted)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write(key, private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    _write(chain, built.public_bytes(pem) + ca.public_bytes(pem))
    return chain, key


def server_context(
    certificate: str | None = None, key: str | None = None, names: Sequence[str] = NAMES
) -> ssl.SSLContext:
    """Return the context of a server: with the given certificate (and key) files, else with one made on the spot.

    Raises: ConfigError naming the file that does not do.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is None:
        chain, private = ensure_leaf(names)
        context.load_cert_chain(chain, private)
        return context
    try:
        context.load_cert_chain(certificate, key)
    except FileNotFoundError as missing:
        raise ConfigError(f"there is no file {missing.filename or certificate!r}") from None
    except ssl.SSLError as wrong:
        raise ConfigError(
            f"{certificate} and {key or 'the key in it'} do not make a certificate: {wrong.reason or wrong}",
            cure="both are PEM files, and the key belongs to the certificate",
        ) from None
    except OSError as wrong:
        raise ConfigError(f"cannot read {certificate}: {wrong.strerror}") from None
    return context


def can_make() -> bool:
    """Tell whether certificates can be made here, without the time that importing the library takes."""
    return importlib.util.find_spec("cryptography") is not None


def _cryptography() -> Any:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise ConfigError(
            "making a certificate needs the package cryptography",
            cure="install it (pip install cryptography), or give a certificate of your own: ?cert=FILE&key=FILE",
        ) from None
    return x509, hashes, serialization, ec


def _sha256() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _builder(x509: Any, subject: Any, issuer: Any, public_key: Any, days: int) -> Any:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general_name(x509: Any, name: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _still_good(x509: Any, chain: Path, ca: Any, wanted: set[str]) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(chain.read_bytes())
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf.verify_directly_issued_by(ca)
    except Exception:  # noqa: BLE001 - whatever is in that file, it is no certificate of ours
        return False
    names = set(san.get_values_for_type(x509.DNSName))
    names |= {str(address) for address in san.get_values_for_type(x509.IPAddress)}
    left = leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return wanted <= names and left > datetime.timedelta(days=RENEW_DAYS)


def _write(path: Path, content: bytes) -> None:
    """Write `content` so that nobody ever sees half of it, and nobody else reads it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as wrong:
        raise ConfigError(
            f"cannot keep {path}: {wrong.strerror}", cure="SOCKWRIGHT_HOME=DIR moves our folders elsewhere"
        ) from None

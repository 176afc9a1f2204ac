"""Certificates for loopback: one that an authority of our own vouches for, and those that must be refused."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "platform.test"
DAY = timedelta(days=1)


class Authority:
    """Vouches for certificates; its own is in ``file``, and everything that it makes in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("an authority of our own")
        self.file = folder / "authority.pem"
        made = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def client_context(self) -> ssl.SSLContext:
        """Give what a client verifies by: it trusts this authority, and nobody else."""
        return ssl.create_default_context(cafile=self.file)

    def server_context(
        self, name: str, *, host: str | None = None, expired: bool = False, self_signed: bool = False
    ) -> ssl.SSLContext:
        """Make a certificate for *host* (by default the right one, and 127.0.0.1), and give what a server needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        hosts: list[x509.GeneralName] = [x509.DNSName(host or HOST)]
        if host is None:
            hosts.append(x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))
        builder = _builder(subject, subject if self_signed else self._name, key, expired=expired)
        signed = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False).sign(
            key if self_signed else self._key, hashes.SHA256()
        )
        file = self._folder / f"{name}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, expired: bool = False
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now - DAY if expired else now + 3 * DAY)
    )

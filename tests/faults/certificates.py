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
        made = (
            _builder(self._name, self._name, self._key, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
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
        signer = key if self_signed else self._key
        builder = _builder(subject, subject if self_signed else self._name, key, signer, expired=expired)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        signed = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False).sign(signer, hashes.SHA256())
        file = self._folder / f"{name}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    expired: bool = False,
) -> x509.CertificateBuilder:
    """Begin a certificate with what Python 3.13 and newer ask of every one (``ssl.VERIFY_X509_STRICT``)."""
    now = datetime.now(UTC)
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now - DAY if expired else now + 3 * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(signed_by, critical=False)
    )

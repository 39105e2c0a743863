"""Certificates for one embedded broker: an authority of its own, and what that has signed.

Made by Python alone, so that a broker with TLS needs neither openssl nor keytool. The authority
lives in the broker's folder and signs nothing else; production has an authority of its own.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 3650
_BROKER_DAYS = 397
#: Clocks differ; a certificate of this minute would be one of the future elsewhere.
_EARLIER = timedelta(hours=1)


@dataclass(frozen=True)
class Certificates:
    """The files of one broker."""

    #: Certificate of the authority, for every client and for the broker.
    ca: Path
    #: Private key and certificate of the broker, mode 0600: whoever has it may do everything.
    broker: Path


def ensure_certificates(folder: Path, hosts: Sequence[str], *, name: str) -> Certificates:
    """Make an authority if the folder has none, and a fresh certificate of the broker.

    `hosts` are the names and addresses under which clients know it; `name` is what it is called
    in its certificate, and so its principal among brokers.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = Certificates(folder / "ca.pem", folder / "broker.pem")
    authority_file = folder / "authority.pem"
    if not authority_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _authority(key)
        write_secret(authority_file, _pem(key) + _public(certificate))
    text = authority_file.read_bytes()
    authority = x509.load_pem_x509_certificate(text)
    signer = serialization.load_pem_private_key(text, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    found.ca.write_bytes(_public(authority))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _broker(key, name, hosts, authority, signer)
    write_secret(found.broker, _pem(key) + _public(certificate))
    return found


def write_secret(file: Path, text: bytes) -> None:
    """Write a file that only this account can read, at once or not at all."""
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(text)
    part.replace(file)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _called("referral-ledger authority of one broker")
    builder = _begun(name, name, key.public_key(), _AUTHORITY_DAYS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return builder.add_extension(_usage(signs=True), critical=True).sign(key, hashes.SHA256())


def _broker(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    hosts: Sequence[str],
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        _begun(_called(name), authority.subject, key.public_key(), _BROKER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(x509.SubjectAlternativeName([*map(_host, hosts)]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

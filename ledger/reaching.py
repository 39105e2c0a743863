"""Why a Kafka is not reached: kafka-python 3.0.12 says the same of everything.

A wrong CA, a wrong password and plain text to a TLS port all end as "Unable to bootstrap" after a
while, and a program that is started again for ever helps nobody. So the way is gone once more by
hand, step by step: TCP, TLS, password. The first step that fails is the answer.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.net.sasl.scram import ScramClient

from events.errors import LedgerError, Misconfigured, ServiceUnavailable

_STEP_S = 5.0
#: So soon it is looked at why a Kafka does not let us in; if waiting may help, we wait longer.
_SOON_MS, _PATIENT_MS = 1_000, 5_000
_API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 18, 17, 36
_MOST_BYTES = 1_048_576
_REFUSED_PASSWORD = 58
#: OpenSSL's reasons for not trusting a certificate.
_EXPIRED, _WRONG_NAME = frozenset({9, 10}), frozenset({62, 64})


def admin_client(**settings: Any) -> KafkaAdminClient:
    """Return an admin client that has reached its Kafka; `settings` are kafka-python's.

    Misconfigured if a person has to change something, ServiceUnavailable if waiting may help.
    """
    for patience_ms in (_SOON_MS, _PATIENT_MS):
        try:
            return KafkaAdminClient(**settings, bootstrap_timeout_ms=patience_ms)
        except (KafkaError, OSError) as error:
            why = why_unreachable(str(settings["bootstrap_servers"]), settings, error)
            if isinstance(why, Misconfigured) or patience_ms == _PATIENT_MS:
                raise why from error
    raise AssertionError("the last attempt returns or raises")


def why_unreachable(
    bootstrap: str, client: Mapping[str, Any], error: BaseException | None = None
) -> LedgerError:
    """Return what to do about a Kafka that did not let a client in.

    `bootstrap` is `host:port,host:port`; `client` the security arguments of a kafka-python client.
    Misconfigured if a person has to change something; ServiceUnavailable if waiting may help, and
    then it names `error`. The first server that can be reached speaks for all.
    """
    found: LedgerError | None = None
    for server in bootstrap.split(","):
        found = _why(server.strip(), client)
        if isinstance(found, Misconfigured):
            return found
    if found is not None:
        return found
    said = f" ({type(error).__name__})" if error is not None else ""
    return ServiceUnavailable(f"Kafka {bootstrap} answers now and did not a moment ago{said}")


def _why(server: str, client: Mapping[str, Any]) -> LedgerError | None:
    """Go the way of a client; return why it ends, or None if it does not."""
    encrypted = client.get("security_protocol", "PLAINTEXT") in {"SSL", "SASL_SSL"}
    try:
        context = _context(client) if encrypted else None
        line = _connect(server)
    except Misconfigured as wrong:
        return wrong
    except ValueError:
        return Misconfigured(f"Kafka's address {server!r} is not host:port: see LEDGER_KAFKA")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return ServiceUnavailable(f"Kafka {server} does not answer: {why}")
    with line:
        if context is None:
            return _why_in_clear(server, line)
        return _why_encrypted(server, line, context, client)


def _connect(server: str) -> socket.socket:
    """Return a connection; OSError, ValueError if that is no address."""
    return socket.create_connection(_split(server), timeout=_STEP_S)


def _split(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def _context(client: Mapping[str, Any]) -> ssl.SSLContext:
    """Return TLS as kafka-python would set it up."""
    what = "the CA file of LEDGER_KAFKA_CA"
    try:
        context = ssl.create_default_context(cafile=client.get("ssl_cafile"))
        what = "the file of LEDGER_KAFKA_CERTIFICATE"
        if client.get("ssl_certfile"):
            context.load_cert_chain(client["ssl_certfile"], client.get("ssl_keyfile"))
    except ssl.SSLError:
        raise Misconfigured(f"{what} is not PEM, or lacks a part") from None
    except OSError as error:
        raise Misconfigured(f"{what} cannot be read: {error.strerror}") from None
    return context


def _why_in_clear(server: str, line: socket.socket) -> LedgerError | None:
    if _answers(line):
        return None
    if _speaks_tls(server):
        return Misconfigured(
            f"Kafka {server} speaks TLS and this program does not: set LEDGER_KAFKA_SECURITY to"
            " SASL_SSL, with LEDGER_KAFKA_CA, LEDGER_KAFKA_USER and LEDGER_KAFKA_PASSWORD_FILE",
            rule="kafka_tls",
        )
    return ServiceUnavailable(f"{server} takes connections and does not answer as Kafka does")


def _why_encrypted(
    server: str, line: socket.socket, context: ssl.SSLContext, client: Mapping[str, Any]
) -> LedgerError | None:
    try:
        with context.wrap_socket(line, server_hostname=_split(server)[0]) as tls:
            return _why_inside(server, tls, client)
    except ssl.SSLCertVerificationError as error:
        return _untrusted(server, error)
    except (OSError, EOFError, ValueError, LookupError, struct.error) as error:
        refused = isinstance(error, ssl.SSLError) and "CERTIFICATE" in (error.reason or "")
        if refused:
            return Misconfigured(
                f"Kafka {server} lets in only who shows a certificate that it trusts: set"
                " LEDGER_KAFKA_CERTIFICATE, or use the address for SASL_SSL",
                rule="kafka_certificate",
            )
    if _answers_in_clear(server):
        return Misconfigured(
            f"Kafka {server} does not speak TLS, and this program speaks nothing else: use the"
            " address of its SASL_SSL listener",
            rule="kafka_tls",
        )
    return ServiceUnavailable(f"{server} does not answer as a Kafka with TLS does")


def _untrusted(server: str, error: ssl.SSLCertVerificationError) -> Misconfigured:
    if error.verify_code in _EXPIRED:
        why = "is out of date, or this machine's clock is wrong: renew it"
    elif error.verify_code in _WRONG_NAME:
        why = "is for another name: use the name that stands in it as LEDGER_KAFKA's address"
    else:
        why = "is not signed by the CA of LEDGER_KAFKA_CA: ask who runs this Kafka for its CA file"
    return Misconfigured(f"the certificate of Kafka {server} {why}", rule="kafka_ca")


def _why_inside(server: str, tls: socket.socket, client: Mapping[str, Any]) -> LedgerError | None:
    """Ask within TLS; since TLS 1.3 a server refuses a client's certificate only now."""
    _ask(tls, _API_VERSIONS, 0)
    if client.get("security_protocol") != "SASL_SSL":
        return None
    mechanism, user = client["sasl_mechanism"], client["sasl_plain_username"]
    answer = _ask(tls, _SASL_HANDSHAKE, 1, _text(mechanism.encode()))
    if struct.unpack_from(">h", answer)[0]:
        return Misconfigured(
            f"Kafka {server} lets nobody in by {mechanism}: use the address of another listener",
            rule="kafka_password",
        )
    if _is_let_in(ScramClient(user, client["sasl_plain_password"], mechanism), tls):
        return None
    return Misconfigured(
        f"Kafka {server} does not let in {user}: the password of LEDGER_KAFKA_PASSWORD_FILE is"
        " another one, or there is no such user; `ledger prepare kafka` makes both",
        rule="kafka_password",
    )


def _is_let_in(scram: Any, tls: socket.socket) -> bool:
    turns: list[tuple[Callable[[], bytes], Callable[[bytes], None]]] = [
        (scram.first_message, scram.process_server_first_message),
        (scram.final_message, scram.process_server_final_message),
    ]
    for says, hears in turns:
        token = says()
        answer = _ask(tls, _SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        (code, length) = struct.unpack_from(">hh", answer)
        if code == _REFUSED_PASSWORD:
            return False
        hears(answer[4 + max(length, 0) + 4 :])
    return True


def _answers_in_clear(server: str) -> bool:
    try:
        with _connect(server) as line:
            return _answers(line)
    except OSError:
        return False


def _answers(line: socket.socket) -> bool:
    """Say whether there is a Kafka that answers to plain text."""
    try:
        _ask(line, _API_VERSIONS, 0)
    except (OSError, EOFError):
        return False
    return True


def _speaks_tls(server: str) -> bool:
    """Say whether there is TLS behind an address, whoever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _connect(server) as line, context.wrap_socket(line):
            return True
    except OSError:
        return False


def _ask(line: socket.socket, api: int, version: int, body: bytes = b"") -> bytes:
    """Send a request of Kafka's protocol; return the answer. OSError, EOFError."""
    request = struct.pack(">hhi", api, version, 0) + _text(b"ledger") + body
    line.sendall(struct.pack(">i", len(request)) + request)
    (length,) = struct.unpack(">i", _read(line, 4))
    if not 4 <= length <= _MOST_BYTES:
        raise EOFError("no answer of Kafka's")
    return _read(line, length)[4:]


def _read(line: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = line.recv(count - len(found))
        if not part:
            raise EOFError("the connection was ended")
        found += part
    return found


def _text(value: bytes) -> bytes:
    return struct.pack(">h", len(value)) + value

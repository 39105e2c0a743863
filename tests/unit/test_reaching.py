"""Why a Kafka is not reached: each step of the way, with a server that ends it there."""

import socket
import ssl
import struct
import threading
from contextlib import contextmanager

import pytest

from events.errors import Misconfigured, ServiceUnavailable
from ledger.reaching import why_unreachable
from node.embedded import certificates
from node.embedded.certificates import ensure_certificates

SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": "KZ-relay",
    "sasl_plain_password": "a secret",
}


@contextmanager
def listening(serve):
    """Serve every connection on a port of this machine until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    serve(line)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def with_tls(files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.broker)

    def serve(line: socket.socket) -> None:
        try:
            with context.wrap_socket(line, server_side=True) as tls:
                tls.recv(100)
        except OSError:
            """The client did not trust us."""

    return serve


def in_clear(line: socket.socket) -> None:
    """Answer as a Kafka does that takes a TLS greeting for an enormous request."""
    length = line.recv(4, socket.MSG_WAITALL)
    if length and struct.unpack(">i", length)[0] < 1000:
        line.recv(1000)
        line.sendall(struct.pack(">ihh", 8, 0, 0) + bytes(4))


def client_of(files, **changes):
    return {**SASL, "ssl_cafile": str(files.ca), **changes}


@pytest.fixture
def files(tmp_path):
    return ensure_certificates(tmp_path / "ours", ["127.0.0.1"], name="broker")


@pytest.fixture
def others(tmp_path):
    return ensure_certificates(tmp_path / "others", ["127.0.0.1"], name="broker")


def test_a_certificate_of_another_authority(files, others):
    with listening(with_tls(files)) as server:
        found = why_unreachable(server, client_of(others))
    assert isinstance(found, Misconfigured)
    assert "kafka_ca" == found.rule
    assert "not signed by the CA of LEDGER_KAFKA_CA" in str(found)


def test_a_certificate_for_another_name(tmp_path):
    files = ensure_certificates(tmp_path, ["kafka.example"], name="broker")
    with listening(with_tls(files)) as server:
        found = why_unreachable(server, client_of(files))
    assert "kafka_ca" == found.rule
    assert "is for another name" in str(found)


def test_a_certificate_that_is_out_of_date(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "_BROKER_DAYS", 0)
    monkeypatch.setattr(certificates, "_EARLIER", certificates.timedelta(hours=1))
    files = ensure_certificates(tmp_path, ["127.0.0.1"], name="broker")
    with listening(with_tls(files)) as server:
        found = why_unreachable(server, client_of(files))
    assert "kafka_ca" == found.rule
    assert "is out of date" in str(found)


def test_plain_text_to_a_port_with_tls(files):
    with listening(with_tls(files)) as server:
        found = why_unreachable(server, {"security_protocol": "PLAINTEXT"})
    assert isinstance(found, Misconfigured)
    assert "kafka_tls" == found.rule
    assert "set LEDGER_KAFKA_SECURITY to SASL_SSL" in str(found)


def test_tls_to_a_port_in_plain_text(files):
    with listening(in_clear) as server:
        found = why_unreachable(server, client_of(files))
    assert isinstance(found, Misconfigured)
    assert "kafka_tls" == found.rule
    assert "does not speak TLS" in str(found)


@pytest.mark.parametrize("client", [{}, {"security_protocol": "SSL"}, SASL])
def test_a_port_where_nobody_answers_may_answer_later(client):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = why_unreachable(f"127.0.0.1:{port}", client)
    assert isinstance(found, ServiceUnavailable)
    assert "does not answer" in str(found)


@pytest.mark.parametrize("client", [{}, SASL])
def test_a_server_that_hangs_up_may_be_starting(client):
    """A broker that goes down ends connections too: that is no reason to call a person."""
    with listening(lambda _line: None) as server:
        assert isinstance(why_unreachable(server, client), ServiceUnavailable)


def test_a_kafka_that_answers_by_now_was_away_for_a_moment():
    with listening(in_clear) as server:
        found = why_unreachable(server, {}, TimeoutError("secret"))
    assert isinstance(found, ServiceUnavailable)
    assert "answers now and did not a moment ago (TimeoutError)" in str(found)


def test_one_of_several_servers_that_says_why_is_enough(files, others):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    with listening(with_tls(files)) as server:
        found = why_unreachable(f"{closed}, {server}", client_of(others))
    assert "kafka_ca" == found.rule


@pytest.mark.parametrize(
    ("bootstrap", "changes", "said"),
    [
        ("kafka", {}, "is not host:port"),
        ("127.0.0.1:1", {"ssl_cafile": "nowhere.pem"}, "LEDGER_KAFKA_CA cannot be read"),
        ("127.0.0.1:1", {"ssl_cafile": __file__}, "LEDGER_KAFKA_CA is not PEM"),
        ("127.0.0.1:1", {"ssl_certfile": "nowhere.pem"}, "LEDGER_KAFKA_CERTIFICATE cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named(bootstrap, changes, said):
    found = why_unreachable(bootstrap, {**SASL, **changes})
    assert isinstance(found, Misconfigured)
    assert said in str(found)


def test_no_message_holds_the_password(files, others):
    with listening(with_tls(files)) as server:
        for client in (client_of(files), client_of(others), SASL, {}):
            assert "a secret" not in str(why_unreachable(server, client))


def test_keys_are_for_the_account_that_made_them(files):
    modes = {file.name: file.stat().st_mode & 0o777 for file in files.ca.parent.iterdir()}
    assert 0o600 == modes["broker.pem"] == modes["authority.pem"]
    assert b"PRIVATE" not in files.ca.read_bytes()


def test_the_authority_stays_when_the_broker_is_started_again(files):
    """Clients hold its certificate; the broker's own is fresh at each start."""
    before = files.ca.read_bytes(), files.broker.read_bytes()
    again = ensure_certificates(files.ca.parent, ["127.0.0.1"], name="broker")
    assert before[0] == again.ca.read_bytes()
    assert before[1] != again.broker.read_bytes()

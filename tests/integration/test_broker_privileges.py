"""Least privilege at the broker: what each program's user may do there, and above all what not."""

import json
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)

from events.codec import encode
from events.contract import CE_TYPE, LOG, log_header, log_name, partition_of
from events.stamp import leaf_hash
from ledger import acls, reaching, topics
from ledger.case import transfer
from ledger.log.signature import LogSigner
from ledger.reaching import why_unreachable
from ledger.rights import Program
from node.embedded.certificates import ensure_certificates
from node.embedded.kafka import EmbeddedKafka
from tests.conftest import databases_for_a_while
from tests.country import SUPERVISOR, Node, agreement_of
from tests.integration.test_relay_and_worker import decide_when_ready
from tests.integration.test_service import proposed
from tests.readers import eventually, transferred
from tests.secured import LEDGER, Corridor, ledger, run

#: Two brokers of its own, with certificates, users and rights.
pytestmark = pytest.mark.soak
CODES = ("KZ", "KG")


@pytest.fixture(scope="module")
def corridor(tmp_path_factory, postgres, template):
    folder = tmp_path_factory.mktemp("secured")
    keys = {code: folder / f"{code}.key" for code in CODES}
    agreement = agreement_of("secured", keys)
    file = folder / "agreement.toml"
    file.write_text(agreement.render())
    broker = EmbeddedKafka(folder / "kafka", secured=True)
    with databases_for_a_while(postgres, template) as database:
        broker.start()
        try:
            found = Corridor(broker, agreement, file, folder / "passwords", {})
            done = ledger("prepare", "kafka", found.passwords, "--json", settings=found.root())
            assert done.returncode == 0, done.stderr
            assert {"admin", "auditor", "KZ-relay"} < json.loads(done.stdout)["users"].keys()
            topics.ensure_topics(
                broker.bootstrap, agreement, countries=CODES, client=found.client("admin")
            )
            for code in CODES:
                node = Node(code, agreement, database(), keys[code], broker.bootstrap)
                found.nodes[code] = node
                # The first transaction makes a topic of the broker's own, as late as it likes.
                eventually(lambda code=code: _can_begin(found, f"{code}-relay"), "transactions")
            yield found
        finally:
            broker.stop()


def _can_begin(corridor, user):
    with suppress(KafkaTimeoutError), writer_of(corridor, user):
        return True
    return False


@pytest.fixture
def admin_of(corridor):
    """Open admin clients of users; all are closed at the end."""
    with ExitStack() as opened:

        def make(user: str) -> KafkaAdminClient:
            client = KafkaAdminClient(**corridor.reached(user), request_timeout_ms=10_000)
            opened.callback(client.close)
            return client

        yield make


@contextmanager
def producer_of(corridor, user, **settings):
    """A producer of this user, transactional or not."""
    waits = {"max_block_ms": 8_000, "request_timeout_ms": 5_000, "delivery_timeout_ms": 8_000}
    producer = KafkaProducer(**corridor.reached(user), **waits, **settings)
    try:
        yield producer
    finally:
        producer.close(timeout=0)


@contextmanager
def writer_of(corridor, user):
    """A producer under the name of a country's relay: no other can write now."""
    name = f"{corridor.agreement.prefix}.relay.{user[:2]}"
    with producer_of(
        corridor, user, transactional_id=name, transaction_timeout_ms=10_000
    ) as producer:
        producer.init_transactions()
        yield producer


def write(corridor, user, topic, **record):
    """Write one record as a country's relay does; return where it stands."""
    with writer_of(corridor, user) as producer:
        producer.begin_transaction()
        sent = producer.send(topic, **{"value": b"x", "key": b"k", "partition": 0, **record})
        try:
            found = sent.get(timeout=10)
        except Exception:
            producer.abort_transaction()
            raise
        producer.commit_transaction()
        return found


def causes(error):
    """An error and what it wraps; kafka-python puts some causes into `args`."""
    while error is not None:
        yield error
        inner = [arg for arg in error.args if isinstance(arg, BaseException)]
        error = error.__cause__ or (inner[0] if inner else None)


@contextmanager
def refused(kind):
    """Expect that the broker refuses, in whatever kafka-python wraps it."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 - looked at below
        yield
    assert any(isinstance(one, kind) for one in causes(raised.value)), repr(raised.value)


ERROR_31 = r"InitProducerIdResponse: \[Error 31\] ClusterAuthorizationFailedError"


def error_of_fetch(bootstrap, client, topic):
    """Kafka's code of error for reading a topic's first partition; 0 is none."""
    host, port = bootstrap.split(":")
    name = struct.pack(">h", len(topic)) + topic.encode()
    what = struct.pack(">iqi", 0, 0, 1_000)
    asked = struct.pack(">iiiibi", -1, 0, 0, 1_000, 0, 1) + name + struct.pack(">i", 1) + what
    with (
        socket.create_connection((host, int(port))) as line,
        reaching._context(client).wrap_socket(line, server_hostname=host) as tls,
    ):
        assert reaching._why_inside(bootstrap, tls, client) is None
        answer = reaching._ask(tls, 1, 4, asked)
    return struct.unpack_from(">h", answer, 4 + 4 + len(name) + 4 + 4)[0]


def test_a_handoff_goes_through_with_each_program_under_its_own_name(corridor):
    """What is granted is enough: relays, workers and two countries that hand a child over."""
    kz, kg = (corridor.nodes[code] for code in CODES)
    with (
        kz.relay(client=corridor.client("KZ-relay")),
        kz.worker(**corridor.client("KZ-worker")),
        kg.relay(client=corridor.client("KG-relay")),
        kg.worker(**corridor.client("KG-worker")),
        kz.ledger() as ours,
        kg.ledger() as their,
    ):
        case_id = ours.outcome(decide_when_ready(ours), 60).case_id
        decide_when_ready(their)
        handoff_id = proposed(ours, case_id)
        eventually(lambda: their.case(case_id).settled.handoff(handoff_id), "the proposal in KG")
        theirs = their.on(case_id, by=SUPERVISOR, retries=3)
        theirs.decide(transfer.preview_transfer, handoff_id=handoff_id)
        outcome = their.outcome(theirs.decide(transfer.accept_transfer, handoff_id=handoff_id), 60)
        outcome.require_effective()
        assert outcome.settled


def test_another_country_cannot_even_see_that_a_national_topic_is_there(corridor, admin_of):
    kg = admin_of("KG-worker")
    ours, theirs = (corridor.agreement.national_topic(code) for code in ("KG", "KZ"))
    there, never = kg.describe_topics([theirs, "secured.national.XX"])
    assert there["error_code"] == never["error_code"] != 0
    listed = set(kg.list_topics())
    assert ours in listed
    assert theirs not in listed


@pytest.mark.parametrize(("user", "code"), [
    ("KZ-worker", 0),
    ("KG-worker", 29),
    ("KG-relay", 29),
    ("KG-reactor", 29),
    ("KZ-reactor", 29),
    ("auditor", 29),
    ("admin", 29),
])  # fmt: skip
def test_nobody_else_reads_a_national_topic(corridor, user, code):
    """kafka-python does not ask for what it cannot see; a client of one's own making does."""
    topic = corridor.agreement.national_topic("KZ")
    assert code == error_of_fetch(corridor.broker.bootstrap, corridor.client(user), topic)


@pytest.mark.parametrize("user", ["KG-worker", "KZ-relay", "auditor"])
def test_nobody_else_joins_a_group_of_the_workers(corridor, user):
    """A member from outside would take partitions away, and the case would stand still."""
    consumer = KafkaConsumer(**corridor.reached(user), group_id="secured.KZ.worker.shared-national")
    try:
        consumer.subscribe([corridor.agreement.shared_topic])
        with refused(GroupAuthorizationFailedError):
            for _ in range(20):
                consumer.poll(500)
    finally:
        consumer.close(autocommit=False)


@pytest.mark.parametrize("user", ["KG-relay", "KZ-worker", "KZ-reactor", "auditor", "admin"])
def test_nobody_else_takes_the_name_of_a_relay(corridor, user):
    """Whoever has a transactional id fences the relay that had it: it could not write any more."""
    with (
        producer_of(corridor, user, transactional_id="secured.relay.KZ") as producer,
        refused(TransactionalIdAuthorizationFailedError),
    ):
        producer.init_transactions()


@pytest.mark.parametrize(("user", "topic"), [
    ("KG-relay", "secured.national.KZ"),
    ("KG-relay", "secured.grants"),
])  # fmt: skip
def test_a_relay_writes_on_its_own_topics_only(corridor, user, topic):
    with refused(TopicAuthorizationFailedError):
        write(corridor, user, topic)


@pytest.mark.parametrize("user", ["auditor", "admin", "KZ-worker"])
def test_who_writes_nothing_is_refused_before_the_first_record(corridor, user):
    with (
        producer_of(corridor, user) as producer,
        pytest.raises(KafkaError, match=ERROR_31),
    ):
        producer.send(corridor.agreement.shared_topic, value=b"x", partition=0).get(timeout=15)


def test_a_reactor_says_nothing_on_the_topic_of_events(corridor):
    """What happens is recorded by the country's relay alone."""
    with producer_of(corridor, "KZ-reactor") as producer, refused(TopicAuthorizationFailedError):
        producer.send(corridor.agreement.shared_topic, value=b"x", partition=0).get(timeout=15)


def test_capsules_pass_from_reactor_to_reactor(corridor):
    topic = corridor.agreement.grants_topic
    with producer_of(corridor, "KZ-reactor") as producer:
        producer.send(topic, key=b"grant", value=b"capsule", partition=0).get(timeout=15)
    consumer = KafkaConsumer(**corridor.reached("KG-reactor"), auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topic, 0)])
        found = eventually(lambda: consumer.poll(500), "a capsule in KG")
    finally:
        consumer.close()
    assert [b"capsule"] == [record.value for records in found.values() for record in records]


@pytest.mark.parametrize("user", ["KZ-relay", "KZ-worker", "auditor", "admin"])
def test_nobody_takes_anything_away(corridor, admin_of, user):
    """Neither a topic nor a record, nor how long it is kept; not even the admin."""
    client, topic = admin_of(user), corridor.agreement.shared_topic
    with refused(TopicAuthorizationFailedError):
        client.delete_topics([topic])
    with refused(TopicAuthorizationFailedError):
        client.delete_records({TopicPartition(topic, 0): 1})
    with topics.admin(corridor.broker.bootstrap, corridor.client("admin")) as cluster:
        found = topics.require_topic(cluster, topic, partitions=corridor.agreement.partitions)
    assert found.name == topic


@pytest.mark.parametrize("user", ["KZ-relay", "KG-worker", "KZ-reactor", "auditor"])
def test_nobody_gives_himself_a_right_or_makes_a_user(corridor, admin_of, user):
    """kafka-python returns what was refused instead of raising it."""
    client = admin_of(user)
    on = ResourcePattern(ResourceType.TOPIC, corridor.agreement.national_topic("KZ"))
    right = ACL(f"User:{user}", "*", ACLOperation.READ, ACLPermissionType.ALLOW, on)
    assert {"succeeded": [], "failed": [ClusterAuthorizationFailedError]} == client.create_acls(
        [right]
    )
    made = UserScramCredentialUpsertion("me", ScramMechanism.SCRAM_SHA_512, "x")
    assert client.alter_user_scram_credentials([made])["me"] is not None
    with refused(ClusterAuthorizationFailedError):
        acls.granted(client)


@pytest.mark.parametrize(("liar", "victim"), [("KG", "KZ"), ("KZ", "KG")])
def test_a_record_that_one_country_signs_in_another_s_name_is_noise_to_all(corridor, liar, victim):
    """The broker lets every relay write to the shared topic; the signature is what counts."""
    forged = replace(transferred().topic[0][0], origin=victim, case_id=uuid4())
    value, topic = encode(forged), corridor.agreement.shared_topic
    signer = LogSigner.load(corridor.nodes[liar].key)
    signature = signer.sign(log_name(topic, victim), 0, leaf_hash(value))
    found = write(
        corridor,
        f"{liar}-relay",
        topic,
        value=value,
        key=forged.case_id.bytes,
        partition=partition_of(forged.case_id, corridor.agreement.partitions),
        headers=[(CE_TYPE, b"CaseOpened"), (LOG, log_header(0, signature))],
    )
    asked = "SELECT outcome FROM mirror.stray WHERE topic = 'shared' AND \"offset\" = %s"
    for code in CODES:
        node = corridor.nodes[code]
        look = partial(node.database.run, asked, found.offset)
        with node.worker(**corridor.client(f"{code}-worker")):
            assert [("noise",)] == eventually(look, f"the forgery in {code}")
        admitted = "SELECT * FROM mirror.record WHERE case_id = %s"
        assert [] == node.database.run(admitted, forged.case_id)


#: What is wrong with a program's settings, and what has to be said of it.
WRONG = {
    "kafka_ca": ("LEDGER_KAFKA_CA", "not signed by the CA of LEDGER_KAFKA_CA"),
    "kafka_password": ("LEDGER_KAFKA_PASSWORD_FILE", "does not let in KZ-"),
    "kafka_tls": ("LEDGER_KAFKA_SECURITY", "speaks TLS and this program does not"),
}
PROGRAMS = {"relay": "relay", "worker": "project", "doctor": "audit"}


def command_of(program):
    named = [sys.executable, "-m", f"node.run_{program}"]
    return [LEDGER, "doctor", "--json"] if program == "doctor" else named


@pytest.fixture(scope="module")
def not_let_in(corridor, tmp_path_factory):
    """Every program with everything that can be wrong, all started at once."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "password").write_text("guessed")
    other = ensure_certificates(folder, ["127.0.0.1"], name="broker")
    wrong = {
        "LEDGER_KAFKA_CA": str(other.ca),
        "LEDGER_KAFKA_PASSWORD_FILE": str(folder / "password"),
        "LEDGER_KAFKA_SECURITY": "PLAINTEXT",
    }
    node = corridor.nodes["KZ"]

    def ended(program, rule):
        changes = {WRONG[rule][0]: wrong[WRONG[rule][0]]}
        if program == "relay":
            changes["LEDGER_LOG_KEY_FILE"] = str(node.key)
        settings = corridor.settings(
            "KZ-relay" if program == "relay" else "KZ-worker",
            LEDGER_COUNTRY="KZ",
            LEDGER_PG=node.database.as_role(PROGRAMS[program]),
            **changes,
        )
        return run(*command_of(program), settings=settings)

    for role in PROGRAMS.values():
        node.database.as_role(role)
    pairs = [(program, rule) for program in PROGRAMS for rule in WRONG]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(pairs, pool.map(lambda pair: ended(*pair), pairs), strict=True))


@pytest.mark.parametrize("rule", WRONG)
@pytest.mark.parametrize("program", ["relay", "worker"])
def test_a_program_that_is_not_let_in_says_why_and_asks_for_a_person(
    corridor, not_let_in, program, rule
):
    """Without this all three are "unable to bootstrap", and it is started again for ever."""
    done = not_let_in[program, rule]
    assert done.returncode == 78, done.stderr
    assert WRONG[rule][1] in done.stderr
    assert "guessed" not in done.stderr
    assert corridor.password(f"KZ-{program}") not in done.stderr


@pytest.mark.parametrize("rule", WRONG)
def test_the_doctor_says_the_same(not_let_in, rule):
    done = not_let_in["doctor", rule]
    (found,) = [one for one in json.loads(done.stdout)["checks"] if one["name"] == "topics"]
    assert not found["ok"]
    assert WRONG[rule][1] in found["found"]
    assert "starting again changes nothing" in found["repair"]


def test_the_doctor_finds_the_topics_with_the_eyes_of_the_worker(corridor):
    dsn = corridor.nodes["KZ"].database.as_role("audit")
    settings = corridor.settings("KZ-worker", LEDGER_COUNTRY="KZ", LEDGER_PG=dsn)
    done = ledger("doctor", "--json", settings=settings)
    found = {one["name"]: one["ok"] for one in json.loads(done.stdout)["checks"]}
    names = [f"topic secured.{name}" for name in ("ledger", "national.KZ", "grants")]
    assert [True, True, True] == [found[name] for name in names]


def test_without_the_broker_s_certificate_nobody_is_among_the_brokers(corridor):
    """Such a listener in plain text would make everybody the super user."""
    ports = json.loads((corridor.broker.certificates.ca.parents[1] / "ports.json").read_text())
    tls = {"security_protocol": "SSL", "ssl_cafile": str(corridor.broker.certificates.ca)}
    for name in ("brokers", "controller"):
        found = why_unreachable(f"127.0.0.1:{ports[name]}", tls)
        assert "kafka_certificate" == found.rule, (name, found)


def test_a_certificate_is_made_for_the_names_that_were_asked_for(tmp_path):
    """What compose.yaml needs, without openssl or keytool."""
    hosts = ("--host", "kafka", "--host", "10.0.0.7")
    done = ledger("prepare", "certificates", tmp_path, *hosts, "--json", settings={})
    said = json.loads(done.stdout)
    found = x509.load_pem_x509_certificate(Path(said["broker"]).read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ["kafka"] == names.get_values_for_type(x509.DNSName)
    assert ["10.0.0.7"] == [*map(str, names.get_values_for_type(x509.IPAddress))]
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(Path(said["ca"]).read_bytes()))


def test_users_are_made_once_and_their_passwords_are_in_files_alone(corridor):
    done = ledger("prepare", "kafka", corridor.passwords, "--json", settings=corridor.root())
    assert {"agreement": "test", "users": {}, "rights": 0} == json.loads(done.stdout)
    files = sorted(corridor.passwords.iterdir())
    assert len(files) == 2 + len(Program) * len(CODES)
    assert {0o600} == {file.stat().st_mode & 0o777 for file in files}
    assert len({file.read_text() for file in files}) == len(files)


def test_a_new_password_ends_the_old_one(corridor):
    """As the admin, over TLS; the password is on no screen."""
    before = corridor.client("KG-reactor")
    done = ledger(
        "prepare",
        "kafka",
        corridor.passwords,
        "--renew",
        "KG-reactor",
        settings=corridor.settings("admin"),
    )
    assert done.returncode == 0, done.stderr
    assert corridor.password("KG-reactor") not in done.stdout + done.stderr
    at = corridor.broker.bootstrap
    assert "kafka_password" == eventually(
        lambda: (
            getattr(why_unreachable(at, before), "rule", "") != "service"
            and why_unreachable(at, before).rule
        ),
        "the refusal of the old password",
    )
    assert "answers now" in str(why_unreachable(at, corridor.client("KG-reactor")))


def test_who_may_not_prepare_is_told_so(corridor):
    """The list of users would be asked for until the time is up; rights are asked for first."""
    settings = corridor.settings("KZ-worker")
    done = ledger("prepare", "kafka", corridor.passwords, "--json", settings=settings)
    assert done.returncode == 2
    assert "Kafka refuses this program: ClusterAuthorizationFailedError" in done.stderr


def test_a_right_too_many_is_refused_by_name_and_left_to_a_person(corridor):
    on = ResourcePattern(ResourceType.TOPIC, corridor.agreement.national_topic("KZ"))
    right = ("User:KG-worker", "*", ACLOperation.READ, ACLPermissionType.ALLOW, on)
    with topics.admin(corridor.broker.root_bootstrap, corridor.broker.root) as root:
        try:
            assert root.create_acls([ACL(*right)])["succeeded"]
            done = ledger(
                "prepare", "kafka", corridor.passwords, settings=corridor.settings("admin")
            )
            assert done.returncode == 2
            assert "user KG-worker may read topic secured.national.KZ" in done.stderr
            assert ACL(*right) in root.describe_acls(acls._ANY)[0]
        finally:
            root.delete_acls([ACLFilter(*right)])

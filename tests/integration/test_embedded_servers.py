"""The embedded servers, started for real: what kill -9, strangers and bad settings do to them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from node.embedded import accounts, jars, postgres
from node.embedded.errors import EmbeddedServerFailed, FolderInUse, JarRefused, StageRefused
from node.embedded.folder import ServerFolder, is_free, started
from node.embedded.kafka import EmbeddedKafka
from node.embedded.postgres import EmbeddedPostgres

Server = EmbeddedPostgres | EmbeddedKafka
SERVERS = [EmbeddedPostgres, EmbeddedKafka]

# Another run: starts the server, says so, and waits to be killed or told to stop.
ANOTHER_RUN = """
import json, sys
from pathlib import Path
from node.embedded.kafka import EmbeddedKafka
from node.embedded.postgres import EmbeddedPostgres
server = globals()[sys.argv[1]](Path(sys.argv[2]))
server.start()
address = server.bootstrap if sys.argv[1] == "EmbeddedKafka" else server.dsn()
print(json.dumps({"pid": server.pid, "address": address}), flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def another_run(kind: type, folder: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen, dict]]:
    command = [*prefix, sys.executable, "-c", ANOTHER_RUN, kind.__name__, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as run:
        try:
            yield run, json.loads(run.stdout.readline())
        finally:
            if run.poll() is None:
                run.communicate()


def wait_for(condition, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def ask(dsn: str, question: str):
    with psycopg.connect(dsn) as connection:
        return connection.execute(question).fetchone()[0]


def say(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, transactional_id="writer", transaction_timeout_ms=10_000
    )
    producer.init_transactions()
    producer.begin_transaction()
    sent = producer.send(topic, value, partition=0)
    producer.commit_transaction()
    sent.get(timeout=30)
    producer.close()


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    consumer.assign([TopicPartition(topic, 0)])
    values: list[bytes] = []
    end = time.monotonic() + 30
    while len(values) < count and time.monotonic() < end:
        for records in consumer.poll(timeout_ms=500).values():
            values.extend(record.value for record in records)
    consumer.close()
    return values


def make_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1}})
    admin.close()


def ways() -> list:
    """Every way this account can run PostgreSQL; root has two, others one."""
    if os.geteuid() != 0:
        return [accounts.directly]
    namespaced = accounts.in_namespace(Path(), Path()) is not None
    return [accounts.as_nobody, *([accounts.in_namespace] if namespaced else [])]


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.__name__)
def test_postgres_keeps_its_data_over_kill_9_however_it_is_run(tmp_path, monkeypatch, way):
    def choose(installed, version, folder):
        named = way is accounts.as_nobody
        return way(installed, version, folder) if named else way(installed, folder)

    monkeypatch.setattr(postgres, "lodge", choose)
    server = EmbeddedPostgres(tmp_path / "pg", settings={"max_connections": "17"})
    with running(server):
        port = server.port
        assert server.version.startswith("18.")
        assert ask(server.dsn(), "SHOW max_connections") == "17"
        say(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server.pid, signal.SIGKILL)
        assert wait_for(lambda: server.poll() is not None)
        assert server.poll() == -signal.SIGKILL
    with running(server):
        assert server.port == port
        assert ask(server.dsn(), "SELECT answer FROM kept") == 42
    assert server.poll() == 0
    if way is accounts.as_nobody:
        shutil.rmtree(tmp_path / "pg")
        accounts._sweep()  # data outside a folder that was deleted go too


def test_an_ordinary_user_runs_postgres_directly(tmp_path):
    """As root, an ordinary user is what a program in a user namespace takes itself for."""
    found = accounts.in_namespace(Path(), Path()) if os.geteuid() == 0 else None
    prefix = found.account.prefix if found is not None else ()
    with another_run(EmbeddedPostgres, tmp_path / "pg", *prefix) as (run, told):
        assert ask(told["address"], "SELECT current_user") == "ledger"
        run.communicate()
        assert run.returncode == 0
    assert started(told["pid"]) is None


def test_postgres_listens_on_loopback_only_and_wants_the_password(tmp_path):
    with running(EmbeddedPostgres(tmp_path / "pg")) as server:
        assert ask(server.dsn(), "SHOW listen_addresses") == "127.0.0.1"
        assert ask(server.dsn(), "SELECT rolpassword FROM pg_authid WHERE rolcanlogin").startswith(
            "SCRAM-SHA-256"
        )
        assert (tmp_path / "pg" / "password").stat().st_mode & 0o077 == 0
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn().replace(server.password, "guess"))


def test_postgres_starts_beside_a_stranger_with_the_pid_of_the_killed_server(tmp_path):
    server = EmbeddedPostgres(tmp_path / "pg")
    with running(server):
        pid_file = next((tmp_path / "pg").glob("data/postmaster.pid"), None)
        if pid_file is None:  # run as nobody, beside a closed folder
            pid_file = Path(ask(server.dsn(), "SHOW data_directory")) / "postmaster.pid"
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: server.poll() is not None)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lines = pid_file.read_text().splitlines(keepends=True)
        pid_file.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
        with running(server):
            assert ask(server.dsn(), "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.soak
def test_kafka_keeps_its_records_and_its_port_over_kill_9(tmp_path):
    server = EmbeddedKafka(tmp_path / "kafka")
    with running(server):
        address = server.bootstrap
        make_topic(address, "kept")
        produce(address, "kept", b"before")
        os.kill(server.pid, signal.SIGKILL)
        assert wait_for(lambda: server.poll() is not None)
    with running(server):
        assert server.bootstrap == address
        produce(address, "kept", b"after")
        assert read(address, "kept", 2) == [b"before", b"after"]
    assert server.version == "4.3.1"


@pytest.mark.soak
@pytest.mark.parametrize("kind", SERVERS)
def test_two_runs_never_share_a_folder(tmp_path, kind):
    with another_run(kind, tmp_path / "one") as (run, told):
        with pytest.raises(FolderInUse, match=str(run.pid)):
            kind(tmp_path / "one").start()
        assert started(told["pid"]) is not None, "the refused run stopped the other's server"


@pytest.mark.soak
@pytest.mark.parametrize("kind", SERVERS)
def test_the_server_of_a_killed_run_does_not_stay_and_its_folder_is_taken_over(tmp_path, kind):
    with another_run(kind, tmp_path / "one") as (run, told):
        run.kill()
        run.wait()
        with running(kind(tmp_path / "one")) as server:
            assert started(told["pid"]) is None
            assert server.pid != told["pid"]
            address = server.dsn() if kind is EmbeddedPostgres else server.bootstrap
            assert address == told["address"]


def test_an_orphan_is_stopped_by_pid_and_start_time_and_a_stranger_is_left_alone(tmp_path):
    """The way where no system signal follows the parent's death, as on macOS."""
    folder = ServerFolder(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as orphan:
        folder.remember_process(orphan.pid)
        record = json.loads((tmp_path / "process.json").read_text())
        (tmp_path / "process.json").write_text(json.dumps(record | {"started": "another time"}))
        folder.stop_orphan(signal.SIGTERM)
        assert orphan.poll() is None, "same pid, but another process"
        folder.remember_process(orphan.pid)
        folder.stop_orphan(signal.SIGTERM)
        assert orphan.wait() == -signal.SIGTERM
    assert not (tmp_path / "process.json").exists()


def test_a_server_outlives_the_thread_that_started_it(tmp_path):
    """Linux ties a child to the thread that made it: a supervisor's helper thread may end."""
    server = EmbeddedPostgres(tmp_path / "pg")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert ask(server.dsn(), "SELECT 1") == 1
        assert server.poll() is None
    finally:
        server.stop()


def test_a_port_that_a_stranger_took_is_chosen_again(tmp_path):
    with running(EmbeddedPostgres(tmp_path / "pg")) as server:
        port = server.port
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        with running(EmbeddedPostgres(tmp_path / "pg")) as server:
            assert server.port != port
            assert ask(server.dsn(), "SELECT 1") == 1


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (lambda folder: EmbeddedPostgres(folder, settings={"work_mem": "much"}), "work_mem"),
        (
            lambda folder: EmbeddedKafka(folder, properties={"num.io.threads": "0"}),
            "num.io.threads",
        ),
    ],
    ids=["PostgreSQL", "Kafka"],
)
def test_a_failed_start_explains_itself_in_one_error(tmp_path, server, words):
    failing: Server = server(tmp_path / "one")
    with pytest.raises(EmbeddedServerFailed) as raised:
        failing.start()
    message = str(raised.value)
    assert words in message
    assert str(tmp_path / "one") in message
    assert ".log" in message
    failing._folder.hold()  # a failed start let go of the folder
    failing._folder.release()


def test_an_interrupted_initdb_is_begun_again(tmp_path):
    server = EmbeddedPostgres(tmp_path / "pg")
    with running(server):
        pass
    (tmp_path / "pg" / "initdb-done").unlink()
    with running(server):
        assert ask(server.dsn(), "SELECT 1") == 1


@pytest.fixture
def small_list(tmp_path):
    """A list of one jar, and the folder where it would be kept."""
    file = tmp_path / "jars.sha256"
    file.write_text(f"{'0' * 64}  org.example:thing:1.0\n")
    (tmp_path / "cache").mkdir()
    return file, tmp_path / "cache"


def test_a_tampered_jar_is_refused_before_kafka_starts(tmp_path, monkeypatch):
    genuine = jars.classpath()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    copy = jars.cache_folder() / genuine[0].parent.name
    copy.mkdir(parents=True)
    for jar in genuine:
        (copy / jar.name).symlink_to(jar)
    victim = copy / "kafka-clients-4.3.1.jar"
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.unlink()
    victim.write_bytes(content)
    server = EmbeddedKafka(tmp_path / "kafka")
    with pytest.raises(JarRefused, match=r"kafka-clients-4\.3\.1\.jar has SHA-256"):
        server.start()
    assert server.poll() is None
    assert not (tmp_path / "kafka" / "data").exists()


def test_an_unlisted_jar_is_refused(small_list, monkeypatch):
    file, cache = small_list

    def download(coordinate, repository):
        (repository / "x.jar").write_bytes(b"")
        return repository / "x.jar"

    monkeypatch.setattr(jars, "_download", download)
    with pytest.raises(JarRefused, match="committed is 0000"):
        jars.classpath(cache, file)
    folder = next(cache.iterdir())
    assert not list(folder.glob("*.jar")), "refused bytes never enter the cache"
    (folder / "thing-1.0.jar").write_bytes(b"")
    (folder / "stranger-6.6.jar").write_bytes(b"")
    with pytest.raises(JarRefused, match=r"stranger-6\.6\.jar"):
        jars.classpath(cache, file)


def test_the_jar_list_holds_both_roots_and_one_version_of_kafka():
    """Resolved together, log4j's managed versions would take kafka-clients back to 3.9.1."""
    coordinates = list(jars.listed())
    assert set(jars.ROOTS) <= set(coordinates)
    versions = {c.rpartition(":")[2] for c in coordinates if c.startswith("org.apache.kafka:")}
    assert versions == {jars.KAFKA_VERSION}


@pytest.mark.parametrize("fault", ["open to all", "a link", "a file"])
def test_a_staged_copy_that_others_could_have_written_is_refused(tmp_path, fault):
    stage = tmp_path / "stage"
    if fault == "open to all":
        stage.mkdir()
        stage.chmod(0o777)
    elif fault == "a link":
        stage.symlink_to(tmp_path)
    else:
        stage.touch()
    with pytest.raises(StageRefused, match="stage"):
        accounts.check_stage(stage)

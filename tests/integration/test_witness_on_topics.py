"""Witnesses of two countries on a real Kafka: what one says, the other reads."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from consumers.note_mail import NoteTopic, NoteWriter
from consumers.witness import Witness
from events.errors import LedgerError, Misconfigured
from ledger import topics
from ledger.log.add_checkpoint import Request, cosignatures
from ledger.log.checkpoint import Checkpoint
from ledger.log.note import Note
from ledger.log.order import OrderNote
from node.run_witness import prepare
from node.settings import WitnessSettings
from tests.readers import eventually
from tests.topic import records, transaction
from tests.witnessing import Bench, Event, Keys, log_of, orders_of, seed


class Stage:
    """KZ and KG, each with a mirror, on the topics of one agreement."""

    def __init__(self, kafka: str, prefix: str, new_database: Any, folder: Any) -> None:
        self.kafka = kafka
        self.keys = Keys(prefix, ("KZ", "KG"))
        self.agreement = self.keys.agreement
        topics.ensure_topics(kafka, self.agreement, countries=("KZ", "KG"))
        self.benches = {
            code: Bench(self.keys, code, new_database(), folder) for code in ("KZ", "KG")
        }
        for bench in self.benches.values():
            bench.connection.execute("SELECT pg_advisory_unlock_all()")
        self.topic = NoteTopic(self.agreement.checkpoints_topic, self.cluster)
        self.writer = NoteWriter()
        self.log = self.agreement.shared_log("KZ")

    @property
    def cluster(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.kafka}

    def say(self, *notes: Note | bytes) -> None:
        for note in notes:
            data = note if isinstance(note, bytes) else note.render()
            self.writer.put(self.topic, self.log, data)

    def said(self, key: str) -> list[Note]:
        """Return what stands on the topic under the name of a log or an order."""
        found = records(self.kafka, self.topic.name)
        values = [one.value for one in found if one.key == key.encode()]
        return [Note.parse(value) for value in values if value.startswith(key.encode())]

    def cosigned(self, code: str) -> set[int]:
        """Return the sizes of KZ's log that a country has cosigned on the topic."""
        name = self.keys.witness(code).name
        return {
            Checkpoint.parse(note.text).size
            for note in self.said(self.log)
            if name in {line.name for line in note.signatures}
        }

    @contextmanager
    def running(self, *codes: str) -> Iterator[dict[str, Witness]]:
        """Run witnesses while the block runs; each has to end as it should."""
        stop, failures, started = threading.Event(), [], {}

        def run(witness: Witness) -> None:
            try:
                witness.run(stop)
            except LedgerError as error:
                failures.append(error)

        with ExitStack() as stack:
            for code in codes:
                settings = self.benches[code].settings(
                    kafka=self.cluster, national_kafka=self.cluster
                )
                started[code] = Witness(settings)
                thread = threading.Thread(target=run, args=(started[code],))
                stack.callback(thread.join)
                thread.start()
            stack.callback(stop.set)
            yield started
        assert [] == failures

    def close(self) -> None:
        self.writer.close()
        for bench in self.benches.values():
            bench.close()


@pytest.fixture
def stage(kafka, prefix, new_database, tmp_path) -> Iterator[Stage]:
    found = Stage(kafka, prefix, new_database, tmp_path)
    yield found
    found.close()


def history(many: int, made_of: str = "") -> list[Event]:
    return [Event("KZ", at, at % 3, f"{at}{made_of}".encode()) for at in range(many)]


def test_two_countries_witness_each_other_and_the_order_of_the_topic(stage):
    """Over noise; stopped and begun again; and each knows what the other has cosigned."""
    events = history(9)
    for bench in stage.benches.values():
        bench.mirrors(*events[:5])
    leaves = log_of(events, "KZ")
    stage.say(b"", b"\0" * 100_000, stage.keys.checkpoint(stage.log, leaves[:5]))
    with stage.running("KZ", "KG") as witnesses:
        eventually(lambda: {5} == stage.cosigned("KG"))
        eventually(lambda: all(not one.waiting() for one in witnesses.values()))
        kz = stage.benches["KZ"].database
        eventually(lambda: kz.run("SELECT 1 FROM witness.cosignature"), "KG's cosignature in KZ")
    for bench in stage.benches.values():
        bench.mirrors(*events[5:])
    stage.say(stage.keys.checkpoint(stage.log, leaves))
    with stage.running("KZ", "KG"):
        eventually(lambda: {5, 9} == stage.cosigned("KG"))
        for country, bench in stage.benches.items():
            other = "KG" if country == "KZ" else "KZ"
            heard = "SELECT 1 FROM witness.order_note WHERE country = %s AND size = 3"
            eventually(lambda b=bench, o=other, h=heard: len(b.database.run(h, o)) == 3)
    for code, bench in stage.benches.items():
        assert [] == bench.alarms()
        *_, last = stage.said(stage.keys.orders[code].name)
        assert stage.keys.order(code, orders_of(events, 3)).text == last.text
        assert OrderNote.parse(last.text, 3)
    # Nothing of what was read before the second start was read or said again.
    five = [note for note in stage.said(stage.log) if Checkpoint.parse(note.text).size == 5]
    assert 2 == len(five)


@pytest.mark.parametrize("number", range(3))
def test_a_fork_that_the_topic_carries_is_refused(stage, number):
    """Each of the two has received another history; KG is shown the checkpoint of KZ's."""
    mine, theirs = history(6), [*history(number + 2), *history(6, "x")[number + 2 :]]
    kg = stage.benches["KG"]
    kg.mirrors(*mine)
    stage.say(stage.keys.checkpoint(stage.log, log_of(theirs, "KZ")))
    with stage.running("KG"):
        eventually(kg.alarms)
    assert [("root_differs", stage.log, None, 6)] == kg.alarms()
    assert set() == stage.cosigned("KG")


def test_two_orders_of_one_topic_are_found_by_both(stage):
    """The broker shows KG two events of one partition in the other order."""
    events = history(9)
    first, second = 1, 4
    other = list(events)
    other[first], other[second] = other[second], other[first]
    stage.benches["KZ"].mirrors(*events)
    stage.benches["KG"].mirrors(*other)
    with stage.running("KZ", "KG"):
        for code, bench in stage.benches.items():
            (found,) = eventually(bench.alarms)
            blamed = stage.keys.orders["KG" if code == "KZ" else "KZ"].name
            assert ("order_differs", blamed, 1, 3) == found


def test_a_topic_of_notes_that_was_made_anew_is_read_from_its_beginning(stage):
    """What had been read stays; nothing of the new one is passed over for its old number."""
    events = history(6)
    leaves, kg = log_of(events, "KZ"), stage.benches["KG"]
    kg.mirrors(*events)
    with psycopg.connect(kg.database.dsn, autocommit=True) as owner:
        place = (stage.topic.name, "00000000-0000-0000-0000-000000000001", 1_000)
        owner.execute("INSERT INTO witness.position VALUES (%s, %s, %s)", place)
    stage.say(stage.keys.checkpoint(stage.log, leaves))
    with stage.running("KG"):
        eventually(lambda: {6} == stage.cosigned("KG"))


def test_a_position_behind_the_end_of_the_topic_is_no_dead_end(stage):
    """A cluster that lost its last records: the notes verify themselves."""
    events, kg = history(6), stage.benches["KG"]
    kg.mirrors(*events)
    stage.say(stage.keys.checkpoint(stage.log, log_of(events, "KZ")))
    with stage.running("KG"):
        eventually(lambda: {6} == stage.cosigned("KG"))
    kg.database.run("UPDATE witness.position SET next_offset = 1000")
    with stage.running("KG") as witnesses:
        eventually(lambda: not witnesses["KG"].waiting())
        eventually(
            lambda: kg.database.run("SELECT 1 FROM witness.position WHERE next_offset < 100")
        )


def test_records_in_a_transaction_and_with_no_value_are_read_past(stage):
    """Whoever may write there may write so."""
    events, kg = history(3), stage.benches["KG"]
    kg.mirrors(*events)
    note = stage.keys.checkpoint(stage.log, log_of(events, "KZ")).render()
    with transaction(stage.kafka, f"{stage.keys.prefix}.stranger") as producer:
        producer.send(stage.topic.name, key=b"x", value=None, partition=0)
        producer.send(stage.topic.name, value=note, partition=0)
    with stage.running("KG"):
        eventually(lambda: {3} == stage.cosigned("KG"))


def test_a_topic_that_is_not_there_is_for_a_person(kafka, prefix, database, tmp_path):
    bench = Bench(Keys(prefix), "KG", database, tmp_path)
    bench.connection.execute("SELECT pg_advisory_unlock_all()")
    cluster = {"bootstrap_servers": kafka}
    settings = bench.settings(kafka=cluster, national_kafka=cluster)
    with pytest.raises(Misconfigured, match="checkpoints"):
        Witness(settings).run(threading.Event())
    bench.close()


def test_the_program_is_told_its_port_and_its_third_parties(stage, tmp_path):
    """As `ledger witness run` is: by settings, with key files; asked over HTTP, it cosigns."""
    events, kg, keys = history(6), stage.benches["KG"], stage.keys
    kg.mirrors(*events)
    (tmp_path / "agreement.toml").write_text(keys.agreement.render())
    named = {keys.witness("KG").name: ["cosignature/v1"], keys.orders["KG"].name: []}
    for number, (name, use) in enumerate(named.items()):
        secret = base64.b64encode(seed(name)).decode()
        (tmp_path / f"{number}.key").write_text("\n".join([name, *use, secret, ""]))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = prepare(
        WitnessSettings.read(
            agreement=tmp_path / "agreement.toml",
            country="KG",
            pg=kg.database.as_role("witness"),
            kafka=stage.kafka,
            note_keys=f"{tmp_path}/0.key,{tmp_path}/1.key",
            heads=tmp_path / "heads",
            witness_port=port,
            third_parties=f"http://127.0.0.1:1 {keys.witness('KZ').verifier.render()}",
        )
    )
    note = keys.checkpoint(stage.log, log_of(events, "KZ"))
    stop = threading.Event()
    thread = threading.Thread(target=program.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: not program.waiting())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/add-checkpoint", Request(0, (), note).render())
        said = connection.getresponse()
        assert cosignatures(note, said.read(), [keys.witness("KG").verifier])
        connection.close()
    finally:
        stop.set()
        thread.join()
    assert {6} == stage.cosigned("KG")

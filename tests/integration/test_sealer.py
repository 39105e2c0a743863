"""A sealer signs what stands on the topics and in the store alike, and never a second history."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

import psycopg
import pytest

from consumers.note_mail import NoteReader, NoteTopic
from consumers.sealed_log import EVERY_S, HELD_S, REPEAT_S
from consumers.sealer import Sealer, SealerSettings
from events.codec import read_stamp, schema_of
from events.errors import Misconfigured, StartAgain
from events.stamp import leaf_hash
from ledger import topics
from ledger.log.checkpoint import Checkpoint, signed_checkpoint
from ledger.log.commitment import Commitment, committed
from ledger.log.heads import Heads
from ledger.log.merkle import root_of
from ledger.log.note import Note
from ledger.log.signature import LogSigner, LogVerifier
from ledger.log.signers import load_signers
from node.note_keys import ensure_note_keys, note_key_files
from tests.country import Node, opened
from tests.integration.test_service import proposed

INSERT = (
    'INSERT INTO mirror.record (topic, partition, "offset", effect_offset, effect_rank,'
    " case_id, origin, version, event_id, leaf, log_index, signature, ce_type, value)"
    " VALUES (%s, 0, %s, %s, 0, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Sealed:
    """A country whose mirror is filled by hand, and its sealer."""

    def __init__(self, node: Node, folder, kafka: str) -> None:
        keys = tuple(ensure_note_keys(folder, node.agreement.prefix, "KZ"))
        countries = dict(node.agreement.countries)
        countries["KZ"] = replace(countries["KZ"], note_keys=keys)
        self.agreement = replace(node.agreement, countries=countries)
        self.node, self.folder = node, folder
        self.clock = Clock()
        self.ahead = 0.0
        self.cluster = {"bootstrap_servers": kafka}
        topics.ensure_topics(kafka, self.agreement, countries=["KZ"])
        self.settings = SealerSettings(
            agreement=self.agreement,
            country="KZ",
            dsn=node.database.as_role("seal"),
            kafka=self.cluster,
            national_kafka=self.cluster,
            heads=folder / "sealer.heads",
            signers=load_signers(note_key_files(folder, "sealer")),
        )
        self.database = psycopg.connect(self.settings.dsn, autocommit=True)
        self.restart()

    def restart(self) -> None:
        """Begin anew, as a new process does."""
        now = lambda: time.time() + self.ahead  # noqa: E731
        self.sealer = Sealer(self.settings, clock=self.clock, now=now)
        self.sealer.begin()

    def look(self, seconds: float = EVERY_S) -> None:
        """Let time pass, and the sealer look."""
        self.clock.now += seconds
        self.sealer.look(self.database)

    def values(self, plane: str) -> list[bytes]:
        """What the store has of a log."""
        stored = self.node.stored()
        return [value for _, _, topic, value in stored if topic.startswith(f"{plane}/")]

    def mirror(self, plane: str, *, leave_out: tuple[int, ...] = ()) -> None:
        """Put a log of the store into the mirror, as a worker would."""
        rows = self.node.database.run("SELECT log_index FROM mirror.record WHERE topic = %s", plane)
        there = {index for (index,) in rows}
        for index, value in enumerate(self.values(plane)):
            if index not in there and index not in leave_out:
                self.put(plane, index, value)

    def put(self, plane: str, index: int, value: bytes) -> None:
        """Put one event there."""
        stamp = read_stamp(value)
        leaf = leaf_hash(value)
        signature = LogSigner.load(self.node.key).sign(self.agreement.log(plane, "KZ"), index, leaf)
        self.node.database.run(
            INSERT, plane, index, index, stamp.case_id, "KZ", stamp.version, stamp.event_id, leaf,
            index, signature, schema_of(value).name, value,
        )  # fmt: skip

    def notes(self, plane: str) -> list[tuple[int, bytes]]:
        """What was signed of a log, as everybody reads and verifies it on the topic."""
        name = self.agreement.log(plane, "KZ")
        topic = self.agreement.checkpoints_topic
        if plane == "national":
            topic = self.agreement.national_checkpoints_topic("KZ")
        keys = [LogVerifier.parse(key) for key in self.agreement.countries["KZ"].keys_named(name)]
        found = [Note.parse(text) for text in self.read(topic)]
        points = [
            signed_checkpoint(note, keys) for note in found if note.text.startswith(f"{name}\n")
        ]
        return [(one.size, one.root) for one in points]

    def read(self, topic: str) -> list[bytes]:
        """Everything that stands on a topic of notes."""
        reader = NoteReader(NoteTopic(topic, self.cluster))
        reader.begin(0)
        # What was acknowledged is there at the first poll, or at the second.
        found = [one.text for _ in range(2) for one in reader.poll(200)]
        reader.close()
        return found

    def root(self, plane: str, size: int) -> bytes:
        """The root of what the store has."""
        return root_of(leaf_hash(value) for value in self.values(plane)[:size])

    def alarms(self) -> list[tuple]:
        """Which faults are known."""
        return self.node.database.run("SELECT rule, log, log_index FROM witness.alarm ORDER BY 1")


@pytest.fixture
def sealed(new_node, kafka, tmp_path):
    node = new_node("KZ", kafka=kafka)
    node.mirrored()
    with ExitStack() as stack:
        node.decide = stack.enter_context(node.ledger())
        found = Sealed(node, tmp_path / "notes", kafka)
        yield found
        found.database.close()


def test_every_log_is_signed_as_it_stands_and_further_as_it_grows(sealed):
    opened(sealed.node.decide)
    sealed.look()
    assert [] == sealed.notes("national"), "it has not come back from the topic"
    for grown in (1, 2):
        sealed.mirror("national")
        sealed.look()
        assert [(at, sealed.root("national", at)) for at in range(1, grown + 1)] == sealed.notes(
            "national"
        )
        opened(sealed.node.decide)
    assert [] == sealed.notes("shared")
    assert [(2,)] == sealed.node.database.run("SELECT max(size) FROM witness.checkpoint")
    assert [] == sealed.alarms()


def test_both_logs_of_a_country_are_signed_each_with_its_own_key(sealed):
    case_id = opened(sealed.node.decide).case_id
    sealed.mirror("national")
    proposed(sealed.node.decide, case_id)
    sealed.mirror("national")
    sealed.mirror("shared")
    sealed.look()
    for plane in ("shared", "national"):
        size = len(sealed.values(plane))
        assert [(size, sealed.root(plane, size))] == sealed.notes(plane)
    assert not sealed.sealer.waiting()


def test_it_repeats_itself_only_when_all_that_was_decided_is_there(sealed):
    """A later event could not be older than a checkpoint without it: rule R10."""
    opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    sealed.look(EVERY_S)
    assert 1 == len(sealed.notes("national")), "nothing is new"
    opened(sealed.node.decide)
    sealed.look(REPEAT_S)
    assert 1 == len(sealed.notes("national")), "the second has not come back"
    sealed.mirror("national")
    sealed.look()
    sealed.look(REPEAT_S)
    assert [1, 2, 2] == [size for size, _ in sealed.notes("national")]


def test_after_a_standstill_it_signs_nothing_before_the_log_is_level_again(sealed):
    """Or what comes later, decided long ago, would look backdated: rule R10."""
    for _ in range(2):
        opened(sealed.node.decide)
    sealed.ahead = HELD_S + 60
    sealed.mirror("national", leave_out=(1,))
    sealed.look()
    assert [] == sealed.notes("national"), "the second was decided as long ago"
    sealed.mirror("national")
    sealed.look()
    assert [2] == [size for size, _ in sealed.notes("national")]
    opened(sealed.node.decide)
    sealed.restart()
    sealed.look(REPEAT_S)
    assert [2] == [size for size, _ in sealed.notes("national")], "nor is anything said again"


def test_an_old_row_of_the_store_that_somebody_changes_is_found_while_it_runs(sealed):
    for _ in range(3):
        opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    rows = sealed.node.stored()
    with psycopg.connect(sealed.node.database.dsn, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        root.execute(
            "UPDATE ledger.ledger_events SET state = %s WHERE originator_id = %s",
            (rows[0][3], rows[1][0]),
        )
    for _ in range(4):
        sealed.look()
    assert [("store_differs", sealed.agreement.national_log("KZ"), 1)] == sealed.alarms()


def test_it_waits_at_a_hole(sealed):
    for _ in range(4):
        opened(sealed.node.decide)
    sealed.mirror("national", leave_out=(2,))
    sealed.look()
    assert [2] == [size for size, _ in sealed.notes("national")]
    sealed.mirror("national")
    sealed.look()
    assert [2, 4] == [size for size, _ in sealed.notes("national")]


def test_what_the_store_does_not_hold_is_not_signed(sealed):
    """A record at our place of the topic that we have not decided: the log key was stolen."""
    for _ in range(2):
        opened(sealed.node.decide)
    first, second = sealed.values("national")
    sealed.put("national", 0, second)
    sealed.put("national", 1, first)
    sealed.look()
    log = sealed.agreement.national_log("KZ")
    assert [] == sealed.notes("national")
    assert [("store_differs", log, 0)] == sealed.alarms()
    assert "store_differs" in sealed.sealer.waiting()[log]
    sealed.node.database.run("DELETE FROM mirror.record")
    sealed.mirror("national")
    sealed.look()
    assert [] == sealed.notes("national"), "nobody has said that it is resolved"
    sealed.node.database.run("UPDATE witness.alarm SET resolved_at = now(), resolved_by = 'x'")
    sealed.look()
    assert [2] == [size for size, _ in sealed.notes("national")]


def test_after_a_restore_nothing_is_signed_before_all_is_there_again(sealed):
    for _ in range(3):
        opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    sealed.node.database.run("DELETE FROM mirror.record WHERE log_index > 0")
    sealed.restart()
    sealed.look(REPEAT_S)
    assert [3] == [size for size, _ in sealed.notes("national")]
    assert "2 events that it has signed" in str(sealed.sealer.waiting())
    sealed.mirror("national")
    opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    assert [3, 4] == [size for size, _ in sealed.notes("national")]
    assert not sealed.sealer.waiting()


def test_another_history_than_the_one_that_was_signed_is_found_after_a_restart(sealed):
    """Store and mirror rewritten alike, by whoever rules the database: the file remembers."""
    for _ in range(3):
        opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    sealed.node.database.run("DELETE FROM mirror.record")
    rows = sealed.node.stored()
    changed = [(one[0], two[3]) for one, two in zip(rows, rows[1:] + rows[:1], strict=True)]
    with psycopg.connect(sealed.node.database.dsn, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        for case_id, state in changed:
            root.execute(
                "UPDATE ledger.ledger_events SET state = %s WHERE originator_id = %s",
                (state, case_id),
            )
    sealed.mirror("national")
    sealed.restart()
    sealed.look()
    assert [("root_differs", sealed.agreement.national_log("KZ"), None)] == sealed.alarms()
    assert [3] == [size for size, _ in sealed.notes("national")]


@pytest.mark.parametrize("hides", [False, True])
def test_an_old_row_that_somebody_changes_is_found_while_it_runs(sealed, hides):
    for _ in range(3):
        opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    value = sealed.values("national")[1]
    value = value[:-1] + bytes([value[-1] ^ 1])
    leaf = leaf_hash(value) if hides else leaf_hash(sealed.values("national")[1])
    with psycopg.connect(sealed.node.database.dsn, autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        root.execute(
            "UPDATE mirror.record SET value = %s, leaf = %s WHERE log_index = 1", (value, leaf)
        )
    for _ in range(9):
        sealed.look(0)
    assert [] == sealed.alarms(), "news, however many, must not cost a reading of the past each"
    for _ in range(4):
        sealed.look()
    log = sealed.agreement.national_log("KZ")
    assert [("signature" if hides else "leaf_differs", log, 1)] == sealed.alarms()


def test_abroad_goes_one_salted_hash_a_day_of_the_national_log(sealed):
    """Every day, of an empty log, too; said again after a restart, and never another one."""
    name = sealed.agreement.national_log("KZ")

    def said() -> list[Commitment]:
        found = [Note.parse(text).text for text in sealed.read(sealed.agreement.checkpoints_topic)]
        return [Commitment.parse(one) for one in found if one.startswith(f"{name}/day")]

    sealed.look()
    first = said()
    opened(sealed.node.decide)
    sealed.mirror("national")
    sealed.look()
    assert first == said(), "once a day"
    sealed.restart()
    sealed.look()
    assert first * 2 == said(), "the same again"
    sealed.ahead += 86_400
    sealed.look()
    assert 3 == len(said())
    rows = sealed.node.database.run(
        "SELECT day, commitment, salt, size, root FROM witness.commitment ORDER BY day"
    )
    assert [(one.day, one.hash) for one in said()[1:]] == [row[:2] for row in rows]
    assert [0, 1] == [size for *_, size, _ in rows]
    for day, hidden, salt, size, root in rows:
        assert hidden == committed(day, Checkpoint(name, size, root), salt)
    assert rows[1][4] == sealed.root("national", 1)


def test_a_second_sealer_waits_for_the_first_to_go(sealed):
    mine = Sealer(sealed.settings, clock=sealed.clock)
    with psycopg.connect(sealed.settings.dsn, autocommit=True) as first:
        assert mine.is_alone(first)
        theirs = Sealer(sealed.settings, clock=sealed.clock)
        assert not theirs.is_alone(sealed.database)
        assert "another sealer" in theirs.waiting()["sealer"]
    while not theirs.is_alone(sealed.database):
        pass
    assert not theirs.waiting()


def test_a_key_that_nobody_else_knows_signs_nothing(sealed, tmp_path):
    with pytest.raises(Misconfigured, match="prepare note-keys"):
        Sealer(replace(sealed.settings, signers={}))
    ensure_note_keys(tmp_path / "others", sealed.agreement.prefix, "KZ")
    others = load_signers(note_key_files(tmp_path / "others", "sealer"))
    with pytest.raises(Misconfigured, match="does not pin"):
        Sealer(replace(sealed.settings, signers=others))


def test_without_kafka_it_starts_again_and_contradicts_nothing(sealed):
    opened(sealed.node.decide)
    sealed.mirror("national")
    nowhere = {"bootstrap_servers": "127.0.0.1:1"}
    kept = sealed.settings
    sealed.settings = replace(kept, kafka=nowhere, national_kafka=nowhere)
    sealed.restart()
    with pytest.raises(StartAgain):
        sealed.look()
    assert 1 == Heads(kept.heads).get(sealed.agreement.national_log("KZ")).size
    sealed.settings = kept
    sealed.restart()
    sealed.look()
    assert [1] == [size for size, _ in sealed.notes("national")]

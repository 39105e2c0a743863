"""A witness on a real database: what it cosigns, what it refuses, and what it says of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha256
from uuid import UUID

import psycopg
import pytest
from prometheus_client import REGISTRY

from consumers.note_mail import NoteTopic, Read
from consumers.witnessed_log import AGAIN_S, MISSING_S, OUTDATED_S, SILENT_S
from events.contract import witness_name
from events.errors import Misconfigured
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import Commitment, committed
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.heads import Heads
from ledger.log.merkle import root_of
from ledger.log.note import Note, SignatureLine
from ledger.log.signature import LogSigner
from node.audit_days import check_days
from node.reading import Reader
from tests.witnessing import NOW, Bench, Event, Keys, events_of, log_of

KEYS = Keys()
KZ = KEYS.agreement.shared_log("KZ")
UZ = KEYS.agreement.shared_log("UZ")


@pytest.fixture(scope="module")
def standing_bench(standing_database, tmp_path_factory) -> Iterator[Bench]:
    found = Bench(KEYS, "KG", standing_database, tmp_path_factory.mktemp("witness"))
    yield found
    found.close()


@pytest.fixture
def kg(standing_bench) -> Bench:
    """The witness of KG, which knows nothing yet."""
    standing_bench.emptied()
    return standing_bench


def of_kz(many: int, begin: int = 0, *, made_of: str = "") -> list[Event]:
    return [
        Event("KZ", index, index % 3, f"{index}{made_of}".encode())
        for index in range(begin, begin + many)
    ]


def head(events: list[Event], size: int, *by: str, log: str = KZ) -> Note:
    """Return the checkpoint of the first events of KZ."""
    return KEYS.checkpoint(log, log_of(events, "KZ")[:size], *by)


def test_a_log_that_this_country_has_received_is_cosigned(kg):
    """Under the name of its witness, with the time, on the topic, in the file, in the database."""
    events = of_kz(7)
    kg.mirrors(*events)
    kg.hears(head(events, 4), head(events, 7))
    kg.looks()
    (note,) = kg.posted.of(KZ)
    cosigner = KEYS.witness("KG")
    line = cosigner.cosign(note.text, NOW)
    assert note == head(events, 7).with_signatures([line])
    kept = Heads(kg.folder / "KG-heads.json").get(KZ)
    assert (kept.size, kept.root) == (7, root_of(log_of(events, "KZ")))
    ((stored,),) = kg.database.run("SELECT note FROM witness.checkpoint WHERE size = 7")
    assert stored.encode() == note.render()
    rows = kg.database.run(
        "SELECT log, size, witness, extract(epoch FROM cosigned_at) FROM witness.cosignature"
    )
    assert rows == [(KZ, 7, cosigner.name, NOW)]
    assert [] == kg.alarms()


def test_it_waits_at_a_hole_and_cosigns_up_to_it(kg):
    """An event of another partition may come later: the checkpoint before it is good."""
    events = of_kz(7)
    late = events.pop(5)
    kg.mirrors(*events)
    kg.hears(head([*events, late], 5), head([*events, late], 7))
    kg.looks()
    assert [5] == kg.cosigned("KZ")
    assert "event 5" in kg.witness.waiting()[KZ]
    kg.mirrors(late)
    kg.looks()
    assert [5, 7] == kg.cosigned("KZ")
    assert KZ not in kg.witness.waiting()
    assert [] == kg.alarms()


def test_what_stays_away_while_others_come_is_missing(kg):
    """A mirror that goes on would have it by then; the alarm names the place in the log."""
    events = of_kz(7)
    kg.mirrors(*events[:5], events[6])
    kg.hears(head(events, 7))
    kg.looks()
    kg.clock.at += MISSING_S * 2
    kg.looks()
    assert [] == kg.alarms()  # nothing comes in at all: maybe it is the mirror
    kg.mirrors(Event("UZ", 0, 0, b"alive"))
    kg.looks()
    assert [] == kg.alarms()
    kg.clock.at += MISSING_S
    kg.looks()
    assert [("missing", KZ, None, 7)] == kg.alarms()
    assert [(5,)] == kg.database.run("SELECT log_index FROM witness.alarm")


def test_a_hole_in_silence_is_missing_after_an_hour(kg):
    kg.hears(head(of_kz(1), 1))
    kg.looks()
    kg.clock.at += SILENT_S
    kg.looks()
    assert [("missing", KZ, None, 1)] == kg.alarms()


def test_a_mirror_that_is_only_slow_misses_nothing(kg):
    """However long it takes: as long as the log grows, it is on its way."""
    events = of_kz(20)
    kg.hears(head(events, 20))
    for event in events:
        kg.mirrors(event)
        kg.looks()
        kg.clock.at += MISSING_S - 1
    kg.looks()
    assert [20] == kg.cosigned("KZ")
    assert [] == kg.alarms()


REWRITES = {
    "changed": lambda events, at: [*events[:at], *of_kz(1, at, made_of="x"), *events[at + 1 :]],
    "dropped": lambda events, at: [*events[:at], *events[at + 1 :]],
    "added": lambda events, at: [*events[:at], *of_kz(1, at, made_of="x"), *events[at:]],
    "swapped": lambda events, at: [
        *events[:at], events[at + 1], events[at], *events[at + 2 :]
    ],
}  # fmt: skip


@pytest.mark.parametrize("how", REWRITES)
def test_another_history_than_the_one_received_is_refused(kg, how):
    """Rewritten before or after what was cosigned: the next checkpoint is not cosigned."""
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 5))
    kg.looks()
    other = REWRITES[how](events, 3)
    leaves = [one.leaf for one in other][:8]
    kg.hears(KEYS.checkpoint(KZ, leaves))
    kg.looks()
    assert [5] == kg.cosigned("KZ")
    assert [("root_differs", KZ, None, 8)] == kg.alarms()
    kg.hears(head(events, 9))
    kg.looks()
    assert [5] == kg.cosigned("KZ")


def test_two_checkpoints_of_one_size_are_a_fork(kg):
    """Whichever was the true one: whoever signs both cannot be believed until somebody looks."""
    events = of_kz(5)
    kg.mirrors(*events)
    kg.hears(head(events, 5), KEYS.checkpoint(KZ, log_of(of_kz(5, made_of="x"), "KZ")))
    kg.looks()
    assert [] == kg.cosigned("KZ")
    assert [("fork", KZ, None, 5)] == kg.alarms()
    assert "fork" in kg.witness.waiting()[KZ]


def test_a_rollback_is_not_cosigned_and_says_nothing_wrong(kg):
    """A smaller checkpoint with its true root is old, not false."""
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 9))
    kg.looks()
    kg.hears(head(events, 4))
    kg.looks()
    assert [9] == kg.cosigned("KZ")
    assert [] == kg.alarms()


def test_an_old_size_with_another_root_is_found_at_once(kg):
    """A fork of a size that nobody has signed before, shown after the witness had passed it."""
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 9))
    kg.looks()
    kg.hears(KEYS.checkpoint(KZ, log_of(of_kz(4, made_of="x"), "KZ")))
    kg.looks()
    assert [("root_differs", KZ, None, 4)] == kg.alarms()


def test_a_log_of_another_country_is_not_held_up(kg):
    """KZ contradicts itself; UZ is cosigned all the same."""
    events = of_kz(5)
    other = [Event("UZ", index, 0, b"uz%d" % index) for index in range(3)]
    kg.mirrors(*events, *other)
    kg.hears(KEYS.checkpoint(KZ, log_of(of_kz(5, made_of="x"), "KZ")))
    kg.hears(KEYS.checkpoint(UZ, log_of(other, "UZ")))
    kg.looks()
    assert ([], [3]) == (kg.cosigned("KZ"), kg.cosigned("UZ"))


def test_an_alarm_that_was_resolved_comes_again_if_nothing_changed(kg):
    """A person's word does not make a root true; and when it is true, all goes on."""
    events = of_kz(6)
    kg.mirrors(*events)
    kg.database.run("UPDATE mirror.record SET value = 'x', leaf = %s WHERE log_index = 2",
                    of_kz(1, made_of="x")[0].leaf)  # fmt: skip
    kg.hears(head(events, 6))
    kg.looks()
    assert [("leaf_differs", KZ, 2, None)] == kg.alarms()
    kg.resolved()
    kg.looks()
    assert [("leaf_differs", KZ, 2, None)] == kg.alarms()
    kg.database.run("UPDATE mirror.record SET value = '2', leaf = %s WHERE log_index = 2",
                    events[2].leaf)  # fmt: skip
    kg.looks()
    assert [] == kg.cosigned("KZ")
    kg.resolved()
    kg.looks()
    assert [6] == kg.cosigned("KZ")
    assert {} == kg.witness.waiting()


def test_a_row_that_nobody_signed_is_named(kg):
    """A database administrator changed an event and its hash: the alarm leads to the event."""
    events = of_kz(6)
    kg.mirrors(*events)
    changed = of_kz(1, 2, made_of="x")[0]
    kg.database.run(
        "UPDATE mirror.record SET value = %s, leaf = %s WHERE log_index = 2",
        changed.value, changed.leaf,
    )  # fmt: skip
    kg.hears(head(events, 6))
    kg.looks()
    assert [("signature", KZ, 2, None)] == kg.alarms()
    ((found,),) = kg.database.run("SELECT event_id FROM witness.alarm")
    assert [(found,)] == kg.database.run("SELECT event_id FROM mirror.record WHERE log_index = 2")


def test_a_past_that_is_changed_later_is_found_by_reading_it_again(kg):
    """Nobody shows another history; a row of long ago is another one today."""
    events = of_kz(6)
    kg.mirrors(*events)
    kg.hears(head(events, 6))
    kg.looks()
    changed = of_kz(1, 2, made_of="x")[0]
    kg.database.run(
        "UPDATE mirror.record SET value = %s, leaf = %s WHERE log_index = 2",
        changed.value, changed.leaf,
    )  # fmt: skip
    for _ in range(4):
        kg.clock.at += 2
        kg.looks()
    assert [("signature", KZ, 2, None)] == kg.alarms()


def test_a_repeated_checkpoint_is_cosigned_with_a_new_time(kg):
    """Which says that there is nothing newer; but not for the asking of whoever can write."""
    events = of_kz(4)
    kg.mirrors(*events)
    kg.hears(head(events, 4))
    kg.looks()
    kg.hears(head(events, 4), head(events, 4))
    kg.looks()
    assert [4] == kg.cosigned("KZ")
    kg.clock.at += AGAIN_S
    kg.looks()
    assert [4, 4] == kg.cosigned("KZ")


def test_of_a_log_that_has_gone_further_long_ago_nothing_old_is_cosigned(kg):
    """With the time of now, the next event would look backdated: it was decided before."""
    events = of_kz(6)
    kg.mirrors(*events[:4])
    kg.hears(head(events, 4), head(events, 6))
    kg.database.run(
        "UPDATE witness.checkpoint SET signed_at = now() - %s * interval '1 second' WHERE size = 6",
        OUTDATED_S + 1,
    )
    kg.looks()
    assert [] == kg.cosigned("KZ")
    kg.mirrors(*events[4:])
    kg.looks()
    assert [6] == kg.cosigned("KZ")


def test_witnesses_do_not_answer_each_other_for_ever(kg):
    """What another witness puts there is not the log's own repetition."""
    events = of_kz(4)
    kg.mirrors(*events)
    kg.hears(head(events, 4))
    kg.looks()
    kg.clock.at += AGAIN_S
    kg.hears(head(events, 4, "UZ"), *kg.posted.of(KZ))
    kg.looks()
    assert [4] == kg.cosigned("KZ")


def test_cosignatures_of_others_are_kept_under_the_note(kg):
    """All that are known, each once; the first time counts."""
    events = of_kz(4)
    kg.mirrors(*events)
    later = KEYS.witness("UZ").cosign(head(events, 4).text, NOW + 60)
    kg.hears(head(events, 4), head(events, 4, "UZ"), head(events, 4).with_signatures([later]))
    kg.looks()
    (note,) = kg.posted.of(KZ)
    names = [KZ, witness_name("referral", "UZ"), witness_name("referral", "KG")]
    assert names == [line.name for line in note.signatures]
    assert [(KEYS.witness("UZ").name, NOW), (KEYS.witness("KG").name, NOW)] == kg.database.run(
        "SELECT witness, extract(epoch FROM cosigned_at) FROM witness.cosignature ORDER BY 1 DESC"
    )


def test_own_logs_are_watched_and_not_cosigned(kg):
    """Somebody signs with this country's own key what is not here."""
    log = KEYS.agreement.shared_log("KG")
    mine = [Event("KG", index, 0, b"kg%d" % index) for index in range(3)]
    kg.mirrors(*mine)
    kg.hears(KEYS.checkpoint(log, log_of(mine, "KG")))
    kg.looks()
    assert [] == kg.posted.of(log)
    kg.hears(KEYS.checkpoint(log, [one.leaf for one in mine[:1]] * 2))
    kg.looks()
    assert [("root_differs", log, None, 2)] == kg.alarms()


def test_the_national_log_has_a_witness_at_home(kg):
    """Cosigned with the key of somebody in the country, on the country's own topic."""
    agreement = KEYS.agreement
    log = agreement.national_log("KG")
    mine = [Event("KG", index, 0, b"kg%d" % index) for index in range(3)]
    kg.mirrors(*mine, topic="national")
    kg.hears(KEYS.checkpoint(log, log_of(mine, "KG")))
    kg.looks()
    ((topic, _, note),) = [one for one in kg.posted.notes if one[1] == log]
    assert agreement.national_checkpoints_topic("KG") == topic
    assert note.verified_by([KEYS.witnesses["referral.national.KG.witness"].verifier])


def commitment(day: date, made_of: str, *, by: str = "KZ") -> Note:
    """What KZ says of its national log on a day, abroad."""
    log, signer = KEYS.agreement.national_log("KZ"), KEYS.sealers[KEYS.agreement.national_log(by)]
    return Commitment(log, day, sha256(made_of.encode()).digest()).signed_by(signer)


def test_what_another_country_commits_to_is_kept_day_by_day_and_never_twice(kg):
    log, first, second = KEYS.agreement.national_log("KZ"), date(2026, 11, 25), date(2026, 11, 26)
    kg.hears(commitment(first, "a"), commitment(second, "b"), commitment(first, "a"))
    kg.hears(commitment(second, "c", by="KG"))
    rows = kg.database.run("SELECT day, commitment FROM witness.commitment ORDER BY day")
    kept = [(first, sha256(b"a").digest()), (second, sha256(b"b").digest())]
    assert kept == [(day, bytes(hidden)) for day, hidden in rows]
    assert [] == kg.alarms()
    kg.hears(commitment(first, "another"))
    assert [("committed_twice", log, None, None)] == kg.alarms()
    rows = kg.database.run("SELECT day, commitment FROM witness.commitment ORDER BY day")
    assert kept == [(day, bytes(hidden)) for day, hidden in rows]


OPENED = """
INSERT INTO witness.commitment (log, day, commitment, note, salt, size, root)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


@pytest.mark.parametrize("changed", ["nothing", "salt", "size", "commitment", "note", "day"])
def test_an_auditor_opens_what_this_country_has_committed_to(kg, changed):
    log, day, salt = KEYS.agreement.national_log("KG"), date(2026, 11, 26), b"s" * 32
    mine = [Event("KG", index, 0, b"kg%d" % index) for index in range(3)]
    note = KEYS.checkpoint(log, log_of(mine, "KG"))
    kg.hears(note)
    said = Checkpoint.parse(note.text)
    hidden = committed(day, said, salt)
    text = Commitment(log, day, hidden).signed_by(KEYS.sealers[log]).render().decode()
    row = {
        "log": log, "day": day, "commitment": hidden, "note": text, "salt": salt,
        "size": said.size, "root": said.root,
    }  # fmt: skip
    other = {"salt": b"t" * 32, "size": 2, "commitment": b"c" * 32, "day": date(2026, 11, 27)}
    other["note"] = commitment(day, "x").render().decode()
    row |= {changed: other[changed]} if changed in other else {}
    kg.database.run(OPENED, *row.values())
    with psycopg.connect(kg.database.as_role("audit")) as connection:
        found = [*check_days(Reader(connection, "KG", 1), KEYS.agreement)]
    told = [(one.rule, one.what, one.log) for one in found]
    assert told == ([] if changed == "nothing" else [("R1", "commitment_differs", log)])


def noise() -> list[bytes]:
    """Return what anybody may write to a topic of notes."""
    good, chance = head(of_kz(4), 4), random.Random(7)
    stranger = LogSigner(KZ, b"s" * 32)
    checkpoint = Checkpoint(KZ, 4, bytes(32))
    cosigner = KEYS.witness("UZ")
    no_time = SignatureLine(
        cosigner.name,
        cosigner.verifier.key_id,
        cosigner.cosign(good.text, 2**62).signature,
    )
    false = cosigner.cosign(good.text, NOW)._replace(signature=bytes(72))
    return [
        b"",
        b"\n",
        b"\0" * 100,
        chance.randbytes(100_000),
        good.render()[:-1],
        good.render().replace(b"\n4\n", b"\n5\n"),
        checkpoint.signed_by(stranger).render(),
        checkpoint.signed_by(KEYS.sealers[UZ]).render(),
        Checkpoint("x.ledger/KZ", 4, bytes(32)).signed_by(LogSigner("x.ledger/KZ", b"x" * 32))
        .render(),
        Note.of(good.text, cosigner.cosign(good.text, NOW)).render(),
        good.with_signatures([no_time]).render(),
        good.with_signatures([false]).render(),
        KEYS.order("KZ", [[]]).render(),
        Note.of("referral.order/KZ\n", KEYS.orders["KZ"].sign_text("referral.order/KZ\n")).render(),
    ]  # fmt: skip


def test_noise_stops_nobody(kg):
    """Rubbish, strangers' notes, false lines, times that are none: counted, read past."""
    events = of_kz(4)
    kg.mirrors(*events)
    labels = {"country": "KG"}
    before = REGISTRY.get_sample_value("ledger_note_noise_total", labels)
    kg.hears(*noise())
    assert [] == kg.database.run("SELECT size FROM witness.checkpoint")
    assert len(noise()) == REGISTRY.get_sample_value("ledger_note_noise_total", labels) - before
    kg.hears(*noise(), head(events, 4))
    kg.looks()
    assert [4] == kg.cosigned("KZ")
    assert [] == kg.alarms()


def test_a_checkpoint_of_an_absurd_size_holds_nothing_up(kg):
    """Signed by its log, and true of nothing: smaller ones are cosigned all the same."""
    events = of_kz(4)
    kg.mirrors(*events)
    kg.hears(Checkpoint(KZ, 2**63 - 1, bytes(32)).signed_by(KEYS.sealers[KZ]), head(events, 4))
    kg.looks()
    assert [4] == kg.cosigned("KZ")


def test_a_witness_that_begins_again_says_the_same(kg):
    """It reads everything again, and has nothing to say that was said."""
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 5))
    kg.looks()
    kg.started()
    kg.looks()
    assert [5] == kg.cosigned("KZ")
    kg.hears(head(events, 9))
    kg.looks()
    assert [5, 9] == kg.cosigned("KZ")


class Killed(BaseException):
    """The process ends here."""


def killed_at(log: str) -> Callable[[NoteTopic, str, bytes], None]:
    """Return what ends the process instead of putting a note of this log on its topic."""

    def put(_topic: NoteTopic, key: str, _note: bytes) -> None:
        if key == log:
            raise Killed

    return put


def test_killed_between_the_file_and_the_topic_it_says_it_at_the_next_start(kg, monkeypatch):
    """What stands in the file and was never heard is said then: the same size, the same root."""
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 5))
    with monkeypatch.context() as patched:
        patched.setattr(kg.posted, "put", killed_at(KZ))
        with pytest.raises(Killed):
            kg.looks()
    assert 5 == Heads(kg.folder / "KG-heads.json").get(KZ).size
    kg.started()
    kg.looks()
    assert [5] == kg.cosigned("KZ")


def test_killed_between_the_topic_and_the_database_it_says_it_once_more(kg, monkeypatch):
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 5))
    with monkeypatch.context() as patched:
        patched.setattr(
            "consumers.kept_notes.keep_cosigned", lambda *_: (_ for _ in ()).throw(Killed)
        )
        with pytest.raises(Killed):
            kg.looks()
    kg.started()
    kg.looks()
    assert [5, 5] == kg.cosigned("KZ")
    assert 1 == len({note.text for note in kg.posted.of(KZ)})


def test_the_file_of_heads_forbids_what_a_restored_database_would_permit(kg):
    """Mirror and notes of another history: the file knows what was signed, and the root says no."""
    events = of_kz(5)
    kg.mirrors(*events)
    kg.hears(head(events, 5))
    kg.looks()
    heads = (kg.folder / "KG-heads.json").read_bytes()
    kg.emptied()
    (kg.folder / "KG-heads.json").write_bytes(heads)
    kg.started()
    other = of_kz(7, made_of="x")
    kg.mirrors(*other[:3])
    kg.hears(head(other, 3))
    kg.looks()
    assert [] == kg.cosigned("KZ")  # less than was signed: it waits
    kg.mirrors(*other[3:])
    kg.hears(head(other, 7))
    kg.looks()
    assert [] == kg.cosigned("KZ")
    assert ("root_differs", KZ, None, 5) in kg.alarms()


def test_a_second_process_waits_until_the_first_is_gone(kg):
    """The file of heads has one writer; the second one reads it when it is its turn."""
    second = kg.made()
    with psycopg.connect(kg.database.as_role("witness"), autocommit=True) as other:
        assert not second._is_only_one(other)
        assert "another one" in second.waiting()["witness"]
        kg.connection.execute("SELECT pg_advisory_unlock_all()")
        assert second._is_only_one(other)
        assert "witness" not in second.waiting()


def test_a_position_is_kept_with_what_was_read(kg):
    events = of_kz(4)
    topic = KEYS.agreement.checkpoints_topic
    found = [Read(41, b"noise"), Read(44, head(events, 4).render())]
    kg.witness.take(kg.connection, topic, UUID(int=9), found)
    assert [(topic, UUID(int=9), 45)] == kg.database.run("SELECT * FROM witness.position")
    assert [(4,)] == kg.database.run("SELECT size FROM witness.checkpoint")


def test_a_fork_shown_to_one_country_is_refused_by_the_others_witness(kg):
    """100 of 100: a random history, forked anywhere in any way, refused at its first checkpoint."""
    refused, seeds = 0, range(100)
    for number in seeds:
        kg.emptied()
        chance = random.Random(number)
        events = events_of(chance, chance.randrange(12, 50), KEYS)
        kg.mirrors(*events)
        leaves = log_of(events, "KZ")
        begin = chance.randrange(len(leaves)) if leaves else 0
        kg.hears(KEYS.checkpoint(KZ, leaves[:begin]))
        kg.looks()
        assert [begin] == kg.cosigned("KZ")
        forked = forked_from(chance, leaves)
        size = chance.randint(min(begin + 1, len(forked)), len(forked))
        if forked[:size] == leaves[:size]:
            size = len(forked)
        kg.hears(KEYS.checkpoint(KZ, forked[:size]))
        kg.looks()
        rules = {rule for rule, *_ in kg.alarms()}
        refused += kg.cosigned("KZ") == [begin] and bool(rules) and rules <= {
            "root_differs", "fork"
        }  # fmt: skip
    assert len(seeds) == refused


def forked_from(chance: random.Random, leaves: list[bytes]) -> list[bytes]:
    """Return another history of no more leaves, so that each of its sizes is here to compare."""
    at, new = chance.randrange(len(leaves)), chance.randbytes(32)
    ways = [[*leaves[:at], new, *leaves[at + 1 :]], [*leaves[:at], new, *leaves[at:-1]]]
    if at + 1 < len(leaves):
        ways.append([*leaves[:at], *leaves[at + 1 :]])
        ways.append([*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]])
    return chance.choice(ways)


def lag(witness: str, log: str = KZ) -> float | None:
    labels = {"country": "KG", "log": log, "witness": witness_name("referral", witness)}
    return REGISTRY.get_sample_value("ledger_cosign_lag_seconds", labels)


def test_how_long_a_log_waits_for_each_of_its_witnesses(kg):
    """Its own country is none of them; what waits longest counts, whatever came after it."""
    events = of_kz(9)
    kg.mirrors(*events)
    kg.hears(head(events, 5, "UZ"))
    kg.looks()
    assert (None, 0.0) == (lag("KZ"), lag("UZ"))
    kg.hears(head(events, 7))
    kg.database.run("UPDATE witness.checkpoint SET signed_at = now() - interval '1 minute'")
    kg.hears(head(events, 9))
    kg.clock.at += 10
    kg.looks()
    kg.clock.at += 10
    assert pytest.approx(70, abs=5) == lag("UZ")
    kg.looks()
    assert 0.0 == lag("KG")
    kg.hears(head(events, 9, "UZ"))
    kg.clock.at += 10
    kg.looks()
    assert 0.0 == lag("UZ")


def test_how_long_ago_this_country_has_cosigned(kg):
    """Only of a log that has said something; refused or not, the age grows."""
    labels = {"country": "KG", "log": KZ, "by": "witness"}
    kg.clock.at += 50
    assert 0.0 == REGISTRY.get_sample_value("ledger_checkpoint_age_seconds", labels)
    events = of_kz(4)
    kg.mirrors(*events)
    kg.hears(head(events, 4))
    kg.clock.at += 7
    assert 7.0 == REGISTRY.get_sample_value("ledger_checkpoint_age_seconds", labels)
    kg.looks()
    assert 0.0 == REGISTRY.get_sample_value("ledger_checkpoint_age_seconds", labels)
    kg.clock.at += 11
    assert 11.0 == REGISTRY.get_sample_value("ledger_checkpoint_age_seconds", labels)


def test_a_disagreement_is_counted_from_zero(kg):
    labels = {"country": "KG", "log": UZ, "rule": "fork"}
    before = REGISTRY.get_sample_value("ledger_witness_disagreements_total", labels)
    assert before is not None
    for made_of in ("x", "y", "y"):
        kg.hears(KEYS.checkpoint(UZ, log_of(of_kz(5, made_of=made_of), "KZ")))
    assert 1 == REGISTRY.get_sample_value("ledger_witness_disagreements_total", labels) - before


def test_a_key_of_another_kind_is_refused(kg):
    """A misplaced file is said at the start."""
    name, order = witness_name("referral", "KG"), "referral.order/KG"
    for key, wrong in (
        (name, (LogSigner(name, b"w" * 32),)),
        (name, ()),
        (order, (Ed25519Cosigner(order, b"o" * 32),)),
    ):
        with pytest.raises(Misconfigured, match=key):
            kg.made(signers={**kg.settings().signers, key: wrong})

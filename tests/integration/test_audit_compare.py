"""`ledger audit compare` and `replay`: two countries' nodes, and one case, step by step."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from events.stamp import NOTHING_SEEN
from ledger.case.encoding import plane_to_json
from ledger.keys.national import NationalKeys
from ledger.log.findings import Heard
from ledger.log.signature import LogSigner
from node import cli
from tests.audited import SIGNERS, Mirror, agreement_text, made
from tests.sharing_play import Play, told

STORIES = 12


def stories() -> list[Play]:
    return [told(seed, steps=20) for seed in range(STORIES)]


def shared(told_here: list[Play]) -> list[Heard]:
    return [heard for story in told_here for heard in story.topic]


@pytest.fixture
def pair(new_database, tmp_path, monkeypatch) -> tuple[Mirror, Mirror, Path]:
    """Two countries' nodes without events, and the file of the other one's database."""
    ours = made(new_database(), tmp_path, monkeypatch)
    keys = NationalKeys.create(tmp_path / "KZ-national.key")
    theirs = Mirror(new_database(), "KZ", keys)
    file = tmp_path / "KZ" / "audit.dsn"
    file.parent.mkdir()
    file.write_text(theirs.database.as_role("audit") + "\n")
    return ours, theirs, file


def compared(capsys, other: Path) -> tuple[int, dict]:
    code = cli.run(["audit", "compare", "--with", str(other), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_two_nodes_that_heard_the_same_say_the_same(pair, capsys):
    ours, theirs, file = pair
    here = stories()
    ours.read(shared(here), [one for story in here for one in story.nodes["KG"].said])
    theirs.read(shared(here), [one for story in here for one in story.nodes["KZ"].said])
    for other in (file, file.parent):
        code, said = compared(capsys, other)
        assert (code, said["equal"], said["country"], said["other"]) == (0, True, "KG", "KZ")
        assert (said["cases"], said["ahead"]) == (STORIES, 0)
        (partition,) = said["partitions"]
        assert partition["root"] == partition["other_root"]
        assert partition["size"] == len(shared(here))
        assert said["read_models"]
        assert all(said["read_models"].values())


def test_of_what_one_has_not_read_yet_nothing_is_said(pair, capsys):
    ours, theirs, file = pair
    here = shared(stories())
    ours.read(here)
    theirs.read(here[: len(here) - 10])
    code, said = compared(capsys, file)
    (partition,) = said["partitions"]
    assert (code, partition["end"], partition["level"]) == (0, len(here) - 10, False)
    assert said["ahead"] >= 1
    assert said["read_models"] is None
    assert (said["beyond"], said["beyond_found"]) == ([], 0)


@pytest.mark.parametrize(
    ("statement", "kind", "offset"),
    [
        ("DELETE FROM mirror.record WHERE topic = 'shared' AND \"offset\" = 7", "not_there", 7),
        ('UPDATE mirror.record SET leaf = sha256(leaf) WHERE "offset" = 9', "other_event", 9),
        ('UPDATE mirror.record SET effect_rank = 1 WHERE "offset" = 3', "other_place", 3),
    ],
)
def test_the_first_place_at_which_they_differ_is_named(pair, capsys, statement, kind, offset):
    ours, theirs, file = pair
    here = shared(stories())
    for node in (ours, theirs):
        node.read(here)
    theirs.run(statement)
    code, said = compared(capsys, file)
    assert code == 3
    assert said["partitions"][0]["difference"][:2] == [offset, kind]
    assert said["states_differing"] == 0


#: As a superuser writes one: the last event once more, under other bytes and another id.
FORGED = """
INSERT INTO mirror.record
SELECT topic, partition, %(offset)s, %(offset)s, 0, case_id, origin, version + 1, %(event_id)s,
    sha256('\\x00'::bytea || value || '\\x00'::bytea), log_index + 1, signature, ce_type,
    value || '\\x00'::bytea, mirrored_at
FROM mirror.record WHERE topic = 'shared' AND "offset" = %(last)s
"""
CLAIMED = "UPDATE read_1.position SET next_offset = next_offset + %s WHERE topic = 'shared'"


def forged(node: Mirror, last: int, offset: int) -> tuple[str, str]:
    """Add a forged row behind the last one; return its event and its log."""
    event_id = uuid4()
    sql = FORGED.replace("%(offset)s", str(offset)).replace("%(last)s", str(last))
    node.run(sql.replace("%(event_id)s", "%s"), event_id)
    origin = node.kept[last].origin
    return str(event_id), f"t.ledger/{origin}"


@pytest.mark.parametrize("ahead", [0, 1, 400])
@pytest.mark.parametrize("country", ["KG", "KZ"])
def test_a_row_that_its_node_never_read_is_named(pair, capsys, country, ahead):
    """At its own position or behind it, in whichever of the two mirrors it stands."""
    ours, theirs, file = pair
    here = shared(stories())
    for node in (ours, theirs):
        node.read(here)
    tampered = ours if country == "KG" else theirs
    event_id, log = forged(tampered, len(here) - 1, len(here) + ahead)
    code, said = compared(capsys, file)
    (beyond,) = said["beyond"]
    assert (code, said["equal"], said["beyond_found"]) == (3, False, 1)
    assert (beyond["country"], beyond["rule"]) == (country, "not_read")
    assert (beyond["event_id"], beyond["log"]) == (event_id, log)
    assert beyond["offset"] == len(here) + ahead
    (partition,) = said["partitions"]
    assert (partition["level"], partition["end"]) == (True, len(here))
    assert cli.run(["audit", "compare", "--with", str(file)]) == 3
    assert f"not read, event {event_id} of {log}" in capsys.readouterr().out


def test_a_record_put_aside_that_was_never_read_is_named(pair, capsys):
    ours, theirs, file = pair
    here = shared(stories())
    for node in (ours, theirs):
        node.read(here)
    ours.run(
        "INSERT INTO mirror.stray VALUES"
        " ('shared', 0, %s, 'noise', 'stamp', NULL, 'x', NULL, NULL, NULL)",
        len(here),
    )
    code, said = compared(capsys, file)
    assert code == 3
    assert [(one["rule"], one["offset"]) for one in said["beyond"]] == [("not_read", len(here))]


def test_a_row_that_nobody_signed_is_named_where_the_other_has_not_read_yet(pair, capsys):
    """Whoever moves the position, too, has to sign in its country's name."""
    ours, theirs, file = pair
    here = shared(stories())
    ours.read(here)
    theirs.read(here[:-10])
    event_id, log = forged(ours, len(here) - 1, len(here))
    ours.run(CLAIMED, 1)
    code, said = compared(capsys, file)
    (beyond,) = said["beyond"]
    assert (code, beyond["rule"], beyond["offset"]) == (3, "not_signed", len(here))
    assert (beyond["event_id"], beyond["log"], beyond["country"]) == (event_id, log, "KG")


PAST = {
    "bytes": "value = value || '\\x00'::bytea",
    "hash": "leaf = sha256(leaf)",
    "version": "version = version + 700",
    "id": "event_id = gen_random_uuid()",
    "place": "log_index = log_index + 700",
    "signature": "signature = sha512(signature)",
    "origin": "origin = 'ZZ'",
}


@pytest.mark.parametrize("name", PAST)
def test_a_changed_row_is_named_where_the_other_has_not_read_yet(pair, capsys, name):
    ours, theirs, file = pair
    here = shared(stories())
    ours.read(here)
    theirs.read(here[:-10])
    at = len(here) - 4
    ours.run(f"UPDATE mirror.record SET {PAST[name]} WHERE topic = 'shared' AND \"offset\" = {at}")
    code, said = compared(capsys, file)
    (beyond,) = said["beyond"]
    assert (code, beyond["rule"], beyond["offset"]) == (3, "not_signed", at)
    assert name == "id" or beyond["event_id"] == str(ours.kept[at].event_id)
    assert name == "origin" or beyond["log"] == f"t.ledger/{ours.kept[at].origin}"


def test_a_signature_that_was_spoiled_on_the_topic_is_no_forgery_under_a_signed_root(pair, capsys):
    """A worker that catches up believes roots: what it has is what its country signed (ADR 34)."""
    ours, theirs, file = pair
    here = shared(stories())
    ours.read(here)
    theirs.read(here[:-10])
    one = ours.kept[len(here) - 4]
    ours.run(
        "UPDATE mirror.record SET signature = sha512(signature) WHERE topic = 'shared'"
        ' AND "offset" = %s',
        one.offset,
    )
    ours.signed(one.origin, one.log_index + 1)
    ours.run("INSERT INTO witness.position VALUES ('t.checkpoints', %s, 1)", UUID(int=1))
    assert compared(capsys, file)[0] == 0
    ours.run("DELETE FROM witness.checkpoint")
    assert compared(capsys, file)[0] == 3


def test_a_key_that_follows_another_signs_what_came_before_its_announcement(pair, capsys, tmp_path):
    """Partition by partition: the place at which it is announced may not have been read yet."""
    ours, theirs, file = pair
    here = shared(stories())
    ours.read(here)
    theirs.read(here[:-10])
    one = ours.kept[len(here) - 4]
    old, new = SIGNERS[one.origin], LogSigner(f"{one.origin}-log", b"n" * 32)
    log = f"t.ledger/{one.origin}"
    ours.run(
        "UPDATE mirror.record SET signature = %s WHERE topic = 'shared' AND \"offset\" = %s",
        new.sign(log, one.log_index, one.leaf),
        one.offset,
    )
    assert compared(capsys, file)[0] == 3
    agreement = tmp_path / "agreement.toml"
    both = f'{old.verifier.render()}", "{new.verifier.render()}'
    agreement.write_text(agreement_text().replace(old.verifier.render(), both))
    code, said = compared(capsys, file)
    assert (code, said["beyond"]) == (0, [])


def test_a_mirror_without_any_offset_is_no_end_of_the_comparison(pair, capsys):
    ours, theirs, file = pair
    here = shared(stories()[:2])
    for node in (ours, theirs):
        node.read(here)
    ours.run(
        "ALTER TABLE mirror.record DROP CONSTRAINT record_pkey;"
        ' ALTER TABLE mirror.record ALTER "offset" DROP NOT NULL;'
        " UPDATE mirror.record SET \"offset\" = NULL WHERE topic = 'shared'"
    )
    code, said = compared(capsys, file)
    assert (code, said["beyond_found"]) == (3, len(here))
    assert said["partitions"][0]["difference"][:2] == [0, "not_here"]
    ours.run("DELETE FROM read_1.position")
    assert compared(capsys, file)[0] == 3


def committed(node: Mirror, country: str, *days: int, made_here: bool = False) -> None:
    """Know what a country has committed to on some days of a month long ago."""
    for day in days:
        node.run(
            "INSERT INTO witness.commitment VALUES (%s, %s, sha256(%s), 'note', %s)",
            f"t.national.{country}/{country}",
            date(2026, 3, day),
            f"{country}{day}".encode(),
            bytes(32) if made_here else None,
        )


def days(said: dict) -> list[tuple[str, str, str]]:
    return [(one["about"], one["by"], one["kind"]) for one in said["notes"]]


def two_that_committed(pair) -> tuple[Mirror, Mirror, Path]:
    ours, theirs, file = pair
    here = shared(stories()[:2])
    for node in (ours, theirs):
        node.read(here)
        for country in ("KG", "KZ", "UZ"):
            committed(node, country, *range(1, 9), made_here=country == node.country)
    return ours, theirs, file


@pytest.mark.parametrize("country", ["KZ", "KG", "UZ"])
@pytest.mark.parametrize("level", [True, False])
def test_a_day_that_the_other_has_heard_is_named(pair, capsys, country, level):
    """Of others, and of its own: the notes stand on one topic, which both have read past it."""
    ours, _, file = two_that_committed(pair)
    for node, read in zip(pair[:2], (7, 7 if level else 9), strict=True):
        node.run("INSERT INTO witness.position VALUES ('t.checkpoints', %s, %s)", UUID(int=1), read)
    assert compared(capsys, file)[0] == 0
    ours.run(
        "DELETE FROM witness.commitment WHERE log = %s AND day = %s",
        f"t.national.{country}/{country}",
        date(2026, 3, 4),
    )
    code, said = compared(capsys, file)
    log = f"t.national.{country}/{country}"
    made_there = country == "KZ"  # it may never have come as far as the topic
    assert days(said) == ([] if made_there else [(log, "2026-03-04", "not_here")])
    assert code == (0 if made_there else 3)
    cli.run(["audit", "compare", "--with", str(file)])
    told = capsys.readouterr().out
    assert made_there or f"commitment {log} of 2026-03-04: not here" in told


def test_days_that_a_node_has_not_read_yet_are_no_difference(pair, capsys):
    """After a restore the sealer says today at once, and the witness hears the lost days later."""
    ours, theirs, file = pair
    here = shared(stories()[:2])
    for node, read in ((ours, 3), (theirs, 9)):
        node.read(here)
        node.run("INSERT INTO witness.position VALUES ('t.checkpoints', %s, %s)", UUID(int=1), read)
    for country in ("KG", "KZ", "UZ"):
        committed(ours, country, 1, 2, 3)
        committed(theirs, country, *range(1, 9), made_here=country == "KZ")
    committed(ours, "KG", 8, made_here=True)
    code, said = compared(capsys, file)
    assert (code, days(said)) == (0, [])


def test_another_hash_of_a_day_is_named(pair, capsys):
    ours, _, file = two_that_committed(pair)
    ours.run(
        "UPDATE witness.commitment SET commitment = sha256(commitment)"
        " WHERE log = 't.national.UZ/UZ' AND day = '2026-03-02'"
    )
    code, said = compared(capsys, file)
    assert (code, days(said)) == (3, [("t.national.UZ/UZ", "2026-03-02", "otherwise")])


def test_another_state_of_a_case_is_found(pair, capsys):
    ours, theirs, file = pair
    here = shared(stories())
    for node in (ours, theirs):
        node.read(here)
    ((case_id,),) = theirs.run(
        "UPDATE read_1.case_state SET state = '{}' WHERE case_id ="
        " (SELECT min(case_id::text)::uuid FROM read_1.case_state) AND topic = 'shared'"
        " RETURNING case_id"
    )
    code, said = compared(capsys, file)
    assert (code, said["states"]) == (3, [str(case_id)])
    assert said["read_models"]["case_state"] is False
    assert cli.run(["audit", "compare", "--with", str(file)]) == 3
    assert f"✘ case {case_id}" in capsys.readouterr().out


def test_what_is_no_other_node_is_refused_without_repeating_its_content(pair, capsys, tmp_path):
    ours, _, _ = pair
    ours.read(shared(stories()[:1]))
    wrong = tmp_path / "wrong.dsn"
    for text in ("postgresql://nobody:secret-word@127.0.0.1:1/x", "no url, secret-word"):
        wrong.write_text(text)
        assert cli.run(["audit", "compare", "--with", str(wrong)]) in {2, 6}
        assert "secret-word" not in "".join(capsys.readouterr())
    assert cli.run(["audit", "compare", "--with", str(tmp_path / "none")]) == 2


def replayed(capsys, story: Play, *options: str) -> str:
    assert cli.run(["audit", "replay", str(story.case_id), *options]) == 0
    return capsys.readouterr().out


def test_a_case_is_told_step_by_step_with_what_each_had_seen(pair, capsys):
    ours, _, _ = pair
    here = stories()
    ours.read(shared(here), [one for story in here for one in story.nodes["KG"].said])
    for story in here:
        said = json.loads(replayed(capsys, story, "--json"))
        steps = said["steps"][: len(story.topic)]
        places = {heard.leaf: at for at, heard in enumerate(story.topic, 1)}
        places[NOTHING_SEEN] = 0
        knew: dict[str, int] = {}
        for step, heard, plane in zip(steps, story.topic, story.planes[1:], strict=True):
            origin = heard.event.origin
            knew[origin] = max(places[heard.event.seen], knew.get(origin, 0))
            assert (step["state"] == "void") is bool(heard.void)
            assert step["had_seen"] == knew[origin]
            assert step["certainly_seen"] == knew
            others = [one.event.origin != origin for one in story.topic[: places[heard.leaf] - 1]]
            unseen = [at for at, is_other in enumerate(others, 1) if is_other and at > knew[origin]]
            assert step["had_not_seen"] == unseen
            assert step["state_hash"] == sha256(plane_to_json(plane)).hexdigest()
        assert len(said["steps"]) == len(story.topic) + len(story.nodes["KG"].said)
        assert said["held"] == []


def test_one_step_shows_the_whole_state_and_lines_are_one_document_each(pair, capsys):
    ours, _, _ = pair
    story = told(3, steps=20)
    ours.read(story.topic)
    (step,) = json.loads(replayed(capsys, story, "--json", "--step", "2"))["steps"]
    assert step["state_after"] == json.loads(plane_to_json(story.planes[2]))
    lines = replayed(capsys, story, "--jsonl").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [*range(1, len(story.topic) + 1)]
    assert "effective" in replayed(capsys, story)
    assert "state after it" in replayed(capsys, story, "--step", "1")
    assert cli.run(["audit", "replay", str(story.case_id), "--step", "999"]) == 2
    assert cli.run(["audit", "replay", str(story.new_id())]) == 3

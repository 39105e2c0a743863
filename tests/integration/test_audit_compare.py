"""`ledger audit compare` and `replay`: two countries' nodes, and one case, step by step."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from events.stamp import NOTHING_SEEN
from ledger.case.encoding import plane_to_json
from ledger.keys.national import NationalKeys
from ledger.log.findings import Heard
from node import cli
from tests.audited import Mirror, made
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

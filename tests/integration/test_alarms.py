"""`ledger alarm`: a person resolves a fault of a log, and the log says so first."""

import json
from uuid import UUID, uuid4

import psycopg
import pytest

from events.codec import decode, read_stamp
from events.contract import register_id
from events.governance import AlarmResolved
from events.stamp import leaf_hash
from ledger.keys.national import NationalKeys, opened
from node import alarms, cli
from tests.country import Node

BY = ("--by", "supervisor:sup-7@cps-1")
REASON = ("--reason", "repaired_there")


@pytest.fixture
def there(new_node, tmp_path, monkeypatch):
    """A node that verbs find, with an alarm about each of two partitions."""
    node: Node = new_node()
    node.mirrored()
    node.folder = tmp_path
    file = tmp_path / "agreement.toml"
    file.write_text(node.agreement.render())
    assert node.national_keys is not None
    for name, value in {
        "LEDGER_AGREEMENT": file,
        "LEDGER_COUNTRY": node.code,
        "LEDGER_PG": node.database.as_role("audit"),
        "LEDGER_PG_APPEND": node.database.as_role("append"),
        "LEDGER_NATIONAL_KEY_FILE": tmp_path / f"{node.code}-national.key",
    }.items():
        monkeypatch.setenv(name, str(value))
    for partition in (1, 2):
        node.database.run(
            "INSERT INTO witness.alarm (rule, log, partition, size, log_index, event_id, words)"
            " VALUES ('order_differs', 't.order/KG', %s, 7, 6, %s, 'two orders')",
            partition,
            uuid4(),
        )
    return node


@pytest.fixture
def does(capsys):
    def run(*arguments, code=0):
        assert cli.run([*map(str, arguments), "--json"]) == code
        said = capsys.readouterr()
        return json.loads(said.out if code == 0 else said.err.splitlines()[-1])

    return run


def register_of(node):
    """Return the events of the register, opened, and their bytes."""
    rows = [row for row in node.stored() if row[0] == register_id(node.agreement.prefix)]
    keys = NationalKeys.load(node.folder / f"{node.code}-national.key")
    return [(opened(decode(value), keys), value) for *_, value in rows]


def mirrored(node, value):
    """Put an event of the register into the mirror, as a worker would."""
    stamp = read_stamp(value)
    node.database.run(
        'INSERT INTO mirror.record (topic, partition, "offset", effect_offset, effect_rank,'
        " case_id, origin, version, event_id, leaf, log_index, signature, ce_type, value)"
        " VALUES ('national', 3, 5, 5, 0, %s, %s, %s, %s, %s, 0, '', 'NationalEvent', %s)",
        stamp.case_id, stamp.origin, stamp.version, stamp.event_id, leaf_hash(value), value,
    )  # fmt: skip


def test_a_person_resolves_an_alarm_and_the_log_says_who(there, does):
    first, second = does("alarm", "list")["alarms"]
    assert (first["rule"], first["partition"], first["size"]) == ("order_differs", 1, 7)
    assert {"log", "log_index", "event_id", "words", "found_at"} < set(first)
    said = does("alarm", "resolve", first["alarm_id"], *REASON, *BY)
    ((event, value),) = register_of(there)
    assert isinstance(event, AlarmResolved)
    assert (str(event.alarm_id), event.rule, event.log, event.partition, event.resolution) == (
        first["alarm_id"], "order_differs", "t.order/KG", 1, "repaired_there",
    )  # fmt: skip
    assert (event.actor.id, event.actor.role) == ("sup-7", "supervisor")
    assert said["event_id"] == str(event.event_id)

    assert does("alarm", "list")["alarms"] == [second]
    assert does("governance", "list")["governance"] == []  # not mirrored yet
    mirrored(there, value)
    every = {one["alarm_id"]: one for one in does("alarm", "list", "--all")["alarms"]}
    done = every[first["alarm_id"]]
    assert (done["resolved_by"], done["resolution"], done["position"]) == (
        "sup-7", "repaired_there", "national/3@5",
    )  # fmt: skip
    assert every[second["alarm_id"]]["position"] is None


def test_decisions_wait_for_the_person_and_go_on_after(there, does):
    """As the decider sees it: the partitions in dispute."""
    with there.ledger() as ledger:
        reader = ledger._commands.reader
        assert reader.read(uuid4()).disputed == {1, 2}
        for one in does("alarm", "list")["alarms"]:
            does("alarm", "resolve", one["alarm_id"], *REASON, *BY)
        assert reader.read(uuid4()).disputed == frozenset()
    assert does("alarm", "list") == {"alarms": []}


@pytest.mark.parametrize(
    ("more", "code", "rule"),
    [
        (("--by", "caseworker:cw-1@cps-1", *REASON), 3, "wrong_role"),
        (("--by", "system:reactor@cps-1", *REASON), 3, "wrong_role"),
        ((*BY, "--reason", "because"), 3, "resolution_known"),
    ],
    ids=["caseworker", "program", "no code"],
)
def test_what_is_refused_resolves_nothing_and_records_nothing(there, does, more, code, rule):
    alarm = does("alarm", "list")["alarms"][0]["alarm_id"]
    assert does("alarm", "resolve", alarm, *more, code=code)["error"]["rule"] == rule
    assert len(does("alarm", "list")["alarms"]) == 2
    assert register_of(there) == []


def test_an_alarm_is_resolved_once_and_an_unknown_one_never(there, does):
    alarm = does("alarm", "list")["alarms"][0]["alarm_id"]
    does("alarm", "resolve", alarm, *REASON, *BY)
    again = does("alarm", "resolve", alarm, *REASON, *BY, code=3)
    assert again["error"]["rule"] == "alarm_open"
    unknown = does("alarm", "resolve", uuid4(), *REASON, *BY, code=2)
    assert unknown["error"]["rule"] == "alarm_known"
    assert len(register_of(there)) == 1


def test_a_crash_after_the_event_leaves_it_open_and_saying_it_again_ends_it(
    there, does, monkeypatch
):
    """The safe side: decisions wait until the table says so, too."""
    alarm = does("alarm", "list")["alarms"][0]["alarm_id"]
    with monkeypatch.context() as broken:
        broken.setattr(alarms, "_RESOLVE", "SELECT 1/0, %s, %s")
        with pytest.raises(psycopg.errors.DivisionByZero):
            cli.run(["alarm", "resolve", alarm, *REASON, *BY])
    assert len(does("alarm", "list")["alarms"]) == 2
    does("alarm", "resolve", alarm, *REASON, *BY)
    assert len(does("alarm", "list")["alarms"]) == 1
    assert len(register_of(there)) == 2


def test_a_row_that_was_changed_by_hand_has_no_event(there, does):
    """The table is this node's own; the log is what others hold it to."""
    there.database.run("UPDATE witness.alarm SET resolved_at = now(), resolved_by = 'sup-7'")
    assert does("alarm", "list") == {"alarms": []}
    assert [
        (one["resolved_by"], one["resolution"], one["position"])
        for one in does("alarm", "list", "--all")["alarms"]
    ] == [("sup-7", None, None)] * 2


def test_a_person_reads_it_on_a_screen(there, capsys):
    assert cli.run(["alarm", "list"]) == 0
    told = capsys.readouterr().out
    assert "order_differs" in told
    assert "t.order/KG" in told
    alarm = there.database.run("SELECT alarm_id FROM witness.alarm LIMIT 1")[0][0]
    assert cli.run(["alarm", "resolve", str(alarm), *REASON, *BY]) == 0
    assert "resolved: order_differs of t.order/KG" in capsys.readouterr().out
    there.database.run("DELETE FROM witness.alarm")
    assert cli.run(["alarm", "list"]) == 0
    assert cli.run(["alarm", "list", "--all"]) == 0
    assert capsys.readouterr().out == "no alarm is open\nno alarm was ever raised\n"


def audited(capsys):
    cli.run(["audit", "check", "--json"])
    said = json.loads(capsys.readouterr().out)
    found = [one for one in said["breaches"] if one["what"] == "alarm_differs"]
    return found, [(one["what"], one["alarm_id"]) for one in said["remarks"]]


def test_an_auditor_believes_no_row_that_says_that_an_alarm_is_resolved(there, does, capsys):
    """The log says so first; the event is in the store at once, whatever stands still."""
    first, second = does("alarm", "list")["alarms"]
    ids = [first["alarm_id"], second["alarm_id"]]
    assert audited(capsys) == ([], [("alarm_open", one) for one in ids])
    does("alarm", "resolve", ids[0], *REASON, *BY)
    assert audited(capsys) == ([], [("alarm_open", ids[1])])  # not mirrored yet: in the store
    (_, value) = register_of(there)[0]
    mirrored(there, value)
    assert audited(capsys) == ([], [("alarm_open", ids[1])])

    there.database.run(
        "UPDATE witness.alarm SET resolved_at = now(), resolved_by = 'sup-7' WHERE alarm_id = %s",
        UUID(ids[1]),
    )
    (found,), remarks = audited(capsys)
    assert remarks == []
    assert (found["rule"], found["log"], found["about"]) == ("R9", "t.order/KG", ids[1])
    assert (found["event_id"], found["log_index"], found["size"]) == (second["event_id"], 6, 7)


@pytest.mark.parametrize(
    "change", ["rule = 'fork'", "log = 't.order/UZ'", "partition = 2", "resolved_by = 'sup-8'"]
)
def test_an_alarm_that_was_resolved_as_another_one_or_by_somebody_else_is_found(
    there, does, capsys, change
):
    alarm = does("alarm", "list")["alarms"][0]["alarm_id"]
    does("alarm", "resolve", alarm, *REASON, *BY)
    there.database.run(f"UPDATE witness.alarm SET {change} WHERE alarm_id = %s", UUID(alarm))
    ((found,), _) = audited(capsys)
    assert found["about"] == alarm


def test_an_alarm_of_which_the_register_knows_and_no_row_is_remarked(there, does, capsys):
    """Somebody took it away, or the database was restored: nobody can tell from here."""
    for one in does("alarm", "list")["alarms"]:
        does("alarm", "resolve", one["alarm_id"], *REASON, *BY)
    there.database.run("DELETE FROM witness.alarm WHERE partition = 1")
    ((what, alarm),) = audited(capsys)[1]
    assert what == "alarm_gone"
    assert alarm in {str(event.alarm_id) for event, _ in register_of(there)}


def test_without_the_keys_that_open_the_register_nothing_is_said_of_its_alarms(
    there, does, capsys, monkeypatch
):
    alarm = does("alarm", "list")["alarms"][0]["alarm_id"]
    does("alarm", "resolve", alarm, *REASON, *BY)
    monkeypatch.delenv("LEDGER_NATIONAL_KEY_FILE")
    assert audited(capsys)[0] == []

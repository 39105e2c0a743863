"""What another country vouches for, and what is provisional until it does; and the proof of it."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest

from events.contract import domestic_witness_name, witness_name
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.proof import Proof
from node import cli
from node.covering import marked, not_vouched_for, provisional, standing
from node.evidence.trust import policy_of
from node.reading import Reader
from tests.evidence_play import BEGIN, PREFIX, Mirror, Notary, settings
from tests.sharing_play import told

COSIGNED = "INSERT INTO witness.cosignature VALUES (%s, %s, %s, %s)"


class Noted:
    """KG's node with some cases, of which checkpoints become known one by one."""

    def __init__(self, mirror: Mirror, plays: list) -> None:
        self.mirror, self.plays = mirror, plays
        self.agreement = mirror.notary.agreement

    def seal(self, log: str, size: int, *by: str, names: tuple = ()) -> None:
        """Let a log sign its first events, and some countries cosign that."""
        leaves = self.mirror.logs[log][:size]
        self.mirror.put(log, size, self.mirror.notary.checkpoint(log, leaves, BEGIN, *by))
        for name in names or [witness_name(PREFIX, code) for code in by]:
            self.mirror.database.run(COSIGNED, log, size, name, datetime.fromtimestamp(BEGIN, UTC))

    @contextmanager
    def reader(self):
        with psycopg.connect(self.mirror.database.as_role("audit")) as connection:
            yield Reader(connection, "KG", 1, self.mirror.keys)

    def provisional(self, case_id) -> frozenset:
        with self.reader() as found:
            return provisional(found, self.agreement, case_id)

    def leaves(self, play, *, until=None, log=None) -> set:
        """Return the leaves of a case, or those among the first events of a log."""
        asked = "SELECT leaf FROM mirror.record WHERE case_id = %s"
        found = {leaf for (leaf,) in self.mirror.database.run(asked, play.case_id)}
        return found if log is None else found & set(self.mirror.logs[log][:until])


@pytest.fixture
def noted(database, tmp_path, monkeypatch):
    keys, notary = NationalKeys.create(tmp_path / "national.key"), Notary()
    settings(monkeypatch, tmp_path, database, notary)
    mirror = Mirror(database, keys, notary)
    plays = [told(seed, steps=30) for seed in range(4)]
    for play in plays:
        mirror.read(Topic.SHARED, [heard.event for heard in play.topic])
        mirror.read(Topic.NATIONAL, [heard.event for heard in play.nodes["KG"].said])
    return Noted(mirror, plays)


def does(capsys, *arguments):
    assert cli.run([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_event_is_provisional_until_another_country_has_cosigned_it(noted):
    """Its own country's signature is no second opinion, nor is its own witness's."""
    play, log = noted.plays[3], f"{PREFIX}.ledger/KZ"
    end = len(noted.mirror.logs[log])
    everything = noted.leaves(play)
    assert noted.provisional(play.case_id) == everything
    noted.seal(log, end - 3, names=(witness_name(PREFIX, "KZ"),))
    assert noted.provisional(play.case_id) == everything
    noted.seal(log, end - 2, "KG")
    covered = noted.leaves(play, log=log, until=end - 2)
    assert covered
    assert noted.provisional(play.case_id) == everything - covered
    # A later checkpoint that nobody else has cosigned takes nothing back.
    noted.seal(log, end)
    assert noted.provisional(play.case_id) == everything - covered


def test_a_national_log_has_its_domestic_witness_alone(noted):
    """No other country sees a national event, so none can vouch for it."""
    play, log = noted.plays[3], f"{PREFIX}.national.KG/KG"
    everything, end = noted.leaves(play), len(noted.mirror.logs[log])
    noted.seal(log, end, names=(witness_name(PREFIX, "KZ"), witness_name(PREFIX, "KG")))
    assert noted.provisional(play.case_id) == everything
    noted.mirror.database.run(
        COSIGNED, log, end, domestic_witness_name(PREFIX, "KG"), datetime.now(UTC)
    )
    national = noted.leaves(play, log=log)
    assert national
    assert noted.provisional(play.case_id) == everything - national


def test_every_line_of_a_case_says_whether_it_is_provisional(noted, capsys):
    play, log = noted.plays[3], f"{PREFIX}.ledger/KZ"
    noted.seal(log, len(noted.mirror.logs[log]), "KG", "UZ")
    covered = {leaf.hex() for leaf in noted.leaves(play, log=log)}
    for verb, rows in ((("case", "history"), "events"), (("audit", "replay"), "steps")):
        lines = does(capsys, *verb, play.case_id)[rows]
        assert {one["leaf"] for one in lines if not one["provisional"]} == covered
        assert any(one["provisional"] for one in lines)
    waiting = len(noted.leaves(play)) - len(covered)
    shown = does(capsys, "case", "show", play.case_id)
    assert (shown["provisional_events"], shown["disputed"]) == (waiting, False)
    assert does(capsys, "audit", "ask", "did-see", play.case_id)["provisional"] == waiting
    assert cli.run(["case", "history", str(play.case_id)]) == 0
    assert f"{waiting} of them are provisional" in capsys.readouterr().out


def test_an_answer_about_every_case_counts_every_log(noted):
    with noted.reader() as found:
        everything = sum(map(len, noted.mirror.logs.values()))
        assert not_vouched_for(found, noted.agreement, None) == everything
    log = f"{PREFIX}.ledger/KZ"
    noted.seal(log, 5, "KG")
    with noted.reader() as found:
        assert not_vouched_for(found, noted.agreement, None) == everything - 5


def test_what_is_pending_is_provisional(noted):
    """It stands in no tree yet, so nobody can have cosigned it."""
    play = noted.plays[0]
    with noted.reader() as found:
        (line,) = marked(found, noted.agreement, play.case_id, [{"state": "pending", "leaf": b""}])
    assert line["provisional"]


def test_a_case_on_a_partition_with_two_orders_is_shown_disputed(noted, capsys):
    """Until somebody resolves it; an alarm about another partition, or of another kind, is none."""
    play, database = noted.plays[0], noted.mirror.database
    alarm = "INSERT INTO witness.alarm (rule, log, partition, words) VALUES (%s, 'l', %s, 'w')"

    def disputed():
        with noted.reader() as found:
            return standing(found, noted.agreement, play.case_id)["disputed"]

    database.run(alarm, "order_differs", 1)
    database.run(alarm, "root_differs", 0)
    assert not disputed()
    database.run(alarm, "order_differs", 0)
    assert disputed()
    assert does(capsys, "case", "show", play.case_id)["disputed"] is True
    database.run("UPDATE witness.alarm SET resolved_at = now(), resolved_by = 'sup-1'")
    assert not disputed()


def test_was_recorded_hands_out_a_proof_under_the_checkpoint_it_names(noted, capsys):
    """Checked as a stranger does: the leaf, the pinned keys, and the text."""
    play, log = noted.plays[3], f"{PREFIX}.ledger/KZ"
    policy, leaves = policy_of(noted.agreement, log), noted.mirror.logs[log]
    heard = next(one for one in play.topic if one.event.origin == "KZ")
    index = leaves.index(heard.leaf)
    ask = ("audit", "ask", "was-recorded", play.case_id, heard.event.event_id)

    (row,) = does(capsys, *ask)["rows"]
    assert (row["state"], row["proof"]) == ("mirrored", None)
    noted.seal(log, index + 1)
    (row,) = does(capsys, *ask)["rows"]
    assert (row["state"], row["size"]) == ("signed", index + 1)
    # Cosigned later, with more events: what others vouch for says more than what came first.
    noted.seal(log, index + 4, "KG", "UZ")
    (row,) = does(capsys, *ask)["rows"]
    assert (row["state"], row["size"]) == ("cosigned", index + 4)
    proof = Proof.parse(row["proof"].encode())
    assert proof.verify(heard.leaf, policy).size == row["size"]
    assert cli.run([str(one) for one in ask]) == 0
    assert "tlog-proof" not in capsys.readouterr().out


def test_no_proof_is_made_up_where_the_mirror_was_changed(noted, capsys):
    """Two leaves changed places: the checkpoint is named, and nothing is proven by it."""
    play, log = noted.plays[3], f"{PREFIX}.ledger/KZ"
    heard = next(one for one in play.topic if one.event.origin == "KZ")
    noted.seal(log, len(noted.mirror.logs[log]), "KG", "UZ")
    noted.mirror.database.run(
        "UPDATE mirror.record SET leaf = sha256(leaf) WHERE topic = 'shared' AND origin = 'KZ'"
        " AND log_index = 0"
    )
    (row,) = does(capsys, "audit", "ask", "was-recorded", play.case_id, heard.event.event_id)[
        "rows"
    ]
    assert (row["state"], row["proof"]) == ("cosigned", None)

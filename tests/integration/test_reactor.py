"""The reactor: what follows by itself, exactly once, whatever dies in between. Real servers."""

import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from consumers import candidates
from consumers.candidates import Candidates
from consumers.grant_mail import GrantMail
from consumers.reactions import Reactions
from consumers.reactor import BACKUPS, Reactor
from events.codec import schema_of
from events.contract import register_id
from events.errors import DecisionRefused, ServiceUnavailable, StartAgain
from ledger import topics
from ledger.case import block, referral
from ledger.keys import wire
from ledger.keys.asking import Destroyed
from ledger.keys.client import KeystoreClient
from node.run_reactor import LedgerDesk
from tests.country import Referee
from tests.crossing import PREVIEW, REST, corridor, referees
from tests.readers import eventually

RELEASE = ["prepared", "released", "carried", "received"]
STOP = ["stopped", "tombstoned"]
ERASE = ["erased", "recorded", "attested"]


class Killed(BaseException):
    """What a SIGKILL looks like from within: nothing after it is done."""


@pytest.fixture(scope="module")
def countries(postgres, template, kafka, tmp_path_factory):
    """KZ and KG with databases and topics for the whole module; every test has its own case."""
    folder = tmp_path_factory.mktemp("keys")
    with referees(postgres, template, folder, "reactors", kafka) as found:
        topics.ensure_topics(kafka, found.nodes[0].agreement, countries=["KZ", "KG"])
        yield found


@pytest.fixture
def both(countries):
    """Both countries' ledgers and keystores; nothing has happened to this case."""
    with corridor(countries) as found:
        yield found


class Acting:
    """One country's reactor, one case at a time: a new one after each death, as a process is."""

    def __init__(self, desk, keys=None, dies_at=""):
        self.desk, self.keys, self.dies_at = desk, keys or _Direct(desk.keystore), dies_at
        self.stop = threading.Event()
        self.died = []

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        self._end()

    def _start(self):
        node = self.desk.node
        settings = node.reactor_settings()
        self.mail = GrantMail(
            settings.kafka, node.agreement.grants_topic, node.agreement.partitions
        )
        self.stop = threading.Event()
        self.reader = threading.Thread(target=self.mail.read, args=(self.stop, lambda _one: None))
        self.reader.start()
        self.database = psycopg.connect(settings.dsn, autocommit=True)
        self.reactions = Reactions(
            country=node.code, backups=BACKUPS, desk=LedgerDesk(self.desk.ledger, node.code),
            keys=self.keys, mail=self.mail, at=self._at,
            register=register_id(node.agreement.prefix),
        )  # fmt: skip

    def _end(self):
        self.stop.set()
        self.reader.join()
        self.mail.close()
        self.database.close()

    def _at(self, step):
        if step == self.dies_at:
            self.dies_at = ""
            self.died.append(step)
            raise Killed

    def serve(self, case_id):
        """Do what is due, and again from the start after a death; return what failed."""
        today = datetime.now(UTC).date()
        try:
            return self.reactions.serve(self.database, case_id, today)
        except Killed:
            self._end()
            self._start()
            return self.reactions.serve(self.database, case_id, today)


class _Direct:
    """The keystore without its socket, with the words that a reactor uses."""

    def __init__(self, keystore):
        self._keystore = keystore

    def __getattr__(self, name):
        return getattr(self._keystore, name)

    def prepare(self, *asked, **more):
        return wire.prepared_in(wire.prepared_out(self._keystore.prepare(*asked, **more)))

    def erase(self, *asked):
        return _said(self._keystore.erase(*asked))


def _said(evidence):
    return Destroyed(evidence.slots, evidence.replicas, evidence.method, evidence.key_ids)


def until_received(both, giver, taker, count):
    """Serve both countries until KG has so many grants."""

    def holds():
        both.settle()
        giver.serve(both.case_id)
        both.settle()
        taker.serve(both.case_id)
        kept = "SELECT count(*) FROM keystore.key_set WHERE case_id = %s AND kind = 'received'"
        return both.kg.node.database.run(kept, both.case_id) == [(count,)]

    eventually(holds, f"{count} grants in KG")


def counted(both, *names):
    """Return how often events of these types stand in the stores of this case."""
    stored = [
        schema_of(value).name
        for node in (both.kz.node, both.kg.node)
        for case_id, _, topic, value in node.stored()
        if case_id == both.case_id and topic.startswith("shared/")
    ]
    return [stored.count(name) for name in names]


def open_scopes(desk, case_id, *scopes):
    shown = desk.shows(case_id, *scopes).get("KZ", {})
    return {scope for scope, one in shown.items() if one.state == "open"}


@pytest.mark.parametrize("dies_at", [*RELEASE, *STOP, *ERASE])
def test_whatever_step_it_dies_after_everything_is_done_once(both, dies_at):
    """Release in two steps, stop, erase: the whole life of what was shared."""
    both.sent()
    with Acting(both.kz, dies_at=dies_at) as giver, Acting(both.kg, dies_at=dies_at) as taker:
        until_received(both, giver, taker, 1)
        both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
        until_received(both, giver, taker, 2)
        assert open_scopes(both.kg, both.case_id) == set(REST)
        both.withdrawn()
        for _ in range(2):
            assert giver.serve(both.case_id) == ()
            both.settle()
        assert open_scopes(both.kg, both.case_id) == set()
        both.closed()
        giver.serve(both.case_id)
        both.settle()
        both.erasure_approved()
        for _ in range(2):
            assert giver.serve(both.case_id) == ()
            both.settle()
        assert giver.died + taker.died == [dies_at] * len(giver.died + taker.died) != []
    assert counted(both, "KeysReleased", "ReleaseStopped", "ErasureAttested") == [2, 1, 1]
    assert {one.state for one in both.kz.shows(both.case_id)["KZ"].values()} == {"erased"}
    moved = (
        "SELECT count(*) FROM ledger.grant_moved WHERE step = 'tombstoned' AND grant_id = ANY(%s)"
    )
    grants = list(both.kz.case(both.case_id).settled.releases)
    assert both.kz.node.database.run(moved, grants) == [(2,)]


def test_two_reactors_at_once_have_the_effects_of_one(both):
    both.accepted()
    with Acting(both.kz) as one, Acting(both.kz) as two:
        for change in (lambda: None, both.withdrawn):
            change()
            start = threading.Barrier(2)

            def serve(acting, start=start):
                start.wait()
                acting.serve(both.case_id)

            threads = [threading.Thread(target=serve, args=(acting,)) for acting in (one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            both.settle()
    assert counted(both, "KeysReleased", "ReleaseStopped") == [2, 1]  # preview, rest


def test_a_capsule_of_a_stranger_under_a_grant_is_passed_over(both):
    """Whoever may write there can be first: the signed event names the right bytes."""
    both.sent()
    grant_id = both.released(preview=True)
    both.settle()
    with Acting(both.kz) as giver, Acting(both.kg) as taker:
        for wrong in (b"", bytes(117), b"x" * 117):
            giver.mail.put(grant_id, wrong)
        eventually(lambda: taker.mail.values(grant_id), "the stranger's bytes")
        assert taker.serve(both.case_id) == ()
        until_received(both, giver, taker, 1)


def test_while_the_keystore_is_away_nothing_is_lost(both, tmp_path):
    both.sent()
    away = KeystoreClient(tmp_path / "nobody")
    with Acting(both.kz, away) as giver, Acting(both.kg) as taker:
        (failed,) = giver.serve(both.case_id)
        assert isinstance(failed, ServiceUnavailable)
        giver.reactions.keys = _Direct(both.kz.keystore)
        until_received(both, giver, taker, 1)
    assert counted(both, "KeysReleased") == [1]


def test_a_step_that_fails_keeps_no_other_from_being_done(both):
    """A refused erasure: what is due beside it is done all the same."""
    both.accepted()

    class Refusing(_Direct):
        def prepare(self, *_asked, **_more):
            raise DecisionRefused("not now", rule="held")

    with Acting(both.kz, Refusing(both.kz.keystore)) as giver:
        both.released()
        both.withdrawn()
        giver.serve(both.case_id)
        both.settle()
    assert counted(both, "ReleaseStopped") == [1]


def test_what_a_block_holds_back_leaves_when_it_is_lifted(both):
    both.sent()
    block_id = uuid4()
    both.kz.did(both.case_id, block.place_block, countries=("KG",), block_id=block_id)
    with Acting(both.kz) as giver, Acting(both.kg) as taker:
        giver.serve(both.case_id)
        assert counted(both, "KeysReleased") == [0]
        both.kz.did(both.case_id, block.lift_block, block_id=block_id)
        until_received(both, giver, taker, 1)
    assert open_scopes(both.kg, both.case_id, *PREVIEW) == set(PREVIEW)


# ------------------------------------------------------------------------ which cases it looks at


def test_it_looks_at_what_was_decided_or_mirrored_since_the_last_look(both):
    dsn = both.kz.node.reactor_settings().dsn
    with psycopg.connect(dsn, autocommit=True) as database:
        looking = Candidates(database, "KZ", both.kz.node.agreement.partitions)
        assert looking.news() == set()
        both.opened()
        assert looking.news() == {both.case_id}  # decided: what it forbids counts at once
        assert looking.news() == set()
        both.sent()
        assert both.case_id in looking.news()
        assert looking.news() == set()


def test_the_questions_of_a_start_need_no_scan_of_the_mirror(both):
    """With a million records: the newest of each partition comes from the index."""
    both.opened()
    with psycopg.connect(both.kz.node.reactor_settings().dsn, autocommit=True) as database:
        database.execute("SET enable_seqscan = off")
        for statement, asked in (
            (candidates._ENDS, (["shared"], [0])),
            (candidates._NEWEST, None),
            (candidates._DECIDED, (1,)),
            (candidates._MIRRORED, (["shared"], [0], [1], 1)),
        ):
            plan = database.execute("EXPLAIN " + statement, asked).fetchall()
            assert not [line for (line,) in plan if "Seq Scan" in line]
        sharing = "EXPLAIN " + candidates._SHARING.format(schema="read_1")
        plan = "".join(line for (line,) in database.execute(sharing, {"country": "KZ"}))
        assert "Scan" in plan
        assert "audit_trail_pkey" not in plan  # the few approvals have an index of their own


# ------------------------------------------------------------------------ as a process


def test_a_reactor_sees_news_and_capsules_by_itself(both):
    """Both countries' reactors run; nothing is asked of them."""
    with (
        both.kz.node.keystore_served() as giving,
        both.kg.node.keystore_served() as taking,
        both.kz.node.reactor(both.kz.ledger, giving),
        both.kg.node.reactor(both.kg.ledger, taking),
    ):
        both.sent()

        def shown():
            both.settle()
            return open_scopes(both.kg, both.case_id, *PREVIEW)

        eventually(shown, "the preview in KG")
        both.kg.did(both.case_id, referral.accept_referral, handoff_id=both.handoff_id)
        eventually(lambda: (both.settle(), open_scopes(both.kg, both.case_id))[1], "the rest")
        both.withdrawn()
        eventually(lambda: (both.settle(), counted(both, "ReleaseStopped"))[1] == [1], "the stop")
    assert counted(both, "KeysReleased", "ReleaseStopped") == [2, 1]


def test_a_day_ends_permissions_and_nobody_has_to_say_so(both):
    both.accepted()
    both.received()
    later = datetime.now(UTC) + timedelta(days=60)
    both.kz.keystore._clock = lambda: later
    with both.kz.node.ledger(sealer=both.kz.keystore, clock=lambda: later) as ledger:
        desk = replace(both.kz, ledger=ledger)
        with Acting(desk) as giver:
            giver.reactions.serve(giver.database, both.case_id, datetime.now(UTC).date())
            assert counted(both, "ReleaseStopped") == [0]
            assert giver.reactions.serve(giver.database, both.case_id, later.date()) == ()
    assert counted(both, "ReleaseStopped") == [1]


def test_it_says_that_it_waits_until_it_has_looked_at_every_case(both):
    settings = both.kz.node.reactor_settings()
    reactor = Reactor(settings, LedgerDesk(both.kz.ledger, "KZ"), _Direct(both.kz.keystore))
    assert reactor.waiting() == {"cases": "it has not looked at them yet"}
    stop = threading.Event()
    thread = threading.Thread(target=reactor.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: not reactor.waiting(), "readiness")
    finally:
        stop.set()
        thread.join()


def test_with_relays_and_workers_a_reactor_that_starts_late_finds_its_cases(
    new_node, kafka, tmp_path
):
    """Nothing is played: everything that was due while no reactor ran is done at its start."""
    nodes = [new_node(code, kafka=kafka) for code in ("KZ", "KG")]
    topics.ensure_topics(kafka, nodes[0].agreement, countries=["KZ", "KG"])
    with ExitStack() as stack:
        for node in nodes:
            node.folder = tmp_path
            stack.enter_context(node.relay())
            stack.enter_context(node.worker())
        both = stack.enter_context(corridor(Topics(*nodes)))
        eventually(lambda: decided(both.sent), "a referral that has arrived")
        with (
            both.kz.node.reactor(both.kz.ledger, _Direct(both.kz.keystore)),
            both.kg.node.reactor(both.kg.ledger, _Direct(both.kg.keystore)),
        ):
            eventually(lambda: open_scopes(both.kg, both.case_id, *PREVIEW), "the preview in KG")
    assert counted(both, "KeysReleased") == [1]


class Topics(Referee):
    """The real topics in the place of played ones: settled is what both have mirrored."""

    def settle(self):
        def holds():
            stored = [row for node in self.nodes for row in node.stored() if "shared" in row[2]]
            count = "SELECT count(*) FROM mirror.record WHERE topic = 'shared'"
            seen = {node.database.run(count)[0][0] for node in self.nodes}
            return seen == {len(stored)}

        eventually(holds, "the same in both mirrors")


def decided(take):
    """Take a decision as soon as the node may decide."""
    try:
        return take()
    except ServiceUnavailable:
        return None


# ------------------------------------------------------------------------ a server that is away


def test_without_its_database_it_ends_to_be_started_again(both):
    settings = both.kz.node.reactor_settings(dsn="postgresql://nobody@127.0.0.1:1/nothing")
    reactor = Reactor(settings, LedgerDesk(both.kz.ledger, "KZ"), _Direct(both.kz.keystore))
    with pytest.raises(StartAgain):
        reactor.run(threading.Event())


def test_without_kafka_it_ends_to_be_started_again_and_has_stopped_what_it_could(both):
    """What was decided stays decided; the capsule leaves when there is a topic again."""
    both.accepted()
    grant_id = both.released()
    both.settle()
    settings = both.kz.node.reactor_settings(kafka={"bootstrap_servers": "127.0.0.1:1"})
    reactor = Reactor(settings, LedgerDesk(both.kz.ledger, "KZ"), _Direct(both.kz.keystore))
    with psycopg.connect(settings.dsn, autocommit=True) as database, pytest.raises(StartAgain):
        reactor._reactions.serve(database, both.case_id, datetime.now(UTC).date())
    noted = "SELECT count(*) FROM ledger.grant_moved WHERE grant_id = %s"
    assert both.kz.node.database.run(noted, grant_id) == [(0,)]
    with Acting(both.kz) as giver, Acting(both.kg) as taker:
        until_received(both, giver, taker, 2)

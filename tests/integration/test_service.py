"""Commands: what is recorded, what is refused, and what a repeated, raced or late one gets."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from events.care import RefusalRecorded
from events.case import CaseJoined
from events.codec import decode
from events.codes import DataScope, NeutralStatus, Purpose
from events.errors import (
    BadInput,
    BasisMissing,
    CaseUnknown,
    CodeUnknown,
    FoundVoid,
    KeyReused,
    Misconfigured,
    NotAllowedNow,
    Overtaken,
    ProtectiveRefusal,
    ServiceUnavailable,
)
from events.stamp import Actor
from ledger import LedgerSettings, open_ledger
from ledger.case import (
    care,
    closing,
    consent,
    duplicate,
    identity,
    joining,
    reserving,
    searching,
    transfer,
    withdrawal,
)
from ledger.receipt import Receipt
from ledger.request import Request, decision
from tests.country import CASEWORKER, SUPERVISOR, Referee, mirror, opened
from tests.given import CLOSING

SCOPES = (DataScope.IDENTITY,)
SOON = datetime.now(UTC).date() + timedelta(days=9)


@pytest.fixture
def ledger(kz):
    with kz.ledger(connections=20) as opened_ledger:
        yield opened_ledger


def consented(ledger, case_id):
    consent_id = uuid4()
    ledger.on(case_id, by=SUPERVISOR).decide(
        consent.grant_consent,
        recipient="KG",
        purpose=Purpose.TRANSFER,
        scopes=SCOPES,
        expires_on=SOON,
        consent_id=consent_id,
    )
    ledger.on(case_id, by=SUPERVISOR).decide(identity.change_status, status=NeutralStatus.READY)
    return consent_id


def proposed(ledger, case_id):
    consent_id, handoff_id = consented(ledger, case_id), uuid4()
    ledger.on(case_id, by=SUPERVISOR).decide(
        transfer.propose_transfer,
        recipient="KG",
        basis_id=consent_id,
        scopes=SCOPES,
        due_on=SOON,
        handoff_id=handoff_id,
    )
    return handoff_id


def test_a_command_is_answered_by_what_was_recorded(kz, ledger):
    """The receipt names every event, its topic, its leaf, and that it is not yet done."""
    receipt = opened(ledger)
    ((case_id, number, topic, value),) = kz.stored()
    assert (case_id, number, topic) == (receipt.case_id, receipt.number, "national/NationalEvent")
    (event,) = receipt.events
    assert ("CaseOpened", "national", 1, "pending") == (
        event.type,
        event.topic,
        event.version,
        event.state,
    )
    assert not receipt.settled
    assert 4 == case_id.version
    assert value


def test_a_first_cross_border_step_records_both_topics_in_one_transaction(kz, ledger):
    """One counter over both, so that no two decisions can be taken on one state."""
    case_id = opened(ledger).case_id
    proposed(ledger, case_id)
    topics = [topic.partition("/")[0] for *_, topic, _ in kz.stored()]
    assert ["shared"] * 3 == topics[-3:]
    assert list(range(1, len(topics) + 1)) == [number for _, number, *_ in kz.stored()]
    assert 3 == ledger.case(case_id).pending


def test_a_repeated_command_gives_the_recorded_result_also_after_a_restart(kz, ledger):
    """Whoever never heard the answer asks again, and opens no second case."""
    first = opened(ledger, key="k")
    with kz.ledger() as another:
        again = opened(another, key="k")
    assert again.replayed
    assert first == Receipt(case_id=again.case_id, number=again.number, events=again.events)
    assert 1 == len(kz.stored())


def test_a_key_answers_even_when_the_step_would_no_longer_be_legal(ledger):
    """The repetition of a step that was taken is not a second step."""
    case_id = opened(ledger).case_id
    report = ledger.on(case_id, by=CASEWORKER, key="gone", expected_number=1)
    first = report.decide(searching.report_missing)
    ledger.on(case_id, by=CASEWORKER).decide(searching.report_found)
    assert first.events[0].event_id == report.decide(searching.report_missing).events[0].event_id


@pytest.mark.parametrize(
    "changed",
    [
        lambda ledger, case_id: ledger.on(case_id, by=SUPERVISOR, key="k").decide(
            care.assign_case, assignee="cw-2"
        ),
        lambda ledger, case_id: ledger.on(case_id, by=CASEWORKER, key="k").decide(
            care.assign_case, assignee="cw-3"
        ),
        lambda ledger, case_id: ledger.on(case_id, by=CASEWORKER, key="k").decide(
            care.record_concern
        ),
        lambda ledger, _case_id: ledger.open(by=CASEWORKER, key="k").decide(identity.open_case),
    ],
    ids=["another actor", "another argument", "another decision", "another case"],
)
def test_a_key_used_for_another_request_is_refused(kz, ledger, changed):
    """An answer to something else would be believed."""
    case_id = opened(ledger).case_id
    ledger.on(case_id, by=CASEWORKER, key="k").decide(care.assign_case, assignee="cw-2")
    with pytest.raises(KeyReused):
        changed(ledger, case_id)
    assert 2 == len(kz.stored())


def test_of_16_who_open_under_one_key_one_case_comes_out(kz, ledger):
    """Also when none of them has seen the other's command before deciding."""
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(lambda _: opened(ledger, key="k"), range(16)))
    assert 1 == len({receipt.case_id for receipt in receipts}) == len(kz.stored())
    assert 15 == sum(receipt.replayed for receipt in receipts)


def test_a_pseudonym_says_nothing_about_the_key(ledger, new_node):
    """Keys may come from a file that others have; they must not lead to the child."""
    other = new_node()
    other.mirrored()
    with other.ledger() as elsewhere:
        assert opened(ledger, key="k").case_id != opened(elsewhere, key="k").case_id


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_is_a_name_of_some_length(ledger, key):
    """Anything else is a mistake of the caller."""
    with pytest.raises(BadInput, match="1 to 200 characters"):
        opened(ledger, key=key)


def test_somebody_who_decides_on_an_old_state_is_overtaken(kz, ledger):
    """If-Match: refused, never repaired, whatever retries say."""
    case_id = opened(ledger).case_id
    ledger.on(case_id, by=CASEWORKER, expected_number=1).decide(care.record_concern)
    with pytest.raises(Overtaken, match="its last decision is 2, not 1"):
        ledger.on(case_id, by=CASEWORKER, expected_number=1, retries=3).decide(care.record_concern)
    assert 2 == len(kz.stored())


def test_deciders_at_the_same_moment_decide_one_after_the_other(kz, ledger):
    """Each decides on what the one before has recorded; numbers have no gap."""
    case_id = opened(ledger).case_id
    ready = threading.Barrier(8)

    def decide(_place: int) -> int:
        ready.wait()
        door = ledger.on(case_id, by=CASEWORKER, retries=20)
        return door.decide(care.record_concern).number

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(decide, range(8)))
    assert list(range(2, 10)) == numbers
    assert 9 == len(kz.stored())


def test_a_loser_is_told_so_unless_it_asked_to_decide_again(kz, ledger):
    """Deciding again is for the caller to allow: a person may see things differently."""
    case_id = opened(ledger).case_id
    clock = iter([datetime.now(UTC)] * 9)

    def overtaking():
        with kz.ledger() as other:
            other.on(case_id, by=CASEWORKER).decide(care.record_concern)
        return next(clock)

    with kz.ledger(clock=overtaking) as late, pytest.raises(Overtaken, match="somebody else"):
        late.on(case_id, by=CASEWORKER).decide(care.record_concern)
    assert 2 == len(kz.stored())


@pytest.mark.parametrize(
    ("refused", "decide"),
    [
        (CaseUnknown, lambda door: door(uuid4()).decide(closing.close_case)),
        (NotAllowedNow, lambda door: door().decide(closing.reopen_case, reason="other")),
        (
            CodeUnknown,
            lambda door: door(
                by=Actor(id="Aigul Bekova", role="caseworker", organisation="x")
            ).decide(care.record_concern),
        ),
        (
            BasisMissing,
            lambda door: door().decide(
                transfer.propose_transfer,
                recipient="KG",
                basis_id=uuid4(),
                scopes=SCOPES,
                due_on=SOON,
            ),
        ),
        (
            CodeUnknown,
            lambda door: door().decide(
                transfer.propose_transfer,
                recipient="FR",
                basis_id=uuid4(),
                scopes=SCOPES,
                due_on=SOON,
            ),
        ),
    ],
    ids=["unknown case", "step not legal", "a name", "no basis", "unknown country"],
)
def test_a_refusal_leaves_no_effect(kz, ledger, refused, decide):
    """Nothing is recorded, and the key is free for a better request."""
    case_id = opened(ledger).case_id

    def door(on=case_id, by=SUPERVISOR):
        return ledger.on(on, by=by, key="k")

    with pytest.raises(refused):
        decide(door)
    assert 1 == len(kz.stored())
    assert [] == kz.database.run("SELECT key FROM ledger.command")


def test_a_refusal_that_protects_is_recorded_before_it_is_raised(kz, ledger):
    """A supervisor and an auditor see what was tried."""
    case_id = opened(ledger).case_id
    ledger.on(case_id, by=SUPERVISOR).decide(closing.request_closure, **CLOSING)
    with pytest.raises(ProtectiveRefusal) as caught:
        ledger.on(case_id, by=SUPERVISOR, key="k").decide(closing.close_case)
    assert caught.value.rule == "four_eyes"
    assert isinstance(decode(kz.stored()[-1][3]), RefusalRecorded)
    assert [] == kz.database.run("SELECT key FROM ledger.command")


def suspected_by_two(ledger, case_id, other):
    """Two supervisors find that two cases are one child's."""
    ledger.on(case_id, by=CASEWORKER).decide(duplicate.suspect_duplicate, other_case_id=other)
    (suspicion_id,) = ledger.case(case_id).national.suspicions
    for by in (SUPERVISOR, replace(SUPERVISOR, id="sup-2")):
        ledger.on(case_id, by=by).decide(duplicate.confirm_duplicate, suspicion_id=suspicion_id)
    return suspicion_id


def test_a_case_yields_only_to_one_that_is_there_and_open(kz, ledger):
    """Otherwise the child's case would end in nothing."""
    case_id, other = opened(ledger).case_id, opened(ledger).case_id
    with pytest.raises(CaseUnknown):
        ledger.on(case_id, by=SUPERVISOR).decide(joining.join_case, into_case_id=uuid4())
    suspicion_id = suspected_by_two(ledger, case_id, other)
    with pytest.raises(NotAllowedNow) as refused:
        ledger.on(case_id, by=SUPERVISOR).decide(joining.join_case, into_case_id=other)
    assert refused.value.rule == "not_reserved"
    ledger.on(other, by=SUPERVISOR).decide(reserving.reserve_case, yielding_case_id=case_id)
    ledger.on(case_id, by=SUPERVISOR).decide(joining.join_case, into_case_id=other)
    with pytest.raises(NotAllowedNow) as refused:
        ledger.on(other, by=SUPERVISOR).decide(joining.join_case, into_case_id=case_id)
    assert refused.value.rule == "into_open"
    assert ("joined", "open") == tuple(ledger.case(one).identity.state for one in (case_id, other))
    assert "joined" == ledger.case(case_id).national.suspicions[suspicion_id].state
    assert isinstance(decode(kz.stored()[-1][3]), CaseJoined)


def test_what_is_refused_together_with_an_opening_leaves_no_case(kz, ledger):
    """There is no history to keep the refusal in; the rule that refused is still named."""
    override = decision(
        consent.approve_override,
        recipient="KG",
        purpose=Purpose.TRANSFER,
        scopes=SCOPES,
        expires_on=SOON,
        requested_by=SUPERVISOR.id,
    )
    request = Request(by=SUPERVISOR, decisions=(decision(identity.open_case), override))
    with pytest.raises(ProtectiveRefusal) as refused:
        ledger.record(request)
    assert refused.value.rule == "four_eyes"
    assert [] == kz.stored()


def test_arguments_go_by_name():
    """The typed door and the request's hash both need the names."""
    with pytest.raises(TypeError, match="by name"):
        decision(care.assign_case, "cw-2")  # type: ignore[call-arg]


def test_time_never_goes_back_within_a_case(kz):
    """A clock that was set back does not put a decision before the one it rests on."""
    moments = iter([datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC)])
    with kz.ledger(clock=lambda: next(moments)) as ledger:
        case_id = opened(ledger).case_id
        ledger.on(case_id, by=CASEWORKER).decide(care.record_concern)
        assert datetime(2026, 11, 24, 12, tzinfo=UTC) == ledger.case(case_id).decided_at


def test_a_country_outside_the_agreement_opens_no_ledger(kz):
    """It would decide what nobody admits."""
    settings = LedgerSettings(dsn=kz.database.dsn, country="FR", agreement=kz.agreement)
    with pytest.raises(Misconfigured, match="FR is no party"):
        open_ledger(settings)


# What is pending, what is settled, and what may be decided on it.


def test_an_own_event_is_pending_until_the_mirror_has_it(kz, ledger):
    """Pending lets a country go on deciding; settled is what both countries agree on."""
    case_id = opened(ledger).case_id
    handoff_id = proposed(ledger, case_id)
    before = ledger.case(case_id)
    assert (3, 0) == (before.pending, before.settled.count)
    assert before.ahead.handoff(handoff_id).state == "proposed"
    referee = Referee(kz)
    referee.order(kz)
    referee.deliver(kz, 2)
    assert (1, 2) == (ledger.case(case_id).pending, ledger.case(case_id).settled.count)
    referee.deliver(kz)
    after = ledger.case(case_id)
    assert (0, 3) == (after.pending, after.settled.count)
    assert before.ahead.transfers == after.settled.transfers


def test_a_kept_prefix_reads_like_a_fresh_one(new_node):
    """Whatever the order of decisions, arrivals and readers: memory changes no answer."""
    kz, kg = new_node("KZ"), new_node("KG")
    kz.mirrored()
    kg.mirrored()
    referee = Referee(kz, kg)
    with kz.ledger() as ours, kg.ledger() as theirs:
        case_id = opened(ours).case_id

        def equal(node, kept):
            with node.ledger() as fresh:
                assert fresh.case(case_id) == kept.case(case_id)

        handoff_id = proposed(ours, case_id)
        referee.order(kz)
        for _ in range(3):
            referee.deliver(kz, 1)
            equal(kz, ours)
        referee.deliver(kg)
        theirs.on(case_id, by=SUPERVISOR).decide(transfer.preview_transfer, handoff_id=handoff_id)
        ours.on(case_id, by=SUPERVISOR).decide(searching.report_missing)
        equal(kz, ours)
        equal(kg, theirs)
        theirs.on(case_id, by=SUPERVISOR).decide(transfer.accept_transfer, handoff_id=handoff_id)
        referee.settle()
        equal(kz, ours)
        equal(kg, theirs)
        assert ours.case(case_id).settled == theirs.case(case_id).settled
        # Accepted in ignorance of the missing child, so without effect: in both countries.
        assert ours.case(case_id).settled.handoff(handoff_id).state == "previewed"


def test_a_prefix_of_another_store_is_thrown_away(kz, ledger):
    """After a restore under a running program the last row is not the one that was kept."""
    case_id = opened(ledger).case_id
    ledger.on(case_id, by=CASEWORKER).decide(care.record_concern)
    assert 2 == ledger.case(case_id).number
    kz.database.run("DELETE FROM ledger.ledger_events WHERE originator_version = 2")
    assert 1 == ledger.case(case_id).number
    with kz.ledger() as other:
        other.on(case_id, by=CASEWORKER).decide(care.assign_case, assignee="cw-2")
    assert "cw-2" == ledger.case(case_id).national.care.assignee


def test_few_histories_are_kept(kz):
    """Memory is bounded; a forgotten case is read again."""
    with kz.ledger(histories=2) as ledger:
        cases = [opened(ledger).case_id for _ in range(4)]
        assert [1] * 4 == [ledger.case(case_id).number for case_id in cases]
        assert 2 == len(ledger._commands._histories._kept)


@pytest.mark.parametrize("hidden", ["held", "parked"])
def test_no_permission_is_given_while_an_event_is_out_of_sight(kz, ledger, hidden):
    """It may be a withdrawal; prohibitions and plain facts are recorded all the same."""
    case_id = opened(ledger).case_id
    consent_id = consented(ledger, case_id)
    if hidden == "held":
        mirror(kz, 7, "KG", kz.stored()[0][3], held=True)
    else:
        kz.database.run(
            "INSERT INTO read_1.parked (case_id, topic, reason, since_offset, since_rank)"
            " VALUES (%s, 'shared', 'unknown_schema', 1, 0)",
            case_id,
        )
    with pytest.raises(NotAllowedNow) as caught:
        ledger.on(case_id, by=SUPERVISOR).decide(
            consent.grant_consent,
            recipient="KG",
            purpose=Purpose.TRANSFER,
            scopes=SCOPES,
            expires_on=SOON,
        )
    assert caught.value.rule == hidden
    ledger.on(case_id, by=SUPERVISOR).decide(care.record_concern)
    ledger.on(case_id, by=SUPERVISOR).decide(withdrawal.withdraw_consent, consent_id=consent_id)


# Whether the node may decide at all.


def test_nothing_is_decided_before_the_relay_has_looked_at_the_topics(new_node):
    """The store may lack what others have already seen."""
    node = new_node()
    node.mirrored()
    node.database.run("DELETE FROM ledger.start_mark WHERE topic = 'national' AND partition = 3")
    with node.ledger() as ledger, pytest.raises(ServiceUnavailable, match="the national topic"):
        opened(ledger)
    assert [] == node.stored()


def test_a_mark_of_another_life_of_the_database_does_not_count(kz):
    """After a restart, a failover or a restore the relay has to look again."""
    kz.database.run("UPDATE ledger.start_mark SET incarnation = 'another'")
    with kz.ledger() as ledger, pytest.raises(ServiceUnavailable, match="since the database"):
        opened(ledger)


def test_nothing_is_decided_before_the_mirror_has_come_to_the_mark(kz):
    """And the refusal says which partition is waited for."""
    kz.database.run(
        "UPDATE ledger.start_mark SET high_watermark = 9 WHERE topic = 'shared' AND partition = 2"
    )
    with kz.ledger() as ledger:
        with pytest.raises(ServiceUnavailable, match="shared partition 2: another topic of 9"):
            opened(ledger)
        kz.database.run(
            "INSERT INTO read_1.position (topic, partition, topic_id, next_offset) SELECT topic,"
            " partition, topic_id, 8 FROM ledger.start_mark WHERE high_watermark = 9"
        )
        with pytest.raises(ServiceUnavailable, match="shared partition 2: 8 of 9"):
            opened(ledger)
        kz.database.run("UPDATE read_1.position SET next_offset = 9")
        assert opened(ledger)


def test_a_position_in_another_topic_does_not_count(kz):
    """A topic that was made anew begins at offset 0 again."""
    kz.database.run(
        "UPDATE ledger.start_mark SET high_watermark = 9 WHERE topic = 'shared' AND partition = 2"
    )
    kz.database.run(
        "INSERT INTO read_1.position (topic, partition, topic_id, next_offset)"
        " VALUES ('shared', 2, %s, 100)",
        uuid4(),
    )
    with kz.ledger() as ledger, pytest.raises(ServiceUnavailable, match="another topic"):
        opened(ledger)


def test_a_node_without_read_models_says_so(new_node):
    """A worker has to have run once."""
    node = new_node()
    node.database.forget_read_models()
    with node.ledger() as ledger, pytest.raises(ServiceUnavailable, match="have not been made"):
        opened(ledger)


def test_a_new_generation_of_read_models_is_followed(kz, ledger):
    """Rebuild swaps them under a running program, and drops the old ones later."""
    case_id = opened(ledger).case_id
    with psycopg.connect(kz.database.dsn) as connection:
        connection.execute("CREATE SCHEMA read_2")
        for table in ("parked", "position", "audit_trail"):
            connection.execute(f"CREATE TABLE read_2.{table} (LIKE read_1.{table})")
        connection.execute("GRANT USAGE ON SCHEMA read_2 TO ledger_append")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA read_2 TO ledger_append")
        connection.execute("UPDATE projections.current_generation SET number = 2")
    ledger.on(case_id, by=CASEWORKER).decide(care.record_concern)
    kz.database.run("DROP SCHEMA read_1 CASCADE")
    assert 3 == ledger.on(case_id, by=CASEWORKER).decide(care.record_concern).number


# What the topic makes of it.


def judged(kz, receipt, void_reason=None, *, leaf=None, place=1):
    event = receipt.events[0]
    kz.database.run(
        'INSERT INTO read_1.audit_trail (topic, partition, "offset", effect_offset, effect_rank,'
        " case_id, place, event_id, origin, version, event_type, recorded_at, occurred_at, leaf,"
        " effective, void_reason, summary) VALUES ('national', 0, 0, 0, 0, %s, %s, %s, 'KZ', 1,"
        " 'x', now(), now(), %s, %s, %s, '{}')",
        receipt.case_id,
        place,
        event.event_id,
        event.leaf if leaf is None else leaf,
        void_reason is None,
        void_reason,
    )
    kz.database.run("NOTIFY ledger_read")


@pytest.mark.parametrize(("reason", "state"), [(None, "effective"), ("wrong_state", "void")])
def test_an_outcome_is_waited_for(kz, ledger, reason, state):
    """Only effective is done; void says why."""
    receipt = opened(ledger)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(ledger.outcome, receipt, 20)
        judged(kz, receipt, reason)
        outcome = waits.result()
    assert outcome.settled
    assert (state, reason) == (outcome.events[0].state, outcome.events[0].void_reason)
    if reason is None:
        outcome.require_effective()
    else:
        with pytest.raises(FoundVoid, match="CaseOpened is void: wrong_state"):
            outcome.require_effective()


def test_another_countrys_event_does_not_answer_for_ours(kz, ledger):
    """An id can be foreseen and used by somebody else, too; the bytes cannot (ADR 11)."""
    receipt = opened(ledger)
    judged(kz, receipt, leaf=bytes(32))
    assert "pending" == ledger.outcome(receipt, 0.05).events[0].state
    judged(kz, receipt, "wrong_state", place=2)
    assert "void" == ledger.outcome(receipt, 0.05).events[0].state


def test_an_outcome_that_does_not_come_stays_pending(ledger):
    """The receipt says so; nobody takes silence for success."""
    outcome = ledger.outcome(opened(ledger), 0.05)
    assert "pending" == outcome.events[0].state


def test_a_listener_that_lost_its_connection_hears_again(kz, ledger):
    """And whoever waits looks for himself in the meantime."""
    receipt = opened(ledger)
    assert not ledger.outcome(receipt, 0.05).settled
    kz.database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE 'LISTEN ledger_read' AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(ledger.outcome, receipt, 20)
        judged(kz, receipt)
        assert waits.result().settled


def test_a_replay_knows_the_verdict(kz, ledger):
    """Asking again under the key is also a way to ask what became of it."""
    receipt = opened(ledger, key="k")
    judged(kz, receipt)
    assert "effective" == opened(ledger, key="k").events[0].state


# Many at once.


def requests(count, by=CASEWORKER):
    return [
        Request(
            by=by,
            key=f"line-{place}",
            decisions=(decision(identity.open_case), decision(care.assign_case, assignee="cw-2")),
        )
        for place in range(count)
    ]


def test_many_requests_are_recorded_each_completely_or_not_at_all(kz, ledger):
    """A bad row of an import leaves nothing, and harms nobody."""
    good = requests(3)
    bad = Request(
        by=CASEWORKER,
        key="bad",
        decisions=(decision(identity.open_case), decision(closing.reopen_case, reason="other")),
    )
    answers = list(ledger.record_many([good[0], bad, *good[1:]]))
    assert ["Receipt", "WrongRole", "Receipt", "Receipt"] == [type(a).__name__ for a in answers]
    assert 6 == len(kz.stored())
    assert 3 == len(kz.database.run("SELECT DISTINCT key FROM ledger.command"))


def test_many_requests_may_be_repeated(kz, ledger):
    """An import that was killed begins again from its first line."""
    list(ledger.record_many(requests(5)))
    answers = list(ledger.record_many(requests(7)))
    assert [True] * 5 + [False] * 2 == [answer.replayed for answer in answers]
    assert 14 == len(kz.stored())


def test_requests_on_one_case_follow_each_other(kz, ledger):
    """The later one is decided on what the earlier one recorded."""
    case_id = opened(ledger).case_id
    asked = [
        Request(by=CASEWORKER, case_id=case_id, decisions=(one,))
        for one in (decision(searching.report_missing), decision(searching.report_found))
    ]
    assert [3, 5] == [answer.number for answer in ledger.record_many(asked)]
    twice = requests(1) * 2
    assert [False, True] == [answer.replayed for answer in ledger.record_many(twice)]


def test_many_requests_wait_like_one_while_the_node_may_not_decide(new_node):
    """An outage is nobody's answer: the import stops and says so."""
    node = new_node()
    node.mirrored()
    node.database.run("DELETE FROM ledger.start_mark")
    with node.ledger() as ledger, pytest.raises(ServiceUnavailable):
        list(ledger.record_many(requests(2)))


def test_a_request_says_the_same_in_every_process():
    """The hash is stored: it must not depend on the order of arguments or on enum classes."""
    case_id = uuid4()
    one = Request(
        by=CASEWORKER,
        case_id=case_id,
        decisions=(
            decision(identity.change_status, status=NeutralStatus.READY),
            decision(identity.open_case, opened_on=date(2026, 1, 2)),
        ),
    )
    other = Request(
        by=Actor(id="cw-1", role="caseworker", organisation="cps-1"),
        case_id=case_id,
        key="k",
        expected_number=4,
        decisions=(
            decision(identity.change_status, status="ready"),
            decision(identity.open_case, opened_on=date(2026, 1, 2)),
        ),
    )
    assert one.hash == other.hash

"""Deadlines on real servers: each set, breached and told once, whatever crashes or runs twice."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing as shut
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import psycopg
import pytest

from consumers.deadlines import Timekeeper
from events.case import CaseReopened
from events.codes import DataScope, RuleKind, Safety
from events.contract import register_id
from events.errors import LedgerError, Misconfigured, NotAllowedNow
from events.monitoring import (
    DeadlineBreached,
    DeadlineEscalated,
    DeadlineSet,
    MonitoringBegun,
)
from ledger.case import care, closing, governance, identity, monitoring, searching
from ledger.case.personal import PersonalData
from ledger.keys.sealing import Opened
from ledger.store import Store
from node.run_reactor import LedgerDesk
from tests.country import CASEWORKER, Node, Referee, agreement_of
from tests.crossing import SYSTEM, corridor
from tests.ruled import FOLDER

ALONE = PersonalData({DataScope.PROTECTION: {"concern": "unaccompanied"}})
#: Long enough that everything is over that the example rules want within a day.
LONG = timedelta(days=9)
STOPPED = Opened("stopped")


class Killed(BaseException):
    """The program is gone between two lines."""


class Desk(LedgerDesk):
    """A desk that may be killed before or after a decision was recorded."""

    def __init__(self, ledger, country, *, dies_at=None):
        super().__init__(ledger, country)
        self.dies_at, self.steps = dies_at, 0

    def decide(self, case_id, take, arguments, key):
        self._step()
        super().decide(case_id, take, arguments, key)
        self._step()

    def _step(self):
        self.steps += 1
        if self.steps == self.dies_at:
            raise Killed


@pytest.fixture
def both(new_database, tmp_path):
    keys = {code: tmp_path / f"{code}.key" for code in ("KZ", "KG")}
    agreement = agreement_of("due", keys)
    nodes = [Node(code, agreement, new_database(), keys[code], "", tmp_path) for code in keys]
    for node in nodes:
        node.mirrored()
    with corridor(Referee(*nodes)) as found:
        rules(found.kz)
        yield found


def rules(desk) -> None:
    """Put the example rules in force."""
    register = register_id(desk.node.agreement.prefix)
    for kind, name in ((RuleKind.PACK, "KZ.toml"), (RuleKind.DIRECTORY, "KZ.directory.toml")):
        text = (FOLDER / name).read_text()
        digest = sha256(text.encode()).digest()
        desk.node.database.run(
            "INSERT INTO ledger.rule_text (sha256, content) VALUES (%s, %s)", digest, text
        )
        desk.did(
            register, governance.activate_rules, kind=kind, name="KZ", number=1, text=digest,
            effective_from=datetime.now(UTC).date(),
        )  # fmt: skip


def keeper(desk, **more) -> Timekeeper:
    register = register_id(desk.node.agreement.prefix)
    return Timekeeper(country="KZ", register=register, desk=Desk(desk.ledger, "KZ", **more))


def alone(both, since: timedelta = LONG) -> UUID:
    """Open the case of a child who has been alone for a while, watched since then."""
    case_id = both.kz.did(None, identity.open_case, by=CASEWORKER).case_id
    both.kz.did(case_id, care.record_concern, data=ALONE)
    begun = {"since": datetime.now(UTC) - since, "by": SYSTEM}
    both.kz.did(case_id, monitoring.begin_monitoring, **begun)
    return case_id


def works(both, case_id: UUID, one: Timekeeper) -> None:
    """Let a timekeeper do whatever is due, until nothing is."""
    today = datetime.now(UTC).date()
    with psycopg.connect(both.kz.node.database.as_role("append"), autocommit=True) as database:
        busy = True
        while busy:
            busy = any(
                ask(database, both.kz.case(case_id), today)
                for ask in (one.watch, one.search, one.reckon, one.breach)
            )


def events(both, case_id: UUID) -> list:
    """Return what this country has recorded about a case, in order."""
    node = both.kz.node
    rows = node.database.run(
        "SELECT originator_version, topic, state FROM ledger.ledger_events"
        " WHERE originator_id = %s ORDER BY originator_version",
        case_id,
    )
    with shut(Store(node.database.as_role("append"), keys=node.national_keys)) as store:
        return [store.mapper.read(*row).event for row in rows]


def said(both, case_id: UUID) -> Counter:
    """Count what was recorded about each deadline."""
    found: Counter = Counter()
    for event in events(both, case_id):
        if isinstance(event, DeadlineBreached):
            found[event.deadline_id, "breached"] += 1
        if isinstance(event, DeadlineEscalated):
            found[event.deadline_id, event.told] += 1
    return found


def steps_of(both, case_id: UUID, kind: type) -> Counter:
    """Count the steps whose deadlines an event of this kind is about."""
    listed_ = events(both, case_id)
    steps = {one.deadline_id: one.step for one in listed_ if isinstance(one, DeadlineSet)}
    return Counter(steps[one.deadline_id] for one in listed_ if isinstance(one, kind))


OVER = {"first_contact", "guardian", "risk", "views", "assessment"}


def test_a_child_who_waits_is_known_to_wait_and_everybody_is_told_once(both):
    case_id = alone(both)
    works(both, case_id, keeper(both.kz))
    assert dict.fromkeys(OVER, 1) == steps_of(both, case_id, DeadlineBreached)
    told = steps_of(both, case_id, DeadlineEscalated)
    assert (2, 1) == (told["guardian"], told["risk"]), "as far as the ladder of each goes"
    before = events(both, case_id)
    works(both, case_id, keeper(both.kz))
    assert before == events(both, case_id), "nothing is said twice"


def test_whoever_is_in_time_is_never_told_of(both):
    case_id = alone(both, timedelta())
    one = keeper(both.kz)
    works(both, case_id, one)
    assert set(OVER) == set(steps_of(both, case_id, DeadlineSet))
    both.kz.did(case_id, care.appoint_guardian)
    both.kz.did(case_id, monitoring.complete_follow_up, safety=Safety.SAFE)
    works(both, case_id, one)
    assert not said(both, case_id)
    (follow_up,) = [
        event
        for event in events(both, case_id)
        if isinstance(event, DeadlineSet) and event.step == "follow_up"
    ]
    assert timedelta(days=6) < follow_up.due_at - datetime.now(UTC) < timedelta(days=8)


@pytest.mark.parametrize("dies_at", range(1, 26, 3))
def test_each_is_recorded_once_wherever_it_is_killed(both, dies_at):
    """Before or after any decision: whoever is started again goes on, and repeats nothing."""
    case_id = alone(both)
    with pytest.raises(Killed):
        works(both, case_id, keeper(both.kz, dies_at=dies_at))
    works(both, case_id, keeper(both.kz))
    assert set(said(both, case_id).values()) == {1}
    assert dict.fromkeys(OVER, 1) == steps_of(both, case_id, DeadlineBreached)


def test_each_is_recorded_once_however_many_programs_run(both):
    case_id, failed = alone(both), []

    def run() -> None:
        one = keeper(both.kz)
        for _ in range(40):
            try:
                works(both, case_id, one)
            except LedgerError as error:  # the other one was first; it looks again
                failed.append(error)
            else:
                return

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    works(both, case_id, keeper(both.kz))
    assert set(said(both, case_id).values()) == {1}
    assert dict.fromkeys(OVER, 1) == steps_of(both, case_id, DeadlineBreached)


class Interrupted(Desk):
    """Something happens between the moment in which the rules read and the one they decide in."""

    def __init__(self, ledger, country, meanwhile):
        super().__init__(ledger, country)
        self.meanwhile, self.reads = meanwhile, 0

    def read_for_rules(self, case_id, scopes):
        self.reads += 1
        found = super().read_for_rules(case_id, scopes)
        return found if self.meanwhile is None else self._interrupted(found)

    def _interrupted(self, found):
        meanwhile, self.meanwhile = self.meanwhile, None
        return meanwhile(found)


def interrupted(both, meanwhile) -> Timekeeper:
    register = register_id(both.kz.node.agreement.prefix)
    return Timekeeper(
        country="KZ", register=register, desk=Interrupted(both.kz.ledger, "KZ", meanwhile)
    )


def test_what_is_there_while_the_rules_think_leaves_the_rest_its_time(both):
    """Nothing new began, so nobody would ask for what is missing still."""
    case_id = alone(both, timedelta())

    def appointed(found):
        both.kz.did(case_id, care.appoint_guardian)
        return found

    one = interrupted(both, appointed)
    with pytest.raises(NotAllowedNow) as refusal:
        works(both, case_id, one)
    assert "deadline_known" == refusal.value.rule
    works(both, case_id, one)
    assert OVER - {"guardian"} == set(steps_of(both, case_id, DeadlineSet))


def test_who_asks_in_vain_waits_and_is_not_forgotten_and_reads_no_more_than_it_has_to(both):
    """To read is recorded and so is news of a case: it must not make the rules read again."""
    case_id, clock = alone(both, timedelta()), [datetime.now(UTC)]

    def gone(_found):
        one.desk.meanwhile = gone
        raise NotAllowedNow("nobody is let in", rule="somewhere")

    one = replace(interrupted(both, gone), now=lambda: clock[0])
    rules_said: list[str] = []
    for _ in range(200):
        with pytest.raises(LedgerError) as refusal:
            works(both, case_id, one)
        rules_said.append(refusal.value.rule)
        clock[0] += timedelta(minutes=1)
    assert {"somewhere", "asked_just_now"} == set(rules_said)
    assert one.desk.reads == rules_said.count("somewhere") == 8, "at once, after 1, 2, 4 … minutes"
    one.desk.meanwhile = None
    clock[0] += timedelta(days=1)
    with psycopg.connect(both.kz.node.database.as_role("append"), autocommit=True) as database:
        one.reckon(database, both.kz.case(case_id), datetime.now(UTC).date())
    assert OVER == set(steps_of(both, case_id, DeadlineSet))


def test_a_child_whose_record_does_not_open_has_every_deadline_that_she_might_need(both):
    """Another country took its data back: nobody can say that she is not alone."""
    case_id = both.kz.did(None, identity.open_case, by=CASEWORKER).case_id
    both.kz.did(case_id, monitoring.begin_monitoring, since=datetime.now(UTC), by=SYSTEM)

    def closed(found):
        return {**found, "KG": {DataScope.PROTECTION: STOPPED}}

    works(both, case_id, interrupted(both, closed))
    assert OVER == set(steps_of(both, case_id, DeadlineSet)), "a guardian, too"
    assert both.kz.case(case_id).national.care.to_reckon is None


def shown_until(both, case_id: UUID, at: datetime) -> None:
    """Let a worker have written a line of the trail, and no other one yet."""
    both.kz.node.database.run(
        'INSERT INTO read_1.audit_trail (case_id, topic, place, partition, "offset",'
        " effect_offset, effect_rank, event_id, origin, version, event_type, recorded_at,"
        " occurred_at, leaf, effective, summary) VALUES (%s, 'national', 1, 0, 0, 0, 0, %s, 'KZ',"
        " 1, 'CaseOpened', %s, %s, '', true, '{}')",
        *(case_id, uuid4(), at, at),
    )


def test_a_case_that_begins_again_is_watched_since_then_however_late_read_models_are(both):
    case_id = both.kz.did(None, identity.open_case, by=CASEWORKER).case_id
    shown_until(both, case_id, datetime.now(UTC) - LONG)
    both.kz.did(case_id, care.record_views)
    why = {"reason": "other", "informed": True}
    both.kz.did(case_id, closing.request_closure, by=CASEWORKER, **why)
    both.kz.did(case_id, closing.close_case)
    both.kz.did(case_id, closing.reopen_case, reason="neglect_medical")
    works(both, case_id, keeper(both.kz))
    reopened, begun = (
        one for one in events(both, case_id) if isinstance(one, (CaseReopened, MonitoringBegun))
    )
    assert reopened.recorded_at == begun.since


def test_a_case_is_watched_since_it_was_opened(both):
    case_id = both.kz.did(None, identity.open_case, by=CASEWORKER).case_id
    opened_at = datetime.now(UTC) - LONG
    shown_until(both, case_id, opened_at)
    both.kz.did(case_id, care.record_views)
    works(both, case_id, keeper(both.kz))
    (begun,) = (one for one in events(both, case_id) if isinstance(one, MonitoringBegun))
    assert opened_at == begun.since


def test_a_child_whom_somebody_else_has_reported_missing_is_searched_for(both):
    """The alarm came by the topic: nobody here has decided anything."""
    case_id = both.accepted()
    both.kg.did(case_id, searching.report_missing)
    both.settle()
    one = keeper(both.kz)
    works(both, case_id, one)
    assert both.kz.case(case_id).national.care.search is not None
    assert "child_missing" in both.kz.case(case_id).national.care.clocks
    both.kg.did(case_id, searching.report_found)
    both.settle()
    works(both, case_id, one)
    care_ = both.kz.case(case_id).national.care
    assert care_.search is None
    assert "risk_review" in care_.clocks


def test_nobody_is_watched_before_a_ministry_has_said_by_which_rules(new_database, tmp_path):
    keys = {"KZ": tmp_path / "KZ.key", "KG": tmp_path / "KG.key"}
    agreement = agreement_of("bare", keys)
    nodes = [Node(code, agreement, new_database(), keys[code], "", tmp_path) for code in keys]
    for node in nodes:
        node.mirrored()
    with corridor(Referee(*nodes)) as found:
        case_id = found.kz.did(None, identity.open_case, by=CASEWORKER).case_id
        works(found, case_id, keeper(found.kz))
        assert not found.kz.case(case_id).national.care.monitored


def test_a_rule_text_that_somebody_has_changed_is_applied_to_nobody(both):
    """Its hash is in the log, whatever stands in the table."""
    case_id = alone(both)
    for name in ("rule_text_sha256_check", "rule_text_check", "rule_text_check1"):
        both.kz.node.database.run(f"ALTER TABLE ledger.rule_text DROP CONSTRAINT IF EXISTS {name}")
    both.kz.node.database.run("UPDATE ledger.rule_text SET content = content || '# softer'")
    with pytest.raises(Misconfigured, match="another text"):
        works(both, case_id, keeper(both.kz))
    assert not both.kz.case(case_id).national.care.deadlines


def test_two_cases_that_look_alike_are_watched_and_searched_each_for_itself(both):
    """A key is for one decision on one case: the other child is not forgotten for it."""
    one = keeper(both.kz)
    cases = []
    for _ in range(2):
        both.handoff_id = uuid4()
        cases.append(both.accepted())
    for case_id in cases:
        both.kg.did(case_id, searching.report_missing)
    both.settle()
    for case_id in cases:
        works(both, case_id, one)
    watched = [both.kz.case(case_id).national.care for case_id in cases]
    assert all(care_.monitored and care_.search for care_ in watched)
    assert watched[0].search != watched[1].search

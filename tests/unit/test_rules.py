"""The key-free rules: good histories break none, and whoever breaks one is found."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import ledger.log
from events.case import ChildMissing, StatusChanged
from events.codec import encode, read_stamp
from events.codes import NeutralStatus
from events.consent import ConsentGranted
from events.data import ErasureAttested, KeysReleased
from events.referral import ReferralRejected, ReferralRevoked
from events.schema_pin import HERE
from events.transfer import ResponsibilityMoved, TransferRevoked
from ledger.log.findings import NATIONAL, WORDS, Finding, Heard
from ledger.log.rule_order import OrderRules
from ledger.log.rule_schema import SchemaRules
from ledger.log.rules import CaseRules, Rules
from tests.sharing_play import SCOPES, Play, told
from tests.violations import KINDS, MINUTE, Forger, forgers

#: What a person can decide against the rules; the others are about bytes and places.
OF_DECISIONS = {(rule, what) for rule, what in WORDS if rule in {"R3", "R4", "R5", "R6", "R7"}}
LONG_AFTER = datetime(2030, 1, 1, tzinfo=UTC)
STORIES = 80


@cache
def stories() -> list[Play]:
    return [told(seed, steps=25) for seed in range(STORIES)]


def judged(forger: Forger, until: datetime | None = None, **rule: Any) -> list[Finding]:
    rules = CaseRules(forger.play.case_id, **rule)
    found = [finding for heard in forger.heard for finding in rules.hear(heard)]
    found += [finding for heard in forger.looked for finding in rules.look(heard)]
    return [*found, *rules.end(until or forger.at)]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_breaks_a_rule_is_found_and_nobody_else(kind):
    tried = 0
    for story in stories():
        for forger in forgers(story):
            expected = KINDS[kind](forger)
            if expected:
                tried += 1
                found = {
                    (one.rule, one.what, one.event_id) for one in judged(forger) if not one.crossed
                }
                assert expected == found, (kind, story.case_id)
    assert tried >= 5


def test_good_histories_break_no_rule_with_or_without_the_verdicts_of_the_fold():
    for known in (True, False):
        for story in stories():
            rules = CaseRules(story.case_id)
            heard = [one if known else one._replace(void=None) for one in story.topic]
            found = [finding for one in heard for finding in rules.hear(one)]
            assert [] == [*(one for one in found if not one.crossed), *rules.end(LONG_AFTER)]


def test_cases_that_come_interleaved_are_judged_as_case_by_case():
    told_anew = [next(forgers(story), None) for story in stories()]
    histories = [one for one in told_anew if one is not None]
    for at, forger in enumerate(histories):
        KINDS[list(KINDS)[at % len(KINDS)]](forger)
    apart = [finding for one in histories for finding in judged(one, LONG_AFTER)]
    rules, together = Rules(), []
    for row in zip_longest(*(one.heard for one in histories)):
        together += [finding for heard in row if heard for finding in rules.hear(heard)]
    for row in zip_longest(*(one.looked for one in histories)):
        together += [finding for heard in row if heard for finding in rules.look(heard)]
    first = histories[0].play.case_id
    together += [*rules.end(LONG_AFTER, first), *rules.end(LONG_AFTER)]
    assert sorted(apart, key=str) == sorted(together, key=str)
    assert len(apart) > 20
    assert rules.end(LONG_AFTER) == []


def test_a_race_with_a_withdrawal_is_no_breach_and_is_told():
    """The sender had not seen it: void in every country, so no key was sent, and nobody did wrong.

    Were it a breach, one race would make every later audit of an immutable topic fail.
    """
    for forger in list(forgers(stories()[0]))[:1]:
        before = forger.plane.head
        forger.end_basis(forger.kg)
        forger.again(seen=before)
        assert forger.heard[-1].void
        assert [("R3", "withdrawn", True)] == [
            (one.rule, one.what, one.crossed) for one in judged(forger)
        ]


def test_a_finding_says_whether_a_key_can_have_left():
    forger = next(forgers(stories()[0]))
    forger.again(basis_id=uuid4())
    *good, forged = forger.heard
    for void in (True, False, None):
        rules = CaseRules(forger.play.case_id)
        for heard in good:
            rules.hear(heard)
        (finding,) = rules.hear(forged._replace(void=void))
        assert (finding.void, finding.offset, finding.origin) == (void, len(good), forger.kz)
        assert "nobody has given" in finding.words


def test_what_was_void_has_not_to_be_stopped_because_its_capsule_never_left():
    for void, owed in ((True, 0), (False, 1), (None, 1)):
        forger = next(forgers(stories()[0]))
        release = forger.heard.pop()
        forger.heard.append(release._replace(void=void))
        forger.end_basis(forger.kg)
        missing = [one for one in judged(forger, LONG_AFTER) if one.what == "stop_missing"]
        assert len(missing) == owed


def test_a_country_reads_its_own_data_and_what_it_keeps_on_a_ground():
    forger = next(forgers(stories()[0]))
    forger.stop()
    forger.claim(until=LONG_AFTER.date())
    forger.look()
    forger.look(basis_id=None)
    forger.look(origin=forger.kz, basis_id=forger.release.basis_id)
    forger.look(origin=forger.kz, basis_id=None, about=forger.release.event_id)
    domestic = forger.look(basis_id=uuid4())
    assert ["no_grant"] == [one.what for one in judged(forger)]
    consent = ConsentGranted(
        **forger._stamp(forger.kg, ConsentGranted),
        consent_id=domestic.basis_id, recipient=forger.kg, scopes=SCOPES,
        expires_on=LONG_AFTER.date(),
    )  # fmt: skip
    forger.looked.insert(0, Heard(consent, bytes(32)))
    assert judged(forger) == []


def test_who_revokes_a_handoff_himself_cannot_call_his_release_a_race():
    """Also if the other country had ended it first, and he says that he had not seen it."""
    forger = next(one for one in every_place() if one.is_referral and one.handoff.key is None)
    before = forger.plane.head
    words = {"handoff_id": forger.release.handoff_id}
    forger.put(forger.kg, ReferralRejected, **words)
    forger.put(forger.kz, ReferralRevoked, **words, seen=before)
    forger.again(seen=before)
    assert [("handoff_ended", False)] == [(one.what, one.crossed) for one in judged(forger)]


def test_a_revocation_after_the_move_ends_nothing():
    """It comes too late, and is void: what is released then is no breach."""
    places = (one for one in every_place() if not one.is_referral and one.handoff.key)
    forger = next(one for one in places if one.handoff.state == "accepted")
    words = {"handoff_id": forger.release.handoff_id}
    moved = {**words, "basis_id": forger.release.basis_id}
    forger.put(forger.kz, StatusChanged, status=NeutralStatus.READY)
    forger.put(forger.kg, ResponsibilityMoved, **moved)
    forger.put(forger.kz, TransferRevoked, **words)
    forger.again()
    assert [False, False, True, False] == [one.void for one in forger.heard[-4:]]
    assert judged(forger) == []


def test_a_stop_of_another_handoff_will_do_where_the_recipient_has_accounted():
    """Its epoch ended for the whole case: nothing new can be read, so no second one has to come."""
    forger = next(one for one in every_place() if one.basis.state == "granted")
    forger.stop(handoff_id=uuid4())
    forger.claim(until=LONG_AFTER.date())
    forger.end_basis(forger.kg)
    assert judged(forger, LONG_AFTER) == []


def every_place() -> Iterator[Forger]:
    return (forger for story in stories() for forger in forgers(story))


def test_a_minute_is_enough_and_may_be_made_longer():
    forger = next(forgers(stories()[0]))
    ended = forger.end_basis(forger.kg)
    forger.stop(recorded_at=ended.recorded_at + MINUTE)
    assert judged(forger, LONG_AFTER) == []
    forger = next(forgers(stories()[0]))
    assert KINDS["is_stopped_too_late"](forger)
    assert judged(forger, LONG_AFTER, within=2 * MINUTE) == []


def test_bytes_that_cannot_be_read_keep_their_place():
    """`seen` may name them: a reader without their schema must not take it for ignorance."""
    forger = next(forgers(stories()[0]))
    forger.put(forger.kg, ChildMissing)
    unknown = forger.heard.pop()
    stamp = read_stamp(encode(unknown.event))
    forger.heard.append(unknown._replace(event=stamp))
    assert KINDS["comes_after_a_withdrawal_by_the_other_country"](forger)
    assert {"withdrawn", "released_after_end"} == {one.what for one in judged(forger)}


def test_every_word_of_a_finding_is_met_by_a_forgery():
    met = set()
    for story in stories():
        for forger in forgers(story):
            met |= {(rule, what) for kind in KINDS.values() for rule, what, _ in kind(forger)}
            break
        if met == OF_DECISIONS:
            break
    assert met == OF_DECISIONS


def test_the_rules_ask_nothing_of_the_fold():
    """What they say has to be worth something to whoever does not believe it."""
    names = ("rules", "findings", "hearing", "saying", "grants", "accesses")
    rules = ("rule_erasure", "rule_log", "rule_order", "rule_schema")
    for name in (*names, *rules):
        source = (Path(ledger.log.__file__).parent / f"{name}.py").read_text()
        imported = [
            one.module or ""
            for one in ast.walk(ast.parse(source))
            if isinstance(one, ast.ImportFrom)
        ]
        ours = {module.rpartition(".")[0] for module in imported if module.startswith("ledger")}
        assert ours <= {"ledger.log"}


def _check(count: int) -> None:
    kinds: Counter[tuple[str, bool | None]] = Counter()
    for seed in range(count):
        story = told(seed)
        rules = {code: CaseRules(story.case_id) for code in story.nodes}
        for code, one in rules.items():
            looked = story.nodes[code].said
            found = [finding for heard in story.topic for finding in one.hear(heard)]
            found += [finding for heard in looked for finding in one.look(heard)]
            order, schemas = OrderRules(), SchemaRules(HERE)
            for heard in (*story.topic, *(one._replace(topic=NATIONAL) for one in looked)):
                found += [*order.hear(heard), *schemas.check(heard, encode(heard.event))]
            assert [] == [finding for finding in found if not finding.crossed], seed
            assert all(finding.void for finding in found), seed
            assert outstanding(one.end(LONG_AFTER)) == owing(story), seed
            kinds.update((type(heard.event).__name__, None) for heard in looked)
        kinds.update((type(heard.event).__name__, heard.void) for heard in story.topic)
    for name, void, least in MET:
        assert kinds[name, void] >= count * least, (name, void)


def outstanding(findings: list[Finding]) -> set[tuple[str, UUID | None]]:
    """Return who owes an answer to an erasure; nothing else may be found at the end."""
    assert {(one.rule, one.what) for one in findings} <= {("R7", "outstanding")}
    return {(one.origin, one.about) for one in findings}


def owing(story: Play) -> set[tuple[str, UUID | None]]:
    """Return the same by the ledger's own fold: what is neither destroyed nor kept by then."""
    plane = story.planes[-1]
    return {
        (grant.recipient, grant_id)
        for grant_id, grant in plane.releases.items()
        if grant.state != "destroyed" and grant.origin in plane.attested
    } - later_than_erased(story)


def later_than_erased(story: Play) -> set[tuple[str, UUID | None]]:
    """Return the grants that were given after the last erasure by who gave them."""
    erased: dict[str, int] = {}
    given: dict[UUID, tuple[str, str, int]] = {}
    for place, heard in enumerate(story.topic):
        event: Any = heard.event
        if isinstance(event, ErasureAttested) and not heard.void:
            erased[event.origin] = place
        if isinstance(event, KeysReleased) and not heard.void:
            given[event.grant_id] = (event.origin, event.recipient, place)
    return {
        (recipient, grant_id)
        for grant_id, (origin, recipient, place) in given.items()
        if place > erased.get(origin, -1)
    }


#: How often at least a hundred cases meet an event of a kind: effective, void, national.
MET = (
    ("KeysReleased", False, 0.8), ("KeysReleased", True, 0.02), ("ReleaseStopped", False, 0.4),
    ("ConsentWithdrawn", False, 1), ("ConsentRefused", False, 0.2), ("OverrideEnded", False, 0.4),
    ("ReferralAccepted", False, 0.2), ("ReferralAccepted", True, 0.02),
    ("TransferAccepted", False, 0.1), ("ResponsibilityMoved", False, 0.02),
    ("KeysDestroyed", False, 0.1), ("RetentionClaimed", False, 0.05),
    ("ErasureAttested", False, 0.01), ("PersonalDataAccessed", None, 0.3),
)  # fmt: skip


def test_hundreds_of_cases_by_the_real_decisions_break_no_rule():
    _check(300)


@pytest.mark.soak
@pytest.mark.timeout(1_500)
def test_ten_thousand_cases_by_the_real_decisions_break_no_rule():
    _check(10_000)

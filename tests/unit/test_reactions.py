"""One case, many dues: what one of them breaks does not keep the others from being served."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from consumers import reactions
from consumers.grant_mail import GrantMail
from consumers.reactions import Reactions
from consumers.reactor import BACKUPS
from events.codes import DataScope
from events.errors import BasisMissing, SealBroken, StartAgain
from ledger.case.changing import changed
from ledger.case.plane import Plane, Release
from ledger.case.sharing import Due
from ledger.keys.asking import Destroyed
from ledger.keys.capsule import (
    CAPSULE_OVERHEAD,
    ENTRY_BYTES,
    capsule_hash,
    carried,
    split,
)
from ledger.keys.majority import Age

TODAY = date(2026, 11, 25)
FIRST = date(2026, 12, 1)


class Desk:
    """A ledger that takes what it is told."""

    def __init__(self, case):
        self._case, self.took, self.refuses = case, [], set()

    def case(self, _case_id):
        return self._case

    def decide(self, _case_id, take, arguments, key):
        if key in self.refuses:
            raise BasisMissing("not this one")
        self.took.append((take.__name__, arguments, key))


class Keys:
    """A keystore that breaks on what a stranger made of it."""

    def __init__(self):
        self.bad, self.closed, self.received, self.asked = set(), set(), [], 0
        self.erased = []
        self.destroyed: tuple[bytes, ...] = ()

    def prepare(self, _case_id, handoff_id, *, preview):
        if handoff_id in self.bad:
            raise SealBroken("its one-time key is none")
        return {"grant_id": handoff_id, "preview": preview}

    def carry(self, _case_id, grant_id, *, again=False):
        if grant_id in self.bad:
            raise SealBroken("another capsule")
        if grant_id in self.closed and not again:
            raise BasisMissing("a block, or a birthday")
        return capsule_of(grant_id)

    def receive(self, _case_id, grant_id, _value):
        if grant_id in self.bad:
            raise SealBroken("wrong keys")
        self.received.append(grant_id)

    def age(self, _case_id):
        self.asked += 1
        return Age(ended=(UUID(int=7),), seek=False)

    def erase(self, _case_id, erasure_id):
        self.erased.append(erasure_id)
        if erasure_id in self.bad:
            raise SealBroken("not on every replica")
        return Destroyed(1, 2, "overwritten", self.destroyed)


class Notes:
    """Notes without a database."""

    def __init__(self):
        self.kept = set()

    def missing(self, _database, step, grants):
        return [(one, grants[one]) for one in grants if (one, step) not in self.kept]

    def keep(self, _database, grant_id, step):
        self.kept.add((grant_id, step))


class Mail(GrantMail):
    """The grants topic as a list."""

    def __init__(self):
        super().__init__({}, "grants", 1)
        self.sent = []

    def put(self, grant_id, value):
        self.sent.append((grant_id, value))

    def came(self, grant_id, value):
        self._take(SimpleNamespace(key=grant_id.bytes, value=value), lambda _one: None)


def capsule_of(grant_id):
    return carried(grant_id.bytes * 2, bytes(CAPSULE_OVERHEAD + ENTRY_BYTES))


def hash_of(grant_id):
    return capsule_hash(*split(capsule_of(grant_id)))


def grant(grant_id, *, origin="KZ", recipient="KG", **more):
    said = {
        "state": "released", "origin": origin, "recipient": recipient, "handoff_id": uuid4(),
        "basis_id": uuid4(), "scopes": (DataScope.HEALTH,), "epoch": 1,
        "commitments": (grant_id.bytes * 2,), "capsule": hash_of(grant_id), **more,
    }  # fmt: skip
    return Release(**said)


@pytest.fixture
def acting(monkeypatch):
    """Return what makes the reactions of KZ to a case with some grants and dues."""

    def make(*grants, due=(), over=()):
        case_id = uuid4()
        shared = Plane(case_id=case_id, shared=True, releases=dict(grants))
        case = SimpleNamespace(
            case_id=case_id, country="KZ", is_shared=True, settled=shared, ahead=shared,
            national=Plane(case_id=case_id, shared=False), identity=shared.identity,
            goes_on_here=False,
        )  # fmt: skip
        monkeypatch.setattr(reactions, "releases_due", lambda *_: due)
        monkeypatch.setattr(reactions, "stops", lambda *_: dict.fromkeys(over, 1))
        monkeypatch.setattr(reactions, "withdrawn_at", lambda *_: None)
        found = Reactions(
            country="KZ", backups=BACKUPS, desk=Desk(case), keys=Keys(), mail=Mail(),
            at=lambda _step: None, _notes=Notes(), register=uuid4(),
        )  # fmt: skip
        return found, case

    return make


def served(found, case, **more):
    return found.serve(nullcontext(), case.case_id, TODAY, **more)


def test_a_one_time_key_that_is_none_keeps_no_other_release_from_being_made(acting):
    bad, good = uuid4(), uuid4()
    due = [Due(one, uuid4(), "KG", (DataScope.HEALTH,)) for one in (bad, good)]
    found, case = acting(due=due)
    found.keys.bad = {bad}
    (failed,) = served(found, case)
    assert isinstance(failed, SealBroken)
    assert [key for _, _, key in found.desk.took] == [f"release/{good}"]


def test_a_stop_that_is_refused_keeps_no_other_from_being_made(acting):
    bad, good = uuid4(), uuid4()
    found, case = acting(over=[bad, good])
    found.desk.refuses = {f"stop/{bad}/1"}
    (failed,) = served(found, case)
    assert failed.rule == "basis_in_force"
    assert [key for _, _, key in found.desk.took] == [f"stop/{good}/1"]


def test_a_capsule_that_cannot_be_carried_keeps_no_other_from_leaving(acting):
    bad, good = uuid4(), uuid4()
    found, case = acting(*((one, grant(one)) for one in (bad, good)))
    found.keys.bad = {bad}
    (failed,) = served(found, case)
    assert isinstance(failed, SealBroken)
    assert found.mail.sent == [(good, capsule_of(good))]


def test_a_capsule_with_wrong_keys_keeps_no_other_from_being_taken_in(acting):
    bad, good = uuid4(), uuid4()
    grants = [(one, grant(one, origin="KG", recipient="KZ")) for one in (bad, good)]
    found, case = acting(*grants)
    found.keys.bad = {bad}
    for one in (bad, good):
        found.mail.came(one, capsule_of(one))
    (failed,) = served(found, case)
    assert isinstance(failed, SealBroken)
    assert found.keys.received == [good]
    assert set(found.awaited) == {bad}


def test_a_server_that_is_gone_ends_it_all(acting):
    found, case = acting((one := uuid4(), grant(one)))

    def gone(*_):
        raise StartAgain("no broker")

    found.mail.put = gone
    with pytest.raises(StartAgain):
        served(found, case)


# ------------------------------------------------------------------------ the topic of capsules


def test_a_tombstone_of_a_stranger_takes_nothing_away(acting):
    """It came before the release was heard of, and the day's tidying up between."""
    one = uuid4()
    found, case = acting((one, grant(one, origin="KG", recipient="KZ")))
    served(found, case)
    found.mail.came(one, capsule_of(one))
    found.mail.came(one, None)
    found.mail.tidy(found.awaited)
    served(found, case)
    assert found.keys.received == [one]
    assert found.awaited == {}


def test_what_nobody_waits_for_is_forgotten_after_its_tombstone(acting):
    found, _ = acting()
    one = uuid4()
    found.mail.came(one, capsule_of(one))
    found.mail.came(one, None)
    found.mail.tidy(found.awaited)
    assert found.mail.values(one) == ()


def test_a_stranger_pushes_no_capsule_out(acting):
    """The first 64 are kept; those that are not it make room."""
    one = uuid4()
    found, case = acting((one, grant(one, origin="KG", recipient="KZ")))
    for number in range(64):
        found.mail.came(one, bytes([number]))
    found.mail.came(one, capsule_of(one))
    served(found, case)
    assert found.keys.received == []
    found.mail.came(one, capsule_of(one))  # its sender puts it again, once a day
    for number in range(99):
        found.mail.came(one, bytes([number]))
    served(found, case)
    assert found.keys.received == [one]


def test_a_capsule_is_put_again_once_a_day_while_its_handoff_is_open(acting, monkeypatch):
    going, over = uuid4(), uuid4()
    found, case = acting(*((one, grant(one)) for one in (going, over)))
    is_open = {case.settled.releases[going].handoff_id}
    case.settled = SimpleNamespace(
        releases=case.settled.releases,
        handoff=lambda handoff_id: SimpleNamespace(open=handoff_id in is_open),
    )
    served(found, case)
    served(found, case)
    assert sorted(one for one, _ in found.mail.sent) == sorted([going, over])
    served(found, case, daily=True)
    assert found.mail.sent[2:] == [(going, capsule_of(going))]


@pytest.mark.parametrize("closed", [False, True])
def test_a_block_or_a_birthday_does_not_show_by_a_capsule_that_stays_away(acting, closed):
    """What has been on the topic is put there each day, until everybody sees that it stopped."""
    never = uuid4()
    found, case = acting((one := uuid4(), grant(one)), (never, grant(never)))
    case.settled = changed(case.settled, referrals={
        grant.handoff_id: SimpleNamespace(open=True) for grant in case.settled.releases.values()
    })  # fmt: skip
    found.keys.closed = {never}
    served(found, case)
    assert [grant_id for grant_id, _ in found.mail.sent] == [one]
    if closed:
        found.keys.closed = {never, one}
    served(found, case, daily=True)
    assert found.mail.sent[1:] == [(one, capsule_of(one))]


# ------------------------------------------------------------------------ age and erasure


def erasures_of(*said, closed=1, attested=None):
    """National facts with erasures (number, state), asked for at the first closing."""
    told = {} if attested is None else {"KZ": SimpleNamespace(erasure_id=UUID(int=attested))}
    return SimpleNamespace(
        consents={}, attested=told,
        care=SimpleNamespace(
            closure_requested=closed,
            erasures={
                UUID(int=number): SimpleNamespace(state=state, closures=1)
                for number, state in said
            },
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("national", "carried_out"),
    [
        (erasures_of((1, "approved")), [1]),
        (erasures_of((1, "requested"), (2, "lapsed")), []),
        (erasures_of((1, "erased"), attested=1), []),
        (erasures_of((1, "erased"), (2, "erased"), attested=2), []),
        (erasures_of((1, "erased"), (2, "approved"), attested=1), [2]),
        (erasures_of((1, "approved"), closed=2), []),
        (erasures_of((1, "erased"), closed=2), [1]),
    ],
    ids=["approved", "not yet", "attested", "attested by a later one", "the next one",
         "of an earlier record", "erased and not said"],
)  # fmt: skip
def test_what_was_approved_of_this_record_is_carried_out_and_nothing_else(
    acting, national, carried_out
):
    """An attestation at home counts after the case was shared, too."""
    found, case = acting()
    case.national = national
    found._erase(None, case, TODAY)
    assert found.keys.erased == [UUID(int=one) for one in carried_out]


def test_an_erasure_that_fails_keeps_no_later_one_from_its_end(acting):
    found, case = acting()
    case.national = erasures_of((1, "erased"), (2, "approved"))
    found.keys.bad = {UUID(int=1)}
    found._erase(None, case, TODAY)
    assert [key for _, _, key in found.desk.took] == [
        f"erased/{UUID(int=2)}", f"attested/{UUID(int=2)}",
    ]  # fmt: skip


def test_coming_of_age_waits_for_the_first_and_asks_nothing_before(acting, monkeypatch):
    found, case = acting((one := uuid4(), grant(one, basis_id=UUID(int=7))))
    case.national = SimpleNamespace(
        consents={UUID(int=7): SimpleNamespace(state="granted")},
        care=SimpleNamespace(own_consent_sought=True),
    )
    monkeypatch.setattr(reactions, "given_by_others", lambda *_: True)
    found._come_of_age(None, case, TODAY)
    assert (found.keys.asked, found.desk.took) == (0, [])
    found._come_of_age(None, case, FIRST)
    assert [key for _, _, key in found.desk.took] == [f"age/{UUID(int=7)}"]


def test_an_attestation_names_what_this_country_gave_away_and_nothing_else(acting):
    """Another country's thousand keys would make the event too large for ever."""
    mine, gone, theirs = uuid4(), uuid4(), uuid4()
    found, case = acting(
        (mine, grant(mine)), (gone, grant(gone)),
        (theirs, grant(theirs, origin="KG", recipient="KZ")),
    )  # fmt: skip
    case.national = erasures_of((9, "erased"))
    strangers = tuple(number.to_bytes(16) for number in range(10_000))
    found.keys.destroyed = (mine.bytes, theirs.bytes, *strangers)
    found._erase(None, case, TODAY)
    ((_, arguments, _),) = found.desk.took
    assert arguments["keys"] == (mine.bytes,)


def test_an_attestation_of_any_number_of_keys_fits_into_an_event(acting):
    many = [(one := uuid4(), grant(one)) for _ in range(4_000)]
    found, case = acting(*many)
    names = found._named(case, [grant_id.bytes for grant_id, _ in many])
    assert len(names) == 3_500

"""A case whose data crosses the border from KZ to KG: on real databases, the topic played.

Everything that needs a word of a person is decided here; what follows by itself is the test's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from events.codes import AgeBand, ConsentGiver, DataScope, Purpose
from events.stamp import Actor
from ledger.case import (
    access,
    closing,
    consent,
    data,
    erasure,
    identity,
    referral,
    withdrawal,
)
from ledger.case.case import Case
from ledger.case.personal import PersonalData
from ledger.keys import wire
from ledger.keys.keystore import Keystore
from ledger.receipt import Receipt
from ledger.service import Ledger
from tests.conftest import databases_for_a_while
from tests.country import CASEWORKER, SUPERVISOR, Node, Referee, agreement_of
from tests.given import CLOSING

PREVIEW = (DataScope.PREVIEW,)
REST = (DataScope.IDENTITY, DataScope.HEALTH)
DPO = Actor(id="dpo-1", role="data_protection_officer", organisation="cps-1")
AUDITOR = Actor(id="auditor-1", role="auditor", organisation="audit-1")
SYSTEM = Actor(id="reactor", role="system", organisation="reactor")
SAID = PersonalData({DataScope.IDENTITY: {"name": "Aizada"}, DataScope.HEALTH: {"asthma": True}})
BRIEF = PersonalData({DataScope.PREVIEW: {"service": "shelter"}})


def soon() -> Any:
    """Return a day on which everything is still permitted."""
    return (datetime.now(UTC) + timedelta(days=30)).date()


@dataclass
class Desk:
    """One country's ledger and keystore, open."""

    node: Node
    ledger: Ledger
    keystore: Keystore

    def did(self, case_id: UUID | None, take: Any, /, **arguments: Any) -> Receipt:
        """Decide."""
        by = arguments.pop("by", SUPERVISOR)
        return self.ledger.on(case_id, by=by).decide(take, **arguments)

    def case(self, case_id: UUID) -> Case:
        """Return a case as it lies before this country."""
        return self.ledger.case(case_id)

    def shows(self, case_id: UUID, *scopes: DataScope, by: Actor = CASEWORKER, **more: Any) -> Any:
        """Read data as a person does."""
        asked = {"scopes": scopes or REST, "purpose": Purpose.SERVICE, **more}
        return self.ledger.read(case_id, by=by, **asked)


@dataclass
class Corridor:
    """Two countries and the topic between them."""

    kz: Desk
    kg: Desk
    referee: Referee
    case_id: UUID = field(default_factory=uuid4)
    handoff_id: UUID = field(default_factory=uuid4)
    consent_id: UUID = field(default_factory=uuid4)

    def settle(self) -> None:
        """Let everybody see everything."""
        self.referee.settle()

    def opened(self) -> UUID:
        """Let KZ open a case with data, and record a permission of the child."""
        self.case_id = self.kz.did(None, identity.open_case, by=CASEWORKER, data=SAID).case_id
        self.granted()
        return self.case_id

    def granted(self) -> UUID:
        """Let the child permit service in KG, under a new id."""
        self.consent_id = uuid4()
        self.kz.did(
            self.case_id, consent.grant_consent, recipient="KG", purpose=Purpose.SERVICE,
            scopes=PREVIEW + REST, expires_on=soon(), given_by=ConsentGiver.CHILD,
            age_band=AgeBand.FROM_15_TO_17, consent_id=self.consent_id,
        )  # fmt: skip
        return self.consent_id

    def sent(self) -> UUID:
        """Let KZ send the referral, and KG say that it arrived."""
        self.opened()
        self.referred()
        return self.case_id

    def referred(self) -> None:
        """Let KZ send a referral on the permission there is, and KG say that it arrived."""
        self.kz.did(
            self.case_id, referral.send_referral, recipient="KG", basis_id=self.consent_id,
            scopes=PREVIEW + REST, due_on=soon(), handoff_id=self.handoff_id, data=BRIEF,
        )  # fmt: skip
        self.settle()
        self.kg.did(self.case_id, referral.receive_referral, handoff_id=self.handoff_id)
        self.settle()

    def accepted(self) -> UUID:
        """Let KG take it on."""
        self.sent()
        self.kg.did(self.case_id, referral.accept_referral, handoff_id=self.handoff_id)
        self.settle()
        return self.case_id

    def released(self, *, preview: bool = False) -> UUID:
        """Let KZ release what is due in one step, as its reactor would; return the grant."""
        prepared = self.kz.keystore.prepare(self.case_id, self.handoff_id, preview=preview)
        arguments = wire.prepared_in(wire.prepared_out(prepared))
        self.kz.did(
            self.case_id, data.release_keys, by=SYSTEM, handoff_id=self.handoff_id, **arguments
        )
        return prepared.grant_id

    def received(self, *, preview: bool = False) -> UUID:
        """Let KZ release, and KG take it in."""
        grant_id = self.released(preview=preview)
        self.settle()
        value = self.kz.keystore.carry(self.case_id, grant_id)
        self.kg.keystore.receive(self.case_id, grant_id, value)
        return grant_id

    def withdrawn(self) -> None:
        """Let the child take the permission back."""
        self.kz.did(
            self.case_id, withdrawal.withdraw_consent, consent_id=self.consent_id,
            given_by=ConsentGiver.CHILD,
        )  # fmt: skip

    def stopped(self) -> None:
        """Let KZ record that sharing has ended, as its reactor would."""
        self.kz.did(self.case_id, data.stop_release, by=SYSTEM, handoff_id=self.handoff_id)

    def closed(self) -> None:
        """Let KZ close the case; its referral has to be over."""
        self.kz.did(self.case_id, referral.revoke_referral, handoff_id=self.handoff_id)
        self.settle()
        self.kz.did(self.case_id, closing.request_closure, by=CASEWORKER, **CLOSING)
        self.kz.did(self.case_id, closing.close_case)
        self.settle()

    def erasure_approved(self) -> UUID:
        """Let two people of KZ approve the erasure of a closed case."""
        erasure_id = uuid4()
        self.kz.did(self.case_id, erasure.request_erasure, by=SUPERVISOR, erasure_id=erasure_id)
        self.kz.did(self.case_id, erasure.approve_erasure, by=DPO, erasure_id=erasure_id)
        return erasure_id

    def access(self, desk: Desk, *scopes: DataScope, by: Actor = CASEWORKER) -> UUID:
        """Record an access, and nothing more."""
        access_id = uuid4()
        asked = {"access_id": access_id, "scopes": scopes or REST, "purpose": Purpose.SERVICE}
        desk.did(self.case_id, access.access_data, by=by, **asked)
        return access_id


@contextmanager
def referees(
    postgres: str, template: str, folder: Path, prefix: str, kafka: str = ""
) -> Iterator[Referee]:
    """Give KZ and KG with a database each, for a whole module."""
    keys = {code: folder / f"{code}.key" for code in ("KZ", "KG")}
    agreement = agreement_of(prefix, keys)
    with databases_for_a_while(postgres, template) as make:
        nodes = [Node(code, agreement, make(), keys[code], kafka, folder) for code in keys]
        for node in nodes:
            node.mirrored()
        yield Referee(*nodes)


@contextmanager
def corridor(referee: Referee) -> Iterator[Corridor]:
    """Open ledgers and keystores of KZ and KG; their mirrors are as far as they have to be."""
    desks = []
    with ExitStack() as stack:
        for node in referee.nodes:
            keystore = stack.enter_context(node.keystore())
            ledger = stack.enter_context(node.ledger(sealer=keystore))
            desks.append(Desk(node, ledger, keystore))
        yield Corridor(*desks, referee)

"""Every error the ledger raises, named by what the caller should do.

A message names ids, countries, states and the rule that refused; never personal data.
Exit codes and HTTP statuses are a contract: docs/reference.md lists them, a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self


class LedgerError(Exception):
    """The root: anything the ledger itself has to say."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    #: Rule that refused; a class may fix it, an instance may name a finer one.
    rule: str = "unexpected"

    def __init__(self, message: str, *, rule: str | None = None) -> None:
        super().__init__(message)
        if rule is not None:
            self.rule = rule


class Misconfigured(LedgerError):
    """Fix the settings or the call, then start again."""

    exit_code = 2
    http_status = 500
    rule = "settings"


class BadInput(Misconfigured):
    """What was typed or sent cannot be read; nothing was done."""

    http_status = 422
    rule = "input"


class KeystoreDamaged(Misconfigured):
    """Slot files and rows of the keystore do not fit together: a person has to look first."""

    http_status = 503
    rule = "keystore"


class KekWrong(Misconfigured):
    """Keys are kept under another key-encryption key: give that one, then start again."""

    rule = "kek"


class DecisionRefused(LedgerError):
    """Tell the person: this may not be decided."""

    exit_code = 3
    http_status = 409
    rule = "refused"


class NotAllowedNow(DecisionRefused):
    """The step is not legal in the present state."""

    rule = "wrong_state"


class WrongCountry(DecisionRefused):
    """Another country has to take this step."""

    http_status = 403
    rule = "wrong_country"


class WrongRole(DecisionRefused):
    """A person in another role, or another person, has to take this step."""

    http_status = 403
    rule = "wrong_role"


class BasisMissing(DecisionRefused):
    """No consent, override or legal duty in force covers this."""

    rule = "basis_in_force"


class CaseUnknown(DecisionRefused):
    """This node knows no such case."""

    http_status = 404
    rule = "case_known"


class CodeUnknown(DecisionRefused):
    """A country, role, scope or other code is not on its list."""

    http_status = 422
    rule = "code_known"

    @classmethod
    def country(cls, said: str, known: Iterable[str]) -> Self:
        """Return the error about a country that is none; what is no code at all is not repeated."""
        what = f"country {said}" if len(said) == 2 else "what was named"
        there = ", ".join(sorted(known))
        return cls(f"{what} is not part of this agreement ({there})", rule="country_known")


class KeyReused(DecisionRefused):
    """An idempotency key was used again for another request."""

    http_status = 422
    rule = "idempotency_key"


class ProtectiveRefusal(DecisionRefused):
    """A refusal that protects the child: recorded nationally before it is raised."""

    http_status = 403
    rule = "protection"


class AccessRefused(DecisionRefused):
    """This person is not let in: recorded nationally before it is raised."""

    http_status = 403
    rule = "access"

    def __init__(
        self, message: str, *, rule: str | None = None, recorded_as: str | None = None
    ) -> None:
        super().__init__(message, rule=rule)
        #: The rule for the record, where the person told must not learn it: that a block stands.
        self.recorded_as = recorded_as or self.rule


class KeysGone(DecisionRefused):
    """These keys were destroyed here or never were here: what they sealed stays closed."""

    http_status = 410
    rule = "keys_held"


class KeyWornOut(LedgerError):
    """Make the next epoch: this key has sealed as often as one key may."""

    exit_code = 4
    http_status = 409
    rule = "seals"


class Overtaken(LedgerError):
    """Somebody decided first: read the case again, decide again."""

    exit_code = 4
    http_status = 412
    rule = "decision_number"


class RecordRejected(LedgerError):
    """Stop and look: a record that cannot be, or cannot be read, as it stands."""

    exit_code = 5
    http_status = 422
    rule = "record"


class UnknownSchema(RecordRejected):
    """No released schema has this fingerprint here; install the release that has it."""

    rule = "schema_released"


class KeyUnknown(RecordRejected):
    """A box is under a key that is not here; put the key in place, then read on."""

    rule = "key_known"


class NotEncodable(RecordRejected):
    """The event does not survive encoding and decoding unchanged."""

    rule = "round_trip"


class EventTooLarge(RecordRejected):
    """The encoded event is larger than 65,535 bytes."""

    rule = "size"


class SealBroken(RecordRejected):
    """A sealed field or capsule does not open here: moved, cut, changed or under another key."""

    rule = "seal"


class HistoryGap(RecordRejected):
    """An event is missing, doubled or out of place."""

    rule = "history"


class ServiceUnavailable(LedgerError):
    """Wait a little, then try again."""

    exit_code = 6
    http_status = 503
    rule = "service"


class StartAgain(LedgerError):
    """A program lost its turn or a server: it ends, is started again, and repeats no effect."""

    exit_code = 75
    http_status = 503
    rule = "start_again"


class FoundVoid(LedgerError):
    """Decided and recorded, but without effect at its place in the topic; a task was opened."""

    exit_code = 7
    http_status = 409
    rule = "void"

"""Who has to have signed a log's checkpoint for a bundle: from the keys that the agreement pins."""

from __future__ import annotations

from collections.abc import Sequence

from events.agreement import Agreement
from events.contract import domestic_witness_name, event_key_name, witness_name
from events.errors import BadInput, Misconfigured
from ledger.log.policy import Group, Log, Policy, Witness
from ledger.log.verifiers import log_verifier, witness_verifier
from ledger.log.vkey import COSIGNATURE, ED25519, VerifierKey

#: Name of the group whose cosignatures are enough.
_QUORUM = "enough"


def origin_of(agreement: Agreement, log: str) -> tuple[str, str]:
    """Return (topic of the mirror, origin) of a log; BadInput if the agreement has no such log."""
    for country in agreement.countries:
        if log == agreement.shared_log(country):
            return "shared", country
        if log == agreement.national_log(country):
            return "national", country
    known = ", ".join(agreement.shared_log(country) for country in agreement.countries)
    raise BadInput(f"there is no such log; the shared ones are {known}", rule="log")


def policy_of(agreement: Agreement, log: str) -> Policy:
    """Return the policy of a log: its key, and more than half of those who may witness it.

    A shared log is witnessed by the other countries, a national one by its domestic witness.
    Misconfigured if keys are not pinned. Keys of other types than Ed25519 are left out: the
    verifier in a bundle has nothing but Python's standard library.
    """
    topic, origin = origin_of(agreement, log)
    own = [log_verifier(key) for key in _pinned(agreement, origin, log, ED25519)]
    if topic == "shared":
        others = {code: witness_name(agreement.prefix, code) for code in agreement.countries}
        others.pop(origin)
    else:
        others = {origin: domestic_witness_name(agreement.prefix, origin)}
    witnesses: list[Witness] = []
    groups: list[Group] = []
    for code, name in others.items():
        keys = _pinned(agreement, code, name, COSIGNATURE)
        named = [f"{code}.{at}" for at in range(1, len(keys) + 1)]
        witnesses += map(Witness, named, map(witness_verifier, keys))
        if keys:
            groups.append(Group(code, 1, tuple(named)))
    if not own or not groups:
        raise Misconfigured(
            f"log {log}: no key of its sealer or of any of its witnesses is in the agreement; put"
            " them under note_keys"
        )
    enough = Group(_QUORUM, len(others) // 2 + 1, tuple(one.name for one in groups))
    if enough.threshold > len(groups):
        raise Misconfigured(
            f"log {log}: {enough.threshold} countries have to witness it, and only {len(groups)}"
            " have keys in the agreement; put theirs under note_keys"
        )
    return Policy(tuple(map(Log, own)), tuple(witnesses), (*groups, enough), _QUORUM)


def signers_of(agreement: Agreement, country: str) -> Sequence[str]:
    """Return the keys of a country's events; Misconfigured if one has not their name.

    A verifier knows a key's purpose by its name, and would refuse the bundle.
    """
    keys, name = agreement.countries[country].log_keys, event_key_name(country)
    if any(VerifierKey.parse(key).name != name for key in keys):
        raise Misconfigured(f"country {country}: a key under log_keys is not called {name}")
    return keys


def _pinned(agreement: Agreement, country: str, name: str, kind: int) -> Sequence[str]:
    keys = agreement.countries[country].keys_named(name)
    return [key for key in keys if VerifierKey.parse(key).kind == kind]


def keys_of(policy: Policy) -> list[str]:
    """Return every verifier key of a policy, as text."""
    logs = [one.verifier.render() for one in policy.logs]
    return [*logs, *(one.verifier.render() for one in policy.witnesses)]

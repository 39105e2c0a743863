"""Users and rights on the broker: made from the agreement, and compared with what is there.

A right too many is refused by name and never taken away silently: somebody gave it for a reason,
and a person decides. kafka-python returns failures where one expects it to raise, so every answer
is looked at.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from events.agreement import Agreement
from events.errors import Misconfigured
from ledger.rights import Kind, Operation, Right, concerns, rights_of

#: Rounds of PBKDF2 between a password and what the broker keeps of it. The passwords are random.
_ITERATIONS: Final = 8192
#: Far longer than a broker needs to read what its controller has written.
_HEARD_S = 10.0
_EVERYTHING: Final = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
_ANY: Final = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, _EVERYTHING)
_USER: Final = "User:"


def new_password() -> str:
    """Return a password that nobody guesses: 256 random bits, as text."""
    return secrets.token_urlsafe(32)


def known_users(cluster: KafkaAdminClient) -> frozenset[str]:
    """Return the users that have a password for SCRAM-SHA-512 on this cluster."""
    wanted = ScramMechanism.SCRAM_SHA_512
    return frozenset(
        user
        for user, said in cluster.describe_user_scram_credentials().items()
        if any(one["mechanism"] == wanted for one in said["credential_infos"])
    )


def set_passwords(cluster: KafkaAdminClient, passwords: Mapping[str, str]) -> None:
    """Make users, or give known ones another password; Misconfigured names who was refused.

    What goes over the wire and stays in the broker is salted and hashed here, never a password.
    """
    wanted = [
        UserScramCredentialUpsertion(
            user, ScramMechanism.SCRAM_SHA_512, password, iterations=_ITERATIONS
        )
        for user, password in passwords.items()
    ]
    answers = cluster.alter_user_scram_credentials(wanted) if wanted else {}
    for user in passwords:
        if (said := answers.get(user, "no answer")) is not None:
            raise Misconfigured(f"Kafka did not make user {user}: {said}")


def ensure_rights(cluster: KafkaAdminClient, agreement: Agreement) -> int:
    """Give the rights that are missing; return how many. Misconfigured if one is there too much."""
    missing = sorted(rights_of(agreement) - granted(cluster))
    if missing:
        answer = cluster.create_acls([_acl(right) for right in missing])
        if answer["failed"] or len(answer["succeeded"]) != len(missing):
            names = sorted({error.__name__ for error in answer["failed"]})
            raise Misconfigured(f"Kafka did not grant every right: {', '.join(names)}")
        _wait_for(cluster, frozenset(missing))
    require_rights(cluster, agreement)
    return len(missing)


def _wait_for(cluster: KafkaAdminClient, rights: frozenset[Right]) -> None:
    """Wait a while for rights that the controller has written: each broker reads of them later."""
    end = time.monotonic() + _HEARD_S
    while not rights <= granted(cluster) and time.monotonic() < end:
        time.sleep(0.1)


def require_rights(cluster: KafkaAdminClient, agreement: Agreement) -> None:
    """Check that the agreement's users have their rights, and nobody has others on its names."""
    there, wanted = granted(cluster), rights_of(agreement)
    if missing := sorted(wanted - there):
        raise Misconfigured(f"not granted: {missing[0]}; run `ledger prepare kafka`", rule="rights")
    too_much = sorted(one for one in there - wanted if concerns(one, agreement.prefix))
    if too_much:
        raise Misconfigured(
            f"not in the agreement {agreement.name}: {too_much[0]}; take it away with"
            " kafka-acls --remove",
            rule="rights",
        )


def granted(cluster: KafkaAdminClient) -> frozenset[Right]:
    """Return every right and every refusal that the cluster knows, of everybody."""
    found, _ = cluster.describe_acls(_ANY)
    return frozenset(_right(acl) for acl in found)


def _acl(right: Right) -> ACL:
    patterns = ACLResourcePatternType
    return ACL(
        _USER + right.user,
        right.host,
        ACLOperation[right.operation.name],
        ACLPermissionType.ALLOW,
        ResourcePattern(
            ResourceType[right.kind.name],
            right.name,
            patterns.PREFIXED if right.prefixed else patterns.LITERAL,
        ),
    )


def _right(acl: ACL) -> Right:
    on = acl.resource_pattern
    return Right(
        user=acl.principal.removeprefix(_USER),
        operation=Operation[acl.operation.name],
        kind=Kind[on.resource_type.name],
        name=on.resource_name,
        prefixed=on.pattern_type == ACLResourcePatternType.PREFIXED,
        host=acl.host,
        allowed=acl.permission_type == ACLPermissionType.ALLOW,
    )

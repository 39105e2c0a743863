"""Who may do what on the broker: the table, and what must never stand in it."""

from pathlib import Path

import pytest

from consumers.settings import WorkerSettings
from events.agreement import Agreement, Country
from ledger.case.case import Topic
from ledger.rights import Kind, Operation, Right, concerns, group_prefix, rights_of, table, users_of

ROOT = Path(__file__).parents[2]
COUNTRIES = ("KZ", "KG")
AGREEMENT = Agreement(
    name="test",
    prefix="referral",
    partitions=1,
    countries={code: Country(code=code, zone="UTC", log_keys=()) for code in COUNTRIES},
)
RIGHTS = rights_of(AGREEMENT)
NATIONAL = "referral.national."


def of(user: str) -> set[Right]:
    return {right for right in RIGHTS if right.user == user}


def test_the_data_file_is_the_table():
    """`python tests/unit/test_rights.py` writes it."""
    assert (ROOT / "ops" / "kafka" / "acls.csv").read_text() == table(AGREEMENT)


def test_every_user_has_rights_and_every_right_a_user():
    assert set(users_of(AGREEMENT)) == {right.user for right in RIGHTS}


@pytest.mark.parametrize("country", COUNTRIES)
def test_nobody_of_another_country_has_any_right_on_what_is_national(country):
    """Not even to see whether it exists."""
    theirs = {NATIONAL + country, f"referral.relay.{country}", f"referral.{country}.worker."}
    users = {right.user for right in RIGHTS if right.name in theirs}
    assert users == {f"{country}-relay", f"{country}-worker"}


def test_a_prefix_is_never_wider_than_the_one_who_has_it():
    wide = {right for right in RIGHTS if right.prefixed and right.kind is not Kind.GROUP}
    assert {right.user for right in wide} == {"admin"}
    for right in RIGHTS:
        if right.kind is Kind.GROUP:
            assert right.user.replace("-", ".") in right.name


@pytest.mark.parametrize("user", ["admin", "auditor", "KZ-worker"])
def test_only_relays_and_reactors_write(user):
    assert not [right for right in of(user) if right.operation is Operation.WRITE]


def test_the_admin_reads_and_writes_no_record_and_destroys_nothing():
    assert {right.operation for right in of("admin") if right.kind is Kind.TOPIC} == {
        Operation.CREATE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
    }


@pytest.mark.parametrize("operation", ["ALL", "DELETE", "ALTER_CONFIGS", "CLUSTER_ACTION"])
def test_what_destroys_is_granted_to_nobody(operation):
    assert Operation[operation] not in {right.operation for right in RIGHTS}


def test_an_auditor_sees_what_is_shared_and_what_was_signed_of_it_only():
    names = {right.name for right in of("auditor") if right.kind is Kind.TOPIC}
    assert names == {AGREEMENT.shared_topic, AGREEMENT.checkpoints_topic}


@pytest.mark.parametrize("user", ["KZ-sealer", "KZ-witness"])
def test_who_signs_notes_reads_and_writes_no_event(user):
    national = AGREEMENT.national_checkpoints_topic("KZ")
    assert {right.name for right in of(user)} == {AGREEMENT.checkpoints_topic, national}


@pytest.mark.parametrize("topics", [(Topic.SHARED,), (Topic.NATIONAL,), tuple(Topic)])
def test_the_groups_of_workers_begin_as_their_right_says(topics):
    settings = WorkerSettings(agreement=AGREEMENT, country="KZ", dsn="", kafka={})
    assert settings.group_of(topics).startswith(group_prefix("referral", "KZ", "worker"))


@pytest.mark.parametrize(("kind", "name", "prefixed", "touches"), [
    (Kind.TOPIC, "referral.ledger", False, True),
    (Kind.TOPIC, "*", False, True),
    (Kind.TOPIC, "ref", True, True),
    (Kind.TOPIC, "referrals", False, False),
    (Kind.TOPIC, "referral", False, False),
    (Kind.GROUP, "other.", True, False),
    (Kind.GROUP, "referral.KZ.worker.x", False, True),
])  # fmt: skip
def test_a_stranger_s_right_is_ours_to_refuse_if_it_touches_our_names(
    kind, name, prefixed, touches
):
    """A ministry's cluster carries other things, and those are none of our business."""
    right = Right("somebody", Operation.READ, kind, name, prefixed=prefixed)
    assert touches == concerns(right, "referral")


@pytest.mark.parametrize(
    ("operation", "touches"),
    [("ALTER", True), ("ALL", True), ("CLUSTER_ACTION", True), ("DESCRIBE", False)],
)
def test_who_can_grant_himself_everything_touches_every_agreement(operation, touches):
    right = Right("somebody", Operation[operation], Kind.CLUSTER, "kafka-cluster")
    assert touches == concerns(right, "referral")


def test_a_right_is_said_in_words():
    right = Right("KG-x", Operation.READ, Kind.GROUP, "a.", prefixed=True, host="10.0.0.1")
    assert "user KG-x may read group a.* from 10.0.0.1" == str(right)
    assert "user KG-x may not read group a.* from 10.0.0.1" == str(right._replace(allowed=False))


if __name__ == "__main__":
    (ROOT / "ops" / "kafka" / "acls.csv").write_text(table(AGREEMENT))

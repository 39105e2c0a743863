"""What is done to the ledger itself stands in its register before it is done; R8 reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import pytest

from events import release
from events.codec import decode
from events.contract import register_id
from events.errors import Misconfigured, NotAllowedNow
from events.governance import ParkingRetried, RebuildBegun, SchemasReleased
from events.registry import SCHEMAS
from events.schema_pin import began_with
from events.stamp import Event
from ledger.case import governance
from ledger.case.case import Case
from ledger.case.recording import record
from ledger.keys.national import opened
from ledger.log.findings import Heard
from node import acts, cli
from node.place import Place
from tests.audited import Mirror, agreement_text, made
from tests.country import Node, agreement_of
from tests.given import matter
from tests.sharing_play import told

LINES = (release.SCHEMAS / "RELEASED").read_text().splitlines(keepends=True)


def pin_before(name: str) -> str:
    """Return the pin of an agreement that began just before a schema was released."""
    count = next(at for at, line in enumerate(LINES) if line.split()[1] == name)
    return sha256("".join(LINES[:count]).encode()).hexdigest()


def later_than(pin: str) -> dict[bytes, str]:
    """Return the schemas that an agreement did not begin with, and who may see them."""
    later = {bytes.fromhex(one.sha256): one.visibility for one in SCHEMAS}
    return {sha: seen for sha, seen in later.items() if sha not in began_with(pin)}


def releases(country: str, pin: str) -> list[Heard]:
    """Return what a country says when it releases what came later: shared, then national."""
    later = later_than(pin)
    drafts = governance.release_schemas(
        matter(Case.unknown(register_id("t"), country)),
        shared=tuple(sha for sha, seen in later.items() if seen == "shared"),
        national=tuple(later),
    )
    recorded = record(matter(Case.unknown(register_id("t"), country)), drafts, salt=bytes(32))
    return [Heard(one.event, bytes(32)) for one in recorded]


@pytest.fixture
def node(database, tmp_path, monkeypatch) -> Mirror:
    """A node of Kyrgyzstan whose agreement began before keys were ever released."""
    found = made(database, tmp_path, monkeypatch)
    pin = f'schemas = "{pin_before("keys_released.v1.avsc")}"\npartitions'
    text = agreement_text().replace("partitions", pin, 1)
    (tmp_path / "agreement.toml").write_text(text)
    return found


def stories() -> tuple[list[Heard], list[Heard]]:
    plays = [told(seed, steps=30) for seed in range(12)]
    shared = [heard for play in plays for heard in play.topic]
    return shared, [heard for play in plays for heard in play.nodes["KG"].said]


def audited(capsys) -> dict:
    cli.run(["audit", "check", "--json"])
    return json.loads(capsys.readouterr().out)


def register() -> tuple[list[Heard], list[Heard]]:
    """Return what all countries say on the shared topic, and Kyrgyzstan at home."""
    pin = pin_before("keys_released.v1.avsc")
    shared = [releases(country, pin)[0] for country in ("KZ", "KG", "UZ")]
    return shared, releases("KG", pin)[1:]


def test_honest_countries_release_a_schema_before_they_use_it(node, capsys):
    shared, national = stories()
    first, at_home = register()
    node.read([*first, *shared], [*at_home, *national])
    said = audited(capsys)
    assert (said["found"], said["rules"]["R8"]) == ({}, "kept")
    assert said["cases"] == len({heard.event.case_id for heard in (*shared, *national)})


@pytest.mark.parametrize("when", ["never", "afterwards"])
def test_a_schema_that_was_not_released_before_is_found_at_every_event(node, capsys, when):
    shared, national = stories()
    last, at_home = register() if when == "afterwards" else ([], [])
    node.read([*shared, *last], [*national, *at_home])
    said = audited(capsys)
    assert set(said["found"]) == {"R8 schema_unreleased"}
    later = {one.name for one in SCHEMAS if bytes.fromhex(one.sha256) in later_than(
        pin_before("keys_released.v1.avsc"))}  # fmt: skip
    wrong = [one for one in (*shared, *national) if type(one.event).__name__ in later]
    assert len(said["breaches"]) >= len([one for one in wrong if _only_version(one)]) > 0


def _only_version(heard: Heard) -> bool:
    return heard.event.schema_version == 1


def test_one_country_does_not_release_for_another(node, capsys):
    shared, national = stories()
    first, at_home = register()
    node.read([*first[1:], *shared], [*at_home, *national])
    said = audited(capsys)
    assert set(said["found"]) == {"R8 schema_unreleased"}
    assert {one["origin"] for one in said["breaches"]} == {"KZ"}


@pytest.fixture
def country(database, tmp_path) -> Node:
    """A node that may decide, in an agreement older than the register."""
    agreement = agreement_of("t", {code: tmp_path / f"{code}.key" for code in ("KZ", "KG")})
    pinned = replace(agreement, schemas=pin_before("key_rotated.v1.avsc"))
    found = Node("KZ", pinned, database, tmp_path / "KZ.key", folder=tmp_path)
    found.mirrored()
    return found


def place_of(node: Node, **changes) -> Place:
    assert node.national_keys is not None
    given = {
        "country": node.code,
        "agreement": node.agreement,
        "kafka": None,
        "client": {},
        "national_key": node.folder / f"{node.code}-national.key",
        "_dsn": node.database.as_role("project"),
        "_append_dsn": node.database.as_role("append"),
    }
    return Place(**{**given, **changes})


WHO = "system:ops-1@ops"


def registered(node: Node) -> list[Event]:
    """Return the events of the register that this country has recorded."""
    rows = node.database.run(
        "SELECT state FROM ledger.ledger_events WHERE originator_id = %s"
        " ORDER BY originator_version",
        register_id(node.agreement.prefix),
    )
    return [opened(decode(bytes(state)), node.national_keys) for (state,) in rows]


def test_a_schema_is_not_written_with_before_it_is_released(country):
    where = place_of(country)
    with acts.recording(where, WHO) as begin, pytest.raises(NotAllowedNow) as refused:
        begin(governance.begin_rebuild, rebuild_id=uuid4())
    assert refused.value.rule == "schema_released"
    acts.release_schemas(where, WHO)
    with acts.recording(where, WHO) as begin:
        begin(governance.begin_rebuild, rebuild_id=uuid4())
    shared, national, begun = registered(country)
    assert (shared.shared, national.shared) == (True, False)
    assert set(shared.schemas) < set(national.schemas)
    assert {type(shared), type(national)} == {SchemasReleased}
    assert isinstance(begun, RebuildBegun)
    assert begun.actor.id == "ops-1"
    with pytest.raises(NotAllowedNow, match="released already"):
        acts.release_schemas(where, WHO)


def parked(node: Node) -> None:
    node.database.run(
        "INSERT INTO read_1.parked (case_id, topic, reason, since_offset, since_rank)"
        " VALUES (%s, 'shared', 'unknown_schema', 0, 0)",
        uuid4(),
    )


def test_who_lets_parked_cases_be_tried_again_is_recorded_before(country):
    where = place_of(country)
    acts.release_schemas(where, WHO)
    assert acts.retry_parked(where, WHO, None) == (0, [])
    parked(country)
    nobody = place_of(country, _append_dsn=country.database.as_role("audit"))
    with pytest.raises(Misconfigured, match="may not do that"):
        acts.retry_parked(nobody, WHO, None)
    assert country.database.run("SELECT count(*) FROM read_1.parked") == [(1,)]
    assert acts.retry_parked(where, WHO, None) == (1, [])
    assert country.database.run("SELECT count(*) FROM read_1.parked") == [(0,)]
    *_, event = registered(country)
    assert isinstance(event, ParkingRetried)
    assert (event.parked_case_id, event.waiting) == (None, 1)

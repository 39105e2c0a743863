"""R8: a schema is released before it is used, by the agreement's pin or by an event of the log."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from hashlib import sha256

import pytest

from events import release, schema_pin
from events.agreement import Agreement
from events.codec import encode
from events.contract import is_register, partition_of, register_id
from events.errors import BadInput, Misconfigured, NotAllowedNow
from events.registry import NEWEST, SCHEMAS
from ledger.case import governance, identity
from ledger.case.case import Topic
from ledger.log.findings import NATIONAL, Heard
from ledger.log.rule_schema import SchemaRules
from tests.given import CASEWORKER, Node, opened
from tests.vectors import sample

REGISTER = register_id("t")
HASHES = {schema.name: bytes.fromhex(schema.sha256) for schema in NEWEST.values()}
LOG = "t.ledger/KZ"


def told(log: str = LOG, topic: str = "shared") -> list[Heard]:
    """Return a case that was opened, at places 0, 1 ... of a log."""
    story = opened()
    story["KZ"].decide(identity.change_status, status="ready")
    heard = []
    for index, name in enumerate(("CaseOpened", "StatusChanged")):
        event = replace(SAMPLES[name], case_id=story.case_id)
        heard.append(Heard(event, bytes(32), 0, index, None, topic, log, index))
    return heard


def _sample(name: str):
    return sample(NEWEST[name], 1)


SAMPLES = {name: _sample(name) for name in ("CaseOpened", "StatusChanged", "CaseAssigned")}


def judged(rules: SchemaRules, heard: list[Heard]) -> list[tuple[str, int]]:
    return [
        (found.what, found.log_index)
        for one in heard
        for found in rules.check(one, encode(one.event))
    ]


def released(*names: str, shared: bool = True):
    """Return the event by which KZ releases schemas."""
    wanted = tuple(HASHES[name] for name in names)
    node = Node("KZ", REGISTER)
    made = node.decide(
        governance.release_schemas,
        shared=wanted if shared else (),
        national=() if shared else wanted,
    )
    return made[0] if shared else replace(SAMPLES_RELEASED, shared=False, schemas=wanted)


SAMPLES_RELEASED = _sample("SchemasReleased")


def test_what_the_agreement_began_with_needs_no_event():
    assert judged(SchemaRules(schema_pin.HERE), told()) == []


def test_an_event_whose_schema_was_not_released_is_found_at_its_place():
    rules = SchemaRules(schema_pin.HERE - {HASHES["StatusChanged"]})
    assert judged(rules, told()) == [("schema_unreleased", 1)]


@pytest.mark.parametrize(("at", "found"), [(0, []), (1, []), (2, [("schema_unreleased", 1)])])
def test_it_has_to_be_released_earlier_in_the_same_log(at, found):
    """At place 1 it is what releases itself; after the event it is too late."""
    rules = SchemaRules(schema_pin.HERE - {HASHES["StatusChanged"]})
    rules.learn(LOG, at, released("StatusChanged"), shared=True)
    assert judged(rules, told()) == found


@pytest.mark.parametrize("other", ["another country", "another topic"])
def test_nobody_releases_for_another_log(other):
    rules = SchemaRules(schema_pin.HERE - {HASHES["StatusChanged"]})
    if other == "another country":
        rules.learn("t.ledger/KG", 0, released("StatusChanged"), shared=True)
    else:  # an event about the other topic counts nowhere
        rules.learn(LOG, 0, released("StatusChanged", shared=False), shared=True)
    assert judged(rules, told()) == [("schema_unreleased", 1)]


def test_at_home_the_schema_inside_the_envelope_counts_too_if_it_can_be_opened():
    event = SAMPLES["CaseAssigned"]
    heard = Heard(event, bytes(32), 0, 0, None, NATIONAL, "t.national.KZ/KZ", 0)
    envelope = encode(_sample("NationalEvent"))
    began = schema_pin.HERE - {HASHES["CaseAssigned"]}
    (found,) = SchemaRules(began).check(heard, envelope)
    assert found.what == "schema_unreleased"
    assert [*SchemaRules(began, opens=False).check(heard, envelope)] == []


def test_a_pin_names_a_prefix_of_what_was_released_for_ever():
    lines = (release.SCHEMAS / "RELEASED").read_text().splitlines(keepends=True)
    pin = sha256("".join(lines[:40]).encode()).hexdigest()
    began = schema_pin.began_with(pin)
    assert len(began) == 40
    assert {one.hex() for one in began} == {line.split()[0] for line in lines[:40]}
    assert schema_pin.began_with(schema_pin.pin_of_today()) == schema_pin.HERE
    assert schema_pin.began_with("") == schema_pin.HERE == set(map(_sha, SCHEMAS))
    with pytest.raises(Misconfigured, match="install a later one"):
        schema_pin.began_with("00" * 32)


def _sha(schema) -> bytes:
    return bytes.fromhex(schema.sha256)


def test_the_pin_stands_in_the_agreement_file():
    head = 'name = "t"\nprefix = "t"\npartitions = 1\nschemas = "abc"\n'
    text = f'{head}[countries.KZ]\nzone = "Z"\nlog_keys = []\n'

    agreement = Agreement.parse(tomllib.loads(text))
    assert agreement.schemas == "abc"
    assert Agreement.parse(tomllib.loads(agreement.render())) == agreement


def test_a_country_releases_once_and_on_each_topic_for_itself():
    node = Node("KZ", REGISTER)
    first, second = HASHES["CaseOpened"], HASHES["CaseAssigned"]
    (event,) = node.decide(governance.release_schemas, shared=(first,), national=(first, second))
    assert (event.shared, event.schemas) == (True, (first,))
    assert node.case.plane(Topic.NATIONAL).schemas == {"KZ": (first, second)}
    with pytest.raises(NotAllowedNow, match="released already"):
        node.decide(governance.release_schemas, shared=(first,), national=(second,))


def test_the_register_is_no_case_and_a_case_is_no_register():
    with pytest.raises(NotAllowedNow, match="wrong_case"):
        Node("KZ", REGISTER).decide(identity.open_case, by=CASEWORKER)
    story = opened()
    with pytest.raises(BadInput, match="stands in the register"):
        story["KZ"].decide(governance.begin_rebuild, rebuild_id=story.case_id)


def test_a_register_has_one_id_that_no_case_can_have():
    """Frozen: a reader of another language makes the same."""
    assert str(register_id("referral")) == FROZEN
    assert is_register(REGISTER)
    assert not is_register(opened().case_id)
    assert 0 <= partition_of(REGISTER, 12) < 12


FROZEN = "faf5646a-b86a-8a67-af78-34711cdb6682"

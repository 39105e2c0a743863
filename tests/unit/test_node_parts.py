"""The small parts of a node: who acts, what is typed, what is logged, what is asked for health."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry, Counter

from events.codes import DataScope, Purpose, Role
from events.errors import BadInput, CodeUnknown, Misconfigured
from node import logs, place
from node.arguments import DECISIONS, DaysAhead, arguments_of, decision_named, parse
from node.home import Home, write_private
from node.metrics import Health, served
from node.ownership import require_sole_owner
from node.provision import as_url, ensure_agreement, parse_countries

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2027-01-31", date, date(2027, 1, 31)),
        ("+30d", date, DaysAhead(30)),
        ("identity, health", tuple[DataScope, ...], (DataScope.IDENTITY, DataScope.HEALTH)),
        ("transfer", Purpose, Purpose.TRANSFER),
        ("yes", bool, True),
        ("0", bool, False),
        ("7", int, 7),
    ],
)
def test_what_is_typed_becomes_what_a_decision_takes(text, kind, value):
    assert value == parse(text, kind, name="argument")


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        ("Aigerim", UUID, BadInput),
        ("Aigerim", date, BadInput),
        ("Aigerim", bool, BadInput),
        ("Aigerim", int, BadInput),
        ("Aigerim", Purpose, CodeUnknown),
        ("UNKNOWN", Purpose, CodeUnknown),
        ("health,Aigerim", tuple[DataScope, ...], CodeUnknown),
    ],
)
def test_what_cannot_be_read_is_not_repeated(text, kind, error):
    """A name may stand where a code belongs, and messages end in logs and rejects files."""
    with pytest.raises(error) as found:
        parse(text, kind, name="grant_consent.purpose")
    assert "Aigerim" not in str(found.value)
    assert "grant_consent.purpose" in str(found.value)


def test_every_argument_of_every_decision_can_be_typed():
    kinds = {kind for take in DECISIONS.values() for kind in arguments_of(take).values()}
    sample = {UUID: str(uuid4()), date: "2027-01-31", bool: "yes", int: "1", str: "cw-1"}
    for kind in kinds:
        text = sample.get(kind) or ("health" if kind == tuple[DataScope, ...] else list(kind)[1])
        assert parse(str(text), kind, name="argument") is not None


def test_the_services_own_decision_is_nobody_elses():
    with pytest.raises(CodeUnknown):
        decision_named("record_refusal")


def test_who_decides_is_a_role_a_pseudonym_and_an_organisation(monkeypatch):
    monkeypatch.setenv("LEDGER_ACTOR", "focal_point:fp-1@ministry")
    given = place.actor("supervisor:s-1@office", country="KZ", role=Role.CASEWORKER)
    assert (given.role, given.id, given.organisation) == ("supervisor", "s-1", "office")
    assert place.actor(None, country="KZ", role=Role.CASEWORKER).id == "fp-1"
    monkeypatch.delenv("LEDGER_ACTOR")
    ours = place.actor(None, country="KZ", role=Role.SUPERVISOR)
    assert (ours.role, ours.organisation) == ("supervisor", "cli-KZ")
    with pytest.raises(BadInput):
        place.actor("Aigerim", country="KZ", role=Role.CASEWORKER)


def test_an_agreement_grows_and_keeps_its_keys(tmp_path):
    """A third country joins; what the first two have pinned does not change."""
    home = Home(tmp_path)
    first = ensure_agreement(home, ("KZ", "KG"), prefix="referral")
    assert first == ensure_agreement(home, (), prefix="referral")
    more = ensure_agreement(home, ("UZ",), prefix="referral")
    assert set(more.countries) == {"KZ", "KG", "UZ"}
    assert first.countries["KZ"] == more.countries["KZ"]
    assert more.countries["KZ"].zone == "Asia/Almaty"
    assert (tmp_path / "KZ" / "log.key").stat().st_mode & 0o777 == 0o400
    with pytest.raises(Misconfigured, match="prefix"):
        ensure_agreement(home, (), prefix="other")
    with pytest.raises(Misconfigured, match="two countries"):
        ensure_agreement(Home(tmp_path / "new"), ("KZ",), prefix="referral")


def test_a_country_is_a_code_that_exists():
    assert parse_countries("kz, KG,kz") == ("KZ", "KG")
    with pytest.raises(CodeUnknown, match="'ZZ'"):
        parse_countries("KZ,ZZ")


def test_a_private_file_is_never_open_to_others(tmp_path):
    file = tmp_path / "relay.dsn"
    write_private(file, "one")
    write_private(file, "two")
    assert file.read_text() == "two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_password_survives_the_way_into_a_url():
    url = as_url("host=127.0.0.1 port=5432 dbname=referral_kz user=owner password='p@ss/w: d'")
    assert url == "postgresql://owner:p%40ss%2Fw%3A%20d@127.0.0.1:5432/referral_kz"


def test_only_facts_are_logged():
    """A field added in haste cannot carry a child's data: bytes, long texts, unknown objects."""
    case_id = uuid4()
    line = {"event": "applied", "case_id": case_id, "offset": 3, "offsets": {"shared": [1, 2]}}
    hasty = {"value": b"\xc3\x01", "note": "x" * 201, "error": ValueError("Aigerim")}
    assert line == logs.facts_only(None, "info", {**line, **hasty})


def test_an_exception_is_logged_without_what_it_says():
    """What it says may quote a row, a message, a name."""
    program = (
        "import structlog; from node import logs; logs.configure(program='relay')\n"
        "try: raise ValueError('Aigerim was born in 2014')\n"
        "except ValueError: structlog.get_logger().exception('relay_ends')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    line = json.loads(done.stderr)
    assert (line["event"], line["program"]) == ("relay_ends", "relay")
    assert line["exception"][-1] == "ValueError"
    assert "Aigerim" not in done.stderr


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_a_program_is_ready_when_it_waits_for_nothing():
    waiting = {"start": "Kafka"}
    registry = CollectorRegistry()
    Counter("ledger_things", "Things.", registry=registry).inc()
    with served(Health(lambda: waiting, registry), "127.0.0.1", 0) as port:
        assert asked(port, "/health/live") == (200, '{"live": true}\n')
        code, body = asked(port, "/health/ready")
        assert (code, json.loads(body)["waiting_for"]) == (503, {"start": "Kafka"})
        waiting.clear()
        assert asked(port, "/health/ready")[0] == 200
        assert "ledger_things_total 1.0" in asked(port, "/metrics")[1]
        assert asked(port, "/other")[0] == 404
        with pytest.raises(Misconfigured), served(Health(dict, registry), "127.0.0.1", port):
            pass


def test_another_distribution_with_one_of_our_names_is_named(tmp_path):
    """A foreign `events` would win over ours without a word."""
    require_sole_owner([str(tmp_path)])
    listing = tmp_path / "Events-0.5.dist-info" / "RECORD"
    listing.parent.mkdir()
    listing.write_text("events/__init__.py,sha256=x,1\nEvents-0.5.dist-info/RECORD,,\n")
    with pytest.raises(Misconfigured, match=r"Events-0\.5 also brings .*'events'") as found:
        require_sole_owner([str(tmp_path)])
    assert found.value.exit_code == 2


def test_our_own_distribution_is_no_intruder():
    require_sole_owner()

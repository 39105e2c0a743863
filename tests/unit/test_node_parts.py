"""The small parts of a node: who acts, what is typed, what is logged, what is asked for health."""

import ast
import json
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from prometheus_client import CollectorRegistry, Counter

from consumers.translation import translated
from events.codes import DataScope, Purpose, Role
from events.errors import BadInput, CodeUnknown, Misconfigured, StartAgain
from ledger.case.personal import PersonalData
from node import cli, logs, place
from node.arguments import DECISIONS, DaysAhead, arguments_of, decision_named, parse
from node.home import Home, write_private
from node.metrics import Health, served
from node.ownership import require_sole_owner
from node.provision import as_url, ensure_agreement, parse_countries
from tests.any_event import any_event

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
    sample: dict = {UUID: str(uuid4()), date: "2027-01-31", bool: "yes", int: "1", str: "cw-1"}
    sample |= {PersonalData: '{"health": {"note": "x"}}', tuple[str, ...]: "cw-1,cw-2"}
    for kind in kinds:
        text = sample.get(kind) or ("health" if kind == tuple[DataScope, ...] else list(kind)[1])
        assert parse(str(text), kind, name="argument") is not None


def test_the_services_own_decision_is_nobody_elses():
    with pytest.raises(CodeUnknown):
        decision_named("record_refusal")


def test_who_decides_is_a_role_a_pseudonym_and_an_organisation(monkeypatch, tmp_path):
    monkeypatch.setenv("LEDGER_ACTOR", "focal_point:fp-1@ministry")
    agreement = ensure_agreement(Home(tmp_path), ("KZ", "KG"), prefix="referral")
    real = place.Place(country="KZ", agreement=agreement, kafka=None, client={})
    tried = replace(real, home=Home(tmp_path))
    given = place.actor("supervisor:s-1@office", where=real, role=Role.CASEWORKER)
    assert (given.role, given.id, given.organisation) == ("supervisor", "s-1", "office")
    assert place.actor(None, where=real, role=Role.CASEWORKER).id == "fp-1"
    monkeypatch.delenv("LEDGER_ACTOR")
    ours = place.actor(None, where=tried, role=Role.SUPERVISOR)
    assert (ours.role, ours.organisation) == ("supervisor", "cli-KZ")
    with pytest.raises(BadInput) as found:
        place.actor("Aigerim", where=real, role=Role.CASEWORKER)
    assert "Aigerim" not in str(found.value)


def test_outside_of_a_folder_for_trying_somebody_decides(monkeypatch, tmp_path):
    """Two roles of a command line are not four eyes."""
    agreement = ensure_agreement(Home(tmp_path), ("KZ", "KG"), prefix="referral")
    real = place.Place(country="KZ", agreement=agreement, kafka=None, client={})
    with pytest.raises(Misconfigured, match="who decides"):
        place.actor(None, where=real, role=Role.SUPERVISOR)
    monkeypatch.setenv("LEDGER_INSECURE_DEV", "1")
    assert place.actor(None, where=real, role=Role.SUPERVISOR).id == "cli-supervisor"


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
    """A field added in haste cannot carry a child's data, nor can one of the list by mistake."""
    line = {"event": "applied", "count": 3, "origin": "KZ", "partitions": [("shared", 0)]}
    hasty = {"name": "Aigerim", "value": b"\xc3\x01", "note": "x", "why": "Aigerim Sadykova"}
    assert line == logs.facts_only(None, "info", {**line, **hasty})
    for field in ("event", "origin", "topic", "rule"):
        assert field not in logs.facts_only(None, "info", {**line, field: "Aigerim"})


def test_a_case_is_named_by_what_leads_nobody_to_it():
    case_id = uuid4()
    line = logs.facts_only(None, "info", {"event": "case_parked", "case_id": case_id})
    assert {"event": "case_parked", "case_ref": logs.case_ref(case_id)} == line
    assert logs.case_ref(case_id) == logs.case_ref(UUID(str(case_id)))
    assert logs.case_ref(case_id)[:8] not in case_id.hex


@given(event=any_event)
def test_no_event_can_be_logged(event):
    """Whatever stands in an event of any type, and under whatever name: no line has it."""
    planted = {one.name: getattr(event, one.name) for one in fields(event)}
    texts = dict.fromkeys(planted, "Aigerim Sadykova")
    words = dict.fromkeys(planted, "Aigerim")
    for hasty in (planted, texts, words, {"event": repr(event)}, {"event": "x", "body": planted}):
        line = logs.facts_only(None, "info", {"event": "applied", **hasty})
        said = json.dumps(line, default=str)
        assert "Aigerim" not in said
        assert set(line) <= {"event", "case_ref", "origin", "rule", "partition", "log"}
        assert str(event.case_id) not in said


def test_every_fact_that_a_program_logs_is_on_the_list():
    """What is not on the list would be dropped without a word, and missed when it is needed."""
    calls = [
        call
        for package in ("consumers", "ledger", "projections", "node")
        for path in (ROOT / package).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"debug", "info", "warning", "error", "critical", "exception"}
        and ast.unparse(call.func.value) in {"log", "_log", "structlog.get_logger()"}
    ]
    assert len(calls) > 10
    said = {word.arg for call in calls for word in call.keywords} - {None, "exc_info", "case_id"}
    assert set() == said - set(logs.FACTS) - logs.TEXTS


def planted(raised: str) -> subprocess.CompletedProcess:
    """Run a worker whose run ends with an exception."""
    program = (
        "import sys, psycopg; from node.programs import Program, main\n"
        "from types import SimpleNamespace as S\n"
        "settings = S(country='KZ', metrics_host='127.0.0.1', metrics_port=0, commit='x')\n"
        f"def run(stop): raise psycopg.errors.{raised}('DETAIL: Key (name)=(Aigerim) is there')\n"
        "sys.exit(main('worker', lambda: Program(settings, dict, run)))\n"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("raised", ["ReadOnlySqlTransaction", "UniqueViolation"])
def test_an_error_that_nobody_expected_ends_a_program_without_what_it_says(raised):
    """Another start may help, and what PostgreSQL says of a row is a child's data."""
    done = planted(raised)
    assert 75 == done.returncode
    line = json.loads(done.stderr.splitlines()[-1])
    assert ("ended", raised) == (line["event"], line["exception"][-1])
    assert any(place.startswith("run:") for place in line["exception"])
    assert "Aigerim" not in done.stderr


@pytest.mark.parametrize("raised", ["ReadOnlySqlTransaction", "UniqueViolation"])
def test_a_worker_translates_whatever_postgresql_says(raised):
    with pytest.raises(StartAgain, match=raised) as found, translated():
        raise getattr(psycopg.errors, raised)("DETAIL: Key (name)=(Aigerim) is there")
    assert "Aigerim" not in str(found.value)


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


@pytest.mark.parametrize(
    "typed",
    [
        ["case", "Aigerim"],
        ["case", "show", "a", "Aigerim"],
        ["--said=Aigerim"],
        ["Aigerim Sadykova"],
    ],
    ids=["verb", "argument", "option", "noun"],
)
def test_a_usage_error_does_not_repeat_what_was_typed(typed, capsys):
    """Somebody types a name where a verb belongs; a terminal's log keeps it for years."""
    assert cli.run(typed) == 2
    said = capsys.readouterr()
    assert "Aigerim" not in said.out + said.err
    assert "usage" in said.err

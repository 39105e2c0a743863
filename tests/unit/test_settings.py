"""Settings: nothing guessed, nothing unknown, no secret shown."""

import pytest

from events.errors import Misconfigured
from node.settings import PROGRAMS, SECRETS, RelaySettings, UpSettings, VerbSettings, known_names


@pytest.fixture
def relay(monkeypatch, tmp_path):
    """The environment of a relay that would start."""
    dsn = tmp_path / "dsn"
    dsn.write_text("postgresql://kz:hush@db/kz\n")
    for name, value in {
        "LEDGER_COUNTRY": "KZ",
        "LEDGER_AGREEMENT": "agreement.toml",
        "LEDGER_KAFKA": "127.0.0.1:9092",
        "LEDGER_PG_FILE": str(dsn),
        "LEDGER_LOG_KEY_FILE": "log.key",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_secret_comes_from_the_file_that_is_named_and_is_never_shown(relay):
    read = RelaySettings.read()
    assert read.pg.get_secret_value() == "postgresql://kz:hush@db/kz"
    assert "hush" not in repr(read)


def test_no_secret_has_a_default():
    fields = [
        kind.model_fields[name] for kind in PROGRAMS for name in SECRETS & {*kind.model_fields}
    ]
    assert fields
    assert all(field.is_required() or field.default is None for field in fields)


def test_a_typing_mistake_does_not_pass_silently(relay):
    relay.setenv("LEDGER_CUONTRY", "KG")
    with pytest.raises(Misconfigured, match="LEDGER_CUONTRY; did you mean LEDGER_COUNTRY") as found:
        RelaySettings.read()
    assert found.value.exit_code == 2


def test_every_missing_setting_is_named_at_once(relay):
    relay.delenv("LEDGER_COUNTRY")
    relay.delenv("LEDGER_LOG_KEY_FILE")
    with pytest.raises(Misconfigured) as found:
        RelaySettings.read()
    assert "LEDGER_COUNTRY" in str(found.value)
    assert "LEDGER_LOG_KEY_FILE" in str(found.value)


def test_a_wrong_value_is_not_repeated(relay):
    """It may be a password in the wrong place."""
    relay.setenv("LEDGER_COUNTRY", "hush hush")
    with pytest.raises(Misconfigured) as found:
        RelaySettings.read()
    assert "hush" not in str(found.value)


def test_a_secret_file_that_is_not_there_is_named(relay):
    relay.setenv("LEDGER_PG_FILE", "/nowhere/dsn")
    with pytest.raises(Misconfigured, match="LEDGER_PG_FILE: No such file"):
        RelaySettings.read()


@pytest.mark.parametrize("address", ["127.0.0.1:9092", "localhost:1,127.0.0.1:2", "[::1]:9"])
def test_plain_kafka_is_for_one_machine(relay, address):
    relay.setenv("LEDGER_KAFKA", address)
    assert RelaySettings.read().client == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("address", ["kafka:9092", "127.0.0.1:1,10.0.0.7:2"])
def test_plain_kafka_over_a_wire_has_to_be_asked_for_by_name(relay, address):
    relay.setenv("LEDGER_KAFKA", address)
    with pytest.raises(Misconfigured, match="SASL_SSL"):
        RelaySettings.read()
    relay.setenv("LEDGER_INSECURE_DEV", "1")
    assert RelaySettings.read().kafka == address


def test_encrypted_kafka_needs_a_user(relay):
    relay.setenv("LEDGER_KAFKA_SECURITY", "SASL_SSL")
    with pytest.raises(Misconfigured, match="LEDGER_KAFKA_USER"):
        RelaySettings.read()
    relay.setenv("LEDGER_KAFKA_USER", "kz-relay")
    relay.setenv("LEDGER_KAFKA_PASSWORD", "hush")
    client = RelaySettings.read().client
    assert client["sasl_plain_username"] == "kz-relay"
    assert client["sasl_mechanism"] == "SCRAM-SHA-512"


def test_programs_do_not_refuse_each_others_settings(relay):
    """One shell may hold the settings of all of them."""
    assert UpSettings.read().kafka == "127.0.0.1:9092"
    assert VerbSettings.read().country == "KZ"


def test_every_setting_says_what_it_is():
    assert all(field.description for program in PROGRAMS for field in program.model_fields.values())
    assert "LEDGER_PG_FILE" in known_names()

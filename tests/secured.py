"""Two countries on a broker that refuses: TLS, a password per program, rights from the table."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.agreement import Agreement
from node.broker_users import password_file
from node.embedded.kafka import EmbeddedKafka
from tests.country import Node

ROOT = Path(__file__).parents[1]
LEDGER = Path(sys.executable).with_name("ledger")
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Corridor:
    """A secured broker, the agreement of KZ and KG, and what their programs need to come in."""

    broker: EmbeddedKafka
    agreement: Agreement
    agreement_file: Path
    passwords: Path
    nodes: dict[str, Node]

    def password(self, user: str) -> str:
        """Return the password that `ledger prepare kafka` wrote down."""
        return password_file(self.passwords, user).read_text()

    def client(self, user: str, **changes: Any) -> dict[str, Any]:
        """Return the arguments of a Kafka client of one user, without the address."""
        return {
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.broker.certificates.ca),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.password(user),
            **changes,
        }

    def reached(self, user: str, **changes: Any) -> dict[str, Any]:
        """Return the arguments of a Kafka client of one user."""
        return {"bootstrap_servers": self.broker.bootstrap, **self.client(user, **changes)}

    def settings(self, user: str, **changes: str) -> dict[str, str]:
        """Return the settings of a program of ours that comes as one user."""
        return {
            "LEDGER_AGREEMENT": str(self.agreement_file),
            "LEDGER_KAFKA": self.broker.bootstrap,
            "LEDGER_KAFKA_SECURITY": "SASL_SSL",
            "LEDGER_KAFKA_CA": str(self.broker.certificates.ca),
            "LEDGER_KAFKA_USER": user,
            "LEDGER_KAFKA_PASSWORD_FILE": str(password_file(self.passwords, user)),
            **changes,
        }

    def root(self) -> dict[str, str]:
        """Return the settings of whoever has the broker's own certificate."""
        return {
            "LEDGER_AGREEMENT": str(self.agreement_file),
            "LEDGER_KAFKA": self.broker.root_bootstrap,
            "LEDGER_KAFKA_SECURITY": "SSL",
            "LEDGER_KAFKA_CA": str(self.broker.certificates.ca),
            "LEDGER_KAFKA_CERTIFICATE": str(self.broker.certificates.broker),
        }


def ledger(*arguments: object, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the installed program."""
    return run(LEDGER, *arguments, settings=settings)


def run(*command: object, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program of ours to its end with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return subprocess.run(
        [*map(str, command)],
        env={**kept, "PYTHONPATH": str(ROOT), **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

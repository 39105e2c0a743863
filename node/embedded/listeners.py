"""How a broker is reached: in clear on this machine, or over TLS by who has a name and a password.

Secured, a broker has three listeners. Clients come to CLIENTS over TLS with SCRAM-SHA-512.
Brokers and controllers know each other by certificates (BROKERS, CONTROLLER), and so does whoever
makes the first user: the broker's certificate is its principal, and that alone may do everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .certificates import Certificates

#: The principal of the broker's certificate: super user, for break-glass and for the first start.
SUPER_USER = "broker"

#: What makes a broker one that refuses; compose.yaml has the same, held by a test.
SECURED: Mapping[str, str] = {
    "listener.security.protocol.map": "CLIENTS:SASL_SSL,BROKERS:SSL,CONTROLLER:SSL",
    "inter.broker.listener.name": "BROKERS",
    "controller.listener.names": "CONTROLLER",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.clients.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    # A password that was taken away opens nothing after this, also on an open connection.
    "connections.max.reauth.ms": "900000",
    "listener.name.brokers.ssl.client.auth": "required",
    "listener.name.controller.ssl.client.auth": "required",
    "ssl.principal.mapping.rules": "RULE:^CN=([A-Za-z0-9-]+)$/$1/",
    "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"User:{SUPER_USER}",
}


@dataclass(frozen=True)
class Listeners:
    """The ports of a broker on this machine."""

    clients: int
    controller: int
    #: Only a secured broker has it.
    brokers: int = 0

    def properties(self, certificates: Certificates | None) -> Mapping[str, str]:
        """Return the broker's settings about who reaches it how."""
        if certificates is None:
            return _places({"PLAINTEXT": self.clients}, self.controller) | {
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "controller.listener.names": "CONTROLLER",
            }
        places = _places({"CLIENTS": self.clients, "BROKERS": self.brokers}, self.controller)
        stores = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificates.broker),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(certificates.ca),
        }
        return {**SECURED, **places, **stores}


def _places(named: Mapping[str, int], controller: int) -> dict[str, str]:
    def written(ports: Mapping[str, int]) -> Sequence[str]:
        return [f"{name}://127.0.0.1:{port}" for name, port in ports.items()]

    return {
        "listeners": ",".join(written({**named, "CONTROLLER": controller})),
        "advertised.listeners": ",".join(written(named)),
        # By address, not by a voter record on disk: the port may change with the next start.
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
    }

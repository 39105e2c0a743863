"""What can go wrong around the embedded servers."""

from events.errors import Misconfigured, ServiceUnavailable


class EmbeddedServerFailed(ServiceUnavailable):
    """An embedded server did not start or did not stop; the message quotes its log."""


class FolderInUse(ServiceUnavailable):
    """Another run holds the server's folder; the message names its pid."""


class JarRefused(Misconfigured):
    """A jar is missing, unlisted, or not the bytes whose SHA-256 is committed."""


class StageRefused(Misconfigured):
    """The copy of PostgreSQL for an account without rights is not safely ours."""

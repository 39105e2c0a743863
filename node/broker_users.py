"""The users of a secured broker: made with passwords that only files hold.

A password is never an argument, an answer or a line on a screen. Its file is written before the
user is made, so a run that was killed halfway is simply run again.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaAdminClient

from events.agreement import Agreement
from events.errors import BadInput, Misconfigured
from ledger import acls
from ledger.rights import users_of
from node.home import write_private


class Prepared(NamedTuple):
    """What a run has made; nothing, if everything was there."""

    #: Users that are new or have a new password, each with its file.
    users: tuple[str, ...]
    rights: int


def password_file(folder: Path, user: str) -> Path:
    """Return where a user's password is written."""
    return folder / f"{user}.password"


def prepare_broker(
    cluster: KafkaAdminClient, agreement: Agreement, folder: Path, *, renew: Collection[str] = ()
) -> Prepared:
    """Give an agreement's users what they may, and make those that there are not.

    A user that is known keeps its password unless it is in `renew`; then who has the old one is
    out within `connections.max.reauth.ms`. BadInput for a user that is none of the agreement's,
    Misconfigured if somebody has a right too many.
    """
    wanted = users_of(agreement)
    if strangers := sorted(set(renew) - set(wanted)):
        raise BadInput(f"no user of this agreement: {', '.join(strangers)}")
    # The rights first: whoever may not see them is refused here, and would wait for users in vain.
    rights = acls.ensure_rights(cluster, agreement)
    known = acls.known_users(cluster)
    made = [user for user in wanted if user in renew or user not in known]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    passwords = {user: _password(folder, user, anew=user in renew) for user in made}
    acls.set_passwords(cluster, passwords)
    return Prepared(tuple(made), rights)


def _password(folder: Path, user: str, *, anew: bool) -> str:
    file = password_file(folder, user)
    if file.exists() and not anew:  # a run before this one was killed between file and user
        if not (kept := file.read_text().strip()):
            raise Misconfigured(f"{file} is empty: remove it")
        return kept
    password = acls.new_password()
    write_private(file, password)
    return password

"""The program of notices, killed by SIGKILL at a step: AGREEMENT DSN ADDRESSES STEP."""

import os
import signal
import sys
from pathlib import Path

import psycopg

from consumers.notice_addresses import AddressFile
from consumers.notices import Notices, NoticeSettings
from consumers.telling import Channels
from events.agreement import Agreement
from ledger.service import LedgerSettings, open_ledger
from node.run_notices import NoticeDesk


def main(agreement_file: str, dsn: str, addresses: str, step: str) -> None:
    """Look once, and die after the first STEP."""
    agreement = Agreement.load(Path(agreement_file))

    def at(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    given = {"country": "KZ", "agreement": agreement, "dsn": dsn}
    with (
        open_ledger(LedgerSettings(**given, only_national=True)) as ledger,
        psycopg.connect(dsn, autocommit=True) as database,
    ):
        channels = Channels("KZ", AddressFile(Path(addresses), insecure=False))
        Notices(NoticeSettings(**given), NoticeDesk(ledger, "KZ"), channels, at=at).look(database)


if __name__ == "__main__":
    main(*sys.argv[1:])

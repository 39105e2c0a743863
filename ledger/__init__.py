"""Deciding and recording: cases, decisions, the store, and the relay to the topic.

`open_ledger` gives the one door for whoever decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.service import Ledger, LedgerSettings, open_ledger

__all__ = ["Ledger", "LedgerSettings", "open_ledger"]


def __getattr__(name: str) -> Any:
    # Late, so that a reader of `ledger.case` does not load the clients of the write side.
    if name in __all__:
        from ledger import service  # noqa: PLC0415 - see above

        return getattr(service, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The mirror: this country's verified copy of the topics, in the topics' order.

Workers append to it, in the transaction that moves their positions; everybody else reads. A
case's history in order of effect is what decisions, folds and as-of questions start from.
"""

from ledger.mirror.reading import (
    Heard,
    Placed,
    heard,
    heard_by_case,
    held,
    history,
    placed_between,
    records_of,
    standings,
)
from ledger.mirror.standing import Said, Standing, Waiting
from ledger.mirror.writing import Record, Release, Stray, append, put_aside, release

__all__ = [
    "Heard",
    "Placed",
    "Record",
    "Release",
    "Said",
    "Standing",
    "Stray",
    "Waiting",
    "append",
    "heard",
    "heard_by_case",
    "held",
    "history",
    "placed_between",
    "put_aside",
    "records_of",
    "release",
    "standings",
]

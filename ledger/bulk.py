"""Many requests in few transactions: what an import needs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from events.errors import LedgerError, ServiceUnavailable
from ledger.commands import Commands
from ledger.deciding import Plan
from ledger.receipt import Receipt
from ledger.request import Request
from ledger.snapshot import Snapshot

#: Requests of one transaction.
CHUNK = 500

#: What becomes of one request.
Answer = Receipt | LedgerError


def record_many(commands: Commands, requests: Iterable[Request]) -> Iterator[Answer]:
    """Decide request by request, record chunk by chunk; give one answer per request, in order.

    ServiceUnavailable ends it: chunks already answered are recorded, and repeating the others
    under their keys is safe.
    """
    for chunk in chunks(requests):
        seen = commands.look_many(chunk)
        planned = [_plan(commands, *one) for one in zip(chunk, seen, strict=True)]
        commands.store.append_all([plan.append for plan in planned if isinstance(plan, Plan)])
        for request, plan in zip(chunk, planned, strict=True):
            yield _conclude(commands, request, plan) if isinstance(plan, Plan) else plan


def chunks(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Give chunks in which no two requests are about the same case or have the same key."""
    chunk: list[Request] = []
    claimed: set[Hashable] = set()
    for request in requests:
        claims = {name for name in (request.case_id, request.key) if name is not None}
        if len(chunk) == CHUNK or not claimed.isdisjoint(claims):
            yield chunk
            chunk, claimed = [], set()
        chunk.append(request)
        claimed |= claims
    if chunk:
        yield chunk


def _plan(commands: Commands, request: Request, seen: Snapshot) -> Plan | Answer:
    if seen.known is not None:
        known = seen.known
        return _answer(lambda: commands.replay(request, known))
    return _answer(lambda: commands.plan(request, seen))


def _conclude(commands: Commands, request: Request, plan: Plan) -> Answer:
    answer = _answer(lambda: commands.conclude(request, plan))
    assert not isinstance(answer, Plan)
    return answer


def _answer(take: Callable[[], Plan | Receipt]) -> Plan | Answer:
    """Return what was decided, or the error that refused it; an outage is nobody's answer."""
    try:
        return take()
    except ServiceUnavailable:
        raise
    except LedgerError as refusal:
        return refusal

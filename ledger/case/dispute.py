"""What may still be shared while countries differ on the order of a partition (ADR 29).

Which of two events came first decides which of them counts, so nothing that rests on the order is
added to it. What protects the child rests on nothing: it is never void because of what came before.
"""

from __future__ import annotations

from ledger.case.case import Topic
from ledger.case.recording import Recorded
from ledger.case.steps import Kind, step_of

#: The rule of the refusal, and of the keystore that gives nothing away meanwhile.
RULE = "order_disputed"
#: A handoff taken back or declined: less is shared than before, whoever was heard first.
_LESS = frozenset({"revoked", "rejected"})


def waits_for_order(recorded: Recorded) -> bool:
    """Say whether an event has to wait until countries agree again in which order they heard.

    What is national waits for nothing, nor does what adds a prohibition or takes a handoff back.
    """
    if recorded.topic is Topic.NATIONAL:
        return False
    step = step_of(recorded.event)
    protects = step.kind_of(recorded.event) is Kind.PROTECTIVE
    return not protects and step.to_state not in _LESS

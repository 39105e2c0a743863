"""How a frozen state becomes the next one."""

from __future__ import annotations

from typing import Any, TypeVar

S = TypeVar("S")


def changed(state: S, /, **changes: Any) -> S:
    """Return a copy of a frozen state with some fields changed.

    What `dataclasses.replace` does, five times faster: a rebuild folds millions of events. That
    is also why states have no slots.
    """
    after = object.__new__(type(state))
    values = after.__dict__
    values.update(state.__dict__)
    values.update(changes)
    assert len(values) == len(state.__dict__), f"no such field among {changes.keys()}"
    return after

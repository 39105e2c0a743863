"""The shape of an effect: a plane and an effective event give the plane after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.case.plane import Plane

#: Each part maps its event types to such functions; the fold picks by the type of the event.
Effect = Callable[[Plane, Any], Plane]

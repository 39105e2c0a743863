"""Whether a provider may be given a child today, whoever she is: what routing asks and people read.

Pure: the directory says who is there, the pack what is asked of them, the situation how they are.
What speaks against one service for one child (her language, a conflict) is routing's alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ledger.rules.directory import Listed, Service, Situation
from ledger.rules.pack import Pack, Route

#: No route of the pack leads to what a service can do.
NO_ROUTE = "no_route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One service today."""

    service: Service
    #: Routes of the pack by which a child can come to it.
    routes: tuple[str, ...]
    #: Routes by which none can -> why not.
    closed: Mapping[str, tuple[str, ...]]

    @property
    def why_not(self) -> tuple[str, ...]:
        """Return what speaks against it, each once; nothing if every route is open."""
        found = dict.fromkeys(why for reasons in self.closed.values() for why in reasons)
        return tuple(found) if self.closed or self.routes else (NO_ROUTE,)


def unfit(
    service: Service, guideline: str | None, versions: Mapping[str, int], now: Situation
) -> str | None:
    """Return why a service may have no child by its papers; None if it may."""
    return next(_papers(service, guideline, versions, now), None)


def is_full(service: Service, now: Situation) -> bool:
    """Say whether a service takes nobody now: it has no free place, or is paused."""
    return service.id in now.closed


def standings(pack: Pack, directory: Listed, now: Situation) -> tuple[Standing, ...]:
    """Return how every service stands today, in the order of their ids."""
    services = (directory.services[one] for one in sorted(directory.services))
    return tuple(_standing(pack, one, now) for one in services)


def _standing(pack: Pack, service: Service, now: Situation) -> Standing:
    able = {*service.specialists}
    routes = [one for one in pack.route if able.intersection((one.lead, *one.parallel))]
    reasons = {one.id: tuple(_reasons(pack, service, one, now)) for one in routes}
    return Standing(
        service=service,
        routes=tuple(name for name, why in reasons.items() if not why),
        closed={name: why for name, why in reasons.items() if why},
    )


def _reasons(pack: Pack, service: Service, route: Route, now: Situation) -> Iterator[str]:
    yield from _papers(service, route.guideline, pack.versions, now)
    if is_full(service, now):
        yield "no_capacity"


def _papers(
    service: Service, guideline: str | None, versions: Mapping[str, int], now: Situation
) -> Iterator[str]:
    if service.status != "active":
        yield "not_active"
    if service.licensed_until is not None and service.licensed_until < now.today:
        yield "licence_expired"
    read = 0 if guideline is None else now.acknowledged.get((service.organisation, guideline), 0)
    if guideline is not None and read < versions[guideline]:
        yield "guideline_not_acknowledged"

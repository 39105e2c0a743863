"""How desks are told: by every channel of a desk; one that cannot be reached rests a while."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import structlog

from consumers import letters, webhook
from consumers.notice_addresses import Addressed, Addresses, AddressFile
from consumers.notice_measures import ATTEMPTS, CHANNELS, TRIED
from consumers.notice_texts import Message
from events.codes import NoticeChannel

log = structlog.get_logger()

#: A desk that no channel reached is tried again after so long, then after twice as long, and so on.
_AGAIN_S, _LONGEST_S = 1.0, 300.0
_WEBHOOK, _MAIL = NoticeChannel.WEBHOOK, NoticeChannel.MAIL
_DELIVERED, _UNREACHABLE, _REFUSED = ATTEMPTS


class _Rest(NamedTuple):
    until: float
    pause: float


class Channels:
    """The channels of a country's desks, as the file of addresses says them now."""

    def __init__(self, country: str, file: AddressFile) -> None:
        self._country = country
        self._file = file
        self._telling: Telling | None = None

    def __call__(self) -> Telling | None:
        """Return them; None while there is no file. Misconfigured if it is wrong."""
        found, before = self._file.read(), self._telling
        if found is None:
            self._telling = None
        elif before is None or before.addresses is not found:
            insecure = self._file.insecure
            self._telling = Telling(country=self._country, addresses=found, insecure=insecure)
        return self._telling


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """The channels of one country's desks."""

    country: str
    addresses: Addresses
    #: Development only: mail may go in clear to other machines.
    insecure: bool
    #: Seconds that never go back.
    clock: Callable[[], float] = time.monotonic
    _resting: dict[str, _Rest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin every series at 0: an alert sees the first one only from there."""
        for channel in CHANNELS:
            for outcome in ATTEMPTS:
                TRIED.labels(self.country, channel, outcome)

    def lacks(self, desks: Iterable[str]) -> int:
        """Return how many of these desks have no address."""
        return len(set(desks) - set(self.addresses.by_desk))

    def tell(
        self, desk: str, message: Message, language: str, at: datetime
    ) -> tuple[NoticeChannel, ...]:
        """Tell a desk by all its channels; return those that took it, none while it rests."""
        to, rest = self.addresses.by_desk.get(desk), self._resting.get(desk)
        if to is None or (rest is not None and self.clock() < rest.until):
            return ()
        took, ca = [], self.addresses.ca
        if to.webhook is not None and self._took(
            _WEBHOOK, lambda: webhook.post(to, message, at, ca=ca)
        ):
            took.append(_WEBHOOK)
        if to.mail and self._took(_MAIL, lambda: self._write(to, message, language, at)):
            took.append(_MAIL)
        if took:
            self._resting.pop(desk, None)
        else:
            pause = _AGAIN_S if rest is None else min(2 * rest.pause, _LONGEST_S)
            spread = 0.5 + random.random() / 2  # noqa: S311 - jitter
            self._resting[desk] = _Rest(self.clock() + pause * spread, pause)
        return tuple(took)

    def _write(self, to: Addressed, message: Message, language: str, at: datetime) -> None:
        server = self.addresses.server
        assert server is not None, "who has mail has a server"
        made = letters.letter(server, to, message, language, at)
        letters.send(server, made, insecure=self.insecure, ca=self.addresses.ca)

    def _took(self, channel: NoticeChannel, attempt: Callable[[], None]) -> bool:
        """Try once; what went wrong is said without an address, and never without its kind."""
        try:
            attempt()
        except webhook.Refused as refusal:
            outcome = _REFUSED
            log.warning("notice_refused", channel=str(channel), error=str(refusal))
        except (OSError, http.client.HTTPException) as error:
            outcome = _UNREACHABLE
            log.warning("desk_unreachable", channel=str(channel), error=type(error).__name__)
        else:
            outcome = _DELIVERED
        TRIED.labels(self.country, str(channel), outcome).inc()
        return outcome == _DELIVERED

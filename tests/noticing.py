"""A country whose duty desks are told, played: its case, its ladder, and channels that may be down.

What is decided is decided by the case itself; the database and the servers are played here, and are
real in tests/integration/test_notices.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from consumers.notice_texts import Message
from consumers.notices import Notices, NoticeSettings, _Asked, _Task
from events.agreement import Agreement
from events.codes import NoticeChannel
from events.errors import KeyReused, NotAllowedNow
from events.stamp import Actor
from ledger.case import notice
from ledger.case.case import Case
from ledger.case.notice import task_id_of
from ledger.rules.duty import Duty
from ledger.rules.spans import Calendar
from tests.given import CASEWORKER, NOON, Story, opened
from tests.vectors import invented_uuid

PROGRAM = Actor(id="notices-KZ", role="system", organisation="notices-KZ")
HOUR = timedelta(hours=1)
KIND = "plan_draft"
ROW = {"kind": KIND, "event_id": invented_uuid("opened by"), "subject": invented_uuid("subject")}
TASK = task_id_of(ROW["event_id"], KIND, ROW["subject"])
CALENDAR = Calendar("Asia/Almaty", "KZ")
WITHIN = {"emergency": "1h", "high": "1h", "medium": "24h", "low": "2wd"}


def duty(*desks: str, deciding: str = "ministry", **more: Any) -> Duty:
    """Return a ladder of these desks; each has an hour to answer, in high risk."""
    known = dict.fromkeys((*desks, deciding))
    return Duty.model_validate({
        "deciding": deciding,
        "desk": [{"id": one, "roles": ["caseworker"]} for one in known],
        "step": [{"desk": one, "within": WITHIN} for one in desks],
        **more,
    })  # fmt: skip


LADDER = duty("first", "second")


class Killed(BaseException):
    """What a SIGKILL looks like from within: nothing after it is done."""


@dataclass
class Played:
    """A ledger and its channels, for as many programs as a test starts."""

    story: Story = field(default_factory=opened)
    now: datetime = NOON
    ladder: Duty = LADDER
    #: Desks that cannot be reached.
    down: set[str] = field(default_factory=set)
    #: Every message that a desk took: desk and notice.
    told: list[tuple[str, UUID]] = field(default_factory=list)
    #: What was recorded: event, step and desk, in its order.
    recorded: list[tuple[str, int, str]] = field(default_factory=list)
    _known: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def case(self, _case_id: UUID) -> Case:
        return self.story["KZ"].case

    def require(self, _case_id: UUID, take: Callable[..., Any], said: Mapping[str, Any]) -> None:
        from tests.given import matter

        take(matter(self.story["KZ"].case, by=PROGRAM, at=self.now), **said)

    def decide(
        self, _case_id: UUID, take: Callable[..., Any], said: Mapping[str, Any], key: str
    ) -> None:
        asked = (take.__name__, said)
        if key in self._known:
            if self._known[key] != asked:
                raise KeyReused("another request")
            return
        self.story["KZ"].decide(take, by=PROGRAM, at=self.now, **said)
        self._known[key] = asked
        self.recorded.append((take.__name__.partition("_")[0], said["step"], said["desk"]))

    def acknowledge(self) -> None:
        """Let a person say that he has seen the newest notice."""
        (*_, newest) = self.case(self.story.case_id).national.care.notices
        take = notice.acknowledge_notice
        self.story["KZ"].decide(take, by=CASEWORKER, at=self.now, notice_id=newest)

    def lacks(self, _desks: Any) -> int:
        return 0

    def tell(
        self, desk: str, message: Message, _language: str, _at: datetime
    ) -> tuple[NoticeChannel, ...]:
        if desk in self.down:
            return ()
        self.told.append((desk, message.notice_id))
        return (NoticeChannel.MAIL,)

    @property
    def often(self) -> Counter[UUID]:
        """How often each notice was told."""
        return Counter(notice_id for _, notice_id in self.told)


class Program:
    """The program, started anew by making another one."""

    def __init__(self, world: Played, at: Callable[[str], None] = lambda _step: None) -> None:
        agreement: Any = Agreement(name="t", prefix="t", partitions=1, countries={})
        settings = NoticeSettings(agreement=agreement, country="KZ", dsn="")
        self._world = world
        self._notices = Notices(settings, world, lambda: world, at=at)  # type: ignore[arg-type]
        self._notices._telling = world  # type: ignore[assignment]
        self._task = _Task(world.now)

    def look(self) -> None:
        """Look at the one task there is, as `Notices.look` does."""
        world = self._world
        row = {**ROW, "case_id": world.story.case_id}
        if self._task.again <= world.now:
            asked = _Asked(TASK, row, world.ladder, CALENDAR)
            try:
                self._notices._serve_one(asked, self._task, world.now)
            except NotAllowedNow:  # another program was faster: at the next look it is seen
                self._task.again = world.now

    @property
    def has_run_out(self) -> bool:
        return self._task.has_run_out

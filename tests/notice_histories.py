"""Golden histories of notices: who was told that a task waits, and who has seen it."""

from __future__ import annotations

from events.case import CaseClosed, CaseOpened
from events.codes import NoticeChannel
from events.notice import NoticeAcknowledged, NoticeFailed, NoticeSent
from tests.history import History

ROLES = ("caseworker", "supervisor")


def noticed() -> History:
    history = History(
        "noticed", "A desk is told, the next one is not reached, the one after it acknowledges.",
        shared=False, newest=True,
    )  # fmt: skip

    def told(task: str, step: int, desk: str, *channels: NoticeChannel) -> None:
        said = {
            "notice_id": f"{task}/{step}/{desk}",
            "task_id": task,
            "step": step,
            "desk": desk,
            "roles": ROLES,
        }
        if channels:
            history.put("KZ", NoticeSent, **said, channels=channels)
        else:
            history.put("KZ", NoticeFailed, **said)

    def seen(task: str, step: int, desk: str) -> None:
        said = {"notice_id": f"{task}/{step}/{desk}", "task_id": task}
        history.put("KZ", NoticeAcknowledged, **said)

    history.put("KZ", CaseOpened)
    told("draft", 1, "caseworkers", NoticeChannel.WEBHOOK, NoticeChannel.MAIL)
    told("draft", 2, "duty")
    told("other", 1, "caseworkers", NoticeChannel.MAIL)
    told("draft", 3, "duty", NoticeChannel.MAIL)
    told("draft", 3, "ministry", NoticeChannel.MAIL)
    seen("draft", 3, "ministry")
    history.put("KZ", CaseClosed)
    told("other", 2, "duty", NoticeChannel.WEBHOOK)
    seen("other", 1, "caseworkers")
    seen("nobody was told of this", 1, "duty")
    return history


TOLD = (noticed,)

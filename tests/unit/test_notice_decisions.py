"""A desk is told that a task waits, the next one if nobody has seen it, and a person stops it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from events.codes import NoticeChannel
from events.errors import BadInput, CaseUnknown, CodeUnknown, NotAllowedNow, WrongRole
from events.stamp import Actor
from ledger.case import care, notice
from ledger.case.notice import notice_id_of, notices_of, task_id_of
from tests.given import CASEWORKER, NOON, SUPERVISOR, Story, opened
from tests.noticing import HOUR, PROGRAM, TASK, Played, Program, duty
from tests.reacting import DPO

MAIL = (NoticeChannel.MAIL,)
SAID = {"task_id": TASK, "step": 1, "desk": "duty", "roles": ("caseworker",)}
NOTICE = notice_id_of(TASK, 1, "duty")


def sent(story: Story, **changes) -> None:
    story.did("KZ", notice.send_notice, **{"by": PROGRAM, "channels": MAIL, **SAID, **changes})


def refused(story: Story, rule: str, kind, take=notice.send_notice, **said) -> None:
    with pytest.raises(kind) as error:
        story["KZ"].decide(take, **said)
    assert rule == error.value.rule


def told(story: Story) -> list[tuple[int, str, bool]]:
    found = notices_of(story["KZ"].case.national, TASK)
    return [(one.step, one.desk, one.reached) for one in found]


def test_ids_follow_from_task_step_and_desk_and_tell_nothing():
    opened_by, subject = uuid4(), uuid4()
    one = task_id_of(opened_by, "access_review", subject)
    assert one == task_id_of(opened_by, "access_review", subject)
    others = {task_id_of(opened_by, "keys_owed", subject), task_id_of(uuid4(), "x", subject)}
    assert one not in others
    notices = {notice_id_of(one, step, desk) for step in (1, 2) for desk in ("a", "b")}
    assert 4 == len(notices)


def test_only_a_program_tells_and_only_a_known_case():
    refused(opened(), "wrong_role", WrongRole, by=SUPERVISOR, channels=MAIL, **SAID)
    with pytest.raises(CaseUnknown):
        Story()["KZ"].decide(notice.send_notice, by=PROGRAM, channels=MAIL, **SAID)


@pytest.mark.parametrize(("said", "rule", "kind"), [
    ({"channels": ()}, "channel", CodeUnknown),
    ({"channels": (NoticeChannel.UNKNOWN,)}, "channel", CodeUnknown),
    ({"roles": ()}, "desk_roles", CodeUnknown),
    ({"roles": ("auditor",)}, "desk_roles", CodeUnknown),
    ({"desk": "Dr. Smith"}, "pseudonym", CodeUnknown),
    ({"step": 0}, "notice_step", BadInput),
    ({"step": 2}, "notice_step", BadInput),
])  # fmt: skip
def test_what_no_desk_is_and_what_no_step_is_refused(said, rule, kind):
    refused(opened(), rule, kind, by=PROGRAM, **{"channels": MAIL, **SAID, **said})


def test_no_step_is_left_out_and_none_is_recorded_twice():
    story = opened()
    sent(story)
    again = {"by": PROGRAM, "channels": MAIL, **SAID}
    refused(story, "notice_known", NotAllowedNow, **again)
    refused(story, "notice_known", NotAllowedNow, notice.fail_notice, by=PROGRAM, **SAID)
    refused(story, "notice_step", BadInput, **{**again, "step": 3})
    sent(story, step=2)
    sent(story, step=2, desk="ministry")
    refused(story, "notice_step", BadInput, **{**again, "desk": "other"})
    assert [(1, "duty", True), (2, "duty", True), (2, "ministry", True)] == told(story)


def test_whoever_could_not_be_reached_is_recorded_too():
    story = opened()
    story.did("KZ", notice.fail_notice, by=PROGRAM, **SAID)
    sent(story, step=2)
    assert [(1, "duty", False), (2, "duty", True)] == told(story)


def test_a_person_of_the_desk_or_a_supervisor_acknowledges_and_no_program_does():
    for by in (CASEWORKER, SUPERVISOR):
        story = opened()
        sent(story)
        story.did("KZ", notice.acknowledge_notice, by=by, notice_id=NOTICE)
        assert {TASK: NOTICE} == story["KZ"].case.national.care.acknowledged
        assert [] == told(story)
    story = opened()
    sent(story)
    guardian = Actor(id="g-1", role="guardian", organisation="home")
    for by in (PROGRAM, DPO, guardian):
        seen = {"by": by, "notice_id": NOTICE}
        refused(story, "wrong_role", WrongRole, notice.acknowledge_notice, **seen)


def test_after_that_nobody_is_told_and_nothing_is_acknowledged_again():
    story = opened()
    sent(story)
    sent(story, task_id=uuid4())
    seen = {"by": CASEWORKER, "notice_id": NOTICE}
    story.did("KZ", notice.acknowledge_notice, **seen)
    refused(story, "notice_seen", NotAllowedNow, notice.acknowledge_notice, **seen)
    refused(story, "notice_seen", NotAllowedNow, by=PROGRAM, channels=MAIL, **{**SAID, "step": 2})
    assert 1 == len(story["KZ"].case.national.care.notices), "another task waits all the same"


def test_an_earlier_notice_stops_the_ladder_as_well_as_the_newest():
    story = opened()
    sent(story)
    sent(story, step=2)
    story.did("KZ", notice.acknowledge_notice, by=CASEWORKER, notice_id=NOTICE)
    assert [] == told(story)


def test_a_task_of_which_nobody_hears_for_months_does_not_make_its_case_heavy():
    story = opened()
    for step in range(1, 30):
        sent(story, step=step)
    assert list(range(22, 30)) == [step for step, *_ in told(story)]
    refused(
        story, "notice_known", NotAllowedNow, notice.acknowledge_notice,
        by=CASEWORKER, notice_id=NOTICE,
    )  # fmt: skip


def test_a_step_that_nobody_hears_of_holds_up_the_next_one_only_as_long_as_it_had_to_answer():
    world = Played(down={"first"})
    program = Program(world)
    program.look()
    world.now += 0.9 * HOUR
    program.look()
    assert [] == world.recorded
    world.now += 0.1 * HOUR
    program.look()
    program.look()
    assert [("fail", 1, "first"), ("send", 2, "second")] == world.recorded


def test_the_deciding_desk_is_told_when_everybody_was_and_so_often_as_the_last_step_repeats():
    world = Played()
    program = Program(world)
    for _ in range(4):
        program.look()
        program.look()
        world.now += HOUR
    assert [(1, "first"), (2, "second"), (3, "second"), (3, "ministry"), (4, "second"),
            (4, "ministry")] == [(step, desk) for _, step, desk in world.recorded]  # fmt: skip
    assert program.has_run_out
    world.acknowledge()
    program.look()
    assert not program.has_run_out


def test_a_child_in_less_danger_has_desks_with_more_time():
    world = Played()
    world.story.did("KZ", care.assess_risk, risk="medium")
    program = Program(world)
    for hours in (0, 2, 23, 24):
        world.now = NOON + hours * HOUR
        program.look()
        program.look()
        assert (1 if hours < 24 else 2) == len(world.recorded)


def test_the_deciding_desk_may_be_the_last_one():
    world = Played(ladder=duty("ministry"))
    program = Program(world)
    for _ in range(2):
        program.look()
        world.now += HOUR
        program.look()
    assert [(1, "ministry"), (2, "ministry"), (3, "ministry")] == [
        (step, desk) for _, step, desk in world.recorded
    ]


def test_what_may_not_be_recorded_is_not_told():
    """It would be told for ever: here the case is not known."""
    world = Played(story=Story())
    with pytest.raises(CaseUnknown):
        Program(world).look()
    assert [] == world.told

"""What a decider knows of a case is what every reader of the same rows knows."""

from __future__ import annotations

from uuid import UUID

from events.codec import encode
from events.stamp import Event
from ledger.case.encoding import state_hash
from ledger.history import History, Mirrored
from tests.given import Story, consented, opened, proposed, ready


def _story() -> Story:
    story = opened()
    basis = consented(story)
    ready(story)
    proposed(story, basis)
    return story


def _row(place: int, event: Event) -> Mirrored:
    return Mirrored((place, 0), event.origin, event.version, encode(event))


def _nothing(case_id: UUID) -> History:
    return History.nothing(case_id, "KG")


def test_a_decider_folds_what_the_read_models_fold() -> None:
    """The same rows give the same state, by the same function."""
    story = _story()
    rows = [_row(place, event) for place, (event, _) in enumerate(story.topic)]

    history = _nothing(story.case_id).read_on(rows, [])

    assert state_hash(history.settled) == state_hash(story["KG"].settled)
    assert not history.unread


def test_reading_stops_before_an_event_of_an_unknown_schema() -> None:
    """What comes after it may depend on it; and the history says that something is out of sight."""
    story = _story()
    rows = [_row(place, event) for place, (event, _) in enumerate(story.topic)]
    unknown = b"\xc3\x01" + bytes(8) + rows[1].value[10:]

    history = _nothing(story.case_id).read_on([rows[0], rows[1]._replace(value=unknown)], [])

    assert history.unread
    assert history.settled.count == 1
    assert history.read_on(rows, []).settled.count == len(rows)
    assert not history.read_on(rows, []).unread

"""How long something may take where it has to be done."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from events.errors import BadInput
from ledger.rules.spans import Calendar, Span, knows_holidays

KZ = Calendar("Asia/Almaty", "KZ")
KG = Calendar("Asia/Bishkek", "KG")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["2h", "14d", "5wd", "9999h"])
def test_a_span_reads_as_it_is_written(text):
    assert text == str(Span.parse(text))


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "2 h", "2H", "1w", "1.5h", "10000h", "2hd"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(BadInput, match="a span is a number"):
        Span.parse(text)


def test_hours_pass_on_any_day():
    friday_evening = at("2026-11-27T18:00")
    assert at("2026-11-28T18:00") == KZ.after(friday_evening, Span.parse("24h"))


def test_working_days_leave_out_weekends_and_holidays_and_end_with_the_day():
    """16 December 2026, a Wednesday, is a holiday in Kazakhstan and none in Kyrgyzstan."""
    assert not KZ.is_working_day(date(2026, 12, 16))
    assert KG.is_working_day(date(2026, 12, 16))
    tuesday = at("2026-12-15T04:00")
    # The end of Thursday the 17th in Almaty (UTC+5), of Wednesday the 16th in Bishkek (UTC+6).
    assert at("2026-12-17T19:00") == KZ.after(tuesday, Span.parse("1wd"))
    assert at("2026-12-16T18:00") == KG.after(tuesday, Span.parse("1wd"))


def test_the_day_is_the_one_in_the_country():
    """It is Friday in UTC, and Saturday already in Almaty: Monday is the first working day."""
    night = at("2026-11-27T21:00")
    assert at("2026-11-30T19:00") == KZ.after(night, Span.parse("1wd"))


def test_days_keep_the_time_of_day_across_a_change_of_the_zone():
    """Almaty went from UTC+6 to UTC+5 on 1 March 2024: the day before had 25 hours."""
    before = at("2024-02-28T06:00")  # noon there
    assert at("2024-03-02T07:00") == KZ.after(before, Span.parse("3d"))  # noon again
    assert at("2024-03-02T06:00") == KZ.after(before, Span.parse("72h"))


def test_of_a_time_that_is_there_twice_the_first_counts():
    rome = Calendar("Europe/Rome", "IT")
    assert at("2026-10-25T00:30") == rome.after(at("2026-10-24T00:30"), Span.parse("1d"))


@pytest.mark.parametrize("country", ["KZ", "KG", "UZ", "TJ", "RU"])
def test_every_country_of_the_region_has_holidays(country):
    assert knows_holidays(country)
    calendar = Calendar("Asia/Almaty", country)
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + day) for day in range(365)]
    free = [day for day in days if day.isoweekday() < 6 and not calendar.is_working_day(day)]
    assert len(free) >= 6, "a calendar without holidays says that everybody always works"
    assert not knows_holidays("XX")

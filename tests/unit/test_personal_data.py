"""Data about the child on its way to be sealed: plain, bounded, and quoted nowhere."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from events.codes import DataScope
from events.errors import BadInput
from ledger.case.personal import PersonalData, merged, record_text

SECRET = "Aigerim"
IDENTITY, HEALTH = DataScope.IDENTITY, DataScope.HEALTH


def _said(value: Any) -> PersonalData:
    return PersonalData({IDENTITY: {"name": value}})


def test_what_is_said_of_a_scope_is_its_json() -> None:
    """Sorted and without spaces, so that the same said twice is the same bytes."""
    data = PersonalData({HEALTH: {"b": [1, True, None], "a": "ә"}, IDENTITY: {"name": SECRET}})

    assert data.scopes == (IDENTITY, HEALTH)
    assert data.text(HEALTH) == '{"a":"ә","b":[1,true,null]}'.encode()
    assert data.text(DataScope.PHOTO) == b""


def test_a_text_is_read_as_scopes_and_fields() -> None:
    """The same as if it had been given as an object."""
    data = PersonalData.parse(json.dumps({"identity": {"name": SECRET}}))

    assert json.loads(data.text(IDENTITY)) == {"name": SECRET}


@pytest.mark.parametrize(
    "text",
    [
        "", "no json", "[]", '"identity"', "{}", b"\xff\xfe", '{"name": {"a": 1}}',
        '{"UNKNOWN": {"a": 1}}', '{"identity": []}', '{"identity": {}}', '{"identity": null}',
        '{"identity": {"": 1}}', '{"identity": {"a": 1.5}}', '{"identity": {"a": NaN}}',
        '{"identity": {"a": "\\ud800"}}', '{"identity": {"\\udfff": 1}}',
        '{"identity": {"a": {"\\ud800": 1}}}', '{"identity": {"a": 9223372036854775808}}',
        '{"identity": {"a": ' + "9" * 5_000 + "}}", "[" * 100_000,
        '{"identity": {"a": [[[[[1]]]]]}}', '{"identity": {"' + "n" * 65 + '": 1}}',
    ],
    ids=range(22),
)  # fmt: skip
def test_a_text_that_is_none_is_refused(text: str | bytes) -> None:
    """As a mistake of the caller's, whatever is wrong with it."""
    with pytest.raises(BadInput):
        PersonalData.parse(text)


@pytest.mark.parametrize(
    "value",
    [
        SECRET + "\ud800", {SECRET: 1.5}, {SECRET: {1: 2}}, [SECRET, b"x"], {1: SECRET},
        [[[[[SECRET]]]]], 10**5_000, object(),
    ],
    ids=range(8),
)  # fmt: skip
def test_a_refusal_quotes_nothing_of_what_was_said(value: Any) -> None:
    """Neither the error nor anything that is printed with it."""
    with pytest.raises(BadInput) as refusal:
        _said(value)
    error = refusal.value

    assert SECRET not in "".join(traceback.format_exception(error, chain=True)[-1:])
    assert SECRET not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_no_representation_and_no_comparison_shows_what_is_in_it() -> None:
    """Names of scopes, and nothing else."""
    data = _said(SECRET)

    assert repr(data) == str(data) == f"{data}" == "PersonalData(identity)"
    assert data != _said(SECRET)
    assert SECRET not in repr({"data": data})


def test_data_of_another_scope_goes_nowhere() -> None:
    """A preview takes no name, a block no diagnosis."""
    with pytest.raises(BadInput, match="identity") as refusal:
        _said(SECRET).require_only({HEALTH}, "a record of health")
    assert SECRET not in str(refusal.value)
    _said(SECRET).require_only({IDENTITY, HEALTH}, "a record")


def test_a_record_is_what_was_said_last_of_each_field() -> None:
    """A field set to null is taken away, and may be said again."""
    texts = [b'{"a":1,"b":{"c":null}}', b"", b'{"a":null}', b'{"b":2}', b'{"a":3,"d":null}']

    assert merged(texts[:3]) == {"b": {"c": None}}
    assert merged(texts) == {"b": 2, "a": 3}
    assert record_text(merged(texts)) == b'{"a":3,"b":2}'
    assert record_text(merged([b'{"a":1}', b'{"a":null}'])) == b""

"""Data about the child on its way to be sealed: never in clear in a repr, a hash or an error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from events.code_lists import UNKNOWN, code_list
from events.codes import DataScope
from events.errors import BadInput, CodeUnknown

#: How deep a value of a field may be nested, and how long a name of a field is.
_DEEPEST = 4
_LONGEST_NAME = 64
#: Whole numbers beyond this are written as texts: no reader has to hold them.
_LARGEST = 2**63
_order = list(DataScope).index


class PersonalData:
    """What is said about the child, by data scope: an object of named values for each.

    Not a dataclass, so that nothing prints, compares or hashes what is in it by accident.
    """

    __slots__ = ("_said",)

    def __init__(self, said: Mapping[DataScope, Mapping[str, Any]]) -> None:
        """Take the values; BadInput if there are none, or if they are no plain JSON."""
        self._said = {scope: _encoded(scope, said[scope]) for scope in sorted(said, key=_order)}
        if not self._said:
            raise BadInput("there is no data: name at least one scope", rule="data_given")

    @classmethod
    def parse(cls, text: str | bytes) -> PersonalData:
        """Read a JSON object of scopes, each an object of named values; BadInput if it is none."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise BadInput("data is one JSON object: scope -> {field: value}", rule="data_json")
        unknown = [name for name in document if name not in set(DataScope) - {DataScope.UNKNOWN}]
        if unknown:
            known = ", ".join(list(DataScope)[1:])
            raise BadInput(f"data: scopes are {known}", rule="data_scope")
        return cls({DataScope(name): values for name, values in document.items()})

    @property
    def scopes(self) -> tuple[DataScope, ...]:
        """The scopes that something is said about, in the order of the list."""
        return tuple(self._said)

    def text(self, scope: DataScope) -> bytes:
        """Return what is said in one scope, as JSON; nothing if nothing is."""
        return self._said.get(scope, b"")

    def fields(self, scope: DataScope) -> frozenset[str]:
        """Return the names of the fields that something is said about in a scope."""
        return frozenset(json.loads(self._said.get(scope, b"{}")))

    def coded(self, scope: DataScope, field: str, *, list_id: str, key: UUID) -> PersonalData:
        """Return the data with one coded field under a name of its own, so that others keep theirs.

        Of two concerns each has a field: `concern:<id>`. CodeUnknown if it is no code of the list.
        Nothing changes if the field is not there.
        """
        values = json.loads(self._said.get(scope, b"{}"))
        if field not in values:
            return self
        code = values.pop(field)
        if code == UNKNOWN or not isinstance(code, str):
            raise CodeUnknown(f"{scope}.{field} is a code of the list {list_id!r}", rule="code")
        values[f"{field}:{key}"] = code_list(list_id).require(code)
        said = {one: json.loads(text) for one, text in self._said.items()}
        return PersonalData({**said, scope: values})

    def require_only(self, scopes: Iterable[DataScope], what: str) -> None:
        """Refuse data of other scopes: it would go where it does not belong."""
        other = [scope for scope in self.scopes if scope not in set(scopes)]
        if other:
            raise BadInput(f"{what} takes no data of scope {', '.join(other)}", rule="data_scope")

    def __repr__(self) -> str:
        """Name the scopes, and nothing that is in them."""
        return f"PersonalData({', '.join(self.scopes)})"


def _encoded(scope: DataScope, values: Mapping[str, Any]) -> bytes:
    if scope is DataScope.UNKNOWN or not isinstance(values, Mapping) or not values:
        raise BadInput("data of a scope is an object of named values", rule="data_json")
    for name, value in values.items():
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not _is_text(name):
            raise BadInput(f"data of scope {scope}: a field has no usable name", rule="data_json")
        if not _is_plain(value, _DEEPEST):
            raise BadInput(
                f"data of scope {scope}: values are texts, whole numbers, yes or no, lists and"
                " objects of them",
                rule="data_json",
            )
    return _json(values)


def _is_plain(value: Any, deep: int) -> bool:
    match value:
        case None | bool():
            return True
        case int():
            return abs(value) < _LARGEST
        case str():
            return _is_text(value)
        case list() | tuple():
            return deep > 0 and all(_is_plain(item, deep - 1) for item in value)
        case dict():
            return deep > 0 and all(
                isinstance(name, str) and _is_text(name) and _is_plain(item, deep - 1)
                for name, item in value.items()
            )
    return False


def _is_text(text: str) -> bool:
    """Say whether a text has bytes: a lone surrogate has none, and its error would quote it all."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _json(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def merged(texts: Iterable[bytes]) -> Mapping[str, Any]:
    """Return a record of one scope: each later text replaces the fields that it names.

    A field that is set to null is taken away (RFC 7386, at the first level).
    """
    record: dict[str, Any] = {}
    for text in texts:
        if text:
            record.update(json.loads(text))
    return {name: value for name, value in record.items() if value is not None}


def record_text(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON; nothing if it is empty."""
    return _json(record) if record else b""

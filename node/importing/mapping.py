"""What becomes of the columns of a file: decisions, or nothing, said openly for each of them.

A mapping is a TOML file. Without one, the columns of the file are themselves the words:
`grant_consent.recipient` is the recipient of a consent, and a decision is taken for a row if one
of its columns is filled.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events.errors import BadInput
from node.arguments import DECISIONS, arguments_of, decision_named, parse
from node.importing.rows import Row


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _From(_Table):
    column: str


class _Decide(_Table):
    """`[[decide]]`: one decision, in the order of the file."""

    decision: str
    when: dict[str, str] = {}
    arguments: dict[str, str | _From] = Field({}, alias="with")


class _File(_Table):
    """A mapping file."""

    about: str = ""
    case: str | None = None
    only: dict[str, str] = {}
    decide: list[_Decide]
    #: By the reason why: personal, special.
    withheld: dict[str, list[str]] = {}
    ignored: list[str] = []


@dataclass(frozen=True, slots=True)
class Column:
    """The value that a row has in a column."""

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One decision that a row may lead to."""

    decision: str
    arguments: Mapping[str, str | Column] = field(default_factory=dict)
    #: Taken only if these columns have these values.
    when: Mapping[str, str] = field(default_factory=dict)
    #: Taken only if one of these columns is filled; empty = always.
    if_filled: frozenset[str] = frozenset()

    def is_for(self, row: Row) -> bool:
        """Say whether the row leads to this decision."""
        if any(row.values.get(column) != value for column, value in self.when.items()):
            return False
        if self.decision in self.if_filled and self.decision in row.values:
            return bool(parse(row.values[self.decision], bool, name=self.decision))
        return not self.if_filled or not self.if_filled.isdisjoint(row.values)

    def words(self, row: Row) -> Mapping[str, str]:
        """Return the arguments that the row gives, as typed."""
        found = {
            name: row.values.get(value.name) if isinstance(value, Column) else value
            for name, value in self.arguments.items()
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def columns(self) -> frozenset[str]:
        """Every column that this step reads."""
        read = {value.name for value in self.arguments.values() if isinstance(value, Column)}
        return frozenset(read | set(self.when) | self.if_filled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A mapping that is complete for a file: every column has its place."""

    steps: tuple[Step, ...]
    #: Only rows with these values are imported; the others are passed over.
    only: Mapping[str, str] = field(default_factory=dict)
    #: Personal and special columns: they are recorded when sealing exists, and not before.
    withheld: frozenset[str] = frozenset()
    #: Column with the id of a case that exists already; a row without one opens a case.
    case: str | None = None

    def takes(self, row: Row) -> bool:
        """Say whether the row is imported at all."""
        return all(row.values.get(column) == value for column, value in self.only.items())


def of_words(columns: Sequence[str]) -> Mapped:
    """Return the mapping of a file whose columns are words of decisions."""
    named: dict[str, dict[str, str | Column]] = {}
    filled: dict[str, set[str]] = {}
    for column in columns:
        decision, _, argument = column.partition(".")
        if decision == "case":
            continue
        if decision not in DECISIONS:
            raise BadInput(f"column {column!r} is no word of a decision: name it in a --mapping")
        taken = named.setdefault(decision, {})
        filled.setdefault(decision, set()).add(column)
        if argument:
            taken[argument] = Column(column)
    steps = tuple(
        Step(decision, arguments, if_filled=frozenset(filled[decision]))
        for decision, arguments in named.items()
    )
    return _checked(Mapped(steps=steps, case="case" if "case" in columns else None))


def load(path: Path, columns: Sequence[str]) -> Mapped:
    """Read a mapping for a file with these columns; BadInput says what is wrong or left out."""
    try:
        table = _File.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: {_explain(error)}") from None
    mapped = Mapped(
        steps=tuple(_step(one) for one in table.decide),
        only=table.only,
        withheld=frozenset(name for names in table.withheld.values() for name in names),
        case=table.case,
    )
    _require_every_column(mapped, columns, frozenset(table.ignored), path)
    return _checked(mapped)


def _step(table: _Decide) -> Step:
    arguments = {
        name: Column(value.column) if isinstance(value, _From) else value
        for name, value in table.arguments.items()
    }
    return Step(table.decision, arguments, table.when)


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _require_every_column(
    mapped: Mapped, columns: Sequence[str], ignored: frozenset[str], path: Path
) -> None:
    """A column nobody thought of may hold a child's name: it has to be placed first."""
    used = frozenset(mapped.only).union(*(step.columns for step in mapped.steps))
    placed = used | mapped.withheld | ignored | ({mapped.case} if mapped.case else set())
    missing, strange = sorted(set(columns) - placed), sorted(placed - set(columns))
    if missing:
        raise BadInput(f"{path} does not say what becomes of: {', '.join(missing)}")
    if strange:
        raise BadInput(f"{path} names columns that the file does not have: {', '.join(strange)}")


def _checked(mapped: Mapped) -> Mapped:
    for step in mapped.steps:
        known = arguments_of(decision_named(step.decision))
        strange = sorted(set(step.arguments) - set(known))
        if strange:
            raise BadInput(f"{step.decision} has no argument {', '.join(strange)}")
        recorded = {value.name for value in step.arguments.values() if isinstance(value, Column)}
        if recorded & mapped.withheld:
            names = ", ".join(sorted(recorded & mapped.withheld))
            raise BadInput(f"{step.decision} would record {names}, which is withheld")
    if not mapped.steps:
        raise BadInput("nothing is to be decided for any row")
    return mapped

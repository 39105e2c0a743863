"""Rows of a CSV or JSON Lines file, each with the line it stands on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from events.errors import BadInput

#: The name of a record on a line of its own is no reason to read a whole disk into memory.
_LONGEST_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its line (from 1, the header included) and its filled columns."""

    line: int
    values: Mapping[str, str]
    #: Why it cannot be read at all.
    broken: str | None = None


@dataclass(frozen=True)
class Source:
    """A file, opened for reading more than once."""

    path: Path

    def digest(self) -> str:
        """Return the SHA-256 of the file: with a line it is the identity of a row."""
        try:
            with self.path.open("rb") as opened:
                return file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise BadInput(f"{self.path}: {error.strerror}") from None

    @property
    def is_json_lines(self) -> bool:
        """Whether each line is a JSON object; otherwise the file is CSV with a header."""
        return self.path.suffix.lower() in {".jsonl", ".ndjson", ".json"}

    def columns(self) -> tuple[str, ...]:
        """Return every column that some row of the file has, in order of appearance."""
        if not self.is_json_lines:
            return tuple(self._csv_header())
        return tuple(dict.fromkeys(name for row in self.rows() for name in row.values))

    def rows(self) -> Iterator[Row]:
        """Give every row; one that cannot be read says why."""
        yield from self._json_lines() if self.is_json_lines else self._csv()

    def _csv_header(self) -> list[str]:
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as opened:
            try:
                header = next(csv.reader(opened), [])
            except csv.Error:
                raise BadInput(f"{self.path} is not CSV") from None
        if any("\ufffd" in name for name in header):
            raise BadInput(f"{self.path}: the header is not UTF-8")
        if len(set(header)) != len(header):
            raise BadInput(f"{self.path}: two columns have the same name")
        return header

    def _csv(self) -> Iterator[Row]:
        header = self._csv_header()
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as opened:
            reader = csv.reader(opened)
            next(reader, None)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader, None)
                except csv.Error:
                    yield Row(line, {}, broken="not a line of CSV")
                    continue
                if cells is None:
                    return
                if cells:
                    yield _of_cells(line, header, cells)

    def _json_lines(self) -> Iterator[Row]:
        with self.path.open(encoding="utf-8", errors="replace") as opened:
            for line, text in enumerate(opened, 1):
                if text.strip():
                    yield _of_json(line, text)


def _of_cells(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(line, {}, broken=f"{len(cells)} fields, the header has {len(header)}")
    if any("\ufffd" in cell for cell in cells):
        return Row(line, {}, broken="not UTF-8")
    filled = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
    return Row(line, filled)


def _of_json(line: int, text: str) -> Row:
    if "\ufffd" in text or len(text) > _LONGEST_LINE:
        return Row(line, {}, broken="not UTF-8, or too long")
    try:
        found = json.loads(text)
    except ValueError:
        return Row(line, {}, broken="not JSON")
    if not isinstance(found, dict):
        return Row(line, {}, broken="not a JSON object")
    return Row(line, dict(_flat("", found)))


def _flat(before: str, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give `grant_consent.recipient` for {"grant_consent": {"recipient": ...}}."""
    for name, value in found.items():
        match value:
            case None | "":
                continue
            case dict():
                yield from _flat(f"{before}{name}.", value)
            case list():
                yield f"{before}{name}", ",".join(map(str, value))
            case bool():
                yield f"{before}{name}", "yes" if value else "no"
            case _:
                yield f"{before}{name}", str(value).strip()

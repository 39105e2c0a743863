"""From a node's database to a bundle in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from events.agreement import Agreement
from node.evidence.case_bundle import CaseBundle, proof_of
from node.evidence.granted import GrantedKey
from node.evidence.packing import Content, write_bundle
from node.evidence.printing import printed
from node.evidence.range_bundle import RangeBundle
from node.evidence.report import case_report, newest_time, range_report, report_file
from node.evidence.single import verifier_source
from node.evidence.texts import pages
from node.evidence.tiles import log_files, trust_of, write_folder
from node.reading import Reader
from node.receipt.texts import SOURCE


class Exported(NamedTuple):
    """What went into a bundle."""

    file: Path
    #: Entries that are proven.
    entries: int
    #: Events of the case that no checkpoint covers yet, or that rest on such.
    provisional: Sequence[UUID]
    report: Mapping[str, Any]


def export_case(
    reading: Reader,
    agreement: Agreement,
    case_id: UUID,
    to: Path,
    *,
    national: bool = False,
    language: str = SOURCE,
    granted: Sequence[GrantedKey] = (),
    tlog: Path | None = None,
) -> Exported:
    """Write the bundle of a case; with `tlog`, its proofs as plain C2SP files in a folder, too.

    Raises as CaseBundle.read, write_bundle and write_folder do.
    """
    bundle = CaseBundle.read(
        reading.connection,
        agreement,
        case_id,
        national=national,
        granted=granted,
        keys=reading.keys,
    )
    trail = reading.rows("audit_trail", "WHERE case_id = %s", case_id)
    verdicts = {row["event_id"]: row["effective"] for row in trail}
    report = case_report(bundle, reading.country, verdicts, reading.keys)
    at = newest_time(bundle.used_logs)
    write_bundle({**bundle.files(), **_papers(report, language, at)}, to)
    if tlog is not None:
        write_folder(tlog, _plain(bundle))
    waiting = [one.event_id for one in bundle.provisional]
    return Exported(to, len(bundle.proven), waiting, report)


def export_range(
    reading: Reader,
    agreement: Agreement,
    log: str,
    span: tuple[int, int],
    to: Path,
    *,
    language: str = SOURCE,
    tlog: Path | None = None,
) -> Exported:
    """Write the bundle of a range of a log; with `tlog`, the log as tiles in a folder, too.

    Raises as RangeBundle.read, write_bundle and write_folder do.
    """
    bundle = RangeBundle.read(reading.connection, agreement, log, *span)
    report = range_report(bundle, agreement.name, reading.country)
    papers = _papers(report, language, newest_time([bundle.log]))
    write_bundle({**bundle.files(bundle.values(reading.connection)), **papers}, to)
    if tlog is not None:
        write_folder(tlog, log_files(reading.connection, bundle.log))
    return Exported(to, bundle.end - bundle.begin, (), report)


def _papers(report: Mapping[str, Any], language: str, at: datetime) -> dict[str, Content]:
    return {
        "REPORT.json": report_file(report),
        "report.pdf": printed(report, language, at),
        "verify.py": verifier_source().encode(),
        **dict(pages()),
    }


def _plain(bundle: CaseBundle) -> dict[str, Content]:
    """A folder per log: checkpoint, policy, vkeys, and each entry beside its proof."""
    found: dict[str, Content] = {}
    for log in bundle.used_logs:
        found |= trust_of(log)
    for record in bundle.proven:
        log = bundle.log_of(record)
        place = f"{log.name}/{record.log_index}"
        found[f"{place}.avro"] = record.value
        found[f"{place}.tlog-proof"] = proof_of(log, record.log_index)
    return found

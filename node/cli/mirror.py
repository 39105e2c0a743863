"""`ledger mirror`: this country's verified copy of the topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

if TYPE_CHECKING:
    from ledger.mirror.verifying import Verified

app = noun("mirror")


@app.callback()
def _mirror() -> None:
    pass


@app.command("verify")
def _verify(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """Read the topics again and compare bytes and order roots. Exit code 5 if one differs."""
    from consumers.settings import WorkerSettings
    from consumers.verification import verify_all
    from events.errors import RecordRejected
    from node import place

    where = place.find(directory, country)
    settings = WorkerSettings(
        agreement=where.agreement,
        country=where.country,
        dsn=where.dsn("audit"),
        kafka={"bootstrap_servers": where.require_kafka(), **where.client},
    )
    found = verify_all(settings)
    equal = all(one.equal for one in found)
    if as_json:
        said = [{**output.plain(one), "equal": one.equal} for one in found]
        output.document({"country": where.country, "equal": equal, "partitions": said})
    else:
        for topic in sorted({one.topic for one in found}, reverse=True):
            _tell(topic, [one for one in found if one.topic == topic])
    if not equal:
        wrong = [f"{one.topic}/{one.partition}" for one in found if not one.equal]
        raise RecordRejected(f"mirror and topic differ in {', '.join(wrong)}", rule="mirror")


def _tell(topic: str, partitions: Sequence[Verified]) -> None:
    records = sum(one.records for one in partitions)
    events = sum(one.size for one in partitions)
    wrong = [one for one in partitions if not one.equal]
    word = "✘ not the same" if wrong else "✔ the same bytes in the same order"
    output.line(
        f"{topic}: {len(partitions)} partitions, {records} records, {events} events: {word}"
    )
    for one in wrong:
        where = ", ".join(f"{kind} at {offset}" for offset, kind in one.differences[:10])
        output.line(f"  {topic}/{one.partition}: {where or 'another order'}")

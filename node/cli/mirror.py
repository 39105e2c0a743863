"""`ledger mirror`: this country's verified copy of the topic."""

from __future__ import annotations

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

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
        columns = ("", "topic", "partition", "records", "events", "order root")
        output.table(
            columns,
            [
                (
                    "✔" if one.equal else "✘",
                    one.topic,
                    one.partition,
                    one.records,
                    one.size,
                    one.mirror_root.hex()[:16],
                )
                for one in found
            ],
        )
    if not equal:
        wrong = [f"{one.topic}/{one.partition}" for one in found if not one.equal]
        raise RecordRejected(f"mirror and topic differ in {', '.join(wrong)}", rule="mirror")

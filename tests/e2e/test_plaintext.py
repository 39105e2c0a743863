"""Data about a child stands in clear nowhere: one journey with a text of its own in every field.

Its servers are of its own too, so that every byte they ever wrote lies in one folder.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest

from events.codes import DataScope, Role
from ledger.case.access import break_glass
from ledger.case.personal import PersonalData
from ledger.service import open_ledger
from node import place
from tests.e2e.conftest import PATIENCE, Nodes, Typist, Up, environment, ledger

#: Every byte of two servers is read several times.
pytestmark = pytest.mark.soak
SCOPES = tuple(scope for scope in DataScope if scope not in {DataScope.UNKNOWN, DataScope.PREVIEW})
LONG = {DataScope.HEALTH, DataScope.PROTECTION, DataScope.FAMILY, DataScope.NARRATIVE}
ALL = ",".join(("preview", *SCOPES))


@dataclass
class Journey:
    """The nodes, one case, and every text that was planted on the way."""

    nodes: Nodes
    planted: list[str] = field(default_factory=list)
    #: How many values they stand in.
    values: int = 0
    case: str = ""

    def text(self, what: str) -> str:
        """Plant a text: another one each time, one in two of them Cyrillic, none of them known."""
        number = len(self.planted)
        self.planted.append(f"{('Проба', 'Secret')[number % 2]} {what} №{number} «{what * 3}»")
        return self.planted[-1]

    def file(self, *scopes: str) -> str:
        """Write data of some scopes to a file outside the folder; return its path."""
        said = {
            scope: {
                "name": self.text(scope),
                "marked": f"MARKER-{scope}-{len(self.planted)}",
                "phone": f"+99655512{len(self.planted):04}",
                "listed": [self.text(scope), {"deep": self.text(scope)}],
                # What is released has a size of its own: longer texts fit in some scopes only.
                "long": " ".join(self.text(scope) for _ in range(12 if scope in LONG else 2)),
            }
            for scope in scopes
        }
        self.values += 6 * len(said)
        path = self.nodes.folder / f"data-{len(self.planted)}.json"
        path.write_text(json.dumps(said))
        return str(path)

    def does(self, *words, country: str = "KZ"):
        return self.nodes.does(*words, country=country)

    def reads(self, country: str, scopes: str, state: str) -> None:
        """Read until the other country's data has a state: keys travel by themselves."""
        read = ("data", "read", self.case, "--scopes", scopes, "--purpose", "service")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = self.does(*read, country=country)["data"].get("KZ", {})
            if set(scopes.split(",")) == {s for s, one in shown.items() if one["state"] == state}:
                return
            time.sleep(0.2)
        raise AssertionError(f"{country} never saw {state}: {shown.keys()}")

    def audit(self, *options) -> dict:
        """Search; the words beside the document must show none of what was planted, too."""
        done = self.nodes("audit", "plaintext", "--json", *options)
        assert done.code == (0 if done.json["clean"] else 5), done.err
        assert all(text not in done.out + done.err for text in self.planted)
        return done.json


@pytest.fixture(scope="module")
def journey(tmp_path_factory) -> Iterator[Journey]:
    home = tmp_path_factory.mktemp("plain") / "nodes"
    typist = Typist()
    up = Up.start("--countries", "KZ,KG", "--dir", home, env=environment())
    try:
        made = Journey(Nodes(home, up, typist, tmp_path_factory.mktemp("typed")))
        shared(made)
        worked_on(made)
        yield made
    finally:
        typist.close()
        up.stop()


def shared(journey: Journey) -> None:
    """KZ opens a case and refers it to KG, which is given everything that is known."""
    does = journey.does
    opened = does("case", "open", "--data", journey.file(*SCOPES), "--wait")
    journey.case = case = opened["case_id"]
    grant = ("--recipient", "KG", "--purpose", "service", "--expires", "+90d", "--scopes", ALL)
    does("consent", "grant", case, *grant, "--given-by", "child", "--age-band", "from_15_to_17")
    asked = ("--recipient", "KG", "--scopes", ALL, "--due", "+9d")
    sent = does("referral", "send", case, *asked, "--data", journey.file("preview"), "--wait")
    journey.nodes.hears(case, sent["events"][-1]["event_id"])
    does("referral", "receive", case, "--wait", country="KG")
    journey.reads("KG", "preview", "open")
    does("referral", "accept", case, country="KG")
    journey.reads("KG", ",".join(SCOPES), "open")
    journey.reads("KZ", ",".join(SCOPES), "open")


def worked_on(journey: Journey) -> None:
    """Both countries add what they learn; KZ blocks a country, and somebody breaks the glass."""
    does, case = journey.does, journey.case
    does("data", "record", case, "--data", journey.file("identity", "contact"))  # written over
    does("data", "record", case, "--data", journey.file("narrative"), country="KG")
    for verb in ("concern", "views", "assess-risk", "assessment", "appoint-guardian"):
        does("care", verb, case, "--data", journey.file(*_SCOPE_OF.get(verb, ("narrative",))))
    reason = journey.file("protection")
    does("block", "place", case, "--persons", "father-1", "--data", reason)
    where = place.find(journey.nodes.home, "KZ")
    actor = place.actor("protection_officer:po-1@cps", where=where, role=Role.PROTECTION_OFFICER)
    why = PersonalData({DataScope.NARRATIVE: {"why": journey.text("emergency")}})
    journey.values += 1
    with open_ledger(where.ledger_settings()) as opened:
        opened.on(UUID(case), by=actor, retries=5).decide(
            break_glass, scopes=(DataScope.HEALTH,), data=why
        )


_SCOPE_OF: dict[str, tuple[str, ...]] = {"concern": ("protection",), "views": ("narrative",)}


def test_nothing_that_can_be_read_stands_in_clear(journey):
    """Every value is opened, and sought in every file of both servers while they run."""
    said = journey.audit()
    assert [] == said["found"]
    assert [] == said["unreadable"]
    assert said["clean"]
    assert (0, 0) == (said["skipped_short"], said["skipped_common"])
    assert said["needles"] == journey.values + 1  # and what begins with MARKER-
    assert said["searched_files"] > 200


def test_who_searches_stands_in_the_access_ledger(journey):
    journey.audit()
    seen = journey.does("access", "list", journey.case)
    assert '"audit"' in json.dumps(seen)
    assert "data_protection_officer" in json.dumps(seen)
    refused = journey.nodes("audit", "plaintext", "--json", "--by", "caseworker:cw-1@cps")
    assert refused.code == 5  # not clean: nobody searched for what was not shown
    assert any(journey.case in one["path"] for one in refused.json["unreadable"])


WRONG = {
    "no JSON": ("case", "open", "--data", "{torn}"),
    "an unknown scope": ("case", "open", "--data", "{unknown}"),
    "a value that is none": ("case", "open", "--data", "{fraction}"),
    "no file": ("case", "open", "--data", "MARKER-file"),
    "no actor": ("case", "open", "--by", "MARKER-actor"),
    "no role": ("case", "open", "--by", "MARKER-role:cw-1@cps"),
    "no pseudonym": ("case", "open", "--by", "caseworker:MARKER-Имя@cps"),
    "no organisation": ("case", "open", "--by", "caseworker:cw-1@MARKER-Имя"),
    "no country": ("case", "open", "--country", "MARKER-country"),
    "no day": ("case", "open", "--opened", "MARKER-day"),
    "no case": ("case", "show", "MARKER-case"),
    "no recipient": ("consent", "grant", "{case}", "--recipient", "MARKER-recipient",
                     "--purpose", "service", "--scopes", "health", "--expires", "+9d"),
    "no purpose": ("consent", "grant", "{case}", "--recipient", "KG",
                   "--purpose", "MARKER-purpose", "--scopes", "health", "--expires", "+9d"),
    "no scope": ("data", "read", "{case}", "--scopes", "MARKER-scope", "--purpose", "service"),
    "no event": ("data", "read", "{case}", "--scopes", "health", "--purpose", "service",
                 "--about", "MARKER-about"),
    "no giver": ("consent", "grant", "{case}", "--recipient", "KG", "--purpose", "service",
                 "--scopes", "health", "--expires", "+9d", "--giver", "MARKER-Имя",
                 "--given-by", "caregiver"),
    "no person": ("block", "place", "{case}", "--persons", "MARKER-Имя Отец"),
    "no reason": ("override", "approve", "{case}", "--recipient", "KG", "--purpose", "service",
                  "--scopes", "health", "--expires", "+9d", "--requested-by", "MARKER-Имя",
                  "--reason", "MARKER-reason"),
    "no assignee": ("care", "assign", "{case}", "--assignee", "MARKER-Имя"),
    "no moment": ("case", "show", "{case}", "--as-of", "MARKER-moment"),
    "no bytes": ("events", "decode", "MARKER-bytes"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_refusal_repeats_nothing(journey, what):
    """A name in the wrong field is refused, and stands in no error."""
    folder = journey.nodes.folder
    (folder / "torn").write_text('{"identity": {"name": "MARKER-torn"')
    (folder / "unknown").write_text('{"MARKER-scope": {"name": "x"}}')
    (folder / "fraction").write_text('{"identity": {"MARKER-field": 1.5}}')
    files = {name: folder / name for name in ("torn", "unknown", "fraction")}
    words = [word.format(case=journey.case, **files) for word in WRONG[what]]
    for style in ((), ("--json",)):
        done = journey.nodes(*words, *style)
        assert done.code in {2, 3}, done.err
        assert "MARKER" not in done.out + done.err


def test_nothing_is_left_after_an_erasure(journey):
    """Nobody can open the values any more: the planted texts are named, and sought all the same."""
    does, case = journey.does, journey.case
    withdrawn = does("consent", "withdraw", case, "--given-by", "child", "--wait")
    journey.nodes.hears(case, withdrawn["events"][0]["event_id"])
    journey.reads("KG", ",".join(SCOPES), "stopped")
    does("referral", "revoke", case)
    does("case", "request-closure", case, "--reason", "case_opened_in_error", "--informed")
    does("case", "close", case, "--by", "supervisor:s-1@cps", "--wait")
    does("erasure", "request", case)
    does("erasure", "approve", case, "--wait")
    journey.reads("KZ", ",".join(SCOPES), "erased")
    file = journey.nodes.folder / "markers"
    file.write_text("\n".join(journey.planted))
    said = journey.audit("--markers", file)
    assert ([], []) == (said["found"], said["unreadable"])
    assert said["clean"]


def planted_in_table(journey: Journey, text: str) -> None:
    dsn = journey.nodes.up.document["countries"]["KG"]["postgresql"]
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE leak (short text, long text)")
        owner.execute("INSERT INTO leak VALUES (%s, NULL)", (text,))
        # So long and so plain that PostgreSQL packs it; then so long that it is cut as well.
        owner.execute("INSERT INTO leak VALUES (NULL, %s)", ("pack this " * 500 + text,))
        rubbish = "".join(f"{number * 7919 % 100_003:x} " for number in range(9_000))
        owner.execute("INSERT INTO leak VALUES (NULL, %s)", (rubbish + text,))


def test_what_stands_in_clear_is_found(journey):
    """In a file, and by a superuser in a table: as it is, packed, and packed and cut."""
    text = "MARKER-planted Имя"
    log = journey.nodes.home / "KZ" / "relay" / "extra.log"
    log.write_text(json.dumps({"event": "x", "said": text}))
    planted_in_table(journey, text)
    try:
        done = journey.nodes("audit", "plaintext", "--json", "--markers-only", "--marker", text)
        assert done.code == 5
        assert "Имя" not in done.out + done.err
        found = {(one["path"], one["how"]) for one in done.json["found"]}
        assert ("KZ/relay/extra.log", "json") in found
        in_tables = {how for path, how in found if "/base/" in path}
        assert {"utf-8", "pglz, utf-8"} <= in_tables
        assert [] == done.json["unreadable"]
    finally:
        log.unlink()


def test_a_folder_that_is_none_is_refused(tmp_path):
    done = ledger("audit", "plaintext", "--dir", tmp_path, "--json")
    assert (done.code, done.error["type"]) == (6, "ServiceUnavailable")

"""Duty desks are told by real servers that fail first, exactly once on record, whatever dies."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY

from consumers import webhook
from consumers.notice_addresses import AddressFile
from consumers.notices import Notices, NoticeSettings
from consumers.telling import Channels
from events.codec import decode
from events.codes import RuleKind
from events.contract import register_id
from events.errors import Misconfigured
from ledger.case import governance, notice
from ledger.case.notice import notice_id_of, task_id_of
from ledger.recorder import Append, Keyed
from ledger.service import LedgerSettings, open_ledger
from ledger.store import Store
from node.embedded.certificates import ensure_certificates
from node.run_notices import NoticeDesk
from tests.country import CASEWORKER, SUPERVISOR, opened
from tests.desks import addresses, mail_desk, web_desk
from tests.integration.test_store import row
from tests.ruled import FOLDER

HOUR = timedelta(hours=1)
DUTY = """[duty]
language = "ru"
deciding = "ministry"

[[duty.desk]]
id = "duty"
roles = ["caseworker"]

[[duty.desk]]
id = "ministry"
roles = ["focal_point"]

[[duty.step]]
desk = "duty"
within = {emergency = "1h", high = "1h", medium = "24h", low = "2wd"}

"""
PACK = re.sub(
    r"# Who is told.*?(?=\[\[guideline\]\])", DUTY, (FOLDER / "KZ.toml").read_text(),
    count=1, flags=re.DOTALL,
)  # fmt: skip
_TASK = (
    "INSERT INTO read_1.tasks (case_id, topic, kind, subject, state, opened_at, due_at, place,"
    " event_id) VALUES (%s, 'national', %s, %s, 'open', now(), now() + '1 day', 1, %s)"
)


class Country:
    """KZ, deciding, with one task that waits; its programs are started as often as wanted."""

    def __init__(self, node, folder) -> None:
        self.node, self.folder = node, folder
        self.later = timedelta(0)
        self.file = folder / "notices.toml"
        self.agreement = folder / "agreement.toml"
        self.agreement.write_text(node.agreement.render())
        self.stack = ExitStack()
        self.ledger = self.stack.enter_context(node.ledger(clock=self.now))
        self.case = opened(self.ledger).case_id
        self.task = self.opens()
        self.in_force(PACK)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def opens(self, kind: str = "plan_draft") -> UUID:
        """Open a task, as a worker's row says it; return its id."""
        event_id, subject = uuid4(), uuid4()
        self.node.database.run(_TASK, self.case, kind, subject, event_id)
        return task_id_of(event_id, kind, subject)

    def in_force(self, text: str) -> None:
        digest = sha256(text.encode()).digest()
        self.node.database.run(
            "INSERT INTO ledger.rule_text (sha256, content) VALUES (%s, %s)", digest, text
        )
        register = self.ledger.on(register_id(self.node.agreement.prefix), by=SUPERVISOR)
        register.decide(
            governance.activate_rules, kind=RuleKind.PACK, name="KZ", number=1, text=digest,
            effective_from=self.now().date(),
        )  # fmt: skip

    def addressed(self, *desks, **more) -> None:
        self.file.unlink(missing_ok=True)
        self.file.write_text(addresses(*desks, **more))
        self.file.chmod(0o400)

    def program(self, at=lambda _step: None) -> Notices:
        """Start the program: what it knew is gone."""
        dsn = self.node.database.as_role("notices")
        given = {"agreement": self.node.agreement, "country": "KZ", "dsn": dsn}
        opening = LedgerSettings(**given, only_national=True, clock=self.now)
        ledger = self.stack.enter_context(open_ledger(opening))
        settings = NoticeSettings(**given, now=self.now)
        channels = Channels("KZ", AddressFile(self.file, insecure=False))
        return Notices(settings, NoticeDesk(ledger, "KZ"), channels, at=at)

    def looks(self, program: Notices, times: int = 1) -> None:
        """Let it look; what rests is awake again each time."""
        dsn = self.node.database.as_role("notices")
        with psycopg.connect(dsn, autocommit=True) as database:
            for _ in range(times):
                if program._telling is not None:
                    program._telling._resting.clear()
                program.look(database)

    @property
    def recorded(self) -> list[tuple[str, int, str]]:
        """What was recorded of notices: event, step and desk."""
        read = [decode(value) for *_, value in self.node.stored()]
        return [
            (type(one).__name__, getattr(one, "step", 0), getattr(one, "desk", ""))
            for one in read
            if type(one).__name__.startswith("Notice")
        ]

    def acknowledges(self, step: int = 1, desk: str = "duty") -> None:
        door = self.ledger.on(self.case, by=CASEWORKER)
        door.decide(notice.acknowledge_notice, notice_id=notice_id_of(self.task, step, desk))


@pytest.fixture
def country(kz, tmp_path):
    found = Country(kz, tmp_path)
    yield found
    found.stack.close()


SENT = ("NoticeSent", 1, "duty")


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"country": "KZ"})


def test_a_desk_is_told_by_both_channels_signed_and_in_its_language(country):
    with web_desk() as web, mail_desk() as mail:
        country.addressed(web, mail)
        country.looks(country.program(), 3)
    assert [SENT] == country.recorded
    ((said,), (letter,)) = web.taken, mail.letters
    notice_id = str(notice_id_of(country.task, 1, "duty"))
    assert notice_id == said["data"]["notice_id"]
    assert ["/notices?desk=1"] == web.paths
    assert letter["Message-ID"] == f"<{notice_id}@ministry.example>"
    assert "Ждёт задача" in letter["Subject"]
    assert "носителем языка" in letter.get_content()
    for text in (str(said), letter.get_content()):
        assert "plan_draft" not in text
        assert str(country.case) not in text


@pytest.mark.parametrize("fails", [500, 404, "reset", "silence", "http://localhost:1/elsewhere"])
def test_a_web_desk_that_fails_first_is_told_until_it_takes_it(country, fails, monkeypatch):
    monkeypatch.setattr(webhook, "PATIENCE_S", 0.5)
    with web_desk(fails, fails) as web:
        country.addressed(web)
        program = country.program()
        country.looks(program, 2)
        assert [] == country.recorded
        assert 1 == gauge("ledger_notices_undelivered")
        country.looks(program, 2)
        assert (3, 1) == (web.tried, len(web.taken)), "not once more after it was recorded"
    assert [SENT] == country.recorded
    assert 0 == gauge("ledger_notices_undelivered")


def test_a_redirect_is_followed_nowhere(country):
    """What is signed for one desk goes to no other host, whatever it answers."""
    with web_desk() as other, web_desk(other.url, other.url) as web:
        country.addressed(web)
        country.looks(country.program(), 2)
        assert (2, 0) == (web.tried, other.tried)


def test_one_channel_is_enough_and_a_desk_is_then_told_no_more(country):
    with web_desk(*[500] * 9) as web, mail_desk() as mail:
        country.addressed(web, mail)
        country.looks(country.program(), 3)
        assert (1, 1) == (web.tried, len(mail.letters))
    assert [SENT] == country.recorded


def test_a_full_mailbox_is_tried_again(country):
    with mail_desk() as mail:
        mail.full = True
        country.addressed(None, mail)
        program = country.program()
        country.looks(program, 2)
        assert [] == country.recorded
        mail.full = False
        country.looks(program, 2)
    assert 1 == len(mail.letters)
    assert [SENT] == country.recorded


def test_mail_is_encrypted_and_the_server_has_to_be_who_it_says(country, tmp_path):
    made = ensure_certificates(tmp_path / "tls", ["127.0.0.1"], name="mail")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.broker)
    with mail_desk(tls) as mail:
        country.addressed(None, mail)  # nobody has signed it whom this machine knows
        program = country.program()
        country.looks(program)
        assert [] == country.recorded
        country.addressed(None, mail, ca=made.ca)
        country.looks(program)
    assert [True] == mail.encrypted
    assert [SENT] == country.recorded


def test_mail_is_never_sent_in_clear_over_a_wire(country, monkeypatch):
    from consumers import letters

    monkeypatch.setattr(letters, "is_on_this_machine", lambda _host: False)
    with mail_desk() as mail:
        country.addressed(None, mail)
        country.looks(country.program(), 2)
        assert [] == mail.letters
    assert [] == country.recorded


def test_a_web_desk_with_a_certificate_of_the_ministry_s_own_authority(country, tmp_path):
    made = ensure_certificates(tmp_path / "tls", ["127.0.0.1"], name="desk")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.broker)
    with web_desk(tls=tls) as web:
        country.addressed(web)
        program = country.program()
        country.looks(program)
        assert [] == country.recorded
        country.addressed(web, ca=made.ca)
        country.looks(program)
    assert [SENT] == country.recorded


def test_nobody_answers_so_the_next_step_is_told_and_in_the_end_the_deciding_desk(country):
    with web_desk() as web, mail_desk() as mail:
        country.addressed(web, mail)
        program = country.program()
        country.looks(program, 2)
        country.later += 0.9 * HOUR
        country.looks(program, 2)
        assert 1 == len(country.recorded)
        assert 0 == gauge("ledger_notices_unacknowledged")
        for _ in range(2):
            country.later += HOUR
            program = country.program()  # and whoever is started again goes on
            country.looks(program, 2)
        assert 1 == gauge("ledger_notices_unacknowledged")
        country.acknowledges(2)
        country.later += HOUR
        country.looks(program, 2)
    told = [(2, "duty"), (2, "ministry"), (3, "duty"), (3, "ministry")]
    assert [SENT, *(("NoticeSent", *one) for one in told), ("NoticeAcknowledged", 0, "")] == (
        country.recorded
    )
    assert 0 == gauge("ledger_notices_unacknowledged")
    assert {"duty@desk.example", "ministry@desk.example"} == {one["To"] for one in mail.letters}


def test_a_desk_that_nobody_reaches_is_recorded_as_such_and_the_next_is_told(country):
    country.file.write_text('[[desk]]\nid = "elsewhere"\nwebhook = "https://x.example"\n'
                            'secrets = ["whsec_' + "AAAA" * 8 + '"]\n')  # fmt: skip
    country.file.chmod(0o400)
    program = country.program()
    country.looks(program)
    assert 2 == gauge("ledger_notices_unaddressed_desks")
    country.later += HOUR
    country.looks(program)
    with mail_desk() as mail:
        country.addressed(None, mail)
        country.looks(program, 2)
    told = [("NoticeSent", 2, "duty"), ("NoticeSent", 2, "ministry")]
    assert [("NoticeFailed", 1, "duty"), *told] == country.recorded
    assert 0 == gauge("ledger_notices_unaddressed_desks")


def test_without_addresses_or_without_a_ladder_nobody_is_told_and_that_is_said(country):
    program = country.program()
    country.looks(program)
    assert (2, []) == (gauge("ledger_notices_unaddressed_desks"), country.recorded)


def test_a_task_that_is_done_is_told_no_more(country):
    with web_desk() as web:
        country.addressed(web)
        program = country.program()
        country.looks(program, 2)
        country.node.database.run("UPDATE read_1.tasks SET state = 'done', closed_at = now()")
        country.later += 3 * HOUR
        country.looks(program, 2)
    assert 1 == len(web.taken)


@pytest.mark.parametrize(("step", "told"), [("told", 2), ("recorded", 1)])
def test_a_program_killed_between_telling_and_recording_tells_once_more_and_records_once(
    country, step, told
):
    """kill -9, and the same notice again under the same id."""
    dsn = country.node.database.as_role("notices")
    with web_desk() as web:
        country.addressed(web)
        arguments = [country.agreement, dsn, country.file, step]
        died = subprocess.run(
            [sys.executable, "-m", "tests.killed_notices", *map(str, arguments)], check=False
        )
        assert -9 == died.returncode
        assert ([] if step == "told" else [SENT]) == country.recorded
        country.looks(country.program(), 2)
    assert told == len(web.taken)
    assert 1 == len({one["data"]["notice_id"] for one in web.taken})
    assert [SENT] == country.recorded


def test_two_programs_at_once_record_once(country):
    with web_desk() as web, mail_desk() as mail:
        country.addressed(web, mail)
        other = country.program()

        def at(step: str) -> None:
            if step == "told":
                web.answers = [500]  # the other one tells it otherwise, which is another request
                country.looks(other)

        country.looks(country.program(at=at), 1)
        assert [SENT] == country.recorded
        assert 2 == len(mail.letters)


def test_the_second_program_of_a_country_waits_for_the_first(country):
    with web_desk() as web:
        country.addressed(web)
        first, second = country.program(), country.program()
        stop, over = threading.Event(), threading.Event()
        threads = [threading.Thread(target=first.run, args=(stop,))]
        threads[0].start()
        while first.waiting():
            over.wait(0.05)
        threads.append(threading.Thread(target=second.run, args=(over,)))
        threads[1].start()
        while "turn" not in second.waiting():
            stop.wait(0.05)
        stop.set()
        threads[0].join()
        while second.waiting():
            threads[1].join(0.05)
        over.set()
        threads[1].join()
    assert 1 == len(web.taken)


def test_its_login_adds_national_events_and_nothing_else(country):
    dsn = country.node.database.as_role("notices")
    with Store(dsn, only_national=True) as store:
        made = row()
        keyed = Keyed("k", bytes(32), made.originator_id, ())
        with pytest.raises(Misconfigured, match="may not"):
            store.append(Append([made], keyed))
    with Store(dsn) as store, pytest.raises(Misconfigured, match="may not"):
        store.append(Append([row()]))
    for statement in (
        "INSERT INTO ledger.ledger_events (topic) VALUES ('national/NationalEvent')",
        "INSERT INTO ledger.rule_text (sha256, content) VALUES ('', '')",
        "SELECT actor_id FROM read_1.audit_trail",
        "SELECT * FROM read_1.access_ledger",
        "SELECT * FROM read_1.case_file",
        "UPDATE read_1.tasks SET state = 'done'",
    ):
        with (
            psycopg.connect(dsn) as database,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            database.execute(statement)

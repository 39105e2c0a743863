"""Duty desks of running nodes: the page is followed, word by word, and somebody acknowledges."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.desks import SECRET, mail_desk, web_desk
from tests.e2e.conftest import PATIENCE, Nodes
from tests.e2e.ruling import begun

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "tell-a-duty-desk.md").read_text()
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ ledger (notices .*)$", PAGE, re.MULTILINE)


def file_of_the_page(url: str, port: int) -> str:
    """The addresses that the page shows, of desks on this machine."""
    text: str = BLOCKS[1]
    for there, here in (
        ('mail.ministry.example"', '127.0.0.1"'),
        ("port = 587", f"port = {port}"),
        ('user = "ledger"\n', ""),
        ('password = "…"\n', ""),
        ("https://desk.ministry.example/notices", url),
        ("whsec_…", SECRET),
    ):
        assert there in text
        text = text.replace(there, here)
    return text


@pytest.fixture(scope="module")
def told(ruled: Nodes):
    """Desks with addresses, and a child with a plan that nobody has submitted."""
    path = ruled.home / "KZ" / "notices.toml"
    with web_desk(500) as web, mail_desk() as mail:
        path.write_text(file_of_the_page(web.url, mail.port))
        path.chmod(0o400)
        mail.full = True  # both fail at first
        case = begun(ruled)
        ruled.does("care", "assessment", case)
        until(lambda: web.tried > 0)
        mail.full = False
        yield case, web, mail
    path.unlink()


def until(holds: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def waiting(ruled: Nodes, case: str, kind: str = "plan_draft") -> list[dict[str, Any]]:
    listed = ruled.does("notices", "list")["notices"]
    return [one for one in listed if (one["case_id"], one["kind"]) == (case, kind)]


def test_a_desk_is_told_and_a_person_acknowledges_as_the_page_says(ruled, told):
    case, web, mail = told
    until(lambda: waiting(ruled, case))
    (one,) = waiting(ruled, case)
    assert ("caseworkers", 1) == (one["desk"], one["step"])
    assert [one["notice_id"]] == [
        said["data"]["notice_id"] for said in web.taken
        if said["data"]["reference"] == one["reference"]
    ]  # fmt: skip
    letters = [letter for letter in mail.letters if one["reference"] in letter["Subject"]]
    assert ["Тапсырма күтіп тұр"] == [one["Subject"].split(" (")[0] for one in letters]
    assert one["reference"] in ruled("notices", "list").out
    refused = ruled(
        "notices", "acknowledge", one["reference"], "--by", "auditor:a-1@ombudsman", "--json"
    )
    assert (3, "wrong_role") == (refused.code, refused.error["rule"])
    assert 3 == len(COMMANDS)
    for command in COMMANDS:
        typed = [{"NOTICE": one["reference"]}.get(word, word) for word in command.split()]
        done = ruled(*typed)
        assert 0 == done.code, done.err
    again = ruled("notices", "acknowledge", one["notice_id"], "--json")
    assert (3, "notice_seen") == (again.code, again.error["rule"])
    until(lambda: not waiting(ruled, case))
    seen = [
        one for one in ruled.does("notices", "list", "--all")["notices"] if one["case_id"] == case
    ]
    assert "cw-7" in {one["acknowledged_by"] for one in seen}
    open_tasks = ruled.does("task", "list", "--kind", "plan_draft")["tasks"]
    assert case in {one["case_id"] for one in open_tasks}, "to have seen it is not to have done it"
    history = [one["event"] for one in ruled.does("case", "history", case)["events"]]
    assert {"NoticeSent", "NoticeAcknowledged"} <= set(history)


def test_the_message_names_no_case_no_kind_and_no_concern(ruled, told):
    case, web, mail = told
    until(lambda: web.taken and mail.letters)
    for text in [str(said) for said in web.taken] + [one.as_string() for one in mail.letters]:
        for secret in (case, "plan_draft", "unaccompanied", "cw-", "almaty"):
            assert secret not in text


@pytest.mark.parametrize("named", ["KZ-00000000", "nobody", "KZ-12"])
def test_what_is_no_notice_is_refused(ruled, named):
    done = ruled("notices", "acknowledge", named, "--json")
    assert (2, "notice_named") == (done.code, done.error["rule"])


def test_the_program_runs_under_the_supervisor_and_says_how_it_is(ruled):
    one = ruled.up.document["countries"]["KZ"]["notices"]
    assert Path(one["log"]).is_file()
    assert one["metrics"].endswith("/metrics")


def test_the_ladder_of_the_page_is_one(ruled):
    """What a ministry copies from the page is read, once every kind of task is told to somebody."""
    example = ruled("rules", "example", "KZ").out
    step = '[[duty.step]]\ndesk = "ministry"\nwithin = {emergency = "1h", high = "1h",'
    ministry = '[[duty.desk]]\nid = "ministry"\nroles = ["focal_point"]\n'
    more = f'{ministry}{step} medium = "1d", low = "1d"}}\n\n'
    text = re.sub(
        r"\[duty\].*?(?=\[\[guideline)", lambda _: BLOCKS[0] + more, example,
        count=1, flags=re.DOTALL,
    )  # fmt: skip
    path = ruled.folder / "page.toml"
    path.write_text(text)
    assert 0 == ruled("rules", "check", path).code, ruled("rules", "check", path).err

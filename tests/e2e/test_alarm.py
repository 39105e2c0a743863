"""A fault of a log, from the refusal that it causes to the person who resolves it."""

import psycopg

ALARM = """
INSERT INTO witness.alarm (rule, log, partition, size, words)
VALUES ('order_differs', 'e2e.order/UZ', %s, 1, 'another order') RETURNING alarm_id::text
"""
SUPERVISOR = ("--by", "supervisor:sup-7@cps-1")
REASON = ("--reason", "repaired_there")


def test_a_disputed_order_waits_for_a_person_and_the_register_names_her(nodes):
    """What is shared waits, national work does not; then the same key serves."""
    case = nodes.referred()
    trail = nodes.does("case", "history", case, country="KG")["events"]
    partition = int(trail[0]["position"].partition("/")[2].partition("@")[0])
    with psycopg.connect((nodes.home / "KG" / "seal.dsn").read_text()) as database:
        (alarm,) = database.execute(ALARM, (partition,)).fetchone()

    receive = ("referral", "receive", case, "--key", f"receive/{case}")
    done = nodes(*receive, "--json", country="KG")
    assert (done.code, done.error["rule"]) == (3, "order_disputed")
    assert nodes.does("case", "show", case, country="KG")["disputed"]
    assert not nodes.does("case", "show", case, country="KZ")["disputed"]
    nodes.does("care", "concern", case, country="KG")
    assert alarm in nodes("alarm", "list", country="KG").out

    resolve = ("alarm", "resolve", alarm, *REASON)
    refused = nodes(*resolve, "--json", "--by", "caseworker:cw-1@cps-1", country="KG")
    assert (refused.code, refused.error["rule"]) == (3, "wrong_role")
    nodes.does(*resolve, *SUPERVISOR, country="KG")
    assert alarm not in nodes("alarm", "list", country="KG").out
    assert not nodes.does("case", "show", case, country="KG")["disputed"]
    nodes.does(*receive, "--wait", country="KG")
    assert resolved(nodes, alarm)["resolved_by"] == "sup-7"


def resolved(nodes, alarm: str) -> dict:
    """Wait until the register says what was done about an alarm."""
    for _ in range(200):
        every = nodes.does("alarm", "list", "--all", country="KG")["alarms"]
        (one,) = (row for row in every if row["alarm_id"] == alarm)
        if one["position"] is not None:
            return one
    raise AssertionError("the register never said who resolved it")


def test_what_is_shared_is_provisional_until_another_country_has_cosigned_it(nodes):
    """Sealed here, cosigned there, and back: then the proof is handed out."""
    case = nodes.referred()
    event = cosigned(nodes, case)
    (row,) = nodes.does("audit", "ask", "was-recorded", case, event)["rows"]
    assert row["state"] == "cosigned"
    assert "e2e.witness/KZ" not in row["cosigned_by"]
    assert row["proof"].startswith("c2sp.org/tlog-proof@v1\nindex ")
    assert f"\ne2e.ledger/KZ\n{row['size']}\n" in row["proof"]


def cosigned(nodes, case: str) -> str:
    """Wait until no shared event of a case is provisional; return the last one's id."""
    for _ in range(400):
        events = nodes.does("case", "history", case)["events"]
        shared = [one for one in events if one["topic"] == "shared"]
        if shared and not any(one["provisional"] for one in shared):
            return shared[-1]["event_id"]
    raise AssertionError("nobody has cosigned it")

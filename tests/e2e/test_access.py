"""The questions of an auditor about a child's data, typed."""

from __future__ import annotations

from uuid import uuid4

import pytest


def test_whoever_has_a_case_is_on_its_board_in_both_countries(nodes):
    case = nodes.referred()
    boards = [nodes.does("access", "coverage", case, country=country) for country in ("KZ", "KG")]
    assert boards[0]["complete"] is False
    for board in boards:
        (kz,) = (one for one in board["board"] if one["country"] == "KZ")
        assert ("origin", "holds") == (kz["role"], kz["state"])
    assert boards[0]["board"][0] == boards[1]["board"][0]
    told = nodes("access", "coverage", case)
    assert told.code == 0
    assert "origin" in told.out


def test_who_could_see_it_and_who_did_is_told_to_a_person_and_to_a_program(nodes):
    case = nodes.referred()
    for verb in ("who", "list"):
        said = nodes.does("access", verb, case, country="KG")
        assert "KZ" in said["not_answered"]
        told = nodes("access", verb, case, country="KG")
        assert told.code == 0
        assert "KZ has not answered" in told.out
    said = nodes.does("access", "who", case, "--scope", "health", "--on", "2026-01-01")
    assert ([], []) == (said["countries"], said["own"]["roles"])
    assert [] == nodes.does("access", "list", case)["accesses"]
    assert case == nodes.does("access", "releases", case)["case_id"]
    assert nodes("access", "releases", case).code == 0


@pytest.mark.parametrize(
    ("asked", "code", "kind"),
    [
        (("who", uuid4()), 3, "CaseUnknown"),
        (("list", uuid4()), 3, "CaseUnknown"),
        (("coverage", uuid4()), 3, "CaseUnknown"),
        (("releases", uuid4()), 3, "CaseUnknown"),
        (("coverage", "Aigerim"), 2, "BadInput"),
        (("who", uuid4(), "--on", "Aigerim"), 2, "BadInput"),
        (("who", uuid4(), "--scope", "Aigerim"), 3, "CodeUnknown"),
    ],
)
def test_what_cannot_be_answered_is_named_and_not_repeated(nodes, asked, code, kind):
    done = nodes("access", *asked, "--json")
    assert (code, kind) == (done.code, done.error["type"])
    assert "Aigerim" not in done.err

"""From the lines of a file to rows, and from rows to decisions: what is wrong is said, once."""

import json
from pathlib import Path

import pytest

from events.errors import BadInput
from node.importing import mapping
from node.importing.rows import Row, Source

ROOT = Path(__file__).parents[2]


def source(tmp_path: Path, text: str | bytes, name: str = "rows.csv") -> Source:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Source(path)


def test_a_row_knows_its_line_even_after_a_field_of_several_lines(tmp_path):
    """The line is half of the row's identity, and what a person looks up."""
    rows = list(source(tmp_path, 'a,b\n1,"x\ny"\n2,z\n').rows())
    assert [(row.line, row.values["a"]) for row in rows] == [(2, "1"), (4, "2")]


def test_empty_fields_are_not_filled(tmp_path):
    assert [Row(2, {"b": "x"})] == list(source(tmp_path, "a,b\n , x \n").rows())


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    assert source(tmp_path, "\ufeffa,b\n1,2\n").columns() == ("a", "b")


@pytest.mark.parametrize(
    ("text", "why"), [("1\n", "1 fields, the header has 2"), (b"\xff,1\n", "not UTF-8")]
)
def test_a_line_that_is_no_row_says_why(tmp_path, text, why):
    body = text if isinstance(text, bytes) else text.encode()
    (row,) = source(tmp_path, b"a,b\n" + body).rows()
    assert row.broken == why


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(BadInput, match="same name"):
        source(tmp_path, "a,a\n1,2\n").columns()


def test_json_lines_may_be_nested(tmp_path):
    """`grant_consent.recipient` is the recipient inside `grant_consent`."""
    row = {"grant_consent": {"recipient": "KG", "scopes": ["identity", "health"]}, "views": None}
    found = list(source(tmp_path, json.dumps(row) + "\n\nnot json\n[1]\n", "rows.jsonl").rows())
    assert found[0].values == {
        "grant_consent.recipient": "KG",
        "grant_consent.scopes": "identity,health",
    }
    assert [(row.line, row.broken) for row in found[1:]] == [
        (3, "not JSON"),
        (4, "not a JSON object"),
    ]


def test_the_columns_of_our_sample_are_the_words_of_decisions():
    sample = Source(ROOT / "examples" / "intake.csv")
    mapped = mapping.of_words(sample.columns())
    wanted = {step.decision for row in sample.rows() for step in mapped.steps if step.is_for(row)}
    assert {"open_case", "grant_consent", "send_referral", "propose_transfer"} <= wanted


def test_a_column_that_is_no_word_is_refused():
    with pytest.raises(BadInput, match="'name' is no word of a decision"):
        mapping.of_words(["open_case.opened_on", "name"])


def test_no_in_a_column_without_argument_means_no():
    mapped = mapping.of_words(["open_case.opened_on", "record_views"])
    views = mapped.steps[1]
    assert views.is_for(Row(2, {"record_views": "yes"}))
    assert not views.is_for(Row(2, {"record_views": "no"}))
    with pytest.raises(BadInput, match="yes or no"):
        views.is_for(Row(2, {"record_views": "she said yes"}))


def load(tmp_path: Path, text: str, columns: list[str]) -> mapping.Mapped:
    file = tmp_path / "m.toml"
    file.write_text(text)
    return mapping.load(file, columns)


OPEN = '[[decide]]\ndecision = "open_case"\n'


def test_a_column_nobody_thought_of_is_refused(tmp_path):
    """It may hold a child's name: somebody has to say what becomes of it."""
    with pytest.raises(BadInput, match="does not say what becomes of: name"):
        load(tmp_path, OPEN, ["name"])
    assert load(tmp_path, OPEN + '[withheld]\npersonal = ["name"]\n', ["name"]).withheld == {"name"}


def test_a_mapping_for_another_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match="columns that the file does not have: nome"):
        load(tmp_path, OPEN + '[withheld]\npersonal = ["nome"]\n', [])


def test_a_withheld_column_is_never_an_argument(tmp_path):
    text = (
        '[[decide]]\ndecision = "assign_case"\nwith = { assignee = { column = "name" } }\n'
        '[withheld]\npersonal = ["name"]\n'
    )
    with pytest.raises(BadInput, match="assign_case would record name, which is withheld"):
        load(tmp_path, text, ["name"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("decide = 1", "decide: Input should be a valid list"),
        ('[[decide]]\ndecision = "open_cse"', "no decision 'open_cse'"),
        ('[[decide]]\ndecision = "open_case"\nwith = { day = "x" }', "no argument day"),
        ('[[decide]]\nwhat = "open_case"', "decide.0.decision: Field required"),
        ("[[decide]", "m.toml"),
        ("decide = []", "nothing is to be decided"),
    ],
)
def test_a_mapping_that_cannot_work_says_why(tmp_path, text, why):
    from events.errors import LedgerError

    with pytest.raises(LedgerError, match=why):
        load(tmp_path, text, [])


def test_only_the_rows_that_are_asked_for_are_taken(tmp_path):
    mapped = load(tmp_path, '[only]\nage = "Minor"\n' + OPEN, ["age"])
    assert mapped.takes(Row(2, {"age": "Minor"}))
    assert not mapped.takes(Row(2, {"age": "Adult"}))

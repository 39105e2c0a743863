"""What a verb prints steers no terminal, whoever wrote the words in it."""

import json

import pytest

from events.errors import BadInput
from node.cli import output
from node.evidence.verifier.printable import printable

#: Clear the screen in two ways, delete, turn around, isolate, mark a direction, half a pair.
HOSTILE = "\x1b[2J \x9b2J \x7f \u202e \u2066 \u200f \ud83d [red]x[/red] :smile: Қыз"
SAFE = r"\u001b[2J \u009b2J \u007f \u202e \u2066 \u200f \ud83d [red]x[/red] :smile: Қыз"


@pytest.fixture(autouse=True)
def _own_console():
    """A console is made once, for the stdout of its time."""
    output.console.cache_clear()
    yield
    output.console.cache_clear()


def test_controls_and_marks_of_direction_are_written_out():
    assert printable(HOSTILE + "\n\t") == SAFE + r"\u000a\u0009"
    assert printable(HOSTILE + "\n\t", "\n\t") == SAFE + "\n\t"
    every = "".join(map(chr, range(0x3000)))
    odd = {char for char in every if printable(char) != char}
    marks = {0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)}
    assert set(map(ord, odd)) == {*range(32), *range(0x7F, 0xA0), *marks}


def test_lines_words_and_pages_pass_nothing_on(capsys):
    output.line(f"{HOSTILE}\nledger: a second line")
    output.page("first\n\tsecond\n")
    output.say(HOSTILE)
    output.error(BadInput(HOSTILE), as_json=False)
    said = capsys.readouterr()
    assert said.out == SAFE + r"\u000aledger: a second line" + "\nfirst\n\tsecond\n"
    assert said.err.startswith(f"{SAFE}\nledger: {SAFE} [")


def test_a_table_knows_no_markup(capsys):
    output.table(("[b]a[/b]", HOSTILE), [(f"{HOSTILE}\nx", [HOSTILE])], title=HOSTILE)
    said = capsys.readouterr().out
    assert printable(said, "\n") == said
    assert said.count(SAFE) == 4
    assert "[b]a[/b]" in said


def test_a_json_document_says_the_same_and_steers_nothing(capsys):
    output.document({"a": [HOSTILE, "\n"]})
    output.error(BadInput(HOSTILE), as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"a": [HOSTILE, "\n"]}
    assert json.loads(said.err)["error"]["message"] == HOSTILE
    for text in (said.out, said.err):
        assert printable(text, "\n") == text
        assert "Қыз" in text

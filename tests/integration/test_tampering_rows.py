"""Whoever tampers with a node's rows, with a superuser's tricks, is found: which, where, by what.

One honest history of two countries; each attempt changes rows in a transaction, looks through the
same connection, and takes everything back. The untouched history is looked at in between.
"""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from node.reading import Reader
from tests.conftest import databases_for_a_while
from tests.row_tampers import CHECK, COMPARE, KINDS, REBUILD, SEAL
from tests.tamper_finders import Finders, attempt
from tests.tampered_world import History, Node

#: Stories in which every country speaks, and short enough to be looked at again and again.
SEEDS = (1, 2, 5, 6, 12)
#: So often each of 101 kinds is tried in `make soak`, beside 11,400 attempts in memory.
EACH = 20


@pytest.fixture(scope="module")
def nodes(postgres, template):
    """Kyrgyzstan's node and Kazakhstan's, with the same honest history."""
    history = History.told(SEEDS)
    with databases_for_a_while(postgres, template) as make:
        found = [Node(code, make().dsn, history) for code in ("KG", "KZ")]
        for node in found:
            node.fill()
        yield found


@pytest.fixture
def looking(nodes):
    """Connections to both."""
    with psycopg.connect(nodes[0].dsn) as one, psycopg.connect(nodes[1].dsn) as two:
        yield nodes[0], one, Reader(two, "KZ", 1)


def no_alarm(node, connection, other) -> None:
    finders = Finders(node, connection, other)
    for finder in (CHECK, COMPARE, SEAL, REBUILD):
        with connection.transaction(force_rollback=True):
            assert [] == finders.found(finder)


def attempts(looking, numbers: range) -> Counter[str]:
    """Tamper in each way so often; fail with what was not found, or not named."""
    done: Counter[str] = Counter()
    missed = []
    for number in numbers:
        for name in KINDS:
            score = attempt(*looking, name, number)
            done[score.finder] += 1
            if not score.named:
                missed.append((name, number, score.finder, score.found[:3]))
        no_alarm(*looking)
    assert [] == missed, f"{len(missed)} of {done.total()}"
    return done


def test_an_honest_history_breaks_nothing_whoever_looks(looking):
    no_alarm(*looking)


def test_whoever_tampers_with_rows_is_found_and_named(looking):
    assert len(KINDS) == attempts(looking, range(1)).total()


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_thousands_of_times(looking):
    assert attempts(looking, range(1, 1 + EACH)).total() == EACH * len(KINDS)

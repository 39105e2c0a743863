"""Whoever tampers with a node's rows, with a superuser's tricks, is found: which, where, by what.

One honest history of two countries; each attempt changes rows in a transaction, looks through the
same connection, and takes everything back. The untouched history is looked at in between.
"""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from node.reading import Reader
from tests.row_tampers import CHECK, COMPARE, KINDS, REBUILD, SEAL
from tests.tamper_finders import Finders, attempt
from tests.tampered_world import History, Node


@pytest.fixture(scope="module")
def nodes(postgres, template):
    """Kyrgyzstan's node and Kazakhstan's, with the same honest history."""
    from tests.conftest import databases_for_a_while

    history = History.told(SEEDS)
    with databases_for_a_while(postgres, template) as make:
        found = [Node(code, make().dsn, history) for code in ("KG", "KZ")]
        for node in found:
            node.fill()
        yield found


#: Stories in which every country speaks, and short enough to be told again and again.
SEEDS = (1, 2, 5, 6, 12)


@pytest.fixture
def looking(nodes):
    """Connections to both."""
    with psycopg.connect(nodes[0].dsn) as one, psycopg.connect(nodes[1].dsn) as two:
        two.autocommit = False
        yield nodes[0], one, Reader(two, "KZ", 1)


def no_alarm(node, connection, other) -> None:
    finders = Finders(node, connection, other)
    for finder in (CHECK, COMPARE, SEAL, REBUILD):
        with connection.transaction(force_rollback=True):
            assert [] == finders.found(finder)


def attempts(looking, each: int, first: int = 0) -> Counter[str]:
    """Tamper so often in each way; fail with what was not found, or not named."""
    node, connection, other = looking
    done: Counter[str] = Counter()
    missed = []
    for name in KINDS:
        for number in range(first, first + each):
            score = attempt(node, connection, other, name, number)
            if score is None:
                continue
            done[name] += 1
            if not score.named:
                missed.append((name, number, score.finder, score.found[:3]))
    assert [] == missed, f"{len(missed)} of {done.total()}"
    return done


def test_an_honest_history_breaks_nothing_whoever_looks(looking):
    no_alarm(*looking)


def test_whoever_tampers_with_rows_is_found_and_named(looking):
    done = attempts(looking, each=2)
    assert set(done) == set(KINDS)
    no_alarm(*looking)

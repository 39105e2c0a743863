"""kills: programs of two countries killed at random while both countries decide.

Each kill is a SIGKILL without warning, of any program of a node, whatever it does
at that moment; it is started again at once. Afterwards everything is compared with everything.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass

import psycopg

from bench.findings import Findings, find
from bench.harness import Effort, Watch, say
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.servers import Servers
from bench.unrest import Unrest
from ledger.service import open_ledger
from node import place
from node.nodes import waits_for
from node.program import PythonProgram

#: What is killed.
_NOUNS = ("relay", "worker", "keystore", "reactor", "sealer", "witness")
#: Seconds between two decisions of one country, and the bounds between two kills.
_PAUSE_S = 0.02
_BETWEEN_S = (0.2, 1.6)
#: So often a program is killed even though it has not yet come back from the kill before.
_MERCILESS = 0.25
#: So long the nodes may take to come to rest; then what is missing counts as lost.
_REST_S = 90.0
#: Own events that have not come back, and how many shared events the mirror holds.
_UNDER_WAY = """
SELECT (SELECT count(*) FROM ledger.ledger_events)
    - (SELECT count(*) FROM mirror.record WHERE origin = %s),
    (SELECT count(*) FROM mirror.record WHERE topic = 'shared')
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The line that `kills` prints."""

    name: str
    kills: Mapping[str, int]
    findings: Findings
    seconds: float
    said: Mapping[str, int]

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or reordered, everybody agrees, and nobody alarms."""
        return self.findings.good

    def line(self) -> str:
        """Return the outcome as one JSON object."""
        return json.dumps(
            {
                "name": self.name,
                "kills": sum(self.kills.values()),
                **asdict(self.findings),
                "killed": self.kills,
                "decisions": self.said,
                "seconds": round(self.seconds, 1),
            }
        )


def run(servers: Servers, effort: Effort) -> Iterator[Outcome]:
    """Kill, wait until everything is at rest, compare."""
    pair = Pair(servers)
    watch = Watch()
    with ExitStack() as stack:
        dsns = {code: stack.enter_context(pair.database(code)) for code in COUNTRIES}
        programs = [
            stack.enter_context(pair.running(code, noun)) for code in COUNTRIES for noun in _NOUNS
        ]
        for program in programs:
            pair.wait_until_ready(program)
        with _unrest(pair) as told:
            killed = _kill(programs, effort.kills)
        _rest(programs, dsns)
        # They might still find something to do; what they have done has to come back, too.
        reactors = [one for one in programs if one.what.endswith("reactor")]
        for program in reactors:
            program.stop()
        _rest([one for one in programs if one not in reactors], dsns)
        findings = find(pair, dsns)
    said = sum((one.said for one in told), Counter[str]())
    yield Outcome("kills", killed, findings, watch.seconds, said)


@contextmanager
def _unrest(pair: Pair) -> Iterator[Sequence[Unrest]]:
    """Let both countries decide."""
    stop = threading.Event()
    with ExitStack() as stack:
        told = []
        for seed, country in enumerate(COUNTRIES):
            where = place.find(pair.home.path, country)
            ledger = stack.enter_context(open_ledger(where.ledger_settings(connections=8)))
            told.append(Unrest(ledger, COUNTRIES[1 - seed], seed=seed, pause_s=_PAUSE_S))
        told[0].meets(told[1])
        told[1].meets(told[0])
        threads = [threading.Thread(target=one.run, args=(stop,)) for one in told]
        for thread in threads:
            thread.start()
        try:
            yield told
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _kill(programs: Sequence[PythonProgram], kills: int) -> Counter[str]:
    """Kill at random; start again what was killed."""
    drawn = random.Random(kills)
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        time.sleep(drawn.uniform(*_BETWEEN_S))
        start_again(programs)
        back = [one for one in programs if waits_for(one.address) is None]
        candidates = programs if drawn.random() < _MERCILESS else back
        if candidates:
            program = drawn.choice(candidates)
            os.kill(program.pid, signal.SIGKILL)
            killed[program.what] += 1
            say(f"kills {killed.total()}/{kills} {program.what}")
            program.stop()
            program.start()
    return killed


def start_again(programs: Sequence[PythonProgram]) -> None:
    """Start what has ended by itself: a program leaves whenever it is not sure."""
    for program in programs:
        if program.poll() is not None:
            program.stop()
            program.start()


def _rest(programs: Sequence[PythonProgram], dsns: Mapping[str, str]) -> None:
    """Wait until everything that was decided has come back to both countries."""
    watch = Watch()
    while watch.seconds < _REST_S:
        start_again(programs)
        under_way = [_under_way(country, dsn) for country, dsn in dsns.items()]
        if not any(own for own, _ in under_way) and len({shared for _, shared in under_way}) == 1:
            break
        time.sleep(0.5)


def _under_way(country: str, dsn: str) -> tuple[int, int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(_UNDER_WAY, (country,)).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

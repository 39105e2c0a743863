"""The edges of kafka-python 3.0.12 that a relay can meet: a network that stalls, cuts and delays.

Each fault is set at a chosen step: the relay stops itself there, the network is changed, and the
relay goes on. Whatever it believes then, each event stands on its topic once, in order.
"""

import signal
import time

import pytest

from ledger import topics
from ledger.relaying.exits import ExitCode
from tests.e2e.test_crash_relay import is_stopped, wait_until
from tests.integration.test_relay import open_cases, require_published
from tests.proxy import ADD_PARTITIONS_TO_TXN, END_TXN, PRODUCE, Proxy
from tests.relay_process import running

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

#: Longest a relay may hang before it ends: one transaction's time and the watchdog's patience.
PATIENCE_S = 45


@pytest.fixture
def kz(kafka, new_node):
    """Kazakhstan with its topics."""
    node = new_node("KZ", kafka=kafka)
    topics.ensure_topics(kafka, node.agreement, countries=["KZ"])
    node.mirrored()
    return node


@pytest.fixture
def proxy():
    """A network that does as it is told."""
    opened = Proxy()
    yield opened
    opened.close()


def stopped_at(node, proxy, step, **orders):
    """Start a relay behind the proxy that stops itself after a step."""
    client = {"proxy_url": proxy.url}
    return running(node, client=client, step=step, signal=int(signal.SIGSTOP), **orders)


@pytest.mark.parametrize("step", ["fenced", "begun", "sent", "flushed", "acknowledged"])
def test_a_network_that_falls_silent_ends_the_relay_and_loses_nothing(kz, proxy, step):
    """No acknowledgement, no answer to a commit: calls without a timeout have a watchdog."""
    open_cases(kz, 20)
    with stopped_at(kz, proxy, step, batch=5, spared=step != "fenced") as relay:
        wait_until(lambda: is_stopped(relay))
        held = proxy.stall()
        relay.send_signal(signal.SIGCONT)
        assert relay.wait(PATIENCE_S) == ExitCode.AGAIN
        kz.relay_until(20)
        proxy.release(held)  # what the dead relay had said arrives after all
        time.sleep(0.5)
    open_cases(kz, 5)
    kz.relay_until(25)
    require_published(kz)


@pytest.mark.parametrize("step", ["begun", "sent", "flushed", "acknowledged"])
def test_connections_that_are_cut_are_made_again_or_end_the_relay(kz, proxy, step):
    """Either is right; a batch that was acknowledged twice or lost is not."""
    open_cases(kz, 20)
    with stopped_at(kz, proxy, step, batch=5, spared=1) as relay:
        wait_until(lambda: is_stopped(relay))
        proxy.cut()
        relay.send_signal(signal.SIGCONT)
        wait_until(lambda: relay.poll() is not None or kz.published() == 20, PATIENCE_S)
    kz.relay_until(20)
    require_published(kz)


@pytest.mark.parametrize("last", [ADD_PARTITIONS_TO_TXN, PRODUCE], ids=["begun", "sent"])
def test_a_commit_that_arrives_late_does_no_lasting_harm(kz, proxy, last):
    """KAFKA-17754: the old commit ends the next transaction, empty or with its records."""
    open_cases(kz, 20)
    with stopped_at(kz, proxy, "acknowledged", batch=5, spared=1) as relay:
        wait_until(lambda: is_stopped(relay))
        old = proxy.stall()
        before = commits(old)
        relay.send_signal(signal.SIGCONT)
        wait_until(lambda: commits(old) == before + 1)  # on its way now, and held back
        proxy.last = last
        proxy.hang_up()
        # The client makes other connections, commits there, and begins the next transaction.
        wait_until(lambda: commits(proxy.lines) and proxy.last is None)
        answered = sum(line.answered for line in old)
        proxy.release(old)
        wait_until(lambda: sum(line.answered for line in old) > answered)  # the old commit's
        proxy.release(proxy.lines)
        wait_until(lambda: relay.poll() is not None or kz.published() == 20, PATIENCE_S)
    kz.relay_until(20)
    require_published(kz)


def commits(lines) -> int:
    """Return how often a client has asked for a commit."""
    return sum(line.asked.count(END_TXN) for line in lines)

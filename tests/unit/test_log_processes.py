"""The processes beside the relay and the worker: they answer in order, and their end is noticed."""

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from events.errors import Misconfigured, ServiceUnavailable
from ledger.log.checking import CheckingProcess
from ledger.log.signature import LogSigner
from ledger.relaying.signing import SigningProcess

LOG = "referral/KZ"
SIGNER = LogSigner(LOG, sha256(b"KZ").digest())
LEAF = sha256(b"leaf").digest()
GOOD = (LOG, (SIGNER.verifier,), 7, LEAF, SIGNER.sign(LOG, 7, LEAF))
ELSEWHERE = (LOG, (SIGNER.verifier,), 8, LEAF, SIGNER.sign(LOG, 7, LEAF))


@pytest.fixture
def process():
    """A process that checks signatures."""
    checking = CheckingProcess()
    yield checking
    checking.close()


def children_of(pid: int) -> list[int]:
    """Return the processes that one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_each_signature_has_its_verdict(process):
    """A signature holds for one place of one log and one record."""
    assert [True, False, True] == process.finish(process.begin([GOOD, ELSEWHERE, GOOD]))
    assert [] == process.finish(process.begin([]))


def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next(process):
    """A worker that loses a partition drops what it has begun; the order stays."""
    process.begin([GOOD])
    process.begin([GOOD, GOOD])
    assert [False] == process.finish(process.begin([ELSEWHERE]))


def test_an_answer_is_given_once(process):
    """Waiting for it again would wait for ever."""
    number = process.begin([GOOD])
    process.finish(number)
    with pytest.raises(KeyError):
        process.finish(number)


def test_questions_that_nobody_takes_an_answer_to_do_not_fill_the_pipe(process):
    """Polls that only move a position ask nothing; dropped batches are never asked for again."""
    for _ in range(2_000):
        assert [] == process.finish(process.begin([]))
    numbers = [process.begin([GOOD]) for _ in range(2_000)]
    assert [True] == process.finish(numbers[-1])


def test_a_child_that_does_not_end_is_ended(monkeypatch):
    """Whatever it does: what ended the parent is what has to be told."""
    monkeypatch.setattr("ledger.log.child._END_S", 0.1)
    before = set(children_of(os.getpid()))
    checking = CheckingProcess()
    (pid,) = set(children_of(os.getpid())) - before
    os.kill(pid, signal.SIGSTOP)
    checking.close()
    assert pid not in children_of(os.getpid())


def test_the_end_of_the_child_is_an_outage():
    """Whoever asked ends with "again" and is started anew; nothing waits for a dead process."""
    before = set(children_of(os.getpid()))
    checking = CheckingProcess()
    (pid,) = set(children_of(os.getpid())) - before
    assert [True] == checking.finish(checking.begin([GOOD]))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ServiceUnavailable):
        checking.finish(checking.begin([GOOD]))
    with pytest.raises(ServiceUnavailable):
        checking.begin([GOOD])
    checking.close()


def test_a_signer_without_a_key_says_so(tmp_path):
    """The message comes through the pipe: the relay names what a person has to repair."""
    signing = SigningProcess([tmp_path / "none.key"])
    with pytest.raises(Misconfigured, match="log key"):
        signing.verifiers()
    signing.close()


def test_children_end_with_a_parent_that_is_killed():
    """Nothing of a killed worker stays behind."""
    program = (
        "import sys\n"
        "from ledger.log.checking import CheckingProcess\n"
        "checking = CheckingProcess()\n"
        "checking.finish(checking.begin([]))\n"
        "print('up', flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout.readline() == b"up\n"
    assert len(children_of(parent.pid)) == 1
    parent.kill()
    # The child holds our pipe for errors: it is at its end when the child is.
    assert parent.communicate(timeout=20) == (b"", b"")

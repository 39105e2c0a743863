"""`ledger evidence` over a node's real tables: what goes in, what comes out, what is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.note import Note
from ledger.log.policy_text import parse_policy
from ledger.log.proof import Proof
from ledger.log.signature import LogSigner
from node import cli
from node.evidence.single import verifier_source
from tests.evidence_play import BEGIN, Mirror, Notary, settings
from tests.sharing_play import told

KZ, KG = "referral.ledger/KZ", "referral.ledger/KG"


@pytest.fixture
def there(database, tmp_path, monkeypatch):
    """A mirror that verbs read; nothing is in it yet."""
    keys, notary = NationalKeys.create(tmp_path / "national.key"), Notary()
    settings(monkeypatch, tmp_path, database, notary)
    return Mirror(database, keys, notary)


@pytest.fixture
def stories(there):
    """Some cases, and checkpoints over everything."""
    plays = [told(seed, steps=30) for seed in range(12)]
    for play in plays:
        there.read(Topic.SHARED, [heard.event for heard in play.topic])
        there.read(Topic.NATIONAL, [heard.event for heard in play.nodes["KG"].said])
    there.sealed()
    return plays


def export(*arguments) -> int:
    return cli.run(["evidence", "export", *map(str, arguments)])


def verify(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run verify.py as a stranger does: no package of ours, no site-packages."""
    program = file.with_name("verify.py")
    program.write_text(verifier_source())
    return subprocess.run(
        [sys.executable, "-I", "-S", program, file, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_case_is_proven_by_a_program_that_knows_nothing_of_us(stories, tmp_path):
    file = tmp_path / "case.zip"
    assert export(stories[3].case_id, "--to", file) == 0
    done = verify(file)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"proofs: {len(stories[3].topic)} entries" in done.stdout
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    unpacked = [sys.executable, "-I", tmp_path / "unpacked" / "verify.py"]
    assert subprocess.run(unpacked, check=False, capture_output=True).returncode == 0


def test_the_same_case_gives_the_same_bytes(stories, tmp_path):
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    for file in (one, two):
        assert export(stories[0].case_id, "--to", file) == 0
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_mode & 0o777 == 0o600


def test_the_report_says_what_is_there_and_which_rules_hold(stories, tmp_path):
    file = tmp_path / "case.zip"
    assert export(stories[3].case_id, "--to", file, "--language", "kk", "--national") == 0
    with zipfile.ZipFile(file) as archive:
        said = json.loads(archive.read("REPORT.json"))
        assert archive.read("report.pdf").startswith(b"%PDF")
    assert said["subject"] == {"case": str(stories[3].case_id)}
    shared = [one for one in said["events"] if one["type"] != "NationalEvent"]
    assert [one["event_id"] for one in shared] == [
        str(heard.event.event_id) for heard in stories[3].topic
    ]
    assert len(said["events"]) == len(shared) + len(stories[3].nodes["KG"].said)
    assert set(said["rules"].values()) == {"kept"}
    assert {type(one["effective"]) for one in shared} == {bool}
    assert verify(file).returncode == 0


def test_what_nobody_has_cosigned_is_left_out_with_what_rests_on_it(there, tmp_path, capsys):
    play = told(4, steps=40)
    there.read(Topic.SHARED, [heard.event for heard in play.topic])
    there.sealed(short_of=3)
    file = tmp_path / "case.zip"
    assert export(play.case_id, "--to", file, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["provisional"]) >= 3
    assert len(said["events"]) + len(said["provisional"]) == len(play.topic)
    assert verify(file).returncode == 0


def test_without_a_quorum_nothing_is_proven(there, tmp_path, capsys):
    play = told(5, steps=20)
    there.read(Topic.SHARED, [heard.event for heard in play.topic])
    for log, leaves in there.logs.items():
        there.put(log, len(leaves), there.notary.checkpoint(log, leaves, BEGIN, "UZ"))
    assert export(play.case_id, "--to", tmp_path / "case.zip") == 6
    assert "checkpoint" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.zip*"))


def test_keys_of_events_that_no_verifier_would_know_are_said_before(
    stories, there, tmp_path, capsys
):
    file = tmp_path / "agreement.toml"
    other = LogSigner("KZ-events", b"k" * 32).verifier.render()
    pinned = there.notary.events("KZ").verifier.render()
    file.write_text(file.read_text().replace(pinned, other))
    assert export(stories[3].case_id, "--to", tmp_path / "case.zip") == 2
    assert "KZ-log" in capsys.readouterr().err


def test_a_mirror_that_was_changed_proves_nothing(stories, there, tmp_path, capsys):
    there.database.run(
        "UPDATE mirror.record SET leaf = sha256(leaf) WHERE topic = 'shared' AND origin = 'KZ'"
        " AND log_index = 2"
    )
    assert export(stories[3].case_id, "--to", tmp_path / "case.zip") == 5
    assert "root" in capsys.readouterr().err


def test_a_range_is_hashed_again_from_its_bytes(there, tmp_path):
    for seed in range(34):
        there.read(Topic.SHARED, [heard.event for heard in told(seed, steps=40).topic])
    there.sealed()
    size = len(there.logs[KZ])
    assert size > 512
    for begin, end in ((0, 1), (256, 512), (300, size), (0, size)):
        file = tmp_path / f"{begin}-{end}.zip"
        assert export("--range", f"{KZ}:{begin}-{end}", "--to", file) == 0
        done = verify(file)
        assert done.returncode == 0, done.stdout
        first = begin - begin % 256
        many = min(-(-end // 256) * 256, size) - first
        assert f"replay: {many} entries give the signed roots" in done.stdout
    assert export("--range", f"{KZ}:0-{size + 1}", "--to", file) == 2
    assert export("--range", "referral.ledger/XX:0-1", "--to", file) == 2


def test_keys_that_somebody_trusts_decide_and_not_those_in_the_bundle(stories, there, tmp_path):
    file, keys = tmp_path / "case.zip", tmp_path / "mine"
    assert export(stories[3].case_id, "--to", file) == 0
    parties = there.notary.agreement.countries.values()
    every = [key for one in parties for key in (*one.log_keys, *one.note_keys)]
    keys.write_text("\n".join(every))
    assert verify(file, "--keys", str(keys)).returncode == 0
    keys.write_text("\n".join(key for key in every if not key.startswith(f"{KZ}+")))
    done = verify(file, "--keys", str(keys))
    assert done.returncode == 3
    assert f"policy/{KZ}.policy" in done.stdout
    keys.write_text("\n".join(key for key in every if not key.startswith("KG-log+")))
    assert "signers/KG.vkeys" in verify(file, "--keys", str(keys)).stdout
    # Of two more countries nobody has cosigned: those who have are no more than half.
    more = [
        Ed25519Cosigner(f"referral.witness/{code}", code.encode() * 16)
        for code in ("XA", "XB", "XC")
    ]
    keys.write_text("\n".join([*every, *(one.verifier.render() for one in more)]))
    assert "too few" in verify(file, "--keys", str(keys)).stdout


def test_the_installed_verifier_says_the_same(stories, tmp_path, capsys):
    file = tmp_path / "case.zip"
    assert export(stories[3].case_id, "--to", file) == 0
    capsys.readouterr()
    assert cli.run(["evidence", "verify", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["good"] is True
    data = bytearray(file.read_bytes())
    data[data.index(b"PK\x01\x02") - 5] ^= 1
    file.write_bytes(data)
    assert cli.run(["evidence", "verify", str(file), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["wrong"]["file"] == "what-this-proves.ru.html"


def test_plain_files_are_read_by_the_formats_own_readers(stories, tmp_path):
    folder = tmp_path / "tlog"
    file = tmp_path / "case.zip"
    assert export(stories[3].case_id, "--to", file, "--tlog", folder) == 0
    proofs = sorted(folder.rglob("*.tlog-proof"))
    assert len(proofs) == len(stories[3].topic)
    for path in proofs:
        policy = parse_policy((path.parent / "policy").read_bytes())
        leaf = leaf_hash(path.with_suffix(".avro").read_bytes())
        Proof.parse(path.read_bytes()).verify(leaf, policy)
        assert Note.parse((path.parent / "checkpoint").read_bytes())
    assert export(stories[3].case_id, "--to", file, "--tlog", folder) == 2


def test_whole_logs_are_written_as_tiles(stories, there, tmp_path, capsys):
    assert cli.run(["log", "export", "--tiles", str(tmp_path / "tiles"), "--json"]) == 0
    told_of = {one["log"]: one["size"] for one in json.loads(capsys.readouterr().out)["logs"]}
    assert told_of == {KZ: len(there.logs[KZ]), KG: len(there.logs[KG])}
    for log, size in told_of.items():
        folder, (full, rest) = tmp_path / "tiles" / log, divmod(size, 256)
        rows = [folder / "tile" / "0" / f"{at:03d}" for at in range(full)]
        rows += [folder / "tile" / "0" / f"{full:03d}.p" / str(rest)] if rest else []
        assert b"".join(row.read_bytes() for row in rows) == b"".join(there.logs[log])

"""A log as a folder of tiles (c2sp.org/tlog-tiles): every byte of it is checked."""

from __future__ import annotations

from itertools import count

import pytest

from events.errors import BadInput, EventTooLarge, HistoryGap, RecordRejected
from events.stamp import leaf_hash
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import root_of
from ledger.log.policy import Policy
from ledger.log.signature import LogSigner
from ledger.log.tiles import CHECKPOINT, check_tiles, read_entries, write_tiles
from ledger.log.tree import Tree

LOG = LogSigner("referral.ledger/KZ", b"l" * 32)
POLICY = Policy.of([LOG.verifier], {}, 0)


def entries(many: int) -> list[bytes]:
    return [b"entry %d" % number * (number % 5) for number in range(many)]


def signed(said: list[bytes]):
    return Checkpoint(LOG.name, len(said), root_of(map(leaf_hash, said))).signed_by(LOG)


def files(folder) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 1000])
def test_what_is_written_is_checked_and_read_back(size, tmp_path):
    """Twice the same bytes, and no more entries than the checkpoint counts."""
    said = entries(size)
    more = (b"%d" % number for number in count())
    found = write_tiles(
        tmp_path / "a", (one for part in (said, more) for one in part), signed(said)
    )
    write_tiles(tmp_path / "b", said, signed(said))
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert check_tiles(tmp_path / "a", POLICY) == found
    assert list(read_entries(tmp_path / "a", size)) == said


def test_the_example_of_the_specification(tmp_path):
    """70,000 entries ("Partial Tiles"), and every hash where the formula puts it."""
    said = [b"%d" % number for number in range(70_000)]
    write_tiles(tmp_path, said, signed(said))
    found = files(tmp_path)
    level_0 = {f"tile/0/{number:03}" for number in range(273)} | {"tile/0/273.p/112"}
    bundles = {path.replace("tile/0", "tile/entries") for path in level_0}
    above = {"tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"}
    assert set(found) == level_0 | bundles | above | {CHECKPOINT}
    assert {8192} == {len(found[path]) for path in level_0 | above if ".p/" not in path}

    leaves = [leaf_hash(one) for one in said]
    for level, number, path in ((1, 1, "tile/1/001.p/17"), (2, 0, "tile/2/000.p/1")):
        row = found[path]
        for at in range(len(row) // 32):
            begin, end = ((number * 256 + at + step) * 256**level for step in (0, 1))
            assert row[at * 32 : at * 32 + 32] == Tree(leaves[begin:end]).root()


@pytest.mark.parametrize("size", [1, 257, 600])
def test_any_changed_byte_is_found_and_its_file_named(size, tmp_path):
    """Every bit of the first and last bytes of every file, cut files and longer ones."""
    write_tiles(tmp_path, entries(size), signed(entries(size)))
    for path, content in files(tmp_path).items():
        ends = {0, 1, 2, len(content) // 2, len(content) - 2, len(content) - 1}
        changed = [
            content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            for at in ends & set(range(len(content)))
            for bit in range(8)
        ]
        for wrong in [*changed, content[:-1], content + b"\0", b"", content * 2]:
            if wrong == content:
                continue
            (tmp_path / path).write_bytes(wrong)
            with pytest.raises(RecordRejected, match=path):
                check_tiles(tmp_path, POLICY)
        (tmp_path / path).write_bytes(content)
    check_tiles(tmp_path, POLICY)


def test_a_file_that_is_missing_or_does_not_belong_is_named(tmp_path):
    write_tiles(tmp_path, entries(300), signed(entries(300)))
    for path, content in files(tmp_path).items():
        (tmp_path / path).unlink()
        with pytest.raises(RecordRejected, match=path):
            check_tiles(tmp_path, POLICY)
        (tmp_path / path).write_bytes(content)
    for path in ("notes.txt", "tile/0/001", "tile/0/000.p/255"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
        with pytest.raises(RecordRejected, match=f"{path} does not belong there"):
            check_tiles(tmp_path, POLICY)
        (tmp_path / path).unlink()
    check_tiles(tmp_path, POLICY)


def test_another_log_under_the_checkpoint_is_found(tmp_path):
    """Tiles and entries agree with each other, and with nothing that was signed."""
    said, forged = entries(300), [*entries(299), b"forged"]
    write_tiles(tmp_path, forged, signed(forged))
    (tmp_path / CHECKPOINT).write_bytes(signed(said).render())
    with pytest.raises(RecordRejected, match="checkpoint has another root"):
        check_tiles(tmp_path, POLICY)
    stranger = LogSigner(LOG.name, b"s" * 32)
    head = Checkpoint(LOG.name, 300, root_of(map(leaf_hash, forged)))
    (tmp_path / CHECKPOINT).write_bytes(head.signed_by(stranger).render())
    with pytest.raises(RecordRejected, match="checkpoint: no known key"):
        check_tiles(tmp_path, POLICY)


def test_a_log_that_is_not_the_checkpoints_is_not_finished(tmp_path):
    """Without its checkpoint nobody takes the folder for a log."""
    said = entries(10)
    for name, wrong in (("short", said[:9]), ("other", [*said[:9], b"x"])):
        with pytest.raises(HistoryGap, match="do not give the checkpoint of 10"):
            write_tiles(tmp_path / name, wrong, signed(said))
        assert not (tmp_path / name / CHECKPOINT).exists()
    with pytest.raises(BadInput, match="empty folder"):
        write_tiles(tmp_path / "short", said, signed(said))


def test_an_entry_has_at_most_65535_bytes(tmp_path):
    """Its length stands in two."""
    said = [b"x" * 65_535, b""]
    write_tiles(tmp_path / "a", said, signed(said))
    assert list(read_entries(tmp_path / "a", 2)) == said
    check_tiles(tmp_path / "a", POLICY)
    said = [b"x" * 65_536]
    with pytest.raises(EventTooLarge, match="entry 0"):
        write_tiles(tmp_path / "b", said, signed(said))


def test_a_bundle_that_is_cut_or_longer_is_not_read(tmp_path):
    """Also by whoever reads entries before they are checked."""
    said = entries(3)
    write_tiles(tmp_path, said, signed(said))
    path = tmp_path / "tile/entries/000.p/3"
    content = path.read_bytes()
    for wrong in (content[:-1], content[:1], b"", content + b"\0", content + content):
        path.write_bytes(wrong)
        with pytest.raises(RecordRejected, match=r"tile/entries/000\.p/3 "):
            list(read_entries(tmp_path, 3))


def test_a_huge_file_is_not_read_into_memory(tmp_path):
    write_tiles(tmp_path, entries(3), signed(entries(3)))
    for path in ("tile/entries/000.p/3", CHECKPOINT):
        with (tmp_path / path).open("r+b") as file:
            file.truncate(2**30)
        with pytest.raises(RecordRejected, match=f"{path} is too large"):
            check_tiles(tmp_path, POLICY)

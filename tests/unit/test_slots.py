"""Slot files: equal on every replica, overwritten on every replica, never guessed at."""

import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from events.errors import KeystoreDamaged, Misconfigured
from ledger.keys.slots import CHUNK, SLOT_BYTES, Slots


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return [tmp_path / name / "slots" for name in ("a", "b")]


@pytest.fixture
def slots(paths) -> Slots:
    made = Slots(paths)
    made.make()
    made.bind(made.mark())
    return made


def put(path: Path, slot: int, share: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(slot * SLOT_BYTES)
        file.write(share)


@contextmanager
def no_room_beyond(size: int):
    """Every file of this process ends at this size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_replicas_are_made_equal_random_and_private(slots, paths):
    one, other = (path.read_bytes() for path in paths)
    assert one == other
    assert len(one) == CHUNK * SLOT_BYTES
    shares = {one[at : at + SLOT_BYTES] for at in range(0, len(one), SLOT_BYTES)}
    assert len(shares) == CHUNK
    assert [0o600, 0o600] == [path.stat().st_mode & 0o777 for path in paths]
    assert slots.read(7) == one[7 * SLOT_BYTES : 8 * SLOT_BYTES]
    assert slots.good() == 2


def test_an_overwritten_share_is_nowhere_any_more(slots, paths):
    """In place, so no other copy of it is left in the file."""
    before, neighbours = slots.read(9), (slots.read(8), slots.read(10))
    assert slots.overwrite(9) == 2
    assert all(before not in path.read_bytes() for path in paths)
    assert neighbours == (slots.read(8), slots.read(10))
    assert len(set(slots.each(9))) == 1


@pytest.mark.parametrize(
    "named",
    [
        ["a/slots"],
        ["a/slots", "a/slots"],
        ["a/one", "a/other"],
        ["a/x", "b/../a/x"],
        ["a/x", "a-by-another-name/x"],
    ],
)
def test_two_replicas_in_one_folder_are_none(tmp_path, named):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a-by-another-name").symlink_to("a")
    with pytest.raises(Misconfigured, match="each in a folder of its own"):
        Slots([tmp_path / name for name in named])


def test_one_file_is_not_two_replicas(slots, paths):
    """A second name of one file would look like a second disk."""
    paths[1].unlink()
    os.link(paths[0], paths[1])
    with pytest.raises(KeystoreDamaged, match="second name"):
        slots.read(1)


def test_a_symbolic_link_is_no_replica(slots, paths):
    paths[1].rename(paths[1].with_name("moved"))
    paths[1].symlink_to("moved")
    assert slots.good() == 1
    with pytest.raises(KeystoreDamaged, match="not overwritten on every replica"):
        slots.overwrite(1)


def test_replicas_that_differ_are_an_alarm(slots, paths):
    """Somebody changed one, or put an old copy back: nothing is released on a guess."""
    put(paths[1], 3, bytes(SLOT_BYTES))
    with pytest.raises(KeystoreDamaged, match="slot 3 differs") as caught:
        slots.read(3)
    assert caught.value.rule == "slot_replicas"
    assert slots.read(4)


def test_one_replica_is_enough_to_read_and_too_few_for_more(slots, paths):
    share = slots.read(3)
    paths[0].unlink()
    assert slots.read(3) == share
    assert slots.good() == 1
    with pytest.raises(KeystoreDamaged, match="No such file"):
        slots.read(3, least=2)
    with pytest.raises(KeystoreDamaged, match="No such file"):
        slots.extend(CHUNK)
    with pytest.raises(KeystoreDamaged, match="No such file"):
        slots.each(3)


def test_an_erasure_that_misses_a_replica_does_all_others_and_says_so(slots, paths):
    share = slots.read(3)
    paths[0].rename(paths[0].with_name("elsewhere"))
    with pytest.raises(KeystoreDamaged, match="nothing counts as destroyed"):
        slots.overwrite(3)
    assert share not in paths[1].read_bytes()
    paths[0].with_name("elsewhere").rename(paths[0])
    assert slots.overwrite(3) == 2
    assert share not in paths[0].read_bytes()


def test_no_replica_at_all_is_named(slots, paths):
    for path in paths:
        path.unlink()
    with pytest.raises(KeystoreDamaged, match="slot 3 cannot be read"):
        slots.read(3)
    with pytest.raises(KeystoreDamaged, match="no replica of the slot file is left"):
        slots.mend()


def test_files_of_another_keystore_are_refused(slots, paths, tmp_path):
    """Overwriting a slot there would destroy a stranger's keys and none of ours."""
    for name in ("c", "d"):
        (tmp_path / name).mkdir()
    others = Slots([tmp_path / name / "slots" for name in ("c", "d")])
    others.make()
    others.bind(slots.mark())
    before = others.paths[0].read_bytes()
    with pytest.raises(KeystoreDamaged, match="belongs to another keystore"):
        others.overwrite(1)
    assert others.paths[0].read_bytes() == before


def test_a_file_that_others_can_read_is_refused(slots, paths):
    paths[0].chmod(0o644)
    assert slots.good() == 1
    with pytest.raises(KeystoreDamaged, match="give it mode 0600"):
        slots.read(1, least=2)


def test_the_mark_is_never_overwritten(slots):
    with pytest.raises(Misconfigured, match="slot 0 is no share"):
        slots.overwrite(0)


def test_more_slots_keep_those_that_are_there(slots, paths):
    before = paths[0].read_bytes()
    assert slots.extend(CHUNK) == 2 * CHUNK
    assert paths[0].read_bytes().startswith(before)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert slots.read(2 * CHUNK - 1) != slots.read(CHUNK)


def test_what_a_killed_run_left_is_completed(slots, paths):
    """One replica has grown, in part, the other not: never a slot that differs or is zero."""
    left = os.urandom(CHUNK * SLOT_BYTES // 2 + 5)
    with paths[1].open("ab") as file:
        file.write(left)
    assert slots.extend(CHUNK) == 3 * CHUNK
    one, other = (path.read_bytes() for path in paths)
    assert one == other
    assert one[CHUNK * SLOT_BYTES :].startswith(left)
    assert bytes(SLOT_BYTES) not in one


def test_a_replica_that_lost_its_end_is_damage(slots, paths):
    slots.extend(CHUNK)
    os.truncate(paths[1], CHUNK * SLOT_BYTES)
    with pytest.raises(KeystoreDamaged, match="ends before slot"):
        slots.extend(2 * CHUNK)
    with pytest.raises(KeystoreDamaged, match="ends before slot"):
        slots.overwrite(CHUNK + 1)


def test_without_room_nothing_grows(slots, paths):
    """A full disk is named, and leaves the files as they were."""
    before = paths[0].read_bytes()
    with (
        no_room_beyond(len(before) + 1000),
        pytest.raises(KeystoreDamaged, match="make room") as caught,
    ):
        slots.extend(CHUNK)
    assert caught.value.rule == "slot_space"
    assert [before, before] == [path.read_bytes() for path in paths]
    assert slots.extend(CHUNK) == 2 * CHUNK


def test_a_lost_replica_is_made_anew_from_a_good_one(slots, paths):
    slots.extend(CHUNK)
    paths[0].unlink()
    assert slots.mend() == [paths[0]]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_mode & 0o777 == 0o600
    assert slots.mend() == []


def test_making_never_touches_a_file_that_is_there(slots, paths):
    """Shares of a database that was lost may still be wanted when it is found."""
    before = paths[0].read_bytes()
    slots.make()
    paths[1].unlink()
    slots.make()
    assert [before, before] == [path.read_bytes() for path in paths]


def test_no_share_is_shown(slots):
    assert repr(slots) == "Slots(2 replicas)"

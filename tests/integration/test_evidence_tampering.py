"""Whatever is changed in a bundle is found, and the file that is wrong is named."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from pathlib import Path
from random import Random

import pytest

from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.signature import LogSigner
from node import cli
from node.evidence.packing import write_bundle
from node.evidence.verifier.avro import header_of
from node.evidence.verifier.checks import entries_in
from node.evidence.verifier.command import run_verifier, verified_lines
from node.evidence.verifier.container import Faulty, Stored, directory_end
from node.evidence.verifier.facts import MANIFEST
from node.evidence.verifier.notes import NoteKey
from node.evidence.verifier.printable import printable
from tests.evidence_play import Mirror, Notary, seed, settings
from tests.sharing_play import told

#: Files that nobody has signed: only the manifest holds them, and the page says so.
UNSIGNED = ("REPORT.json", "report.pdf", "verify.py", "what-this-proves", "keys/")
KZ = "referral.ledger/KZ"

#: A case has a file for each event and more, and each takes a run of its own.
LONG = pytest.param("case", marks=pytest.mark.soak)


@pytest.fixture(scope="module")
def bundles(standing_database, tmp_path_factory) -> dict[str, Path]:
    """A case and a range as the program writes them."""
    folder = tmp_path_factory.mktemp("bundles")
    notary = Notary()
    there = Mirror(standing_database, NationalKeys.create(folder / "national.key"), notary)
    plays = [told(seed, steps=14) for seed in range(12)]
    for play in plays:
        there.read(Topic.SHARED, [heard.event for heard in play.topic])
        there.read(Topic.NATIONAL, [heard.event for heard in play.nodes["KG"].said])
    there.sealed()
    case, span = folder / "case.zip", folder / "range.zip"
    with pytest.MonkeyPatch.context() as patch:
        settings(patch, folder, standing_database, notary)
        longest = max(plays, key=lambda play: len(play.topic))
        assert cli.run(["evidence", "export", str(longest.case_id), "--to", str(case)]) == 0
        size = len(there.logs[KZ])
        asked = ["evidence", "export", "--range", f"{KZ}:0-{size}", "--to", str(span)]
        assert cli.run(asked) == 0
    return {"case": case, "range": span}


def fault(path: Path, trusted: list[NoteKey] | None = None) -> str | None:
    """Return the file that is wrong; None if the verifier is content."""
    try:
        list(verified_lines(path, trusted))
    except Faulty as found:
        return found.file
    return None


def files_in(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forged(path: Path, files: dict[str, bytes]) -> Path:
    """Write files as a bundle whose manifest fits them."""
    write_bundle({name: data for name, data in files.items() if name != MANIFEST}, path)
    return path


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= bit
    return bytes(changed)


@pytest.mark.parametrize("kind", [LONG, "range"])
def test_a_byte_changed_in_any_file_of_the_folder_names_the_file(bundles, kind, tmp_path):
    files, chance = files_in(bundles[kind]), Random(kind)
    assert fault(bundles[kind]) is None
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundles[kind]) as archive:
        archive.extractall(folder)
    assert fault(folder) is None
    for name, data in files.items():
        for at in {0, len(data) - 1, chance.randrange(len(data))}:
            (folder / name).write_bytes(flipped(data, at, 1 << chance.randrange(8)))
            assert fault(folder) == name
        (folder / name).write_bytes(data + b"\n")
        assert fault(folder) == name
        (folder / name).unlink()
        assert fault(folder) == name
        (folder / name).write_bytes(data)
    (folder / "more.txt").write_text("more")
    assert fault(folder) == "more.txt"


@pytest.mark.parametrize("kind", [LONG, "range"])
def test_a_byte_changed_in_any_file_of_the_zip_names_the_file(bundles, kind, tmp_path):
    whole, file = bundles[kind].read_bytes(), tmp_path / "changed.zip"
    with zipfile.ZipFile(bundles[kind]) as archive:
        places = {one.filename: (one.header_offset, one.file_size) for one in archive.infolist()}
    for name, (offset, size) in places.items():
        begin = offset + 30 + len(name.encode())
        for at in {begin, begin + size - 1}:
            file.write_bytes(flipped(whole, at))
            assert fault(file) == name
        for at in range(offset, begin):
            if at % 5 == 0:
                file.write_bytes(flipped(whole, at))
                assert fault(file) == name


@pytest.mark.soak
def test_every_byte_of_the_directory_is_looked_at(bundles, tmp_path):
    whole, file = bundles["range"].read_bytes(), tmp_path / "changed.zip"
    with zipfile.ZipFile(bundles["range"]) as archive:
        begin = archive.start_dir
    for at in range(begin, len(whole)):
        file.write_bytes(flipped(whole, at, 1 << at % 8))
        assert fault(file) is not None, at


def test_a_container_has_one_form(bundles, tmp_path):
    """The same files, packed otherwise: a comment, extra fields, another order, something more."""
    files, whole = files_in(bundles["case"]), bundles["case"].read_bytes()

    def packed(names, *, comment=b"", extra=b"", method=zipfile.ZIP_STORED) -> bytes:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", method) as archive:
            for name in names:
                info = zipfile.ZipInfo(name)
                info.extra, info.compress_type = extra, method
                archive.writestr(info, files[name])
            archive.comment = comment
        return sink.getvalue()

    names = sorted(files)
    others = [
        packed(names),
        packed(names, comment=b"more"),
        packed(names, extra=b"\x01\x00\x00\x00"),
        packed(names[::-1]),
        packed(names, method=zipfile.ZIP_DEFLATED),
        whole + b"\0",
        b"\0" + whole,
        whole[:-1],
        whole[: len(whole) // 2],
    ]
    for at, data in enumerate(others):
        path = tmp_path / f"{at}.zip"
        path.write_bytes(data)
        assert fault(path) is not None, at


@pytest.mark.parametrize("kind", [LONG, "range"])
def test_who_also_makes_the_manifest_again_is_found_by_what_was_signed(bundles, kind, tmp_path):
    files, chance = files_in(bundles[kind]), Random(kind)
    del files[MANIFEST]
    path = tmp_path / "forged.zip"
    signed = [name for name in files if not name.startswith(UNSIGNED)]
    signed = chance.sample(signed, min(len(signed), 30))
    assert len(signed) > 5
    for name in signed:
        at = chance.randrange(len(files[name]))
        write_bundle({**files, name: flipped(files[name], at)}, path)
        assert fault(path) is not None, (name, at)
    for name in {name.partition("/")[0]: name for name in signed}.values():
        write_bundle({one: data for one, data in files.items() if one != name}, path)
        assert fault(path) is not None, name
    write_bundle(files, path)
    assert fault(path) is None
    assert path.read_bytes() == bundles[kind].read_bytes()


def test_entries_that_change_places_are_found(bundles, tmp_path):
    files = files_in(bundles["range"])
    del files[MANIFEST]
    tile = next(name for name in files if "tile/entries" in name)
    entries = list(entries_in(tile, files[tile]))
    for change in (
        [entries[1], entries[0], *entries[2:]],
        [entries[0], entries[0], *entries[2:]],
        entries[:-1],
        [*entries, entries[-1]],
    ):
        data = b"".join(len(one).to_bytes(2, "big") + one for one in change)
        path = tmp_path / "forged.zip"
        write_bundle({**files, tile: data}, path)
        assert fault(path) is not None


def test_a_case_without_one_of_its_events_is_found(bundles, tmp_path):
    """Each file that is left is right; that one is missing shows in the chain, or in the report."""
    files = files_in(bundles["case"])
    del files[MANIFEST]
    entries = [name for name in files if name.startswith("entries/")]
    for entry in entries:
        place = entry.removeprefix("entries/").removesuffix(".avro")
        gone = {entry, f"proofs/{place}.tlog-proof", f"signatures/{place}.sig"}
        path = tmp_path / "forged.zip"
        write_bundle({name: data for name, data in files.items() if name not in gone}, path)
        assert fault(path) is not None


def test_a_link_out_of_the_folder_is_no_file(bundles, tmp_path):
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundles["case"]) as archive:
        archive.extractall(folder)
    shutil.copy(folder / "vkeys", tmp_path / "elsewhere")
    (folder / "vkeys").unlink()
    (folder / "vkeys").symlink_to(tmp_path / "elsewhere")
    assert fault(folder) == "vkeys"


@pytest.mark.parametrize("kind", ["case", "range"])
def test_a_schema_that_says_something_else_of_the_same_bytes_is_found(bundles, kind, tmp_path):
    """Its fingerprint is that of the canonical form, which leaves out what fields mean."""
    files = files_in(bundles[kind])
    for name in [one for one in files if one.startswith("schemas/")]:
        text = files[name].replace(b"timestamp-micros", b"timestamp-millis")
        assert (text != files[name], header_of(text)) == (True, header_of(files[name]))
        other = f"schemas/{hashlib.sha256(text).hexdigest()}.avsc"
        rest = {one: data for one, data in files.items() if one != name}
        assert fault(forged(tmp_path / "forged.zip", rest | {other: text})) == other


def test_an_event_is_signed_by_a_key_of_its_country_for_events_and_by_no_other(bundles, tmp_path):
    """Whoever trusts a key trusts it for what it is called: not everybody for everything."""
    files, path, signers = files_in(bundles["case"]), tmp_path / "forged.zip", "signers/KZ.vkeys"
    keys = files["vkeys"].decode().split()
    others = [one for one in keys if not one.startswith("KZ-log+")]
    assert {one.partition("+")[0] for one in others} >= {KZ, "referral.witness/UZ", "KG-log"}
    for other in others:
        more = files | {signers: files[signers] + f"{other}\n".encode()}
        for trusted in (None, list(map(NoteKey.parse, keys))):
            assert fault(forged(path, more), trusted) == signers, other


def test_the_key_of_a_sealer_under_the_name_of_one_for_events_signs_none(bundles, tmp_path):
    files, path, signers = files_in(bundles["case"]), tmp_path / "forged.zip", "signers/KZ.vkeys"
    sealer = LogSigner("KZ-log", seed(KZ))
    renamed = f"{sealer.verifier.render()}\n".encode()
    more = {name: files[name] + renamed for name in (signers, "vkeys")}
    assert fault(forged(path, files | more)) == signers


DEEP = b"[" * 200_000
LONG_NUMBER = f"entries/{KZ}/{'9' * 5_000}.avro"


def _nested(policy: bytes) -> bytes:
    """Return a policy that asks for a group of a group of a group."""
    lines = policy.decode().splitlines()
    *rest, last = [line for line in lines if not line.startswith("quorum")]
    inner, groups = last.split()[1], []
    for at in range(3_000):
        groups.append(f"group d{at} all {inner}")
        inner = f"d{at}"
    return "\n".join([*rest, last, *groups, f"quorum {inner}", ""]).encode()


def _hostile(files: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Return the file that has to be named -> files as nobody honest writes them."""
    policy, report = f"policy/{KZ}.policy", json.loads(files["REPORT.json"])
    events = report["events"]
    note = next(name for name in files if name.startswith(f"checkpoints/{KZ}"))
    schemas = [b'{"type":"record","name":["."],"fields":[]}', DEEP]
    reports = [
        DEEP,
        *(json.dumps(report | {"events": one}).encode() for one in ([5], [*events, 5])),
    ]
    line = files[note].splitlines(keepends=True)[-1]
    made = [("REPORT.json", one) for one in reports]
    made += [(f"schemas/{hashlib.sha256(one).hexdigest()}.avsc", one) for one in schemas]
    made += [
        (policy, _nested(files[policy])),
        (LONG_NUMBER, b""),
        (f"consistency/{KZ}/1-{'9' * 5_000}.txt", b""),
        (note, files[note] + line * 3_000),
    ]
    return {f"{at}: {name}": {name: data} for at, (name, data) in enumerate(made)}


@pytest.mark.timeout(120)
def test_whatever_is_in_a_file_it_is_named_and_the_verifier_ends(bundles, tmp_path, capsys):
    files = files_in(bundles["case"])
    for what, change in _hostile(files).items():
        path, (wrong,) = forged(tmp_path / "forged.zip", files | change), change
        assert run_verifier([str(path)]) == 3, what
        said = capsys.readouterr()
        assert said.out.splitlines()[-1].startswith(f"WRONG {wrong}: "), (what, said.out[-300:])
        assert cli.run(["evidence", "verify", str(path)]) == 3, what
        assert wrong in capsys.readouterr().out


@pytest.mark.timeout(60)
def test_a_directory_of_a_zip_is_read_once_and_up_to_the_number_it_says(tmp_path):
    """As many lines again behind those that it tells of, and names as long as they can be."""
    lines = [Stored(f"a{at:07d}", 0, 0, 0).central for at in range(60_000)]
    long = [Stored(f"{at:05d}" + "a" * 60_000, 0, 0, 0).central for at in range(500)]
    for many, said in ((60_000, 60_000), (60_000, 10), (500, 500)):
        central = b"".join(long if many == 500 else lines)
        path = tmp_path / f"{many}.{said}.zip"
        path.write_bytes(central + directory_end(said, len(central), 0))
        began = time.monotonic()
        assert fault(path) is not None
        assert time.monotonic() - began < 10


def test_no_line_of_the_directory_stands_twice(bundles, tmp_path):
    whole, path = bundles["case"].read_bytes(), tmp_path / "twice.zip"
    with zipfile.ZipFile(bundles["case"]) as archive:
        begin, names = archive.start_dir, archive.namelist()
    central, first = whole[begin:-22], 46 + len(names[0].encode())
    twice = central[:first] + central
    end = directory_end(len(names) + 1, len(twice), begin)
    path.write_bytes(whole[:begin] + twice + end)
    assert fault(path) == names[0]


def test_a_pipe_in_the_folder_is_no_file(bundles, tmp_path):
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundles["case"]) as archive:
        archive.extractall(folder)
    (folder / "vkeys").unlink()
    os.mkfifo(folder / "vkeys")
    assert fault(folder) == "vkeys"


STEERING = "\x1b[2J\x9b\u202e"
TAMED = r"\u001b[2J\u009b\u202e"


def _said(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what both verifiers print of a bundle that is wrong; no line steers a terminal."""
    assert run_verifier([str(path)]) == 3
    assert cli.run(["evidence", "verify", str(path)]) == 3
    assert cli.run(["evidence", "verify", str(path), "--json"]) == 3
    said = capsys.readouterr().out
    assert printable(said, "\n") == said
    return said


def test_names_out_of_a_bundle_steer_no_terminal(bundles, tmp_path, capsys):
    files, policy = files_in(bundles["case"]), f"policy/{KZ}.policy"
    key = files[policy].decode().split()[1].partition("+")[2]
    text = f"log {STEERING}+{key}\n".encode()
    said = _said(forged(tmp_path / "forged.zip", files | {policy: text}), capsys)
    assert said.count(TAMED) == 3
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundles["case"]) as archive:
        archive.extractall(folder)
    (folder / f"a{STEERING}\n✔ proofs").write_text("")
    said = _said(folder, capsys)
    assert said.count(f"a{TAMED}\\u000a✔ proofs") == 2
    assert not any(line.startswith("✔ proofs") for line in said.splitlines())


def _without_the_end(files: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out the last event that no other one has seen, as far as anybody can."""
    report = json.loads(files["REPORT.json"])
    last = report["events"].pop()
    place = f"{last['log']}/{last['index']}"
    report["up_to"][last["log"]] -= 1
    if not report["up_to"][last["log"]]:
        del report["up_to"][last["log"]]
    gone = (f"entries/{place}.avro", f"proofs/{place}.tlog-proof", f"signatures/{place}.sig")
    rest = {name: data for name, data in files.items() if name not in gone}
    heads = {data[:10] for name, data in rest.items() if name.startswith("entries/")}
    return {
        name: data for name, data in rest.items()
        if not name.startswith("schemas/") or header_of(data) in heads
    } | {"REPORT.json": json.dumps(report).encode()}  # fmt: skip


def test_how_far_a_case_is_here_is_said_and_that_more_may_follow(bundles, tmp_path, capsys):
    """Nothing shows that an end was left out, so nothing may say that there is none."""
    files = files_in(bundles["case"])
    for these in (files, _without_the_end(files)):
        path = forged(tmp_path / "some.zip", these)
        assert run_verifier([str(path)]) == 0
        said = capsys.readouterr().out
        report = json.loads(these["REPORT.json"])
        upto = ", ".join(f"{log} 1 to {many}" for log, many in sorted(report["up_to"].items()))
        assert sum(report["up_to"].values()) == len(report["events"])
        assert f"without a gap up to the last here: {upto}\n" in said
        assert "its events after the last one of a log here may be left out" in said


def test_a_report_that_says_another_end_is_found(bundles, tmp_path):
    files = files_in(bundles["case"])
    report = json.loads(files["REPORT.json"])
    for upto in (report["up_to"] | {KZ: report["up_to"][KZ] + 1}, {}, None):
        text = json.dumps(report | {"up_to": upto}).encode()
        assert (
            fault(forged(tmp_path / "forged.zip", files | {"REPORT.json": text})) == "REPORT.json"
        )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "may be left out, also where the checkpoint covers them"),
        ("ru", "могли быть опущены, даже если контрольная точка их покрывает"),
        ("kk", "бақылау нүктесі қамтыса да түсіп қалған болуы мүмкін"),
        ("ky", "текшерүү чекити камтыса да калтырылган болушу мүмкүн"),
    ],
)
def test_every_page_says_that_the_end_of_a_case_may_be_left_out(bundles, language, words):
    assert words in files_in(bundles["case"])[f"what-this-proves.{language}.html"].decode()

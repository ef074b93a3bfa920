"""Packs read by ourselves: what git wrote is what we read, and what nobody should have written costs time only."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import pipeline
from scanner.matcher import Matcher
from scanner.models import Suspect
from scanner.rule import RuleSet
from scanner.sources.git_delta import DeltaError, apply_delta, made_size
from scanner.sources.git_history import GitHistory
from scanner.sources.git_narrow import packed
from scanner.sources.git_pack import Index, OddPackError, packs
from scanner.sources.git_sift import LIMIT, SiftPart, families
from scanner.sources.interface import NAME
from tests.gitrepo import GitRepo


class Recorder:
    """Takes everything for a key, and keeps what it is shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, list[tuple[int, int]]]] = []

    def look(
        self, data: bytes, windows: Sequence[tuple[int, int]], far: frozenset[str]
    ) -> tuple[list[Suspect], frozenset[str]]:
        self.seen.append((data, list(windows)))
        return [Suspect(b"", "rule", 1)], far


def contents(parts: Sequence[SiftPart]) -> tuple[list[bytes], set[bytes]]:
    """The contents of all objects, and their ids."""
    recorder, ids = Recorder(), set()
    for part in parts:
        ids |= part.sift(recorder)[0].keys()
    return [data for data, _ in recorder.seen], ids


def history(place: Path, seed: int, *options: str) -> GitRepo:
    """A file with many versions, so that git writes long chains of deltas."""
    rng = random.Random(seed)
    repo = GitRepo.new(place, *options)
    text = [b"line %d %d\n" % (number, rng.randrange(10**9)) for number in range(rng.randrange(2, 3000))]
    stream = []
    for number in range(30):
        at = rng.randrange(len(text))
        text[at : at + rng.choice([0, 1, 1, 9])] = [b"changed %d\n" % rng.randrange(10**9)] * rng.choice([0, 1, 1, 40])
        if rng.random() < 0.1:
            rng.shuffle(text)
        data = b"".join(text) or b"\n"
        stream.append(b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n" % (10**9 + number))
        stream.append(b"M 644 inline a.txt\ndata %d\n%s\n" % (len(data), data))
    repo.run("fast-import", "--quiet", stdin=b"".join(stream))
    return repo


@pytest.mark.parametrize("width", [20, 32], ids=["sha1", "sha256"])
@pytest.mark.parametrize("options", [[], ["--depth=1"], ["--depth=250", "--window=50"]], ids=str)
def test_every_object_is_what_git_says(tmp_path: Path, width: int, options: list[str]) -> None:
    repo = history(tmp_path / "r", len(options), *([] if width == 20 else ["--object-format=sha256"]))
    repo.git("tag", "-a", "v1", "-m", "a tag")
    repo.git("repack", "-adfq", *options)
    listed = [line.split() for line in repo.git("cat-file", "--batch-check", "--batch-all-objects").splitlines()]
    expected = {bytes.fromhex(name): kind for name, kind, _ in listed if kind != "tree"}
    (index,) = packs(repo.path / ".git/objects", width)
    found, ids = contents(families(index, 3))
    assert ids == {name[:NAME] for name in expected}
    digest = hashlib.sha1 if width == 20 else hashlib.sha256
    made = {digest(b"%s %d\0%s" % (kind.encode(), len(data), data)).digest()
            for data in found for kind in ("blob", "commit", "tag")}  # fmt: skip
    assert made >= expected.keys()


def test_pieces_do_not_depend_on_their_number(tmp_path: Path) -> None:
    repo = history(tmp_path / "r", 5)
    repo.git("repack", "-adfq")
    (index,) = packs(repo.path / ".git/objects", 20)
    one, many = contents(families(index, 1)), contents(families(index, 40))
    assert sorted(one[0]) == sorted(many[0])
    assert one[1] == many[1]
    assert len(families(index, 40)) > 1


# --- deltas ---


def size(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def copy(offset: int, length: int) -> bytes:
    """A copy command as git writes it, zero bytes left out."""
    command, rest = 128, b""
    for bit in range(4):
        if byte := offset >> 8 * bit & 255:
            command, rest = command | 1 << bit, rest + bytes([byte])
    for bit in range(3):
        if byte := (length if length != 0x10000 else 0) >> 8 * bit & 255:
            command, rest = command | 16 << bit, rest + bytes([byte])
    return bytes([command]) + rest


@st.composite
def deltas(draw: st.DrawFn) -> tuple[bytes, bytes, bytes, list[tuple[int, int, int]]]:
    """A base, a delta, what it makes, and which stretches of that are copied: from, to, and where from."""
    base = draw(st.binary(min_size=1, max_size=50)) * draw(st.sampled_from([1, 9, 400, 2000]))
    made, commands, copied = b"", [], []
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            piece = draw(st.binary(min_size=1, max_size=127))
            commands.append(bytes([len(piece)]) + piece)
        else:
            offset = draw(st.integers(0, len(base) - 1))
            length = draw(st.integers(1, len(base) - offset))
            piece = base[offset : offset + length]
            commands.append(copy(offset, length))
            copied.append((len(made), len(made) + length, offset))
        made += piece
    return base, size(len(base)) + size(len(made)) + b"".join(commands), made, copied


@settings(max_examples=300, deadline=None)
@given(deltas())
def test_a_delta_makes_what_it_says_and_tells_what_is_new(
    drawn: tuple[bytes, bytes, bytes, list[tuple[int, int, int]]],
) -> None:
    base, delta, expected, _ = drawn
    made, changed = apply_delta(delta, base)
    assert made == expected and made_size(delta) == len(expected)
    assert changed == sorted(changed) and all(0 <= start <= end <= len(made) for start, end in changed)
    edges = [0, *(edge for window in changed for edge in window), len(made)]
    for start, end in zip(edges[::2], edges[1::2], strict=True):  # between changes: what the base has, in one piece
        assert made[start:end] in base


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=40))
def test_any_bytes_are_a_delta_or_an_error(delta: bytes, base: bytes) -> None:
    try:
        made, _ = apply_delta(delta, base)
    except (DeltaError, IndexError):
        return
    assert made_size(delta) == len(made)


@pytest.mark.parametrize(
    "delta",
    [
        b"", b"\x80", size(3), size(9) + size(1) + b"\x01x", size(3) + size(2) + b"\x01x",
        size(3) + size(5) + b"\x05xx", size(3) + size(9) + copy(0, 9), size(3) + size(2) + copy(200, 2),
        size(3) + size(3) + b"\x9f\x01", size(3) + size(1) + b"\x00x", size(3) + b"\xff" * 30,
    ],
)  # fmt: skip
def test_a_delta_that_lies_is_refused(delta: bytes) -> None:
    with pytest.raises((DeltaError, IndexError)):
        apply_delta(delta, b"abc")


# --- packs that lie ---


def entry(kind: int, length: int, content: bytes, back: int = 0) -> bytes:
    """An object as a pack keeps it; `back` is how far behind the base of a delta stands."""
    head, rest = [kind << 4 | length & 15], length >> 4
    while rest:
        head[-1] |= 128
        head.append(rest & 127)
        rest >>= 7
    link = []
    if kind == 6:
        link = [back & 127]
        while back := back >> 7:
            back -= 1
            link.insert(0, back & 127 | 128)
    return bytes(head + link) + zlib.compress(content)


def written(folder: Path, entries: Sequence[bytes], *, offsets: Sequence[int] = ()) -> Path:
    """A pack of these entries with an index that fits, or gives these offsets."""
    pack, places = b"PACK" + struct.pack(">II", 2, len(entries)), []
    for one in entries:
        places.append(len(pack))
        pack += one
    ids = [bytes([number // 256, number % 256]) * 10 for number in range(len(entries))]
    fan = b"".join(struct.pack(">I", sum(one[0] <= value for one in ids)) for value in range(256))
    tail = struct.pack(f">{len(ids)}I", *(offsets or places))
    (folder / "pack").mkdir(parents=True)
    (folder / "pack/pack-1.pack").write_bytes(pack + bytes(20))
    index = b"\xfftOc" + struct.pack(">I", 2) + fan + b"".join(ids) + bytes(4 * len(ids)) + tail + bytes(40)
    (folder / "pack/pack-1.idx").write_bytes(index)
    return folder


def sifted(folder: Path) -> list[bytes]:
    (index,) = packs(folder, 20)
    return contents(families(index, 1))[0]


def test_a_pack_made_by_hand_is_read(tmp_path: Path) -> None:
    delta = size(3) + size(4) + copy(0, 3) + b"\x01d"
    first = entry(3, 3, b"abc")
    assert sifted(written(tmp_path, [first, entry(6, len(delta), delta, len(first))])) == [b"abc", b"abcd"]


FIRST = entry(3, 3, b"abc")
LIES = {
    "another size": [entry(3, 4, b"abc")],
    "a smaller size": [entry(3, 2, b"abc")],
    "not deflated": [b"\x33nonsense"],
    "cut short": [entry(3, 300, random.Random(1).randbytes(300))[:40]],
    "unknown type": [entry(5, 3, b"abc")],
    "type zero": [entry(0, 3, b"abc")],
    "a base that is no object": [entry(3, 3, b"abc"), entry(6, 4, size(3) + size(1) + b"\x01x", 5)],
    "a base before the pack": [entry(6, 4, size(3) + size(1) + b"\x01x", 4000)],
    "its own base": [entry(6, 4, size(3) + size(1) + b"\x01x", 0)],
    "a base by name": [b"\x74" + bytes(20) + zlib.compress(size(3) + size(1) + b"\x01x")],
    "a delta for another base": [FIRST, entry(6, 4, size(9) + size(1) + b"\x01x", len(FIRST))],
    "a header without an end": [b"\xff" * 40],
    "a large delta": [entry(3, 3, b"abc"), b"\xef" * 40],
}


@pytest.mark.parametrize("entries", LIES.values(), ids=LIES.keys())
def test_a_pack_that_lies_is_odd(tmp_path: Path, entries: list[bytes]) -> None:
    with pytest.raises((OddPackError, IndexError)):
        sifted(written(tmp_path, entries))


@pytest.mark.parametrize("offsets", [[1 << 31], [0x80000000 | 5], [4], [1 << 30]], ids=str)
def test_an_index_that_lies_is_odd(tmp_path: Path, offsets: list[int]) -> None:
    with pytest.raises((OddPackError, IndexError)):
        sifted(written(tmp_path, [entry(3, 3, b"abc")], offsets=offsets))


@pytest.mark.parametrize("keep", [0, 7, 1030, 1060])
def test_an_index_that_is_cut_short_is_odd(tmp_path: Path, keep: int) -> None:
    file = written(tmp_path, [entry(3, 3, b"abc")]) / "pack/pack-1.idx"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(OddPackError):
        packs(tmp_path, 20)


def test_an_index_that_says_it_is_endless_is_odd(tmp_path: Path) -> None:
    file = written(tmp_path, [entry(3, 3, b"abc")]) / "pack/pack-1.idx"
    data = bytearray(file.read_bytes())
    data[1028:1032] = b"\xff\xff\xff\xf0"
    file.write_bytes(data)
    with pytest.raises(OddPackError):
        packs(tmp_path, 20)


def test_what_is_too_large_is_left_to_git(tmp_path: Path) -> None:
    bomb = entry(3, LIMIT + 1, b"")
    small = size(LIMIT + 1) + size(2) + b"\x02ab"
    grows = size(3) + size(LIMIT + 9) + copy(0, 3)
    first = entry(3, 3, b"abc")
    parts = [bomb, entry(6, len(small), small, len(bomb)), first, entry(6, len(grows), grows, len(first))]
    recorder = Recorder()
    (index,) = packs(written(tmp_path, parts), 20)
    found = families(index, 1)[0].sift(recorder)[0]
    assert [data for data, _ in recorder.seen] == [b"abc"]
    assert sorted(found.values()) == [(), (), (), (("rule", 1),)]


def test_a_chain_without_end_is_odd(tmp_path: Path) -> None:
    delta = size(3) + size(3) + copy(0, 3)
    first = entry(3, 3, b"abc")
    links = [entry(6, len(delta), delta, len(first))]
    links += [entry(6, len(delta), delta, len(links[0]))] * 4200
    with pytest.raises(OddPackError, match="without an end"):
        sifted(written(tmp_path, [first, *links]))


# --- damage ---


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 40))
def test_a_damaged_pack_gives_the_report_that_git_would_give(
    seed: int, tmp_path_factory: pytest.TempPathFactory, rules: RuleSet
) -> None:
    rng = random.Random(seed)
    repo = history(tmp_path_factory.mktemp("d"), seed)
    repo.git("repack", "-adfq")
    file = next((repo.path / ".git/objects/pack").glob(rng.choice(["*.pack", "*.idx"])))
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    for _ in range(rng.randrange(1, 5)):
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    file.write_bytes(content[: rng.choice([len(content), len(content), len(content) - 7, len(content) // 2])])
    results = [
        pipeline.scan(GitHistory(repo.path), matcher)
        for matcher in (Matcher(rules, "vectorscan"), Matcher(rules, "aho"))
        if matcher.engine == "aho" or matcher.sieve(compile_now=True)
    ]
    assert results[0].findings == results[1].findings
    assert results[0].skipped == results[1].skipped
    assert results[0].stats == results[1].stats


def test_repositories_that_git_alone_can_read_are_not_sifted(tmp_path: Path) -> None:
    repo = history(tmp_path / "r", 1)
    repo.git("repack", "-adfq")
    assert packed(GitHistory(repo.path).repository, 4)
    (repo.path / ".git/objects/info").mkdir(exist_ok=True)
    (repo.path / ".git/objects/info/alternates").write_text("/nowhere\n")
    assert not packed(GitHistory(repo.path).repository, 4)


def test_an_index_knows_its_ids(tmp_path: Path) -> None:
    index = Index(written(tmp_path, [entry(3, 1, b"a"), entry(3, 1, b"b")]) / "pack/pack-1.idx", 20)
    assert [index.raw_id(0), index.raw_id(1)] == [bytes(20), bytes([0, 1]) * 10]
    assert isinstance(index.offsets, array)

"""Content cut into windows: every byte in exactly one, positions right, memory bounded."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import StandIn, fresh_key

from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.rule import load_rules
from scanner.sources.windows import windows

AT = Origin("x")
EVEN = st.integers(1, 40).map(lambda half: 2 * half)


def cut(data: bytes, size: int, overlap: int) -> list[Chunk]:
    return list(windows(io.BytesIO(data).read, AT, size=size, overlap=overlap))


def end_of(chunk: Chunk) -> int:
    return len(chunk.data) if chunk.end < 0 else chunk.end


def in_small_pieces(data: bytes, seed: int) -> Callable[[int], bytes]:
    stream, dice = io.BytesIO(data), random.Random(seed)
    return lambda count: stream.read(dice.randint(1, max(1, count)))


@given(st.lists(st.sampled_from([b"a", b"\n", "é".encode(), b"\x00"])).map(b"".join), EVEN, EVEN)
def test_every_byte_is_in_exactly_one_window(data: bytes, size: int, overlap: int) -> None:
    chunks = cut(data, size, overlap)
    assert b"".join(chunk.data[chunk.start : end_of(chunk)] for chunk in chunks) == data
    place = 0
    for chunk in chunks:
        assert chunk.offset + chunk.start == place
        place = chunk.offset + end_of(chunk)
        assert data[chunk.offset :].startswith(chunk.data)
        assert len(chunk.data) <= size + 2 * overlap
        assert chunk.offset % 2 == 0


@given(st.lists(st.sampled_from([b"a", b"\n", "é".encode()])).map(b"".join), EVEN, EVEN)
def test_positions_are_those_of_the_whole(data: bytes, size: int, overlap: int) -> None:
    for chunk in cut(data, size, overlap):
        before = data[: chunk.offset]
        assert chunk.line == before.count(b"\n") + 1
        assert chunk.column == len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "ignore")) + 1 or (
            before[-1:] == b"\xc3"  # cut within a character: its first half counts
        )


@given(st.binary(max_size=300), EVEN, EVEN, st.integers())
def test_context_stands_on_both_sides(data: bytes, size: int, overlap: int, seed: int) -> None:
    chunks = list(windows(in_small_pieces(data, seed), AT, size=size, overlap=overlap))
    for chunk in chunks:
        assert chunk.start >= min(overlap, chunk.offset + chunk.start)
        rest = len(data) - chunk.offset - end_of(chunk)
        assert len(chunk.data) - end_of(chunk) >= min(overlap, rest)


@pytest.mark.parametrize("length", [0, 1, 63, 64])
def test_what_fits_is_one_chunk(length: int) -> None:
    assert cut(b"x" * length, 64, 8) == [Chunk(b"x" * length, AT)]


@pytest.mark.parametrize(("size", "overlap"), [(0, 2), (3, 2), (4, 3), (4, 0)])
def test_sizes_that_would_cut_wrongly_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="even"):
        cut(b"", size, overlap)


@given(st.lists(st.integers(0, 90), max_size=8), EVEN.map(lambda size: size + 20))
def test_any_cut_gives_the_same_findings(gaps: list[int], size: int) -> None:
    data = b"".join(b"line\n"[gap % 5 :] * gap + fresh_key() + b" " for gap in gaps)
    whole = list(StandIn().find(Chunk(data, AT)))
    assert len(whole) == len(gaps)
    assert [found for chunk in cut(data, size, 64) for found in StandIn().find(chunk)] == whole


def test_any_cut_gives_the_same_findings_with_the_real_matcher() -> None:
    dice = random.Random()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    keys = ["lt_live_" + "".join(dice.choices(letters, k=32)) for _ in range(12)]
    data = "".join(f"LOGTALK_API_KEY={key}\n" + "text \n" * dice.randint(0, 400) for key in keys).encode()
    matcher = Matcher(load_rules())
    whole = list(matcher.find(Chunk(data, AT)))
    assert {found.secret.reveal().decode() for found in whole} == {key.removeprefix("lt_live_") for key in keys}
    for size in (1000, 1234, 5000):
        chunks = cut(data, size, 4096)
        assert len(chunks) > 1
        pieces = {found.sort_key: found for chunk in chunks for found in matcher.find(chunk)}
        assert [pieces[key] for key in sorted(pieces)] == whole

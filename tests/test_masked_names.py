"""Names that reports show masked, found again: by what is left of them, in bounded time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.models import Kind
from scanner.sources.masked_names import Masked, Names, in_folders

TEXT = st.text(alphabet="ab/.é*", max_size=12)


@given(st.lists(st.tuples(TEXT, TEXT.filter(bool)), min_size=1, max_size=4), TEXT)
def test_a_text_fits_what_masking_made_of_it(pairs: list[tuple[str, str]], end: str) -> None:
    masked = "".join(f"{shown}********" for shown, _ in pairs) + end
    assert Masked(masked).fits("".join(f"{shown}{hidden}" for shown, hidden in pairs) + end) or "*" in masked.replace(
        "********", ""
    )


@given(TEXT, TEXT)
def test_fits_as_a_pattern_would(masked: str, text: str) -> None:
    pattern = ".+".join(map(re.escape, re.split(r"\*+", masked)))
    assert Masked(masked).fits(text) == (re.fullmatch(pattern, text, re.DOTALL) is not None)


def test_a_hostile_mask_takes_no_longer() -> None:
    assert not Masked("*a" * 5_000 + "*b").fits("a" * 20_000)


def test_names_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("conf/a-1.txt", "conf/a-2.txt", "conf/b-3.txt", "other/a-4.txt", "conf/a-/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert in_folders("conf/a-********.txt") == (b"conf/a-1.txt", b"conf/a-2.txt")
    assert in_folders("********/a-********.txt") == (b"conf/a-1.txt", b"conf/a-2.txt", b"other/a-4.txt")
    assert in_folders(f"{tmp_path}/o********r/a-4.txt") == (bytes(tmp_path) + b"/other/a-4.txt",)
    for none in ("", "conf/c-********", "no/a-********", "conf/a-1.txt/********", "a\0b/********", "conf/../\0"):
        assert in_folders(none) == ()


def test_names_are_content() -> None:
    (chunk,) = Names(Kind.PATH_NAME, (b"a\xff",)).chunks()
    assert (chunk.data, chunk.origin.path, chunk.origin.kind) == (b"a\xff", "a\\xff", Kind.PATH_NAME)

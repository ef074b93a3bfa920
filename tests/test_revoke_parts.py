"""The pieces of revocation: which entry of a list is meant, where a new key goes, what a service calls a rule."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import UsageError
from scanner.handover import Handover, HandoverError, KeyCommand, KeyFile
from scanner.models import Secret
from scanner.revocation_service import type_of
from scanner.revoke_owner import candidates, fits

LISTING = {"items": "data", "id": "id", "more": "has_more", "match": {"hint": {"shortened": "{key}"}}}
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=13, max_size=40)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["data", "id", "hint", "has_more", "x"]), inner, max_size=4
    ),
    max_leaves=15,
)  # fmt: skip


@given(secret=TEXTS, head=st.integers(0, 6), tail=st.integers(0, 6), gap=st.sampled_from(["...", "***", "…", "••••"]))
def test_a_shortened_key_fits_when_enough_of_it_is_shown(secret: str, head: int, tail: int, gap: str) -> None:
    key = f"sk-{secret}"
    short = key[: 3 + head].rstrip(".*") + gap + (key[-tail:] if tail else "").lstrip(".*")
    values = {"key": key, "public": "sk-", "secret": secret}
    shown = len(short) - len(gap) - 3
    plain = not any(mark in secret for mark in (".", "*"))
    if plain:
        assert fits({"hint": short}, LISTING["match"], values) == (shown >= 3)
        other = f"sk-\x7f{secret}" if head else f"sk-{secret}\x7f"
        assert not fits({"hint": short}, LISTING["match"], {**values, "key": other}) or not head + tail


@given(tree=TREES)
def test_any_list_is_understood_or_refused(tree: Any) -> None:
    found = candidates(tree, LISTING, {"key": "sk-abcdefghijkl", "public": "sk-"}, ("abcdefghijkl",))
    assert all("abcdefghijkl" not in one for one in found.ids)
    assert list(found.ids) == sorted(set(found.ids))


@pytest.mark.parametrize(("item", "complete"), [
    ({"id": "key_1"}, True), ({"id": 17}, True), ({"id": True}, False), ({"id": ""}, False), ({}, False),
    ({"id": "a/../b"}, False), ({"id": "x-the-secret"}, False), ({"id": "e\u0301"}, False),
])  # fmt: skip
def test_an_entry_without_an_id_makes_the_list_incomplete(item: dict[str, Any], complete: bool) -> None:
    tree = {"data": [{**item, "hint": "sk-abc...jkl"}]}
    values = {"key": "sk-abcdefghijkl", "public": "sk-"}
    assert candidates(tree, LISTING, values, ("the-secret",)).complete == complete


def test_a_list_that_goes_on_is_incomplete() -> None:
    tree = {"data": [{"id": "key_1", "hint": "sk-abc...jkl"}], "has_more": True}
    found = candidates(tree, LISTING, {"key": "sk-abcdefghijkl", "public": "sk-"}, ())
    assert found.ids == ("key_1",) and not found.complete


@pytest.mark.parametrize(("rule_id", "known", "named", "expected"), [
    ("logtalk-api-key", ["keysweep_rule_id_logtalk_api_key"], {}, "keysweep_rule_id_logtalk_api_key"),
    ("logtalk-api-key", ["Gitleaks Rule ID: LogTalk API Key"], {}, "Gitleaks Rule ID: LogTalk API Key"),
    ("a-key", ["a_key", "gitleaks_rule_id_a_key"], {}, "gitleaks_rule_id_a_key"),
    ("logtalk-api-key", ["logtalk"], {}, ""),
    ("logtalk-api-key", ["logtalk"], {"logtalk-api-key": "logtalk"}, "logtalk"),
    ("logtalk-api-key", ["logtalk_api_key"], {"logtalk-api-key": "other"}, ""),
])  # fmt: skip
def test_types_of_a_service(rule_id: str, known: list[str], named: dict[str, str], expected: str) -> None:
    assert type_of(rule_id, known, named) == expected


# --- handing over ---


NEW = Secret(b"a-new-key-of-a-test")


def test_a_file_is_reserved_before_and_written_after(tmp_path: Path) -> None:
    way = Handover(KeyFile(tmp_path / "new"), tmp_path)
    way.prepare()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert NEW.reveal() not in (tmp_path / "new").read_bytes()
    assert str(tmp_path / "new") in way.give(NEW)
    assert (tmp_path / "new").read_bytes() == NEW.reveal() + b"\n"
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_what_was_reserved_is_given_back(tmp_path: Path) -> None:
    way = Handover(KeyFile(tmp_path / "new"), tmp_path)
    way.prepare()
    way.cancel()
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "new").symlink_to(tmp_path / "elsewhere" / "target")
    with pytest.raises(UsageError, match="exists"):
        Handover(KeyFile(tmp_path / "new"), tmp_path).prepare()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_full_disk_is_found_out_before() -> None:
    """Such a device takes nothing."""
    folder = Path("/dev")
    with pytest.raises(UsageError, match=r"exists|cannot be written"):
        KeyFile(folder / "full").prepare()


def test_what_the_target_does_not_take_is_kept(tmp_path: Path) -> None:
    way = Handover(KeyCommand(f"{sys.executable} -c 'import os; os.abort()'"), tmp_path)
    way.prepare()
    with pytest.raises(HandoverError, match="is kept in") as told:
        way.give(NEW)
    (kept,) = tmp_path.iterdir()
    assert str(kept) in str(told.value) and NEW.reveal().decode() not in str(told.value)
    assert kept.read_bytes() == NEW.reveal() + b"\n" and stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_command_that_reads_nothing_has_not_failed(tmp_path: Path) -> None:
    way = Handover(KeyCommand(f"{sys.executable} -c pass"), tmp_path)
    way.prepare()
    assert way.give(NEW) == "the command took the new key"
    assert list(tmp_path.iterdir()) == []


def test_a_command_gets_the_key_from_its_input_only(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "key = sys.stdin.read().strip()\n"
        "assert key not in repr(sys.argv) + repr(dict(os.environ))\n"
        "open(sys.argv[1], 'w').write(key)\n"
    )
    out = tmp_path / "out"
    (tmp_path / "spare").mkdir()
    way = Handover(KeyCommand(f"{sys.executable} '{program}' '{out}'"), tmp_path / "spare")
    way.prepare()
    way.give(NEW)
    assert out.read_bytes() == NEW.reveal()
    assert os.listdir(tmp_path / "spare") == []  # noqa: PTH208 - names are enough

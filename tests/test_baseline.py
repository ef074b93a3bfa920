"""Identities and the baseline file."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from made_findings import fresh, made

from scanner import baseline as baselines
from scanner import identity as identities_module
from scanner.baseline import Baseline, Entry, load, match, new_baseline, parse, render, save, update
from scanner.errors import ConfigError
from scanner.identity import Identities, identity, place
from scanner.models import MASK, Kind, Location, Secret

TODAY = date(2026, 11, 22)
SALT = b"s" * 16


class TestIdentity:
    def test_is_scrypt_over_length_prefixed_rule_path_and_secret(self) -> None:
        secret = fresh()
        parts = (b"logtalk-api-key", b"a.env", secret)
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        expected = hashlib.scrypt(message, salt=SALT, n=4096, r=8, p=1, dklen=16).hex()
        assert identity("logtalk-api-key", "a.env", Secret(secret), SALT) == expected
        assert len(expected) == 32

    def test_differs_where_anything_differs(self) -> None:
        secret = fresh()
        variants = [
            identity("rule", "path", Secret(secret), SALT),
            identity("rul", "epath", Secret(secret), SALT),
            identity("rule", "other", Secret(secret), SALT),
            identity("rule", "path", Secret(fresh()), SALT),
            identity("rule", "path", Secret(secret), b"t" * 16),
            identity("rule", "path", Secret(secret), SALT, b"pepper"),
            identity("rule", "path", Secret(secret), SALT, b"other pepper"),
        ]
        assert len(set(variants)) == len(variants)

    def test_takes_a_path_that_is_not_utf8(self) -> None:
        name = os.fsdecode(b"caf\xe9.env")
        assert identity("rule", name, Secret(fresh()), SALT)

    def test_many_in_threads_equal_one_by_one(self) -> None:
        findings = [made(f"{n}.env") for n in range(9)]
        together = Identities(SALT, b"pepper")
        together.prepare(findings)
        expected = [identity(f.rule_id, f.location.path, f.secret, SALT, b"pepper") for f in findings]
        assert [together.of(f) for f in findings] == expected

    def test_computes_each_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = _counted(monkeypatch)
        finding = made()
        moved = replace(finding, location=replace(finding.location, line=99))
        identities = Identities(SALT)
        identities.prepare([finding, moved])
        identities.of(finding)
        identities.prepare([moved])
        assert len(calls) == 1

    def test_a_secret_in_a_file_name_is_masked_before_it_becomes_a_place(self) -> None:
        secret = fresh()
        finding = made(f"backup/{secret.decode()}.txt", secret=secret, kind=Kind.PATH_NAME)
        identities = Identities(SALT, mask=lambda text: text.replace(secret.decode(), MASK))
        assert identities.place(finding) == f"backup/{MASK}.txt"

    def test_the_place_of_a_message_does_not_hold_the_commit(self) -> None:
        before = made("commit 1a2b3c4", kind=Kind.COMMIT_MESSAGE, object_id="1a2b3c4")
        after = replace(before, location=Location("commit 9f8e7d6", 0, 9, 1, 1, 1, 9))
        assert place(before) == place(after) == ".git/commit-messages"

    def test_shows_nothing_of_what_it_knows(self) -> None:
        secret = fresh()
        identities = Identities(SALT, b"my own pepper")
        identities.of(made(secret=secret))
        assert repr(identities) == "Identities(1 known)"


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def counting(rule_id: str, path: str, *rest: object) -> str:
        calls.append(path)
        return identity(rule_id, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(identities_module, "identity", counting)
    return calls


class TestFile:
    def test_round_trips(self) -> None:
        entries = (
            Entry("a-key", "x.env", "0" * 32),
            Entry("b-key", "ünï\n.env", "f" * 32, 'he said "fine"', date(2027, 1, 31), TODAY),
        )
        before = replace(new_baseline(b"pepper"), entries=tuple(sorted(entries, key=lambda e: e.sort_key)))
        assert parse(render(before)) == before
        assert parse(render(before).replace("\n", "\r\n").encode()) == before

    def test_is_sorted_with_one_entry_a_line(self) -> None:
        entries = tuple(Entry("k", f"{n}.env", "0" * 32) for n in (3, 1, 2))
        lines = render(Baseline(SALT, entries)).splitlines()
        assert [json.loads(line)["path"] for line in lines[1:]] == ["1.env", "2.env", "3.env"]

    def test_two_baselines_have_different_salts(self) -> None:
        assert new_baseline().salt != new_baseline().salt

    def test_holds_no_secret_and_the_salt_hides_from_repr(self, tmp_path: Path) -> None:
        secret = fresh()
        base = new_baseline()
        done = update(base, [made(secret=secret)], base.identities(), TODAY)
        save(done.baseline, tmp_path / "b")
        written = (tmp_path / "b").read_bytes()
        assert secret not in written
        for cheap in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.blake2b):
            assert cheap(secret).hexdigest().encode()[:32] not in written
        assert base.salt.hex() not in repr(done) and repr(base.salt) not in repr(done)

    def test_is_written_whole_or_not_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "b"
        save(Baseline(SALT), path)
        before = path.read_bytes()

        def full_disk(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full_disk)
        with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
            save(Baseline(SALT, (Entry("k", "p", "0" * 32),)), path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_keeps_mode_and_symlink(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real", tmp_path / "link"
        save(Baseline(SALT), real)
        assert real.stat().st_mode & 0o777 == 0o644
        real.chmod(0o600)
        link.symlink_to(real)
        save(Baseline(SALT, (Entry("k", "p", "0" * 32),)), link)
        assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o600
        assert len(load(link).entries) == 1

    def test_a_missing_file_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read: No such file"):
            load(tmp_path / "none")
        with pytest.raises(ConfigError, match="the baseline cannot be written: No such file"):
            save(Baseline(SALT), tmp_path / "none" / "b")


HEADER = render(Baseline(SALT)).strip()
GOOD = '{"rule": "k", "path": "p", "id": "' + "0" * 32 + '", "reason": "", "expires": null, "added": null}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", r"b:1: not a baseline: the first line must be its header", id="empty"),
        pytest.param("[]\n", r"b:1: not a JSON object", id="array"),
        pytest.param("{}\n", r"b:1: not a baseline", id="no header"),
        pytest.param(GOOD, r"b:1: not a baseline", id="header missing"),
        pytest.param(HEADER.replace('": 1', '": 2'), r"b:1: format version 1 .* newer keysweep", id="version"),
        pytest.param(HEADER.replace("scrypt", "md5"), r"b:1: 'kdf' must be", id="kdf"),
        pytest.param(HEADER.replace("73", "zz"), r"b:1: 'salt' and 'keyed' must be hexadecimal", id="salt"),
        pytest.param(HEADER.replace("73" * 8, ""), r"b:1: 'salt' must be 16 bytes", id="short salt"),
        pytest.param(HEADER.replace('""', "7"), r"b:1: 'salt' and 'keyed' must be hex", id="keyed type"),
        pytest.param(HEADER.replace('"kdf"', '"kdF"'), r'b:1: unknown key "kdF"', id="header key"),
        pytest.param(f"{HEADER}\n\n{{\n", r"b:3: not a JSON object", id="broken line"),
        pytest.param(f"{HEADER}\n<<<<<<< HEAD\n{GOOD}\n", r"b:2: a merge conflict", id="conflict"),
        pytest.param(f"{HEADER}\n{GOOD}\n{GOOD}\n", r"b:3: the same rule, path and id", id="twice"),
        pytest.param(HEADER + "\n" + GOOD.replace('rule', 'rul'), r'b:2: unknown key "rul"', id="entry key"),
        pytest.param(HEADER + "\n" + GOOD.replace('"p"', '7'), r"b:2: 'path' must be a text", id="path type"),
        pytest.param(HEADER + "\n" + GOOD.replace('00', '0'), r"b:2: 'id' must be 32", id="short id"),
        pytest.param(HEADER + "\n" + GOOD.replace('""', '[]'), r"b:2: 'reason' must be a text", id="reason type"),
        pytest.param(
            HEADER + "\n" + GOOD.replace('null', '"soon"', 1), r"b:2: 'expires' must be a date such as", id="date"
        ),
        pytest.param(f"{HEADER}\n{'[' * 100_000}", r"b:2: not a JSON object", id="deep"),
    ],
)
def test_refuses_a_bad_file_with_line_and_reason(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"^{complaint}"):
        parse(text, "b")


def test_refuses_bytes_that_are_no_text() -> None:
    with pytest.raises(ConfigError, match=r"^b: not a baseline: not UTF-8"):
        parse(b"\xff\xfe", "b")


class TestMatch:
    def test_survives_moved_lines_and_edits_around(self) -> None:
        finding = made("app.py", line=3)
        base = new_baseline()
        base = update(base, [finding], base.identities(), TODAY).baseline
        moved = replace(
            finding,
            location=Location("app.py", 9_000, 9_040, 400, 7, 400, 47),
            text=f"client(lt_live_{MASK})",
            variable="",
        )
        known = match(base, [moved], base.identities())
        assert known.entry(moved) == base.entries[0]
        assert known.unmatched == ()

    def test_a_new_key_on_the_old_line_is_new(self) -> None:
        finding = made()
        base = new_baseline()
        base = update(base, [finding], base.identities(), TODAY).baseline
        swapped = replace(finding, secret=Secret(fresh()))
        known = match(base, [swapped], base.identities())
        assert known.entry(swapped) is None
        assert known.unmatched == base.entries

    def test_hashes_only_what_the_baseline_could_know(self, monkeypatch: pytest.MonkeyPatch) -> None:
        finding = made("known.env")
        base = new_baseline()
        base = update(base, [finding], base.identities(), TODAY).baseline
        calls = _counted(monkeypatch)
        match(base, [finding, *(made(f"{n}.env") for n in range(50))], base.identities())
        assert calls == ["known.env"]

    @pytest.mark.parametrize(
        ("made_with", "read_with", "complaint"),
        [
            (b"", b"pepper", "made without an identity key"),
            (b"pepper", b"", "set KEYSWEEP_IDENTITY_KEY to the same key"),
            (b"pepper", b"other", "made with another identity key"),
        ],
    )
    def test_refuses_another_pepper(self, made_with: bytes, read_with: bytes, complaint: str) -> None:
        base = parse(render(new_baseline(made_with)), "b")
        base.identities(made_with)
        with pytest.raises(ConfigError, match=complaint) as caught:
            base.identities(read_with)
        assert "pepper" not in str(caught.value)


class TestUpdate:
    def test_keeps_reasons_adds_reports_stale_and_prunes(self) -> None:
        stays, goes, comes = made("1.env"), made("2.env"), made("3.env")
        base = new_baseline()
        first = update(base, [stays, goes], base.identities(), date(2026, 1, 1)).baseline
        reasoned = replace(
            first, entries=tuple(replace(e, reason="why", expires=date(2027, 1, 1)) for e in first.entries)
        )
        second = update(
            reasoned, [stays, comes], reasoned.identities(), TODAY, reason=lambda _: "new", expires=date(2026, 12, 1)
        )
        by_path = {e.path: e for e in second.baseline.entries}
        assert list(by_path) == ["1.env", "2.env", "3.env"]
        assert by_path["1.env"] == reasoned.entries[0]
        assert by_path["3.env"] == replace(
            by_path["3.env"], reason="new", expires=date(2026, 12, 1), added=TODAY, rule="logtalk-api-key"
        )
        assert [e.path for e in second.added] == ["3.env"]
        assert [e.path for e in second.kept] == ["1.env"]
        assert [e.path for e in second.stale] == ["2.env"]
        assert second.removed == ()
        pruned = update(reasoned, [stays, comes], reasoned.identities(), TODAY, prune=True)
        assert [e.path for e in pruned.baseline.entries] == ["1.env", "3.env"]
        assert pruned.removed == pruned.stale

    def test_the_same_key_twice_in_a_file_is_one_entry(self) -> None:
        secret = fresh()
        base = new_baseline()
        done = update(base, [made(line=1, secret=secret), made(line=9, secret=secret)], base.identities(), TODAY)
        assert len(done.baseline.entries) == 1

    def test_after_an_incomplete_scan_nothing_is_stale_and_nothing_pruned(self) -> None:
        base = new_baseline()
        base = update(base, [made()], base.identities(), TODAY).baseline
        assert update(base, [], base.identities(), TODAY, complete=False).stale == ()
        with pytest.raises(ConfigError, match="not pruned, because the scan could not read everything"):
            update(base, [], base.identities(), TODAY, complete=False, prune=True)

    def test_updating_with_the_same_findings_changes_nothing(self) -> None:
        findings = [made(f"{n}.env") for n in range(3)]
        base = new_baseline()
        once = update(base, findings, base.identities(), TODAY).baseline
        again = update(once, findings, once.identities(), date(2030, 1, 1), prune=True).baseline
        assert render(again) == render(once)


def test_expires_on_its_day() -> None:
    entry = Entry("k", "p", "0" * 32, expires=TODAY)
    assert entry.expired(TODAY)
    assert not entry.expired(date(2026, 11, 21))
    assert not replace(entry, expires=None).expired(TODAY)


def test_all_is_true() -> None:
    assert all(hasattr(baselines, name) for name in baselines.__all__)

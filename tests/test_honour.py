"""What other scanners were told to tolerate: counts only where it is asked for, and never more than was meant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import ConfigError, UsageError
from scanner.fakes import Fake
from scanner.rival_files import Claim, parse
from scanner.rivals import Wish, comments_of, marks, wishes
from tests.commands import keysweep
from tests.gitrepo import GitRepo

NewKey = Callable[..., Fake]
RULE = "logtalk-api-key"


def scan(place: Path, *words: str) -> dict[str, Any]:
    """The JSON report of a scan."""
    done = keysweep(place, *words, "--quiet", "--report", "json")
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def suppressed(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    """(by, reason, line) of what is not reported."""
    return [(one["by"], one["reason"], one["finding"]["line"]) for one in report["suppressed"]]


# --- comments ---

COMMENTS = [
    ("gitleaks", "# gitleaks:allow"),
    ("betterleaks", "// betterleaks:allow"),
    ("detect-secrets", "# pragma: allowlist secret"),
    ("detect-secrets", "<!-- pragma: whitelist secret -->"),
    ("trufflehog", "# trufflehog:ignore"),
    ("kingfisher", "# kingfisher:ignore"),
    ("ggshield", "# ggignore"),
    ("nosec", "# nosec"),
    ("nosec", "# nosec B105"),
    ("nosec", "#nosec: B101, B106 - made up"),
    ("nosec", "// #nosec G101 -- made up"),
]


@pytest.mark.parametrize(("name", "comment"), COMMENTS, ids=[comment for _, comment in COMMENTS])
def test_a_comment_counts_only_when_it_is_honoured(name: str, comment: str, tmp_path: Path, new_key: NewKey) -> None:
    lines = [f"KEY={new_key(RULE).key.decode()}  {comment}", f"KEY={new_key(RULE).key.decode()}"]
    (tmp_path / "a.env").write_text("\n".join(lines) + "\n")
    assert len(scan(tmp_path, "files", ".")["findings"]) == 2
    report = scan(tmp_path, "files", ".", "--honour", name)
    assert suppressed(report) == [("honoured", f"a comment for {name}", 1)]
    assert [one["line"] for one in report["findings"]] == [2]
    assert report["summary"]["suppressed"]["honoured"] == 1
    assert report["exit_code"] == 1
    other = "trufflehog" if name != "trufflehog" else "gitleaks"
    assert len(scan(tmp_path, "files", ".", "--honour", other)["findings"]) == 2
    assert len(scan(tmp_path, "files", ".", "--honour", name, "--no-inline-allow")["findings"]) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"KEY # nosec B301", ()),
        (b"KEY # nosec try_except_pass", ()),
        (b"KEY # nosec hardcoded_password_string", ("nosec",)),
        (b"KEY # nosecret", ()),
        (b"KEY # ggignored", ()),
        (b"# gitleaks:allow\nKEY", ()),
        (b"KEY\n# gitleaks:allow", ()),
        (b"# pragma: allowlist nextline secret\nKEY", ("detect-secrets",)),
        (b"# pragma: allowlist nextline secret\n\nKEY", ()),
        (b"# pragma: allowlist nextline secret KEY", ()),
        (b"KEY # gitleaks:allow trufflehog:ignore", ("gitleaks", "trufflehog")),
        (b"x" * 9000 + b" KEY gitleaks:allow", ("gitleaks",)),
        (b"KEY" + b" " * 9000 + b"gitleaks:allow", ()),
    ],
)
def test_where_a_comment_must_stand(text: bytes, found: tuple[str, ...]) -> None:
    at = text.index(b"KEY")
    assert marks(text, at, at + 3) == found


def test_a_key_of_several_lines_is_marked_on_its_first_or_its_last() -> None:
    for text in (b"-----A gitleaks:allow\nb\nc-----", b"-----A\nb\nc----- gitleaks:allow"):
        assert marks(text, 0, text.index(b"c-----") + 6) == ("gitleaks",)
    text = b"-----A\nb gitleaks:allow\nc-----"
    assert marks(text, 0, len(text)) == ()


def test_betterleaks_brings_the_comments_of_gitleaks_along() -> None:
    assert comments_of(wishes(["betterleaks"])) == {"betterleaks", "gitleaks"}
    assert comments_of(wishes(["gitleaks"])) == {"gitleaks"}
    assert wishes(["gitleaks,nosec", "gitleaks=a.json"]) == (
        Wish("gitleaks"), Wish("nosec"), Wish("gitleaks", "a.json"),
    )  # fmt: skip
    with pytest.raises(UsageError, match="honour 'noseyparker' is not known: choose from betterleaks, "):
        wishes(["noseyparker"])
    with pytest.raises(UsageError, match="names no file"):
        wishes(["gitleaks="])


# --- files ---


@pytest.fixture
def repo(tmp_path: Path, new_key: NewKey) -> GitRepo:
    """Two keys in a file; then a line before them, so that they stand elsewhere than where they came in."""
    repo = GitRepo.new(tmp_path / "repo")
    one, two = (new_key(RULE).key.decode() for _ in range(2))
    repo.commit("keys", {"app/a.env": f"ONE={one}\nTWO={two}\n"})
    repo.commit("more", {"app/a.env": f"# added later\n\nONE={one}\nTWO={two}\n"})
    return repo


def key(repo: GitRepo, line: int) -> str:
    """The key on a line of the file."""
    return (repo.path / "app/a.env").read_text().splitlines()[line - 1].partition("=")[2]


def test_a_fingerprint_with_a_commit_follows_the_key(repo: GitRepo) -> None:
    first = repo.git("rev-parse", "HEAD~1")
    repo.write(".gitleaksignore", f"# known\n{first}:app/a.env:some-rule:1\n")
    assert len(scan(repo.path, "history", ".")["findings"]) == 2
    for words in (("history", "."), ("files", ".")):
        report = scan(repo.path, *words, "--honour", "gitleaks")
        assert suppressed(report) == [("honoured", ".gitleaksignore:2", 3)]
        assert [one["line"] for one in report["findings"]] == [4]


def test_a_fingerprint_without_a_commit_is_about_a_line(repo: GitRepo) -> None:
    repo.write(".betterleaksignore", "app/a.env:some-rule:4\n")
    report = scan(repo.path, "files", ".", "--honour", "betterleaks")
    assert suppressed(report) == [("honoured", ".betterleaksignore:1", 4)]
    assert not suppressed(scan(repo.path, "files", ".", "--honour", "gitleaks"))


def test_the_hash_of_a_secret_is_about_that_secret(repo: GitRepo, new_key: NewKey) -> None:
    repo.write(".betterleaksignore", hashlib.sha256(key(repo, 3).encode()).hexdigest() + "\n")
    assert suppressed(scan(repo.path, "history", ".", "--honour", "betterleaks")) == [
        ("honoured", ".betterleaksignore:1", 3)
    ]
    repo.write("app/a.env", f"\n\nONE={new_key(RULE).key.decode()}\n")
    assert not suppressed(scan(repo.path, "files", ".", "--honour", "betterleaks"))


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def detect_secrets(repo: GitRepo, line: int, path: str = "app/a.env", **more: object) -> str:
    entry = {
        "type": "Made up", "filename": path, "line_number": 99,
        "hashed_secret": sha1(key(repo, line)), **more,
    }  # fmt: skip
    return json.dumps({"version": "1.5.0", "plugins_used": [], "results": {path: [entry]}})


def test_a_baseline_of_detect_secrets_is_about_a_secret_in_a_file(repo: GitRepo) -> None:
    repo.write(".secrets.baseline", detect_secrets(repo, 4, is_secret=False))
    reason = ".secrets.baseline (entry 1 of its file, audited: no secret)"
    assert suppressed(scan(repo.path, "files", ".", "--honour", "detect-secrets")) == [("honoured", reason, 4)]
    repo.write(".secrets.baseline", detect_secrets(repo, 4, path="other.env"))
    assert not suppressed(scan(repo.path, "files", ".", "--honour", "detect-secrets"))


def test_a_baseline_of_detect_secrets_knows_a_private_key_by_its_first_line(tmp_path: Path, new_key: NewKey) -> None:
    pem = new_key("privatekey-ec").key.decode()
    (tmp_path / "id").write_text(pem + "\n")
    digest = sha1("BEGIN EC " + "PRIVATE KEY")
    (tmp_path / ".secrets.baseline").write_text(json.dumps({"results": {"id": [{"hashed_secret": digest}]}}))
    assert [one[0] for one in suppressed(scan(tmp_path, "files", "id", "--honour", "detect-secrets"))] == ["honoured"]


def report_of_gitleaks(repo: GitRepo, *, masked: bool) -> str:
    entry = {
        "RuleID": "made-up", "StartLine": 2, "EndLine": 2, "File": "app/a.env",
        "Commit": repo.git("rev-parse", "HEAD~1"), "Secret": "REDACTED" if masked else key(repo, 4),
    }  # fmt: skip
    return json.dumps([entry])


@pytest.mark.parametrize("masked", [False, True])
def test_a_report_of_gitleaks_as_a_baseline(repo: GitRepo, masked: bool) -> None:
    repo.write("ci/known.json", report_of_gitleaks(repo, masked=masked))
    report = scan(repo.path, "history", ".", "--honour", "gitleaks=ci/known.json")
    assert suppressed(report) == [("honoured", "known.json (entry 1)", 4)]


def test_the_configuration_can_say_it(repo: GitRepo) -> None:
    repo.write(".keysweep.toml", 'honour = ["trufflehog", "gitleaks=ci/known.json"]\n')
    repo.write("ci/known.json", report_of_gitleaks(repo, masked=True))
    assert suppressed(scan(repo.path, "history", ".")) == [("honoured", "known.json (entry 1)", 4)]
    repo.write(".keysweep.toml", 'honour = "noseyparker"\n')
    done = keysweep(repo.path, "history", ".")
    assert done.returncode == 2
    assert "'honour' must be one or several of betterleaks, detect-secrets," in done.stderr


def test_a_file_that_is_named_must_be_there(repo: GitRepo) -> None:
    done = keysweep(repo.path, "history", ".", "--honour", "gitleaks=none.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "none.json: no such file" in done.stderr
    assert scan(repo.path, "history", ".", "--honour", "gitleaks")["exit_code"] == 1


def test_providers_are_not_asked_about_what_is_tolerated(repo: GitRepo) -> None:
    repo.write(".gitleaksignore", "app/a.env:some-rule:3\napp/a.env:some-rule:4\n")
    plan = keysweep(repo.path, "files", ".", "--verify-plan", "--honour", "gitleaks").stdout
    assert "api.logtalk.io" in keysweep(repo.path, "files", ".", "--verify-plan").stdout
    assert "api.logtalk.io" not in plan


# --- a change cannot bring its own permission ---


def test_with_trust_base_only_the_base_counts(tmp_path: Path, new_key: NewKey) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    one, two, three = (new_key(RULE).key.decode() for _ in range(3))
    digests = [hashlib.sha256(value.encode()).hexdigest() for value in (one, two)]
    repo.commit("base", {".betterleaksignore": digests[0] + "\n", ".keysweep.toml": 'honour = ["betterleaks"]\n'})
    text = f"ONE={one}\nTWO={two}\nTHREE={three} # betterleaks:allow\n"
    repo.commit("change", {".betterleaksignore": "\n".join(digests) + "\n", "a.env": text})
    assert [line for *_, line in suppressed(scan(repo.path, "diff", "HEAD~1..HEAD"))] == [1, 2, 3]
    report = scan(repo.path, "diff", "HEAD~1..HEAD", "--trust", "base")
    assert [line for *_, line in suppressed(report)] == [1]
    assert suppressed(report)[0][1].startswith(".betterleaksignore of ")
    assert "1 comment for other scanners of this change ignored" in report["notes"]
    assert any(".betterleaksignore is edited by this change" in note for note in report["notes"])
    # what the command line names is taken as it is
    assert len(suppressed(scan(
        repo.path, "diff", "HEAD~1..HEAD", "--trust", "base", "--honour", "betterleaks=.betterleaksignore"
    ))) == 2  # fmt: skip


# --- taken over into our own baseline ---


def entries(repo: GitRepo) -> list[dict[str, Any]]:
    lines = (repo.path / ".keysweep-baseline").read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_fingerprints_become_a_baseline(repo: GitRepo) -> None:
    first = repo.git("rev-parse", "HEAD~1")
    repo.write(".gitleaksignore", f"{first}:app/a.env:r:2\n{first}:gone.env:r:7\n")
    done = keysweep(repo.path, "baseline", "import", ".gitleaksignore")
    assert done.returncode == 0, done.stderr
    assert ".keysweep-baseline: 1 added for 1 entry of .gitleaksignore" in done.stdout
    assert f"fits nothing that was found: .gitleaksignore:2: gone.env:7 of {first[:12]}" in done.stdout
    assert [(one["rule"], one["path"], one["reason"]) for one in entries(repo)] == [
        (RULE, "app/a.env", ".gitleaksignore:1")
    ]
    assert [one["line"] for one in scan(repo.path, "history", ".")["findings"]] == [3]


def test_a_second_import_adds_to_the_first(repo: GitRepo) -> None:
    repo.write(".secrets.baseline", detect_secrets(repo, 3))
    repo.write("known.json", report_of_gitleaks(repo, masked=False))
    keysweep(repo.path, "baseline", "import", ".secrets.baseline", "--reason", "moved", "--expires", "2099-01-01")
    assert [(one["reason"], one["expires"]) for one in entries(repo)] == [("moved", "2099-01-01")]
    done = keysweep(repo.path, "baseline", "import", "known.json")
    assert "1 added for 1 entry" in done.stdout
    assert sorted(one["reason"] for one in entries(repo)) == ["known.json (entry 1)", "moved"]
    assert keysweep(repo.path, "history", ".").returncode == 0
    assert "0 added" in keysweep(repo.path, "baseline", "import", "known.json").stdout


def test_a_report_of_trufflehog_becomes_a_baseline(repo: GitRepo) -> None:
    at = {"commit": repo.head(), "file": "app/a.env", "line": 3}
    found = {"SourceMetadata": {"Data": {"Git": at}}, "DetectorName": "MadeUp", "Raw": key(repo, 3)}
    repo.write("hog.json", json.dumps({"level": "info", "msg": "hello"}) + "\n" + json.dumps(found) + "\n")
    assert "1 added for 1 entry" in keysweep(repo.path, "baseline", "import", "hog.json").stdout
    assert key(repo, 3)[8:] not in (repo.path / ".keysweep-baseline").read_text()


def test_a_report_of_betterleaks_becomes_a_baseline(repo: GitRepo) -> None:
    match = {"value": "REDACTED", "fingerprint": hashlib.sha256(key(repo, 4).encode()).hexdigest()}
    finding = {"match": match, "location": {"path": "app/a.env", "start_line": 4}, "attributes": {}}
    repo.write("better.json", json.dumps({"schema_version": "1", "findings": [finding], "scan": {}}))
    assert "1 added for 1 entry" in keysweep(repo.path, "baseline", "import", "better.json", ".", "--files").stdout


# --- files that are no good ---


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello\n", "x:1: not a fingerprint"),
        (b"a:b:c\n", "x:1: not a fingerprint"),
        (b"a:b:99999999999\n", "x:1: not a fingerprint"),
        (b"\xff\xfe", "x: not UTF-8 text"),
        (b'{"a": 1}', "x: neither fingerprints, nor a report of"),
        (b"[1]", "x .entry 1.: not a finding of gitleaks"),
        (b'{"results": {"a": 1}}', "x: the results of a file must be a list"),
        (b'{"results": {"a": [{}]}}', "x: an entry of its results has no 'hashed_secret'"),
        (b"{", "x:1: not JSON"),
        (b"[" * 100_000, "x"),
        (b'{"results":' * 100_000, "x"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_with_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(data, "x")


@pytest.mark.parametrize("judged", ["true", "false", "null", "[]", "{}", '"x"', "1"])
def test_whatever_an_audit_says_the_entry_counts(judged: str) -> None:
    entry = f'{{"hashed_secret": "{"a" * 40}", "is_secret": {judged}, "line_number": []}}'
    claims = parse(f'{{"results": {{"a.py": [{entry}]}}}}'.encode(), "x")
    assert [(claim.path, claim.line, claim.digest) for claim in claims] == [("a.py", 0, "a" * 40)]
    assert ("audited" in claims[0].source) == (judged in ("true", "false"))


def test_paths_and_comments_of_fingerprints() -> None:
    text = "\ufeff# a\n\n  ./a b/c.env:r:3  # why\nA\\b.env:r:4\nC:x:y:5\n" + "ab12" * 10 + ":d:e:r:6\n"
    commit = "ab12" * 10
    assert parse(text.encode(), "f") == [
        Claim("f:3", "a b/c.env", "", 3), Claim("f:4", "A/b.env", "", 4), Claim("f:5", "C:x", "", 5),
        Claim("f:6", "d:e", commit, 6),
    ]  # fmt: skip

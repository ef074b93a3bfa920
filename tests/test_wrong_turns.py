"""What is said where a newcomer takes a wrong turn: true, in one sentence, before time was spent, with the way out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.fakes import Fake
from tests.commands import KEYSWEEP, keysweep
from tests.gitrepo import GitRepo

PAT = "github-personal-access-token"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo.new(tmp_path / "repo")
    repo.commit("begin", {"clean.py": "port = 80\n"})
    repo.commit("more", {"clean.py": "port = 81\n"})
    return repo


TURNS = [
    pytest.param(["history", "HEAD~1..HEAD"], "revisions stand behind the repository: . HEAD~1..HEAD", id="no folder"),
    pytest.param(["rules", "show", "github"], "'github' is not the id of one rule: name one of github-", id="provider"),
    pytest.param(["rules", "fake", "stripe-*"], "'stripe-*' is not the id of one rule: name one of stripe-", id="glob"),
    pytest.param(
        ["rules", "show", "gihub-token"], "no rule is called 'gihub-token'; did you mean ", id="no rule at all"
    ),
    pytest.param(["rules", "list", "gihub"], "keysweep: no rule or provider is called 'gihub'", id="nothing to list"),
    pytest.param(["rules", "import", "folder"], "folder: it is no regular file", id="rules of a folder"),
    pytest.param(["files", ".", "--rules", "binary.yaml"], "control characters are not allowed\n", id="binary rules"),
    pytest.param(["files", ".", "--honour", "gitleaks=folder"], "folder: it is no regular file", id="honoured folder"),
    pytest.param(["baseline", "show"], "no baseline yet; keysweep baseline create makes one", id="nothing to show"),
    pytest.param(["baseline", "update"], "no baseline yet; keysweep baseline create makes one", id="nothing to update"),
    pytest.param(["files", ".", "--report", "json:folder"], "it is a folder; name a file in it", id="report"),
    pytest.param(["history", "--baseline", "none"], "none: cannot be read: No such file", id="no such baseline"),
    pytest.param(["history", "--baseline", "clean.py"], "clean.py:1: not a baseline", id="no baseline"),
]


@pytest.mark.parametrize(("words", "told"), TURNS)
def test_a_wrong_turn_is_told_before_anything_is_read(words: list[str], told: str, repo: GitRepo) -> None:
    (repo.path / "folder").mkdir()
    repo.write("binary.yaml", b"a\0b\n")
    done = keysweep(repo.path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.startswith("keysweep: ")
    assert done.stderr.count("\n") == 1  # no summary of a scan stands before it


REVOKE = [
    pytest.param(["revoke", "--text", "clean.py"], "--text goes with --report: ", id="text without a report"),
    pytest.param(["recheck", "r.json", "--text", "none", "--plan"], "--text: none: no such file", id="no such text"),
    pytest.param(["revoke", "--report", "r.json", "--text", "none"], "--text: none: no such file", id="nor here"),
    pytest.param(
        ["revoke", "--service", "https://revoke.acme.example"],
        "--service-token-env: the environment variable 'KEYSWEEP_SERVICE_TOKEN' is not set",
        id="no token",
    ),
]


@pytest.mark.parametrize(("words", "told"), REVOKE)
def test_what_would_be_passed_over_is_told(
    words: list[str], told: str, repo: GitRepo, new_key: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYSWEEP_SERVICE_TOKEN", raising=False)
    key = new_key(PAT)
    repo.write("leak.env", b"TOKEN=" + key.key + b"\n")
    assert keysweep(repo.path, "files", "leak.env", "--quiet", "--report", "json:r.json").returncode == 1
    done = subprocess.run([*KEYSWEEP, *words], cwd=repo.path, input=key.key, capture_output=True, check=False)
    assert key.secret not in done.stdout + done.stderr
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"keysweep: {told}")


@pytest.mark.parametrize("command", ["install", "status", "uninstall"])
def test_hooks_need_a_repository(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    done = keysweep(tmp_path, "hook", command)
    assert done.returncode == 2
    assert done.stderr == "keysweep: . is not in a git repository; name one, or all of yours with --global\n"


def test_a_plan_for_one_key_is_json_when_that_is_asked_for(repo: GitRepo, new_key: Callable[..., Fake]) -> None:
    key = new_key(PAT)
    words = [*KEYSWEEP, "verify", "--plan", "--json"]
    done = subprocess.run(words, cwd=repo.path, input=key.key, capture_output=True, check=True)
    assert key.secret not in done.stdout + done.stderr
    plan = json.loads(done.stdout)
    assert plan["would_ask"] == [
        {"provider": "github", "host": "api.github.com", "request": "GET https://api.github.com/user"}
    ]
    assert plan["would_not_ask"] == []


def test_ctrl_c_makes_no_baseline_of_the_half(repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded once there is much to read, in the middle of the scan, is a module that presses the keys."""
    pressed = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    (tmp_path / "hyperscan.py").write_text(pressed, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    repo.write("large.log", b"a line of a log\n" * 200_000)
    done = keysweep(repo.path, "baseline", "create", "--files", ".", "--jobs", "1", "--quiet")
    assert done.returncode == 130
    assert done.stderr.split("\n") == [
        "keysweep: nothing was written to .keysweep-baseline", "", "keysweep: interrupted", ""
    ]  # fmt: skip
    assert not (repo.path / ".keysweep-baseline").exists()

"""What the command says for itself, errors first, quotes no key: not one that was typed, not half of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.baseline import load
from scanner.cli import run
from scanner.fakes import Fake
from scanner.models import MASK
from tests.gitrepo import GitRepo

RULE = "github-fine-grained-token"
"""Longer than what an error used to quote of a word."""

ARGUMENTS = [
    ["{0}"], ["{0}", "files"], ["files", "--{0}"], ["files", ".", "--{0}=1"], ["files", "{0}"], ["files", "x/{0}/y"],
    ["files", ".", "--report", "{0}"], ["files", ".", "--report", "{0}:"], ["files", ".", "--fail-on", "{0}"],
    ["files", ".", "--min-severity", "{0}"], ["files", ".", "--jobs", "{0}"], ["files", ".", "--enable", "{0}"],
    ["files", ".", "--disable", "{0}"], ["files", ".", "--config", "{0}"], ["files", ".", "--baseline", "{0}"],
    ["files", ".", "--rules", "{0}"], ["stdin", "{0}"], ["history", "{0}"], ["history", ".", "{0}"],
    ["history", ".", "--branch", "{0}"], ["history", ".", "--since", "{0}"], ["diff", "{0}"], ["diff", "{0}..HEAD"],
    ["diff", "HEAD...{0}"], ["diff", "HEAD..HEAD", "--repo", "{0}"], ["explain", "{0}"], ["explain", "{0}:3"],
    ["rules", "show", "{0}"], ["rules", "list", "{0}"], ["rules", "test", "{0}"], ["rules", "{0}"],
    ["baseline", "create", "--expires", "{0}"], ["baseline", "create", "{0}"], ["hook", "install", "{0}"],
    ["hook", "status", "--type", "{0}"], ["completion", "{0}"],
]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = GitRepo.new(tmp_path / "repo")
    repo.commit("begin", {"clean.py": "port = 80\n"})
    monkeypatch.chdir(repo.path)
    return repo.path


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], key: Fake) -> Callable[..., tuple[int, str]]:
    """Runs the command; its exit code and all that it said, in which there is no piece of the key."""

    def say(*words: str) -> tuple[int, str]:
        code = run(words)
        told = capfd.readouterr()
        text = told.out + told.err
        secret = key.secret.decode()
        assert not any(secret[at : at + 10] in text for at in range(len(secret) - 9))
        assert "internal error" not in text
        return code, text

    return say


@pytest.fixture
def key(new_key: Callable[..., Fake]) -> Fake:
    return new_key(RULE)


@pytest.mark.parametrize("words", ARGUMENTS, ids=" ".join)
def test_a_key_typed_as_an_argument(
    here: Path, said: Callable[..., tuple[int, str]], key: Fake, words: list[str]
) -> None:
    code, text = said(*(word.format(key.key.decode()) for word in words))
    assert code == 2 or "--since" in words
    assert text


@pytest.mark.parametrize(
    "text",
    ["{0} = 1\n", '"{0}" = 1\n"{0}" = 2\n', 'fail_on = "{0}"\n', 'report = "{0}"\n', "[{0}]\n[{0}]\n", "x = {0}\n"],
)
def test_a_key_in_a_bad_configuration(
    here: Path, said: Callable[..., tuple[int, str]], key: Fake, text: str
) -> None:
    (here / ".keysweep.toml").write_text(text.format(key.key.decode()))
    assert said("files", ".")[0] == 2


@pytest.mark.parametrize(
    "text",
    ['{{"{0}": 1}}\n', '{{"keysweep-baseline": 1, "{0}": 2}}\n', "{0}\n"],
)
def test_a_key_in_a_bad_baseline(here: Path, said: Callable[..., tuple[int, str]], key: Fake, text: str) -> None:
    (here / ".keysweep-baseline").write_text(text.format(key.key.decode()))
    assert said("files", ".")[0] == 2


@pytest.mark.parametrize("text", ["{0}: 1\n", "rules:\n  - id: {0}\n", "provider: [{0}\n", "rules: {0}\n"])
def test_a_key_in_a_bad_rule_file(here: Path, said: Callable[..., tuple[int, str]], key: Fake, text: str) -> None:
    (here / "own.yaml").write_text(text.format(key.key.decode()))
    assert said("files", ".", "--rules", "own.yaml")[0] == 2
    assert said("rules", "test", "own.yaml")[0] == 1


def test_a_key_in_the_reason_of_a_baseline(here: Path, said: Callable[..., tuple[int, str]], key: Fake) -> None:
    (here / "leak.env").write_bytes(b"TOKEN=" + key.key + b"\n")
    assert said("baseline", "create", "--files", ".", "--reason", f"we know {key.key.decode()}")[0] == 0
    assert load(here / ".keysweep-baseline").entries[0].reason == f"we know github_pat_{MASK}"
    assert said("baseline", "show")[0] == 0
    written = (here / ".keysweep-baseline").read_text()
    (here / ".keysweep-baseline").write_text(written.replace("we know", f"by hand: {key.key.decode()}"))
    assert said("baseline", "show")[0] == 0
    assert said("explain", "leak.env:1")[0] == 0


def test_an_error_is_cut_behind_the_masking(here: Path, said: Callable[..., tuple[int, str]], key: Fake) -> None:
    code, text = said("files", ".", "--report", "x" * 5000 + " " + key.key.decode())
    assert (code, len(text) < 2100) == (2, True)

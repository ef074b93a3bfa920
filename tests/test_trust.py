"""With `--trust base` a change cannot vouch for itself: not by configuration, baseline, rules or comments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.fakes import Fake
from tests.gitrepo import GitRepo

RULES = """\
provider: {name}
name: Acme
rotate: https://acme.example/keys
references: [https://acme.example/docs]
rules:
  - id: {name}-key
    name: Acme key
    description: Opens Acme.
    keywords: [{name}_]
    pattern: '(?P<public>{name}_)(?P<secret>[a-z0-9]{{24}})'
    severity: high
    confidence: high
    examples: ['ACME={{key}}', 'x: {{key}}']
    counterexamples: ['ACME={{key:cut}}', 'ACME={{key:long}}', 'ACME=acme_your_key_here']
"""


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo.new(tmp_path / "repo")
    config = 'rules = ["company/one", "company/two.yaml"]\n'
    files = {
        ".keysweep.toml": config,
        "company/one/a/same.yaml": RULES.format(name="acme"),
        "company/one/b/same.yaml": RULES.format(name="bcme"),
        "company/two.yaml": RULES.format(name="ccme"),
    }
    repo.commit("base", files)
    return repo


def diff(repo: GitRepo, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scanner", "diff", "HEAD~1..HEAD", *options]
    return subprocess.run(command, cwd=repo.path, capture_output=True, text=True, check=False)


def secret(name: str) -> str:
    return f"{name}_{'k3v9x2m7q4w8z1t5b6n0c' + name[0]}d7"


def test_rules_are_those_of_the_base(repo: GitRepo) -> None:
    keys = "\n".join(secret(name) for name in ("acme", "bcme", "ccme"))
    weaker = {path: RULES.format(name=name).replace("{24}", "{99}") for path, name in (
        ("company/one/a/same.yaml", "acme"), ("company/one/b/same.yaml", "bcme"), ("company/two.yaml", "ccme"))}
    repo.commit("change", {"keys.txt": keys + "\n", **weaker})
    assert diff(repo, "--trust", "head", "--enable", "*-key", "--quiet").stdout.count("cme-key") == 0
    done = diff(repo, "--trust", "base")
    assert done.returncode == 1, done.stderr
    for name in ("acme", "bcme", "ccme"):
        assert f"[{name}-key]" in done.stdout
        assert secret(name)[5:] not in done.stdout + done.stderr
    assert "company/two.yaml is edited by this change" in done.stdout


def test_configuration_comments_and_baseline_of_the_change_do_not_count(
    repo: GitRepo, new_key: Callable[..., Fake]
) -> None:
    key = new_key("logtalk-api-key", "live").key.decode()
    repo.write("app.env", f"KEY={key}  # keysweep:allow it is fine\n")
    repo.write(".keysweep.toml", 'exclude = ["**"]\n')
    create = ["baseline", "create", "--files", "--no-config", "--no-inline-allow", "-q"]
    subprocess.run([sys.executable, "-m", "scanner", *create], cwd=repo.path, check=True, capture_output=True)
    repo.commit("change")
    assert diff(repo, "--trust", "head").returncode == 0
    done = diff(repo, "--trust", "base")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 keysweep:allow comment of this change ignored" in done.stdout
    assert ".keysweep.toml is edited by this change" in done.stdout
    assert ".keysweep-baseline is edited by this change" in done.stdout
    assert key[8:] not in done.stdout + done.stderr


def test_a_base_without_its_rules_is_told(repo: GitRepo) -> None:
    repo.commit("no rules", {"company/one/a/same.yaml": None, "company/one/b/same.yaml": None})
    repo.commit("change", {"a.txt": "x\n"})
    done = diff(repo, "--trust", "base")
    assert done.returncode == 2
    assert "'company/one' has no rule files in HEAD~1" in done.stderr

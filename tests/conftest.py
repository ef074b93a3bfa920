"""What all tests share: the shipped rules, a matcher, fresh keys, and a cache folder that is not the user's."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.rule import RuleSet, load_rules
from tests.browser import has_browser
from tests.databases import left_out

collect_ignore = left_out()
"""Tests that need a database are left out where there is none, and fail where CI_DATABASES says there must be. So are
those that need a browser, with CI_BROWSER=1."""

if not has_browser() and os.environ.get("CI_BROWSER") != "1":
    collect_ignore.append("test_rule_search.py")


settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
"""No example fails for taking its time: the machine may be busy, and how fast things are is for `benchmarks/`."""

signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("SIGQUIT", "SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGTSTP"):
    if hasattr(signal, _name) and signal.getsignal(getattr(signal, _name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), signal.SIG_DFL)
"""Where the tests were started in the background, or with `nohup`, signals are ignored, and every process that they
start ignores them, too."""


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every test run starts with an empty cache folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEYSWEEP_CACHE_DIR", str(folder))
        patch.delenv("KEYSWEEP_IDENTITY_KEY", raising=False)
        yield folder


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    """The test stands in an empty folder, and a `keysweep` that it starts there is this one."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_git_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No `GIT_…` variables: the tests may themselves run inside a hook."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def rules(own_cache: Path) -> RuleSet:
    """All shipped rules."""
    return load_rules()


@pytest.fixture(scope="session")
def matcher(rules: RuleSet) -> Matcher:
    """A matcher over all shipped rules."""
    return Matcher(rules)


@pytest.fixture(scope="session")
def new_key(rules: RuleSet) -> Callable[..., Fake]:
    """`new_key("logtalk-api-key")`: a fresh key of a rule, different in every run, that no provider ever issued."""

    def make(rule_id: str, environment: str = "", **options: bool) -> Fake:
        return KeyMaker(rules.get(rule_id), random.Random()).make(environment, **options)

    return make

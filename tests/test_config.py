"""The configuration file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scanner.config import (
    KEYS,
    Config,
    identity_key,
    load_config,
    load_config_file,
    parse_config,
    parse_size,
)
from scanner.errors import ConfigError
from scanner.models import Confidence, Severity
from scanner.policy import FailOn, Policy
from scanner.rivals import Wish

FULL = """
rules = ["company/"]
enable = ["logtalk"]
disable = ["generic-*"]
exclude = ["vendor/"]
fail_on = ["live", "critical"]
min_severity = "low"
min_confidence = "medium"
baseline = "known.txt"
cache = ".cache"
include_examples = true
allow_inline = false
jobs = 4
engine = "aho"
max_size = "50 MB"
honour = ["gitleaks", "nosec=a.txt"]
report = ["text", "sarif:out.sarif"]
verify = {timeout = 5}
"""
EXPECTED = Config(
    rules=("company/",),
    enable=("logtalk",),
    disable=("generic-*",),
    exclude=("vendor/",),
    fail_on=frozenset({FailOn.LIVE, FailOn.CRITICAL}),
    min_severity=Severity.LOW,
    min_confidence=Confidence.MEDIUM,
    baseline="known.txt",
    cache=".cache",
    include_examples=True,
    allow_inline=False,
    jobs=4,
    engine="aho",
    max_size=50 * 2**20,
    honour=(Wish("gitleaks"), Wish("nosec", "a.txt")),
    report=("text", "sarif:out.sarif"),
    verify={"timeout": 5.0},
    source="x.toml",
)


def test_reads_every_key() -> None:
    assert parse_config(FULL, "x.toml") == EXPECTED
    assert parse_config(("\ufeff" + FULL.replace("\n", "\r\n")).encode(), "x.toml") == EXPECTED
    assert set(KEYS) == set(re.findall(r"^(\w+) =", FULL, re.MULTILINE))


def test_an_empty_file_is_the_defaults() -> None:
    assert parse_config("", "x.toml") == Config(source="x.toml")
    assert Config().policy() == Policy()


def test_becomes_a_policy() -> None:
    assert EXPECTED.policy(whole=False) == Policy(
        fail_on=frozenset({FailOn.LIVE, FailOn.CRITICAL}),
        min_severity=Severity.LOW,
        min_confidence=Confidence.MEDIUM,
        include_examples=True,
        allow_inline=False,
        exclude=("vendor/",),
        whole=False,
        honour=frozenset({"gitleaks", "nosec"}),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fail-on = 'any'", "c.toml: unknown key 'fail-on'; did you mean 'fail_on'?"),
        ("exlude = []", "c.toml: unknown key 'exlude'; did you mean 'exclude'?"),
        ("zzz = 1", "c.toml: unknown key 'zzz'; known keys are allow_inline, baseline,"),
        ("[keysweep]\njobs = 1", "c.toml: unknown key 'keysweep'; known keys are"),
        ("exclude = 'vendor'", "c.toml: 'exclude' must be a list of texts"),
        ("exclude = [1]", "c.toml: 'exclude' must be a list of texts"),
        ("exclude = ['']", "c.toml: 'exclude' must be a list of texts"),
        ("fail_on = 'lives'", "c.toml: 'fail_on' must be one or several of any, live"),
        ("fail_on = []", "c.toml: 'fail_on' must be one or several of any, live"),
        ("fail_on = 7", "c.toml: 'fail_on' must be one or several of any, live"),
        ("fail_on = ['never', 'live']", "c.toml: fail-on never contradicts fail-on live"),
        ("min_severity = 'bad'", "c.toml: 'min_severity' must be one of critical, high, medium, low, note"),
        ("min_severity = ['low']", "c.toml: 'min_severity' must be one of critical"),
        ("min_confidence = 3", "c.toml: 'min_confidence' must be one of high, medium, low"),
        ("baseline = ''", "c.toml: 'baseline' must be a text that is not empty"),
        ("include_examples = 'yes'", "c.toml: 'include_examples' must be true or false"),
        ("jobs = -1", "c.toml: 'jobs' must be a whole number, 0 or more"),
        ("jobs = true", "c.toml: 'jobs' must be a whole number"),
        ("jobs = 1.5", "c.toml: 'jobs' must be a whole number"),
        ("engine = 'fast'", "c.toml: 'engine' must be one of auto, aho, vectorscan"),
        ("max_size = '5 miles'", "c.toml: 'max_size' must be a number of bytes, or a text such as"),
        ("report = 'sariff:x'", "c.toml: 'report' report format 'sariff' is not known; did you mean sarif?"),
        ("report = ['pdf']", "c.toml: 'report' report format 'pdf' is not known; choose from text, json, sarif"),
        ("verify = true", "c.toml: 'verify' must be a table"),
        ("[verify]\ntimout = 5", "c.toml: 'verify' has an unknown key 'timout'; did you mean 'timeout'?"),
        ("[verify]\ntimeout = 0", "c.toml: 'verify' 'timeout' must be more than 0"),
        ("[verify.github]\nbase_url = 'ftp://x.y'", "c.toml: 'verify' 'github.base_url' must be an address such as"),
        ("jobs = 1\nengine =\n", "c.toml:2: not valid TOML: "),
        ("jobs = 1\njobs = 2", "c.toml:2: not valid TOML: "),
        ("exclude = ['a'", "c.toml:1: not valid TOML: "),
        (b"exclude = ['\xff']", "c.toml: not UTF-8 text"),
        (f"exclude = {'[' * 100_000}", "c.toml: not valid TOML: nested too deeply"),
        (f"jobs = {'9' * 5000}", "c.toml: not valid TOML: a number of thousands of digits"),
    ],
)
def test_refuses_what_it_does_not_understand(text: str | bytes, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.toml")
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


class TestPyproject:
    def test_reads_its_table(self) -> None:
        for name in ("pyproject.toml", "sub/pyproject.toml", "HEAD:pyproject.toml"):
            config = parse_config("[project]\nname = 'x'\n[tool.keysweep]\njobs = 2", name)
            assert config == Config(jobs=2, source=f"{name} [tool.keysweep]")

    def test_without_the_table_it_says_nothing(self) -> None:
        assert parse_config("[project]\nname = 'x'", "pyproject.toml") == Config()
        assert parse_config("tool = 1", "pyproject.toml") == Config()

    def test_names_table_and_key(self) -> None:
        with pytest.raises(ConfigError, match=r"^pyproject.toml \[tool.keysweep\]: unknown key 'job'.*'jobs'"):
            parse_config("[tool.keysweep]\njob = 2", "pyproject.toml")
        with pytest.raises(ConfigError, match=r"tool\.keysweep must be a table"):
            parse_config("tool.keysweep = 1", "pyproject.toml")


class TestFolder:
    def test_nothing_there_is_the_defaults(self, tmp_path: Path) -> None:
        assert load_config(tmp_path) == Config()
        (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'")
        assert load_config(tmp_path) == Config()

    def test_finds_either(self, tmp_path: Path) -> None:
        own, project = tmp_path / ".keysweep.toml", tmp_path / "pyproject.toml"
        project.write_text("[tool.keysweep]\njobs = 2")
        assert load_config(tmp_path).jobs == 2
        project.write_text("[tool.other]\njobs = 2")
        own.write_text("jobs = 3")
        assert load_config(tmp_path) == Config(jobs=3, source=str(own))

    def test_refuses_both(self, tmp_path: Path) -> None:
        (tmp_path / ".keysweep.toml").write_text("")
        (tmp_path / "pyproject.toml").write_text("[tool.keysweep]")
        with pytest.raises(ConfigError, match=r"pyproject.toml: \[tool.keysweep\] stands beside .*keep the config"):
            load_config(tmp_path)

    def test_a_broken_file_is_not_ignored(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[tool.keysweep\n")
        with pytest.raises(ConfigError, match=r"pyproject.toml:1: not valid TOML"):
            load_config(tmp_path)

    def test_a_dangling_link_or_a_folder_is_not_ignored(self, tmp_path: Path) -> None:
        own = tmp_path / ".keysweep.toml"
        own.symlink_to(tmp_path / "gone")
        with pytest.raises(ConfigError, match=r".keysweep.toml: cannot be read"):
            load_config(tmp_path)
        own.unlink()
        own.mkdir()
        with pytest.raises(ConfigError, match=r".keysweep.toml: cannot be read"):
            load_config(tmp_path)


class TestNamedFile:
    def test_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"mine.toml: cannot be read: No such file"):
            load_config_file(tmp_path / "mine.toml")

    def test_may_have_any_name(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("jobs = 5")
        assert load_config_file(path).jobs == 5

    def test_a_pyproject_must_have_the_table(self, tmp_path: Path) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_text("[project]\nname = 'x'")
        with pytest.raises(ConfigError, match=r"has no \[tool.keysweep\] table"):
            load_config_file(path)
        path.write_text("[tool.keysweep]\njobs = 5")
        assert load_config_file(path).jobs == 5


@pytest.mark.parametrize(
    ("written", "size"), [(0, 0), (512, 512), ("512", 512), ("500k", 512_000), ("50M", 52_428_800), ("2 gb", 2 * 2**30)]
)
def test_sizes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "M", "-1", -1, "1.5M", "5 t", True, None, "5 k b"])
def test_not_sizes(written: object) -> None:
    with pytest.raises(ValueError, match="number of bytes"):
        parse_size(written)


def test_the_identity_key_comes_from_the_environment() -> None:
    assert identity_key({"KEYSWEEP_IDENTITY_KEY": "pépper"}) == "pépper".encode()
    assert identity_key({}) == b""


class TestDocs:
    PAGE = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text(encoding="utf-8")

    def test_every_key_has_its_line(self) -> None:
        assert sorted(re.findall(r"^\| `(\w+)` \|", self.PAGE, re.MULTILINE)) == sorted(KEYS)

    def test_every_example_is_read(self) -> None:
        examples = re.findall(r"```toml\n# (\S+)\n(.*?)```", self.PAGE, re.DOTALL)
        assert [name for name, _ in examples] == [".keysweep.toml", "pyproject.toml"]
        for name, text in examples:
            assert parse_config(text, name) != Config()

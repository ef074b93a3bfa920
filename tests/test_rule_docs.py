"""Pages made of the rules: all of them, well-formed, with links that lead somewhere, and nothing like a key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from scanner.cli.rule_docs import write_pages
from scanner.fakes import Fake
from scanner.models import MASK
from scanner.rule import RuleSet
from scanner.rule_docs import MARK, providers, search_page
from scanner.rule_docs.looks import forms, secret_words
from scanner.rule_file import read_rules
from tests.commands import keysweep

RULE = """\
provider: acme
name: {name}
url: https://acme.example
rotate: https://acme.example/keys
references: [https://acme.example/docs]
rules:
  - id: acme-key
    name: {name}
    description: {name}
    keywords: [acme_]
    pattern: '{pattern}'
    severity: high
    confidence: high
    examples: ['ACME={{key}}', 'x: {{key}}']
    counterexamples: ['ACME={{key:cut}}', 'ACME={{key:long}}', 'ACME=acme_your_key_here']
"""
PATTERN = "(?P<public>acme_)(?P<secret>[a-z0-9]{24})"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of all shipped rules, made by the command."""
    folder = tmp_path_factory.mktemp("docs")
    done = keysweep(folder, "rules", "docs", "--output", "build/providers")
    assert done.returncode == 0, done.stderr
    return folder / "build/providers"


def test_every_provider_has_a_page_and_every_rule_a_place_on_it(pages: Path, rules: RuleSet) -> None:
    found = providers(rules)
    assert sorted(file.name for file in pages.iterdir()) == sorted(
        ["README.md", "index.html", *(f"{one.id}.md" for one in found)]
    )
    index = (pages / "README.md").read_text(encoding="utf-8")
    for one in found:
        text = (pages / f"{one.id}.md").read_text(encoding="utf-8")
        assert text.startswith(MARK)
        assert f"]({one.id}.md) | {len(one.rules)} |" in index
        for rule in one.rules:
            section = text.partition(f'<a id="{rule.id}"></a>')[2].partition("<a id=")[0]
            assert f"`{rule.id}`" in section
            for word in ("looks like", "severity", "confidence", "found by", "checked", "ended", "rotate"):
                assert f"- **{word}**: " in section, (rule.id, word)
            assert all(f"<{link}>" in section for link in rule.references if re.fullmatch(r"https://[^\s<>]+", link))


def test_the_pages_are_the_same_each_time(pages: Path, rules: RuleSet, tmp_path: Path) -> None:
    write_pages(rules, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in pages.iterdir()
    }


def test_links_between_pages_lead_somewhere(pages: Path) -> None:
    for file in pages.glob("*.md"):
        text = file.read_text(encoding="utf-8")
        anchors = set(re.findall(r'<a id="([^"]+)">', text))
        for target in re.findall(r"(?<!\\)\]\(([^)]+)\)", text):
            assert target[1:] in anchors if target.startswith("#") else (pages / target).is_file(), (file.name, target)


def test_no_page_holds_anything_like_a_key(pages: Path) -> None:
    everything = ("--min-severity", "note", "--min-confidence", "low", "--include-examples")
    done = keysweep(pages, "files", ".", "--no-config", *everything, "--report", "json", "--quiet")
    report = json.loads(done.stdout)
    assert [(one["path"], one["line"], one["rule"]) for one in report["findings"]] == []
    assert done.returncode == 0


_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Tags(HTMLParser):
    """Holds a document to its tags: each that opens is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in ("href", "src", "action", "data")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()


def test_the_search_page_is_well_formed_and_loads_nothing(pages: Path, rules: RuleSet) -> None:
    text = (pages / "index.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    assert tags.targets == ["README.md"]
    assert "default-src 'none'" in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data
    assert {rule["id"] for one in json.loads(data[1]) for rule in one["rules"]} == {rule.id for rule in rules}


def test_pages_are_markdown_as_it_was_meant(pages: Path) -> None:
    for name in ("stripe", "aws", "github", "generic"):
        text = (pages / f"{name}.md").read_text(encoding="utf-8")
        shown = cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE)
        assert shown.count("<h2>") == text.count("\n## ")
        assert shown.count("<table>") == 1
        assert shown.count("<tr>") == 1 + text.count("\n## ")
        assert shown.count("<td") == 4 * text.count("\n## ")


WORDS = ["a | b", "<b>x</b>", "[x](//evil.example)", "`x`", "# x", "*x*", "</script>", "a\\"]


@pytest.mark.parametrize("name", WORDS)
def test_words_of_rule_files_mean_themselves(name: str, tmp_path: Path) -> None:
    text = RULE.format(name="'" + name + "'", pattern=PATTERN)
    found = RuleSet(read_rules(text.encode(), "acme.yaml"))
    write_pages(found, tmp_path)
    shown = cmarkgfm.github_flavored_markdown_to_html((tmp_path / "acme.md").read_text(encoding="utf-8"))
    plain = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<h1>{plain}</h1>" in shown
    assert search_page(providers(found)).count("</script>") == 2


@pytest.mark.parametrize(
    ("pattern", "shown", "words"),
    [
        (PATTERN, ["acme_********"], "24 lower-case letters and digits"),
        ("acme_(?P<secret>[A-F0-9]{30})", ["********"], "30 hexadecimal digits"),
        ("(?P<public>acme_(?:a|b)_)(?P<secret>[0-9]{30})", ["acme_a_********", "acme_b_********"], "30 digits"),
        ("(?P<public>acme_[a-z]{12}\\.)(?P<secret>[A-Za-z]{8,20})", ["acme_….********"], "8 to 20 letters"),
        ("(?P<public>acme_(?:a|b|c|d|e|f|g))(?P<secret>[0-9]{30})", ["acme_…********"], "30 digits"),
        ("(?P<public>acme_(?:x-)?)(?P<secret>[^ ]{30})", ["acme_********", "acme_x-********"], "30 characters"),
        ("(?P<secret>[a-z_-]{30})(?P<public>@acme_)", ["********@acme_"], "30 lower-case letters and - _"),
    ],
)  # fmt: skip
def test_how_a_key_looks(pattern: str, shown: list[str], words: str) -> None:
    rule = read_rules(RULE.format(name="Acme", pattern=pattern).encode(), "acme.yaml")[0]
    assert forms(rule) == shown
    assert secret_words(rule) == words


def test_no_look_shows_more_of_a_key_than_its_public_part(rules: RuleSet, new_key: Callable[..., Fake]) -> None:
    for rule in rules:
        for text in forms(rule):
            assert MASK in text and len(text) < 300
            assert "\n" not in text


# --- the command ---


def test_pages_of_providers_that_are_gone_are_removed(tmp_path: Path) -> None:
    company = tmp_path / "company.yaml"
    company.write_text(RULE.format(name="Acme", pattern=PATTERN))
    assert keysweep(tmp_path, "rules", "docs", "--rules", "company.yaml", "--output", "out").returncode == 0
    assert "acme_********" in (tmp_path / "out/acme.md").read_text(encoding="utf-8")
    (tmp_path / "out/mine.md").write_text("# mine\n")
    assert keysweep(tmp_path, "rules", "docs", "--output", "out").returncode == 0
    assert not (tmp_path / "out/acme.md").exists()
    assert (tmp_path / "out/mine.md").read_text() == "# mine\n"


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/README.md").write_text("# mine\n")
    done = keysweep(tmp_path, "rules", "docs", "--output", "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is in the way" in done.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["README.md"]
    (tmp_path / "file").write_text("")
    done = keysweep(tmp_path, "rules", "docs", "--output", "file")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)

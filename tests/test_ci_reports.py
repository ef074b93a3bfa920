"""Reports for CI: in the form each system demands, within its limits, and deaf to what foreign text wants of it."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import cmarkgfm
import jsonschema
import pytest
import xmlschema
from cmarkgfm.cmark import Options as CmarkOptions
from hook_runs import environment as shell
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_findings import REMOVED, RULES, STILL_THERE, fresh, made, private_key
from report_examples import DOCS, documented, examples
from test_reports import LIVE, judged, options

from scanner.baseline import Entry
from scanner.errors import UsageError
from scanner.fakes import Fake
from scanner.models import MASK, Allow, CommitRef, Finding, History, Kind, Skipped, Stats, Validity
from scanner.policy import Decision, Policy
from scanner.reports import FORMATS, moment, render
from scanner.reports import github as github_report
from scanner.reports import markdown as markdown_report
from scanner.reports.csv import COLUMNS
from scanner.reports.gitlab import MAX_MESSAGES, NAMESPACE
from scanner.reports.interface import NO_MOMENT, verified
from scanner.reports.text_safety import code, plain, printable, shortened

DATA = Path(__file__).parent / "data"
GITLAB = jsonschema.Draft7Validator(json.loads((DATA / "gitlab-secret-detection-15.schema.json").read_text("utf-8")))
JUNIT = xmlschema.XMLSchema(str(DATA / "junit-10.xsd"))
CI_FORMATS = ("github", "markdown", "junit", "gitlab", "csv")


def report(name: str, decision: Decision, **changes: Any) -> str:
    return render(name, decision, RULES, options(**changes))


# --- readers: each format as those read it that it is made for -------------------------------------------------


@dataclass
class Runner:
    """The rules by which the runner of GitHub Actions takes commands from a step's output.

    A line is a command when, blanks in front of it aside, it begins with `::NAME`, a blank and properties perhaps, and
    another `::`; or else when it holds `##[NAME properties]` anywhere; and when it knows the name. After
    `stop-commands` it heeds nothing but the token, in either form.
    """

    known: set[str] = field(default_factory=lambda: {
        "error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "add-matcher", "remove-matcher", "echo",
        "set-env", "add-path", "set-output", "save-state", "stop-commands", "internal-set-repo-path",
    })  # fmt: skip
    token: str = ""
    heeded: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def read(self, output: str) -> Runner:
        for line in re.split(r"\r\n|\r|\n", output):
            command = self._modern(line) or self._old(line)
            if command is None or (self.token and command[0].lower() != self.token.lower()):
                self.log.append(line)
            elif self.token:
                self.known.discard(self.token.lower())
                self.token = ""
            elif command[0].lower() == "stop-commands":
                self.token = command[2]
                self.known.add(self.token.lower())
            else:
                self.heeded.append(command)
        return self

    def _modern(self, line: str) -> tuple[str, dict[str, str], str] | None:
        found = re.match(r"\s*::(.*?)::(.*)", line, re.DOTALL)
        if found is None:
            return None
        name, _, listed = found[1].partition(" ")
        if name.lower() not in self.known:
            return None
        pairs = [part.split("=", 1) for part in listed.strip().split(",") if "=" in part]
        marks = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
        properties = {key: self._unescaped(value, marks) for key, value in pairs}
        return name, properties, self._unescaped(found[2], {"%0D": "\r", "%0A": "\n", "%25": "%"})

    def _old(self, line: str) -> tuple[str, dict[str, str], str] | None:
        found = re.search(r"##\[(.*?)\](.*)", line, re.DOTALL)
        if found is None or found[1].split(" ")[0].lower() not in self.known:
            return None
        return found[1].split(" ")[0], {}, found[2]

    @staticmethod
    def _unescaped(text: str, marks: dict[str, str]) -> str:
        for mark, meant in marks.items():
            text = text.replace(mark, meant)
        return text

    def of(self, name: str) -> list[tuple[dict[str, str], str]]:
        return [(properties, message) for command, properties, message in self.heeded if command == name]


CELLS = {"td", "th", "li"}


class Html(HTMLParser):
    """What a page shows: its elements, links, and the texts of table cells and list items."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.cells: list[str] = []
        self.outside_code = ""
        self._code = self._cell = 0
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, CmarkOptions.CMARK_OPT_UNSAFE))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._code += tag == "code"
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag in CELLS:
            self._cell += 1
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"
        self._cell -= tag in CELLS

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.cells[-1] += data
        if not self._code:
            self.outside_code += data


HARMLESS = {
    "h2", "h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "ul", "li", "a",
}  # fmt: skip


def page(markdown: str) -> Html:
    """The page as GitHub's own Markdown makes it, checked: no element that we did not write, no link but to where a
    rule's keys are revoked."""
    shown = Html(markdown)
    assert set(shown.tags) <= HARMLESS
    assert set(shown.links) <= {rule.rotate for rule in RULES if rule.rotate.startswith("https://")}
    assert "@" not in shown.outside_code
    return shown


def junit(text: str) -> ET.Element:
    JUNIT.validate(text)
    suite = ET.fromstring(text).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    counts = {kind: len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error", "skipped")}
    assert suite.get("tests") == str(len(suite.findall("testcase")))
    assert suite.get("failures") == str(counts["failure"])
    assert suite.get("errors") == str(counts["error"])
    assert suite.get("skipped") == str(counts["skipped"])
    return suite


def gitlab(text: str) -> dict[str, Any]:
    read = json.loads(text)
    GITLAB.validate(read)
    ids = [item["id"] for item in read["vulnerabilities"]]
    assert len(set(ids)) == len(ids)
    return read  # type: ignore[no-any-return]


def rows(text: str) -> list[dict[str, str]]:
    header, *others = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    return [dict(zip(header, row, strict=True)) for row in others]


# --- GitHub annotations ----------------------------------------------------------------------------------------


class TestGithub:
    def test_a_leak_is_an_error_on_its_line(self) -> None:
        runner = Runner().read(report("github", judged(made(history=STILL_THERE))))
        assert runner.heeded == [
            (
                "error",
                {
                    "file": "app/settings.py", "line": "12", "endLine": "12", "col": "20", "endColumn": "60",
                    "title": "keysweep: LogTalk API key (live)",
                },
                f"lt_live_{MASK} assigned to LOGTALK_API_KEY [logtalk-api-key], severity high. "
                "At app/settings.py:12:20. "
                "Introduced by 1a2b3c4d (Ann Example, 2024-03-01), in 12 commits, at 2 paths, still in HEAD. "
                "Revoke it and make a new one: removing it from the code does not make it safe.",
            )
        ]  # fmt: skip

    def test_what_does_not_fail_is_a_warning_and_what_was_not_read_a_notice(self) -> None:
        decision = judged(
            made(), made("b.env", environment="test"), policy=LIVE,
            skipped=(Skipped("big.bin", "larger than 50 MB"),), notes=("12 files excluded",),
        )  # fmt: skip
        runner = Runner().read(report("github", decision))
        assert [command for command, _, _ in runner.heeded] == ["error", "warning", "notice", "notice"]
        assert runner.of("notice") == [
            ({"title": "keysweep: not read"}, "Not read: big.bin: larger than 50 MB"),
            ({"title": "keysweep"}, "12 files excluded"),
        ]
        assert "Does not fail this scan (fail-on live)." in runner.of("warning")[0][1]

    def test_ends_with_the_text_report_in_which_nothing_is_a_command(self) -> None:
        decision = judged(made("::error::x", history=REMOVED), skipped=(Skipped("##[set-env name=A]", "x"),))
        runner = Runner().read(report("github", decision))
        assert [command for command, _, _ in runner.heeded] == ["error", "notice"]
        assert not runner.token
        assert "\n".join(runner.log) == report("text", decision)

    def test_a_clean_run_annotates_nothing_and_says_so(self) -> None:
        runner = Runner().read(report("github", judged()))
        assert runner.heeded == [] and runner.log[0].startswith("Clean: ")
        assert report("github", judged(), verbosity=-1) == ""

    def test_ten_of_a_kind_the_worst_first_and_the_last_counts_the_rest(self) -> None:
        found = [made(f"{n}.env", environment="test") for n in range(12)] + [made("live.env"), private_key()]
        decision = judged(*found, *(made("t", environment="test", line=n) for n in range(1, 1_300)))
        errors = Runner().read(report("github", decision)).of("error")
        assert len(errors) == 10
        assert [properties.get("file") for properties, _ in errors[:3]] == ["keys/id_rsa", "live.env", "0.env"]
        assert errors[9] == (
            {"title": "keysweep: 1,304 more"},
            "And 1,304 more that fail this scan: this step's log lists all.",
        )
        nothing = judged(*found[:12], policy=LIVE, skipped=tuple(Skipped(f"{n}", "x") for n in range(11)))
        runner = Runner().read(report("github", nothing))
        assert [len(runner.of(kind)) for kind in ("error", "warning", "notice")] == [0, 10, 10]
        assert runner.of("notice")[9][1].startswith("And 2 more of what was not read")

    def test_exactly_ten_are_all_shown(self) -> None:
        errors = Runner().read(report("github", judged(*(made(f"{n}") for n in range(10))))).of("error")
        assert [properties["file"] for properties, _ in errors] == [str(n) for n in range(10)]

    def test_a_key_of_many_lines_annotates_its_first(self) -> None:
        properties, _ = Runner().read(report("github", judged(private_key(history=STILL_THERE)))).of("error")[0]
        assert properties == {"file": "keys/id_rsa", "line": "1", "title": "keysweep: Private key"}

    @pytest.mark.parametrize(
        ("finding", "words"),
        [
            (made("commit 1a2b", kind=Kind.COMMIT_MESSAGE), "At commit 1a2b:12:20. It stands in a commit message."),
            (made("refs/heads/x", 1, kind=Kind.REF_NAME), "in the name of a branch or tag"),
            (made("", kind=Kind.STDIN), "At standard input:12:20."),
            (made("build.log", kind=Kind.STDIN), "At build.log:12:20. It stands in standard input."),
            (made("gone.py", history=REMOVED), "At gone.py:12:20."),
            (made("a\nb.py"), r"At a\nb.py:12:20."),
            (made("a\u202eb.py"), r"At a\u202eb.py:12:20."),
        ],
    )
    def test_what_stands_in_no_file_of_today_annotates_none(self, finding: Finding, words: str) -> None:
        properties, message = Runner().read(report("github", judged(finding))).of("error")[0]
        assert "file" not in properties and "line" not in properties
        assert words in message

    @pytest.mark.parametrize("path", ["a,b.py", "a:b.py", "100%.py", "%0A::error::x", "é 漢.py", "a::b", "x%3Ay%2525"])
    def test_a_path_arrives_as_it_is(self, path: str) -> None:
        properties, message = Runner().read(report("github", judged(made(path)))).of("error")[0]
        assert properties["file"] == path and properties["line"] == "12"
        assert f"At {path}:12:20." in message

    def test_says_what_else_is_known(self) -> None:
        message = Runner().read(report("github", judged(made(decoded=("base64", "gzip"))))).of("error")[0][1]
        assert "Decoded from base64, then gzip." in message

    def test_a_fence_holds_against_a_text_with_its_own_token(self) -> None:
        token = re.findall(r"[0-9a-f]{64}", github_report.fenced("x\n"))[0]
        assert github_report.fenced("") == ""
        for text in ("x", f"::{token}::\n::error::y", f"##[{token.upper()}]\n::error::y\n"):
            fenced = github_report.fenced(text)
            used = fenced.split("\n")[0].removeprefix("::stop-commands::")
            assert used not in text.lower()
            assert Runner().read(fenced).heeded == []

    def test_a_token_that_the_text_holds_is_not_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        guessed = "ab" * 32
        digests = iter([guessed, "cd" * 32])
        monkeypatch.setattr(github_report, "_digest", lambda text: next(digests))
        fenced = github_report.fenced(f"::{guessed.upper()}::\n::error::y\n")
        assert fenced.startswith(f"::stop-commands::{'cd' * 32}\n")
        assert Runner().read(fenced).heeded == []

    @given(st.text(), st.text().filter(lambda text: text == text.strip()))
    @example("a\r\n::error::b", "%0A%25,:=x\n")
    def test_a_command_arrives_as_it_was_given(self, message: str, title: str) -> None:
        for properties in ({}, {"file": f"x{message}", "title": f"x{title}x"}):
            written = github_report.command("notice", properties, message)
            assert Runner().read(written).heeded == [("notice", properties, message)]


# --- Markdown --------------------------------------------------------------------------------------------------


class TestMarkdown:
    def test_everything_at_once(self) -> None:
        expired = Entry("logtalk-api-key", "app/settings.py", "0" * 32)
        decision = judged(
            made(history=STILL_THERE),
            made("b.env", 131, environment="test"),
            private_key(history=REMOVED),
            made("commit 1a2b3c4", 3, kind=Kind.COMMIT_MESSAGE, history=History(commits=1, reachable=False)),
            made("docs/a.md", sample="documented"),
            made("old.py", allow=Allow("", "revoked in May")),
            made("older.py", allow=Allow()),
            skipped=(Skipped("big.bin", "larger than 50 MB"),),
            notes=("the repository belongs to somebody else",),
            policy=LIVE,
        )
        stale = replace(expired, path="gone.py")
        assert report("markdown", replace(decision, expired=(expired,), stale=(stale,))) == (
            "## keysweep: leaks\n"
            "\n"
            "**Found 4 keys in 4 places: 1 critical, 2 high, 1 low; 1 of them is a test key. "
            "3 of them fail (fail-on live). 1 item could not be read.**\n"
            "\n"
            "Read: 120 items (1.2 MB) and 14 commits; not read: 1 item.\n"
            "\n"
            "| Severity | What | Where | Key | Live or test | Introduced |\n"
            "|---|---|---|---|---|---|\n"
            f"| **critical** | Private key `pem-private-key` | `keys/id_rsa`, line 1 | `{MASK}` | unknown | "
            "`1a2b3c4d` by `Ann Example`, `2024-03-01`, no longer in HEAD |\n"
            f"| **high** | LogTalk API key `logtalk-api-key` | `app/settings.py`, line 12 | `lt_live_{MASK}` | live | "
            "`1a2b3c4d` by `Ann Example`, `2024-03-01`, still in HEAD |\n"
            "| **high** | LogTalk API key `logtalk-api-key` | `commit 1a2b3c4`, line 3, in a commit message | "
            f"`lt_live_{MASK}` | live | reachable from no branch or tag |\n"
            "| low, does not fail | LogTalk API key `logtalk-api-key` | `b.env`, line 131 | "
            f"`lt_test_{MASK}` | test |  |\n"
            "\n"
            "### What to do\n"
            "\n"
            "Revoke each key and make a new one: removing it from the code does not make it safe.\n"
            "\n"
            "- Private key: Make a new key pair, and remove the old public key wherever it is trusted.\n"
            "- LogTalk API key: <https://logtalk.io/settings/api-keys>\n"
            "\n"
            "### Not read\n"
            "\n"
            "- `big.bin`: `larger than 50 MB`\n"
            "\n"
            "### Suppressed\n"
            "\n"
            "1 as samples (--include-examples reports them), 2 by keysweep:allow.\n"
            "\n"
            f"- `docs/a.md`, line 12: `lt_live_{MASK}` `logtalk-api-key`, sample: `documented`\n"
            f"- `old.py`, line 12: `lt_live_{MASK}` `logtalk-api-key`, inline: `revoked in May`\n"
            f"- `older.py`, line 12: `lt_live_{MASK}` `logtalk-api-key`, inline, without a reason\n"
            "\n"
            "### Baseline\n"
            "\n"
            "- `app/settings.py` `logtalk-api-key` expired, reported again\n"
            "- `gone.py` `logtalk-api-key` answers to nothing any more\n"
            "\n"
            "### Notes\n"
            "\n"
            "- `the repository belongs to somebody else`\n"
        )

    def test_it_is_a_table_to_githubs_markdown(self) -> None:
        shown = page(report("markdown", judged(made("a|b`c\\|d.env"), made("  x "), private_key("\\"))))
        assert shown.tags["tr"] == 4 and shown.tags["td"] == 18
        assert "a|b`c\\|d.env, line 12" in shown.cells and "\\, line 1" in shown.cells
        assert shown.links == ["https://logtalk.io/settings/api-keys"]

    @pytest.mark.parametrize(
        ("decision", "heading"),
        [
            (judged(), "no leaks"),
            (judged(made()), "leaks"),
            (judged(skipped=(Skipped("a", "b"),)), "incomplete"),
            (judged(made(environment="test"), policy=LIVE), "nothing that fails"),
            (judged(made(environment="test"), policy=LIVE, skipped=(Skipped("a", "b"),)), "incomplete"),
        ],
    )
    def test_its_heading_and_the_word_clean(self, decision: Decision, heading: str) -> None:
        text = report("markdown", decision)
        assert text.startswith(f"## keysweep: {heading}\n")
        if decision.exit_code != 0:
            assert "clean" not in text.lower()

    def test_lists_are_cut(self) -> None:
        many = tuple(Skipped(f"{n}.bin", "x") for n in range(1_234))
        text = report("markdown", judged(skipped=many))
        assert text.count(".bin") == 100 and "\n- and 1,134 more\n" in text

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.integers(0, 30_000),
        st.sampled_from(["a", "|", "`|", "\U0010fffd", "漢", "\x01"]),
        st.sampled_from([1, 4_000]),
    )
    @example(30_000, "|", 4_000)
    @example(30_000, "a", 1)
    def test_is_below_githubs_limit_however_much_there_is(self, number: int, letter: str, length: int) -> None:
        foreign = letter * length
        commit = CommitRef("c" * 40, foreign, foreign, foreign)
        finding = made(foreign, history=History(commit, commit, 1, 1), masked=foreign)
        lost, note = (Skipped(foreign, foreign),) * number, (foreign,) * number
        known = (Entry(foreign, foreign, "0" * 32, foreign),) * number
        allowed = replace(finding, allow=Allow("", foreign))
        decision = judged(*[finding] * number, *[allowed] * min(number, 2_000), skipped=lost, notes=note)
        text = report("markdown", replace(decision, stale=known, expired=known))
        assert len(text.encode()) < 1024 * 1024 == markdown_report.LIMIT
        shown = text.count("| **high** |")
        left = re.search(r"\nAnd ([\d,]+) more findings?; the json report holds them all\.\n", text)
        assert shown + (int(left[1].replace(",", "")) if left else 0) == number
        assert shown >= min(number, 90)

    def test_rules_of_others_bring_no_markup(self) -> None:
        rule = replace(RULES.get("logtalk-api-key"), name="[a](http://b) <img src=x>", rotate="javascript:x @you <b>")
        text = render("markdown", judged(made(title="<b>|www.x.de")), type(RULES)([rule]), options())
        shown = page(text)
        assert shown.links == []
        assert "<b>|www.x.de logtalk-api-key" in shown.cells
        for title in ("see www.x.de", "see http://x.de", "a@x.de"):
            assert page(report("markdown", judged(made(title=title)))).links == ["https://logtalk.io/settings/api-keys"]


@given(st.text(st.characters(exclude_categories=[]), max_size=60))
@example("`@a` ](http://b) <img src=c> | d@e.f \\")
def test_code_is_shown_letter_by_letter(foreign: str) -> None:
    for markdown in (f"| a |\n|---|\n| x{code(foreign)}x |\n", f"- x{code(foreign)}x\n"):
        shown = Html(markdown)
        assert set(shown.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code"}
        # A code span at its ends, and Markdown's reading of NUL, aside.
        assert shown.cells[-1].strip().replace(" ", "") == f"x{printable(foreign)}x".replace(" ", "")
    assert "@" not in Html(plain(foreign)).outside_code and not Html(plain(foreign)).links


@given(st.text(), st.integers(1, 30))
def test_a_shortened_text_is_no_longer_than_wanted(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most and (short == text or "…" in short)


# --- JUnit -----------------------------------------------------------------------------------------------------


class TestJunit:
    def test_findings_fail_and_what_was_not_read_is_an_error(self) -> None:
        decision = judged(
            made(history=STILL_THERE, decoded=("base64",)), made("b.env", environment="test"),
            made("", kind=Kind.STDIN), policy=LIVE, skipped=(Skipped("big.bin", "larger than 50 MB"),),
            notes=("remark",),
        )  # fmt: skip
        suite = junit(report("junit", replace(decision, stale=(Entry("r", "p", "0" * 32),))))
        cases = [(case.get("classname"), case.get("name"), case[0].tag) for case in suite.findall("testcase")]
        assert cases == [
            ("app/settings.py", "LogTalk API key (live) [logtalk-api-key] at line 12, column 20", "failure"),
            ("b.env", "LogTalk API key (test) [logtalk-api-key] at line 12, column 20", "skipped"),
            ("stdin", "LogTalk API key (live) [logtalk-api-key] at line 12, column 20", "failure"),
            ("big.bin", "could be read", "error"),
        ]
        failure = suite[0][0]
        assert failure.attrib == {"type": "logtalk-api-key", "message": f"leaked: lt_live_{MASK}"}
        assert failure.text == (
            "app/settings.py:12:20\n"
            "severity high, confidence high\n"
            "assigned to LOGTALK_API_KEY\n"
            "decoded from base64\n"
            "introduced by 1a2b3c4d (Ann Example, 2024-03-01), in 12 commits, at 2 paths, still in HEAD\n"
            "revoke and renew it: https://logtalk.io/settings/api-keys"
        )
        words = suite.findtext("system-out")
        assert words is not None
        assert words.splitlines()[1:] == [
            "Read: 120 items (1.2 MB) and 14 commits.", "Baseline: 1 entry without a finding.", "Note: remark",
        ]  # fmt: skip

    def test_a_clean_scan_is_one_test_that_passes(self) -> None:
        suite = junit(report("junit", judged()))
        assert [list(case) for case in suite.findall("testcase")] == [[]]
        assert suite.findtext("system-out", "").startswith("Clean: ")

    def test_an_incomplete_scan_is_not_green(self) -> None:
        suite = junit(report("junit", judged(skipped=(Skipped("", "b"),))))
        assert suite.get("errors") == "1" and "Clean" not in suite.findtext("system-out", "")

    def test_what_xml_cannot_hold_is_written_as_an_escape(self) -> None:
        suite = junit(report("junit", judged(made("a\x00\x1b\ufffe\udcff]]>&<b>\n"))))
        assert suite[0].get("classname") == r"a\x00\x1b\ufffe\xff]]>&<b>\n"


# --- GitLab ----------------------------------------------------------------------------------------------------


class TestGitlab:
    def test_a_vulnerability_whole(self) -> None:
        secret = fresh()
        decision = judged(made(history=STILL_THERE, secret=secret))
        found = gitlab(report("gitlab", decision))["vulnerabilities"]
        assert found == [
            {
                "id": str(uuid.uuid5(NAMESPACE, options().fingerprints.of(decision.findings[0]))),
                "name": "LogTalk API key",
                "description": f"LogTalk API key (live): `lt_live_{MASK}`, assigned to `LOGTALK_API_KEY`. "
                "Whoever has a copy of the repository, a fork or a log has the key.",
                "severity": "High",
                "solution": "Revoke it and make a new one at https://logtalk.io/settings/api-keys",
                "identifiers": [
                    {
                        "type": "keysweep_rule_id",
                        "name": "keysweep rule logtalk-api-key",
                        "value": "logtalk-api-key",
                    }
                ],
                "location": {
                    "file": "app/settings.py",
                    "start_line": 12,
                    "end_line": 12,
                    "commit": {"sha": "1a2b3c4d5e6f" + "7" * 28, "date": "2024-03-01T10:00:00Z"},
                },
                "links": [{"name": "Where to revoke and renew it", "url": "https://logtalk.io/settings/api-keys"}],
            }
        ]

    def test_a_clean_scan_has_no_vulnerabilities_and_success(self) -> None:
        read = gitlab(report("gitlab", judged()))
        assert read["vulnerabilities"] == [] and read["scan"]["status"] == "success"
        assert read["scan"]["messages"] == []

    def test_an_incomplete_scan_is_a_failure_with_its_reasons(self) -> None:
        many = tuple(Skipped(f"{n}", "gone") for n in range(MAX_MESSAGES + 7))
        scan = gitlab(report("gitlab", judged(skipped=many, notes=("remark",))))["scan"]
        assert scan["status"] == "failure"
        assert scan["messages"][0] == {"level": "warn", "value": "Not read: 0: gone"}
        assert scan["messages"][MAX_MESSAGES:] == [
            {"level": "warn", "value": "Not read: 7 more items."}, {"level": "info", "value": "remark"},
        ]  # fmt: skip

    def test_equal_keys_of_a_file_have_ids_of_their_own(self) -> None:
        secret = fresh()
        twice = judged(made(secret=secret), made(line=20, secret=secret))
        first, second = gitlab(report("gitlab", twice))["vulnerabilities"]
        assert first["id"] == gitlab(report("gitlab", judged(made(line=99, secret=secret))))["vulnerabilities"][0]["id"]
        assert first["id"] != second["id"]

    def test_what_is_in_no_file_has_a_stable_place_and_says_so(self) -> None:
        decision = judged(made("commit 1a2b3c4", 3, kind=Kind.COMMIT_MESSAGE), made("", kind=Kind.STDIN))
        found = gitlab(report("gitlab", decision))
        places = [item["location"]["file"] for item in found["vulnerabilities"]]
        assert places == [".git/commit-messages", "stdin"]
        assert "in a commit message: `commit 1a2b3c4`." in found["vulnerabilities"][0]["description"]
        assert found["vulnerabilities"][0]["location"]["commit"] == {"sha": "0" * 40}

    def test_samples_are_flagged_and_the_past_is_told(self) -> None:
        decision = judged(
            private_key(sample="documented", history=REMOVED, decoded=("base64",)), policy=Policy(include_examples=True)
        )
        found = gitlab(report("gitlab", decision))["vulnerabilities"][0]
        assert found["flags"][0]["description"] == "a documented sample"
        assert found["severity"] == "Critical" and "links" not in found
        assert found["solution"].startswith("Revoke it and make a new one: Make a new key pair")
        for words in ("Decoded from `base64`.", "no longer in HEAD"):
            assert words in found["description"]

    def test_its_description_is_markdown_without_foreign_markup(self) -> None:
        finding = made(variable="![x](http://y) @all <b>", title="<i>", rule_id="x")
        shown = Html(gitlab(report("gitlab", judged(finding)))["vulnerabilities"][0]["description"])
        assert set(shown.tags) == {"p", "code"} and "@" not in shown.outside_code

    def test_long_words_stay_within_the_limits(self) -> None:
        rule = replace(RULES.get("logtalk-api-key"), rotate="x" * 9_000)
        decision = judged(made("p" * 10_000, title="t" * 300, variable="`" * 10_000))
        gitlab(render("gitlab", decision, type(RULES)([rule]), options()))

    def test_shows_the_time_it_is_given(self) -> None:
        when = datetime(2026, 11, 22, 8, 30, 5, tzinfo=UTC)
        for given_moment, shown in ((when, "2026-11-22T08:30:05"), (NO_MOMENT, "1970-01-01T00:00:00")):
            scan = gitlab(report("gitlab", judged(), moment=given_moment))["scan"]
            assert scan["start_time"] == scan["end_time"] == shown


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, NO_MOMENT),
        ({"SOURCE_DATE_EPOCH": "", "CI_COMMIT_TIMESTAMP": ""}, NO_MOMENT),
        ({"SOURCE_DATE_EPOCH": "1700000000"}, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ({"CI_COMMIT_TIMESTAMP": "2026-01-31T10:00:00+01:00"}, datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ({"CI_COMMIT_TIMESTAMP": "2026-01-31T10:00:00"}, datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ({"SOURCE_DATE_EPOCH": "0", "CI_COMMIT_TIMESTAMP": "2026-01-31T10:00:00Z"}, NO_MOMENT),
    ],
)
def test_the_time_is_the_environments_and_never_the_clocks(variables: dict[str, str], shown: datetime) -> None:
    assert moment(variables) == shown and moment(variables).tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "value"),
    [("SOURCE_DATE_EPOCH", "soon"), ("SOURCE_DATE_EPOCH", "9" * 30), ("CI_COMMIT_TIMESTAMP", "yesterday")],
)
def test_what_is_no_time_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is no time: give"):
        moment({name: value})


# --- CSV -------------------------------------------------------------------------------------------------------


class TestCsv:
    def test_a_row_whole(self) -> None:
        validity = Validity("active", "accepted", "GET https://api.logtalk.io/v1", "2026-11-22T10:00:00Z", 200)
        finding = made(
            history=REMOVED, object_id="ab" * 20, decoded=("base64", "gzip"), validity=validity,
            expires="2027-01-01T00:00:00Z",
        )  # fmt: skip
        assert rows(report("csv", judged(finding))) == [
            {
                "fingerprint": options().fingerprints.of(finding), "failing": "true", "severity": "high",
                "confidence": "high", "rule": "logtalk-api-key", "provider": "logtalk", "title": "LogTalk API key",
                "environment": "live", "key": f"lt_live_{MASK}", "variable": "LOGTALK_API_KEY",
                "path": "app/settings.py", "kind": "file", "line": "12", "column": "20", "end_line": "12",
                "end_column": "60", "occurrences": "1", "decoded": "base64 gzip", "sample": "", "validity": "active",
                "validity_reason": "accepted", "introduced": "1a2b3c4d5e6f" + "7" * 28,
                "introduced_date": "2024-03-01T10:00:00Z", "introduced_by": "Ann Example",
                "removed": "9f8e7d6c5b4a" + "3" * 28, "in_head": "false", "object": "ab" * 20,
                "rotate": "https://logtalk.io/settings/api-keys", "endpoint": "GET https://api.logtalk.io/v1",
                "http_status": "200", "asked": "2026-11-22T10:00:00Z", "expires": "2027-01-01T00:00:00Z",
            }
        ]  # fmt: skip

    def test_lines_end_as_rfc_4180_says_and_a_clean_scan_has_a_header_only(self) -> None:
        text = report("csv", judged())
        assert rows(text) == [] and text.endswith('"\r\n') and text.count("\n") == 1
        assert report("csv", judged(made("a,b\n\"c\""))).count("\r\n") == report("csv", judged(made())).count("\n") == 2

    @pytest.mark.parametrize(
        ("path", "cell"),
        [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), (" =1", "' =1"), ("＝1", "'＝1"),
            ("\t=1", r"\t=1"), ("\r=1", r"\r=1"), ("a=1", "a=1"), ("'=1", "'=1"), ('a"b,c;=d', 'a"b,c;=d'),
        ],
    )  # fmt: skip
    def test_no_cell_is_a_formula(self, path: str, cell: str) -> None:
        assert rows(report("csv", judged(made(path))))[0]["path"] == cell


# --- what holds for all of them --------------------------------------------------------------------------------

NASTY = st.sampled_from([
    "::error::x", "\n::error file=a::x", "##[error]x", "\r##[set-env name=A]b", "::stop-commands::x", "%0A::warning::y",
    "|", "`", "``", "\\", "[a](http://b)", "@everyone", "<script>", "<!--", "]]>", "&amp;", "http://x.y", "a@b.cd",
    "www.x.y",
    "=1+1", "-1", '"', ",", ";", "\x00", "\x1b[2J", "\u202e", "\u2028", "\ufffe", "\udcff", "\ud800", "\U000e0001", "…",
])  # fmt: skip
FOREIGN = st.lists(NASTY | st.text(st.characters(exclude_categories=[]), max_size=8), max_size=6).map("".join)


@st.composite
def hostile_decisions(draw: st.DrawFn) -> Decision:
    """A decision in which every foreign word is made to do harm."""
    count = draw(st.integers(0, 13))
    pool = draw(st.lists(FOREIGN, min_size=1, max_size=4))

    def word() -> str:
        return draw(st.sampled_from(pool))

    findings = []
    for number in range(count):
        who = CommitRef("c0ffee" * 6 + "beef", word(), word(), word())
        life = draw(st.sampled_from([None, History(who, who, 2, 1), History(who, None, 1, 1, True), History()]))
        findings.append(
            made(
                word(), number + 1, masked=word(), text=word(), variable=word(), history=life, decoded=(word(),),
                kind=draw(st.sampled_from(Kind)), environment=draw(st.sampled_from(["live", "test"])),
                allow=draw(st.sampled_from([None, None, Allow("", word())])),
                validity=draw(st.sampled_from([Validity(), Validity(word(), word(), word(), word(), 200, word())])),
                facts=((word(), word()),), expires=word(), sample=draw(st.sampled_from(["", "", "", "synthetic"])),
            )
        )  # fmt: skip
    lost = tuple(Skipped(word(), word()) for _ in range(draw(st.integers(0, 12))))
    decision = judged(
        *findings, skipped=lost, notes=tuple(word() for _ in range(draw(st.integers(0, 2)))), stats=Stats(1, 1, 0),
        policy=draw(st.sampled_from([Policy(), LIVE, Policy(include_examples=True)])),
    )  # fmt: skip
    entry = Entry(word(), word(), "0" * 32, word())
    return replace(decision, stale=(entry,), expired=(entry,))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_decisions(), st.sampled_from([-1, 0, 1]), st.booleans())
def test_foreign_words_are_only_words(decision: Decision, verbosity: int, colour: bool) -> None:
    wanted = {"verbosity": verbosity, "colour": colour}
    reports = {name: report(name, decision, **wanted) for name in CI_FORMATS}
    assert reports == {name: report(name, decision, **wanted) for name in CI_FORMATS}
    for name, text in reports.items():
        allowed = {"\n", "\r"} if name == "csv" else {"\n", "\x1b"} if colour and name == "github" else {"\n"}
        unsafe = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
        assert unsafe <= allowed, name
    found, failing = len(decision.findings), len(decision.failing)

    runner = Runner().read(reports["github"])
    remarks = len(decision.result.skipped) + len(decision.result.notes)
    expected = {"error": min(failing, 10), "warning": min(found - failing, 10), "notice": min(remarks, 10)}
    assert Counter(command for command, _, _ in runner.heeded) == Counter(expected)
    assert not runner.token
    for _, properties, _ in runner.heeded:
        assert set(properties) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        assert properties["title"].startswith("keysweep")

    shown = page(reports["markdown"])
    assert shown.tags["tr"] == (found + 1 if found else 0)
    columns = 7 if any(verified(finding) for finding in decision.findings) else 6
    assert shown.tags["td"] == columns * found

    suite = junit(reports["junit"])
    assert len(suite.findall("testcase")) == max(found + len(decision.result.skipped), 1)
    assert len(gitlab(reports["gitlab"])["vulnerabilities"]) == found

    table = rows(reports["csv"])
    assert len(table) == found
    assert not [cell for row in table for cell in row.values() if cell.strip().startswith(("=", "+", "-", "@", "＝"))]


def test_every_format_from_the_command_line(tmp_path: Path, new_key: Callable[..., Fake]) -> None:
    fake = new_key("github-personal-access-token")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "settings.py").write_bytes(b'TOKEN = "' + fake.key + b'"\n')
    targets = [word for name in FORMATS for word in ("--report", f"{name}:{tmp_path / name}")]

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "scanner", "files", "src", "--include-examples", *targets]
        env = shell(**{"SOURCE_DATE_EPOCH": "", "CI_COMMIT_TIMESTAMP": "", **variables})
        return subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    done = run(CI_COMMIT_TIMESTAMP="2026-01-31T10:00:00+01:00")
    assert done.returncode == 1, done.stderr
    reports = {name: (tmp_path / name).read_bytes().decode() for name in FORMATS}
    assert not [name for name, text in reports.items() if fake.key.decode() in text]
    assert Runner().read(reports["github"]).of("error")[0][0]["line"] == "1"
    assert Html(reports["markdown"]).tags["td"] == 6
    assert junit(reports["junit"]).get("failures") == "1"
    assert gitlab(reports["gitlab"])["scan"]["start_time"] == "2026-01-31T09:00:00"
    assert rows(reports["csv"])[0]["key"].endswith(MASK)
    assert run(CI_COMMIT_TIMESTAMP="2026-01-31T10:00:00+01:00").returncode == 1
    assert reports == {name: (tmp_path / name).read_bytes().decode() for name in FORMATS}

    wrong = run(SOURCE_DATE_EPOCH="tomorrow")
    assert wrong.returncode == 2
    assert "SOURCE_DATE_EPOCH is no time" in wrong.stderr and "Traceback" not in wrong.stderr


# --- the page about them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_the_documented_example_is_what_the_report_says(name: str) -> None:
    assert documented()[name] == examples()[name], "python tests/report_examples.py writes the examples anew"


def test_the_page_names_every_format_and_every_column() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert re.findall(r"^## `(\w+)`", text, re.MULTILINE) == list(FORMATS)
    assert tuple(re.findall(r"^\| `(\w+)` \|", text.split("## `csv`")[1], re.MULTILINE)) == COLUMNS

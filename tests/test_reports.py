"""Reports: what they say, what they never say, and that they are what they claim to be."""

from __future__ import annotations

import ast
import json
import logging
import pickle
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_findings import REMOVED, RULES, STILL_THERE, QuickFingerprints, fresh, made, private_key

from scanner import __version__
from scanner.baseline import Entry, Known
from scanner.errors import UsageError
from scanner.identity import Identities
from scanner.models import (
    MASK,
    Allow,
    CommitRef,
    Finding,
    History,
    Kind,
    Location,
    ScanResult,
    Skipped,
    Stats,
    Validity,
)  # fmt: skip
from scanner.policy import Decision, FailOn, Policy, decide
from scanner.reports import FORMATS, Options, check_format, render
from scanner.reports import sarif as sarif_report
from scanner.reports.interface import rank
from scanner.reports.text_safety import printable, whole, width
from scanner.verdicts import REASONS

HERE = Path(__file__).parent
TODAY = date(2026, 11, 22)
ANY = Policy()
LIVE = Policy(fail_on=frozenset({FailOn.LIVE}))
ALL = Policy(include_examples=True)
TIMEOUT = Validity("unknown", "timeout", "GET https://api.logtalk.io/v1")
SARIF_SCHEMA = json.loads((HERE / "data" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
SARIF = jsonschema.Draft4Validator(SARIF_SCHEMA)
REPORT_SCHEMA = json.loads((HERE.parent / "docs" / "keysweep-report.schema.json").read_text(encoding="utf-8"))


def _strict(schema: Any) -> Any:
    """The published schema leaves room for fields to come; the test does not."""
    if isinstance(schema, dict):
        closed = {key: _strict(value) for key, value in schema.items()}
        return {**closed, "additionalProperties": False} if closed.get("type") == "object" else closed
    return [_strict(item) for item in schema] if isinstance(schema, list) else schema


REPORT = jsonschema.Draft202012Validator(_strict(REPORT_SCHEMA))


def options(**changes: Any) -> Options:
    return Options(**{"fingerprints": QuickFingerprints(), **changes})


def judged(*findings: Finding, policy: Policy = ANY, **rest: Any) -> Decision:
    rest.setdefault("stats", Stats(120, 1_234_567, 14))
    return decide(ScanResult(findings=findings, **rest), policy, today=TODAY)


def text(decision: Decision, **changes: Any) -> str:
    return render("text", decision, RULES, options(**changes))


def sarif(decision: Decision, **changes: Any) -> dict[str, Any]:
    log = json.loads(render("sarif", decision, RULES, options(**changes)))
    SARIF.validate(log)
    return log  # type: ignore[no-any-return]


def as_json(decision: Decision, **changes: Any) -> dict[str, Any]:
    report = json.loads(render("json", decision, RULES, options(**changes)))
    REPORT.validate(report)
    return report  # type: ignore[no-any-return]


# --- the text report, whole ------------------------------------------------------------------------------------


class TestText:
    def test_a_plain_leak(self) -> None:
        assert text(judged(made())) == (
            "high: LogTalk API key (live) [logtalk-api-key]\n"
            "  --> app/settings.py:12:20\n"
            "   |\n"
            '12 | LOGTALK_API_KEY = "lt_live_********"\n'
            "   |                    ^^^^^^^^^^^^^^^^\n"
            "\n"
            "help: LogTalk API key: revoke and renew it at https://logtalk.io/settings/api-keys\n"
            "\n"
            "Found 1 key in 1 place: 1 high.\n"
        )

    def test_everything_at_once(self) -> None:
        secret = fresh()
        decision = judged(
            made(secret=secret, history=STILL_THERE),
            made("b.env", 131, environment="test", text=f"\t\tclient('lt_test_{MASK}')"),
            private_key(history=REMOVED),
            made("commit 1a2b3c4", 3, secret=secret, kind=Kind.COMMIT_MESSAGE, text="oops", variable=""),
            made("docs/a.md", sample="documented"),
            made("old.py", allow=Allow("", "revoked in May")),
            skipped=(Skipped("big.bin", "larger than 50 MB"),),
            notes=("the repository belongs to somebody else",),
            policy=LIVE,
        )
        expired = Entry("logtalk-api-key", "app/settings.py", "0" * 32, "", date(2026, 1, 1))
        stale = Entry("logtalk-api-key", "gone.py", "0" * 32)
        assert text(replace(decision, expired=(expired,), stale=(stale,))) == (
            "high: LogTalk API key (live) [logtalk-api-key]\n"
            "  --> app/settings.py:12:20\n"
            "   |\n"
            '12 | LOGTALK_API_KEY = "lt_live_********"\n'
            "   |                    ^^^^^^^^^^^^^^^^\n"
            "   = introduced by 1a2b3c4d (Ann Example, 2024-03-01), in 12 commits, at 2 paths, still in HEAD\n"
            "\n"
            "low: LogTalk API key (test) [logtalk-api-key]\n"
            "   --> b.env:131:20\n"
            "    |\n"
            "131 | client('lt_test_********')\n"
            "    |         ^^^^^^^^^^^^^^^^\n"
            "    = assigned to LOGTALK_API_KEY\n"
            "    = does not fail this scan (fail-on live)\n"
            "\n"
            "critical: Private key [pem-private-key]\n"
            " --> keys/id_rsa:1:1\n"
            "  |\n"
            "1 | -----BEGIN RSA PRIVATE KEY-----\n"
            "  = key: ********\n"
            "  = down to line 27\n"
            "  = introduced by 1a2b3c4d (Ann Example, 2024-03-01), in 3 commits, "
            "removed by 9f8e7d6c (Ben Example, 2025-04-02, a merge)\n"
            "\n"
            "high: LogTalk API key (live) [logtalk-api-key]\n"
            " --> commit 1a2b3c4:3:20\n"
            "  |\n"
            "3 | oops\n"
            "  = key: lt_live_********\n"
            "  = in a commit message\n"
            "\n"
            "help: Private key: revoke and renew it as follows: "
            "Make a new key pair, and remove the old public key wherever it is trusted.\n"
            "help: LogTalk API key: revoke and renew it at https://logtalk.io/settings/api-keys\n"
            "\n"
            "not read: 1 item\n"
            "  big.bin: larger than 50 MB\n"
            "\n"
            "suppressed: 1 as samples (--include-examples reports them), 1 by keysweep:allow\n"
            "\n"
            "baseline: 1 entry expired; its key is reported again\n"
            "  app/settings.py [logtalk-api-key] expired 2026-01-01\n"
            "baseline: 1 entry answers to nothing any more; `keysweep baseline update --prune` removes it\n"
            "  gone.py [logtalk-api-key]\n"
            "\n"
            "note: the repository belongs to somebody else\n"
            "\n"
            "Found 3 keys in 4 places: 1 critical, 2 high, 1 low; 1 of them is a test key. "
            "3 of them fail (fail-on live). 1 item could not be read.\n"
        )

    def test_grouped_by_secret_each_key_once_and_the_worst_first(self) -> None:
        secret = fresh()
        report = text(
            judged(made("a.py", 1, environment="test"), made("b.py", 2, secret=secret), made("c.py", 3, secret=secret)),
            group="secret",
        )
        assert report.index("b.py:2") < report.index("= also at c.py:3:20") < report.index("a.py:1:20")
        assert report.count("logtalk-api-key]") == 2

    @pytest.mark.parametrize(
        ("decision", "sentence"),
        [
            (judged(), "Clean: no keys to report in 120 items (1.2 MB) and 14 commits."),
            (judged(stats=Stats(1, 12)), "Clean: no keys to report in 1 item (12 bytes)."),
            (judged(stats=Stats()), "Nothing to scan: no content was found."),
            (
                judged(skipped=(Skipped("a", "b"),), stats=Stats(5, 5_100)),
                "Incomplete: no keys to report in 5 items (5.1 kB), but 1 item could not be read.",
            ),
            (
                judged(made(environment="test"), policy=LIVE),
                "Found 1 key in 1 place: 1 low; 1 of them is a test key. None of them fails (fail-on live).",
            ),
            (
                judged(made(environment="test"), policy=LIVE, skipped=(Skipped("a", "b"), Skipped("c", "d"))),
                "Found 1 key in 1 place: 1 low; 1 of them is a test key. None of them fails (fail-on live). "
                "2 items could not be read.",
            ),
        ],
    )
    def test_ends_with_one_sentence(self, decision: Decision, sentence: str) -> None:
        assert text(decision).splitlines()[-1] == sentence

    def test_says_clean_only_with_exit_code_0(self) -> None:
        for findings in ((), (made(),), (made(environment="test"),)):
            for skipped in ((), (Skipped("a", "b"),)):
                for policy in (Policy(), LIVE):
                    decision = judged(*findings, skipped=skipped, policy=policy)
                    if decision.exit_code != 0:
                        for verbosity in (-1, 0, 1):
                            assert "clean" not in text(decision, verbosity=verbosity).lower()

    def test_quiet_is_one_line_each(self) -> None:
        decision = judged(made(), skipped=(Skipped("big.bin", "larger than 50 MB"),))
        assert text(decision, verbosity=-1) == (
            "app/settings.py:12:20: high: LogTalk API key (live): lt_live_******** [logtalk-api-key]\n"
            "big.bin: not read: larger than 50 MB\n"
            "Found 1 key in 1 place: 1 high. 1 item could not be read.\n"
        )
        assert text(judged(), verbosity=-1) == ""

    def test_verbose_lists_all(self) -> None:
        decision = judged(
            made(object_id="ab" * 20),
            made("old.py", allow=Allow("", "revoked in May")),
            skipped=tuple(Skipped(f"{n}", "unreadable") for n in range(30)),
        )
        usual, verbose = text(decision), text(decision, verbosity=1)
        assert "  and 20 more (--verbose lists them)\n" in usual and "  29: unreadable" not in usual
        assert "  29: unreadable\n" in verbose and "more" not in verbose
        assert f"  old.py:12:20: lt_live_{MASK} [logtalk-api-key] inline: revoked in May\n" in verbose
        assert "confidence high, entropy 3.9 bits a character\n" in verbose
        assert f"object {'ab' * 20}\n" in verbose

    def test_colour_adds_nothing_but_colour(self) -> None:
        decision = judged(made(history=STILL_THERE), private_key(), skipped=(Skipped("a", "b"),))
        coloured = text(decision, colour=True)
        assert "\x1b[1;31mhigh\x1b[0m" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text(decision)

    @pytest.mark.parametrize(
        ("life", "words"),
        [
            (History(commits=1, reachable=False), "in 1 commit, reachable from no branch or tag"),
            (
                History(introduced=STILL_THERE.introduced),
                "introduced by 1a2b3c4d (Ann Example, 2024-03-01), not in HEAD",
            ),
        ],
    )
    def test_tells_a_life(self, life: History, words: str) -> None:
        assert f"   = {words}\n" in text(judged(made(history=life)))

    def test_tells_what_is_known_of_a_key(self) -> None:
        validity = Validity("active", "accepted", "GET https://api.logtalk.io/v1", "2026-11-22T10:00:00Z", 200, "paid")
        finding = made(
            decoded=("base64", "gzip"), occurrences=3, validity=validity, sample="synthetic",
            facts=(("account", "ac-12"),), expires="2027-01-01T00:00:00Z",
        )  # fmt: skip
        report = text(judged(finding, policy=Policy(include_examples=True)))
        said = "active (accepted): the provider accepts the key; paid; GET https://api.logtalk.io/v1, HTTP 200"
        told = (
            "decoded from base64, then gzip", "in 3 versions of this content", said, "a synthetic sample",
            "account: ac-12", "expires 2027-01-01T00:00:00Z",
        )  # fmt: skip
        for words in told:
            assert f"   = {words}\n" in report
        assert "asked 2026" not in report
        assert "   = asked 2026-11-22T10:00:00Z\n" in text(judged(finding, policy=ALL), verbosity=1)
        quiet = text(judged(finding, policy=ALL), verbosity=-1)
        assert quiet.splitlines()[0].endswith("[logtalk-api-key] active")

    def test_the_sentence_counts_what_providers_say(self) -> None:
        secret = fresh()
        active = [made(f"{n}", secret=secret, validity=Validity("active", "accepted")) for n in range(2)]
        dead, late = (made(s, validity=v) for s, v in (("c", Validity("inactive", "revoked")), ("d", TIMEOUT)))
        assert text(judged(*active, dead, late)).splitlines()[-1] == (
            "Found 3 keys in 4 places: 4 high. By status: 1 active, 1 unknown, 1 inactive."
        )
        assert text(judged(dead, late, policy=Policy(fail_on=frozenset({FailOn.ACTIVE})))).splitlines()[-1] == (
            "Found 2 keys in 2 places: 2 high. By status: 1 unknown, 1 inactive. "
            "None of them fails (fail-on active). Whether 1 finding would fail could not be found out."
        )

    @pytest.mark.parametrize(("status", "reason"), [(s, r) for s, reasons in REASONS.items() for r in reasons])
    def test_every_reason_is_told_in_words(self, status: str, reason: str) -> None:
        report = text(judged(made(validity=Validity(status, reason, http_status=1))))
        assert (f"= {status} ({reason}): {REASONS[status][reason]}\n" in report) == (reason != "not-asked")

    def test_marks_the_key_under_wide_characters_and_tabs(self) -> None:
        lines = text(judged(made(text=f"\té漢字\t= lt_live_{MASK}"))).splitlines()
        assert lines[3] == f"12 | é漢字    = lt_live_{MASK}"
        assert lines[4] == "   | " + " " * 11 + "^" * 16


    def test_marks_each_of_two_keys_on_one_line(self) -> None:
        line = f"a=lt_live_{MASK} b=lt_live_{MASK}"
        first, second = (made(text=line, location=Location("a", n, n + 9, 1, n, 1, n + 9)) for n in (3, 50))
        lines = text(judged(first, second)).splitlines()
        marks = [line.index("^") for line in lines if "^" in line]
        assert marks == [4 + line.index("lt"), 4 + line.rindex("lt")]

    def test_does_not_mark_when_it_cannot_tell(self) -> None:
        line = f"…lt_live_{MASK} b"
        first, second = (made(text=line, location=Location("a", n, n + 9, 1, n, 1, n + 9)) for n in (3, 50))
        report = text(judged(first, second))
        assert "^" not in report and report.count(f"= key: lt_live_{MASK}") == 2


HOSTILE = "a\x1b[2Jb\nclean: c\r\u202egnp.exe\u200b\x07\x9b\u2028d\udcff"


def test_nothing_foreign_reaches_the_terminal_raw() -> None:
    author = CommitRef("c" * 40, HOSTILE, HOSTILE, HOSTILE)
    finding = made(
        HOSTILE, variable=HOSTILE, text=HOSTILE + f"lt_live_{MASK}", decoded=(HOSTILE,),
        validity=Validity("active", HOSTILE), history=History(author, author, 1, 1),
    )  # fmt: skip
    entry = Entry(HOSTILE, HOSTILE, "0" * 32, HOSTILE, TODAY)
    decision = replace(
        judged(
            finding, replace(finding, masked=HOSTILE), replace(finding, allow=Allow("", HOSTILE), masked=HOSTILE),
            skipped=(Skipped(HOSTILE, HOSTILE),), notes=(HOSTILE,)
        ),
        stale=(entry,),
        expired=(entry,),
    )
    for verbosity in (-1, 0, 1):
        report = text(decision, verbosity=verbosity)
        assert re.sub(r"[\n -~]", "", report) == ""
        assert not any(line.startswith("clean") for line in report.splitlines())
        assert r"a\x1b[2Jb\nclean: c\r\u202egnp.exe\u200b\x07\x9b\u2028d\xff" in report
    for name in ("json", "sarif"):
        assert render(name, decision, RULES, options()).isascii()
    as_json(decision)
    sarif(decision)


@given(st.text(st.characters(exclude_categories=[]), max_size=50))
def test_printable_text_is_printable_and_nothing_else_changes(foreign: str) -> None:
    shown = printable(foreign)
    assert shown.isprintable() or set(shown) - {c for c in shown if c.isprintable()} <= {"\xa0", "\u3000"} | {
        c for c in foreign if c.isspace()
    }
    shown.encode()
    whole(foreign).encode()
    assert printable("plain é 漢字 text") == "plain é 漢字 text"
    assert width("é漢字e\u0301") == 6


# --- JSON ------------------------------------------------------------------------------------------------------


class TestJson:
    def test_a_finding_whole(self) -> None:
        finding = made(history=STILL_THERE, object_id="ab" * 20, kind=Kind.BLOB)
        report = as_json(judged(finding))
        assert report["findings"] == [
            {
                "fingerprint": QuickFingerprints().of(finding),
                "failing": True,
                "rule": "logtalk-api-key",
                "provider": "logtalk",
                "title": "LogTalk API key",
                "severity": "high",
                "confidence": "high",
                "environment": "live",
                "key": "lt_live_********",
                "secret": 1,
                "variable": "LOGTALK_API_KEY",
                "path": "app/settings.py",
                "kind": "blob",
                "object": "ab" * 20,
                "line": 12,
                "column": 20,
                "end_line": 12,
                "end_column": 60,
                "text": 'LOGTALK_API_KEY = "lt_live_********"',
                "entropy": 3.91,
                "decoded": [],
                "sample": "",
                "occurrences": 1,
                "validity": {
                    "status": "unknown", "reason": "not-asked",
                    "endpoint": "", "http_status": 0, "asked": "", "detail": "",
                },
                "facts": [],
                "expires": "",
                "record": None,
                "history": {
                    "introduced": {
                        "id": "1a2b3c4d5e6f" + "7" * 28,
                        "author": "Ann Example",
                        "email": "ann@example.org",
                        "date": "2024-03-01T10:00:00Z",
                        "merge": False,
                    },
                    "removed": None,
                    "commits": 12,
                    "paths": 2,
                    "in_head": True,
                    "reachable": True,
                },
                "rotate": "https://logtalk.io/settings/api-keys",
            }
        ]

    def test_everything_around_the_findings(self) -> None:
        secret = fresh()
        decision = judged(
            made("a.py", secret=secret),
            made("b.py", environment="test"),
            made("c.py", secret=secret, allow=Allow("", "old")),
            skipped=(Skipped("big.bin", "larger than 50 MB"),),
            notes=("a remark",),
            policy=LIVE,
        )
        entry = Entry("k", "p", "0" * 32, "why", date(2026, 1, 2), None)
        report = as_json(replace(decision, expired=(entry,)))
        suppressed = report.pop("suppressed")
        assert [f["secret"] for f in report.pop("findings")] == [1, 2]
        assert [(s["by"], s["reason"], s["finding"]["path"], s["finding"]["secret"]) for s in suppressed] == [
            ("inline", "old", "c.py", 1)
        ]
        none = dict.fromkeys(("excluded", "sample", "severity", "confidence", "inline", "baseline", "honoured"), 0)
        assert report == {
            "schema": 1,
            "tool": {"name": "keysweep", "version": __version__, "rules": 2},
            "complete": False,
            "exit_code": 1,
            "summary": {
                "findings": 2,
                "failing": 1,
                "secrets": 2,
                "test": 1,
                "undecided": 0,
                "validity": {"active": 0, "unknown": 2, "inactive": 0},
                "suppressed": {**none, "inline": 1},
                "skipped": 1,
            },
            "skipped": [{"what": "big.bin", "reason": "larger than 50 MB"}],
            "baseline": {
                "stale": [],
                "expired": [
                    {"rule": "k", "path": "p", "id": "0" * 32, "reason": "why", "expires": "2026-01-02", "added": None}
                ],
            },
            "stats": {"contents": 120, "bytes": 1_234_567, "commits": 14},
            "notes": ["a remark"],
        }

    def test_the_schema_and_its_page_name_the_same_fields(self) -> None:
        page = (HERE.parent / "docs" / "report-json.md").read_text(encoding="utf-8")
        top, finding = page.split("## A finding")
        named = lambda part: set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", part, re.MULTILINE))))  # noqa: E731
        assert named(top) == set(REPORT_SCHEMA["properties"])
        assert named(finding) == set(REPORT_SCHEMA["$defs"]["reported"]["properties"])
        assert set(REPORT_SCHEMA["$defs"]["finding"]["properties"]["kind"]["enum"]) == {str(kind) for kind in Kind}


# --- SARIF -----------------------------------------------------------------------------------------------------


class TestSarif:
    def test_clean_has_empty_results_so_that_old_alerts_close(self) -> None:
        run = sarif(judged())["runs"][0]
        assert run["results"] == [] and run["tool"]["driver"]["rules"] == []
        assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 0, "toolExecutionNotifications": []}]
        assert run["automationDetails"] == {"id": "keysweep/"}
        assert sarif(judged(), category="nightly")["runs"][0]["automationDetails"] == {"id": "nightly/"}

    def test_a_result_whole(self) -> None:
        finding = made("dir with space/ä:b#c?.py", history=STILL_THERE)
        log = sarif(judged(finding))
        assert list(log) == ["$schema", "version", "runs"] and log["version"] == "2.1.0"
        run = log["runs"][0]
        assert run["columnKind"] == "unicodeCodePoints"
        assert run["results"] == [
            {
                "ruleId": "logtalk-api-key",
                "ruleIndex": 0,
                "level": "error",
                "message": {
                    "text": "LogTalk API key (live): lt_live_********, assigned to LOGTALK_API_KEY. "
                    "In the history since 2024-03-01 (commit 1a2b3c4d), still in HEAD. "
                    "Revoke it and make a new one: removing it from the code does not make it safe."
                },
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "dir%20with%20space/%C3%A4%3Ab%23c%3F.py"},
                            "region": {"startLine": 12, "startColumn": 20, "endLine": 12, "endColumn": 60},
                        }
                    }
                ],
                "partialFingerprints": {"primaryLocationLineHash": f"{QuickFingerprints().of(finding)}:1"},
            }
        ]

    def test_live_test_and_active_are_rules_of_their_own(self) -> None:
        active = made("3", validity=Validity("active", "accepted"))
        dead = made("4", validity=Validity("inactive", "revoked"))
        worst = private_key(validity=Validity("inactive", "revoked"))
        tests = [made(s, environment="test", validity=Validity(s, "x")) for s in ("active", "inactive", "unknown")]
        run = sarif(judged(made("1"), *tests, active, dead, private_key("1"), worst))["runs"][0]
        rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
        scores = {name: rule["properties"]["security-severity"] for name, rule in rules.items()}
        assert scores == {
            "logtalk-api-key": "8.0",
            "logtalk-api-key/active": "9.3",
            "logtalk-api-key/inactive": "0.3",
            "logtalk-api-key/test": "2.5",
            "logtalk-api-key/test/active": "4.5",
            "logtalk-api-key/test/inactive": "0.1",
            "pem-private-key": "9.5",
            "pem-private-key/inactive": "0.4",
        }
        ranked = [(r["ruleId"], r["level"]) for r in run["results"]]
        assert ranked == [
            ("pem-private-key", "error"),
            ("logtalk-api-key/active", "error"),
            ("logtalk-api-key", "error"),
            ("logtalk-api-key/test/active", "note"),
            ("logtalk-api-key/test", "note"),
            ("pem-private-key/inactive", "note"),
            ("logtalk-api-key/inactive", "note"),
            ("logtalk-api-key/test/inactive", "note"),
        ]
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]

    def test_rules_say_what_github_asks_for(self) -> None:
        run = sarif(judged(made(), made(environment="test"), private_key()))["runs"][0]
        assert len(run["tool"]["driver"]["rules"]) == 3
        for rule in run["tool"]["driver"]["rules"]:
            assert rule["shortDescription"]["text"] and rule["help"]["text"] and rule["help"]["markdown"]
            assert 0 < len(rule["fullDescription"]["text"]) <= 1024
            assert "security" in rule["properties"]["tags"] and len(rule["properties"]["tags"]) <= 10
            assert rule["properties"]["precision"] in ("high", "medium", "low")
        logtalk = run["tool"]["driver"]["rules"][0]
        assert "https://logtalk.io/settings/api-keys" in logtalk["help"]["markdown"]
        assert logtalk["helpUri"] == "https://logtalk.io/settings/api-keys"

    def test_a_finding_of_a_rule_that_is_not_at_hand_has_a_rule_all_the_same(self) -> None:
        run = sarif(judged(made(rule_id="other-key", environment="test")))["runs"][0]
        assert "other-key/test" in [rule["id"] for rule in run["tool"]["driver"]["rules"]]

    def test_a_key_of_many_lines_gets_its_first_line(self) -> None:
        region = sarif(judged(private_key()))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
        assert region == {"startLine": 1, "startColumn": 1, "endLine": 1}

    def test_equal_keys_in_one_file_are_counted(self) -> None:
        secret = fresh()
        decision = judged(made(line=1, secret=secret), made(line=2), made(line=3, secret=secret))
        results = sarif(decision)["runs"][0]["results"]
        prints = [r["partialFingerprints"]["primaryLocationLineHash"].split(":") for r in results]
        assert [occurrence for _, occurrence in prints] == ["1", "1", "2"]
        assert prints[0][0] == prints[2][0] != prints[1][0]

    @pytest.mark.parametrize(
        ("kind", "path", "uri"),
        [
            (Kind.COMMIT_MESSAGE, "commit 1a2b3c4", ".git/commit-messages"),
            (Kind.TAG_MESSAGE, "tag v1", ".git/tag-messages"),
            (Kind.NOTE, "note on 1a2b3c4", ".git/notes"),
            (Kind.REF_NAME, "refs/heads/x", ".git/ref-names"),
            (Kind.STDIN, "", "stdin"),
            (Kind.STDIN, "build.log", "build.log"),
        ],
    )
    def test_what_has_no_file_has_a_stable_place(self, kind: Kind, path: str, uri: str) -> None:
        finding = made(path, kind=kind)
        result = sarif(judged(finding))["runs"][0]["results"][0]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
        assert "not in a file's content" in result["message"]["text"]
        elsewhere = replace(finding, location=replace(finding.location, path=path and f"{path}99"))
        if kind is not Kind.STDIN:
            again = sarif(judged(elsewhere))["runs"][0]["results"][0]
            assert again["partialFingerprints"] == result["partialFingerprints"]
            assert again["locations"] == result["locations"]

    def test_nothing_of_a_commit_is_part_of_an_alerts_identity(self) -> None:
        before = made(history=STILL_THERE, object_id="ab" * 20)
        other = CommitRef("f" * 40, "Somebody Else", "else@example.org", "2020-01-01T00:00:00Z")
        after = replace(before, history=History(other, None, 1, 1, True))
        first, second = (sarif(judged(f))["runs"][0]["results"][0] for f in (before, after))
        for part in ("ruleId", "partialFingerprints", "locations"):
            assert first[part] == second[part]

    def test_what_was_not_read_is_told(self) -> None:
        run = sarif(judged(skipped=(Skipped("a\nb", "permission denied"),), notes=("remark",)))["runs"][0]
        invocation = run["invocations"][0]
        assert invocation["executionSuccessful"] is False and invocation["exitCode"] == 3
        assert invocation["toolExecutionNotifications"] == [
            {"message": {"text": r"Not read: a\\nb: permission denied"}, "level": "warning"},
            {"message": {"text": "remark"}, "level": "note"},
        ]
        assert run["properties"]["complete"] is False

    def test_the_worst_come_first_and_the_rest_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sarif_report, "MAX_RESULTS", 3)
        monkeypatch.setattr(sarif_report, "MAX_NOTIFICATIONS", 2)
        decision = judged(
            made("1", environment="test"), made("2"), private_key("3"), made("4"), made("5"),
            skipped=tuple(Skipped(f"{n}", "x") for n in range(5)),
        )  # fmt: skip
        run = sarif(decision)["runs"][0]
        uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]]
        assert uris == ["3", "2", "4"]
        told = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
        assert told[2] == "Not read: 3 more items."
        assert told[3].startswith("2 results left out: code scanning keeps 3 of a run")

    def test_foreign_words_make_no_links(self) -> None:
        result = sarif(judged(made(variable="[click](https://evil.example)")))["runs"][0]["results"][0]
        assert r"assigned to \[click\](https://evil.example)." in result["message"]["text"]

    def test_the_real_limit_is_githubs(self) -> None:
        assert sarif_report.MAX_RESULTS == 5_000


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_a_uri_is_a_relative_path_that_reads_back(path: str) -> None:
    made_uri = sarif_report.uri(path)
    parts = urlsplit(made_uri)
    assert made_uri.isascii() and not parts.scheme and not parts.netloc and not parts.query and not parts.fragment
    if not any("\ud800" <= c <= "\udfff" for c in path) and "//" not in path and not path.startswith("./"):
        assert unquote(made_uri) == path


def test_a_uri_of_a_name_that_is_not_utf8() -> None:
    assert sarif_report.uri("caf\udce9.env") == "caf%E9.env"
    assert sarif_report.uri("././a//b") == "a/b"


def test_ranks_the_worst_first() -> None:
    worst_first = [
        private_key(),
        made("active", validity=Validity("active", "accepted")),
        made("gone", history=REMOVED),
        made("test", environment="test"),
        private_key("dead", validity=Validity("inactive", "revoked")),
        made("dead", validity=Validity("inactive", "revoked")),
    ]
    assert rank(worst_first[::-1]) == worst_first


# --- what holds for every report -------------------------------------------------------------------------------

FOREIGN = st.text(st.characters(exclude_categories=[]), max_size=20)


@st.composite
def leaky_findings(draw: st.DrawFn) -> tuple[Finding, bytes]:
    """A finding whose secret also stands in its path, its author, and wherever foreign words come from. The matcher
    masks a finding's line itself; a report does not rely on it."""
    secret = b"sk" + draw(st.binary(min_size=12, max_size=20)).hex().encode()
    raw = draw(FOREIGN) + secret.decode() + draw(FOREIGN)
    line = draw(st.integers(1, 10**6))
    who = CommitRef("c0ffee" * 6 + "beef", raw, raw, raw)
    life = draw(st.sampled_from([None, History(who, who, 2, 1), History(who, None, 1, 1, True)]))
    environment = draw(st.sampled_from(["", "live", "test"]))
    path = draw(st.sampled_from([raw, "app.py"]))
    return (
        made(
            raw,
            secret=secret,
            environment=environment,
            masked=raw,
            text=raw,
            variable=f"{raw}_KEY",
            kind=draw(st.sampled_from(Kind)),
            history=life,
            decoded=tuple(draw(st.lists(st.just(raw), max_size=2))),
            sample=draw(st.sampled_from(["", "", "synthetic"])),
            validity=Validity(draw(st.sampled_from(["unknown", "active", "inactive"])), raw, raw, "", 200, raw),
            facts=((raw, raw),), expires=raw,
            allow=draw(st.sampled_from([None, None, Allow("", raw)])),
            location=Location(
                path, 5, 9, line, 1, line + draw(st.integers(0, 3)), draw(st.integers(1, 80))
            ),
        ),
        secret,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(leaky_findings(), min_size=1, max_size=3),
    st.sampled_from(["file", "secret"]),
    st.sampled_from([-1, 0, 1]),
    st.booleans(),
)
def test_no_report_holds_a_secret(
    made_up: list[tuple[Finding, bytes]], group: str, verbosity: int, colour: bool
) -> None:
    secrets = [secret.decode() for _, secret in made_up]

    def mask(foreign: str) -> str:
        for secret in secrets:
            foreign = foreign.replace(secret, MASK)
        return foreign

    findings = tuple(finding for finding, _ in made_up)
    raw = "…".join(secrets)
    entry = Entry(raw, raw, "0" * 32, raw, TODAY)
    scan = ScanResult(findings, (Skipped(raw, raw),), Stats(1, 1, 1), (raw,))
    decision = replace(decide(scan, Policy(), Known(), today=TODAY), stale=(entry,), expired=(entry,))
    fingerprints = QuickFingerprints()
    fingerprints.place = lambda finding: mask(QuickFingerprints().place(finding))  # type: ignore[method-assign]
    wanted = Options(fingerprints, mask=mask, group=group, verbosity=verbosity, colour=colour)
    reports = {name: render(name, decision, RULES, wanted) for name in FORMATS}
    for report in reports.values():
        for secret in secrets:
            assert secret not in report
    SARIF.validate(json.loads(reports["sarif"]))
    REPORT.validate(json.loads(reports["json"]))
    assert reports == {name: render(name, decision, RULES, wanted) for name in FORMATS}


@given(leaky_findings(), st.sampled_from(["r", "s", "f", "log", "parts"]))
def test_a_finding_shows_no_secret_by_accident(made_up: tuple[Finding, bytes], way: str) -> None:
    finding, secret = made_up
    place = replace(finding.location, path="p"), replace(finding.origin, path="p")
    clean = replace(finding, location=place[0], origin=place[1], text="", masked=MASK, variable="", decoded=())
    clean = replace(clean, history=None, validity=Validity(), allow=None, facts=(), expires="")
    shown = {
        "r": f"{clean!r}",
        "s": f"{clean} {clean.secret:>50}",
        "f": f"{clean.secret} {clean}",
        "log": logging.LogRecord("x", 10, "p", 1, "%s %r", (clean, clean.secret), None).getMessage(),
        "parts": repr([getattr(clean, name) for name in Finding.__slots__]),
    }[way]
    assert secret.decode() not in shown
    for value in (clean, clean.secret, [clean]):
        with pytest.raises(TypeError):
            pickle.dumps(value)
        with pytest.raises(TypeError) as caught:
            json.dumps(value)
        assert secret.decode() not in str(caught.value)


def test_real_identities_serve_every_report() -> None:
    secret = fresh()
    decision = judged(made(f"backup/{secret.decode()}", secret=secret, kind=Kind.PATH_NAME), made())
    mask = lambda foreign: foreign.replace(secret.decode(), MASK)  # noqa: E731
    wanted = Options(Identities(mask=mask), mask=mask)
    reports = {name: render(name, decision, RULES, wanted) for name in FORMATS}
    assert not [name for name, report in reports.items() if secret.decode() in report]
    fingerprint = json.loads(reports["json"])["findings"][0]["fingerprint"]
    results = json.loads(reports["sarif"])["runs"][0]["results"]
    assert results[0]["partialFingerprints"]["primaryLocationLineHash"] == f"{fingerprint}:1"
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == f"backup/{MASK}"


def test_no_report_module_reads_a_secret() -> None:
    modules = sorted((HERE.parent / "scanner" / "reports").glob("*.py"))
    assert len(modules) >= len(FORMATS) + 2
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            touched = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            assert touched not in {"secret", "reveal", "Secret", "sort_key"}, f"{module.name}:{node.lineno}"


def test_formats_are_named_and_a_wrong_one_is_helped() -> None:
    names = ["text", "json", "sarif", "github", "markdown", "junit", "gitlab", "csv"]
    assert [check_format(name) for name in FORMATS] == names
    with pytest.raises(UsageError, match="'jsno' is not known; did you mean json"):
        render("jsno", judged(), RULES, options())


def test_only_sarif_loads_sarif_om() -> None:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    code = (
        "import sys, scanner.config, scanner.reports, scanner.reports.text, scanner.reports.json;"
        "print([m for m in ('sarif_om', 'attr', 'tempfile', 'concurrent.futures', 'difflib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parent)
    assert run.stdout.strip() == "[]"

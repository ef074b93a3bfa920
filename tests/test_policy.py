"""What is reported, what fails, and the exit code."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_findings import made, private_key

from scanner.baseline import NOTHING_KNOWN, Baseline, Entry, Known, match
from scanner.config import Config
from scanner.errors import UsageError
from scanner.globs import Glob, path_matches
from scanner.identity import Identities
from scanner.models import Allow, Confidence, Finding, ScanResult, Severity, Skipped, Validity
from scanner.policy import LEAST, SETTLED, By, Exit, FailOn, Policy, answer_code, decide, parse_fail_on, to_be_asked
from scanner.verdicts import REASONS

TODAY = date(2026, 11, 22)
LIVE = frozenset({FailOn.LIVE})
NEVER = frozenset({FailOn.NEVER})
UNREAD = Skipped("big.bin", "larger than 50 MB")


def result(*findings: Finding, skipped: tuple[Skipped, ...] = ()) -> ScanResult:
    return ScanResult(findings=findings, skipped=skipped)


def known(finding: Finding, expires: date | None = None) -> Known:
    identities = Identities()
    entry = Entry(finding.rule_id, identities.place(finding), identities.of(finding), "because", expires)
    return match(Baseline(b"", (entry,)), [finding], identities)


@pytest.mark.parametrize(
    ("finding", "policy", "by", "reason"),
    [
        pytest.param(made(), Policy(), None, "", id="plain"),
        pytest.param(made("vendor/a.py"), Policy(exclude=("vendor/",)), By.EXCLUDED, "", id="excluded"),
        pytest.param(made("src/a.py"), Policy(exclude=("vendor/",)), None, "", id="not excluded"),
        pytest.param(made(sample="documented"), Policy(), By.SAMPLE, "documented", id="sample"),
        pytest.param(made(sample="synthetic"), Policy(), By.SAMPLE, "synthetic", id="synthetic"),
        pytest.param(made(sample="synthetic"), Policy(include_examples=True), None, "", id="sample asked for"),
        pytest.param(made(environment="test"), Policy(min_severity=Severity.MEDIUM), By.SEVERITY, "", id="severity"),
        pytest.param(made(), Policy(min_severity=Severity.HIGH), None, "", id="severity equal"),
        pytest.param(private_key(), Policy(min_confidence=Confidence.HIGH), By.CONFIDENCE, "", id="confidence"),
        pytest.param(private_key(), Policy(min_confidence=Confidence.MEDIUM), None, "", id="confidence equal"),
        pytest.param(made(allow=Allow("", "old")), Policy(), By.INLINE, "old", id="allow any"),
        pytest.param(made(allow=Allow("logtalk-api-key")), Policy(), By.INLINE, "", id="allow rule"),
        pytest.param(made(allow=Allow("logtalk")), Policy(), By.INLINE, "", id="allow provider"),
        pytest.param(made(allow=Allow("logtalk-*")), Policy(), By.INLINE, "", id="allow glob"),
        pytest.param(made(allow=Allow("log")), Policy(), None, "", id="allow part of a word"),
        pytest.param(made(allow=Allow("stripe-key")), Policy(), None, "", id="allow another rule"),
        pytest.param(made(allow=Allow()), Policy(allow_inline=False), None, "", id="allow not honoured"),
    ],
)
def test_suppresses(finding: Finding, policy: Policy, by: By | None, reason: str) -> None:
    decision = decide(result(finding), policy, today=TODAY)
    if by is None:
        assert decision.findings == (finding,) and decision.suppressed == ()
        assert decision.exit_code is Exit.LEAKS
    else:
        assert decision.findings == ()
        assert [(s.finding, s.by, s.reason) for s in decision.suppressed] == [(finding, by, reason)]
        assert decision.exit_code is Exit.OK


class TestBaseline:
    @pytest.mark.parametrize(
        ("expires", "suppressed"),
        [(None, True), (TODAY + timedelta(1), True), (TODAY, False), (TODAY - timedelta(1), False)],
    )
    def test_an_entry_holds_until_its_day(self, expires: date | None, suppressed: bool) -> None:
        finding = made()
        decision = decide(result(finding), Policy(), known(finding, expires), today=TODAY)
        assert [(s.by, s.reason) for s in decision.suppressed] == [(By.BASELINE, "because")] * suppressed
        assert decision.findings == (() if suppressed else (finding,))
        assert [e.expires for e in decision.expired] == ([] if suppressed else [expires])
        assert decision.exit_code == (Exit.OK if suppressed else Exit.LEAKS)

    def test_stale_entries_are_told_only_when_the_scan_can_know(self) -> None:
        gone = known(made("gone.env"))
        unmatched = tuple(gone.entries.values())
        lookup = replace(NOTHING_KNOWN, unmatched=unmatched)
        assert decide(result(), Policy(), lookup, today=TODAY).stale == unmatched
        assert decide(result(), Policy(whole=False), lookup, today=TODAY).stale == ()
        assert decide(result(skipped=(UNREAD,)), Policy(), lookup, today=TODAY).stale == ()

    def test_an_entry_is_not_used_up_for_what_is_no_leak_anyway(self) -> None:
        finding = made(sample="documented")
        decision = decide(result(finding), Policy(), known(finding), today=TODAY)
        assert [s.by for s in decision.suppressed] == [By.SAMPLE]


@pytest.mark.parametrize(
    ("findings", "fail_on", "skipped", "code"),
    [
        ((), "any", (), 0),
        ((), "any", (UNREAD,), 3),
        ((), "never", (), 0),
        ((), "never", (UNREAD,), 3),
        ((made(),), "any", (), 1),
        ((made(),), "any", (UNREAD,), 1),
        ((made(),), "never", (), 0),
        ((made(),), "never", (UNREAD,), 3),
        ((made(),), "live", (), 1),
        ((made(environment="test"),), "live", (), 0),
        ((made(environment="test"),), "live", (UNREAD,), 3),
        ((private_key(),), "live", (), 1),
        ((made(),), "critical", (), 0),
        ((private_key(),), "critical", (), 1),
        ((private_key(),), "high", (), 1),
        ((made(environment="test"),), "medium", (), 0),
        ((made(environment="test"),), "low", (), 1),
        ((made(environment="test"),), "live,low", (), 1),
        ((made(environment="test"), made()), "live,critical", (), 1),
        ((made(environment="test"),), "live,critical", (), 0),
    ],
)
def test_exit_code(findings: tuple[Finding, ...], fail_on: str, skipped: tuple[Skipped, ...], code: int) -> None:
    policy = Policy(fail_on=parse_fail_on([fail_on]))
    decision = decide(result(*findings, skipped=skipped), policy, today=TODAY)
    assert decision.exit_code == code
    assert decision.findings == findings


ACTIVE, DEAD = Validity("active", "accepted"), Validity("inactive", "revoked")
LATE, NO_CHECK = Validity("unknown", "timeout"), Validity("unknown", "no-check")


@pytest.mark.parametrize(
    ("said", "fail_on", "code"),
    [
        ([ACTIVE], "active", 1),
        ([DEAD], "active", 0),
        ([NO_CHECK], "active", 0),
        ([LATE], "active", 3),
        ([DEAD, LATE], "active", 3),
        ([ACTIVE, LATE], "active", 1),
        ([Validity()], "active", 3),
        ([], "active", 0),
        ([LATE], "active,critical", 3),
        ([LATE], "active,high", 1),
        ([LATE], "critical", 0),
        ([LATE], "never", 0),
        ([ACTIVE], "unknown", 1),
        ([LATE], "unknown", 1),
        ([NO_CHECK], "unknown", 1),
        ([Validity()], "unknown", 1),
        ([DEAD], "unknown", 0),
        ([DEAD, DEAD], "any", 1),
        ([DEAD], "live", 1),
    ],
)
def test_what_providers_say_decides_when_it_is_to(said: list[Validity], fail_on: str, code: int) -> None:
    findings = [made(f"{number}", validity=validity) for number, validity in enumerate(said)]
    decision = decide(result(*findings), Policy(fail_on=parse_fail_on([fail_on])), today=TODAY)
    assert decision.exit_code == code
    assert set(decision.failing) & set(decision.undecided) == set()
    assert decision.findings == tuple(findings)


def test_only_what_no_second_try_changes_is_settled() -> None:
    assert set(REASONS["unknown"]) > SETTLED
    for reason in REASONS["unknown"]:
        policy = Policy(fail_on=frozenset({FailOn.ACTIVE}))
        decision = decide(result(made(validity=Validity("unknown", reason))), policy, today=TODAY)
        assert decision.exit_code == (Exit.OK if reason in SETTLED else Exit.INCOMPLETE)


def test_a_suppressed_key_is_nobodys_question() -> None:
    unasked = result(made(sample="documented", validity=LATE))
    assert decide(unasked, Policy(fail_on=frozenset({FailOn.ACTIVE})), today=TODAY).exit_code is Exit.OK
    assert not to_be_asked(made(sample="documented"), Policy())
    assert not to_be_asked(made("vendor/a"), Policy(exclude=("vendor/",)))
    assert not to_be_asked(made(allow=Allow()), Policy())
    assert to_be_asked(made(), Policy()) and to_be_asked(made(allow=Allow()), Policy(allow_inline=False))


@pytest.mark.parametrize(
    ("said", "code"),
    [([ACTIVE], 1), ([DEAD], 0), ([LATE], 3), ([NO_CHECK], 3), ([DEAD, LATE], 3), ([ACTIVE, LATE], 1), ([], 3)],
)
def test_a_question_about_keys_has_an_exit_code(said: list[Validity], code: int) -> None:
    assert answer_code(made(validity=validity) for validity in said) == code


def test_fail_on_is_read_strictly() -> None:
    assert parse_fail_on(["live, high", "low"]) == {FailOn.LIVE, FailOn.HIGH, FailOn.LOW}
    with pytest.raises(UsageError, match="fail-on 'lives' is not known: choose from any, live"):
        parse_fail_on(["lives"])
    with pytest.raises(UsageError, match="never contradicts fail-on high"):
        Policy(fail_on=parse_fail_on(["never,high"]))
    with pytest.raises(UsageError, match="empty"):
        Policy(fail_on=frozenset())


FINDINGS = st.builds(
    lambda path, environment, sample, allow, validity, private: (
        private_key(path, sample=sample, allow=allow, validity=validity)
        if private
        else made(path, environment=environment, sample=sample, allow=allow, validity=validity)
    ),
    st.sampled_from(["a.py", "vendor/b.py", "c/d.env"]),
    st.sampled_from(["live", "test"]),
    st.sampled_from(["", "", "documented"]),
    st.sampled_from([None, None, Allow(), Allow("stripe")]),
    st.sampled_from([Validity(), ACTIVE, DEAD, LATE, NO_CHECK]),
    st.booleans(),
)
POLICIES = st.builds(
    Policy,
    fail_on=st.one_of(st.just(NEVER), st.frozensets(st.sampled_from([f for f in FailOn if f != "never"]), min_size=1)),
    min_severity=st.sampled_from(Severity),
    min_confidence=st.sampled_from(Confidence),
    include_examples=st.booleans(),
    allow_inline=st.booleans(),
    exclude=st.sampled_from([(), ("vendor/",)]),
)
RESULTS = st.builds(
    lambda findings, skipped: result(*findings, skipped=skipped),
    st.lists(FINDINGS, max_size=5),
    st.sampled_from([(), (UNREAD,)]),
)


class TestProperties:
    @given(RESULTS, POLICIES)
    def test_no_finding_is_lost_and_the_order_stays(self, scan: ScanResult, policy: Policy) -> None:
        decision = decide(scan, policy, today=TODAY)
        suppressed = [s.finding for s in decision.suppressed]
        assert sorted([*decision.findings, *suppressed], key=scan.findings.index) == list(scan.findings)
        assert [f for f in scan.findings if f in decision.findings] == list(decision.findings)
        assert set(decision.failing) <= set(decision.findings)

    @given(RESULTS, POLICIES)
    def test_zero_only_when_all_was_read_and_nothing_fails(self, scan: ScanResult, policy: Policy) -> None:
        decision = decide(scan, policy, today=TODAY)
        assert (decision.exit_code == 0) == (scan.complete and not decision.failing and not decision.undecided)
        assert (decision.exit_code == 1) == bool(decision.failing)

    @given(RESULTS, POLICIES)
    def test_a_skip_never_improves_the_exit_code(self, scan: ScanResult, policy: Policy) -> None:
        before = decide(scan, policy, today=TODAY).exit_code
        worse = replace(scan, skipped=(*scan.skipped, Skipped("x", "unreadable")))
        after = decide(worse, policy, today=TODAY).exit_code
        assert after != 0
        assert after == before or (before, after) == (0, 3)

    @given(RESULTS, POLICIES)
    def test_a_provider_out_of_reach_never_improves_the_exit_code(self, scan: ScanResult, policy: Policy) -> None:
        """What is unknown for a failure's sake fails at least as what is dead."""
        failed = replace(scan, findings=tuple(replace(f, validity=LATE) for f in scan.findings))
        asked = replace(scan, findings=tuple(replace(f, validity=DEAD) for f in scan.findings))
        severe = [0, 3, 1]
        before, after = (decide(one, policy, today=TODAY).exit_code for one in (asked, failed))
        assert severe.index(after) >= severe.index(before)

    @given(RESULTS, POLICIES)
    def test_a_leak_more_fails_under_any(self, scan: ScanResult, policy: Policy) -> None:
        strict = replace(policy, fail_on=frozenset({FailOn.ANY}))
        leak = private_key("new.pem", confidence=Confidence.HIGH)
        decision = decide(replace(scan, findings=(*scan.findings, leak)), strict, today=TODAY)
        assert decision.exit_code == 1 and leak in decision.failing


@pytest.mark.parametrize(
    ("glob", "fits", "does_not"),
    [
        ("*.min.js", ["a.min.js", "x/y/a.min.js", "./a.min.js"], ["a.js", "a.min.jsx"]),
        ("vendor/", ["vendor/a", "x/vendor/b/c"], ["vendor", "vendors/a"]),
        ("vendor", ["vendor", "vendor/a", "x/vendor"], ["vendored/a"]),
        ("docs/*.md", ["docs/a.md", "docs/a.md/b"], ["docs/x/a.md", "x/docs/a.md"]),
        ("/build", ["build", "build/x"], ["x/build"]),
        ("**/test/*.env", ["test/a.env", "x/y/test/a.env"], ["test/b/a.env"]),
        ("a/**", ["a/b", "a/b/c"], ["b/a"]),
        ("a/**/z", ["a/z", "a/b/c/z"], ["az", "b/z"]),
        ("?.py", ["a.py"], ["ab.py", "/.py"]),
        ("[a-c].py", ["b.py"], ["d.py"]),
        ("[!a-c].py", ["d.py"], ["b.py"]),
        ("[z-a].py", ["z.py", "-.py"], ["m.py"]),
        ("[!]", ["[!]"], ["a"]),
        ("a[b", ["a[b"], ["ab"]),
        ("a.b", ["a.b"], ["axb"]),
        ("[[a--&&].x", ["[.x", "-.x"], ["b.x"]),
    ],
)
def test_globs(glob: str, fits: list[str], does_not: list[str]) -> None:
    assert [path for path in fits if not path_matches(path, [glob])] == []
    assert [path for path in does_not if path_matches(path, [glob])] == []


@given(st.text("ab/*?[]!-^\\.", max_size=12), st.text("ab/[.", max_size=12))
def test_no_glob_is_an_error(glob: str, path: str) -> None:
    assert path_matches(path, [glob]) in (True, False)


PIECES = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[!a]", "[!]", "."]), max_size=8)


@given(PIECES.map("".join), st.text("ab./", max_size=10))
def test_a_glob_that_is_walked_says_what_its_expression_says(glob: str, path: str) -> None:
    stripped = path.removeprefix("./").lstrip("/")
    assert Glob(glob).walk(stripped) == path_matches(path, [glob])


@pytest.mark.parametrize(
    ("glob", "fits", "does_not"),
    [
        ("*" * 2000 + "x", "a.enx", "a.env"),
        ("*a" * 200 + "b", "a" * 5000 + "b", "a" * 5000),
        ("**a" * 30, "a/" * 2500, "a" * 29 + "b" * 5000),
        ("**/" * 300 + "x", "a/" * 3000 + "x", "a/" * 3000),
    ],
    ids=["stars", "names", "paths", "folders"],
)
def test_a_glob_that_could_be_tried_for_ever_comes_to_an_end(glob: str, fits: str, does_not: str) -> None:
    assert path_matches(fits, [glob])
    assert not path_matches(does_not, [glob])


def test_a_token_that_has_expired_is_less_severe_on_the_day_after() -> None:
    ended = made(severity=Severity.HIGH, expires="2026-03-01T12:00:00Z")
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
    told = [decide(ScanResult((ended,)), Policy(), today=day).findings[0].severity for day in days]
    assert told == [Severity.HIGH, Severity.HIGH, Severity.LOW]
    active = replace(ended, validity=Validity("active"))
    assert decide(ScanResult((active,)), Policy(), today=days[-1]).findings == (active,)
    note = replace(ended, severity=Severity.NOTE)
    everything = Policy(min_severity=Severity.NOTE, min_confidence=Confidence.LOW)
    assert decide(ScanResult((note,)), everything, today=days[-1]).findings == (note,)


def test_by_default_notes_and_low_confidence_are_counted_and_do_not_fail() -> None:
    """What is reported is worth a person's minute; the rest is told in one line, and is never lost."""
    worth = [made("a", severity=Severity.LOW), made("b", confidence=Confidence.MEDIUM)]
    rest = [made("c", severity=Severity.NOTE), made("d", confidence=Confidence.LOW)]
    decision = decide(result(*worth, *rest), Policy(), today=TODAY)
    assert sorted(f.location.path for f in decision.findings) == ["a", "b"]
    assert [(one.finding.location.path, one.by) for one in decision.suppressed] == [
        ("c", By.SEVERITY), ("d", By.CONFIDENCE),
    ]  # fmt: skip
    assert decide(result(*rest), Policy(), today=TODAY).exit_code is Exit.OK
    assert decide(result(*rest), Policy(frozenset({FailOn.ANY}), *LEAST), today=TODAY).exit_code is Exit.LEAKS
    assert Config().policy() == Policy()

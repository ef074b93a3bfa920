"""The benchmarks' own parts: material that is the same everywhere, reports read right, medians, tables. No timing."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the benchmarks are no part of the installed package

from benchmarks import false_alarms, floor, measure, run, synthetic, table, tools  # noqa: E402
from benchmarks.measure import Place, Sample  # noqa: E402
from benchmarks.run import Result  # noqa: E402
from benchmarks.tools import Outcome, Seen, Tool  # noqa: E402
from scanner.fakes import KeyMaker  # noqa: E402
from scanner.matcher import Matcher  # noqa: E402
from scanner.models import Chunk, Origin  # noqa: E402
from scanner.rule import load_rules  # noqa: E402


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same synthetic history, made two times."""
    made = tmp_path_factory.mktemp("history")
    synthetic.history(made / "a.git", 120)
    synthetic.history(made / "b.git", 120)
    return made / "a.git", made / "b.git"


def test_a_seed_gives_the_same_history_again(twice: tuple[Path, Path]) -> None:
    first, second = (git(one, "rev-list", "--objects", "--all") for one in twice)
    assert first == second
    assert twice[0] != twice[1]


def test_another_seed_gives_another_history(twice: tuple[Path, Path], tmp_path: Path) -> None:
    synthetic.history(tmp_path / "c.git", 120, seed="another")
    assert git(tmp_path / "c.git", "rev-parse", "HEAD") != git(twice[0], "rev-parse", "HEAD")


def test_the_history_is_sound_and_has_the_commits_it_was_asked_for(twice: tuple[Path, Path]) -> None:
    assert git(twice[0], "rev-list", "--count", "HEAD").strip() == "120"
    assert int(git(twice[0], "rev-list", "--count", "--merges", "HEAD")) >= synthetic.PLANTED // len(synthetic.WAYS)
    git(twice[0], "fsck", "--strict", "--full")


@pytest.mark.parametrize("way", synthetic.WAYS)
def test_keys_come_in_as_their_names_say(twice: tuple[Path, Path], tmp_path: Path, way: str) -> None:
    repository = tmp_path / "clone"  # older versions of git read attributes in a work tree only
    git(tmp_path, "clone", "--quiet", str(twice[0]), str(repository))
    numbers = [number for number in range(synthetic.PLANTED) if synthetic.WAYS[number % len(synthetic.WAYS)] == way]
    in_head = git(repository, "ls-tree", "-r", "--name-only", "HEAD").split()
    for number in numbers:
        path = f"config/{synthetic.planted_name(number, way)}"
        assert (path in in_head) == (way != "removed")
        added = git(repository, "log", "--format=%H", "--diff-filter=A", "-m", "--first-parent", "--", path).split()
        parents = git(repository, "show", "-s", "--format=%P", added[-1]).split()
        assert len(parents) == (2 if way == "merge" else 1)
        if way == "merge":
            assert all(path not in git(repository, "ls-tree", "-r", "--name-only", parent) for parent in parents)
        patch = git(repository, "show", "--format=", "--patch", "--first-parent", added[-1], "--", path)
        assert ("Binary files" in patch) == (way == "nodiff")


def test_every_planted_key_is_one_that_our_rules_know(tmp_path: Path) -> None:
    matcher = Matcher(load_rules())
    draw = synthetic.Draw("keys")
    for number in range(len(synthetic.KEYS)):
        content = synthetic.planted_file(draw, number)
        found = list(matcher.find(Chunk(content, Origin("settings.env"))))
        assert [one.location.line for one in found] == [3], f"key {number}"
        assert not found[0].sample


def test_no_key_is_written_out_in_the_benchmarks() -> None:
    matcher = Matcher(load_rules())
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        assert [one.rule_id for one in matcher.find(Chunk(path.read_bytes(), Origin(path.name)))] == [], path.name


def test_a_tree_has_its_files_and_its_keys_and_is_the_same_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthetic.tree(tmp_path / name, 200)
    first, second = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second
    assert len(first) == 200
    assert synthetic.planted_found(map(str, first)) == synthetic.PLANTED


def test_twenty_files_are_staged_and_one_has_the_key(tmp_path: Path) -> None:
    names = synthetic.staged(tmp_path / "repository", key=True)
    assert git(tmp_path / "repository", "diff", "--cached", "--name-only").split() == sorted(names)
    assert len(names) == 20
    added = git(tmp_path / "repository", "diff", "--cached")
    assert sum(line.startswith("+GITHUB_TOKEN = ") for line in added.splitlines()) == 1


def test_invented_rules_load_and_none_is_lost(tmp_path: Path) -> None:
    synthetic.own_rules(tmp_path / "rules", 25)
    assert len(load_rules([tmp_path / "rules"]).by_id) - len(load_rules().by_id) == 25


def test_material_is_made_once_and_a_broken_attempt_leaves_nothing(tmp_path: Path) -> None:
    calls = []

    def make(target: Path) -> None:
        calls.append(target)
        target.mkdir()
        if len(calls) == 1:
            raise RuntimeError("out of disk")

    with pytest.raises(RuntimeError):
        synthetic.kept(tmp_path, "thing", make)
    assert list(tmp_path.iterdir()) == []
    assert synthetic.kept(tmp_path, "thing", make) == synthetic.kept(tmp_path, "thing", make)
    assert len(calls) == 2


def test_too_short_a_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="at least 80 commits, not 3"):
        synthetic.history(tmp_path / "x.git", 3)


def test_the_floor_reads_every_blob(twice: tuple[Path, Path]) -> None:
    listed = git(twice[0], "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
    blobs = {line.split()[1] for line in listed.splitlines() if line.startswith("blob")}
    assert {one.decode() for one in floor.blobs(str(twice[0]))} == blobs
    floor.decode(str(twice[0]), floor.blobs(str(twice[0])), 2)


REPORTS: dict[str, tuple[Tool, object, str, Seen]] = {
    "keysweep": (
        tools.KEYSWEEP,
        {
            "summary": {"findings": 2, "skipped": 1},
            "stats": {"bytes": 10, "contents": 3},
            "findings": [{"path": "a"}, {"path": "b"}],
        },
        "",
        Seen(2, 10, 3, ("a", "b"), 1),
    ),
    "gitleaks": (tools.GITLEAKS, [{"File": "a"}], "INF scanned ~82 bytes (82 bytes) in 9ms", Seen(1, 82, None, ("a",))),
    "gitleaks-nothing": (tools.GITLEAKS, [], "", Seen(0, None, None, ())),
    "betterleaks": (
        tools.BETTERLEAKS,
        {"findings": [{"location": {"path": "a"}}, {"location": {}}], "scan": {"bytes_scanned": 7}},
        "",
        Seen(2, 7, None, ("a", "")),
    ),
    "kingfisher-repository": (
        tools.KINGFISHER,
        {
            "findings": [{"finding": {"path": "a"}}],
            "audit": {"repositories": [{"stats": {"blobs_scanned": 4, "bytes_scanned": 9}}]},
        },
        "",
        Seen(1, 9, 4, ("a",)),
    ),
    "kingfisher-folder": (
        tools.KINGFISHER,
        {"findings": [], "metadata": {"summary": {"blobs_scanned": 4, "bytes_scanned": 9}}},
        "",
        Seen(0, 9, 4, ()),
    ),
}


@pytest.mark.parametrize(("tool", "report", "stderr", "seen"), REPORTS.values(), ids=REPORTS.keys())
def test_reports_are_read(tmp_path: Path, tool: Tool, report: object, stderr: str, seen: Seen) -> None:
    outcome = Outcome(tmp_path / "report", tmp_path / "stdout", tmp_path / "stderr")
    outcome.report.write_text(json.dumps(report))
    outcome.stderr.write_text(stderr)
    assert tool.read(outcome) == seen


def test_detect_secrets_reports_on_standard_output(tmp_path: Path) -> None:
    outcome = Outcome(tmp_path / "report", tmp_path / "stdout", tmp_path / "stderr")
    outcome.stdout.write_text(json.dumps({"results": {"a": [{}, {}], "b": [{}]}}))
    assert tools.DETECT_SECRETS.read(outcome) == Seen(3, None, None, ("a", "b"))


def test_a_command_line_is_filled_and_files_become_words() -> None:
    template = ("{tool}-hook", "--report", "json:{report}", "{files}")
    filled = tools.fill(template, {"tool": "t", "report": "r"}, ["x", "y z"])
    assert filled == ["t-hook", "--report", "json:r", "x", "y z"]


def place(folder: Path) -> Place:
    return Place(folder, {"PATH": "/usr/bin:/bin"}, folder / "stdout", folder / "stderr")


def test_a_run_tells_exit_code_and_output(tmp_path: Path) -> None:
    sample = measure.run([sys.executable, "-c", "print('here'); raise SystemExit(3)"], place(tmp_path), timeout=60)
    assert sample.exit_code == 3
    assert sample.memory is None
    assert (tmp_path / "stdout").read_text() == "here\n"


def test_processor_time_counts_children(tmp_path: Path) -> None:
    busy = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    both = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    assert measure.run([sys.executable, "-c", both], place(tmp_path), timeout=60).cpu >= 0.2


def test_memory_is_the_sum_over_all_processes(tmp_path: Path) -> None:
    hold = "x = bytearray(b'1') * 50_000_000; print(flush=True); input()"
    start = f"subprocess.Popen([sys.executable, '-c', {hold!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)"
    end = "time.sleep(2); [one.communicate(b'\\n') for one in two]"
    both = f"import subprocess, sys, time; two = [{start}, {start}]; [one.stdout.readline() for one in two]; {end}"
    peak = measure.run([sys.executable, "-c", both], place(tmp_path), timeout=60, memory=True).memory
    assert peak is None or 100_000_000 < peak < 200_000_000  # None where there is no /proc


def test_what_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    late = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    sample = measure.run([sys.executable, "-c", late], place(tmp_path), timeout=0.5)
    assert sample.exit_code is None


def test_medians() -> None:
    summary = measure.summarise([Sample(3.0, 1.0, 0), Sample(1.0, 5.0, 0), Sample(2.0, 3.0, 0)])
    assert (summary.wall, summary.fastest, summary.slowest, summary.cpu, summary.runs) == (2.0, 1.0, 3.0, 3.0, 3)


def test_rounds_are_interleaved_and_begin_differently() -> None:
    assert list(measure.rounds(["a", "b", "c"], 3)) == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert list(measure.rounds([], 3)) == []


def test_a_table() -> None:
    assert table.table(["tool", "s"], [["a|b", "1"], ["c", "22.5"]]).splitlines() == [
        "| tool |    s |",
        "| ---- | ---: |",
        "| a\\|b |    1 |",
        "| c    | 22.5 |",
    ]


@pytest.mark.parametrize(
    ("show", "value", "shown"),
    [
        (table.seconds, 0.04567, "0.046"),
        (table.seconds, 4.567, "4.57"),
        (table.seconds, 456.7, "457"),
        (table.amount, None, "–"),
        (table.amount, 1_500_000, "1.5 MB"),
        (table.amount, 3_350_000_000, "3,350 MB"),
        (table.number, 1234567, "1,234,567"),
        (table.number, None, "–"),
    ],
)
def test_figures(show: Callable[[object], str], value: object, shown: str) -> None:
    assert show(value) == shown


def test_a_section_is_replaced_and_its_neighbours_stay() -> None:
    one = table.section("", "history: a", "first")
    two = table.section(one, "tree", "second")
    assert two == f"{table.HEAD}\n## history: a\n\nfirst\n\n## tree\n\nsecond\n"
    again = table.section(two, "history: a", "newer")
    assert again == f"{table.HEAD}\n## history: a\n\nnewer\n\n## tree\n\nsecond\n"
    assert table.section(again, "tree", "second") == again


def test_the_machine_has_no_name_in_it() -> None:
    import platform  # noqa: PLC0415

    told = table.machine()
    assert platform.node() not in told
    assert "/" not in told


def test_tables_say_what_could_not_be_measured() -> None:
    took = measure.summarise([Sample(2.0, 1.0, 1)])
    ours = Result("", took, 5_000_000, Seen(1, 10, 2, ("config/planted-00-plain.env",)), 1)
    results = {"keysweep": ours, "other": Result("not available")}
    full = run.full_table(results, planted=True).splitlines()
    assert [cell.strip() for cell in full[2].strip("|").split("|")] == (
        ["keysweep", "2.00", "2.00–2.00", "1.00", "1.00", "5.0 MB", "0.0 MB", "2", "1", "1", "1"]
    )
    assert "not available" in full[3]
    wrong = run.matrix({"clean": {"keysweep": Result("", took, exit_code=1, expected=False)}, "other": {}})
    assert wrong.splitlines()[2] == "| keysweep | 2.00 (exit 1!) |     – |"


def fake(folder: Path, name: str, body: str) -> str:
    """A program that behaves as a scanner could."""
    program = folder / name
    program.write_text(f"#!{sys.executable}\nimport sys, json\n{body}\n")
    program.chmod(0o755)
    return str(program)


def history_table(folder: Path, repository: Path, program: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    options = ["--tools", "keysweep", "--keysweep", program, "--work", str(folder / "work"), "--runs", "2"]
    assert run.main(["history", str(repository), *options, "--write", str(folder / "RESULTS.md")]) == 0
    assert capsys.readouterr().out.strip() in (folder / "RESULTS.md").read_text()
    return (folder / "RESULTS.md").read_text().splitlines()


def test_one_command_measures_and_writes(
    tmp_path: Path, twice: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    report = {"summary": {"findings": 7, "skipped": 0}, "stats": {"bytes": 1, "contents": 1}, "findings": []}
    written = f"open(sys.argv[-1][5:], 'w').write({json.dumps(report)!r})"
    body = f"print('keysweep 1.2.3')\nif '--report' in sys.argv: {written}"
    lines = history_table(tmp_path, twice[0], fake(tmp_path, "keysweep", body), capsys)
    row = next(line for line in lines if line.startswith("| keysweep"))
    assert row.split("|")[9].strip() == "7"
    assert "## history: a" in lines
    assert "keysweep history a --report json:REPORT" in lines
    assert any("keysweep 1.2.3" in line for line in lines)
    assert not any(str(tmp_path) in line for line in lines)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.stderr.write('No such command'); sys.exit(2)", "not available"),
        ("sys.exit(9)", "failed (exit 9)"),
        ("sys.exit(1)", "failed (exit 1, no report)"),
        (
            "import os\nif '--report' in sys.argv:\n"
            " open(sys.argv[-1][5:], 'w').write('{\"summary\": {\"findings\": 0, \"skipped\": 0}, \"findings\": [],"
            " \"stats\": {\"bytes\": 1, \"contents\": 1}}')\n"
            " open('once', 'a').write('x'); sys.exit(os.path.getsize('once') % 2)",
            "exit codes differ: 0, 1",
        ),
    ],
    ids=["missing", "crash", "found-or-failed", "changing"],
)
def test_a_tool_that_fails_is_said_to(
    tmp_path: Path, twice: tuple[Path, Path], capsys: pytest.CaptureFixture[str], body: str, said: str
) -> None:
    lines = history_table(tmp_path, twice[0], fake(tmp_path, "keysweep", body), capsys)
    assert said in next(line for line in lines if line.startswith("| keysweep"))


def test_a_repository_with_missing_objects_is_refused(tmp_path: Path) -> None:
    name = synthetic.staged(tmp_path / "broken", key=False)[0]
    assert "1 commits, 200 blobs" in run.facts(tmp_path / "broken")
    blob = git(tmp_path / "broken", "rev-parse", f"HEAD:{name}").strip()
    (tmp_path / "broken" / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(SystemExit, match="broken: objects are missing"):
        run.facts(tmp_path / "broken")


def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for wrong in (["history", str(tmp_path / "nowhere")], ["tree", "--tools", "grepper"], ["hook", "--runs", "0"]):
        with pytest.raises(SystemExit) as stop:
            run.main(wrong)
        assert stop.value.code == 2
    assert "nowhere: no such repository" in capsys.readouterr().err


# --- false alarms ---


def planted(folder: Path) -> str:
    """A tree and a repository with one key each, and the key."""
    key = KeyMaker(load_rules().get("logtalk-api-key"), random.Random()).make("live").key.decode()
    for root in (folder / "acme+tree", folder / "acme+repo"):
        (root / "tests").mkdir(parents=True)
        (root / "tests" / "a.env").write_text(f"PORT=80\nLOGTALK_API_KEY={key}\n")
    work = folder / "acme+repo"
    git(work, "init", "--quiet")
    git(work, "add", ".")
    git(work, "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "--quiet", "-m", "first")
    return key


def test_false_alarms_are_counted_by_line_and_shown_masked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = planted(tmp_path)
    (tmp_path / "judged.tsv").write_text("# judged\nacme/*\tlogtalk-*\ttests/*\tfixture\tmade for a test\n")
    paths = [str(tmp_path / "acme+tree"), str(tmp_path / "acme+repo")]
    told = ["--json", str(tmp_path / "found.json"), "--judgements", str(tmp_path / "judged.tsv"), "--list", "high"]
    assert false_alarms.main([*paths, *told, "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "| acme/tree | tree | 2 | 1 | 0 | 0 | 0 | 0 | 1 | 0 |" in shown
    assert "0.00 |" in next(line for line in shown.splitlines() if line.startswith("| high confidence"))
    reads = json.loads((tmp_path / "found.json").read_text())
    assert [(one["source"], one["kind"]) for one in reads] == [("acme/tree", "tree"), ("acme/repo", "history")]
    rows = [row for one in reads for row in one["rows"]]
    assert {(row["rule"], row["path"], row["line"], row["verdict"]) for row in rows} == {
        ("logtalk-api-key", "tests/a.env", 2, "fixture")
    }
    assert key not in shown + (tmp_path / "found.json").read_text()


def test_a_finding_that_nobody_judged_counts_as_false(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted(tmp_path)
    assert false_alarms.main([str(tmp_path / "acme+tree"), "--jobs", "1"]) == 0
    assert "| high confidence | 500000.00 | 500000.00 |" in capsys.readouterr().out


def test_the_judgements_name_rules_that_exist_and_verdicts_that_are_some(tmp_path: Path) -> None:
    rules = [rule.id for rule in load_rules()]
    for one in false_alarms.judgements(ROOT / "benchmarks" / "judgements.tsv"):
        assert any(fnmatchcase(rule, one.rule) for rule in rules), one.rule
        assert one.why
    (tmp_path / "bad.tsv").write_text("a\tb\tc\tperhaps\tno\n")
    with pytest.raises(ValueError, match="'perhaps' is no verdict"):
        false_alarms.judgements(tmp_path / "bad.tsv")

"""Measures keysweep beside other scanners: same machine, same material, same run, interleaved.

    python benchmarks/run.py history PATH_TO_REPOSITORY [...]     real repositories, bare or not
    python benchmarks/run.py history                              a synthetic one
    python benchmarks/run.py tree | hook | single | rules | growth | mask

Every command prints a section in Markdown; with `--write` it also goes into RESULTS.md. See README.md here.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCHMARKS.parent))  # so that `python benchmarks/run.py` finds its own modules

from benchmarks import floor, masking, measure, synthetic, table, tools  # noqa: E402
from benchmarks.measure import Place, Sample, Summary  # noqa: E402
from benchmarks.tools import (  # noqa: E402
    FILE,
    HISTORY,
    KEYSWEEP,
    RIVALS,
    RULES,
    STAGED,
    STDIN,
    TREE,
    MissingToolError,
    Outcome,
    Seen,
    Tool,
)

NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whoever asks the network in spite of all options gets an error at once."""

GIT_CONFIG = "[safe]\n\tdirectory = *\n[user]\n\tname = Ann Example\n\temail = ann@example.org\n"
"""What tools that rely on the user's git configuration need: one of them makes a commit of what is staged."""

REFERENCE = Tool("git alone", (), {}, lambda _: Seen(), frozenset({0}), frozenset())
PYTHON = Tool("python alone", (), {}, lambda _: Seen(), frozenset({0}), frozenset())
MASKER = Tool("a masker", (), {}, lambda _: Seen(), frozenset({0}), frozenset({1}))
NOTHING = Seen()
RULE_COUNTS = (0, 100, 400, 1_600)


@dataclass(frozen=True, slots=True)
class Case:
    """One command line to measure: how it is run, and how it is shown (names in place of paths)."""

    label: str
    tool: Tool
    command: tuple[str, ...]
    shown: str
    folder: Path
    stdin: Path | None = None
    reports: bool = False
    expected: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case. `status` is "" when it was measured, else why not."""

    status: str
    summary: Summary | None = None
    memory: int | None = None
    seen: Seen = NOTHING
    exit_code: int | None = None
    expected: bool = True


class Bench:
    """The tools that are there, the folders to work in, and the way to measure cases."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch
        self._data = Path(options.work) / "data"
        home = Path(options.work) / "home"
        self.here = scratch / "here"
        for folder in (self._data, home, self.here):
            folder.mkdir(parents=True, exist_ok=True)
        (home / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE),
        }
        self.programs: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        for tool in (KEYSWEEP, *RIVALS):
            if not options.tools or tool.name in options.tools:
                self._find(tool)

    @property
    def tools(self) -> list[Tool]:
        """The tools to be measured, ours first."""
        return [tool for tool in (KEYSWEEP, *RIVALS) if tool.name in self.programs]

    def _find(self, tool: Tool) -> None:
        try:
            if tool is KEYSWEEP:
                self.programs[tool.name] = tools.find_keysweep(self._options.keysweep)
            else:
                self.programs[tool.name] = tools.find_rival(tool, Path(self._options.rivals).absolute())
        except MissingToolError as reason:
            self.missing[tool.name] = str(reason)

    def versions(self) -> str:
        """All tools with the versions they tell themselves."""
        told = [f"{t.name} {tools.version_of(t, self.programs[t.name], self.environment)}" for t in self.tools]
        return ", ".join(told + [f"{name} not available ({reason})" for name, reason in self.missing.items()])

    def kept(self, name: str, make: partial[None]) -> Path:
        """Synthetic material, made once."""
        return synthetic.kept(self._data, name, make)

    def fresh(self, name: str) -> Path:
        """A path that is not there yet, gone after the run."""
        return self._scratch / name

    def case(
        self,
        tool: Tool,
        task: str,
        target: Path,
        *,
        name: str = "",
        files: Sequence[str] = (),
        rules: Path | None = None,
    ) -> Case | None:
        """The case of a tool at a task; None when the tool cannot do it."""
        template = tool.commands.get(task)
        if template is None:
            return None
        if rules:
            template += tool.extra.get(RULES, ())
        if tool is KEYSWEEP:
            template += tuple(shlex.split(self._options.keysweep_args))
        program = self.programs[tool.name]
        real = {"tool": program, "target": str(target), "report": str(self._report), "rules": str(rules)}
        shown = {"tool": tool.name, "target": name or target.name, "report": "REPORT", "rules": "RULES"}
        line = shlex.join(tools.fill(template, shown, ["FILE..."]))
        return Case(
            label=tool.name,
            tool=tool,
            command=tuple(tools.fill(template, real, files)),
            shown=f"{line} < {shown['target']}" if task == STDIN else line,
            folder=target if task == STAGED else self.here,
            stdin=target if task == STDIN else None,
            reports=task != STAGED,
        )

    @property
    def _report(self) -> Path:
        return self._scratch / "report.json"  # betterleaks goes by the ending

    def measure(self, cases: Sequence[Case], runs: int) -> dict[str, Result]:
        """Measures cases: one run each to warm up (and to see what they find), so many interleaved ones by the
        clock, one more to see the memory."""
        by_label = {case.label: case for case in cases}
        warm: dict[str, Result] = {}
        for label, case in by_label.items():
            warm[label] = self._warm(case)
        alive = [label for label, result in warm.items() if not result.status]
        samples: dict[str, list[Sample]] = {label: [] for label in alive}
        for label in measure.rounds(alive, runs):
            self._say(f"{label} {len(samples[label]) + 1}/{runs}")
            samples[label].append(self._run(by_label[label])[0])
        for label in alive:
            sample, _ = self._run(by_label[label], memory=True)
            codes = {warm[label].exit_code, sample.exit_code, *(one.exit_code for one in samples[label])}
            if len(codes) > 1:  # the runs did different things: a median would mean nothing
                warm[label] = Result(f"exit codes differ: {', '.join(sorted(map(str, codes)))}")
            else:
                warm[label] = replace(warm[label], memory=sample.memory, summary=measure.summarise(samples[label]))
        self._say("")
        return warm

    def _warm(self, case: Case) -> Result:
        self._say(f"{case.label} warming up")
        sample, outcome = self._run(case)
        if sample.exit_code is None:
            return Result(f"not finished after {self._options.timeout:.0f} s")
        if sample.exit_code not in case.tool.clean | case.tool.found:
            if case.tool is KEYSWEEP and "No such command" in outcome.stderr.read_text("utf-8", "replace"):
                return Result("not available")
            last = outcome.stderr.read_text("utf-8", "replace").strip().splitlines()[-1:]
            print(f"{case.label}: exit {sample.exit_code}: {' '.join(last)}", file=sys.stderr)
            return Result(f"failed (exit {sample.exit_code})")
        try:
            seen = case.tool.read(outcome) if case.reports else NOTHING
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Two of the tools end with 1 both for "found" and for "failed": only the report tells.
            print(f"{case.label}: no report that can be read ({type(error).__name__})", file=sys.stderr)
            return Result(f"failed (exit {sample.exit_code}, no report)")
        fits = not case.expected or sample.exit_code in case.expected
        return Result("", seen=seen, exit_code=sample.exit_code, expected=fits)

    def _run(self, case: Case, *, memory: bool = False) -> tuple[Sample, Outcome]:
        outcome = Outcome(self._report, self._scratch / "stdout", self._scratch / "stderr")
        self._report.unlink(missing_ok=True)
        place = Place(case.folder, self.environment, outcome.stdout, outcome.stderr, case.stdin)
        return measure.run(case.command, place, timeout=self._options.timeout, memory=memory), outcome

    def _say(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()


def full_table(results: Mapping[str, Result], *, planted: bool) -> str:
    """One row a case with everything that was measured."""
    header = ["tool", "wall s", "fastest–slowest", "times ours", "CPU s", "peak memory", "bytes scanned", "contents"]
    header += ["findings", *["planted found"] * planted, "exit"]
    ours = results.get(KEYSWEEP.name)
    rows = []
    for label, result in results.items():
        took, seen = result.summary, result.seen
        if took is None:
            rows.append([label, result.status, *[""] * (len(header) - 2)])
            continue
        factor = f"{took.wall / ours.summary.wall:.2f}" if ours and ours.summary else "–"
        row = [label, table.seconds(took.wall), f"{table.seconds(took.fastest)}–{table.seconds(took.slowest)}", factor]
        row += [table.seconds(took.cpu), table.amount(result.memory)]
        row += [table.amount(seen.size), table.number(seen.contents), table.number(seen.findings)]
        if planted:
            row.append(str(synthetic.planted_found(seen.paths)) if seen.findings is not None else "–")
        rows.append([*row, str(result.exit_code)])
    return table.table(header, rows)


def matrix(columns: Mapping[str, Mapping[str, Result]], *, memory: bool = False) -> str:
    """One row a tool, one column a case: medians of wall time, or peak memory."""
    labels = list(dict.fromkeys(label for results in columns.values() for label in results))
    rows = [[label, *(_cell(results.get(label), memory) for results in columns.values())] for label in labels]
    return table.table(["peak memory" if memory else "wall s", *columns], rows)


def _matrices(columns: Mapping[str, Mapping[str, Result]]) -> str:
    return f"{matrix(columns)}\n\n{matrix(columns, memory=True)}"


def _cell(result: Result | None, memory: bool) -> str:
    if result is None:
        return "–"
    if result.summary is None:
        return result.status
    if memory:
        return table.amount(result.memory)
    wrong = "" if result.expected else f" (exit {result.exit_code}!)"
    return table.seconds(result.summary.wall) + wrong


def facts(repository: Path) -> str:
    """What is in a repository: commits, blobs and their bytes, over all refs."""
    git = ["git", "-c", "safe.directory=*", "-C", str(repository)]
    commits = subprocess.run([*git, "rev-list", "--count", "--all"], check=True, capture_output=True, text=True).stdout
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True).stdout
    ids = floor.blobs(str(repository))
    check = [*git, "cat-file", "--buffer", "--batch-check=%(objectsize)"]
    sizes = subprocess.run(check, input=b"\n".join(ids), check=True, capture_output=True).stdout.split(b"\n")[:-1]
    if not all(map(bytes.isdigit, sizes)):
        raise SystemExit(f"{repository.name}: objects are missing; a benchmark needs a complete repository")
    content = table.amount(sum(map(int, sizes)))
    return f"{int(commits):,} commits, {len(ids):,} blobs with {content} of content, HEAD {head.strip()}"


def history(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """A whole history: real repositories, or a synthetic one."""
    named = [Path(path).absolute() for path in options.repositories]
    for path in named or [_synthetic(bench, options.commits)]:
        name = f"synthetic, {options.commits:,} commits" if not named else path.name.removesuffix(".git")
        cases = [case for tool in bench.tools if (case := bench.case(tool, HISTORY, path, name=name.split(",")[0]))]
        cases += _cached(bench, cases)
        reference = (sys.executable, str(BENCHMARKS / "floor.py"), str(path), str(options.processes))
        shown = f"python benchmarks/floor.py {name.split(',')[0]} {options.processes}"
        cases.append(Case(REFERENCE.name, REFERENCE, reference, shown, bench.here))
        results = bench.measure(cases, options.runs)
        body = full_table(results, planted=not named)
        ways = f" {synthetic.PLANTED} keys planted, by turns: {', '.join(synthetic.WAYS)}." if not named else ""
        yield f"history: {name}", f"{facts(path)}.{ways}\n\n{body}\n\n{_commands(cases)}"


def _cached(bench: Bench, cases: Sequence[Case]) -> list[Case]:
    """The repeated scan with our cache, where this version has one: the warm-up run fills it."""
    ours = next((case for case in cases if case.tool is KEYSWEEP), None)
    if ours is None or not tools.knows(ours.command[0], "history", "--cache", bench.environment):
        return []
    folder = bench.fresh("cache")
    shutil.rmtree(folder, ignore_errors=True)
    command = (*ours.command, "--cache", str(folder))
    return [replace(ours, label="keysweep, again", command=command, shown=f"{ours.shown} --cache CACHE")]


def _synthetic(bench: Bench, commits: int) -> Path:
    return bench.kept(f"history-{commits}", partial(synthetic.history, commits=commits))


def tree(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """A folder with very many small files."""
    path = bench.kept(f"tree-{options.files}", partial(synthetic.tree, files=options.files))
    cases = [case for tool in bench.tools if (case := bench.case(tool, TREE, path, name="tree"))]
    results = bench.measure(cases, options.runs)
    planted = f"{options.files:,} files made from a seed, {synthetic.PLANTED} keys planted."
    body = f"{planted}\n\n{full_table(results, planted=True)}\n\n{_commands(cases)}"
    yield f"tree: {options.files:,} small files", body


def hook(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """What a commit waits for: 20 changed files are staged."""
    columns: dict[str, dict[str, Result]] = {}
    cases: list[Case] = []
    for title, key in (("clean commit", False), ("commit with a key", True)):
        path = bench.fresh(f"staged-{key}")
        files = synthetic.staged(path, key=key)
        cases = [case for tool in bench.tools if (case := bench.case(tool, STAGED, path, files=files))]
        columns[title] = bench.measure([_python(bench), *(_expecting(case, key) for case in cases)], options.runs)
    text = "20 changed files staged in a repository of 200."
    yield "hook: 20 staged files", f"{text}\n\n{_matrices(columns)}\n\n{_commands(cases)}"


def single(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """One small file, by name and on standard input."""
    columns: dict[str, dict[str, Result]] = {}
    cases: list[Case] = []
    for task in (FILE, STDIN):
        for title, key in (("clean", False), ("with a key", True)):
            path = bench.fresh(f"settings-{key}.env")
            synthetic.small_file(path, key=key)
            fitting = [case for tool in bench.tools if (case := bench.case(tool, task, path, name="settings.env"))]
            cases += [case for case in fitting if key]
            # What a program answers for a whole file says the exit code; detect-secrets ends with 0 whatever it found.
            wanted = [case if case.tool.name == "detect-secrets" else _expecting(case, key) for case in fitting]
            columns[f"{task}, {title}"] = bench.measure([_python(bench), *wanted], options.runs)
    yield "single: one small file", f"One file of 60 lines.\n\n{_matrices(columns)}\n\n{_commands(cases)}"


def rules(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """What more rules cost: invented formats, each with a prefix, added to every tool's built-in rules."""
    path = _synthetic(bench, options.commits)
    makers = {"keysweep": synthetic.own_rules, "kingfisher": synthetic.yaml_rules}
    columns: dict[str, dict[str, Result]] = {}
    cases: list[Case] = []
    for count in RULE_COUNTS:
        cases = []
        for tool in bench.tools:
            form = makers.get(tool.name, synthetic.toml_rules)
            suffix = "" if form is synthetic.own_rules else ".yml" if form is synthetic.yaml_rules else ".toml"
            made = bench.fresh(f"rules-{count}-{form.__name__}{suffix}")
            if count and not made.exists():
                form(made, count)
            if case := bench.case(tool, HISTORY, path, name="synthetic", rules=made if count else None):
                cases.append(case)
        columns[f"+{count:,}"] = bench.measure(cases, options.runs)
    text = f"Synthetic history of {options.commits:,} commits; the columns are rules added to the built-in ones."
    yield "rules: cost of more rules", f"{text}\n\n{_matrices(columns)}\n\n{_commands(cases)}"


def growth(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """How time and memory grow with the history."""
    columns: dict[str, dict[str, Result]] = {}
    cases: list[Case] = []
    for commits in options.sizes:
        path = _synthetic(bench, commits)
        cases = [case for tool in bench.tools if (case := bench.case(tool, HISTORY, path, name="synthetic"))]
        columns[f"{commits:,} commits"] = bench.measure(cases, options.runs)
    told = "\n".join(f"- {facts(_synthetic(bench, commits))}" for commits in options.sizes)
    yield "growth: synthetic histories", f"{told}\n\n{_matrices(columns)}\n\n{_commands(cases)}"


def mask(bench: Bench, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Masking: megabytes a second of logs, what a line waits, what a log record costs."""
    tenth = options.size // 10
    logs = {
        "ordinary log": bench.kept(f"log-{options.size}", partial(masking.ordinary, size=options.size)),
        f"a key on every line, {masking.DISTINCT} take turns": bench.kept(
            f"keys-{tenth}", partial(masking.with_keys, size=tenth, distinct=masking.DISTINCT)
        ),
        "another key on every line": bench.kept(
            f"keys-{tenth}-all", partial(masking.with_keys, size=tenth, distinct=0)
        ),
    }
    program = bench.fresh("prefixes.sed")
    program.write_text(masking.sed_program(masking.prefixes()), encoding="ascii")
    columns: dict[str, dict[str, Result]] = {}
    shown: dict[str, None] = {}
    for title, path in logs.items():
        cases = list(_maskers(bench, program, path, Path(options.secretlint) if options.secretlint else None))
        shown.update(dict.fromkeys(case.shown for case in cases))
        columns[title] = bench.measure(cases, options.runs)
    rows = []
    for label in next(iter(columns.values())):
        row = [label]
        for title, results in columns.items():
            took, size = results[label].summary, logs[title].stat().st_size
            row.append(f"{size / 1e6 / took.cpu:,.1f} MB/s" if took else results[label].status)
        rows.append(row)
    median, slow = masking.line_delay([bench.programs["keysweep"], "mask"], bench.environment)
    costs = masking.record_cost()
    body = "\n\n".join([
        f"Megabytes a second of processor time, logs of {table.amount(options.size)} and {table.amount(tenth)}.",
        table.table(["tool", *columns], rows),
        f"A line that goes into `keysweep mask` has come out after {median * 1e3:.2f} ms (median; 99 of 100 within "
        f"{slow * 1e3:.2f} ms).",
        "`MaskingFilter` takes, for a record without a key: "
        + ", ".join(f"{cost * 1e6:.1f} µs ({name})" for name, cost in costs.items()) + ".",
        "```\n" + "\n".join(shown) + "\n```",
    ])  # fmt: skip
    yield "mask: logs on their way", body


def _maskers(bench: Bench, program: Path, log: Path, secretlint: Path | None) -> Iterator[Case]:
    ours = bench.programs["keysweep"]
    for label, more in (("keysweep", ()), ("keysweep, pyahocorasick", ("--engine", "aho"))):
        yield Case(label, MASKER, (ours, "mask", *more), f"keysweep mask {' '.join(more)}".strip() + " < LOG",
                   bench.here, stdin=log)  # fmt: skip
    sed = ("env", "LC_ALL=C", "sed", "-E", "-f", str(program))
    yield Case("sed", MASKER, sed, "LC_ALL=C sed -E -f PREFIXES < LOG", bench.here, stdin=log)
    if secretlint is not None:
        command = (str(secretlint), "--secretlintignore", "/dev/null", "--format=mask-result", str(log))
        folder = secretlint.absolute().parent.parent.parent  # that of node_modules
        yield Case("secretlint", MASKER, command, "secretlint --format=mask-result LOG", folder)


def _expecting(case: Case, key: bool) -> Case:
    return replace(case, expected=case.tool.found if key else case.tool.clean)


def _python(bench: Bench) -> Case:
    """What the start of an interpreter costs, for comparison."""
    return Case(PYTHON.name, PYTHON, (sys.executable, "-c", "pass"), "python -c pass", bench.here)


def _commands(cases: Sequence[Case]) -> str:
    shown = dict.fromkeys(case.shown for case in cases)
    return "```\n" + "\n".join(shown) + "\n```"


COMMANDS = {"history": history, "tree": tree, "hook": hook, "single": single, "rules": rules, "growth": growth,
            "mask": mask}  # fmt: skip


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common = argparse.ArgumentParser(add_help=False)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keysweep-benchmarks"
    common.add_argument("--runs", type=_positive, help="measured runs of each tool (5; hook and single: 20)")
    common.add_argument("--tools", type=_names, default=[], help="only these, e.g. keysweep,gitleaks")
    common.add_argument("--keysweep", default="", help="console script to measure (default: beside this Python)")
    common.add_argument("--keysweep-args", default="", help="more arguments for it: --keysweep-args='--engine aho'")
    common.add_argument("--rivals", default=BENCHMARKS / ".venv-rivals", help="where rivals are installed")
    common.add_argument("--work", default=cache, help="where synthetic material and the tools' own caches are kept")
    common.add_argument("--timeout", type=float, default=900.0, help="seconds after which a run is given up")
    results = BENCHMARKS / "RESULTS.md"
    common.add_argument("--write", nargs="?", const=results, metavar="FILE", help="put it into RESULTS.md as well")
    commands = parser.add_subparsers(dest="command", required=True)
    added = {
        name: commands.add_parser(name, parents=[common], help=str(run.__doc__).splitlines()[0])
        for name, run in COMMANDS.items()
    }
    added["history"].add_argument("repositories", nargs="*", help="paths; none: a synthetic history")
    added["history"].add_argument("--commits", type=_positive, default=synthetic.SIZES[2])
    added["history"].add_argument("--processes", type=_positive, default=2, help="of `git cat-file` in the reference")
    added["tree"].add_argument("--files", type=_positive, default=100_000)
    added["rules"].add_argument("--commits", type=_positive, default=synthetic.SIZES[1])
    added["mask"].add_argument("--size", type=_positive, default=masking.SIZE, help="bytes of the ordinary log")
    added["mask"].add_argument("--secretlint", default="", help="its program; none: left out")
    added["growth"].add_argument("--sizes", type=_positive, nargs="+", default=list(synthetic.SIZES))
    options = parser.parse_args(arguments)
    if options.command == "mask":
        options.tools = ["keysweep"]  # others do not mask, or are named by their own option
    options.runs = options.runs or (20 if options.command in ("hook", "single") else 5)
    known = [tool.name for tool in (KEYSWEEP, *RIVALS)]
    if unknown := [name for name in options.tools if name not in known]:
        parser.error(f"--tools: no tool '{unknown[0]}'; there are {', '.join(known)}")
    for path in getattr(options, "repositories", []):
        if not Path(path).is_dir():
            parser.error(f"{path}: no such repository")
    return options


def _names(text: str) -> list[str]:
    return text.split(",")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return value


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="keysweep-bench-") as name:
        yield Path(name)


def _heading(bench: Bench, options: argparse.Namespace) -> str:
    day = datetime.now(UTC).date().isoformat()
    runs = f"medians of {options.runs} interleaved runs after one to warm up; memory from one more run"
    return f"{day}, {runs}.\n{table.machine()}.\n{bench.versions()}."


def main(arguments: Sequence[str]) -> int:
    """Runs one benchmark."""
    if not hasattr(os, "wait4"):
        raise SystemExit("the benchmarks need a POSIX system (os.wait4)")
    options = options_of(arguments)
    with _scratch() as scratch:
        bench = Bench(options, scratch)
        for title, body in COMMANDS[options.command](bench, options):
            whole = f"{_heading(bench, options)}\n\n{body}"
            print(f"## {title}\n\n{whole}\n")
            if options.write:
                target = Path(options.write)
                text = target.read_text("utf-8") if target.exists() else ""
                target.write_text(table.section(text, title, whole), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Counts what the rules report on content that is not ours: findings per million lines, by rule and confidence.

    python benchmarks/false_alarms.py TREE_OR_REPOSITORY ...       folders; git repositories (bare or not) as histories
    python benchmarks/false_alarms.py --json found.json --judgements benchmarks/judgements.tsv PATH ...

Everything that a rule finds counts, whatever a policy would leave out, except documented samples. Nothing is shown of
a key but what a report would show. With judgements (rows of source, rule, path, verdict, why) findings are told apart
that a person looked at; see false-alarms.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that the script finds its own package

from scanner.matcher import Matcher
from scanner.models import Chunk, Confidence, Finding, Kind
from scanner.pipeline import scan
from scanner.rule import load_rules
from scanner.sources.files import Files
from scanner.sources.git_history import GitHistory
from scanner.sources.interface import Source

VERDICTS = ("leak", "sample", "fixture", "false", "")
"""What a finding was judged to be: a key that was committed in earnest; one that documents show; one that was made for
tests; no key at all. "" is for one that nobody judged, and counts as false."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding, as it may be shown."""

    source: str
    rule: str
    severity: str
    confidence: str
    path: str
    line: int
    key: str
    text: str
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person said of the findings of a rule in the files of a source; `rule` and `path` are globs."""

    source: str
    rule: str
    path: str
    verdict: str
    why: str

    def fits(self, row: Row) -> bool:
        """Whether the row is one of those that were judged."""
        pairs = ((row.source, self.source), (row.rule, self.rule), (row.path, self.path))
        return all(fnmatchcase(text, glob) for text, glob in pairs)


@dataclass(frozen=True, slots=True)
class Read:
    """What came of one source."""

    source: str
    kind: str
    lines: int
    size: int
    skipped: int
    rows: tuple[Row, ...]


class Counting:
    """A matcher that counts the lines it is given to report from."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self.lines = 0

    def find(self, chunk: Chunk) -> Iterator[Finding]:
        """See `Matcher.find`."""
        if chunk.origin.kind is not Kind.PATH_NAME:
            self.lines += chunk.data.count(b"\n", chunk.start, len(chunk.data) if chunk.end < 0 else chunk.end)
        return self._matcher.find(chunk)

    def mask(self, text: str) -> str:
        """See `Matcher.mask`."""
        return self._matcher.mask(text)


def read(path: Path, judged: Sequence[Judgement] = (), rules: Sequence[str] = ()) -> Read:
    """Scans one folder, or the history of one repository, with all rules. `owner+name` is called `owner/name`."""
    counting = Counting(Matcher(load_rules().select(enable=rules), "bulk"))
    history = (path / "HEAD").is_file() or (path / ".git").exists()
    source: Source = GitHistory(path) if history else Files([path])
    result = scan(source, counting)
    name = (path.parent.name if path.name == "repo" else path.name).replace("+", "/")
    rows = [_judged(_row(name, path, found), judged) for found in result.findings if not found.sample]
    kind = "history" if history else "tree"
    return Read(name, kind, counting.lines, result.stats.size, len(result.skipped), tuple(rows))


def _row(name: str, root: Path, found: Finding) -> Row:
    path = "commit message" if found.origin.kind is Kind.COMMIT_MESSAGE else found.location.path
    path = path.removeprefix(f"{root.as_posix()}/")
    severity, confidence = str(found.severity), str(found.confidence)
    return Row(name, found.rule_id, severity, confidence, path, found.location.line, found.masked, found.text.strip())


def _judged(row: Row, judged: Sequence[Judgement]) -> Row:
    verdict = next((one.verdict for one in judged if one.fits(row)), "")
    return Row(**{**asdict(row), "verdict": verdict})


def judgements(path: Path) -> list[Judgement]:
    """The rows of a file of judgements. Raises ValueError for a verdict that is none."""
    with path.open(newline="") as file:
        rows = [Judgement(*row) for row in csv.reader(file, delimiter="\t") if row and not row[0].startswith("#")]
    for row in rows:
        if row.verdict not in VERDICTS[:-1]:
            raise ValueError(f"{path}: '{row.verdict}' is no verdict; they are {', '.join(VERDICTS[:-1])}")
    return rows


def tables(reads: Sequence[Read]) -> Iterator[str]:
    """The figures, as Markdown."""
    yield "| source | | lines | high | medium | low | of high: leak | sample | fixture | false |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for one in sorted(reads, key=lambda one: (one.kind, one.source)):
        yield _line(one.source, one.kind, one.lines, one.rows)
    lines, rows = sum(one.lines for one in reads), [row for one in reads for row in one.rows]
    yield _line("**all**", "", lines, rows)
    yield ""
    millions = max(lines, 1) / 1e6
    yield "| per million lines | all | false or not judged |"
    yield "|---|--:|--:|"
    for level in Confidence:
        here = [row for row in rows if row.confidence == level]
        false = sum(row.verdict in ("false", "") for row in here)
        yield f"| {level} confidence | {len(here) / millions:.2f} | {false / millions:.2f} |"
    yield ""
    yield "| rule | confidence | findings | per million lines |"
    yield "|---|---|--:|--:|"
    counted = Counter((row.rule, row.confidence) for row in rows)
    for (rule, confidence), count in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        yield f"| `{rule}` | {confidence} | {count} | {count / millions:.2f} |"


def _line(source: str, kind: str, lines: int, rows: Iterable[Row]) -> str:
    counted = Counter(row.confidence for row in rows)
    verdicts = Counter(row.verdict for row in rows if row.confidence == Confidence.HIGH)
    numbers = [counted[level] for level in Confidence]
    numbers += [verdicts[name] for name in ("leak", "sample", "fixture")]
    numbers.append(verdicts["false"] + verdicts[""])
    return f"| {source} | {kind} | {lines:,} | {' | '.join(map(str, numbers))} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Scans the paths, prints the tables, and writes the findings where that is wished."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--json", type=Path, help="write figures and findings (masked) to this file")
    parser.add_argument("--judgements", type=Path, help="what a person said of findings")
    parser.add_argument("--rule", action="append", default=[], help="only these rules, providers or globs")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", choices=list(Confidence), help="also list the findings of that confidence")
    options = parser.parse_args(arguments)
    judged = judgements(options.judgements) if options.judgements else []
    work = partial(read, judged=judged, rules=options.rule)
    with ProcessPoolExecutor(options.jobs) as pool:
        reads = list(pool.map(work, options.paths))
    for line in tables(reads):
        print(line)
    for row in (row for one in reads for row in one.rows if row.confidence == options.list):
        print(f"{row.verdict or '?':8} {row.rule:32} {row.source}:{row.path}:{row.line}  {row.text}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in reads], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is new in a change: findings less the keys that were there before, told apart by rule and secret.

A key that moves to another line, or is reformatted, is not a new leak. What was there before is read only when
there are findings, so a clean change costs nothing more.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace

from scanner.errors import KeysweepError
from scanner.models import ScanResult
from scanner.pipeline import Matching, Progress, scan
from scanner.sources.change import Change, Keys, keys
from scanner.sources.interface import Source


def scan_new(
    source: Change,
    matcher: Matching,
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> ScanResult:
    """Scans a change; the result has the new findings only, and a note on how many others there were."""
    result = scan(source, matcher, jobs=jobs, executor=executor, progress=progress)
    return new_findings(source, result, matcher, jobs=jobs)


def new_findings(source: Change, result: ScanResult, matcher: Matching, *, jobs: int = 1) -> ScanResult:
    """The result of a scan of `source` without what was there before.

    Where that cannot be read, nothing is taken for known: the findings stay, and a note says why.
    """
    if not result.findings:
        return result
    notes: list[str] = []

    def look(before: Source) -> Keys:
        looked = scan(before, matcher, jobs=jobs)
        notes.extend(f"{one.what} was not read for comparison ({one.reason})" for one in looked.skipped)
        return keys(looked.findings)

    try:
        kept = tuple(source.new(result.findings, look))
    except KeysweepError as error:
        kept = result.findings
        notes.append(f"what was there before cannot be read, so every key counts as new: {error}")
    known = len(result.findings) - len(kept)
    if known:
        notes.append(f"{known} finding{'' if known == 1 else 's'} left out: the key was there before this change")
    return replace(result, findings=kept, notes=tuple(sorted({*result.notes, *notes})))


__all__ = ["new_findings", "scan_new"]

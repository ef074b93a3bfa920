"""The texts of a result, masked: names of files, refs, variables and authors can hold keys themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from scanner.models import MASK, CommitRef, Finding, History, ScanResult, Skipped, merge

Masking = Callable[[str], str]
"""Gives a text with every key in it masked."""


def scrub(result: ScanResult, masking: Masking) -> ScanResult:
    """Masks every text of a result that people will see. What is shown of a match is masked where it is made.

    A text that cannot be masked is hidden as a whole."""

    @cache
    def mask(text: str) -> str:
        try:
            return masking(text) if text else text
        except Exception:  # a matcher that fails must not be the reason that a key is shown
            return MASK

    return merge(
        [
            ScanResult(
                findings=tuple(_finding(found, mask) for found in result.findings),
                skipped=tuple(Skipped(mask(item.what), mask(item.reason)) for item in result.skipped),
                stats=result.stats,
                notes=tuple(mask(note) for note in result.notes),
            )
        ]
    )


def _finding(found: Finding, mask: Masking) -> Finding:
    return replace(
        found,
        location=replace(found.location, path=mask(found.location.path)),
        origin=replace(found.origin, path=mask(found.origin.path)),
        variable=mask(found.variable),
        allow=found.allow and replace(found.allow, reason=mask(found.allow.reason)),
        record=found.record and replace(found.record, field=mask(found.record.field)),
        history=found.history and _history(found.history, mask),
    )


def _history(history: History, mask: Masking) -> History:
    def commit(ref: CommitRef | None) -> CommitRef | None:
        return ref and replace(ref, author=mask(ref.author), email=mask(ref.email))

    return replace(history, introduced=commit(history.introduced), removed=commit(history.removed))


__all__ = ["Masking", "scrub"]

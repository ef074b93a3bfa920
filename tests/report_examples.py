"""The examples of docs/reports.md: one small scan, in every format.

`python tests/report_examples.py` writes them anew.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import Path

from made_findings import ADDED, RULES, QuickFingerprints, made

from scanner import __version__
from scanner.models import Finding, History, ScanResult, Skipped, Stats
from scanner.policy import Decision, Policy, decide
from scanner.reports import FORMATS, Options, render

DOCS = Path(__file__).parent.parent / "docs" / "reports.md"
# The last code block of the section that has the format's name.
_BLOCK = re.compile(r"(?ms)^## `(?P<name>\w+)`(?:(?!^## ).)*^```\w+\n(?P<example>(?:(?!^```).)*)^```$")


class _Fixed(QuickFingerprints):
    """Fingerprints of a page: the same in every run, because no secret is in them."""

    def of(self, finding: Finding) -> str:
        return hashlib.sha256(finding.location.path.encode()).hexdigest()[:32]


def _decision() -> Decision:
    found = made("app/settings.py", 12, history=History(introduced=ADDED, commits=12, paths=1, in_head=True))
    lost = (Skipped("data/dump.sql", "larger than 50 MB"),)
    result = ScanResult((found,), lost, Stats(214, 1_834_000, 31))
    return decide(result, Policy(), today=date(2026, 11, 22))


def examples() -> dict[str, str]:
    """By format. The version is a fixed one, so that the page outlives a release; line ends are those of the page."""
    wanted = Options(fingerprints=_Fixed())
    reports = {name: render(name, _decision(), RULES, wanted) for name in FORMATS}
    return {name: text.replace(f'"{__version__}"', '"1.0.0"').replace("\r\n", "\n") for name, text in reports.items()}


def documented() -> dict[str, str]:
    """The examples as they stand in the page."""
    return {found["name"]: found["example"] for found in _BLOCK.finditer(DOCS.read_text(encoding="utf-8"))}


def main() -> None:
    made_now = examples()

    def renewed(found: re.Match[str]) -> str:
        begin = found.start("example") - found.start()
        return f"{found[0][:begin]}{made_now[found['name']]}```"

    DOCS.write_text(_BLOCK.sub(renewed, DOCS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The report formats, written out. Each is one function from a decision to text; none is imported before it is used.

No module in here reads a secret: a test looks at their syntax trees for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from scanner.errors import UsageError
from scanner.policy import Decision
from scanner.reports.interface import NO_MOMENT, Options, Report, moment
from scanner.rule import RuleSet


def _late(module: str) -> Report:
    """The `render` of a module that is imported when it is first called: start-up (sarif-om alone takes 89 ms)."""

    def report(decision: Decision, rules: RuleSet, options: Options) -> str:
        render: Report = import_module(f"scanner.reports.{module}").render
        return render(decision, rules, options)

    return report


FORMATS: Final[dict[str, Report]] = {
    "text": _late("text"),
    "json": _late("json"),
    "sarif": _late("sarif"),
    "github": _late("github"),
    "markdown": _late("markdown"),
    "junit": _late("junit"),
    "gitlab": _late("gitlab"),
    "csv": _late("csv"),
}


DATED: Final = frozenset({"gitlab"})
"""Those that show a time, `Options.moment`, because their format demands one."""


def check_format(name: str) -> str:
    """The name back, when there is such a format. Raises UsageError that names the nearest."""
    if name in FORMATS:
        return name
    import difflib  # noqa: PLC0415 - only when something is wrong

    near = difflib.get_close_matches(name.lower(), FORMATS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(FORMATS)}"
    raise UsageError(f"report format '{name}' is not known; {hint}")


def render(name: str, decision: Decision, rules: RuleSet, options: Options) -> str:
    """The report in that format."""
    return FORMATS[check_format(name)](decision, rules, options)


__all__ = ["DATED", "FORMATS", "NO_MOMENT", "Options", "Report", "check_format", "moment", "render"]

"""The report formats, written out. Each is one function from a decision to text; none is imported before it is used.

No module in here reads a secret: a test looks at their syntax trees for it.
"""

from __future__ import annotations

from typing import Final

from scanner.errors import UsageError
from scanner.policy import Decision
from scanner.reports.interface import NO_MOMENT, Options, Report, moment
from scanner.rule import RuleSet


def _text(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.text import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


def _json(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.json import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


def _sarif(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.sarif import render  # noqa: PLC0415 - sarif-om takes 89 ms to import

    return render(decision, rules, options)


def _github(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.github import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


def _markdown(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.markdown import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


def _junit(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.junit import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


def _gitlab(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.gitlab import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


def _csv(decision: Decision, rules: RuleSet, options: Options) -> str:
    from scanner.reports.csv import render  # noqa: PLC0415 - start-up

    return render(decision, rules, options)


FORMATS: Final[dict[str, Report]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "markdown": _markdown,
    "junit": _junit,
    "gitlab": _gitlab,
    "csv": _csv,
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

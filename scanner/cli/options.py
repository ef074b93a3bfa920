"""The options that all scanning commands share, and what they are gathered into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line said, defaults included. None or empty: the configuration decides."""

    config: Path | None = None
    no_config: bool = False
    rules: tuple[Path, ...] = ()
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    min_severity: str | None = None
    min_confidence: str | None = None
    include_examples: bool = False
    no_inline_allow: bool = False
    honour: tuple[str, ...] = ()
    baseline: Path | None = None
    no_baseline: bool = False
    verify: bool = False
    verify_plan: bool = False
    report: tuple[str, ...] = ()
    group: str = "file"
    jobs: int | None = None
    engine: str | None = None
    quiet: bool = False
    verbose: bool = False
    colour: bool | None = None
    progress: bool | None = None


def _formats(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from scanner.reports import FORMATS  # noqa: PLC0415 - only shells ask

    return [name for name in FORMATS if name.startswith(begun)]


def _conditions(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from scanner.policy import FailOn  # noqa: PLC0415 - only shells ask

    return [word for word in FailOn if word.startswith(begun)]


def _scanners(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from scanner.rivals import FILES  # noqa: PLC0415 - only shells ask

    return [name for name in FILES if name.startswith(begun)]


def rule_ids(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The ids that a shell may go on with."""
    from scanner.rule import load_rules  # noqa: PLC0415 - only shells ask

    return [rule.id for rule in load_rules() if rule.id.startswith(begun)]


_SEVERITIES = click.Choice(["critical", "high", "medium", "low", "note"])
_PATH = click.Path(path_type=Path)

_OPTIONS = (
    click.option("--report", multiple=True, metavar="FORMAT[:PATH]", shell_complete=_formats,
                 help="text, json, sarif, github, markdown, junit, gitlab or csv; to PATH or standard output. "
                 "May be given several times.  [default: text]"),
    click.option("--fail-on", multiple=True, metavar="WHAT", shell_complete=_conditions,
                 help="What makes the exit code 1: any, live, active, unknown, never, or a severity and worse.  "
                 "[default: any]"),
    click.option("--min-severity", type=_SEVERITIES, help="Report only this severity and worse.  [default: low]"),
    click.option("--min-confidence", type=click.Choice(["high", "medium", "low"]),
                 help="Report only what is at least so sure.  [default: medium]"),
    click.option("--enable", multiple=True, metavar="RULE", shell_complete=rule_ids,
                 help="Only these rules, providers or globs."),
    click.option("--disable", multiple=True, metavar="RULE", shell_complete=rule_ids,
                 help="Without these rules, providers or globs."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out these paths (as in .gitignore)."),
    click.option("--rules", multiple=True, type=_PATH, metavar="PATH",
                 help="Rule file or folder of your own, in addition."),
    click.option("--include-examples", is_flag=True,
                 help="Report documented sample keys and keysweep's own fake keys, too."),
    click.option("--baseline", type=_PATH, metavar="FILE",
                 help="Known findings.  [default: .keysweep-baseline, if there]"),
    click.option("--no-baseline", is_flag=True, help="Report known findings, too."),
    click.option("--no-inline-allow", is_flag=True, help="Do not honour keysweep:allow comments."),
    click.option("--honour", multiple=True, metavar="SCANNER[=FILE]", shell_complete=_scanners,
                 help="Let what another scanner was told to tolerate count: betterleaks, detect-secrets, ggshield, "
                 "gitleaks, kingfisher, nosec, trufflehog; its comments, and its file."),
    click.option("--config", type=_PATH, metavar="FILE",
                 help="Configuration.  [default: .keysweep.toml or pyproject.toml, here or above]"),
    click.option("--no-config", is_flag=True, help="Use no configuration file."),
    click.option("--verify", is_flag=True,
                 help="Ask the providers whether the keys still work. Says first which hosts are asked."),
    click.option("--verify-plan", is_flag=True,
                 help="Say what --verify would ask whom, and ask nobody."),
    click.option("--group", type=click.Choice(["file", "secret"]), default="file", show_default=True,
                 help="How the text report is grouped."),
    click.option("--jobs", "-j", type=click.IntRange(0), metavar="N",
                 help="Worker processes; 0 for all cores.  [default: 0]"),
    click.option("--engine", type=click.Choice(["auto", "aho", "vectorscan"]),
                 help="How keywords are found.  [default: auto]"),
    click.option("--quiet", "-q", is_flag=True, help="Findings only."),
    click.option("--verbose", "-v", is_flag=True, help="Say more: suppressed findings, notes."),
    click.option("--color/--no-color", "colour", default=None, help="Colours.  [default: on a terminal]"),
    click.option("--progress/--no-progress", default=None, help="A progress bar.  [default: on a terminal]"),
)  # fmt: skip

_NAMES = frozenset(Wanted.__dataclass_fields__)


def scanning(command: F) -> F:
    """Adds the shared options to a command; it gets them as one `wanted: Wanted`."""

    def gather(**values: Any) -> Any:
        own = {name: value for name, value in values.items() if name not in _NAMES}
        shared = {name: value for name, value in values.items() if name in _NAMES}
        return command(wanted=Wanted(**shared), **own)

    gather.__doc__ = command.__doc__
    gather.__name__ = command.__name__
    gather.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(_OPTIONS):
        option(gather)
    return gather  # type: ignore[return-value]

"""What `keysweep rules import` does: one rule file out of another scanner's, and what is said of every rule."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from scanner.errors import ConfigError, UsageError
from scanner.matcher import Matcher
from scanner.policy import Exit
from scanner.reports.interface import count
from scanner.reports.text_safety import printable
from scanner.rule import load_rules
from scanner.rule_import.convert import slug
from scanner.rule_import.formats import read
from scanner.rule_import.run import Imported, bring, provider_of


def bring_over(file: Path, output: str, provider: str | None) -> int:
    """Reads, converts, proves, writes, tells; the exit code."""
    name = provider or provider_of(file)
    if name != slug(name):
        raise UsageError(f"--provider '{name}' must be lower-case letters, digits and single dashes")
    target = None if output == "-" else Path(output) / f"{name}.yaml"
    if target is not None and target.exists():
        raise ConfigError(f"{target}: is there already; remove it, or name another provider with --provider")
    found = read(file)
    shipped = load_rules()
    done = bring(found, name, file.name, shipped)
    mask = Matcher(shipped).mask

    def say(text: str) -> None:
        click.echo(printable(mask(text)), err=True)

    if done.text and target is None:
        sys.stdout.write(done.text)
        sys.stdout.flush()
    elif done.text and target is not None:
        _write(target, done.text)
    _tell(done, say)
    for note in found.notes:
        say(f"{file.name}: {note}")
    if found.left_out_paths:
        say(f"{file.name}: leaves out paths by expressions; as globs they belong into `exclude`: "
            + ", ".join(found.left_out_paths[:20]))  # fmt: skip
    where = f" into {target}" if target is not None and done.text else ""
    say(_sum(done) + where)
    return int(Exit.INCOMPLETE if done.left_out else Exit.OK)


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror or error}") from error


def _tell(done: Imported, say: Callable[[str], None]) -> None:
    for one in done.rules:
        if one.reason:
            say(f"{one.foreign_id}: left out: {one.reason}")
        elif one.covered:
            say(f"{one.foreign_id}: not needed: its keys are found by {_some(one.covered)}")
        else:
            say(f"{one.foreign_id}: {one.as_id}" + (f" ({'; '.join(one.notes)})" if one.notes else ""))


def _some(ids: Iterable[str]) -> str:
    ids = list(ids)
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")


def _sum(done: Imported) -> str:
    carried = sum(bool(one.as_id) for one in done.rules)
    covered = sum(bool(one.covered) for one in done.rules)
    parts = [f"{count(carried, 'rule')} of {len(done.rules)} carried over"]
    if covered:
        parts.append(f"{covered} not needed")
    if done.left_out:
        parts.append(f"{len(done.left_out)} left out")
    return ", ".join(parts)


__all__ = ["bring_over"]

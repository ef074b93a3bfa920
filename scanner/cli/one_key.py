"""One key, and what belongs to it, from standard input and the environment: never from an argument."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

import click

from scanner.errors import UsageError
from scanner.models import Finding
from scanner.recognition import LONGEST, named_parts, with_parts
from scanner.rule import Rule
from scanner.verify_settings import VerifySettings


def refuse_argument(key: tuple[str, ...], command: str) -> None:
    """Raises UsageError when a key was given as an argument."""
    if key:
        raise UsageError(
            "a key is not taken as an argument: the shell's history keeps it, and every process can read it; "
            f"pass it on standard input, such as keysweep {command} < FILE"
        )


def read_key() -> bytes:
    """Standard input; on a terminal what is typed, without showing it."""
    if sys.stdin.isatty():
        text: str = click.prompt("Key (not shown)", hide_input=True, err=True)
        return text.encode("utf-8", "surrogateescape")
    return sys.stdin.buffer.read(LONGEST + 1)


def pairs(texts: tuple[str, ...], option: str) -> list[tuple[str, str]]:
    """The names and values of an option that is given as NAME=VALUE. Raises UsageError for another form."""
    found = [text.partition("=") for text in texts]
    if not all(name and separator and value for name, separator, value in found):
        raise UsageError(f"{option} wants a name and a value: {option} NAME=VALUE")
    return [(name, value) for name, _, value in found]


@dataclass(frozen=True, slots=True)
class GivenParts:
    """Other values that a key needs, as options give them; nothing is known of the key's rule yet. Raises UsageError
    for options that are not NAME=VALUE, and for variables that are not set."""

    plain: list[tuple[str, str]]
    secret: list[tuple[str, str]] = field(repr=False)

    @classmethod
    def of(cls, plain: tuple[str, ...], secret: tuple[str, ...]) -> GivenParts:
        """Those of `--part` and `--part-env`."""
        return cls(pairs(plain, "--part"), from_environment(secret, "--part-env"))

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return [name for name, _ in (*self.plain, *self.secret)]

    def put(self, finding: Finding, rule: Rule, settings: VerifySettings) -> tuple[Finding, VerifySettings]:
        """The key with these values. Since the user says them they count like configuration: they may decide where the
        key is sent. Raises UsageError for a part that the rule does not know."""
        given = {**named_parts(rule, self.plain, shown=True), **named_parts(rule, self.secret, shown=False)}
        config = {part.config: given[part.name] for part in rule.parts if part.config and part.name in given}
        return with_parts(finding, given), settings.with_parts(rule.provider, config)


def from_environment(texts: tuple[str, ...], option: str) -> list[tuple[str, str]]:
    """The same, the values being names of environment variables. Raises UsageError for one that is not set."""
    return [(name, variable(name, text, option)) for name, text in pairs(texts, option)]


def variable(name: str, text: str, option: str) -> str:
    """What an environment variable holds. Raises UsageError when it is not set."""
    if not os.environ.get(text):
        raise UsageError(f"{f'{option} {name}'.strip()}: the environment variable '{text[:60]}' is not set")
    return os.environ[text]


__all__ = ["GivenParts", "pairs", "read_key", "refuse_argument", "variable"]

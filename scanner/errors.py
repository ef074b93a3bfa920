"""What can go wrong, as sentences for people.

Every error that a user can cause, or that the outside world can cause, is a `KeysweepError`: its text names
the file, rule or option and says the way out, and holds no secret. Anything else that escapes is a bug.
"""


class KeysweepError(Exception):
    """An expected failure. `str(error)` is one clear sentence for the user; the command exits with 2."""


class UsageError(KeysweepError):
    """The command line or an argument does not make sense."""


class ConfigError(KeysweepError):
    """A configuration or baseline file cannot be used: names file and key."""


class RuleError(KeysweepError):
    """A rule file is refused. The text starts with `file:line:` and names the rule where it is known."""

    def __init__(self, file: str, line: int, reason: str, rule_id: str = "") -> None:
        self.file, self.line, self.reason, self.rule_id = file, line, reason, rule_id
        about = f"rule '{rule_id}': " if rule_id else ""
        super().__init__(f"{file}:{line}: {about}{reason}")


class SourceError(KeysweepError):
    """A source cannot be opened at all (not a repository, no such file, unknown revision)."""

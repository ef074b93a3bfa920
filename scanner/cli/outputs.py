"""Where the reports of a run go: one to standard output, the others each into a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from scanner.errors import UsageError
from scanner.reports import check_format


@dataclass(frozen=True, slots=True)
class Outputs:
    """The reports that are wanted, each a format and the file that it goes to (None: standard output)."""

    targets: tuple[tuple[str, Path | None], ...]

    @classmethod
    def of(cls, wanted: Iterable[str], place: Callable[[str], Path] = Path) -> Outputs:
        """From `FORMAT` or `FORMAT:PATH`; `place` makes a path of what is written. Raises `UsageError` for a format
        that is not known, and where two reports would overwrite each other."""
        targets = tuple(_target(text, place) for text in wanted)
        if sum(path is None for _, path in targets) > 1:
            raise UsageError("two reports cannot both go to standard output: give one of them a path (FORMAT:PATH)")
        files = [os.path.realpath(path) for _, path in targets if path is not None]
        if twice := next((path for path in files if files.count(path) > 1), None):
            raise UsageError(f"two reports cannot both go to {twice}: give each a path of its own")
        return cls(targets)

    @property
    def to_stdout(self) -> bool:
        """Whether a report goes to standard output."""
        return any(path is None for _, path in self.targets)

    def to_files(self) -> Outputs:
        """Those that go into files."""
        return Outputs(tuple(target for target in self.targets if target[1] is not None))

    def check(self) -> None:
        """Raises `UsageError` where a report has no place to go to: nobody waits for a scan to be told so."""
        for _, path in self.targets:
            if path is not None and not path.parent.is_dir():
                raise UsageError(f"{path}: the report cannot be written: there is no such folder")
            if path is not None and path.is_dir():
                raise UsageError(f"{path}: the report cannot be written: it is a folder; name a file in it")

    def write(self, render: Callable[[str, bool], str]) -> None:
        """Writes every report; `render` makes the text of a format, and is told whether it goes to standard output.
        Files come first, so that a broken pipe loses none of them. Raises `UsageError`."""
        for name, path in sorted(self.targets, key=lambda target: target[1] is None):
            text = render(name, path is None)
            if path is None:
                sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
                sys.stdout.flush()
                continue
            try:
                path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
            except OSError as error:
                raise UsageError(f"{path}: the report cannot be written: {error.strerror}") from error


def _target(text: str, place: Callable[[str], Path]) -> tuple[str, Path | None]:
    name, separator, path = text.partition(":")
    check_format(name)
    if separator and not path:
        raise UsageError(f"report '{text}' has no path behind the colon")
    return name, place(path) if path and path != "-" else None


__all__ = ["Outputs"]

"""The way in: `keysweep` and `python -m scanner`. One handler turns every end into a sentence and an exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits: 0, 1, 2 or 3 as `docs/exit-codes.md` says."""
    from scanner.cli import run  # noqa: PLC0415 - keeps `import scanner` free of click

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

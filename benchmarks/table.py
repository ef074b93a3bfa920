"""Tables in Markdown, what the machine is, and the sections of RESULTS.md."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

HEAD = """# Results

Written by `benchmarks/run.py … --write`; how it measures is told in [README.md](README.md). Every section was
measured in one run of its own and keeps machine, versions and commands. Paths in commands are shortened to names.
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, columns padded; all columns but the first are aligned to the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]
    lines = [_line([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
    rule = _line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def seconds(value: float) -> str:
    """Wall or processor time: three digits that mean something."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def amount(value: int | None, unit: int = 1_000_000, name: str = "MB") -> str:
    """Bytes in decimal megabytes; a dash where nobody knows."""
    if value is None:
        return "–"
    return f"{value / unit:,.1f} {name}" if value < 100 * unit else f"{value / unit:,.0f} {name}"


def number(value: int | None) -> str:
    """A count; a dash where nobody knows."""
    return "–" if value is None else f"{value:,}"


def machine() -> str:
    """Processor, cores, memory, kernel, Python and git. No names of hosts or users, no paths."""
    parts = [
        _processor(),
        f"{_cores()} cores",
        *([f"{size / 2**30:.0f} GiB of memory"] if (size := _memory()) else []),
        f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        f"Python {platform.python_version()}",
        _git(),
    ]
    return ", ".join(parts)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        found = None
    return f"{found[1].strip()} ({platform.machine()})" if found else platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def _git() -> str:
    done = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True)
    return done.stdout.strip().replace(" version", "", 1)


def section(text: str, title: str, body: str) -> str:
    """The text of RESULTS.md with one section in it: replaced where it stands, or added at the end."""
    made = f"## {title}\n\n{body.strip()}\n"
    parts = re.split(r"^(?=## )", text or HEAD, flags=re.MULTILINE)
    for at, part in enumerate(parts):
        if part.partition("\n")[0] == f"## {title}":
            parts[at] = made if at == len(parts) - 1 else f"{made}\n"
            return "".join(parts)
    return "".join(parts).rstrip("\n") + f"\n\n{made}"

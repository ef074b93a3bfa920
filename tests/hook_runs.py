"""Real git with real hooks: running what may fail, and what every answer must keep."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.gitrepo import NEUTRAL

BIN = Path(sys.executable).parent
RULE = "github-personal-access-token"


@dataclass(frozen=True)
class Answer:
    """How a program ended, and all that it said."""

    code: int
    text: str

    @property
    def ok(self) -> bool:
        return self.code == 0


def environment(**changes: str) -> dict[str, str]:
    """What a user's shell has, without the machine's own git configuration, and with keysweep on PATH."""
    inherited = {
        name: value for name, value in os.environ.items()
        if not name.startswith(("GIT_", "PRE_COMMIT")) and name not in {"SKIP", "PYTHONPATH"}
    }  # fmt: skip
    return {
        **inherited,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        **NEUTRAL,
        "GIT_ALLOW_PROTOCOL": "file",
        **changes,
    }


def run(
    place: Path, *words: str | bytes, stdin: str = "", env: Mapping[str, str] | None = None, secret: str = ""
) -> Answer:
    """Runs a program in a folder. No traceback may come of it, nor the secret."""
    done = subprocess.run(
        words, cwd=place, env={**environment(), **(env or {})}, input=os.fsencode(stdin), capture_output=True,
        check=False, timeout=300,
    )  # fmt: skip
    text = (done.stdout + done.stderr).decode(errors="backslashreplace")
    assert "Traceback" not in text, text
    assert "internal error" not in text, text
    assert not secret or secret not in text
    return Answer(done.returncode, text)


def git(place: Path, *words: str, env: Mapping[str, str] | None = None, secret: str = "") -> Answer:
    """Runs git, which may refuse."""
    return run(place, "git", *words, env=env, secret=secret)


def keysweep(
    place: Path, *words: str, stdin: str = "", env: Mapping[str, str] | None = None, secret: str = ""
) -> Answer:
    """Runs the installed command."""
    return run(place, str(BIN / "keysweep"), *words, stdin=stdin, env=env, secret=secret)


def stage(place: Path, path: str, content: str | bytes) -> None:
    """Writes a file and adds it."""
    where = place / path
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(content.encode() if isinstance(content, str) else content)
    assert git(place, "add", "-f", "--", path).ok


__all__ = ["BIN", "RULE", "Answer", "environment", "git", "keysweep", "run", "stage"]

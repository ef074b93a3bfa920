"""Runs a composite action as the runner of GitHub Actions does, as far as ours needs it: reads `action.yml`, executes
its steps with env, if, shell and working-directory, and takes what they say through GITHUB_* files and commands.

What it does not know it refuses, so that an action cannot use it untested.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SUMMARY_LIMIT = 1024 * 1024
OF_A_KIND = 10

_KINDS = ("error", "warning", "notice")
_KNOWN = {*_KINDS, "debug", "group", "endgroup", "add-mask", "stop-commands", "add-matcher", "remove-matcher", "echo"}
_STEP_KEYS = {"id", "name", "if", "shell", "env", "run", "working-directory"}
_COMMAND = re.compile(r"\s*::([\w-]+)(?: (.*?))?::(.*)$")
_OLDER_COMMAND = re.compile(r"##\[([\w-]+)(?: ([^\]]*))?\](.*)$")
_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(==|!=|&&|\|\||!|\(|\))|([A-Za-z_][\w.-]*))")


@dataclass(frozen=True)
class Annotation:
    """What GitHub shows beside a line, or above the log."""

    kind: str
    message: str
    properties: Mapping[str, str]


@dataclass
class Run:
    """What an action did: as its caller, and as people on GitHub's pages see it."""

    failed: bool = False
    code: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The job's summary: of each step what GitHub shows of it."""
        return "".join(text for text in self.summaries if len(text.encode()) <= SUMMARY_LIMIT)

    def shown(self, kind: str) -> list[Annotation]:
        """The annotations of a kind that GitHub keeps."""
        return [one for one in self.annotations if one.kind == kind][:OF_A_KIND]


class Runner:
    """A runner for one job: its folders, and what `github.…` says."""

    def __init__(self, action: Path, workspace: Path, temporary: Path) -> None:
        self.action, self.workspace, self.temporary = action, workspace, temporary
        self.definition: dict[str, Any] = yaml.safe_load((action / "action.yml").read_text(encoding="utf-8"))
        assert self.definition["runs"]["using"] == "composite"

    def run(
        self,
        environment: Mapping[str, str],
        inputs: Mapping[str, str] | None = None,
        *,
        done: Mapping[str, Mapping[str, str]] | None = None,
        only: str = "",
    ) -> Run:
        """Runs the action's steps. `environment` are the variables of the job; `done` are outputs of steps that were
        run before and are not run again; `only` names the one step to run."""
        given = {name: str(one.get("default", "")) for name, one in self.definition.get("inputs", {}).items()}
        assert set(inputs or {}) <= set(given), "an input that the action does not have"
        given.update(inputs or {})
        run = Run(steps={name: dict(outputs) for name, outputs in (done or {}).items()})
        job = {**_bare(), **environment}
        for number, step in enumerate(self.definition["runs"]["steps"]):
            assert set(step) <= _STEP_KEYS, f"this runner does not know {set(step) - _STEP_KEYS}"
            if step.get("id", "") in (done or {}) or (only and step.get("id") != only):
                continue
            if self._wanted(step, run, given):
                self._step(step, run, given, job, self.temporary / f"step-{number}")
        for name, output in self.definition.get("outputs", {}).items():
            run.outputs[name] = self._filled(output["value"], run, given)
        return run

    def _wanted(self, step: Mapping[str, Any], run: Run, inputs: Mapping[str, str]) -> bool:
        condition = str(step.get("if", "success()")).strip().removeprefix("${{").removesuffix("}}").strip()
        value = _Expression(condition, self._context(run, inputs), failed=run.failed).value()
        calls_status = re.search(r"\b(?:always|failure|success|cancelled)\(\)", condition)
        return bool(value) and (bool(calls_status) or not run.failed)

    def _step(
        self, step: Mapping[str, Any], run: Run, inputs: Mapping[str, str], job: dict[str, str], folder: Path
    ) -> None:
        assert step["shell"] == "bash"
        folder.mkdir(parents=True)
        files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        script = folder / "script.sh"
        script.write_text(self._filled(step["run"], run, inputs), encoding="utf-8")
        environment = {
            **job,
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
            **{name: str(path) for name, path in files.items()},
            **{name: self._filled(str(value), run, inputs) for name, value in step.get("env", {}).items()},
        }
        place = self.workspace / self._filled(step.get("working-directory", "."), run, inputs)
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        done = subprocess.run(
            command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        _listen(done.stdout.decode("utf-8", "replace"), run)
        run.steps[step.get("id", folder.name)] = _values(files["GITHUB_OUTPUT"])
        job.update(_values(files["GITHUB_ENV"]))
        assert not files["GITHUB_PATH"].read_text(encoding="utf-8")
        run.summaries.append(files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8"))
        if done.returncode:
            run.failed, run.code = True, run.code or done.returncode

    def _filled(self, text: str, run: Run, inputs: Mapping[str, str]) -> str:
        context = self._context(run, inputs)
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(_Expression(found[1], context).value()), text)

    def _context(self, run: Run, inputs: Mapping[str, str]) -> dict[str, str]:
        context = {f"inputs.{name}": value for name, value in inputs.items()}
        for step, outputs in run.steps.items():
            context.update({f"steps.{step}.outputs.{name}": value for name, value in outputs.items()})
        return {
            **context,
            "github.action_path": str(self.action),
            "github.workspace": str(self.workspace),
            "runner.temp": str(self.temporary),
        }


def _bare() -> dict[str, str]:
    """What a runner's processes have of the machine's environment, and the package indexes that the machine names."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in ("PATH", "TMPDIR")}
    return {**kept, "CI": "true", "GITHUB_ACTIONS": "true", "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}


class _Expression:
    """`${{ … }}` of literals, dotted names, ==, !=, &&, ||, ! and the functions that tell a job's status."""

    def __init__(self, text: str, context: Mapping[str, str], *, failed: bool = False) -> None:
        self._tokens: list[str] = []
        self._context = context
        self._calls = {"always": True, "success": not failed, "failure": failed, "cancelled": False}
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            assert found, f"this runner cannot read the expression: {text}"
            self._tokens.append(found[0].strip())
            at = found.end()

    def value(self) -> str | bool:
        value = self._either()
        assert not self._tokens, f"left over: {self._tokens}"
        return value

    def _either(self) -> str | bool:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> str | bool:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> str | bool:
        value = self._one()
        for operator in ("==", "!="):
            if self._take(operator):
                same = str(value).lower() == str(self._one()).lower()
                return same if operator == "==" else not same
        return value

    def _one(self) -> str | bool:
        if self._take("!"):
            return not self._one()
        if self._take("("):
            value = self._either()
            assert self._take(")")
            return value
        token = self._tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._take("("):
            assert self._take(")")
            return self._calls[token]
        assert token.split(".")[0] in ("inputs", "steps", "github", "runner"), f"unknown context: {token}"
        return self._context.get(token, "")

    def _take(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        self._tokens.pop(0)
        return True


def _values(file: Path) -> dict[str, str]:
    """`name=value` and `name<<DELIMITER`, as the runner reads them."""
    values: dict[str, str] = {}
    lines = iter(file.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, heredoc, delimiter = line.partition("<<")
        if heredoc and "=" not in name:
            body = []
            for inner in lines:
                if inner == delimiter:
                    break
                body.append(inner)
            else:
                raise AssertionError(f"{name}: the delimiter does not come again")
            values[name] = "\n".join(body)
        elif line:
            name, equals, value = line.partition("=")
            assert equals, f"no value: {line}"
            values[name] = value
    return values


def _listen(output: str, run: Run) -> None:
    """Takes workflow commands from the output, as the runner does: `::name …::` at the beginning of a line, and the
    older `##[name …]` anywhere in it; neither between stop-commands and its token."""
    stopped = ""
    for line in re.split(r"\r\n|\n|\r", output):
        run.log += line + "\n"
        if stopped:
            if line.strip() == f"::{stopped}::":
                stopped = ""
            continue
        found = _COMMAND.match(line) or _OLDER_COMMAND.search(line)
        if found is None or found[1] not in _KNOWN:
            continue
        if found[1] == "stop-commands":
            stopped = found[3]
        elif found[1] in _KINDS:
            properties = dict(part.partition("=")[::2] for part in (found[2] or "").split(",") if part)
            run.annotations.append(
                Annotation(found[1], _data(found[3]), {name: _data(text) for name, text in properties.items()})
            )
        else:
            run.commands.append((found[1], found[3]))
    assert not stopped, "commands were stopped and never allowed again"


def _data(text: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, character)
    return text


__all__ = ["OF_A_KIND", "SUMMARY_LIMIT", "Annotation", "Run", "Runner"]

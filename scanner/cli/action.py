"""`keysweep action`: one step of a job on GitHub Actions; `action.yml` calls it. Not for people."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from scanner.action import OutOfReachError, Plan, make_plan, reach
from scanner.cli.masking import masked
from scanner.cli.options import Wanted
from scanner.cli.session import Session
from scanner.cli.trust import BaseSession
from scanner.config import identity_key
from scanner.errors import KeysweepError, UsageError
from scanner.memory import Memory, open_memory
from scanner.policy import Decision, Exit, live
from scanner.reports.github import command, fenced
from scanner.reports.markdown import LIMIT as SUMMARY_LIMIT
from scanner.reports.text_safety import code, printable
from scanner.sources.git import Repository
from scanner.sources.git_fetch import Checkout
from scanner.sources.git_history import GitHistory
from scanner.sources.git_range import Range, RevisionRanges, UnknownRevisionError


@dataclass(frozen=True, slots=True)
class Job:
    """What the runner and the inputs say, from the environment."""

    event: str
    payload: Path
    workspace: Path
    temporary: str
    output: Path | None
    summary: Path | None
    path: str = "."
    scope: str = "auto"
    trust: str = "base"
    fail_on: str = ""
    verify: str = "false"
    cache: str = ""
    sarif_file: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Job:
        """The job of this process. Raises `UsageError` outside of one."""
        if not (environment.get("GITHUB_EVENT_NAME") and environment.get("GITHUB_EVENT_PATH")):
            raise UsageError("this is no job of GitHub Actions; use keysweep diff or keysweep history")

        def given(name: str, default: str = "") -> str:
            return environment.get(f"KEYSWEEP_INPUT_{name}", "").strip() or default

        def file(name: str) -> Path | None:
            return Path(environment[name]) if environment.get(name) else None

        return cls(
            event=environment["GITHUB_EVENT_NAME"],
            payload=Path(environment["GITHUB_EVENT_PATH"]),
            workspace=Path(environment.get("GITHUB_WORKSPACE") or Path.cwd()),
            temporary=environment.get("RUNNER_TEMP") or tempfile.gettempdir(),
            output=file("GITHUB_OUTPUT"),
            summary=file("GITHUB_STEP_SUMMARY"),
            path=given("PATH", "."),
            scope=given("SCOPE", "auto"),
            trust=given("TRUST", "base"),
            fail_on=given("FAIL_ON"),
            verify=given("VERIFY", "false"),
            cache=given("CACHE"),
            sarif_file=given("SARIF_FILE"),
        )

    def event_payload(self) -> Mapping[str, Any]:
        """The payload of the event."""
        try:
            payload = json.loads(self.payload.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError("$GITHUB_EVENT_PATH cannot be read as JSON") from error
        return payload if isinstance(payload, dict) else {}

    def tell(self, **values: str) -> None:
        """Sets outputs of the step. Nobody can write what ends a value: the delimiter is drawn anew."""
        if self.output is not None:
            with self.output.open("a", encoding="utf-8", errors="backslashreplace") as file:
                for name, value in values.items():
                    delimiter = f"end_{secrets.token_hex(16)}"
                    file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")

    def summarise(self, text: str) -> None:
        """Adds to the summary of the step, as far as there is room."""
        if self.summary is None:
            return
        used = self.summary.stat().st_size if self.summary.exists() else 0
        if used + len(text.encode("utf-8", "backslashreplace")) < SUMMARY_LIMIT:
            with self.summary.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)


@click.command(hidden=True)
def action() -> int:
    """Scan what the event of this job on GitHub Actions brought; action.yml calls it.

    \b
    Examples:
      keysweep action
    """
    job = Job.of(os.environ)
    job.tell(complete="false")  # stays, should anything stop us
    try:
        return _run(job)
    except (OutOfReachError, UnknownRevisionError) as error:
        return _fail(job, error, Exit.INCOMPLETE)
    except KeysweepError as error:
        return _fail(job, error, Exit.FAILURE)


def _fail(job: Job, error: KeysweepError, exit_code: Exit) -> int:
    sentence = printable(masked(str(error)))
    job.summarise(f"## keysweep: nothing was read\n\n{code(sentence)}\n")
    sys.stdout.write(command("error", {"title": "keysweep: nothing was read"}, sentence) + "\n")
    return int(exit_code)


def _run(job: Job) -> int:
    if job.trust not in ("base", "head"):
        raise UsageError(f"input trust: '{job.trust}' is not known: choose from base, head")
    if job.verify not in ("true", "false"):
        raise UsageError(f"input verify: '{job.verify}' is not known: choose from true, false")
    plan = make_plan(job.event, job.event_payload(), job.scope)
    place = job.workspace / job.path
    if not (place / ".git").exists():
        raise UsageError(f"{job.path}: there is no checkout; put a step with actions/checkout before this one")
    sarif = _sarif_place(job)
    with chdir(place), Checkout(place, job.temporary) as checkout:
        reached = reach(plan, checkout)
        decision = _scan(job, reached, checkout.place, sarif)
    job.tell(
        leaks=str(len(decision.findings)),
        live=str(sum(live(finding) for finding in decision.findings)),
        complete="true" if decision.result.complete else "false",
        sarif=str(sarif),
    )
    return int(decision.exit_code)


def _sarif_place(job: Job) -> Path:
    """Where the SARIF report goes. A link that the tree brings along must not lead it elsewhere."""
    if not job.sarif_file:
        return Path(tempfile.mkdtemp(prefix="keysweep-", dir=job.temporary)) / "keysweep.sarif"
    place = _in_workspace(job, job.sarif_file, "sarif-file")
    if not place.parent.is_dir() or place.is_dir():
        raise UsageError(f"input sarif-file: '{job.sarif_file}' is no place for a file; its folder has to be there")
    return place


def _in_workspace(job: Job, path: str, name: str) -> Path:
    """A place that an input names. Raises `UsageError` where a link of the tree leads elsewhere."""
    place = Path(os.path.normpath(job.workspace / path))
    if place.is_relative_to(job.workspace):
        straight = job.workspace.resolve() / place.relative_to(job.workspace)
        if place.resolve() != straight:
            raise UsageError(f"input {name}: '{path}' leads through a symbolic link; name another place")
    return place


def _scan(job: Job, plan: Plan, place: str, sarif: Path) -> Decision:
    page = Path(tempfile.mkdtemp(prefix="keysweep-", dir=job.temporary)) / "summary.md"
    wanted = Wanted(
        fail_on=(job.fail_on,) if job.fail_on else (),
        verify=job.verify == "true",
        report=("github", f"markdown:{page}", f"sarif:{sarif}"),
    )
    memory = open_memory(_in_workspace(job, job.cache, "cache"), identity_key()) if job.cache else None
    source = _source(plan, place, memory)
    with _session(job, wanted, plan, source.repository) as session:
        about = printable(session.matcher.mask(plan.about))
        sys.stdout.write(fenced(f"keysweep: {about}\n"))
        sys.stdout.flush()
        session.memory = memory
        decision = session.judge(session.scan(source), whole=plan.whole)
        session.write(decision)
    job.summarise(f"{page.read_text(encoding='utf-8')}\nEvent: {code(about)}.\n")
    return decision


def _source(plan: Plan, place: str, memory: Memory | None) -> GitHistory | RevisionRanges:
    if plan.whole:
        return GitHistory(place, memory=memory)
    return RevisionRanges(place, [Range(plan.base, plan.head, plan.symmetric)] if plan.head else [])


def _session(job: Job, wanted: Wanted, plan: Plan, repository: Repository) -> AbstractContextManager[Session]:
    """With the policy of the base commit, where there is one; else with that of the checkout."""
    if job.trust == "base" and plan.base:
        return BaseSession(wanted, repository, plan.base, plan.head)
    return nullcontext(Session(wanted))

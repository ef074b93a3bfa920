"""One run of a scanning command: from options and configuration to reports and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from scanner import reports
from scanner.baseline import NOTHING_KNOWN, Baseline, Known, match
from scanner.baseline import load as load_baseline
from scanner.cli.options import Wanted
from scanner.cli.outputs import Outputs
from scanner.cli.progress import Progress, amount, duration
from scanner.cli.settings import Ground, beside, effective, to_write
from scanner.config import IDENTITY_KEY, Config, identity_key
from scanner.errors import UsageError
from scanner.identity import Identities
from scanner.matcher import Matcher
from scanner.models import Finding, ScanResult, Skipped
from scanner.pipeline import INTERRUPTED as INTERRUPTED_SCAN
from scanner.pipeline import scan
from scanner.policy import Decision, FailOn, decide
from scanner.reports.interface import count
from scanner.rule import RuleSet, load_rules
from scanner.sources.interface import Source

if TYPE_CHECKING:
    from scanner.cli.asking import Asking
    from scanner.memory import Memory
    from scanner.rival_files import Claim
    from scanner.sources.change import Change
    from scanner.sources.git import Repository


class Session:
    """What the options and the configuration make together. Everything is loaded when it is first used. What is
    scanned, the `ground` (this folder when none is given), decides where configuration and baseline are looked for."""

    def __init__(self, wanted: Wanted, ground: Ground | None = None) -> None:
        self.wanted = wanted
        self._ground = ground or Ground.of([])
        self._outputs = self._wanted_outputs()
        self.progress = Progress(self._shows_progress())
        self.memory: Memory | None = None
        self._scanned: Repository | None = None

    @property
    def reports_to_output(self) -> bool:
        """Whether a report goes to standard output."""
        return self._outputs.to_stdout

    def _wanted_outputs(self) -> Outputs:
        if self.wanted.report:
            return Outputs.of(self.wanted.report)
        return Outputs.of(self.config.report or ("text",), lambda path: self._to_write("report", path))

    @cached_property
    def config(self) -> Config:
        """The configuration file's values, overruled by the options."""
        return effective(self.wanted, self._ground)

    def _to_write(self, key: str, path: str) -> Path:
        return to_write(self.config, key, path, named=self.wanted.config is not None)

    @cached_property
    def rules(self) -> RuleSet:
        """All rules, and which of them are wanted. Raises UsageError when none is left: nothing is clean then."""
        chosen = load_rules(self.config.rules).select(self.config.enable, self.config.disable)
        if not chosen.selected:
            raise UsageError("no rule is left to report anything: what is enabled is disabled as well")
        return chosen

    @cached_property
    def matcher(self) -> Matcher:
        """The matcher over those rules."""
        return Matcher(self.rules, self.config.engine)

    @property
    def verifying(self) -> bool:
        """Whether providers are asked, and not only a plan is made."""
        return self.wanted.verify and not self.wanted.verify_plan

    def refuse_verify(self, command: str) -> None:
        """Raises UsageError when a command is to ask providers that has no use for their answers."""
        if self.wanted.verify or self.wanted.verify_plan:
            raise UsageError(f"{command} asks no provider: --verify is for commands that scan, such as keysweep files")

    @cached_property
    def asking(self) -> Asking | None:
        """The questions of this run, None when nobody is to be asked, nor a plan to be made. What it needs is loaded
        only then."""
        if not (self.wanted.verify or self.wanted.verify_plan):
            return None
        from scanner.cli.asking import Asking, trust  # noqa: PLC0415 - see above

        def say(sentence: str) -> None:
            if not self.wanted.quiet:
                self.progress.say(sentence)

        trusted = trust(self.wanted, self.config, self.rules)
        return Asking(trusted, self.config.policy(), say, self._perhaps_known())

    def _perhaps_known(self) -> Callable[[Finding], bool]:
        """Whether the baseline has an entry for a rule at a place; which key that is, would take a slow hash to tell.
        Of what files of other scanners tolerate, the end of the scan tells more."""
        if self.claims:
            return lambda _: True
        baseline = self.baseline()
        spots = {(entry.rule, entry.path) for entry in baseline.entries} if baseline else set()
        place = Identities(mask=self.matcher.mask).place
        return lambda finding: (finding.rule_id, place(finding)) in spots if spots else False

    @property
    def pepper(self) -> bytes:
        """The secret that a team may mix into identities (environment variable)."""
        return identity_key()

    @property
    def jobs(self) -> int:
        """How many worker processes."""
        return self.config.jobs or os.cpu_count() or 1

    @property
    def baseline_path(self) -> Path:
        """Where the baseline is, or would be."""
        return self.wanted.baseline or self._beside(self.config.baseline)

    def _beside(self, path: str) -> Path:
        """A path of the configuration, or one that holds without any."""
        return beside(self.config, path) if self.config.source else self._ground.shown / path

    @property
    def baseline_to_write(self) -> Path:
        """Where a baseline may be written."""
        if self.wanted.baseline is not None or not self.config.source:
            return self.baseline_path
        return self._to_write("baseline", self.config.baseline)

    def baseline(self) -> Baseline | None:
        """The known findings, None when there is no such file (and none was asked for) or they are not wanted."""
        if self.wanted.no_baseline:
            return None
        if self.wanted.baseline is None and not self.baseline_path.is_file():
            return None
        return load_baseline(self.baseline_path)

    @cached_property
    def _known(self) -> tuple[Baseline, Identities] | None:
        """The baseline that counts, and what computes identities as it does. Raises ConfigError for a bad one."""
        baseline = self.baseline()
        return None if baseline is None else (baseline, baseline.identities(self.pepper, self.matcher.mask))

    def remember(self, folder: Path | None) -> Memory | None:
        """Opens the memory in that folder, or in the one of the configuration; what scans find out goes there."""
        if folder is None and not self.config.cache:
            return None
        place = folder if folder is not None else self._to_write("cache", self.config.cache)
        from scanner.memory import open_memory  # noqa: PLC0415 - start-up

        why = f"no key can be kept for it; set {IDENTITY_KEY}"
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.memory = open_memory(place, self.pepper)
        except OSError as error:
            why = f"it cannot be made: {error.strerror}"
        if self.memory is None and not self.wanted.quiet:
            self.progress.say(f"--cache {place} is not used: {why}")
        return self.memory

    # --- running ---

    def scan(self, source: Source) -> ScanResult:
        """Reads the source, with a progress bar and a summary on standard error. Questions to providers begin
        meanwhile, unless it takes the end of the scan to know what is new."""
        if FailOn.ACTIVE in self.config.fail_on and not (self.wanted.verify or self.wanted.verify_plan):
            raise UsageError("fail-on active needs --verify: no key is known to be active when nobody is asked")
        self.claims  # noqa: B018 - a bad file is told before the scan, not after it
        change = hasattr(source, "new")
        self._scanned = getattr(source, "repository", None)
        begin = self.asking.begin if self.asking and self.verifying and not change else None
        with self.progress as progress:
            result = scan(source, self.matcher, jobs=self.jobs, progress=progress, found=begin, memory=self.memory)
            if change:
                result = self._only_new(source, result)
        if not self.wanted.quiet:
            self._tell(result, progress.took)
        return result

    def _only_new(self, source: Source, result: ScanResult) -> ScanResult:
        """What a change brings, less what was there before it."""
        if not result.findings:
            return result
        from scanner.novelty import new_findings  # noqa: PLC0415 - only where a change has findings

        return new_findings(cast("Change", source), result, self.matcher, jobs=self.jobs)

    def judge(self, result: ScanResult, *, whole: bool) -> Decision:
        """What the policy and the baseline make of it, and the providers, when they are to be asked."""
        known: Known = NOTHING_KNOWN
        if self._known is not None:
            known = match(self._known[0], result.findings, self._known[1])
        today = datetime.now(UTC).date()
        policy, tolerated = self.config.policy(whole=whole), self.honoured(result)
        decision = decide(result, policy, known, today=today, honoured=tolerated)
        if self.asking is None or not self.verifying:
            return decision
        asked = self._asked(self.asking, decision)
        return decide(asked, policy, known, today=today, honoured=tolerated)

    @cached_property
    def claims(self) -> list[Claim]:
        """What the files of other scanners tolerate, of those scanners that are honoured."""
        if not self.config.honour:
            return []
        from scanner.cli.honouring import claims_of  # noqa: PLC0415 - few use it

        return claims_of(self.config.honour, self._rival_file)

    def _rival_file(self, name: str, usual: bool) -> tuple[str, bytes] | None:
        """Name and content of a file of another scanner; None when its usual one is not there."""
        from scanner.cli.honouring import content  # noqa: PLC0415 - few use it

        return content(self._beside(name), usual=usual)

    def honoured(self, result: ScanResult) -> Callable[[Finding], str]:
        """For a finding the entry of another scanner's file that tolerates it; "" for none."""
        if not self.claims or not result.findings:
            return lambda _: ""
        from scanner.cli.honouring import honoured, reader  # noqa: PLC0415 - few use it

        return honoured(self.claims, result.findings, self.matcher, reader(self._scanned)).reason

    def _asked(self, asking: Asking, decision: Decision) -> ScanResult:
        """The result with what providers say of the findings that are reported; nobody is asked about others."""
        from scanner.cli.asking import INTERRUPTED  # noqa: PLC0415 - only who verifies needs it

        result = decision.result
        stop = any(item.what == INTERRUPTED_SCAN for item in result.skipped)
        with self.progress as progress:
            answered = asking.finish(decision.findings, progress, stop=stop)
        told = {id(before): after for before, after in zip(decision.findings, answered, strict=True)}
        lost = (Skipped("the checks of keys", INTERRUPTED),) if asking.interrupted else ()
        return replace(
            result,
            findings=tuple(told.get(id(finding), finding) for finding in result.findings),
            skipped=tuple(sorted({*result.skipped, *lost})),
            notes=tuple(sorted({*result.notes, *asking.notes})),
        )

    def run(self, source: Source, *, whole: bool = False) -> int:
        """Scans, judges, writes every report and returns the exit code."""
        self._outputs.check()
        self._known  # noqa: B018 - a bad file is told before the scan, not after it
        decision = self.judge(self.scan(source), whole=whole)
        if self.wanted.verify_plan and self.asking is not None:
            self._show_plan(self.asking, decision)
        self.write(decision)
        return int(decision.exit_code)

    def _show_plan(self, asking: Asking, decision: Decision) -> None:
        """The plan takes the place of the report on standard output; reports that go to files are written."""
        from scanner.cli.asking import shown  # noqa: PLC0415 - only who verifies needs it

        sys.stdout.write(shown(asking.plan(decision.findings)))
        sys.stdout.flush()
        self._outputs = self._outputs.to_files()

    def write(self, decision: Decision) -> None:
        """Writes every report that was asked for. Raises UsageError where one cannot be written."""
        fingerprints = Identities(pepper=self.pepper, mask=self.matcher.mask)

        def render(name: str, to_stdout: bool) -> str:
            options = reports.Options(
                fingerprints=fingerprints,
                mask=self.matcher.mask,
                colour=to_stdout and self._colour(sys.stdout.isatty()),
                group=self.wanted.group,
                verbosity=self.wanted.verbose - self.wanted.quiet,
                moment=reports.moment(os.environ) if name in reports.DATED else reports.NO_MOMENT,
            )
            return reports.render(name, decision, self.rules, options)

        self._outputs.write(render)

    def _tell(self, result: ScanResult, took: float) -> None:
        stats = result.stats
        commits = f" of {count(stats.commits, 'commit')}" if stats.commits else ""
        rate = f", {amount(round(stats.size / took))}/s" if took > 0.05 and stats.size else ""
        read = f"{count(stats.contents, 'item')}{commits}, {amount(stats.size)}"
        sys.stderr.write(f"keysweep: read {read}, in {duration(took)}{rate}\n")
        if self.matcher.prepared > 1:
            spent = duration(self.matcher.prepared)
            sys.stderr.write(f"keysweep: {spent} of that compiled the rules, once for you and these rules\n")

    def _colour(self, terminal: bool) -> bool:
        if self.wanted.colour is not None:
            return self.wanted.colour
        return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _shows_progress(self) -> bool:
        if self.wanted.progress is not None:
            return self.wanted.progress
        return sys.stderr.isatty() and not self.wanted.quiet

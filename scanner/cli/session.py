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
from scanner.cli.progress import Progress, amount, duration
from scanner.config import IDENTITY_KEY, Config, load_config, load_config_file
from scanner.errors import UsageError
from scanner.identity import Identities
from scanner.matcher import Matcher
from scanner.models import Confidence, Finding, ScanResult, Severity, Skipped
from scanner.pipeline import INTERRUPTED as INTERRUPTED_SCAN
from scanner.pipeline import scan
from scanner.policy import Decision, FailOn, decide, parse_fail_on
from scanner.reports.interface import count
from scanner.rivals import Wish, wishes
from scanner.rule import RuleSet, load_rules
from scanner.sources.interface import Source

if TYPE_CHECKING:
    from scanner.cli.asking import Asking
    from scanner.memory import Memory
    from scanner.rival_files import Claim
    from scanner.sources.change import Change
    from scanner.sources.git import Repository


class Session:
    """What the options and the configuration make together. Everything is loaded when it is first used."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._targets = [_target(text) for text in wanted.report or self.config.report or ("text",)]
        if not wanted.report:
            self._targets = [
                (name, self.own("report", str(path)) if path is not None else None) for name, path in self._targets
            ]
        if sum(path is None for _, path in self._targets) > 1:
            raise UsageError("two reports cannot both go to standard output: give one of them a path (FORMAT:PATH)")
        places = [path.resolve() for _, path in self._targets if path is not None]
        if twice := next((path for path in places if places.count(path) > 1), None):
            raise UsageError(f"two reports cannot both go to {twice}: give each a path of its own")
        self.progress = Progress(self._shows_progress())
        self.memory: Memory | None = None
        self._scanned: Repository | None = None

    @property
    def reports_to_output(self) -> bool:
        """Whether a report goes to standard output."""
        return any(path is None for _, path in self._targets)

    @cached_property
    def config(self) -> Config:
        """The configuration file's values, overruled by the options."""
        wanted = self.wanted
        config = Config()
        if wanted.config is not None:
            config = load_config_file(wanted.config)
        elif not wanted.no_config:
            config = load_config(_home(_here()))
        return overrule(config, wanted, tuple(str(self.beside_config(config, rule)) for rule in config.rules))

    @staticmethod
    def beside_config(config: Config, path: str) -> Path:
        """A path of the configuration file, which is relative to that file's folder."""
        return Path(config.source.split(" [")[0]).parent / path if config.source else Path(path)

    def own(self, key: str, path: str) -> Path:
        """A path to write to that the configuration names. One that was only found may be somebody else's, so it must
        lie beside that, and not among what git keeps. Raises UsageError."""
        place, home = self.beside_config(self.config, path), self.beside_config(self.config, "")
        if self.wanted.config is None and self.config.source:
            real, top = place.resolve(), home.resolve()
            if not real.is_relative_to(top) or ".git" in map(str.lower, real.relative_to(top).parts):
                raise UsageError(
                    f"{self.config.source}: {key} = '{path}' must lie below the file's folder, and not in .git, unless "
                    "you name the file with --config"
                )
        return place

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
        return os.environ.get(IDENTITY_KEY, "").encode()

    @property
    def jobs(self) -> int:
        """How many worker processes."""
        return self.config.jobs or os.cpu_count() or 1

    @property
    def baseline_path(self) -> Path:
        """Where the baseline is, or would be."""
        return self.wanted.baseline or self.beside_config(self.config, self.config.baseline)

    @property
    def baseline_to_write(self) -> Path:
        """Where a baseline may be written."""
        return self.wanted.baseline or self.own("baseline", self.config.baseline)

    def baseline(self) -> Baseline | None:
        """The known findings, None when there is no such file (and none was asked for) or they are not wanted."""
        if self.wanted.no_baseline:
            return None
        if self.wanted.baseline is None and not self.baseline_path.is_file():
            return None
        return load_baseline(self.baseline_path)

    def remember(self, folder: Path | None) -> Memory | None:
        """Opens the memory in that folder, or in the one of the configuration; what scans find out goes there."""
        place = folder if folder is not None else self._cache_of_config()
        if place is None:
            return None
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

    def _cache_of_config(self) -> Path | None:
        """The folder that the configuration names, which must lie beside it: a configuration may be somebody else's."""
        if not self.config.cache:
            return None
        place, home = self.beside_config(self.config, self.config.cache), self.beside_config(self.config, "")
        if not place.resolve().is_relative_to(home.resolve()):
            raise UsageError(f"{self.config.source}: cache = '{self.config.cache}' must lie below the file's folder")
        return place

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
        baseline = self.baseline()
        if baseline is not None:
            known = match(baseline, result.findings, baseline.identities(self.pepper, self.matcher.mask))
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

        return content(self.beside_config(self.config, name), usual=usual)

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
        for _, path in self._targets:
            if path is not None and not path.parent.is_dir():
                raise UsageError(f"{path}: the report cannot be written: there is no such folder")
        decision = self.judge(self.scan(source), whole=whole)
        if self.wanted.verify_plan:
            self._show_plan(decision)
        self.write(decision)
        return int(decision.exit_code)

    def _show_plan(self, decision: Decision) -> None:
        """The plan takes the place of the report on standard output; reports that go to files are written."""
        from scanner.cli.asking import shown  # noqa: PLC0415 - only who verifies needs it

        if self.asking is not None:
            sys.stdout.write(shown(self.asking.plan(decision.findings)))
            sys.stdout.flush()
        self._targets = [target for target in self._targets if target[1] is not None]

    def write(self, decision: Decision) -> None:
        """Writes every report that was asked for; files first, so that a broken pipe loses none of them."""
        fingerprints = Identities(pepper=self.pepper, mask=self.matcher.mask)
        for name, path in sorted(self._targets, key=lambda target: target[1] is None):
            options = reports.Options(
                fingerprints=fingerprints,
                mask=self.matcher.mask,
                colour=path is None and self._colour(sys.stdout.isatty()),
                group=self.wanted.group,
                verbosity=self.wanted.verbose - self.wanted.quiet,
                moment=reports.moment(os.environ) if name in reports.DATED else reports.NO_MOMENT,
            )
            text = reports.render(name, decision, self.rules, options)
            if path is None:
                sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
                sys.stdout.flush()
                continue
            try:
                path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
            except OSError as error:
                raise UsageError(f"{path}: the report cannot be written: {error.strerror}") from error

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


def overrule(config: Config, wanted: Wanted, rules: tuple[str, ...]) -> Config:
    """The configuration with what the command line says instead, or in addition. `rules` are its own rule files."""
    return replace(
        config,
        rules=(*rules, *map(str, wanted.rules)),
        enable=wanted.enable or config.enable,
        disable=(*config.disable, *wanted.disable),
        exclude=(*config.exclude, *wanted.exclude),
        fail_on=parse_fail_on(wanted.fail_on) if wanted.fail_on else config.fail_on,
        min_severity=Severity(wanted.min_severity) if wanted.min_severity else config.min_severity,
        min_confidence=Confidence(wanted.min_confidence) if wanted.min_confidence else config.min_confidence,
        include_examples=wanted.include_examples or config.include_examples,
        allow_inline=config.allow_inline and not wanted.no_inline_allow,
        honour=(*config.honour, *_named(wanted.honour)),
        jobs=config.jobs if wanted.jobs is None else wanted.jobs,
        engine=wanted.engine or config.engine,
    )


def _named(words: tuple[str, ...]) -> tuple[Wish, ...]:
    """The scanners that the command line names. Files are relative to the folder it was given in."""
    return tuple(replace(one, file=str(Path(one.file).absolute())) if one.file else one for one in wishes(words))


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the folder that this was started in is gone: change to another one") from None


def _home(folder: Path) -> Path:
    """The folder whose configuration holds here: the nearest one upwards that has one, up to the repository's top."""
    from scanner.config import CONFIG_NAME, PYPROJECT  # noqa: PLC0415

    for place in (folder, *folder.parents):
        if (place / CONFIG_NAME).exists() or (place / PYPROJECT).exists() or (place / ".git").exists():
            return place
    return folder


def _target(text: str) -> tuple[str, Path | None]:
    name, separator, path = text.partition(":")
    reports.check_format(name)
    if separator and not path:
        raise UsageError(f"report '{text}' has no path behind the colon")
    return name, Path(path) if path and path != "-" else None

"""A run of `keysweep revoke`: keys, plan, question, and, when all is there that it takes, the doing."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from scanner import userdir
from scanner.audit_log import NAME, AuditLog
from scanner.cli.again import Again, inside, load_report, place_of
from scanner.cli.asking import trust
from scanner.cli.one_key import GivenParts, pairs, read_key, variable
from scanner.cli.options import Wanted
from scanner.cli.revoke_words import as_json, plan_text, result_text
from scanner.cli.session import Session
from scanner.endings import OWNER, Ending, distinct, endings_of
from scanner.errors import ConfigError, UsageError
from scanner.handover import Handover, KeyCommand, KeyFile
from scanner.identity import Identities
from scanner.models import Finding, Secret
from scanner.policy import Exit
from scanner.recheck import Text
from scanner.recognition import recognise
from scanner.reports.interface import count
from scanner.reports.text_safety import printable
from scanner.revocation_service import Service, service
from scanner.revoker import ENDED, WAS_ENDED, WORKS, Done, Manner, Means, Revoker
from scanner.verify_settings import VerifySettings
from scanner.whole_file import read_whole

_MOST_OWNER = 64 << 10


@dataclass(frozen=True, slots=True)
class Steering:
    """What steers a run; the rest makes its parts."""

    report: Path | None
    repo: str
    rule_id: str
    yes: bool
    wait: float
    no_check: bool
    in_json: bool
    audit_log: Path | None


class Run:
    """One run."""

    def __init__(self, wanted: Steering, options: Mapping[str, Any]) -> None:
        self._wanted, self._options = wanted, options
        config, extra = options["config"], options["extra"]
        # From here: --repo changes the folder while a report is read again.
        self._scan = Wanted(
            config=config and config.absolute(), no_config=config is None,
            rules=tuple(path.absolute() for path in extra), jobs=1, quiet=True,
        )  # fmt: skip
        self._session = Session(self._scan)
        self._mask = self._session.matcher.mask

    def run(self) -> int:
        """The exit code."""
        trusted = trust(self._scan, self._session.config, self._session.rules)
        lost, findings, settings = self._keys(trusted.settings)
        trusted = replace(trusted, settings=settings)
        where = self._service(trusted.settings)
        endings = endings_of(findings, trusted.rules, trusted.settings)
        for note in (*trusted.notes, *lost):
            self._say(note)
        doing = [one for one in endings if (not one.never if where else one.asks)]
        if not self._agreed(endings, doing, where):
            return int(Exit.INCOMPLETE)
        means = self._means(doing, where)
        with AuditLog(self._log_path(), self._mask) as log:
            revoker = Revoker(
                trusted.rules, trusted.settings, means, log,
                Identities(pepper=self._session.pepper, mask=self._mask),
                Manner(self._wanted.wait, check=not self._wanted.no_check, tell=self._say),
            )
            try:
                done = revoker.carry_out(endings)
            finally:
                revoker.close()
        self._tell(endings, done, where)
        return int(_code(done, failed=revoker.failed, lost=bool(lost)))

    # --- the keys ---

    def _keys(self, settings: VerifySettings) -> tuple[list[str], tuple[Finding, ...], VerifySettings]:
        """Sentences about those that could not be read again, the keys, each once, and the settings with what the
        options say of one key."""
        if self._wanted.report is not None:
            return *self._of_report(self._wanted.report), settings
        if self._options["text"] is not None:
            raise UsageError("--text goes with --report: a report was made of it; a key comes on standard input")
        rules = self._session.rules
        given = GivenParts.of(self._options["parts"], self._options["secret_parts"])
        finding = recognise(read_key(), rules, self._wanted.rule_id, given.names)
        finding, settings = given.put(finding, rules.get(finding.rule_id), settings)
        return [], (finding,), settings

    def _of_report(self, path: Path) -> tuple[list[str], tuple[Finding, ...]]:
        entries = load_report(path)
        rule_id = self._wanted.rule_id
        if rule_id:
            self._session.rules.get(rule_id)
            entries = tuple(entry for entry in entries if entry.rule == rule_id)
        text = Text.of(self._options["text"])
        with inside(self._wanted.repo):
            again = Again.of(entries, self._session, text)
        lost = [f"{place_of(again.entries[number])}: {reason}" for number, reason in again.lost.items()]
        if not entries:
            lost = [f"{path}: there is no key in it{f' of rule {rule_id}' if rule_id else ''}"]
        return lost, distinct(again.found.values())

    # --- the plan, and whether it is agreed to ---

    def _agreed(self, endings: Sequence[Ending], doing: Sequence[Ending], where: Service | None) -> bool:
        """Shows the plan. Without --yes a terminal is asked; nobody to ask means no."""
        asks = not self._wanted.yes and bool(doing) and sys.stdin.isatty() and sys.stderr.isatty()
        only_plan = not self._wanted.yes and not asks
        if only_plan and self._wanted.in_json:
            click.echo(as_json(endings, None, where, self._mask))
        else:
            for line in plan_text(endings, where, self._mask):
                click.echo(line, err=not only_plan)
        if only_plan:
            self._say("nothing was sent: --yes does it" if doing else "nothing to send: what is left is for you to do")
            return False
        if asks:
            live = sum(one.finding.environment != "test" for one in doing)
            what = f"End {count(len(doing), 'key')}{f', {live} of them live or perhaps live' if live else ''}? "
            answer: str = click.prompt(f"{what}Type yes", default="no", show_default=False, err=True)
            if answer.strip().lower() != "yes":
                self._say("nothing was sent")
                return False
        return True

    # --- what it takes ---

    def _means(self, doing: Sequence[Ending], where: Service | None) -> Means:
        """All that is needed, checked before anything is sent."""
        if where is not None:
            return Means(service=where)
        need = sorted({one.rule.provider for one in doing if one.how == OWNER})
        owners = self._owners(need)
        for provider in need:
            if provider not in owners:
                raise UsageError(
                    f"keys of {provider} are deleted with a key of their owner's: name the environment variable that "
                    f"holds it with --owner-key-env {provider}=VARIABLE, or its file with --owner-key-file"
                )
        key_id = self._options["key_id"]
        if key_id and sum(one.how == OWNER for one in doing) != 1:
            raise UsageError("--key-id is the id of one key: pass that key alone")
        return Means(owners, key_id, self._handover([one for one in doing if one.makes_new]))

    def _owners(self, need: Sequence[str]) -> dict[str, Secret]:
        found: dict[str, Secret] = {}
        for option, texts in (("--owner-key-env", "owner_env"), ("--owner-key-file", "owner_file")):
            for text in self._options[texts]:
                provider, separator, value = text.partition("=")
                if not separator:
                    if len(need) > 1:
                        raise UsageError(f"{option}: say whose key it is: {option} PROVIDER={text[:60]}")
                    provider, value = (need[0] if need else ""), text
                read = _read_owner(Path(value)) if texts == "owner_file" else variable(provider, value, option).encode(
                    "utf-8", "surrogateescape"
                )  # fmt: skip
                if not read.strip():
                    raise UsageError(f"{option}: there is no key in it")
                found[provider] = Secret(read.strip())
        return found

    def _handover(self, rotating: Sequence[Ending]) -> Handover | None:
        file, command = self._options["new_key_file"], self._options["new_key_command"]
        if not rotating:
            return None
        rule_id = rotating[0].rule.id
        if (file is None) == (command is None):
            raise UsageError(
                f"{rule_id}: ending this key makes a new one; say where it goes, with one of --new-key-file and "
                "--new-key-command"
            )
        if len(rotating) > 1:
            raise UsageError(f"{len(rotating)} keys would be replaced by new ones: pass one of them at a time")
        return Handover(KeyCommand(command) if file is None else KeyFile(file.absolute()), self._state("new keys"))

    def _service(self, settings: VerifySettings) -> Service | None:
        url = self._options["service_url"]
        if not url:
            return None
        token = variable("", self._options["service_token_env"], "--service-token-env")
        types = dict(pairs(self._options["service_types"], "--service-type"))
        for rule_id in types:
            self._session.rules.get(rule_id)
        return service(url, token, types, loopback=settings.allow_loopback)

    def _log_path(self) -> Path:
        return self._wanted.audit_log or self._state("the audit log") / NAME

    def _state(self, what: str) -> Path:
        folder = userdir.state()
        if folder is None:
            raise ConfigError(
                f"there is no private folder for {what}: name one that only you can read in KEYSWEEP_STATE_DIR"
            )
        return folder

    # --- telling ---

    def _say(self, sentence: str) -> None:
        click.echo(f"keysweep: {printable(self._mask(sentence))}", err=True)

    def _tell(self, endings: Sequence[Ending], done: Sequence[Done], where: Service | None) -> None:
        if self._wanted.in_json:
            click.echo(as_json(endings, done, where, self._mask))
            return
        for line in result_text(done, self._mask):
            click.echo(line)


def _read_owner(path: Path) -> bytes:
    return read_whole(path, _MOST_OWNER, "key", f"--owner-key-file: {path}")


def _code(done: Sequence[Done], *, failed: bool, lost: bool) -> Exit:
    states = {one.state for one in done}
    if WORKS in states:
        return Exit.LEAKS
    if failed:
        return Exit.FAILURE
    return Exit.OK if states <= {ENDED, WAS_ENDED} and not lost else Exit.INCOMPLETE


__all__ = ["Run", "Steering"]

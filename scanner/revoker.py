"""Ends keys: the only module that changes the world.

Nobody calls it unless told to. `endings` says what would happen; a `Revoker` does it, tells every step to an audit log
before and after, and asks the providers before and after whether the keys work, so that what it says of a key is what
its provider says.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from scanner.audit_log import AuditLog
from scanner.endings import OWNER, REPORT, Ending
from scanner.errors import KeysweepError
from scanner.handover import Handover, HandoverError
from scanner.identity import Identities
from scanner.models import Finding, Secret, Validity
from scanner.request import Requester
from scanner.revocation_service import BATCH, Service, ServiceClient, type_of
from scanner.revoke_acts import Acts, Said, owner_fits
from scanner.rule import Rule, RuleSet
from scanner.shield import Shield
from scanner.verdicts import ACTIVE, INACTIVE
from scanner.verifier import Verifier
from scanner.verify_limits import Clock
from scanner.verify_settings import VerifySettings

ENDED: Final = "ended"
WAS_ENDED: Final = "had ended before"
WORKS: Final = "still works"
UNCERTAIN: Final = "not known"

_LONGEST_PAUSE: Final = 16.0
_MAY_CHANGE: Final = frozenset({"rate-limited", "server-error", "unreachable", "timeout"})


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one key: what was asked (None: nothing), and what its provider said of it before and after."""

    ending: Ending
    said: Said | None
    before: Validity
    after: Validity
    remark: str = ""

    @property
    def state(self) -> str:
        """`ended` only when the provider calls the key dead afterwards."""
        if self.before.status == INACTIVE:
            return WAS_ENDED
        if self.after.status == INACTIVE:
            return ENDED
        return WORKS if self.after.status == ACTIVE else UNCERTAIN


@dataclass(frozen=True, slots=True)
class Means:
    """What ending keys may need besides the keys: owners' keys by provider, the id that a person picked, a way for a
    new key, and a company's service that is asked in the place of all providers."""

    owners: Mapping[str, Secret] = field(default_factory=dict)
    key_id: str = ""
    handover: Handover | None = None
    service: Service | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is done: `wait` is for how many seconds providers are asked whether a key that was ended still works;
    `check` False asks them neither before nor after, and then nothing is confirmed. `tell` hears what happens."""

    wait: float = 60.0
    check: bool = True
    tell: Callable[[str], None] = lambda _: None


class Revoker:
    """Carries endings out, one after the other.

    Ctrl-C, SIGTERM and SIGHUP let what is under way come to its end, and nothing more is begun (`interrupted`).
    `failed` says that something went wrong here, as the remarks tell: a new key is not where it should be, or the audit
    log could not be kept.
    """

    def __init__(
        self,
        rules: RuleSet,
        settings: VerifySettings,
        means: Means,
        log: AuditLog,
        identities: Identities,
        manner: Manner = Manner(),
        *,
        clock: Clock | None = None,
        requester: Requester | None = None,
    ) -> None:
        # A verdict of an earlier run proves nothing about what happens now.
        self._rules, self._settings = rules, replace(settings, cache=None, cache_ttl=0.0)
        self._means, self._log, self._identities = means, log, identities
        self._manner, self._tell = manner, manner.tell
        self._clock = clock or Clock()
        self._requester = requester or Requester(
            timeout=settings.timeout, allow_loopback=settings.allow_loopback, ca_bundle=settings.ca_bundle
        )
        self._acts = Acts(self._requester, self._clock, self._settings)
        self._shield = Shield(self._interrupted)
        self.failed = False
        self._remarks: dict[int, str] = {}

    def carry_out(self, endings: Sequence[Ending]) -> tuple[Done, ...]:
        """Ends keys, and says what became of each, in their order. Raises KeysweepError before anything is done."""
        before = self._validities(endings, range(len(endings)))
        alive = [number for number in range(len(endings)) if before[number].status != INACTIVE]
        said: dict[int, Said] = {}
        where = self._means.service
        doing = self._act if where is None else partial(self._serve, where)
        with self._shield:
            for numbers in self._groups(endings, alive):
                if self.interrupted or self.failed:
                    break
                try:
                    told = self._shield.run(partial(doing, endings, numbers, before))
                except KeysweepError as error:
                    if not said:
                        raise
                    self._remarks.update(dict.fromkeys(numbers, f"not begun: {error}"))
                    self.failed = True
                    break
                said.update(told)
            after = self._confirmed(endings, before, said, alive)
            done = tuple(
                Done(ending, said.get(number), before[number], after[number], self._remarks.get(number, ""))
                for number, ending in enumerate(endings)
            )
            self._note("checked", endings, {number: one.state for number, one in enumerate(done)})
        return done

    @property
    def interrupted(self) -> bool:
        """Whether somebody wanted this to end."""
        return self._shield.interrupted

    def close(self) -> None:
        """Closes connections."""
        self._requester.close()

    # --- asking whether they work ---

    def _validities(self, endings: Sequence[Ending], numbers: Iterable[int]) -> dict[int, Validity]:
        listed = list(numbers)
        found = dict.fromkeys(listed, Validity())
        if not self._manner.check or not listed:
            return found
        # A verifier stops its clock when it closes, so each gets one of its own.
        with Verifier(self._rules, self._settings, clock=type(self._clock)(), requester=self._requester) as asks:
            answered = asks.finish([endings[number].finding for number in listed])
        return {number: one.validity for number, one in zip(listed, answered, strict=True)}

    def _confirmed(
        self, endings: Sequence[Ending], before: Mapping[int, Validity], said: Mapping[int, Said], alive: Sequence[int]
    ) -> dict[int, Validity]:
        """What providers say afterwards. Ending may take a moment to spread, so keys that still work are asked about
        again, with longer and longer pauses."""
        after = dict(before)
        began = {number for number in alive if number in said and said[number].outcome in _BEGAN}
        if not began:
            return after
        open_, pause, end = sorted(began), 0.5, self._clock.now() + self._manner.wait
        try:
            with self._shield.open_to_interrupts():
                while True:
                    after.update(self._validities(endings, open_))
                    open_ = [number for number in open_ if _may_change(after[number])]
                    if not open_ or self.interrupted or self._clock.now() + pause > end:
                        return after
                    self._clock.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except KeyboardInterrupt:
            return after | {number: Validity() for number in open_}

    # --- ending them ---

    def _groups(self, endings: Sequence[Ending], alive: Sequence[int]) -> Iterator[list[int]]:
        """What is done in one step each: reports to one issuer together, all others by themselves."""
        if self._means.service:
            wanted = [number for number in alive if not endings[number].never]
            yield from (wanted[at : at + BATCH] for at in range(0, len(wanted), BATCH))
            return
        reports: dict[tuple[str, str, str], list[int]] = {}
        for number in alive:
            one = endings[number]
            if one.asks and one.how == REPORT and one.batch > 1:
                reports.setdefault((one.rule.provider, one.rule.revoke_data, one.shown), []).append(number)
            elif one.asks:
                yield [number]
        for numbers in reports.values():
            most = endings[numbers[0]].batch
            yield from (numbers[at : at + most] for at in range(0, len(numbers), most))

    def _act(
        self, endings: Sequence[Ending], numbers: Sequence[int], before: Mapping[int, Validity]
    ) -> dict[int, Said]:
        group = [endings[number] for number in numbers]
        first = group[0]
        way = self._means.handover if first.makes_new else None
        if way is not None:
            way.prepare()
        try:
            self._begin(group)
        except BaseException:
            if way is not None:
                way.cancel()
            raise
        if first.how == REPORT:
            said = self._acts.report(group)
        elif first.how == OWNER:
            said = self._by_owner(first, before[numbers[0]])
        else:
            said = self._acts.end(first)
        if first.makes_new:
            self._hand_over(said, numbers[0])
            said = replace(said, successor=None, rest=b"")
        self._note("said", endings, dict.fromkeys(numbers, said.outcome), said)
        return dict.fromkeys(numbers, said)

    def _by_owner(self, ending: Ending, before: Validity) -> Said:
        owner = self._means.owners.get(ending.rule.provider)
        if owner is None:
            return Said("not-sent", "no-owner", detail="the owner's key is not there: --owner-key-env")
        found = self._acts.find(ending, owner)
        picked = self._means.key_id
        if picked and found.outcome in ("found", "ambiguous"):
            if picked not in found.ids:
                return Said("refused", "not-listed", detail="the id of --key-id is not one of those that fit",
                            ids=found.ids)  # fmt: skip
            return self._acts.delete(ending, owner, picked)
        if found.outcome != "found":
            return found
        doubt = "" if ending.pinned else self._doubt(ending, owner, before, found.ids[0])
        if doubt:
            return Said("refused", "not-certain", detail=f"{doubt}; name the right id with --key-id", ids=found.ids)
        return self._acts.delete(ending, owner, found.ids[0])

    def _doubt(self, ending: Ending, owner: Secret, before: Validity, identifier: str) -> str:
        """Why the only entry that fits may still be another key; "" when nothing speaks for that. Only for lists that
        tell sorts of keys and not the key."""
        if before.status != ACTIVE:
            return "the key is not known to work, so the one that fits may be another"
        if owner_fits(ending, owner, _groups_of(ending.rule, owner)):
            return "the one that fits is the owner's own key"
        others = self._acts.others(ending)
        if others is not None and others.complete and identifier not in others.ids:
            return "the key belongs to another account than the owner's key"
        return ""

    def _hand_over(self, said: Said, number: int) -> None:
        """The new key goes where it should, or is kept; what is said of it never holds it."""
        way = self._means.handover
        if way is None:
            return
        remark = ""
        if said.successor is not None:
            try:
                remark = way.give(said.successor)
            except HandoverError as error:
                remark = str(error)
                self.failed = True
        elif said.rest:
            kept = way.keep(said.rest)
            self.failed = True
            where = f"the reply is kept in {kept}" if kept else "the reply could not be kept"
            remark = f"no new key could be read in the reply; {where}: see whether one is in it"
        else:
            way.cancel()
            if said.outcome == "unknown":
                remark = "if the old key has ended, its new one is lost: make another with your provider"
                self.failed = True
        self._remarks[number] = remark
        if self.failed:
            self._say(remark)  # at once: the checks that follow may be cut short

    def _serve(
        self, where: Service, endings: Sequence[Ending], numbers: Sequence[int], _: Mapping[int, Validity]
    ) -> dict[int, Said]:
        """Hands keys to the company's own service."""
        client = ServiceClient(where, self._requester, self._clock, self._settings)
        types = client.types()
        if isinstance(types, Said):
            return dict.fromkeys(numbers, replace(types, outcome="not-sent"))
        named = {endings[number].rule.id: "" for number in numbers}
        named = {rule_id: type_of(rule_id, types, where.types) for rule_id in named}
        taken = [number for number in numbers if named[endings[number].rule.id]]
        unknown = Said("not-sent", "no-type", detail="the service does not end keys of this type: see --service-type")
        said = dict.fromkeys(numbers, unknown)
        if taken:
            group = [endings[number] for number in taken]
            self._begin(group)
            places = [self._identities.place(one.finding) for one in group]
            told = client.revoke([one.finding for one in group], named, places)
            said.update(dict.fromkeys(taken, told))
            self._note("said", endings, dict.fromkeys(taken, told.outcome), told)
        return said

    # --- around it ---

    def _interrupted(self) -> None:
        self._clock.stop()  # whatever waits for its turn is not sent any more
        self._say("interrupted: what is under way comes to its end, nothing more is begun")

    def _say(self, sentence: str) -> None:
        # A terminal that was closed meanwhile takes no words: that must not end the work.
        with contextlib.suppress(OSError):
            self._tell(sentence)

    def _begin(self, group: Sequence[Ending]) -> None:
        """Written before anything is sent: a log that cannot be kept lets nothing happen."""
        host = self._means.service.host if self._means.service else group[0].host
        self._tell(f"asking {host} to end {len(group)} key{'s' if len(group) > 1 else ''}")
        for one in group:
            self._log.write("begin", **self._facts(one))

    def _note(
        self, event: str, endings: Sequence[Ending], outcomes: Mapping[int, str], said: Said | None = None
    ) -> None:
        more: dict[str, str | int] = {} if said is None else {"reason": said.reason, "http_status": said.http_status}
        try:
            for number, outcome in outcomes.items():
                self._log.write(event, **self._facts(endings[number]), outcome=outcome, **more)
        except KeysweepError as error:
            self._say(str(error))
            self.failed = True

    def _facts(self, one: Ending) -> dict[str, str | int]:
        finding: Finding = one.finding
        where = self._means.service.shown if self._means.service else one.shown
        return {
            "rule": finding.rule_id, "key": finding.masked, "fingerprint": self._identities.of(finding),
            "environment": finding.environment or "unknown",
            "how": "service" if self._means.service else one.how, "endpoint": where,
        }  # fmt: skip


_BEGAN = frozenset({"revoked", "accepted", "unknown"})


def _may_change(said: Validity) -> bool:
    return said.status == ACTIVE or said.reason in _MAY_CHANGE


def _groups_of(rule: Rule, key: Secret) -> dict[str, str]:
    """The groups that a rule's pattern sees in another key of its sort; none when it is not of that sort."""
    found = re.fullmatch(rule.pattern.encode("ascii"), key.reveal())
    if found is None:
        return {}
    named = found.groupdict()
    return {name: (named.get(name) or b"").decode("utf-8", "replace") for name in ("public", "secret")}


__all__ = ["ENDED", "UNCERTAIN", "WAS_ENDED", "WORKS", "Done", "Manner", "Means", "Revoker"]

"""The negative control: before a provider's yes is believed, it has to say no to a key that nobody was ever given.

Otherwise a login page, a proxy or an endpoint that never looks at keys would make every finding "active". One random
key of the same shape for each endpoint, once a run, when the first `active` is about to be said.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from scanner.errors import KeysweepError
from scanner.fakes import KeyMaker
from scanner.models import Secret
from scanner.rule import Rule
from scanner.verdicts import ACTIVE, Verdict, unknown
from scanner.verify_check import Check, refused
from scanner.verify_handlers.interface import Question
from scanner.verify_parts import own_values
from scanner.verify_template import UnaskableError

Ask = Callable[[Question], Verdict]


@dataclass(slots=True)
class _Once:
    lock: threading.Lock = field(default_factory=threading.Lock)
    verdict: Verdict | None = None


class Controls:
    """The controls of one run: each endpoint's is asked once, whoever comes first; the others wait for it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Once] = {}

    def judge(self, verdict: Verdict, rule: Rule, check: Check, question: Question, ask: Ask) -> Verdict:
        """The verdict if the control bears it out, otherwise unknown. `ask` puts the control's question."""
        if verdict.status != ACTIVE or not check.controlled:
            return verdict
        shown = check.endpoints(question)[0].shown
        with self._lock:
            once = self._known.setdefault((rule.verify_data, shown), _Once())
        with once.lock:
            if once.verdict is None:
                once.verdict = self._control(rule, check, question, ask)
        return verdict if refused(once.verdict) else _unproven(once.verdict, verdict.http_status)

    def _control(self, rule: Rule, check: Check, question: Question, ask: Ask) -> Verdict:
        for fake in self._fakes(rule, question):
            try:
                same = check.endpoints(fake) == check.endpoints(question)
            except UnaskableError:
                continue
            if same:
                return ask(fake)
        return unknown("no-control", "no random key of this shape can be sent there")

    def _fakes(self, rule: Rule, question: Question) -> list[Question]:
        """The question with another key: a whole one of the rule's shape; or, where the key also says where it is sent
        (a database's URL), the same with another secret."""
        known = rule.environment_names
        try:
            fake = KeyMaker(rule, self._rng).make(question.environment if question.environment in known else "")
        except KeysweepError:
            return []
        secret = Secret(fake.secret)
        spliced = question.values["key"].reveal().replace(question.values["secret"].reveal(), fake.secret, 1)
        return [
            replace(question, values={**question.values, **own_values(Secret(key), secret)})
            for key in (fake.key, spliced)
        ]


def _unproven(control: Verdict, http_status: int) -> Verdict:
    if control.status == ACTIVE:
        return unknown("accepts-anything", "a random key of the same shape was accepted", http_status)
    detail = control.detail if control.reason == "no-control" else f"a random key was not refused: {control.reason}"
    return unknown("no-control", detail, http_status)


__all__ = ["Controls"]

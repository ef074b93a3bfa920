"""Masks a stream: every secret becomes `********`, its public part and all other bytes stay as they are.

    masker = Masker()
    for piece in pieces:
        write(masker.feed(piece))
    write(masker.flush())

The stream is decided stretch by stretch: a line, or the lines that a key takes up. A line leaves as soon as its line
feed has come, unless a secret began in it that may go on: a private key, base64 in lines, a known value of several
lines. What comes out never depends on how the stream was cut into pieces.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import AnyStr
from weakref import WeakSet

from scanner.hidden import Hidden, simple
from scanner.known_secrets import GIVEN, from_environment, worth
from scanner.look import Event, Look, Place
from scanner.mask_report import Report
from scanner.models import MASK
from scanner.own_keys import Key, blanked
from scanner.rule import RuleSet, load_rules
from scanner.stretch import LOOK_BACK, Stretches
from scanner.worth import NEXT

LONGEST = 512 * 1024
"""A stretch of so many bytes is decided in parts, with context on both sides: no more is ever held back."""

CONTEXT = 64 * 1024
"""How much of a stretch that is too long is kept as context for what follows: four times the widest match."""

PROMPT = 8 * 1024
"""The beginning of a line that is longer than this is not shown before its end."""

NESTED = 2
"""So often a text is masked in the middle of another one."""

_BLOCK = 1 << 20
OUTSIDE, HEAD = -1, -2
BODY = "privatekey-body"
"""What reports call a line of a private key that no rule sees as a whole."""

_HEAD = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_NO_BODY = re.compile(rb"[\s\\\"',;+|]{0,12}")
_BODY = re.compile(rb"([A-Za-z0-9+/]{1,200}={0,2})[\s\\\"',;+|]{0,12}\Z")
_HEADER = re.compile(rb"(?:Proc-Type|DEK-Info|Comment|Version|Hash): ?[^\n]{0,100}\Z|[\s|>]\Z|\A\Z")


class Masker:
    """Masks one stream. `feed()` takes what has come and returns what may go; `flush()` ends it.

    `secrets` are values to mask wherever they stand, whatever they look like; `environment` gives more of them: the
    values of its variables whose names sound secret. Values that are short or common words are not taken. Not for
    several threads at a time. At most LONGEST bytes are held back, beside the piece that is being fed.
    """

    def __init__(
        self,
        rules: RuleSet | None = None,
        *,
        secrets: Iterable[str | bytes] = (),
        environment: Mapping[str, str] | None = None,
        engine: str = "auto",
        stretches: Stretches | None = None,
    ) -> None:
        self._stretches = stretches or Stretches(
            load_rules() if rules is None else rules, engine, known(secrets, environment)
        )
        self.report = Report()
        self._begin()

    def _begin(self) -> None:
        self._data = b""  # what stands before (LOOK_BACK bytes), and what is not decided
        self._start = 0  # where what is not decided begins
        self._looked = 0  # as far as that, `_seen` is known
        self._seen = Look()  # what is to be looked at in what is not decided
        self._alive: list[Event] = []  # keywords before it that still count
        self._line = 1
        self._sent = 0  # how much of what is not decided left already (see `settled`)
        self._lines = 0  # how far the lines of a held stretch have been looked at
        self._width = 0
        self._coloured = False
        self._armour = OUTSIDE  # width of the margin of an armoured key's lines

    # --- in and out ---

    def feed(self, piece: bytes) -> bytes:
        """Takes the next bytes of the stream; returns those that can leave, masked."""
        if len(piece) <= _BLOCK:
            return self._taken(piece)
        return b"".join(self._taken(piece[at : at + _BLOCK]) for at in range(0, len(piece), _BLOCK))

    def flush(self) -> bytes:
        """Ends the stream: returns what was held back, masked. The masker is as new then, save its report."""
        out: list[bytes] = []
        self._decide(out, len(self._data), final=True)
        line = self._line
        self._begin()
        self._line = line
        return b"".join(out)

    def settled(self) -> bytes:
        """For streams that a person watches, when nothing comes for a moment: the beginning of the begun line as far as
        nothing in it can be secret whatever comes next, a prompt for example. The rest stays held."""
        first, data = self._start + self._sent, self._data
        if self._armour != OUTSIDE or len(data) - first > PROMPT or data.find(b"\n", self._start) >= 0:
            return b""
        low = max(0, self._start - LOOK_BACK)
        events = [(at - low, number) for at, number in self._alive]
        safe = low + self._stretches.settled(data[low:], self._start - low, events)
        if safe <= first:
            return b""
        self._sent = safe - self._start
        return data[first:safe]

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._data) - self._start - self._sent

    def _taken(self, piece: bytes) -> bytes:
        self._data += piece
        out: list[bytes] = []
        last = self._data.rfind(b"\n", len(self._data) - len(piece)) + 1
        if last > self._start:
            self._decide(out, last, final=False)
        while len(self._data) - self._start >= LONGEST:
            self._cut(out)
        drop = self._start - LOOK_BACK
        if drop > 0:
            self._shift(drop)
        return b"".join(out)

    def _shift(self, drop: int) -> None:
        self._data = self._data[drop:]
        self._start -= drop
        self._looked = max(0, self._looked - drop)
        self._lines = max(0, self._lines - drop)
        self._alive = [(at - drop, number) for at, number in self._alive if at >= drop]
        self._seen = self._seen.moved(-drop)

    # --- deciding ---

    def _look(self, end: int) -> None:
        start = max(self._looked, self._start)
        if end > start:
            seen = self._stretches.look(self._data, start, end)
            if self._seen.keys or self._seen.events or self._seen.signs:
                before = self._seen
                seen = Look(before.keys + seen.keys, before.events + seen.events, before.signs + seen.signs)
            self._seen, self._looked = seen, end

    def _decide(self, out: list[bytes], end: int, *, final: bool) -> None:
        """Decides data[start:end], whole lines, and writes it; keeps the last lines when they may go on."""
        self._look(end)
        data = self._data
        ways = Place(self._seen)
        hidden: list[Hidden] = []
        at = self._start
        while at < end:
            if not self._alive and self._armour == OUTSIDE and not self._coloured:
                nearest = ways.next(at)
                if nearest < 0 or nearest >= end:
                    at = end
                    break
                other = ways.other(end)
                bound = end if other == end else data.rfind(b"\n", at, other) + 1
                if nearest < bound:
                    at = simple(data, at, bound, ways.keys_before(bound), hidden)
                    nearest = ways.next(at)
                    if nearest < 0 or nearest >= end:
                        at = end
                        break
                at = data.rfind(b"\n", at, nearest) + 1 or at
            low = max(0, at - LOOK_BACK)
            stop = self._end_of_stretch(at, end, ways, final=final)
            if stop < 0:
                break
            piece, first = data[low:stop], at - low
            near = self._near(ways, low, stop)
            found = self._stretches.hidden(piece, first, *near)
            found = self._armoured(piece, first, found)
            hidden += [Hidden(one.start + low, one.end + low, one.name, one.mask) for one in found]
            self._alive = [(place + low, number) for place, number in self._stretches.alive(piece, first, *near)]
            self._coloured = piece.find(b"\x1b", first) >= 0
            at = stop
        self._write(out, at, hidden)
        ways.next(at)
        self._seen = ways.rest()

    def _near(self, ways: Place, low: int, stop: int) -> tuple[list[Event], list[Key]]:
        """The keywords and keys of a stretch that ends at `stop`, in data that begins at `low`."""
        events = [*self._alive, *ways.events_before(stop)]
        return [(at - low, number) for at, number in events], [key.moved(-low) for key in ways.keys_before(stop)]

    def _end_of_stretch(self, start: int, end: int, ways: Place, *, final: bool) -> int:
        """Where the stretch that begins at `start` ends; -1 when that is not known yet."""
        data = self._data
        low = max(0, start - LOOK_BACK)
        line = max(self._lines, start)
        while line < end:
            stop = data.find(b"\n", line, end) + 1 or end
            if stop == end and final:
                break
            events, keys = self._near(ways, low, stop)
            long = stop - start > CONTEXT
            own = [key.moved(low - line) for key in keys if key.start + low >= line]
            self._width = 0 if long else self._stretches.wrapped(blanked(data[line:stop], own), self._width)
            if not self._width and not self._stretches.goes_on(data[low:stop], start - low, events, keys):
                self._lines = 0
                return stop
            line = self._lines = stop
        if final:
            self._lines = self._width = 0
            return end
        return -1

    def _cut(self, out: list[bytes]) -> None:
        """Decides a part of a stretch that is too long to be held: all of it but the last CONTEXT bytes."""
        start, stop = self._start, self._start + LONGEST
        self._look(stop)
        low = max(0, start - LOOK_BACK)
        ways = Place(self._seen)
        near = self._near(ways, low, stop)
        found = self._stretches.hidden(self._data[low:stop], start - low, *near)
        hidden = [Hidden(one.start + low, one.end + low, one.name, one.mask) for one in found]
        edge = stop - CONTEXT
        for one in hidden:
            if one.start < edge < one.end:
                edge = one.start if one.start > start else one.end
        self._alive = [one for one in [*self._alive, *self._seen.events] if edge - NEXT <= one[0] < edge]
        self._seen, self._looked = Look(), edge
        self._lines = self._width = 0
        self._write(out, edge, [one for one in hidden if one.end <= edge])

    def _write(self, out: list[bytes], end: int, hidden: list[Hidden]) -> None:
        """Writes data[start:end], decided."""
        data, report = self._data, self.report
        at = counted = self._start
        at += self._sent
        self._sent = max(0, at - end)  # none of it may be decided yet
        for one in hidden:
            if one.end <= at:
                continue
            out.append(data[at : one.start])
            out.append(one.mask)
            if one.start > counted:
                self._line += data.count(b"\n", counted, one.start)
                counted = one.start
            if one.mask:
                report.add(one.name, self._line)
            at = one.end
        if at < end:
            out.append(data[at:end])
        self._line += data.count(b"\n", counted, end)
        self._start = end

    # --- private keys in lines with margins ---

    def _armoured(self, data: bytes, first: int, hidden: list[Hidden]) -> list[Hidden]:
        """What of the lines in data[first:] belongs to the body of a private key that no rule sees as a whole: longer
        than any key, or with a time or a name before every line. From its head to its foot, or to a line that is none
        of it."""
        if self._armour == OUTSIDE and data.find(b"PRIVATE KEY", first) < 0:
            return hidden
        more: list[Hidden] = []
        at = first
        while at < len(data):
            end = data.find(b"\n", at) + 1 or len(data)
            body = self._body(data[at:end].rstrip())
            if body is not None:
                start, stop = at + body[0], at + body[1]
                if not any(one.start <= start and stop <= one.end for one in hidden):
                    more.append(Hidden(start, stop, BODY))
            at = end
        self.report.cut += len(more)
        return sorted([*hidden, *more], key=lambda one: (one.start, one.end)) if more else hidden

    def _body(self, line: bytes) -> tuple[int, int] | None:
        """Where in the line a piece of a key's body stands; takes note of heads and feet."""
        heads = list(_HEAD.finditer(line))
        if heads:
            self._armour = HEAD if _NO_BODY.fullmatch(line, heads[-1].end()) else OUTSIDE
            return None
        if self._armour == OUTSIDE:
            return None
        body = _BODY.search(line)
        if b"-----END" in line or (body is None and not (self._armour == HEAD and _HEADER.search(line))):
            self._armour = OUTSIDE
            return None
        if body is None:
            return None
        margin = body.start(1)
        if len(body.group(1)) < (40 if self._armour == HEAD else 16) and margin != self._armour:
            self._armour = OUTSIDE
            return None
        self._armour = margin
        return body.span(1)


def known(secrets: Iterable[str | bytes] = (), environment: Mapping[str, str] | None = None) -> dict[bytes, str]:
    """The values among these that are masked literally, and what reports call them."""
    found = from_environment(environment or {})
    for value in secrets:
        found[value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)] = GIVEN
    return {value: name for value, name in found.items() if worth(value)}


class TextMasker:
    """Masks texts one by one, for any number of threads. Made ready at its first use.

    A signal's handler, or an object that is thrown away, may log in the middle of a text, and would wait for itself in
    vain. So a thread enters again, up to NESTED times, each with a state of its own; then a text is hidden as a whole.
    """

    def __init__(self, secrets: Iterable[str | bytes] = (), environment: Mapping[str, str] | None = None) -> None:
        self._known = known(secrets, environment)
        self._ready: dict[int, Stretches] = {}
        self._inside = 0
        self._lock = threading.RLock()
        _text_maskers.add(self)

    def __call__(self, text: AnyStr) -> AnyStr:
        """The text with every secret in it masked; the same object when there is none."""
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        with self._lock:
            inside = self._inside
            try:
                self._inside = inside + 1
                out = self._masked(data, inside) if inside <= NESTED else MASK.encode()
            finally:
                self._inside = inside
        if out == data:
            return text
        return _text(out) if isinstance(text, str) else out

    def _masked(self, data: bytes, inside: int) -> bytes:
        stretches = self._ready.get(inside)
        if stretches is None:
            stretches = self._ready[inside] = Stretches(load_rules(), "aho" if inside else "auto", self._known)
        if stretches.dull(data):
            return data
        masker = Masker(stretches=stretches)
        return masker.feed(data) + masker.flush()

    def after_fork(self) -> None:
        """The lock may have been held by a thread that is not here any more, in the middle of its work."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock, self._ready, self._inside = threading.RLock(), {}, 0


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a secret ended within a character
        return data.decode("utf-8", "replace")


_text_maskers: WeakSet[TextMasker] = WeakSet()


def _after_fork() -> None:
    for masker in _text_maskers:
        masker.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@lru_cache(maxsize=1)
def _shared() -> TextMasker:
    return TextMasker(environment=os.environ)


def mask(text: AnyStr) -> AnyStr:
    """The text with every secret in it masked, by the shipped rules, and the secrets in this process's environment (as
    it is when this is first called). Public parts of keys stay. For any number of threads."""
    return _shared()(text)


__all__ = ["CONTEXT", "LONGEST", "NESTED", "PROMPT", "Masker", "TextMasker", "known", "mask"]

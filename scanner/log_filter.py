"""`MaskingFilter` for `logging`: no record shows a secret, whatever handler writes it.

What a record holds is masked in place: its message, its arguments, exception and stack, the fields that `extra`
added, and the names of logger, thread and task. When masking itself fails, the record says so in place of what it said.
"""

from __future__ import annotations

import contextlib
import logging
import os
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scanner.masker import TextMasker
from scanner.models import MASK
from scanner.naming import sounds_secret

HIDDEN = "keysweep: a log record was hidden, because masking it failed"
"""What a record says that could not be masked."""

DEPTH = 6
"""So deep into lists and mappings values are masked; what lies deeper is hidden."""

_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"asctime", "taskName"}
_NAMES = ("name", "threadName", "taskName", "processName", "pathname", "filename", "module", "funcName")
_MANY, _SHORT = 1000, 500  # so many short texts without secrets are remembered, then forgotten all at once
_NUMBERS = (int, float, complex)
_PLAIN = (*_NUMBERS, type(None))


class MaskingFilter(logging.Filter):
    """Masks every record, and lets all pass. For handlers, which see the records of all loggers below, and loggers.

    `secrets` are values to hide wherever they stand; `environment` gives more, by names that sound secret (the
    process's own environment when not given). `name` is that of `logging.Filter`: records of other loggers are not
    looked at.
    """

    def __init__(
        self, name: str = "", *, secrets: Iterable[str | bytes] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name)
        self._given = tuple(secrets)
        self._environment = environment
        self._mask = TextMasker(self._given, os.environ if environment is None else environment)
        self._harmless: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._given or self._environment is not None:
            raise TypeError("a MaskingFilter that was given secrets does not pickle: make it anew in the other process")
        return MaskingFilter, (self.name,)

    def __copy__(self) -> MaskingFilter:
        return self

    def __deepcopy__(self, memo: object) -> MaskingFilter:
        return self

    def filter(self, record: logging.LogRecord) -> bool:
        """Masks the record. Always lets it pass: what fails to be masked is hidden."""
        if super().filter(record):
            try:
                self._names(record)
                self._message(record)
                self._exception(record)
                for name in vars(record).keys() - _OWN:
                    vars(record)[name] = self.masked(vars(record)[name], name)
            except Exception:
                _hide(record)
        return True

    def masked(self, value: Any, name: str = "", depth: int = DEPTH) -> Any:
        """A value of any kind with its secrets masked; the value itself when it has none. `name` is what it is called:
        what is called a password is hidden as a whole."""
        if isinstance(value, str):
            return MASK if value and _secret(name) else self._mask(value)
        if isinstance(value, bytes):
            return MASK.encode() if value and _secret(name) else self._mask(value)
        if isinstance(value, _PLAIN):
            return MASK if _secret_number(value, name) else value
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._gathered(value, name, depth) if depth else MASK
        return MASK if _secret(name) else self._object(value)

    def _gathered(self, value: Any, name: str, depth: int) -> Any:
        """A collection, made anew when something in it is masked."""
        if isinstance(value, Mapping):
            pairs = {key: self.masked(item, _called(key), depth - 1) for key, item in value.items()}
            keys = {key: self.masked(key, "", depth - 1) for key in pairs}
            if all(pairs[key] is value[key] and keys[key] is key for key in pairs):
                return value
            return {keys[key]: item for key, item in pairs.items()}
        items = [self.masked(item, name, depth - 1) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))(items)

    def _object(self, value: Any) -> Any:
        """Any other object stays as it is when none of its texts shows a secret; else that text takes its place."""
        for text in (str(value), repr(value)):
            hidden = self._mask(text)
            if hidden != text:
                return hidden
        return value

    def _names(self, record: logging.LogRecord) -> None:
        """Names of loggers, threads and places: few, and the same ones over and over."""
        fields = vars(record)
        for name in _NAMES:
            value = fields.get(name)
            if isinstance(value, str) and value not in self._harmless:
                fields[name] = self._often(value)

    def _often(self, text: str) -> str:
        """A text that comes again and again, masked."""
        if text in self._harmless:
            return text
        hidden = self._mask(text)
        if hidden == text and len(text) <= _SHORT:
            if len(self._harmless) >= _MANY:
                self._harmless.clear()
            self._harmless.add(text)
        return hidden

    def _message(self, record: logging.LogRecord) -> None:
        """The arguments, too, where the message is masked: what is called a password there is hidden in both."""
        try:
            text = record.getMessage()
            if record.args:
                arguments = self._arguments(record.args, text)
                if arguments is not record.args:
                    record.args = arguments
                    text = record.getMessage()
            elif not isinstance(record.msg, str):
                record.msg = self.masked(record.msg)
                text = record.getMessage()
        except Exception:  # logging itself would print the arguments
            record.msg = f"{self._mask(str(record.msg))} (its arguments do not fit, and were hidden)"
            record.args = ()
            return
        hidden = self._mask(text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        elif record.args and isinstance(record.msg, str) and self._often(record.msg) != record.msg:
            record.msg, record.args = self._mask(record.msg), ()  # "100% ghp_…": a part of the key was taken for `% g`

    def _arguments(self, arguments: Any, text: str) -> Any:
        """What stands in the message as it is will be looked at there."""
        if isinstance(arguments, Mapping):
            return self.masked(arguments)
        items = [
            item if isinstance(item, _PLAIN) or (isinstance(item, str) and item in text) else self.masked(item)
            for item in arguments
        ]
        return arguments if all(new is old for new, old in zip(items, arguments, strict=True)) else tuple(items)

    def _exception(self, record: logging.LogRecord) -> None:
        """The exception's text, with those it came from. The exception itself is dropped when it shows a secret: a
        formatter of another kind would write it out again."""
        if record.exc_info and record.exc_info[0] is not None:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            hidden = self._mask(text)
            if hidden != text or any(self._mask(told) != told for told in _told(record.exc_info[1])):
                record.exc_info, record.exc_text = None, hidden
        if record.exc_text:
            record.exc_text = self._mask(record.exc_text)
        if record.stack_info:
            record.stack_info = self._mask(record.stack_info)


def _secret(name: str) -> bool:
    return bool(name) and sounds_secret(name.encode("utf-8", "surrogatepass"))


def _secret_number(value: Any, name: str) -> bool:
    """Whether a number is called a password; one of `tokens` counts them."""
    return bool(value) and not isinstance(value, bool) and not name.endswith(("s", "S")) and _secret(name)


def _called(key: Any) -> str:
    return key if isinstance(key, str) else key.decode("latin-1") if isinstance(key, bytes) else ""


def _told(error: BaseException | None) -> Iterator[str]:
    """What an exception, and those it came from or holds, show besides their message: their arguments."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            waiting += [one.__cause__, one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
            with contextlib.suppress(Exception):  # what fails to be shown shows no secret
                yield f"{one!r} {one.args!r}"


def _hide(record: logging.LogRecord) -> None:
    record.msg, record.args = HIDDEN, ()
    record.exc_info = record.exc_text = record.stack_info = None
    for name in (*_NAMES, *(vars(record).keys() - _OWN)):
        vars(record)[name] = MASK


__all__ = ["DEPTH", "HIDDEN", "MaskingFilter"]

"""`MaskingFilter` for `logging`: no record shows a secret, whatever handler writes it.

What a record holds is masked in place: its message, its arguments, exception and stack, and the fields that `extra`
added. When masking itself fails, the record says so in place of what it said.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from scanner.masker import TextMasker
from scanner.models import MASK
from scanner.naming import sounds_secret

HIDDEN = "keysweep: a log record was hidden, because masking it failed"
"""What a record says that could not be masked."""

DEPTH = 6
"""So deep into lists and mappings values are masked; what lies deeper is hidden."""

_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
_PLAIN = (int, float, complex, type(None))


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
            return value
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._gathered(value, name, depth) if depth else MASK
        return self._object(value)

    def _gathered(self, value: Any, name: str, depth: int) -> Any:
        """A collection, made anew when something in it is masked."""
        if isinstance(value, Mapping):
            called = {key: key if isinstance(key, str) else "" for key in value}
            pairs = {key: self.masked(item, called[key], depth - 1) for key, item in value.items()}
            keys = {key: self.masked(key, "", depth - 1) for key in pairs}
            if all(pairs[key] is value[key] and keys[key] is key for key in pairs):
                return value
            return {keys[key]: item for key, item in pairs.items()}
        items = [self.masked(item, name, depth - 1) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        kind = list if isinstance(value, list) else tuple if isinstance(value, tuple) else set
        return kind(items)

    def _object(self, value: Any) -> Any:
        """Any other object stays as it is when none of its texts shows a secret; else that text takes its place."""
        for text in (str(value), repr(value)):
            hidden = self._mask(text)
            if hidden != text:
                return hidden
        return value

    def _message(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # logging itself would print the arguments
            record.msg = f"{self._mask(str(record.msg))} (its arguments do not fit, and were hidden)"
            record.args = None
            return
        hidden = self._mask(text)
        if hidden != text:
            record.msg, record.args = hidden, None
        elif record.args:
            record.args = self._arguments(record.args, text)
        elif not isinstance(record.msg, str):
            record.msg = self.masked(record.msg)

    def _arguments(self, arguments: Any, text: str) -> Any:
        """What stands in the message as it is has been looked at there."""
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
            if hidden != text:
                record.exc_info, record.exc_text = None, hidden
        if record.exc_text:
            record.exc_text = self._mask(record.exc_text)
        if record.stack_info:
            record.stack_info = self._mask(record.stack_info)


def _secret(name: str) -> bool:
    return bool(name) and sounds_secret(name.encode("utf-8", "surrogateescape"))


def _hide(record: logging.LogRecord) -> None:
    record.msg, record.args = HIDDEN, None
    record.exc_info = record.exc_text = record.stack_info = None
    for name in vars(record).keys() - _OWN:
        vars(record)[name] = MASK


__all__ = ["DEPTH", "HIDDEN", "MaskingFilter"]

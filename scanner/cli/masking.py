"""Words on their way to the terminal where no session with rules of its own is at hand: errors, names of places."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from scanner.errors import KeysweepError


def masked(text: str) -> str:
    """The text with every key hidden that the shipped rules know: a key typed as an argument is quoted by no error."""
    return _mask()(text)


@lru_cache(maxsize=1)
def _mask() -> Callable[[str], str]:
    from scanner.matcher import Matcher  # noqa: PLC0415 - only when something is to be said
    from scanner.rule import load_rules  # noqa: PLC0415

    try:
        return Matcher(load_rules()).mask
    except (KeysweepError, OSError):  # a broken installation, which is what the words are about
        return str


__all__ = ["masked"]

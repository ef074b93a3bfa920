"""Foreign text made harmless to a terminal or a page, and honest to a reader.

File names, author names and lines of code come from whoever wrote them, an attacker perhaps: an escape sequence can
repaint the screen, a newline can forge a line of the report, a bidirectional control can show text in an order
that it does not have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, *, tab: str = "\\t") -> str:
    """The text on one line, with every control, format, surrogate and unassigned character written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, tab) for character in text)


def safe(text: str, mask: Callable[[str], str]) -> str:
    """Foreign words as they may be shown: every key in them masked, and on one line (see `printable`)."""
    return printable(mask(text))


def _shown(character: str, tab: str) -> str:
    if character == "\t":
        return tab
    if unicodedata.category(character) not in _UNSAFE:
        return character
    if character in "\n\r":
        return "\\n" if character == "\n" else "\\r"
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8, as Python carries it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def whole(text: str) -> str:
    """The text with only what no Unicode output can carry (lone surrogates) written as an escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_shown(c, c) if unicodedata.category(c) == "Cs" else c for c in text)
    return text


def code(text: str) -> str:
    """The text as Markdown shows it letter by letter, in a table cell, too: nothing in it is a link, a mention, an
    image or HTML.

    Code spans do that. What would end a span or a cell stands between spans, as a character reference: a backslash
    before the `|` of a table is read in more than one way.
    """
    pieces = re.split(r"([`|])", printable(text))
    return "".join(f"&#{ord(piece)};" if piece in "`|" else f"`{piece}`" for piece in pieces if piece)


def plain(text: str) -> str:
    """Words of a rule for Markdown: as they are when they are plain words, else letter by letter (`code`)."""
    return text if re.fullmatch(r"(?!.*www)(?:[^\W_]|[ ,.()/'-])+", text) and text.isprintable() else code(text)


def shortened(text: str, most: int) -> str:
    """The text, cut in the middle to that many characters."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head):]}"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


__all__ = ["code", "plain", "printable", "safe", "shortened", "whole", "width"]

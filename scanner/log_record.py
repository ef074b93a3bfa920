"""What a line of a log says of itself: when it was written, and in which field of it something stands.

Pure, and bounded: no more than a line of 1 MiB is looked at. Forms: ISO 8601, syslog (RFC 3164 and 5424), web servers'
common log format, JSON lines, journald's export format, `key=value` lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from scanner.models import Record

_LINE = 1 << 20
_DEPTH = 32

_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
_TIME = re.compile(
    rb"(?<![\d.-])(?:%s|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d" % _ISO
    + rb"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"
    + rb"|\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?)"
)
_HEAD = 256  # a line's own time stands within its first bytes
_TIMES = ("timestamp", "@timestamp", "time", "ts", "date", "datetime", "asctime", "eventTime", "t")
_SECONDS = range(10**8, 10**11)  # 1973 to 5138: an epoch in seconds; three, six or nine digits more are finer units
_NEAR = 2048  # a field's name stands no farther before what is in it
_FIELD = re.compile(rb"(?:^|[\s,;{&?])([A-Za-z_@][\w.@-]{0,80})=(?:\"[^\"\n]*|'[^'\n]*|[^\s\"'&]*)\Z")
_HEADER = re.compile(rb"(?i)\b(authorization|proxy-authorization|cookie|set-cookie|x-[a-z0-9-]{1,60})\"?\s{0,2}[:=]")
_JOURNAL = re.compile(rb"([A-Z_][A-Z0-9_]{0,63})=")
_REALTIME = re.compile(rb"^__REALTIME_TIMESTAMP=(\d{15,17})\r?$", re.MULTILINE)


def record_at(data: bytes, start: int, end: int) -> Record:
    """When the line (or journal entry) around data[start:end] was written, "" when it does not say; and the field of
    it that holds these bytes, "" when it has no fields."""
    begin = data.rfind(b"\n", max(0, start - _LINE), start) + 1
    stop = data.find(b"\n", start, start + _LINE)
    line = data[begin : stop if stop >= 0 else start + _LINE]
    key = data[start:end]
    brace = line.find(b"{")
    if brace >= 0 and line.rstrip().endswith(b"}"):
        known = _json(line[brace:], key)
        if known is not None:
            return Record(known.time or _time(line[:brace]), known.field)
    journal = _journal(data, begin, line)
    if journal is not None:
        return journal
    return Record(_time(line[:_HEAD]), _plain_field(line, start - begin))


def _time(head: bytes) -> str:
    found = _TIME.search(head)
    return found.group().decode("ascii") if found else ""


def _plain_field(line: bytes, at: int) -> str:
    """The name in `name=value`, or the header, that the byte at a place of the line belongs to."""
    near = line[max(0, at - _NEAR) : at]
    found = _FIELD.search(near)
    if found:
        return found.group(1).decode("ascii", "replace")
    headers = list(_HEADER.finditer(near))
    return headers[-1].group(1).decode("ascii").lower() if headers else ""


def _journal(data: bytes, begin: int, line: bytes) -> Record | None:
    """An entry of journald's export format: fields line by line, an empty line between entries."""
    name = _JOURNAL.match(line)
    if name is None:
        return None
    top = data.rfind(b"\n\n", max(0, begin - _LINE), begin)
    bottom = data.find(b"\n\n", begin, begin + _LINE)
    entry = data[top + 2 if top >= 0 else max(0, begin - _LINE) : bottom if bottom >= 0 else begin + _LINE]
    found = _REALTIME.search(entry)
    return Record(_epoch(int(found.group(1))), name.group(1).decode("ascii")) if found else None


def _json(line: bytes, key: bytes) -> Record | None:
    """What a JSON object on one line says; None when it is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    text = key.decode("utf-8", "replace")
    field = next((path for path, found in _walk(value, "", 0) if text in found), "")
    return Record(next((told for name in _TIMES if (told := _told(value.get(name)))), ""), field)


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, and every name, with the path it stands at."""
    if isinstance(value, str):
        yield path, value
    elif depth < _DEPTH and isinstance(value, dict):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else name
            yield from _walk(inner, here, depth + 1)
            yield here, name
    elif depth < _DEPTH and isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{number}]", depth + 1)


def _told(value: Any) -> str:
    if isinstance(value, str):
        found = _TIME.search(value[:_HEAD].encode("ascii", "replace"))
        return found.group().decode("ascii") if found else ""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**20:
        return _epoch(int(value * 1_000_000)) if value < _SECONDS.stop else _epoch(_micros(int(value)))
    return ""


def _micros(value: int) -> int:
    """Milliseconds, microseconds or nanoseconds of an epoch as microseconds."""
    for factor, divisor in ((1000, 1), (1, 1), (1, 1000)):
        if value * factor // divisor // 1_000_000 in _SECONDS:
            return value * factor // divisor
    return 0


def _epoch(micros: int) -> str:
    """ISO 8601 in UTC; "" for what is no time of this age."""
    if micros // 1_000_000 not in _SECONDS:
        return ""
    try:
        return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return ""


__all__ = ["record_at"]

"""A processor for structlog: the values of an event are masked before they are rendered.

It belongs behind `format_exc_info` and before the renderer. structlog itself is not imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from scanner.log_filter import HIDDEN, MaskingFilter


class MaskingProcessor:
    """Masks every value of an event; what is called a password is hidden as a whole. When masking fails, the event says
    so in place of what it said."""

    def __init__(
        self, *, secrets: Iterable[str | bytes] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self._filter = MaskingFilter(secrets=secrets, environment=environment)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The event, masked."""
        try:
            for name, value in list(event.items()):
                event[name] = self._filter.masked(value, "" if name == "event" else name)
            names = [(name, self._filter.masked(name)) for name in event]
            if any(new is not old for old, new in names):
                pairs = [(new, event[old]) for old, new in names]
                event.clear()
                event.update(pairs)
        except Exception:
            level = {name: event[name] for name in ("level", "timestamp") if name in event}
            event.clear()
            event.update(level, event=HIDDEN)
        return event


__all__ = ["MaskingProcessor"]

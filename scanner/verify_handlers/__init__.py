"""Checks that no table can say (signatures, logins, tokens that are checked offline), by the name rules call them.

A rule names one with `verify: {handler: NAME}`. The table is written out, and a handler is imported when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scanner.verify_handlers.interface import Handler

HANDLERS: Final[Mapping[str, str]] = {
    "aws-sts": "aws_sts",
    "database-login": "database_login",
    "gcp-service-account": "gcp_service_account",
    "pypi-macaroon": "pypi_macaroon",
}
"""The names of handlers, each with its module here, which offers it in a table `HANDLERS` of its own."""


def load(name: str) -> Handler:
    """The handler of that name. Raises KeyError when there is none."""
    module = importlib.import_module(f"scanner.verify_handlers.{HANDLERS[name]}")
    found: Handler = module.HANDLERS[name]
    return found


__all__ = ["HANDLERS", "load"]

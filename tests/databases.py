"""Which databases are on this machine, for the tests that log in to real ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import postgresql


def program(*names: str) -> Path | None:
    """The first of these programs that is installed; servers lie where ordinary users do not look."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    return next((Path(found) for name in names if (found := shutil.which(name, path=path))), None)


def redis() -> Path | None:
    """The server of Redis or Valkey."""
    return program("redis-server", "valkey-server")


def mariadb() -> Path | None:
    """The server of MariaDB, where the programs that make its first tables are there, too."""
    return program("mariadbd") if program("mariadb-install-db") and program("my_print_defaults") else None


MODULES: Mapping[str, tuple[str, Callable[[], Path | None]]] = {
    "test_verify_postgresql.py": ("postgresql", postgresql.binaries),
    "test_verify_redis.py": ("redis", redis),
    "test_verify_mariadb.py": ("mariadb", mariadb),
}
"""Test modules, each with the database that it needs."""


def left_out() -> list[str]:
    """The modules whose database is not here. Those that `CI_DATABASES` names are never left out, and fail then."""
    promised = os.environ.get("CI_DATABASES", "").split()
    return [module for module, (name, found) in MODULES.items() if name not in promised and found() is None]

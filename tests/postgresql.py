"""Where PostgreSQL is on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path


def binaries() -> Path | None:
    """The folder of `initdb`, `postgres` and `psql`; None where they are not installed. The newest, where there are
    several."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    named = shutil.which("initdb")
    found = debian[-1] if debian else Path(named).resolve() if named else None
    return found.parent if found else None

"""What git alone needs to read a history: list every blob, and decode each once in parallel `git cat-file` processes.

A scanner that reads every blob through git cannot be faster; one that reads the packs itself may be. The blobs are
sorted by path, because versions of one file share their delta bases, and that is the fastest order.

    python floor.py REPOSITORY [PROCESSES]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence

GIT = ["git", "-c", "core.fsmonitor=false"]


def blobs(repository: str) -> list[bytes]:
    """The ids of every blob that any ref reaches, by path; of those that are missing, too."""
    only = ["--filter=object:type=blob", "--filter-provided-objects", "--missing=print"]
    listing = [*GIT, "-C", repository, "rev-list", "--objects", "--all", *only]
    out = subprocess.run(listing, check=True, capture_output=True).stdout
    lines = [line.partition(b" ") for line in out.splitlines()]
    lines.sort(key=lambda parts: parts[2])
    return [oid.removeprefix(b"?") for oid, _, _ in lines]


def decode(repository: str, ids: Sequence[bytes], processes: int) -> None:
    """Decodes all blobs and throws them away."""
    share = -(-len(ids) // processes) if ids else 1
    command = [*GIT, "-C", repository, "cat-file", "--batch", "--buffer"]
    running = []
    for start in range(0, len(ids), share):
        with tempfile.TemporaryFile() as wanted:  # a pipe would hold us until the process has read nearly all
            wanted.write(b"\n".join(ids[start : start + share]) + b"\n")
            wanted.seek(0)
            running.append(subprocess.Popen(command, stdin=wanted, stdout=subprocess.DEVNULL))
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit("git cat-file failed")


if __name__ == "__main__":
    decode(sys.argv[1], blobs(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2)

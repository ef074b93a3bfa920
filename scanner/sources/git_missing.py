"""What a repository should hold and does not, told by name as far as its trees say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from scanner.models import Skipped
from scanner.sources.git import Repository
from scanner.sources.git_batch import read_objects
from scanner.sources.git_objects import Inventory, show_path
from scanner.sources.git_tree import NewEntries

_MOST = 50  # missing objects that are named one by one; the rest is counted


def missing_objects(repository: Repository, inventory: Inventory, what: str, prefix: str = "") -> Iterator[Skipped]:
    """Each missing object, with the reason and the way out; `what` they are objects of, `prefix` before their paths."""
    missing = inventory.missing
    if not missing:
        return
    filtered = repository.partial_filter
    reason = (
        f"not in this partial clone (filter: {filtered}); scan a clone made without --filter"
        if filtered
        else "missing: the repository is incomplete or damaged; git fsck tells more"
    )
    named = _named(repository, inventory, missing[:_MOST])
    for one in missing[:_MOST]:
        yield Skipped(f"{prefix}{named[one]} (object {one})" if one in named else f"object {one}", reason)
    if len(missing) > _MOST:
        yield Skipped(f"{len(missing) - _MOST} more objects of {what}", reason)


def _named(repository: Repository, inventory: Inventory, wanted: Iterable[str]) -> dict[str, str]:
    """Paths of missing objects, as far as the trees that are here name them."""
    left = {bytes.fromhex(one) for one in wanted}
    named: dict[str, str] = {}
    groups = inventory.groups[b"tree"]
    trees = read_objects(repository.git, [inventory.id(number) for number in inventory.numbers(b"tree")])
    for path, group in groups.items():
        versions = NewEntries(inventory.width)
        for tree in islice(trees, len(group)):
            for name, child in versions.add(tree.data):
                if child in left:
                    left.discard(child)
                    named[child.hex()] = show_path(path + b"/" + name if path else name)
            if not left:
                return named
    return named


__all__ = ["missing_objects"]

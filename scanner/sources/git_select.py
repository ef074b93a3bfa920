"""Which part of a history a user asked for: ranges, branches, a date; checked, and as object ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from scanner.errors import SourceError
from scanner.sources.git import GitError, Repository
from scanner.sources.git_objects import Selection

_ID = re.compile(r"\^?[0-9a-f]{40}(?:[0-9a-f]{24})?")
_AGO = re.compile(r"\d{1,6}[ .](?:second|minute|hour|day|week|month|year)s?(?:[ .]ago)?|yesterday|@\d{1,11}")


def select(
    repository: Repository, revisions: Sequence[str] = (), since: str = "", branches: Sequence[str] = ()
) -> Selection:
    """The selection for what the user asked for; everything when nothing is named. Raises `SourceError` for
    what does not exist: an unknown revision must never look like an empty one."""
    whole = Selection()
    ids = [one for revision in revisions for one in resolve(repository, revision)]
    refs = tuple(_branch(repository, branch) for branch in branches)
    ids += [one for ref in refs for one in resolve(repository, ref)]
    tips = tuple(one for one in ids if not one.startswith("^"))
    excluded = tuple(one[1:] for one in ids if one.startswith("^"))
    if excluded and not tips:
        raise SourceError("the revisions only leave commits out: name one to read, such as HEAD")
    options = (f"--since={_date(since)}",) if since else ()
    tips = tips or whole.tips
    if options:
        excluded += _older(repository, tips, excluded, options)
    named = None if tips == whole.tips else refs
    return Selection(tips, tuple(dict.fromkeys(excluded)), options, named)


def resolve(repository: Repository, revision: str) -> list[str]:
    """The ids a revision or range stands for; those to leave out have a "^" before them."""
    unknown = SourceError(
        f"unknown revision '{revision}': "
        + ("the clone is shallow, git fetch --unshallow may bring it" if repository.shallow else "see git log --all")
    )
    if not revision or revision.startswith("-"):
        raise unknown
    try:
        ids = repository.run("rev-parse", revision, "--").decode().split()
        ids = [one for one in ids if one != "--"]
    except GitError as error:
        raise unknown from error
    if not ids or not all(_ID.fullmatch(one) for one in ids):
        raise unknown
    plain = "".join(one.removeprefix("^") + "\n" for one in ids)
    if b" missing" in repository.run("cat-file", "--batch-check", stdin=plain.encode()):
        raise unknown
    return ids


def _branch(repository: Repository, name: str) -> str:
    for ref in (name, f"refs/heads/{name}", f"refs/remotes/{name}"):
        if ref.startswith("refs/"):
            try:
                repository.run("show-ref", "--verify", "--quiet", ref)
            except GitError:
                continue
            return ref
    raise SourceError(f"no branch '{name}' here; git branch --all lists them")


def _date(text: str) -> str:
    """git takes anything for a date and reads nonsense as now, which would scan nothing."""
    if _AGO.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SourceError(
            f"'{text}' is not a date: write 2026-01-31, 2026-01-31T12:00:00 or '3 weeks ago'"
        ) from None
    return f"@{int(moment.timestamp())}"


def _older(
    repository: Repository, tips: Sequence[str], excluded: Sequence[str], options: Sequence[str]
) -> tuple[str, ...]:
    """The commits just before the date: what they hold was there already."""
    arguments = ["rev-list", "--boundary", *options, *tips, *(f"^{one}" for one in excluded), "--"]
    try:
        lines = repository.run(*arguments).decode().split()
    except GitError:  # the walk itself will fail too, and says so
        return ()
    return tuple(line[1:] for line in lines if line.startswith("-"))


__all__ = ["resolve", "select"]

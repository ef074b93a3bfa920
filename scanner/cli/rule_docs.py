"""What `keysweep rules docs` does: pages made of the rules, written into a folder."""

from __future__ import annotations

from pathlib import Path

from scanner.errors import ConfigError
from scanner.rule import RuleSet
from scanner.rule_docs import MARK, index_page, provider_page, providers, search_page

_INDEX, _SEARCH = "README.md", "index.html"


def write_pages(rules: RuleSet, folder: Path) -> int:
    """Writes all pages, removes those of providers that are gone, and returns how many pages there are. A file that was
    not made here is never touched: `ConfigError` when it is in the way."""
    found = providers(rules)
    pages = {f"{one.id}.md": provider_page(one) for one in found}
    pages |= {_INDEX: index_page(found), _SEARCH: search_page(found)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.iterdir()):
            if file.name in pages and not _made_here(file):
                raise ConfigError(f"{file}: is in the way: it was not made by `keysweep rules docs`")
            if file.suffix == ".md" and file.name not in pages and _made_here(file):
                file.unlink()
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{folder}: the pages cannot be written: {error.strerror or error}") from error
    return len(pages)


def _made_here(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        head = stream.read(1024)
    return head.startswith(MARK.encode()) or b'content="keysweep rules docs"' in head


__all__ = ["write_pages"]

"""YAML as nodes that know their lines: without aliases, of bounded depth, no key twice."""

from __future__ import annotations

from typing import Any

import yaml

from scanner.errors import RuleError
from scanner.nodes import Fail, Node, bare

MAX_NESTING = 60
"""How deep the values of a YAML file may nest."""

MAX_OPENINGS = 2_000
"""With so many signs that open a list or mapping, nesting is counted before a tree is made."""


def tree(text: bytes, fail: Fail) -> Node:
    """The nodes of a YAML text. The caller bounds its size. Raises what `fail` makes of a line and a reason."""
    try:
        return _plain(_composed(text, fail), fail)
    except RecursionError as error:
        raise fail(1, "not YAML that can be read: nested too deeply") from error


def plain_yaml(text: bytes, file: str) -> Any:
    """The values of any YAML text: mappings, lists, texts, numbers. The caller bounds its size. Raises RuleError."""

    def fail(line: int, reason: str) -> RuleError:
        return RuleError(file, line, reason)

    try:
        return bare(tree(text, fail))
    except RecursionError as error:
        raise fail(1, "not YAML that can be read: nested too deeply") from error


def _composed(text: bytes, fail: Fail) -> Any:
    """PyYAML's nodes of a text without aliases."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _doubtful(text):
            _refuse_aliases_and_depth(text, loader, fail)
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise fail((mark.line if mark else 0) + 1, f"not YAML: {problem}") from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise fail(1, "not YAML: nested too deeply, or not UTF-8") from error
    if root is None:
        raise fail(1, "the file is empty")
    return root


def _doubtful(text: bytes) -> bool:
    """Whether a YAML text could hold an alias, or nest deeper than a stack takes: an alias needs an anchor, and deep
    nesting many openings."""
    return (b"&" in text and b"*" in text) or sum(map(text.count, (b"[", b"{", b"- ", b"? "))) > MAX_OPENINGS


def _refuse_aliases_and_depth(text: bytes, loader: Any, fail: Fail) -> None:
    """Looks at the events of a text, which takes as long as making its nodes does."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_NESTING:  # the composer would overflow the stack, and end the process
            raise fail(1, "not YAML that can be read: nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise fail(line, "YAML aliases are not allowed in a rule file")


def _plain(node: Any, fail: Fail) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                raise fail(key.start_mark.line + 1, f"the key '{name}' stands twice")
            found[name] = _plain(value, fail)
        return Node(found, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_plain(item, fail) for item in node.value], line)
    return Node(_scalar(node), line)


def _scalar(node: Any) -> Any:
    """A YAML 1.1 scalar as text, number, boolean or None; dates and the like stay texts."""
    if node.style in ("'", '"', "|", ">") or node.tag == "tag:yaml.org,2002:str":
        return node.value
    if node.tag == "tag:yaml.org,2002:bool":
        return node.value.lower() in ("true", "yes", "on")
    if node.tag == "tag:yaml.org,2002:null":
        return None
    for number in (int, float):
        try:
            return number(node.value)
        except ValueError:
            continue
    return node.value


__all__ = ["MAX_NESTING", "MAX_OPENINGS", "plain_yaml", "tree"]

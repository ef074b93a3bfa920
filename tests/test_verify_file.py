"""`verify` and `revoke` in rule files: what is refused, on which line; what becomes of the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner.errors import RuleError
from scanner.exchange import Reply
from scanner.rule import Rule, RuleSet, load_rules
from scanner.rule_file import read_rules
from scanner.rule_store import shipped_folder
from scanner.verify_hosts import allowed, good_pattern
from scanner.verify_replies import at, first_that_fits
from scanner.yaml_nodes import plain_yaml

SCHEMA = json.loads((shipped_folder() / "schema.json").read_text())

REPLY = "    - {status: 200, json: {id: true}, is: active, reason: accepted}\n"
GOOD = (
    "  url: https://api.acme.net/v1/me\n"
    "  headers: {Authorization: 'Bearer {key}'}\n"
    "  replies:\n" + REPLY
)  # fmt: skip
RULE = """rules:
  - id: acme-key
    name: Acme key
    description: Opens Acme.
    keywords: [acme_]
    pattern: '(?P<public>acme_)(?P<secret>[A-Za-z0-9]{32})'
    severity: high
    confidence: high
    examples: ['A={key}', 'B={key}']
    counterexamples: ['A={key:cut}']
    parts:
      sid: {pattern: 'AC[0-9a-f]{32}', config: sid}
      host: {config: host}
"""
HEAD = "provider: acme\nname: Acme\nrotate: there\nreferences: [https://acme.net]\n"
FIRST = HEAD.count("\n") + 2
"""The line of the first key below `verify:`."""


def file_with(verify: str = "", revoke: str = "", rule: str = RULE) -> str:
    """A rule file with these keys at its top."""
    head = HEAD + (f"verify:\n{verify}" if verify else "") + (f"revoke:\n{revoke}" if revoke else "")
    return head + rule


def read(text: str) -> Rule:
    (rule,) = read_rules(text.encode(), "acme.yaml")
    return rule


def fits_schema(text: str) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(plain_yaml(text.encode(), "acme.yaml"))


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


REFUSED = [
    # what, the line below `verify:`, words of the reason
    ("  url: http://api.acme.net/v1/me\n", 0, "https://"),
    ("  url: https://ann:pw@api.acme.net/\n", 0, "https://"),
    ("  url: https://{key}.acme.net/\n", 0, "never decides about the host"),
    ("  url: https://{secret}/\n", 0, "never decides about the host"),
    ("  url: https://api.acme.net/#x\n", 0, "https://"),
    ("  url: {prod: https://api.acme.net/}\n", 0, "live, test"),
    ("  url: [https://api.acme.net/]\n", 0, "one line"),
    ("  url: https://api.acme.net/{nothing}\n", 0, "nothing fills"),
    ("  url: https://api.acme.net/{key}\n", 0, "key_in_url"),
    (GOOD + "  key_in_url: true\n", 0, "does not stand there"),
    (GOOD + "  key_in_url: sure\n", 4, "true or false"),
    (changed("{Authorization: 'Bearer {key}'}", "{Accept: text/plain}"), 0, "no place for the {key}"),
    (changed("Authorization", "Host"), 1, "no header"),
    (changed("Authorization", "Content-Length"), 1, "no header"),
    (changed("Authorization", "'X Y'"), 1, "no header"),
    (changed("'Bearer {key}'", '"Bearer {key}\\r\\nX: y"'), 1, "one line"),
    (changed("'Bearer {key}'", "[a]"), 1, "one line"),
    (GOOD + "  method: FETCH\n", 4, "'method'"),
    (GOOD + "  basic: [a]\n", 4, "list of two"),
    (GOOD + "  json: {a: 1}\n  form: {b: c}\n", 0, "one body"),
    (GOOD + "  colour: red\n", 4, "unknown key 'colour'"),
    (GOOD + "  limit: {per_minute: 0}\n", 4, "whole number"),
    (GOOD + "  limit: {per_second: 1}\n", 4, "unknown key"),
    (GOOD + "  hosts: ['*']\n", 4, "'hosts'"),
    (GOOD + "  hosts: ['*.net']\n", 4, "'hosts'"),
    (GOOD + "  hosts: ['10.0.0.1']\n", 4, "'hosts'"),
    (GOOD + "  parts: [nobody]\n", 4, "no part 'nobody'"),
    (GOOD + "  from_key: {region: '(a+)+'}\n", 4, "repeat"),
    (GOOD + "  from_key: {key: a}\n", 4, "value of its own"),
    (GOOD + "  references: [https://acme.net]\n  confirmed: 22.11.2026\n", 5, "YYYY-MM-DD"),
    (GOOD + "  references: [https://acme.net]\n  confirmed: 2026-02-30\n", 5, "YYYY-MM-DD"),
    (GOOD + "  references: [https://acme.net]\n  confirmed: 20261122\n", 5, "YYYY-MM-DD"),
    (GOOD + "  references: [https://acme.net]\n  confirmed: true\n", 5, "YYYY-MM-DD"),
    (GOOD + "  confirmed: 2026-11-22\n", 4, "'references'"),
    (GOOD + "  references: []\n  confirmed: 2026-11-22\n", 5, "'references'"),
    (GOOD + "  handler: aws-sts\n", -1, "either"),
    ("  handler: no-such\n", 0, "no handler"),
    ("  replies: []\n", -1, "either"),
    ("  url: https://api.acme.net/\n  headers: {A: '{key}'}\n", -1, "'replies'"),
    (changed(REPLY, "    - {is: active, reason: accepted}\n"), 3, "no 'status'"),
    (changed("status: 200", "status: 99"), 3, "HTTP status"),
    (changed("status: 200", "status: []"), 3, "HTTP status"),
    (changed("status: 200", "status: [200, '401']"), 3, "HTTP status"),
    (changed("is: active", "is: alive"), 3, "'is'"),
    (changed("reason: accepted", "reason: revoked"), 3, "'reason' of active"),
    (changed("reason: accepted", "reason: because"), 3, "'reason' of active"),
    (changed(", reason: accepted", ""), 3, "'reason' of active"),
    (changed("json: {id: true}", "json: {id: [1]}"), 3, "json: id"),
    (changed("json: {id: true}", "json: {id: null}"), 3, "json: id"),
    (changed("json: {id: true}", "json: {id: {matches: '(x+)*'}}"), 3, "repeat"),
    (changed("json: {id: true}", "json: {id: {like: x}}"), 3, "unknown key"),
    (changed("status: 200", "status: 302"), 3, "never more than unknown"),
    (changed("status: 200", "status: [200, 503]"), 3, "never more than unknown"),
    (changed("status: 200, json: {id: true}", "status: 403"), 3, "the provider's own"),
    (changed("is: active, reason: accepted", "is: inactive, reason: invalid").replace("200", "429"), 3, "429"),
]


@pytest.mark.parametrize(("verify", "line", "words"), REFUSED)
def test_what_is_refused_and_where(verify: str, line: int, words: str) -> None:
    if "replies" not in verify and "handler" not in verify and "{A: '{key}'}" not in verify:
        verify += "  headers: {Authorization: 'Bearer x'}\n  replies:\n" + REPLY
    with pytest.raises(RuleError) as caught:
        read(file_with(verify))
    assert words in str(caught.value)
    assert caught.value.line == FIRST + max(line, 0)


def test_the_data_of_a_rule_is_what_the_file_says() -> None:
    rule = read(file_with(GOOD, "  how: page\n  url: https://acme.net/keys\n  steps: [a, b]\n"))
    assert rule.verify == {
        "url": "https://api.acme.net/v1/me",
        "headers": {"Authorization": "Bearer {key}"},
        "replies": [{"status": 200, "json": {"id": True}, "is": "active", "reason": "accepted"}],
    }
    assert rule.revoke == {"how": "page", "url": "https://acme.net/keys", "steps": ["a", "b"]}


@pytest.mark.parametrize("request_of", [GOOD, "  handler: aws-sts\n"])
def test_the_day_on_which_a_document_was_read(request_of: str) -> None:
    text = file_with(request_of + "  references: [https://acme.net/errors]\n  confirmed: 2026-11-22\n")
    assert (read(text).verify or {})["confirmed"] == "2026-11-22"
    assert fits_schema(text)
    assert not fits_schema(text.replace("2026-11-22", "yesterday"))


def test_a_rule_says_otherwise_than_its_file() -> None:
    off = RULE + "    verify: false\n    revoke: false\n"
    page = "  how: page\n  url: https://acme.net/keys\n  steps: [a]\n"
    rule = read(file_with(GOOD, page, off))
    assert (rule.verify, rule.revoke) == (None, None)
    own = RULE + "    verify:\n" + "".join(f"    {row}\n" for row in GOOD.replace("/v1/me", "/v2/me").splitlines())
    assert (read(file_with(GOOD, rule=own)).verify or {})["url"] == "https://api.acme.net/v2/me"
    assert read(file_with()).verify is None


def test_what_is_read_comes_back_from_the_cache(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(file_with(GOOD))
    first = load_rules([file], shipped=False)
    again = load_rules([file], shipped=False)
    for field in fields(Rule):
        assert getattr(first[0], field.name) == getattr(again[0], field.name), field.name
    assert again[0].verify == read(file_with(GOOD)).verify


REVOKES = {
    "report": (
        "  how: report\n  url: https://api.acme.net/revoke\n  method: POST\n  batch: 100\n"
        "  json: {keys: '{keys}'}\n  replies:\n    - {status: 202, is: accepted}\n"
    ),
    "self": (
        "  how: self\n  url: https://api.acme.net/rotate\n  method: POST\n  headers: {A: '{key}'}\n  successor: key\n"
        "  replies:\n    - {status: 204, is: revoked}\n    - {status: [401, 404], is: refused}\n"
    ),
    "owner": (
        "  how: owner\n  list:\n    url: https://api.acme.net/keys\n    headers: {A: '{owner}'}\n    items: data\n"
        "    id: id\n    match: {prefix: '{public}'}\n    replies:\n      - {status: 200, is: listed}\n"
        "  delete:\n    url: https://api.acme.net/keys/{id}\n    method: DELETE\n    headers: {A: '{owner}'}\n"
        "    replies:\n      - {status: 200, json: {success: true}, is: revoked}\n"
    ),
    "page": "  how: page\n  url: https://acme.net/keys\n  steps: [Open it, Press it]\n",
}  # fmt: skip


@pytest.mark.parametrize("how", REVOKES)
def test_the_four_ways_to_end_a_key(how: str) -> None:
    text = file_with("", REVOKES[how])
    data: Mapping[str, Any] = read(text).revoke or {}
    assert data["how"] == how
    assert fits_schema(text)


@pytest.mark.parametrize(
    ("how", "old", "new", "words"),
    [
        ("report", "batch: 100", "batch: 1001", "1000"),
        ("report", "'{keys}'", "'{key}'", "at {keys}"),
        ("report", "is: accepted", "is: active", "revoked"),
        ("report", "how: report", "how: somehow", "'how'"),
        ("report", "how: report", "what: report", "'how'"),
        ("self", "is: revoked", "is: done", "revoked"),
        ("self", "'{key}'", "'{owner}'", "nothing fills"),
        ("owner", "/{id}", "", "no place for the {id}"),
        ("owner", "match: {prefix: '{public}'}", "match: {}", "'match'"),
        ("owner", "    items: data\n", "", "no 'items'"),
        ("owner", "{prefix: '{public}'}", "{prefix: {longer: '{key}'}}", "unknown key 'longer'"),
        ("owner", "{prefix: '{public}'}", "{prefix: '{other}'}", "nothing fills"),
        ("owner", "{status: 200, is: listed}", "{status: 403, is: listed}", "is a 2xx"),
        ("report", "status: 202", "status: 500", "is a 2xx"),
        ("self", "status: 204", "status: [204, 302]", "is a 2xx"),
        ("self", "status: 204", "status: 429, text: done", "is a 2xx"),
        ("page", "https://", "http://", "https://"),
        ("page", "steps: [Open it, Press it]", "steps: []", "steps"),
    ],
)
def test_what_is_no_way_to_end_a_key(how: str, old: str, new: str, words: str) -> None:
    assert old in REVOKES[how]
    with pytest.raises(RuleError) as caught:
        read(file_with("", REVOKES[how].replace(old, new)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("how", "old", "new"),
    [
        ("owner", "{prefix: '{public}'}", "{hint: {shortened: '{key}'}}\n    more: has_more"),
        ("owner", "  list:\n", "  from_key: {key_id: 'k-(?P<value>[a-z]{4})-'}\n  list:\n"),
        ("self", "{status: 204, is: revoked}", "{status: 400, json: {error: gone}, is: revoked}"),
        ("report", "batch: 100\n  json: {keys: '{keys}'}", "batch: 1\n  json: {one: '{key}'}"),
    ],
)
def test_other_ways_to_say_it(how: str, old: str, new: str) -> None:
    assert old in REVOKES[how]
    text = file_with("", REVOKES[how].replace(old, new))
    assert (read(text).revoke or {})["how"] == how
    assert fits_schema(text)


def test_the_schema_and_the_reader_agree(rules: RuleSet) -> None:
    assert fits_schema(file_with(GOOD))
    for verify in (GOOD + "  colour: red\n", GOOD + "  method: FETCH\n", changed("is: active", "is: alive")):
        assert not fits_schema(file_with(verify))
    for file in sorted({rule.file for rule in rules if rule.verify_data or rule.revoke_data}):
        assert fits_schema((shipped_folder() / file).read_text()), file


# --- replies ---

TREE = {"a": {"b": [{"c": "x1"}, 2]}, "yes": True, "no": False, "none": None, "empty": [], "zero": 0, "text": "1"}


@pytest.mark.parametrize(
    ("path", "wanted", "fits"),
    [
        ("a.b.0.c", "x1", True), ("a.b.0.c", "x", False), ("a.b.1", 2, True), ("a.b.2", True, False),
        ("a.b.9999999", False, True), ("a.b.-1", True, False), ("a.b", True, True), ("yes", True, True),
        ("no", True, False), ("no", False, True), ("none", True, False), ("none", False, True), ("empty", True, False),
        ("zero", True, True), ("zero", 0, True), ("zero", False, False), ("text", 1, False), ("text", "1", True),
        ("nowhere.at.all", False, True), ("a.b.0.c", {"matches": "x[0-9]"}, True), ("zero", {"matches": "0"}, True),
        ("a.b.0.c", {"matches": "y"}, False), ("a", {"matches": "b"}, False), ("yes", 1, False),
    ],
)  # fmt: skip
def test_conditions_on_json(path: str, wanted: object, fits: bool) -> None:
    reply = Reply(200, {"content-type": "application/json"}, json.dumps(TREE).encode())
    told = [{"status": 200, "json": {path: wanted}, "is": "active", "reason": "accepted"}]
    assert (first_that_fits(told, reply) is not None) == fits


def test_what_stands_at_a_path() -> None:
    assert at(TREE, "a.b.0.c") == "x1"
    assert at([[1]], "0.0") == 1
    assert at({"²": 1}, "²") == 1
    assert at([1], "²") is None


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        ({"status": [200, 403], "text": "own words"}, True),
        ({"status": 403, "text": "Own words"}, False),
        ({"status": 403, "text": {"matches": "own [a-z]{1,9}"}}, True),
        ({"status": 403, "header": {"X-Who": "acme"}}, True),
        ({"status": 403, "header": {"X-Who": True, "X-What": False}}, True),
        ({"status": 403, "header": {"X-Who": "other"}}, False),
        ({"status": 403, "header": {"X-Who": {"matches": "ACME"}}}, True),
        ({"status": 401}, False),
    ],
)
def test_other_conditions(told: dict[str, object], fits: bool) -> None:
    reply = Reply(403, {"x-who": "ACME/1"}, b"these are our own words")
    assert (first_that_fits([{**told, "is": "active", "reason": "restricted"}], reply) is not None) == fits


def test_what_cannot_be_read_does_not_fall_through() -> None:
    told = [
        {"status": 200, "json": {"error": True}, "is": "inactive", "reason": "invalid"},
        {"status": 200, "is": "active", "reason": "accepted"},
    ]
    kind = {"content-type": "application/json"}
    found = first_that_fits(told, Reply(200, kind, b'{"ok": 1}'))
    assert found is not None
    assert found.outcome == "active"
    for broken in (Reply(200, kind, b'{"err'), Reply(200, kind, b'{"ok": 1}', whole=False), Reply(200, {}, b"<html>")):
        assert first_that_fits(told, broken) is None


# --- hosts ---


@pytest.mark.parametrize("pattern", ["api.acme.net", "*.acme.net", "a-b.c.d.e"])
def test_patterns_of_hosts(pattern: str) -> None:
    assert good_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["", "*", "*.net", "net", "a*.acme.net", "*.*.acme.net", "api.acme.net/", "10.0.0.1", ".acme.net",
                "-a.acme.net", "acme.net.", "a..net", "https://acme.net", "1.2.3.0x4"],
)  # fmt: skip
def test_what_is_no_pattern_of_hosts(pattern: str) -> None:
    assert not good_pattern(pattern)


@pytest.mark.parametrize(
    ("host", "port", "fits"),
    [
        ("api.acme.net", 443, True), ("a.b.acme.net", 8443, True), ("acme.net", 443, False), (".acme.net", 443, False),
        ("evilacme.net", 443, False), ("acme.net.evil.example", 443, False), ("one.example", 443, True),
        ("x.one.example", 443, False), ("two.example", 8443, True), ("two.example", 443, False),
    ],
)  # fmt: skip
def test_hosts_below_a_name(host: str, port: int, fits: bool) -> None:
    assert allowed(host, ["*.acme.net", "one.example", "two.example:8443"], port) == fits

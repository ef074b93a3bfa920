"""Keys that come in families: files that hold nothing but a key, what is encrypted and no leak, tools' exports."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from gitrepo import GitRepo
from test_generic import chosen, drawn

from scanner.errors import RuleError
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Confidence, Finding, Origin
from scanner.pipeline import scan
from scanner.probe import SMALL
from scanner.rule_file import read_rules
from scanner.sources.files import Files
from scanner.sources.git_history import GitHistory

NewKey = Callable[..., Fake]


def look(matcher: Matcher, path: str, text: str) -> list[Finding]:
    return list(matcher.find(Chunk(text.encode(), Origin(path))))


# --- files that are a key ---


def test_a_master_key_is_all_of_its_file(matcher: Matcher) -> None:
    key = secrets.token_hex(16)
    for text in (key, f"{key}\n", f"  {key}\r\n\n"):
        (found,) = look(matcher, "config/master.key", text)
        assert (found.rule_id, found.secret.reveal().decode()) == ("rails-master-key", key)
        assert text[found.location.start : found.location.end] == key
        assert key not in found.text
    assert look(matcher, "config/shadow.key", key) == []
    for text in (f"{key}\n{key}\n", f"# {key}", key[1:], f"{key}0", f"{key}{' ' * SMALL}"):
        assert [one.rule_id for one in look(matcher, "config/master.key", text)] == []


def test_a_master_key_in_folders_and_histories(tmp_path: Path, matcher: Matcher) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    keys = [secrets.token_hex(16) for _ in range(3)]
    for key in keys:
        repo.write("config/master.key", f"{key}\n")
        repo.commit("another key")
    found = scan(GitHistory(repo.path), matcher).findings
    assert {one.secret.reveal().decode() for one in found} == set(keys)
    assert found == scan(GitHistory(repo.path), matcher, jobs=2).findings
    (here,) = scan(Files([repo.path / "config"]), matcher).findings
    assert (here.rule_id, here.secret.reveal().decode()) == ("rails-master-key", keys[-1])


WHOLE = """\
provider: acme
name: Acme
rotate: https://acme.io/keys
references: [https://acme.io/docs]
rules:
  - id: acme-key
    name: Acme key
    description: Opens Acme.
    pattern: '(?P<secret>[a-z0-9]{24})'
    files: [acme.key]
    whole: true
    severity: high
    confidence: high
    examples: [{path: acme.key, text: '{key}'}, {path: a/acme.key, text: '{key}'}]
    counterexamples: [{path: acme.key, text: '{key:cut}'}]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("    files: [acme.key]\n", ""), ("    whole: true\n", "    whole: true\n    keywords: [acme]\n"),
     ("    whole: true\n", ""), ("whole: true", "whole: often"), ("whole: true", "whole: false")],
)  # fmt: skip
def test_a_rule_for_whole_files_needs_files_and_no_keywords(old: str, new: str) -> None:
    assert read_rules(WHOLE.encode(), "acme.yaml")[0].whole
    with pytest.raises(RuleError, match=r"whole|either 'keywords'"):
        read_rules(WHOLE.replace(old, new).encode(), "acme.yaml")


# --- encrypted, and no leak ---

ENCRYPTED = [
    ("ansible", "group_vars/all.yml", "db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  {hex}\n  {hex}\n"),
    ("ansible-file", "vault.yml", "$ANSIBLE_VAULT;1.2;AES256;prod\n{hex}\n{hex}\n"),
    ("sops", "secrets.yaml", "password: ENC[AES256_GCM,data:{drawn},iv:{drawn}=,tag:{drawn}==,type:str]"),
    ("jasypt", "application.properties", "spring.datasource.password=ENC({drawn})"),
    ("config-server", "application.yml", "password: '{{cipher}}{hex}'"),
    ("sealed", "sealed.yaml", "kind: SealedSecret\nspec:\n  encryptedData:\n    password: AgB{drawn}{drawn}{drawn}"),
    ("reference", "pod.yaml", "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {{name: db-2, key: password}}"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), [one[1:] for one in ENCRYPTED], ids=[one[0] for one in ENCRYPTED])
def test_what_is_encrypted_or_elsewhere_is_no_leak(matcher: Matcher, path: str, text: str) -> None:
    assert [one.rule_id for one in look(matcher, path, text.format(hex=secrets.token_hex(39), drawn=drawn()))] == []


# --- more places ---

PLACES = [
    ("postman", "acme.postman_collection.json",
     '{{"auth": {{"type": "basic", "basic": [{{"key": "password", "value": "{}", "type": "string"}}]}}}}'),
    ("postman-environment", "prod.postman_environment.json",
     '{{"key": "db_password", "value": "{}", "type": "secret"}}'),
    ("spring-yaml", "application.yml", "spring:\n  datasource:\n    username: app\n    password: {}\n"),
    ("htaccess-ldap", "httpd.conf", 'AuthLDAPBindPassword "{}"'),
    ("jenkins", "Jenkinsfile", "environment {{ DB_PASSWORD = '{}' }}"),
    ("netplan", "01-netplan.yaml", 'access-points:\n  "acme":\n    password: "{}"\n'),
    ("chef", "recipe.rb", "node.default['mysql']['server_root_password'] = '{}'"),
    ("puppet", "site.pp", "mysql::db {{ 'shop': password => '{}' }}"),
    ("rclone-variable", "run.sh", "export RCLONE_CONFIG_PASS={}"),
    ("jdbc-xml", "context.xml", '<Resource name="jdbc/shop" username="app" password="{}" />'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), [one[1:] for one in PLACES], ids=[one[0] for one in PLACES])
def test_passwords_in_files_of_tools(matcher: Matcher, path: str, text: str) -> None:
    password = chosen()
    assert password.encode() in [one.secret.reveal() for one in look(matcher, path, text.format(password))]


# --- values that only their context tells ---


def test_a_key_of_context_is_less_sure_among_tests_and_none_in_lock_files(matcher: Matcher, new_key: NewKey) -> None:
    key = new_key("datadog-api-key").key.decode()
    text = f'DATADOG_API_KEY="{key}"\n'
    sure = {path: [one.confidence for one in look(matcher, path, text)] for path in ("a.py", "tests/a.py", "go.sum")}
    rule = matcher.rules.get("datadog-api-key")
    assert sure["a.py"] == [rule.confidence]
    assert sure["tests/a.py"] == [Confidence.LOW if rule.confidence is Confidence.MEDIUM else Confidence.MEDIUM]
    assert sure["go.sum"] == []

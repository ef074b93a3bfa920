"""What users say of verification: read strictly, joined in order, and never quoted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import ConfigError
from scanner.rule import RuleSet
from scanner.verify_config import PROVIDER_SETTINGS, SETTINGS, read_table, settings

SECRET = "not-to-be-quoted"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"timeout": 5}, {"timeout": 5.0}),
        ({"timeout": "2m", "budget": "1h", "cache": "7d"}, {"timeout": 120.0, "budget": 3600.0, "cache": 604800.0}),
        ({"cache": 0}, {"cache": 0.0}),
        ({"allow_loopback": True, "at_once": 7}, {"allow_loopback": True, "at_once": 7}),
        ({"gitlab": {"base_url": "https://git.acme.net/a"}}, {"gitlab": {"base_url": "https://git.acme.net/a"}}),
        ({"x": {"base_url": "http://127.0.0.1:8080"}}, {"x": {"base_url": "http://127.0.0.1:8080"}}),
        ({"x": {"hosts": ["*.acme.net", "a.b:8443"]}}, {"x": {"hosts": ("*.acme.net", "a.b:8443")}}),
        ({"x": {"proxy": ""}}, {"x": {"proxy": ""}}),
        ({"x": {"org": "an org"}}, {"x": {"org": "an org"}}),
    ],
)
def test_is_read(written: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_table(written) == read


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ([], "must be a table"),
        ({"timeout": "soon"}, "'timeout' must be seconds"),
        ({"timeout": -1}, "'timeout' must be seconds"),
        ({"timeout": True}, "'timeout' must be seconds"),
        ({"attempts": 0}, "'attempts' must be a whole number from 1"),
        ({"allow_loopback": "yes"}, "'allow_loopback' must be true or false"),
        ({"alow_loopback": True}, "unknown key 'alow_loopback'; did you mean 'allow_loopback'?"),
        ({"x": {"base_url": "https://u:p@h.net"}}, "'x.base_url' must have no user name"),
        ({"x": {"base_url": "https://h.net/?a=b"}}, "'x.base_url' must have no user name, query or fragment"),
        ({"x": {"base_url": "http://h.net"}}, "'x.base_url' must be an address"),
        ({"x": {"base_url": "https://[h"}}, "'x.base_url' must be an address"),
        ({"x": {"base_url": "//h.net"}}, "'x.base_url' must be an address"),
        ({"x": {"hosts": ["*"]}}, "'x.hosts' must be a list of hosts"),
        ({"x": {"hosts": ["https://h.net"]}}, "'x.hosts' must be a list of hosts"),
        ({"x": {"hosts": ["h.net:65536"]}}, "'x.hosts' must be a list of hosts"),
        ({"x": {"hosts": ["h.net:0"]}}, "'x.hosts' must be a list of hosts"),
        ({"x": {"hosts": ["h.net:"]}}, "'x.hosts' must be a list of hosts"),
        ({"x": {"headers": {"A b": "c"}}}, "'x.headers' must be a table of header names"),
        ({"x": {"headers": {"A": "b\r\nC: d"}}}, "'x.headers' 'A' holds a line break"),
        ({"x": {"org": 7}}, "'x.org' must be a text"),
        ({"x": {"org": {"env": "A", "b": "c"}}}, "'x.org' must be a text, or {env"),
        ({"x": {"proxy": "proxy.acme.net"}}, "'x.proxy' must be an address such as"),
    ],
)
def test_is_refused(written: Any, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_table(written)
    assert told in str(caught.value)


def test_later_ones_win_setting_by_setting(rules: RuleSet) -> None:
    tables = [
        ("own", read_table({"timeout": 5, "attempts": 2, "github": {"base_url": "https://a.net", "per_minute": 5}})),
        ("named", read_table({"timeout": 6, "github": {"base_url": "https://b.net"}})),
    ]
    environ = {
        "KEYSWEEP_VERIFY_GITHUB__PER_MINUTE": "9", "KEYSWEEP_VERIFY_CACHE": "12h", "KEYSWEEP_VERIFY_BUDGET": "",
        "KEYSWEEP_VERIFY_GITHUB__HOSTS": "a.b, *.c.d", "KEYSWEEP_VERIFY_GITHUB__ENABLED": "false",
    }  # fmt: skip
    made = settings(tables, rules, environ, None)
    assert (made.timeout, made.attempts, made.cache_ttl, made.cache) == (6.0, 2, 43200.0, None)
    github = made.of("github")
    assert (github.base_url, github.per_minute, github.enabled) == ("https://b.net", 9, False)
    assert github.hosts == ("a.b", "*.c.d")


def test_values_come_from_variables_when_they_are_to(rules: RuleSet) -> None:
    table = read_table({"legba": {"org": {"env": "ORG"}, "headers": {"X-A": {"env": "A"}}}})
    made = settings([("f", table)], rules, {"ORG": "o", "A": "a"}, None).of("legba")
    assert (made.parts, made.headers) == ({"org": "o"}, {"X-A": "a"})
    for environ in ({"A": "a"}, {"ORG": "o\nO", "A": "a"}):
        with pytest.raises(ConfigError, match=r"\[verify.legba\]: 'org': its environment variable holds no text"):
            settings([("f", table)], rules, environ, None)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"githup": {}}, "f: [verify.githup]: there is no such provider; did you mean 'github'?"),
        ({"legba": {"orgs": "x"}}, "f: [verify.legba]: unknown key 'orgs'; did you mean 'org'?"),
        ({"github": {"base_ulr": "https://x.y"}}, "unknown key 'base_ulr'; did you mean 'base_url'?"),
        ({"ca_bundle": "/no/such/file"}, "'ca_bundle' names no file"),
    ],
)
def test_names_are_those_of_the_rules(table: dict[str, Any], told: str, rules: RuleSet) -> None:
    with pytest.raises(ConfigError) as caught:
        settings([("f", read_table(table))], rules, {}, None)
    assert told in str(caught.value)


def test_no_provider_is_called_like_a_setting(rules: RuleSet) -> None:
    assert {rule.provider for rule in rules} & set(SETTINGS) == set()
    assert {part.config for rule in rules for part in rule.parts} & set(PROVIDER_SETTINGS) == set()


VALUES = st.one_of(
    st.sampled_from([SECRET, f"https://{SECRET}@x.y", f"{SECRET}\n", f"http://{SECRET}", "", "5s", "https://a.b"]),
    st.booleans(), st.integers(), st.floats(), st.lists(st.just(SECRET), max_size=2), st.dictionaries(
        st.sampled_from(["env", "A", "A b"]), st.sampled_from([SECRET, 7]), max_size=2
    ),
)  # fmt: skip
TABLES = st.dictionaries(
    st.sampled_from([*SETTINGS, "github", "nobody"]),
    VALUES | st.dictionaries(st.sampled_from([*PROVIDER_SETTINGS, "org"]), VALUES, max_size=3),
    max_size=3,
)


@given(TABLES)
def test_no_value_is_quoted_whatever_is_wrong(table: dict[str, Any]) -> None:
    try:
        read_table(table)
    except ValueError as error:
        assert SECRET not in str(error)

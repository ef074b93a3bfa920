"""The page that searches the rules, driven in a real browser, from a file as people open it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.cli.rule_docs import write_pages
from scanner.rule import RuleSet
from scanner.rule_file import read_rules
from tests.browser import Browser, browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, rules: RuleSet) -> Iterator[Browser]:
    """A browser with the page of all shipped rules."""
    folder = tmp_path_factory.mktemp("search")
    write_pages(rules, folder / "pages")
    with browser(folder) as window:
        window.open((folder / "pages/index.html").as_uri())
        yield window


def found(page: Browser, text: str) -> list[str]:
    page.type("#search", text)
    return page.texts("article h2")


def test_everything_is_there_before_anything_is_typed(page: Browser, rules: RuleSet) -> None:
    providers = len({rule.provider for rule in rules})
    assert found(page, "") and page.texts("#status") == [f"{providers} of {providers} providers, the first 100 shown"]
    assert len(page.texts("article")) == 100
    assert page.errors() == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("stripe", "Stripe"),
        ("STRIPE", "Stripe"),
        ("sk_live_", "Stripe"),
        ("stripe-webhook-secret", "Stripe"),
        ("conversions logtalk", "LogTalk"),
        ("github", "GitHub"),
    ],
)
def test_a_provider_is_found(page: Browser, text: str, first: str) -> None:
    assert first in found(page, text)
    if " " not in text and text.isalpha():
        assert found(page, text)[0] == first
    assert page.errors() == []


def test_what_is_found_says_how_a_key_looks_and_where_to_rotate_it(page: Browser) -> None:
    found(page, "stripe-secret-key")
    assert "sk_live_********" in page.texts("article code")
    assert any("https://dashboard.stripe.com/apikeys" in text for text in page.texts("article .less"))
    assert page.run("return document.querySelector('article a').getAttribute('href')") == "stripe.md"


def test_nothing_found_is_said(page: Browser) -> None:
    assert found(page, "no such provider at all") == []
    assert page.texts("#status")[0].startswith("0 of ")


def test_what_is_typed_stays_text(page: Browser) -> None:
    assert found(page, "<img src=x onerror=alert(1)>") == []
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.errors() == []


def test_a_search_has_an_address(page: Browser) -> None:
    found(page, "sk_live_ stripe")
    address = page.run("return location.href")
    assert address.endswith("#sk_live_%20stripe")
    page.open("about:blank")
    page.open(address)
    assert page.run("return document.getElementById('search').value") == "sk_live_ stripe"
    assert "Stripe" in page.texts("article h2")


def test_names_in_rules_are_text_and_nothing_is_loaded(tmp_path: Path, page: Browser) -> None:
    hostile = "</script><script>document.title=1</script><img src=https://example.com/x.png>"
    rule = f"""\
provider: acme
name: {hostile!r}
rotate: 'javascript:alert(1)'
references: [https://acme.example/docs]
rules:
  - id: acme-key
    name: {hostile!r}
    description: {hostile!r}
    keywords: [acme_]
    pattern: '(?P<public>acme_)(?P<secret>[a-z0-9]{{24}})'
    severity: high
    confidence: high
    examples: ['ACME={{key}}', 'x: {{key}}']
    counterexamples: ['ACME={{key:cut}}', 'ACME={{key:long}}', 'ACME=acme_your_key_here']
"""
    write_pages(RuleSet(read_rules(rule.encode(), "acme.yaml")), tmp_path / "pages")
    page.open((tmp_path / "pages/index.html").as_uri())
    assert page.texts("article h2") == [hostile]
    assert page.run("return document.title") == "keysweep: keys and their providers"
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.run("return document.querySelectorAll('a[href^=javascript]').length") == 0
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.errors() == []

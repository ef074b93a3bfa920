"""Pages made of the rules: what each key is, how it looks, how it is checked and ended. Always as true as the rules."""

from scanner.rule_docs.facts import Provider, providers
from scanner.rule_docs.pages import MARK, index_page, provider_page
from scanner.rule_docs.search_page import search_page

__all__ = ["MARK", "Provider", "index_page", "provider_page", "providers", "search_page"]

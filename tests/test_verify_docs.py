"""The page on verification says what the rules and the code say."""

from __future__ import annotations

import re
import tomllib

from verify_table import DOCS, documented, reasons, table

from scanner.rule import RuleSet
from scanner.verify_config import PROVIDER_SETTINGS, SETTINGS, read_table, settings
from scanner.verify_settings import VerifySettings

PAGE = DOCS.read_text(encoding="utf-8")


def test_the_table_of_providers_is_made_of_the_rules(rules: RuleSet) -> None:
    assert documented()[0] == table(rules), "python tests/verify_table.py writes the tables anew"


def test_the_table_of_reasons_is_complete() -> None:
    assert documented()[1] == reasons(), "python tests/verify_table.py writes the tables anew"


def _rows(head: str) -> set[str]:
    rows = PAGE.partition(head)[2].partition("\n\n")[0]
    return {name for row in re.findall(r"^\| (`[^|]*)\|", rows, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def test_every_setting_is_on_the_page_with_its_default() -> None:
    assert _rows("| in `[verify]` |") == set(SETTINGS)
    assert _rows("| in `[verify.PROVIDER]` |") == set(PROVIDER_SETTINGS)
    defaults = VerifySettings()
    section = PAGE.partition("| in `[verify]` |")[2].partition("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section, re.MULTILINE))
    assert set(told) == set(SETTINGS) - {"ca_bundle"}
    written = read_table(tomllib.loads("\n".join(f"{name} = {value}" for name, value in told.items())))
    for name, value in written.items():
        assert value == (defaults.cache_ttl if name == "cache" else getattr(defaults, name)), name


def test_the_example_is_one_that_is_taken(rules: RuleSet) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    made = settings([("config.toml", read_table(tomllib.loads(example)["verify"]))], rules, {}, None)
    assert made.of("gitlab").base_url == "https://git.acme.net"
    assert set(made.of("legba").parts) == {"host", "org"}

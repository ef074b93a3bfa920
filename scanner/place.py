"""What sort of file a path names: made for secrets, configuration, code, document, translation, and so on."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class Sort(StrEnum):
    """A sort of file, as far as its name tells."""

    ENVIRONMENT = "environment"
    CONFIGURATION = "configuration"
    CODE = "code"
    SCRIPT = "script"
    DOCUMENT = "document"
    TRANSLATION = "translation"
    RESOURCE = "resource"
    GENERATED = "generated"
    EXAMPLE = "example"
    OTHER = "other"


_NAMES = (
    (Sort.EXAMPLE, r"(?:^|[._-])(?:examples?|samples?|template|tmpl|tpl|dist|defaults?)(?:$|[._-])"),
    (Sort.GENERATED, r"\.(?:min|bundle|chunk)\.(?:js|css|mjs)$|\.(?:map|lock|sum|svg|snap|pb\.go|csv"
                     r"|tsv|log|har|resolved)$"
                     r"|[-.]lock\.(?:json|ya?ml)$|^(?:go\.sum|cargo\.lock|shrinkwrap\.json|npm-shrinkwrap\.json)$"),
    (Sort.RESOURCE, r"^strings\.xml$"),
    (Sort.TRANSLATION, r"\.(?:po|pot|mo|xlf|xliff|arb|strings|ftl|resx|lang)$|^messages(?:_\w+)?\.properties$"
                       r"|^(?:strings|messages|translations?|locale)(?:[._-]\w+)?\.(?:xml|json|ya?ml"
                       r"|properties|php)$"),
    (Sort.ENVIRONMENT, r"^\.?env(?:rc)?(?:$|[._-])|\.env(?:$|[._-])|^\.(?:netrc|pgpass|npmrc|pypirc|my\.cnf"
                       r"|boto|s3cfg)$"
                       r"|^(?:credentials?|secrets?)(?:\.|$)|\.tfvars(?:\.json)?$|^vault\.ya?ml$"),
    (Sort.CONFIGURATION, r"\.(?:ya?ml|json[5c]?|toml|ini|cfg|cnf|conf|config|properties|xml|plist|hcl|tf"
                         r"|tfstate|settings|nix"
                         r"|editorconfig|rc|service|desktop|reg|ovpn|inf)$|^(?:dockerfile|containerfile"
                         r"|vagrantfile|jenkinsfile"
                         r"|procfile|makefile)|^docker-compose|rc$"),
    (Sort.SCRIPT, r"\.(?:sh|bash|zsh|fish|ksh|ps1|psm1|psd1|bat|cmd|command|sql|dockerfile|http|rest)$"
                  r"|^\.?\w*(?:profile|history)$"),
    (Sort.DOCUMENT, r"\.(?:md|mdx|markdown|rst|adoc)\.(?:erb|j2|njk|liquid|in)$|\.markerb$"),
    (Sort.CODE, r"\.(?:py[wi]?|[cm]?[jt]sx?|go|rb|erb|java|kts?|cs|vb|fs|php\d?|phtml|rs|[ch](?:pp|xx|c"
                r"|\+\+)?|hh|m|mm|swift"
                r"|scala|sc|groovy|gradle|clj[sc]?|exs?|erl|hs|ml|dart|lua|pl|pm|r|jl|pas|cob|f90|vue"
                r"|svelte|astro|sol|nim|zig"
                r"|cr|d|cls|apex|abap|proto|graphql|jsp|aspx?|cshtml|razor|html?|xhtml|css|scss|less|ipynb)$"),
    (Sort.DOCUMENT, r"\.(?:md|mdx|markdown|rst|adoc|asciidoc|org|tex|textile|wiki|man|[1-9]|pod|texi|rdoc"
                    r"|pdf|docx?|rtf|eml)$"
                    r"|^(?:readme|changelog|changes|news|history|contributing|license)"),
)  # fmt: skip
_SORTS = tuple((sort, re.compile(shape, re.IGNORECASE)) for sort, shape in _NAMES)
_TRANSLATED = re.compile(r"(?:^|/)(?:locales?|i18n|l10n|lang|langs|languages?|translations?|intl)/", re.IGNORECASE)
_TESTS = re.compile(
    r"(?:^|/)(?:(?:[\w.-]*[_.-])?tests?|\w*[a-z]Tests?|test[A-Z]\w*|[\w-]*smoke-test[\w-]*|specs?|__tests__|__mocks__|[\w-]*test[_-]?data|fixtures?|mocks?|stubs?"
    r"|examples?|samples?|demos?|docs?"
    r"|documentation|guides?|tutorials?|testing|e2e|cypress|snippets?|benchmarks?|cassettes?|testresources|testfixtures)/"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[._-](?:test|tests|spec|specs|mock|fixture)\.\w{1,5}"
    r"|[^/]*(?:Tests?|Spec|IT)\.\w{1,6})$"
    r"|^test_[^/]*$"
)
_LONGEST = 400  # of a longer path, its end is looked at


@lru_cache(maxsize=512)
def sort_of(path: str) -> Sort:
    """What the path's name says of its file; `OTHER` where it says nothing."""
    name = path[-_LONGEST:].rsplit("/", 1)[-1]
    found = next((sort for sort, shape in _SORTS if shape.search(name)), Sort.OTHER)
    if found in (Sort.CONFIGURATION, Sort.CODE) and _TRANSLATED.search(path[-_LONGEST:]):
        return Sort.TRANSLATION
    return found


@lru_cache(maxsize=512)
def stands_in_tests(path: str) -> bool:
    """Whether a file of that path is a test, an example or documentation, as its folders and name tell."""
    return _TESTS.search(path[-_LONGEST:]) is not None


_SHOWING = {
    Sort.ENVIRONMENT: ".env",
    Sort.CONFIGURATION: "a.yaml",
    Sort.CODE: "a.py",
    Sort.SCRIPT: "a.sh",
    Sort.DOCUMENT: "a.md",
    Sort.TRANSLATION: "a.po",
    Sort.RESOURCE: "strings.xml",
    Sort.GENERATED: "a.csv",
    Sort.EXAMPLE: "example",
    Sort.OTHER: "a",
}
PLACES = tuple(folder + name for folder in ("", "tests/") for name in _SHOWING.values())
"""A path of every sort, outside and inside of tests: all that a path can say of a value."""

_NUMBERS = {sort: number for number, sort in enumerate(_SHOWING)}


def place_of(path: str) -> int:
    """Which of `PLACES` says the same as the path."""
    return _NUMBERS[sort_of(path)] + len(_NUMBERS) * stands_in_tests(path)


__all__ = ["PLACES", "Sort", "place_of", "sort_of", "stands_in_tests"]

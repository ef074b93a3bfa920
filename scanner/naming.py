"""Names around a value: which variable, option or header it is given to, and what such a name tells."""

from __future__ import annotations

import re
from functools import lru_cache

from scanner.models import LINES

LOOK_BACK = 200
"""How far before a value its name may begin, in bytes."""

_SCHEMES = rb"(?i:Bearer|Basic|Token|Digest|Key|Bot|Api-?Key|SSWS|GenieKey|Splunk|OAuth)"
_ASSIGNED = re.compile(
    rb"""(?x)
    (?P<attribute> (?<=name=["']) | (?<=key=["']) )?
    (?P<name> [A-Za-z_][A-Za-z0-9_.\-]{0,80} ) \s{0,2}
    (?: \{ \s{0,2} (?:get|set|init) ; [^{}"'\n]{0,40} \} \s{0,2} )?       # name { get; set; } = value
    (?: (?: \\?["'`] )? \]? \s{0,12}                          # name = value, "name": value
        (?: :=|=>|->|\?\?=?|\?=|\|\|=?|==?=?|:=?|:-|<-|\s=\s ) \s{0,12}
        (?: [|>][+-]? [ ]{0,2} \r?\n \s{0,12} )?               # name: >- and the value on the next line
      | (?: \\?["'`] | (?<=[A-Z]) ) \s{0,4} , \s{0,12}          # ("name", value, (NAME, value
      | \s{0,2} [(\[] \s{0,4}                                 # name(value
      | (?(attribute) ["'] [ ]? > | (?!) ) \s{0,4}             # <string name="name">value
      | [^<>"'\n]{0,40} > \s{0,4}                             # <name>value
      | [ \t]{1,8}                                            # --name value, ENV NAME value
    )
    (?: [bruf@$N] | rb | br | (?:String|string|str|bytes)\s?[=(]\s?
      | (?: new\s | \[\] | std:: | & )? (?: String::from | String | string | byte | Some | Buffer\.from
          | SecretStr | SecretString::from | Secret::new | Encoding\.[A-Z][A-Z0-9a-z]{2,8}\.GetBytes ) \( [b@]? )?
    (?: \\?["'`] ){0,3}
    (?: """
    + _SCHEMES
    + rb""" [\s=:]{1,3} ["']? )?
    \Z"""
)
_SCHEME = re.compile(rb"\b(" + _SCHEMES + rb""")[ =]{1,3}["'`]?\Z""")
_EMPTY_NAMES = frozenset(b"value val default string content data var const let export env param-value".split())
_NAMED_BEFORE = re.compile(
    rb"""(?ix) (?: \bname | \bkey | \bvariable ) ["']? \s{0,4} [=:] \s{0,4} ["']? ( [A-Za-z_][\w.\-]{0,80} )
    | variable \s+ " ( [\w-]{1,80} )
    | <(?:key|name|param-name)> \s{0,4} ( [\w.\-]{1,80} ) \s{0,4} </
    | ["']--? ( [A-Za-z][\w\-]{1,80} ) ["']
    | ( [A-Za-z_]\w{0,80} ) \s{1,3} As \s{0,3} \Z"""
)


_NOTHING_ASSIGNED = frozenset(bytes([value]) for value in b"{});&#%+!]<*~^")
"""Right before a value these say that it is given to nothing: a quick answer for most of a program."""


def assigned_name(data: bytes, start: int) -> bytes | None:
    """The name that the value at `start` is assigned or passed to, or None when nothing of the kind stands there.

    Understands `NAME=v`, `"name": "v"`, `name("v")`, `f("NAME", "v")`, `<name>v</name>`, `--name v`,
    `Header: Bearer v`, and pairs such as `name: X` / `value: v` on two lines.
    """
    if data[start - 1 : start] in _NOTHING_ASSIGNED:
        return None
    begin = max(0, start - LOOK_BACK)
    line = max(begin, data.rfind(b"\n", begin, start) + 1)
    found = _last(_ASSIGNED, data[line:start])
    if found is None:
        scheme = _SCHEME.search(data[line:start])
        if scheme is not None:
            return scheme.group(1)
        above = data.rfind(b"\n", begin, max(begin, line - 1)) + 1
        found = _last(_ASSIGNED, data[max(begin, above) : start]) if line > begin else None
        if found is None:
            return None
    name = found.group("name")
    if name.lower() in _EMPTY_NAMES:
        before = data[lines_above(data, start, begin) : start - (len(found.group()))]
        named = list(_NAMED_BEFORE.finditer(before))
        if named:
            return named[-1].group(named[-1].lastindex or 0)
    return name


def lines_above(data: bytes, start: int, begin: int) -> int:
    """Where the line begins that stands `LINES` above that of `start`, or `begin` if that is nearer."""
    at = start
    for _ in range(LINES + 1):
        at = data.rfind(b"\n", begin, at)
        if at < 0:
            return begin
    return at + 1


def reads_as_prose(data: bytes, start: int, name: bytes) -> bool:
    """Whether the name only stands before the value as a word of a sentence does: `just use v`, but not `password v`,
    `--use v`, `USE v`."""
    before = data[max(0, start - len(name) - 9) : start]
    if before[-1:] not in (b" ", b"\t") or not (name.isalpha() and name[1:].islower()) or sounds_secret(name):
        return False
    text = before.rstrip(b" \t")
    return text.endswith(name) and not text[: -len(name)].endswith(b"-")


def _last(pattern: re.Pattern[bytes], text: bytes) -> re.Match[bytes] | None:
    """The match that ends at the end of text, trying names from the nearest backwards (bounded by the text)."""
    best = None
    for at in _name_starts(text):
        best = pattern.match(text, at)
        if best is not None and _APART.match(text, best.end("name")):
            best = None  # the end of one line of encoded text, and the next
        if best is not None:
            typed = _TYPED.search(text, 0, at) if b"=" in best.group() else None
            if typed is None:
                return best
            return pattern.match(text[: typed.end(1)] + text[best.end("name") :], typed.start(1))
    return best


_APART = re.compile(rb"=?[ \t]{0,4}\r?\n\s{0,14}\Z")
"""A line that ends in a word, or in `word=`, says nothing of what stands on the next."""

_TYPED = re.compile(
    rb"(?<![A-Za-z0-9_$])([A-Za-z_][A-Za-z0-9_]{0,80})\??\s{0,2}:\s{0,2}"
    rb"(?:&|'static |mut |\[|Option<|readonly ){0,3}\Z"
)
_NAME_START = re.compile(
    rb"(?:^|(?<=[^A-Za-z0-9_.\-])|(?<=\x1b\[\dm)|(?<=\x1b\[\d\dm)"
    rb"|(?<=\x1b\[\d;\d\dm)|(?<=\x1b\[\d\d;\dm))(?:\.|-{0,2})"
    rb"(?=[A-Za-z_])(?!(?i:Bearer|Basic|Bot|SSWS|GenieKey|Splunk|OAuth)[\s=:]|from\()"
    rb"(?!(?:new[\s(]|(?:byte|Some|[Ss]tring|Buffer\.from|SecretStr|(?:Secret)?String::from|Secret::new)\(|Encoding\.))",
    re.MULTILINE,
)


def _name_starts(text: bytes) -> list[int]:
    return [found.end() for found in _NAME_START.finditer(text)][:-13:-1]


_PART = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRETISH = re.compile(
    rb"(?i)key|token|secret|passw|passphrase|pwd|\bpass\b|_pass\b|auth|cred|bearer|private|signing|\bpat\b|_pat\b|dsn"
    rb"|webhook|licen[sc]e|session|cookie|jwt|\bapi\b|_sk\b|connection_?string"
)
_HARMLESS_ANYWHERE = frozenset(
    b"hash sha sha1 sha2 sha256 sha384 sha512 md5 checksum digest commit revision integrity etag public pub fingerprint"
    b" uuid guid thumbprint signature version csrf xsrf authenticity nonce".split()
)
_HARMLESS_LAST = frozenset(
    b"id ids url uri link path file filename dir name names type types kind class length size len count limit limits"
    b" expiry expires ttl age timeout user username email host port region zone color format policy field header prefix"
    b" suffix label title description message text placeholder pattern regex rev page index algorithm alg method"
    b" endpoint arn scope scopes status state mode hint help error sub subject realm".split()
)

_FILE = re.compile(
    rb"(?i)\.(?:php|py|[cm]?[jt]sx?|rb|go|rs|java|kt|cs|[ch](?:pp)?|html?|css|json|ya?ml|toml|xml|md|txt|png|svg|sql|sh)\Z"
)
"""In a list of files and their hashes (`"src/Password.php": "…"`) a name is a file's."""

_PLACES_IN_A_LIST = frozenset(b"next page continuation starting start resume sync change cursor pagination".split())
"""A token of these tells where a listing goes on (`NextToken`), and opens nothing."""


@lru_cache(maxsize=4096)
def parts(name: bytes) -> tuple[bytes, ...]:
    """The words of an identifier, in lower case: `apiKey2`, `API_KEY_2` and `api-key-2` all give api, key, 2."""
    return tuple(part.lower() for part in _PART.findall(name))


@lru_cache(maxsize=4096)
def sounds_secret(name: bytes) -> bool:
    """Whether a value of this name is likely meant to be kept secret: `api_key`, `X-Auth-Token`, `Authorization`."""
    return bool(_SECRETISH.search(name)) and not sounds_harmless(name)


@lru_cache(maxsize=4096)
def sounds_harmless(name: bytes) -> bool:
    """Whether a value of this name is likely public: `key_id`, `commit_sha`, `token_url`, `public_key`."""
    words = parts(name)
    if _FILE.search(name):
        return True
    if words[-1:] == (b"token",) and words[-2:-1] and words[-2] in _PLACES_IN_A_LIST:
        return True
    return bool(words) and (words[-1] in _HARMLESS_LAST or not _HARMLESS_ANYWHERE.isdisjoint(words))


_FOLLOWING = re.compile(
    rb"(?i)api|key|token|secret|auth|access|client|app|pass|pat|admin|user|account|service|cloud|prod|dev|test|live|io|com"
)


_LAST_OF_A_WORD = frozenset(b"password passwd passwort passphrase secret apikey".split())
"""Of these a longer word is made that means the same: `dbpassword`, `DBPassword`, `clientsecret`."""


def stands_as_word(data: bytes, start: int, end: int) -> bool:
    """Whether `data[start:end]` is a word or a part of an identifier there, not a piece of another word."""
    left = data[start - 1 : start]
    if left.isalpha():
        first = data[start : start + 1]
        inside = first.isalpha() and not (left.islower() and first.isupper())
        if inside and data[start:end].lower() not in _LAST_OF_A_WORD:
            return False
    right = data[end : end + 1]
    if not right.isalpha():
        return True
    last = data[end - 1 : end]
    if not last.isalpha() or (right.isupper() and last.islower()):
        return True
    return _FOLLOWING.match(data, end) is not None

"""Is a value that only its name gives away worth a person's minute? A decision by points.

No format tells a password or the token of an unknown service apart from other text. What tells is many small things:
how the value is made, what it is called, and where it stands. Each is a feature that gives or takes points and says why
(`keysweep explain` shows them); their sum decides, and how sure the finding is.

Pure and bounded: a feature sees the value, its name, the path, and so many bytes before (`BEFORE`) and after (`AFTER`)
that what a rule says still depends only on the bytes within its reach. Reasons never quote the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scanner import naming
from scanner.likeness import likeness
from scanner.models import Confidence
from scanner.place import Sort, sort_of, stands_in_tests
from scanner.randomness import looks_random

BEFORE = 400
"""How many bytes before a value are looked at, on its line and `LINES` above."""

AFTER = 80
"""How many bytes behind a value are looked at."""

LEAST = 3
"""Below so many points there is no finding."""

MEDIUM = 6
HIGH = 9
"""From so many points on the finding is of that confidence."""

NEVER = -20
"""The points of what is no secret, whatever else speaks for it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A value, what it is called (None where that is not known), where it stands, and the text around it."""

    value: bytes
    name: bytes | None = None
    path: str = ""
    before: bytes = b""
    after: bytes = b""


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that speaks for a secret (more than 0 points) or against one, in words."""

    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """What all features say together."""

    features: tuple[Feature, ...]

    @property
    def points(self) -> int:
        """Their sum."""
        return sum(one.points for one in self.features)

    @property
    def confidence(self) -> Confidence | None:
        """How sure a finding is; None for no finding."""
        if self.points < LEAST:
            return None
        if self.points < MEDIUM:
            return Confidence.LOW
        return Confidence.MEDIUM if self.points < HIGH else Confidence.HIGH

    @property
    def objection(self) -> str:
        """Why it is no finding, "" for one: what weighs most against it."""
        if self.points >= LEAST:
            return ""
        worst = min(self.features, key=lambda one: one.points, default=Feature(0, "nothing speaks for it"))
        why = worst.why if worst.points < 0 else "too little speaks for it"
        return f"it scores {max(self.points, NEVER)} points, less than the {LEAST} that a finding needs: {why}"


Asked = Callable[[Scene], Iterator[Feature]]


def judge(kind: str, scene: Scene) -> Score:
    """The score of a value of that kind: one of `KINDS`."""
    return Score(tuple(one for part in KINDS[kind] for one in part(scene)))


# --- the value ---


def _secret(scene: Scene) -> Iterator[Feature]:
    """A key or token: drawn at random."""
    value = scene.value
    drawn = looks_random(value)
    yield Feature(3, "it looks drawn at random") if drawn else Feature(-4, "it reads like words or a name")
    if len(value) >= 20:
        yield Feature(1, "it is long")
    elif len(value) < 12:
        yield Feature(-1, "it is short")
    if _classes(value) >= 3:
        yield Feature(1, "it mixes small and capital letters and digits")
    if _PLACE_FOR_ONE.search(value):
        yield Feature(-8, "it says what it stands for")
    if _HASH.fullmatch(value):
        yield Feature(-1, "it has the shape of a hash")


_PLACE_FOR_ONE = re.compile(
    rb"YOUR_|_HERE\b|_(?:TOKEN|KEY|SECRET|PASSWORD)\Z|EXAMPLE|(?i:your[_-]|changeme|placeholder)"
)
_HASH = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}")


def _password(scene: Scene) -> Iterator[Feature]:
    """A password: chosen by a person, or drawn at random."""
    value = scene.value
    yield from (Feature(points, why) for points, why in likeness(value))
    if re.search(rb"[^A-Za-z0-9_.\-/ ]", value):
        yield Feature(1, "it holds signs")
    if re.search(rb"[0-9]", value) and re.search(rb"[A-Za-z]", value):
        yield Feature(1, "it mixes letters and digits")
    if re.search(rb"[a-z]", value) and re.search(rb"[A-Z]", value):
        yield Feature(1, "it mixes small and capital letters")
    if 8 <= len(value) <= 40:
        yield Feature(1, "it has a password's length")
    if looks_random(value):
        yield Feature(2, "it looks drawn at random")
    if len(value) > 40 and not looks_random(value):
        yield Feature(-3, "it is longer than passwords are")


def _classes(value: bytes) -> int:
    return sum(bool(re.search(kind, value)) for kind in (rb"[a-z]", rb"[A-Z]", rb"[0-9]"))


# --- the name ---

_STRONG = frozenset(
    b"password passwd passwort kennwort passphrase pwd pass pw secret token apikey"
    b" credential credentials".split()
)
_STRONG_PAIRS = re.compile(
    rb"(?i)(?:api|access|secret|private|auth|master|encryption|signing|app|shared|license|account"
    rb"|storage)[_.\- ]?key|secret|token"
    rb"|passw|pwd\Z|(?<!by)(?<!com)pass\Z|connection[_.\- ]?string|hmac|jwt|authorization\Z|bearer"
)
_MADE_UP = frozenset(
    b"test tests example dummy fake mock sample demo placeholder foo bar foobar invalid"
    b" wrong bad".split()
)
_ABOUT = frozenset(
    b"forgot forgotten confirmation strength rule rules policy validator validation label hint error message title"
    b" regex minlength maxlength expired incorrect mismatch toggle placeholder description tooltip icon selector css"
    b" xpath locator prompt salt algorithm hasher encoder plugin".split()
)
_ABOUT_LAST = frozenset(
    b"reset confirm field input pattern min max length change changed required show hide help text column callback"
    b" handler listener event action route file dir hash digest count index provider manager service factory class"
    b" module package generator store storage box form page view model type param parameter arg option flag encode"
    b" decode strip lstrip rstrip format replace split match matches equals startswith endswith contains find"
    b" print println printf write append mgr".split()
)
"""As the last word of a name: `password_field` is one, `SERVICE_PASSWORD` and `eventToken` are not."""
_VERBS = frozenset(
    b"check validate verify hash encode encrypt decrypt compare match is has should can get"
    b" generate random".split()
)


def _name(scene: Scene) -> Iterator[Feature]:
    if scene.name is None:
        return
    words = naming.parts(scene.name)
    if naming.sounds_harmless(scene.name):
        yield Feature(NEVER, "its name says that it is public, or no secret")
        return
    if not _STRONG.isdisjoint(words) or _STRONG_PAIRS.search(scene.name):
        yield Feature(2, "its name calls it a secret")
    if len(words) > 1 and scene.name.lower() not in (b"api_key", b"apikey", b"pass_word"):
        yield Feature(1, "its name says whose it is")
    if not _MADE_UP.isdisjoint(words):
        yield Feature(-4, "its name says that it is made up")
    if not _ABOUT.isdisjoint(words) or (words and words[-1] in _ABOUT_LAST):
        yield Feature(-5, "its name is about a secret, and not one's")
    elif words[:1] and words[0] in _VERBS:
        yield Feature(-4, "its name says what is done with it")


# --- the place ---

_SORTS = {
    Sort.ENVIRONMENT: Feature(2, "it stands in a file made for secrets"),
    Sort.CONFIGURATION: Feature(1, "it stands in a configuration"),
    Sort.DOCUMENT: Feature(-2, "it stands in a document"),
    Sort.TRANSLATION: Feature(-10, "it stands in a translation"),
    Sort.RESOURCE: Feature(-10, "it stands among the texts of an app"),
    Sort.GENERATED: Feature(-5, "it stands in a file that a program wrote"),
    Sort.EXAMPLE: Feature(-6, "it stands in an example file"),
}


def _place(scene: Scene) -> Iterator[Feature]:
    sort = sort_of(scene.path)
    if sort is Sort.RESOURCE and looks_random(scene.value):
        sort = Sort.CONFIGURATION  # developers leave keys among an app's texts, and no text is drawn at random
    known = _SORTS.get(sort)
    if known is not None:
        yield known
    if stands_in_tests(scene.path):
        yield Feature(-4, "it stands among tests, examples or documents")


# --- the text around ---


def _syntax(scene: Scene) -> Iterator[Feature]:
    line = scene.before[scene.before.rfind(b"\n") + 1 :]
    quoted = line[-1:] in (b'"', b"'", b"`")
    if quoted and scene.after[:1] == line[-1:]:
        yield Feature(1, "it is a whole text in quotation marks")
    elif quoted and scene.after[:1] in (b'"', b"'", b"`"):
        yield Feature(-8, "it is the beginning of a longer text in quotation marks")
    elif not quoted and sort_of(scene.path) is Sort.CODE and not _in_text(line):
        yield Feature(-8, "it is no text there, but a part of the program")
    if _JOINED_BEFORE.search(line) or _JOINED_AFTER.match(scene.after):
        yield Feature(-3, "it is a piece that other text is added to")
    if _IN_PATTERN.match(scene.after) or _IN_GROUP.search(line):
        yield Feature(-8, "it is a piece of a regular expression")
    if not quoted and _GOES_ON.match(scene.after):
        yield Feature(-6, "it is called, or what it belongs to is")
    if quoted and _OPENS.match(line) and _NAMES.match(scene.after):
        yield Feature(-8, "it is a name that something else is given to")
    if _LISTED.search(scene.before) and scene.after[1:2] == b",":
        yield Feature(-4, "it stands in a list, a line each, and what seems its name, too")
    if _COMPARED.search(line):
        yield Feature(-2, "it is compared with")
    if _ARN.search(line):
        yield Feature(NEVER, "it is a piece of the name of a thing at AWS")
    if _CREDENTIAL.search(line):
        yield Feature(NEVER, "it is the name under which a credential is kept")
    if _ALGORITHM.search(scene.value):
        yield Feature(NEVER, "it is the name of an algorithm")
    if scene.value in (word for word in _KEYWORDS.findall(scene.value)):
        yield Feature(NEVER, "it is a word of the language")


def _prose(scene: Scene) -> Iterator[Feature]:
    line = scene.before[scene.before.rfind(b"\n") + 1 :]
    if _FOLLOWS.search(line) and not _COMMAND.match(line):
        yield Feature(-2, "it follows its name as in a sentence")


_ARN = re.compile(rb"arn:aws[\w-]{0,10}:[^\s\"']{0,120}\Z")
_CREDENTIAL = re.compile(rb"(?i)\bcredentials(?:Id)?\s{0,2}[(:=]\s{0,2}[\"']\Z")
_ALGORITHM = re.compile(
    rb"(?i)with_?(?:hmac|rsa|dsa|ecdsa)?_?sha|hmac_?(?:sha|md5)|^(?:PBE|PBKDF2|AES|RSA|DES)(?:With|[/_-])"
    rb"|^(?:ed|x|curve|cv)(?:25519|448)$|^secp\d{3}[kr]1$|^prime\d{3}v1$"
)
_FOLLOWS = re.compile(rb"(?<![\w-])[A-Za-z]\w{0,40}[ \t]{1,8}\Z")
_COMMAND = re.compile(
    rb"\s{0,20}(?:ENV|set|export|setenv|setx|#define|machine)\b|.*--[\w-]{1,40}[ \t]+\Z", re.IGNORECASE
)
_JOINED_BEFORE = re.compile(rb"(?:[\"'`]\s{0,3}(?:\+|\.|&|\|\||\.\.)\s{0,3}|[+&]\s{0,3})[\"'`]\Z")
_JOINED_AFTER = re.compile(rb"[\"'`]\s{0,3}(?:\+|\.\s|&\s|\|\||\.\.|%\s|\.format|\.replace|\.repeat|\.join|\[)")
_IN_PATTERN = re.compile(rb"\\[.dwsDWS()\[\]{}+*?|]|\[[^\]\n]{1,40}\][{+*]|\{\d{1,4}[,}]|\(\?")
_IN_GROUP = re.compile(rb"\(\?(?:P?<\w{1,30}>|[a-z]{0,3}:)\Z")
_OPENS = re.compile(rb"\s{0,80}[{\[(,]?\s{0,8}[\"'`]\Z")
_NAMES = re.compile(rb"[\"'`]\s{0,3}(?::|=>)")
_LISTED = re.compile(rb"(?:\A|\n)(?:[ \t]{0,80}[\"'][^\"'\n]{1,80}[\"'],[ \t]{0,4}\r?\n){2}[ \t]{0,80}[\"']\Z")
_GOES_ON = re.compile(rb"[(\[]|\.[A-Za-z_]|->|::|\?\.")
_COMPARED = re.compile(rb"(?:\.equals|assert\w{0,20}|expect|\bis\b"
rb"|\bin\b)\s{0,3}\(?[^=]{0,3}\Z|assert[^=]{1,80}==\s{0,3}[\"']?\Z", re.IGNORECASE)
_KEYWORDS = re.compile(
    rb"(?i)\A(?:true|false|null|nil|none|undefined|string|required|optional|disabled|enabled|bytes?"
    rb"|varchar\d*|char\d*|nvarchar\d*"
    rb"|text\d*|int\d*|uint\d*|float\d*|utf-?8|base64|sha\d+|md5|bcrypt|argon2i?d?|pbkdf2|aes-?\d*)\Z"
)


def _in_text(line: bytes) -> bool:
    """Whether what follows on the line stands inside of quotation marks."""
    return any(line.count(mark) % 2 for mark in (b'"', b"'", b"`"))


def _line(scene: Scene) -> Iterator[Feature]:
    if scene.value.startswith(b"Ag") and b"encryptedData:" in scene.before:
        yield Feature(NEVER, "it is sealed for a cluster")
    start = scene.before.rfind(b"\n") + 1
    line = scene.before[start:]
    rest = scene.after.partition(b"\n")[0]
    if _MADE_UP_LINE.search(line) or _MADE_UP_LINE.search(rest):
        yield Feature(-3, "its line speaks of an example")
    if _COMMENT.match(line):
        code = -3 if _DOCUMENTS.match(line) else -2  # what documents shows examples, the rest was switched off
        yield Feature(code if sort_of(scene.path) is Sort.CODE else -1, "it stands in a comment")
    if (scene.before + b"\0" + scene.after).count(scene.value) >= 2:
        yield Feature(-1, "it stands there several times")


_MADE_UP_LINE = re.compile(
    rb"(?i)\bexamples?\b|\bdummy\b|\bfake\b|\bmock(?:ed)?\b|\bsample\b|placeholder|\be\.g\."
    rb"|\bfor instance\b|\btodo\b|\blorem\b"
    rb"|>>>|@param|\bnosec\b"
)
_COMMENT = re.compile(rb"\s{0,40}(?://|#(?!\{|\s{0,2}define\b|\[)|/?\*|--(?![a-z])|;|<!--|%|rem\b)", re.IGNORECASE)
_DOCUMENTS = re.compile(rb"\s{0,40}(?:/?\*|//[/!]|#[ \t]{2})")


def _key(scene: Scene) -> Iterator[Feature]:
    """A key of a format of its own: where it stands decides only how sure it is that anybody uses it."""
    yield Feature(HIGH, "it has a format of its own")
    if stands_in_tests(scene.path) or sort_of(scene.path) is Sort.EXAMPLE:
        yield Feature(MEDIUM - HIGH, "it stands among tests, examples or documents")


def _argument(_: Scene) -> Iterator[Feature]:
    """What a call, a command or a statement takes for a password: it needs no name."""
    yield Feature(3, "it is handed over as a password or a key")


def _header(scene: Scene) -> Iterator[Feature]:
    """A random value where requests carry keys: only where it stands decides how sure it is that it opens something."""
    yield Feature(MEDIUM, "it is drawn at random, and stands where requests carry keys")
    quoted = scene.before[-1:] in (b'"', b"'", b"`")
    line = scene.before[scene.before.rfind(b"\n") + 1 :]
    sort = sort_of(scene.path)
    if stands_in_tests(scene.path) or sort in _SHOWN:
        yield Feature(LEAST - MEDIUM, "it stands among tests, examples or documents")
    elif _MADE_UP_LINE.search(line) or (sort is Sort.CODE and _COMMENT.match(line)):
        yield Feature(LEAST - MEDIUM, "it stands in a comment, or its line speaks of an example")
    elif sort is Sort.CODE and not quoted and not _in_text(line):
        yield Feature(LEAST - MEDIUM, "it is no text there, but a part of the program")


_SHOWN = (Sort.DOCUMENT, Sort.TRANSLATION, Sort.GENERATED, Sort.EXAMPLE)

KINDS: dict[str, tuple[Asked, ...]] = {
    "argument": (_argument, _password, _place, _syntax, _line),
    "header": (_header,),
    "key": (_key,),
    "password": (_password, _name, _place, _syntax, _prose, _line),
    "secret": (_secret, _name, _place, _syntax, _prose, _line),
}
"""What a value can be judged as, by the name that a rule's check `score` gives."""

__all__ = [
    "AFTER", "BEFORE", "HIGH", "KINDS", "LEAST", "MEDIUM", "NEVER", "Feature", "Scene", "Score", "judge",
]  # fmt: skip

"""What passwords are mistaken for: words of examples, phrases, names, pieces of programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scanner.randomness import looks_random, score


def likeness(value: bytes) -> Iterator[tuple[int, str]]:
    """What in a value speaks against a password: points, all below zero, and why."""
    if re.fullmatch(rb"[A-Za-z']+[?!.,:;]+", value):
        yield -6, "it is the last word of a sentence"
    lowered = value.lower()
    core = lowered.strip(b"0123456789!@#$%^&*_-.+?~[] ").translate(_PLAIN)
    if core in _OFTEN or lowered in _OFTEN:
        yield -5, "it is a password of examples"
    elif _WORDS_OF_IT.search(lowered) or _COUNTED.fullmatch(value):
        yield -4, "it says what it stands for"
    if _SPEECH.search(value):
        yield -6, "it is a phrase"
    elif (_JOINED.fullmatch(value) and score(value) < 0.5) or _SNAKE.fullmatch(value):
        yield -3, "it is made of words"
    if _CODE.search(value):
        yield -6, "it is an expression, a pattern or a path"
    if len(set(value)) * 2 < len(value) and not looks_random(value):
        yield -3, "its characters repeat"


_PLAIN = bytes.maketrans(b"4310@$", b"aeioas")
_OFTEN = frozenset(
    b"password passwd pass pwd passphrase secret changeme change-me admin administrator root user username"
    b" test tester testing"
    b" guest demo dummy example sample default welcome qwerty qwertz asdf letmein abc abcd abcdef foo bar"
    b" baz foobar foobaz"
    b" mypassword mypass mysecret dbpassword dbpass userpassword supersecret topsecret verysecret"
    b" secretpassword passwordsecret"
    b" newpassword oldpassword new-password old-password wrong wrongpassword invalid hello helloworld"
    b" monkey dragon temp temporary"
    b" postgres mysql mongo redis rabbitmq sa oracle sys system tiger scott minioadmin elastic kibana"
    b" grafana keycloak vagrant"
    b" docker jenkins tomcat nexus sonar hunter swordfish opensesame iloveyou trustno trustnoone"
    b" correcthorsebatterystaple oauth x-oauth-basic authpw".split()
)
_WORDS_OF_IT = re.compile(
    rb"password|passwort|passphrase|p[a4][s5$3]{2}w[o0]rd|your|change|replace|insert|example|dummy"
    rb"|placeholder|redacted|secret"
    rb"|test|fake|mock|sample|invalid|wrong|default|foobar|xxxx|qwert|12345|abcde"
)
_COUNTED = re.compile(rb"(?:[a-z]{2,6}_){1,2}(?:123|1234|abc|xyz)")
"""How a key begins, and no more: `whsec_123`."""
_SPEECH = re.compile(rb"[A-Za-z]{2,} [A-Za-z]{2,}|[A-Za-z]{3,}[,:;.!?] |^[A-Z][a-z]+ |\s[a-z]{1,3}\s")
_JOINED = re.compile(rb"[A-Za-z]{2,}[0-9]{0,4}(?:[_.\-/:]{1,2}[A-Za-z]{1,}[0-9]{0,4}){1,12}")
_SNAKE = re.compile(rb"[a-z]{2,20}(?:_(?:[a-z]{1,20}|[0-9]{1,4})){3,12}")
"""Four words and more, or numbers among them: `not_64_hex_chars`."""
_CODE = re.compile(
    rb"\$[A-Za-z_{(]|%[A-Za-z(]|\{[^}]{0,40}\}|\[\^|\(\?|\\[wdsb]|[A-Za-z_]\(|\)\s{0,2}[.{;]|=>|::|->|&&|\|\||==|<[/A-Za-z]"
    rb"|^[*&][a-z][A-Za-z0-9_]{0,40}\.[A-Z]|^\+[A-Za-z_$]|^(?:required|nullable|string|confirmed)\||^(?:/|\.{1,2}/|~/)|^[a-z][a-z0-9+.-]{1,12}://|^[#.][A-Za-z-]{3,}|^@"
    rb"|^[A-Za-z]{2,}(?:\.[A-Za-z_][A-Za-z0-9_]{1,}){1,}$|[^@\s]{1,64}@[A-Za-z0-9-]{1,63}\.[a-z]{2,6}$"
    rb"|^v?\d{1,4}(?:\.\d{1,6}){1,4}"
    rb"|^-{0,2}[A-Za-z][a-z_.\-]{1,40}=$|^-{1,2}[A-Za-z][A-Za-z.\-]{2,60}=$|^[A-Z][A-Z_]{1,40}=$|^-[^{}]{0,40}\}"
    rb"|^\*[A-Z_]{2,40}\*?$|^[A-Z_]{2,40}\*$"
    rb"|^[12]\d{3}-\d\d-\d\d|^[#x]?[0-9a-fA-F]{3}$|^[0-9.,+\-eE]+$|^&[a-z]{2,6};"
)


__all__ = ["likeness"]

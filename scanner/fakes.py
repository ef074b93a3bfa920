"""Makes keys of a rule's own shape: for `keysweep rules fake`, and to prove the rules with fresh keys in every run."""

from __future__ import annotations

import base64
import json
import random
import re
from dataclasses import dataclass
from typing import Any

from scanner import pattern
from scanner.checksums import CHECKSUMS, base58check, macaroon, unpad
from scanner.errors import KeysweepError
from scanner.probe import Attempt, Probe
from scanner.rule import Example, Rule
from scanner.synthetic import stamp

TRIES = 400
"""How often a key is drawn anew before the rule is said to contradict itself."""


@dataclass(frozen=True, slots=True)
class Fake:
    """A key that was made, and where its secret stands in it."""

    key: bytes
    secret_start: int
    secret_end: int

    @property
    def secret(self) -> bytes:
        """The part that a report must not show."""
        return self.key[self.secret_start : self.secret_end]


class KeyMaker:
    """Makes keys for one rule from a seeded source of randomness: the same seed, the same keys."""

    def __init__(self, rule: Rule, rng: random.Random) -> None:
        self.rule = rule
        self._rng = rng
        self._tree: Any = pattern.parse(rule.pattern)
        self._pattern = re.compile(rule.pattern.encode("ascii"))
        self._probe = Probe(rule)
        self._checksum = next((CHECKSUMS[str(value)] for name, value in rule.checks if name == "checksum"), None)

    def make(self, environment: str = "", *, synthetic: bool = False) -> Fake:
        """A key that passes the rule's own checks; of `environment` where that is named; recognisable as ours when
        `synthetic` (and the format has room). Raises KeysweepError when the rule's pattern and checks leave nothing."""
        if environment and environment not in self.rule.environment_names:
            raise KeysweepError(f"rule '{self.rule.id}' does not tell '{environment}' keys apart")
        for _ in range(TRIES):
            fake = self._draw(environment, synthetic)
            if fake is not None:
                return fake
        raise KeysweepError(f"rule '{self.rule.id}': no key of its pattern passes its own checks in {TRIES} tries")

    def _draw(self, environment: str, synthetic: bool) -> Fake | None:
        drawn = self._web_token() if ("jwt", True) in self.rule.checks else pattern.sample(self._tree, self._rng)
        if ("macaroon", True) in self.rule.checks:
            drawn = self._macaroon(drawn)
        if ("base58check", True) in self.rule.checks:
            drawn = base58check(self._rng.choice(_WALLETS) + self._rng.randbytes(32) + self._rng.choice((b"", b"\1")))
        found = self._pattern.fullmatch(drawn)
        if found is None:
            return None
        groups = found.groupdict()
        if environment:
            text = (groups.get("environment") or b"").decode("latin-1")
            if (self.rule.environments or {}).get(text) != environment:
                return None
        fake = _cut_out(found)
        key = stamp(self.rule, fake.key, fake.secret_start, fake.secret_end) if synthetic else fake.key
        if self._checksum is not None:
            key = key[: -self._checksum.width] + self._checksum.of(key)
        fake = Fake(key, fake.secret_start, fake.secret_end)
        attempt = Attempt(self.rule, 0, len(key), fake.secret_start, fake.secret_end)
        if next(self._probe.objections(key, attempt), None) is not None:
            return None
        return fake if synthetic or not self._probe.sample(key, attempt) else None

    def _web_token(self) -> bytes:
        """A JSON Web Token with random claims and a random signature."""
        claims = {"sub": f"{self._rng.getrandbits(40):x}", "iat": self._rng.randint(1_500_000_000, 1_600_000_000)}
        head = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
        parts = [head, json.dumps(claims).encode(), self._rng.randbytes(32)]
        return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)

    def _macaroon(self, drawn: bytes) -> bytes:
        """A macaroon with the location that the drawn one begins with, and a random identifier and signature."""
        found = self._pattern.fullmatch(drawn)
        if found is None:
            return drawn
        start, end = found.span("secret")
        length = 4 * 16
        head = unpad(drawn[start : start + length]) or b""
        identifier = json.dumps({"version": 1, "user": f"{self._rng.getrandbits(128):032x}"}).encode()
        made = macaroon(head[3 : 3 + head[2]] if len(head) > 2 else b"", identifier, self._rng.randbytes(32))
        return drawn[:start] + base64.urlsafe_b64encode(made).rstrip(b"=") + drawn[end:]

    def render(self, example: Example) -> tuple[bytes, list[Fake]]:
        """The example's text with fresh keys in its places, and the whole keys among them."""
        whole: list[Fake] = []

        def fill(found: re.Match[bytes]) -> bytes:
            kind = (found.group(1) or b"").decode()
            if kind in ("", "live", "test"):
                whole.append(self.make(kind))
                return whole[-1].key
            return self._spoilt(kind)

        return _PLACE.sub(fill, example.text.encode()), whole

    def _spoilt(self, kind: str) -> bytes:
        fake = self.make()
        if kind == "checksum":
            if self._checksum is None:
                raise KeysweepError(f"rule '{self.rule.id}': {{key:checksum}} needs a rule with a checksum")
            tail = fake.key[-self._checksum.width :]
            return fake.key[: -len(tail)] + bytes(self._other(value) for value in tail)
        if kind == "cut":
            shape = pattern.shape(self.rule.pattern)
            return fake.key[: fake.secret_start + min(shape.secret_least, len(fake.secret)) // 2]
        shape = pattern.shape(self.rule.pattern)
        room = shape.secret_most - len(fake.secret) if shape.secret_most < 4096 else 8
        filler = sorted(shape.ends_with & _ALNUM) or [ord("0")]
        return fake.key + bytes(self._rng.choice(filler) for _ in range(room + 8))

    def _other(self, value: int) -> int:
        return self._rng.choice([other for other in b"0123456789" if other != value])


_WALLETS = (b"\x80", b"\xef")  # Bitcoin's first byte of a private key: main network, test network
_ALNUM = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_PLACE = re.compile(rb"\{key(?::(live|test|cut|long|checksum))?\}")


def _cut_out(found: re.Match[bytes]) -> Fake:
    start, end = found.span("secret")
    first, last = start, end
    if "public" in found.re.groupindex and found.start("public") >= 0:
        first, last = min(start, found.start("public")), max(end, found.end("public"))
    return Fake(found.group()[first:last], start - first, end - first)

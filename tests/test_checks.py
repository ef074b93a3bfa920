"""Each check says yes and no where it should."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import checks, checksums, naming
from scanner.checks import Candidate

PLACEHOLDERS = [
    b"your_api_key_here", b"example", b"AKIAIOSFODNN7EXAMPLE", b"changeme", b"change-me-please", b"insert_token_here",
    b"replace_with_key", b"dummy_key_for_tests", b"not_a_real_key", b"my-secret-token", b"placeholder1234",
]  # fmt: skip
REAL = [b"kJ8sd7f6KJHd9s8f7aYoUr2", b"tEst9sJ2kfLq8", b"zq8YOUR91kd8s7fhsdkfhsd", b"a8f5f167f44f4964e6c998dee827110c"]


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_placeholders_are_told(value: bytes) -> None:
    assert checks.placeholder(Candidate(value, value))


@pytest.mark.parametrize("value", REAL)
def test_random_values_are_no_placeholders(value: bytes) -> None:
    candidate = Candidate(value, value)
    assert not any(check(candidate) for check in checks.DEFAULTS.values())


@pytest.mark.parametrize(
    "value",
    [b"$TOKEN", b"${TOKEN}", b"${{ secrets.X }}", b"{{ x }}", b"os.environ['X']", b"process.env.X", b"<token>",
     b"%TOKEN%", b"op://vault/item", b"getenv('X')", b"$(cat token)", b"#{token}", b"secrets.TOKEN", b"var.token",
     b"!Ref Token"],
)  # fmt: skip
def test_references_are_told(value: bytes) -> None:
    assert checks.reference(Candidate(value, value))


def test_a_reference_is_told_by_what_stands_around() -> None:
    assert checks.reference(Candidate(b"token_value", b"token_value", b"x = ${", b"}"))
    assert checks.reference(Candidate(b"token_value", b"token_value", b"x = <", b">"))
    assert not checks.reference(Candidate(b"token_value", b"token_value", b"x = ", b";"))


@pytest.mark.parametrize(
    "value", [b"xxxxxxxxxxxxxxxx", b"abababababab", b"1234567890abcdef", b"abcdefghijklmn", b"00000000", b"a1a1a1a1a1"]
)
def test_repetition_and_sequences_are_told(value: bytes) -> None:
    assert checks.repetition(Candidate(value, value))


@pytest.mark.parametrize("after", [b"...", b"\xe2\x80\xa6", b"****", b"_...", b"[...]", b"\\u2026", b"&hellip;"])
def test_cut_keys_are_told(after: bytes) -> None:
    assert checks.truncation(Candidate(b"a8f5f167f44f49", b"a8f5f167f44f49", b"", after))
    assert not checks.truncation(Candidate(b"a8f5f167f44f49", b"a8f5f167f44f49", b"", b". Next"))


@given(st.binary(max_size=200))
def test_entropy_is_between_nothing_and_eight_bits(value: bytes) -> None:
    assert 0 <= checks.entropy(value) <= 8
    assert checks.entropy(value + value) == pytest.approx(checks.entropy(value))


def test_entropy_of_known_texts() -> None:
    assert checks.entropy(b"aaaa") == 0
    assert checks.entropy(b"abcd") == 2
    assert checks.entropy(bytes(range(256))) == 8


@given(st.text("ABCDEFabcdef0123456789", min_size=30, max_size=30))
def test_github_checksum(body: str) -> None:
    key = b"ghp_" + body.encode()
    good = key + checksums.CHECKSUMS["github"].of(key + b"000000")
    assert not checks.checksum("github")(Candidate(good[4:], good))
    bad = good[:-1] + (b"0" if good[-1:] != b"0" else b"1")
    assert checks.checksum("github")(Candidate(bad[4:], bad))
    assert checksums._in_base(zlib.crc32(body.encode()), 62, 6) == good[-6:]


@given(st.binary(min_size=1, max_size=60), st.integers(0, 255))
def test_base58check(plain: bytes, change: int) -> None:
    made = checksums.base58check(plain)
    assert not checks.base58check(Candidate(made, made))
    spoilt = bytearray(made)
    spoilt[change % len(made)] = ord("2") if spoilt[change % len(made)] != ord("2") else ord("3")
    assert checks.base58check(Candidate(bytes(spoilt), b""))
    for other in (b"", b"0OIl", made + b"\n", made * 40):
        assert checks.base58check(Candidate(other, b""))


def test_base58check_of_a_published_key() -> None:  # en.bitcoin.it/wiki/Wallet_import_format
    body = bytes.fromhex("800c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d")
    assert checksums.base58check(body).startswith(b"5HueCGU8rMjx")


@given(st.integers(0, 10**15))
def test_luhn(number: int) -> None:
    passing = [digit for digit in range(10) if not checks.luhn(Candidate(b"%d%d" % (number, digit), b""))]
    assert len(passing) == 1


def test_luhn_of_known_numbers() -> None:
    assert not checks.luhn(Candidate(b"7992 7398 713", b""))
    for other in (b"", b"0", b"79927398710", b"7992739871x"):
        assert checks.luhn(Candidate(other, b""))


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(min_size=32, max_size=32), st.data())
def test_macaroons(location: bytes, identifier: bytes, signature: bytes, data: st.DataObject) -> None:
    made = checksums.macaroon(location, identifier, signature)
    assert checksums.is_macaroon(made)
    caveat = made[: -len(signature) - 3] + b"\x02\x03abc\0\0\x06\x20" + signature
    assert checksums.is_macaroon(caveat)
    for other in (made[:-1], made + b"x", b"\1" + made[1:], made[: data.draw(st.integers(0, len(made) - 1))], b""):
        assert not checksums.is_macaroon(other)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_asked(value: bytes) -> None:
    assert checksums.is_macaroon(b"\2" + value) in (True, False)
    assert checksums.is_base58check(value) in (True, False)
    assert checksums.is_luhn(value) in (True, False)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uuid", b"123e4567-e89b-12d3-a456-426614174000"), ("hex", b"a8f5f167f44f4964"), ("path", b"/usr/lib/x.so"),
     ("path", b"src/app/main.py"), ("identifier", b"getAccessToken"), ("identifier", b"MAX_TOKENS_PER_DAY"),
     ("url", b"https://acme.test/x"), ("email", b"jane@acme.test"), ("number", b"12345.67"), ("date", b"2026-11-21"),
     ("word", b"Authorization")],
)  # fmt: skip
def test_kinds_of_harmless_values(kind: str, value: bytes) -> None:
    assert checks.reject((kind,))(Candidate(value, value))
    assert not checks.reject((kind,))(Candidate(b"kJ8sd7f6K+JHd9s8/f7==", b""))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("entropy", "much", "number of bits"), ("needs", ["vowel"], "does not know 'vowel'"), ("needs", "digit", "list"),
     ("magic", True, "there is no check"), ("jwt", 3, "true or false"), ("checksum", "md5", "does not know")],
)  # fmt: skip
def test_bad_parameters_are_refused(name: str, value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        checks.build(name, value)


NAMED = [
    (b"LINKT_API_KEY=", b"LINKT_API_KEY"), (b'  "api_key": "', b"api_key"), (b'Linkt(api_key="', b"api_key"),
    (b'curl -H "x-api-key: ', b"x-api-key"), (b"Authorization: Bearer ", b"Authorization"), (b"--token ", b"token"),
    (b"--api-key=", b"api-key"), (b'set("NAME", "', b"NAME"), (b"<password>", b"password"),
    (b"ENV FOO_TOKEN ", b"FOO_TOKEN"), (b"- name: X_TOKEN\n  value: ", b"X_TOKEN"),
    (b'variable "my_secret" {\n  default = "', b"my_secret"), (b"const apiKey = '", b"apiKey"),
    (b'foo["api_key"] = "', b"api_key"), (b'password = b"', b"password"), (b'process.env.KEY || "', b"process.env.KEY"),
    (b"  key:\n    ", b"key"), (b'const TOKEN: &str = "', b"TOKEN"), (b'apiKey: string = "', b"apiKey"),
    (b'"Authorization": "Bot ', b"Authorization"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "name"), NAMED, ids=[text.decode() for text, _ in NAMED])
def test_the_name_of_a_value(before: bytes, name: bytes) -> None:
    assert naming.assigned_name(before + b"VALUE", len(before)) == name


@pytest.mark.parametrize("before", [b"", b"a; ", b"1 + ", b"== ", b"name\n"])
def test_a_value_without_a_name(before: bytes) -> None:
    assert naming.assigned_name(before + b"VALUE", len(before)) is None


@pytest.mark.parametrize("name", [b"api_key", b"X-Auth-Token", b"Authorization", b"dbPassword", b"client_secret"])
def test_names_that_sound_secret(name: bytes) -> None:
    assert naming.sounds_secret(name)


@pytest.mark.parametrize(
    "name", [b"key_id", b"commit_sha", b"token_url", b"public_key", b"passwordHash", b"csrf_token", b"sha256"]
)
def test_names_that_do_not(name: bytes) -> None:
    assert not naming.sounds_secret(name)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_naming_never_fails(data: bytes, at: int) -> None:
    name = naming.assigned_name(data, min(at, len(data)))
    assert name is None or name in data


@pytest.mark.parametrize(
    ("text", "fits"),
    [(b"CLOUDFLARE_TOKEN", True), (b"cloudflareToken", True), (b"api.cloudflare.com", True), (b"myCloudflare", True),
     (b"cloudflared", False), (b"xcloudflare", False), (b"cloudflareapikey", True)],
)  # fmt: skip
def test_words_and_parts_of_identifiers(text: bytes, fits: bool) -> None:
    at = text.lower().index(b"cloudflare")
    assert naming.stands_as_word(text, at, at + len(b"cloudflare")) is fits

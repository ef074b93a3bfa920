"""Keys in disguise are found, and shown in no disguise."""

from __future__ import annotations

import base64
import gzip
import urllib.parse
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import decode
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin

LINE = b"config: token = "


def find(matcher: Matcher, data: bytes) -> list[Finding]:
    return [f for f in matcher.find(Chunk(data, Origin("t"))) if f.rule_id == "logtalk-api-key"]


WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda text: text,
    "utf-16 with mark": lambda text: text.decode().encode("utf-16"),
    "utf-16 little": lambda text: text.decode().encode("utf-16-le"),
    "utf-16 big": lambda text: text.decode().encode("utf-16-be"),
    "utf-16 in a binary": lambda text: b"\x7fELF\x00\x01\xff\xfe" * 9 + text.decode().encode("utf-16-le") + b"\xff\x00",
    "base64": base64.b64encode,
    "base64 without padding": lambda text: base64.b64encode(text).rstrip(b"="),
    "base64 for urls": base64.urlsafe_b64encode,
    "base64 in lines": lambda text: base64.encodebytes(b"some text before, long enough for two lines: " * 2 + text),
    "base64 in base64": lambda text: base64.b64encode(base64.b64encode(text)),
    "base64 of utf-16": lambda text: base64.b64encode(text.decode().encode("utf-16-le")),
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text, mtime=0)),
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(text)),
    "hexadecimal": lambda text: text.hex().encode(),
    "percent": lambda text: urllib.parse.quote(text).encode(),
    "percent everything": lambda text: b"".join(b"%%%02X" % value for value in text),
    "unicode escapes": lambda text: b"".join(b"\\u%04x" % value for value in text),
    "some unicode escapes": lambda text: b'"' + text.replace(b"_", b"\\u005f") + b'"',
    "byte escapes": lambda text: b"".join(b"\\x%02x" % value for value in text),
    "behind an escaped newline": lambda text: b'"first\\n' + text + b'"',
    "behind a colour": lambda text: b"\x1b[31m" + text + b"\x1b[0m",
    "latin-1 around": lambda text: "schlüssel=".encode("latin-1") + text + b"\xe9",
    "behind NUL": lambda text: b"\x00" + text + b"\x00",
    "long line": lambda text: b"x" * 300_000 + b" " + text + b" " + b"y" * 300_000,
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_key_is_found_and_hidden(
    wrap: Callable[[bytes], bytes], matcher: Matcher, new_key: Callable[..., Fake]
) -> None:
    key = new_key("logtalk-api-key", "live")
    data = b"first line\n" + wrap(key.key) + b"\nlast line\n"
    found = find(matcher, data)
    assert [f.secret.reveal() for f in found] == [key.secret]
    assert key.secret.decode() not in found[0].text
    assert wrap(key.key).decode("latin-1") not in found[0].text


def test_location_of_a_wide_text_is_exact(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("logtalk-api-key", "test")
    data = ("one\ntwo = " + key.key.decode()).encode("utf-16-le")
    (found,) = find(matcher, data)
    assert data[found.location.start : found.location.end].decode("utf-16-le") == key.key.decode()
    assert found.environment == "test"
    assert found.decoded == ("utf-16",)


def test_lines_that_only_look_like_one_text_are_read_one_by_one() -> None:
    line = base64.b64encode(b"some text that is long enough to be taken for it")
    for between in (b"\n" + b" " * 100, b"=\n", b"\n" + b"+ " * 50):
        data = line + between + line + b"\n"
        second = data.rindex(line)
        assert {(view.start, view.end) for view in decode.views(data, second + 9, len(data))} == {(second, second + 64)}


def test_a_bomb_is_bounded() -> None:
    bomb = base64.b64encode(gzip.compress(b"\0" * (64 << 20), mtime=0))
    assert all(len(view.data) <= decode.MAX_DECODED for view in decode.views(bomb, 0, len(bomb)))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000), st.data())
def test_views_never_fail_and_stay_inside(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    for view in decode.views(data, start, end):
        assert 0 <= view.start < view.end <= len(data)
        assert len(view.data) <= decode.MAX_DECODED
        low, high = view.span(0, len(view.data))
        assert view.start <= low <= high <= view.end

"""Log files: compressed, rotated, followed; times and fields of lines."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from scanner.cli import run
from scanner.fakes import Fake
from scanner.log_record import record_at
from scanner.models import Chunk, Record, Skipped
from scanner.sources.log_files import Logs
from scanner.sources.log_follow import Followed
from scanner.sources.log_text import readable, reader
from tests.commands import WAIT

NewKey = Callable[..., Fake]
TIME = "2026-11-22T03:04:05.123Z"


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key("github-personal-access-token").key.decode()


def found(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, list[dict[str, Any]], str]:
    code = run(["logs", *args, "--report", "json", "--no-config"])
    out, err = capsys.readouterr()
    return code, json.loads(out)["findings"], out + err


# --- what a line says of itself ---


@pytest.mark.parametrize(
    ("line", "time", "field"),
    [
        (f"{TIME} INFO calling KEY", TIME, ""),
        ("2026-11-22 03:04:05,123 - app - ERROR - KEY", "2026-11-22 03:04:05,123", ""),
        ("Nov 22 03:04:06 host app[12]: token KEY", "Nov 22 03:04:06", ""),
        (f"<34>1 {TIME} host app - ID47 - KEY", TIME, ""),
        ('1.2.3.4 - - [22/Nov/2026:03:04:07 +0000] "GET /a?access_token=KEY HTTP/1.1" 200',
         "22/Nov/2026:03:04:07 +0000", "access_token"),
        (f'time={TIME} level=info token="KEY" msg=x', TIME, "token"),
        ("> Authorization: Bearer KEY", "", "authorization"),
        ("< set-cookie: session=KEY; Path=/", "", "session"),
        (f"{TIME} x-api-key: KEY", TIME, "x-api-key"),
        ('{"time": "2026-11-22T03:04:08Z", "http": {"headers": [{"authorization": "token KEY"}]}}',
         "2026-11-22T03:04:08Z", "http.headers[0].authorization"),
        ('{"ts": 1763780649.25, "msg": "KEY"}', "2025-11-22T03:04:09.250Z", "msg"),
        ('{"timestamp": 1763780649250, "msg": "KEY"}', "2025-11-22T03:04:09.250Z", "msg"),
        ('{"@timestamp": "2026-11-22T03:04:08.000Z", "KEY": 1}', "2026-11-22T03:04:08.000Z", "KEY"),
        (f'{TIME} web {{"msg": "KEY"}}', TIME, "msg"),
        ("nothing but KEY", "", ""),
        ('{"ts": NaN, "time": true, "msg": "KEY"}', "", "msg"),
        ('{"ts": 1e300, "msg": "KEY"}', "", "msg"),
    ],
)  # fmt: skip
def test_a_line_tells_its_time_and_its_field(line: str, time: str, field: str) -> None:
    data = f"before {TIME[:4]}\n{line}\nafter\n".encode()
    at = data.find(b"KEY")
    assert record_at(data, at, at + 3) == Record(time, field)


def test_an_entry_of_a_journal_tells_its_time() -> None:
    data = b"__CURSOR=a\n__REALTIME_TIMESTAMP=1763780000000000\nMESSAGE=x\n\n"
    data += b"__CURSOR=b\n__REALTIME_TIMESTAMP=1763780649250000\n_HOSTNAME=h\nMESSAGE=login with KEY\n\n"
    at = data.find(b"KEY")
    assert record_at(data, at, at + 3) == Record("2025-11-22T03:04:09.250Z", "MESSAGE")


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 40))
def test_any_bytes_are_a_line(data: bytes, start: int, length: int) -> None:
    told = record_at(data, min(start, len(data)), min(start + length, len(data)))
    assert isinstance(told.time, str)
    assert isinstance(told.field, str)


def test_a_hostile_line_is_looked_at_within_bounds() -> None:
    line = b'{"a":' * 200_000 + b"KEY" + b" a=" * 100_000
    at = line.find(b"KEY")
    assert record_at(line, at, at + 3) == Record("", "")
    assert record_at(b"x=" * 500_000 + b"KEY", 1_000_000, 1_000_003).time == ""


# --- the text of a log ---


@given(st.binary(max_size=2000), st.lists(st.integers(1, 97), min_size=1, max_size=20))
def test_text_is_the_same_however_it_is_read(data: bytes, sizes: list[int]) -> None:
    pieces = iter([*(sizes * 2000)])
    at = 0

    def read(_: int) -> bytes:
        nonlocal at
        piece = data[at : at + next(pieces)]
        at += len(piece)
        return piece

    give = reader(read)
    out = b""
    while piece := give(50):
        out += piece
    if b"\x1b" not in data:  # without control sequences nothing is taken off
        assert out == data
    assert out.count(b"\n") == data.count(b"\n")


def test_a_private_key_behind_times_is_one_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, what = base64.b64encode(b"\x30\x82\x02\x5c" + os.urandom(604)).decode(), "RSA PRIVATE KEY"
    rows = (body[at : at + 64] for at in range(0, len(body), 64))
    pem = [f"-----BEGIN {what}-----", *rows, f"-----END {what}-----"]
    log = tmp_path / "job.log"
    lines = enumerate(["start", *pem, "end"])
    log.write_text("".join(f"2026-11-22T03:04:{number % 60:02}.1234567Z {line}\n" for number, line in lines))
    code, findings, shown = found(capsys, str(log))
    assert code == 1
    assert [(one["rule"], one["line"], one["end_line"] - one["line"] >= len(pem) - 2) for one in findings] == [
        ("privatekey-rsa", 2, True)
    ]
    assert not any(line in shown for line in pem if len(line) > 40)


def test_colours_inside_of_a_key(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text(f"\x1b[32mTOKEN\x1b[0m={key[:12]}\x1b[31;1m{key[12:]}\x1b[0m\n")
    code, findings, shown = found(capsys, str(tmp_path))
    assert (code, [one["rule"] for one in findings]) == (1, ["github-personal-access-token"])
    assert key[12:] not in shown


def test_lines_keep_their_numbers() -> None:
    data = b"a\nx -----BEGIN RSA PRIVATE KEY-----\nx AAAA\nx -----END RSA PRIVATE KEY-----\nx b\n\x1b[1mc\x1b[0m\n"
    assert readable(data) == (
        b"a\nx -----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\nx b\nc\n"
    )


# --- files ---


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, _zst])
def test_compressed_and_rotated(
    pack: Callable[[bytes], bytes], key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = b"filler\n" * 5000 + f"{TIME} token={key}\n".encode()
    (tmp_path / "app.log.7").write_bytes(pack(text))  # the name says nothing
    code, findings, shown = found(capsys, str(tmp_path))
    assert code == 1
    (one,) = findings
    assert (one["kind"], one["line"], one["record"]) == ("log", 5001, {"time": TIME, "field": "token"})
    assert key[4:] not in shown


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, _zst])
def test_damage_is_told_and_what_came_before_it_is_read(
    pack: Callable[[bytes], bytes], key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = pack(f"token={key}\n".encode() + os.urandom(3 << 20))
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "rubbish").write_bytes(whole[:6] + os.urandom(400))
    code, findings, _ = found(capsys, str(tmp_path / "rubbish"))
    assert (code, findings) == (3, [])
    code, findings, _ = found(capsys, str(tmp_path / "cut"))
    assert (code, [one["line"] for one in findings]) == (1, [1])
    assert any(isinstance(item, Skipped) for item in Logs([str(tmp_path / "cut")]).chunks())


def test_what_is_left_of_a_short_log_is_read(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress(f"token={key}\n".encode())
    for name, content in (("trailer", whole[:-4]), ("sum", whole[:-8] + bytes(8))):
        (tmp_path / name).write_bytes(content)
        code, findings, shown = found(capsys, str(tmp_path / name))
        assert (code, [one["line"] for one in findings]) == (1, [1])
        assert "damaged gzip: reading stopped before its end" in shown


def test_logs_are_unpacked_three_times_over(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = f"token={key}\n".encode()
    for number, pack in enumerate([gzip.compress, bz2.compress, gzip.compress, lzma.compress], 1):
        packed = pack(packed)
        (tmp_path / "a.log.gz").write_bytes(packed)
        code, _, shown = found(capsys, str(tmp_path))
        assert (code, "compressed more than 3 times over" in shown) == ((3, True) if number > 3 else (1, False))
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(gzip.compress(b"nothing" * 1000)[:-9]))
    code, _, shown = found(capsys, str(tmp_path))
    assert (code, "damaged gzip in gzip: reading stopped before its end" in shown) == (3, True)


def test_two_members_are_one_log(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(f"token={key}\n".encode()))
    code, findings, _ = found(capsys, str(tmp_path))
    assert (code, [one["line"] for one in findings]) == (1, [2])


def test_standard_input(key: str) -> None:
    packed = gzip.compress(f"{TIME} {key}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "scanner", "logs", "-", "--no-config", "--quiet"],
        input=packed, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"stdin:1:26: critical" in done.stdout
    assert key.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-", "a.log"], "stands alone"),
        (["a.log", "--from-start"], "--from-start is for --follow"),
        (["-", "--follow"], "cannot be followed"),
        (["a.log", "--follow", "--report", "json"], "--follow prints lines"),
        (["nowhere.log"], "no such file"),
    ],
)
def test_what_makes_no_sense_is_said(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", *args, "--no-config"]) == 2
    assert said in capsys.readouterr().err


# --- following ---


def texts(items: Iterator[Chunk | Skipped]) -> list[bytes | str]:
    return [item.data[item.start : item.end] if isinstance(item, Chunk) else item.reason for item in items]


def test_what_is_appended_is_news(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"old\n")
    followed = Followed(str(log))
    assert texts(followed.news()) == []
    with log.open("ab") as file:
        file.write(b"new\nhalf")
    assert texts(followed.news()) == [b"new\n"]
    with log.open("ab") as file:
        file.write(b" line\n")
    (chunk,) = followed.news()
    assert isinstance(chunk, Chunk)
    assert (chunk.data, chunk.start, chunk.line) == (b"old\nnew\nhalf line\n", 8, 1)
    followed.close()


def test_rotation_loses_nothing_and_truncation_begins_anew(tmp_path: Path) -> None:
    log, now = tmp_path / "a.log", [0.0]
    log.write_bytes(b"old\n")
    followed = Followed(str(log), clock=lambda: now[0])
    assert texts(followed.news()) == []
    with log.open("ab") as writer:
        log.rename(tmp_path / "a.log.1")
        writer.write(b"late\n")
        writer.flush()
        assert texts(followed.news()) == [b"late\n"]
        log.write_bytes(b"first of the new\n")
        assert texts(followed.news()) == [b"first of the new\n"]
        writer.write(b"later still\n")
        writer.flush()
        assert texts(followed.news()) == [b"later still\n"]
    now[0] = 60.0
    assert texts(followed.news()) == []
    log.write_bytes(b"cut\n")  # the same file, shorter
    assert texts(followed.news()) == [b"cut\n"]
    followed.close()


def test_a_file_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    followed = Followed(str(log))
    assert texts(followed.news()) == ["there is no such file; waiting for it"]
    assert texts(followed.news()) == []
    log.write_bytes(b"here\n")
    assert texts(followed.news()) == [b"here\n"]
    followed.close()


def test_what_came_and_went_while_the_file_before_it_was_left_is_read(tmp_path: Path) -> None:
    log, asked = tmp_path / "a.log", [0]

    def clock() -> float:
        """Asked for a second time when the first file has been left, and before the next one is opened."""
        asked[0] += 1
        if asked[0] == 2:
            log.rename(tmp_path / "a.log.2")
            log.write_bytes(b"third\n")
        return 0.0

    log.write_bytes(b"")
    followed = Followed(str(log), clock=clock)
    with log.open("ab") as file:
        file.write(b"first\n")
    log.rename(tmp_path / "a.log.1")
    log.write_bytes(b"second\n")
    assert texts(followed.news()) == [b"first\n", b"second\n", b"third\n"]
    followed.close()


def test_a_service_is_followed_through_rotations(key: str, tmp_path: Path) -> None:
    """A writer of 6,000 lines that rotates its log every 1,000, and a key on every 500th: each is printed once."""
    log = tmp_path / "service.log"
    log.write_text("")
    follow = subprocess.Popen(
        [sys.executable, "-m", "scanner", "logs", "--follow", str(log), "--no-config"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follow.stderr is not None
    assert follow.stdout is not None
    assert "following" in follow.stderr.readline()

    def serve() -> None:
        for number in range(6000):
            if number % 1000 == 999:
                log.rename(tmp_path / f"service.log.{number}")
                time.sleep(0.3)
            with log.open("a") as file:
                told = f" token={key}" if number % 500 == 0 else ""
                file.write(f"{TIME} request {number}{told}\n")

    service = threading.Thread(target=serve)
    service.start()
    lines = [follow.stdout.readline() for _ in range(12)]
    service.join()
    time.sleep(0.5)
    follow.send_signal(signal.SIGINT)
    rest, said = follow.communicate(timeout=WAIT)
    assert (rest, follow.returncode) == ("", 1)
    assert all(f"({TIME}, token)" in line for line in lines)
    assert key not in "".join(lines) + said

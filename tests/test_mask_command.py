"""`keysweep mask` as people run it: in pipes, on terminals, over files, with readers that go away."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pty
import signal
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from scanner.fakes import Fake
from scanner.models import MASK
from tests.commands import KEYSWEEP, Piped, piped

NewKey = Callable[..., Fake]
STARS = MASK.encode()

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def key(new_key: NewKey) -> bytes:
    return new_key("github-personal-access-token").key


def run(*arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [*KEYSWEEP, "mask", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, env={**os.environ, **(env or {})})


def started() -> AbstractContextManager[Piped]:
    return piped([*KEYSWEEP, "mask"])


def test_standard_input_to_standard_output(key: bytes) -> None:
    data = b"\xff\r\n\x1b[1mtoken=" + key + b"\x1b[0m\r\n\0no line feed " + key
    done = run(stdin=data)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == data.replace(key, b"ghp_" + STARS)


def test_files_one_after_the_other(tmp_path: Path, key: bytes) -> None:
    Path("a.log").write_bytes(b"a " + key + b"\n")
    Path("b.log").write_bytes(b"b without")
    done = run("a.log", "-", "b.log", stdin=b"from a pipe " + key + b"\n")
    assert done.stdout == b"a ghp_" + STARS + b"\nfrom a pipe ghp_" + STARS + b"\nb without"


def test_much_at_once(key: bytes) -> None:
    line = b"2026-11-22T10:00:00Z INFO request 17 took 12 ms\n"
    data = (line * 20_000 + b"token=" + key + b"\n") * 3
    assert run(stdin=data).stdout == data.replace(key, b"ghp_" + STARS)


def test_the_report_and_the_exit_code(key: bytes) -> None:
    data = b"one\ntoken=" + key + b"\n\ntoken=" + key + b" " + key + b"\n"
    done = run("--report", "--fail", stdin=data)
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "keysweep: masked 3 stretches\n       3  github-personal-access-token  line 2, 4\n"
    )
    assert run("--fail", stdin=b"nothing\n").returncode == 0
    assert run("--report", stdin=b"nothing\n").stderr == b"keysweep: nothing was masked\n"


def test_known_secrets(tmp_path: Path) -> None:
    Path("known").write_bytes(b"open-sesame-17\nxy\n\nsimsalabim-99\n")
    data = b"hello tr0ub4dor-and-3, open-sesame-17 and simsalabim-99, xy\n"
    environment = {"SHOP_PASSWORD": "tr0ub4dor-and-3"}
    assert run(stdin=data, env=environment).stdout == b"hello " + STARS + b", open-sesame-17 and simsalabim-99, xy\n"
    done = run("--known", "known", stdin=data, env=environment)
    assert done.stdout == b"hello " + STARS + b", " + STARS + b" and " + STARS + b", xy\n"
    assert done.stderr == b"keysweep: known: not masked, because too short or too common: line 2\n"
    assert run("--no-env", stdin=data, env=environment).stdout == data


def test_rules_of_ones_own(tmp_path: Path) -> None:
    shipped = Path(__file__).parent.parent / "rules" / "logtalk.yaml"
    Path("acme.yaml").write_text(shipped.read_text().replace("logtalk", "acme").replace("lt_", "ac_"))
    token = "ac_live_" + "0a1b2c3d4e5f6g7h8i9j" + "q1w2e3r4t5y6"
    assert run("--rules", "acme.yaml", stdin=f"see {token}\n".encode()).stdout == f"see ac_live_{MASK}\n".encode()


# --- line by line ---


def test_every_line_comes_out_when_it_went_in(key: bytes) -> None:
    with started() as process:
        for line in (b"first\n", b"token=" + key + b"\n", b"second\r\n", b"\n"):
            process.say(line)
            assert process.told(line[-1:]) == line.replace(key, b"ghp_" + STARS)


def test_a_prompt_comes_out_without_a_line_feed() -> None:
    with started() as process:
        process.say(b"Continue? [y/N] ")
        assert process.told(b"[y/N] ") == b"Continue? [y/N] "
        process.say(b"yes\n")
        assert process.told(b"\n") == b"yes\n"


def test_half_a_key_stays_until_the_other_half_comes(key: bytes) -> None:
    with started() as process:
        process.say(b"token=" + key[:20])
        time.sleep(0.3)
        assert process.silent(0)
        process.say(key[20:] + b"\n")
        assert process.told(b"\n") == b"token=ghp_" + STARS + b"\n"


def test_what_was_held_comes_out_at_the_end() -> None:
    with started() as process:
        process.say(b"-----BEGIN RSA PRIVATE " + b"KEY-----\n")
        process.stdin.close()
        assert process.told(b"KEY-----\n").endswith(b"KEY-----\n")
        assert process.wait() == 0


# --- ends ---


def test_a_reader_that_goes_away(key: bytes) -> None:
    with started() as process:
        process.say(b"first " + key + b"\n")
        process.told(b"\n")
        process.stdout.close()
        process.say(b"second\n")
        assert process.wait() == 2
        assert process.stderr.read() == b""


def test_the_first_interrupt_is_the_producers(key: bytes) -> None:
    with started() as process:
        process.say(b"before\n")
        process.told(b"\n")
        process.signal(signal.SIGINT)
        time.sleep(0.2)
        process.say(b"last words " + key + b"\n")
        assert process.told(b"\n") == b"last words ghp_" + STARS + b"\n"
        process.stdin.close()
        assert process.wait() == 130


def test_the_second_interrupt_ends(key: bytes) -> None:
    with started() as process:
        process.say(b"before\n")
        process.told(b"\n")
        process.signal(signal.SIGINT)
        process.say(b"after the first\ntoken=" + key)
        process.told(b"first\n")
        process.signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stdout.read() == b"token=ghp_" + STARS


def test_on_a_terminal(key: bytes) -> None:
    """What is typed on a terminal comes back line by line."""
    ours, theirs = pty.openpty()
    with piped([*KEYSWEEP, "mask"], stdin=theirs) as process:
        os.close(theirs)
        assert process.stderr.readline() == b"keysweep: reading the terminal; end with Ctrl-D\n"
        os.write(ours, b"token=" + key + b"\n")
        assert process.told(b"\n") == b"token=ghp_" + STARS + b"\n"
        os.write(ours, b"\x04")
        assert process.wait() == 0
    os.close(ours)


# --- files in place ---


def test_a_file_in_place(tmp_path: Path, key: bytes) -> None:
    file = Path("app.log")
    file.write_bytes(b"token=" + key + b"\r\n")
    file.chmod(0o640)
    done = run("--in-place", "--backup", ".orig", "app.log")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert file.read_bytes() == b"token=ghp_" + STARS + b"\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert Path("app.log.orig").read_bytes() == b"token=" + key + b"\r\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.log", "app.log.orig"]


def test_a_file_without_secrets_is_not_touched(tmp_path: Path) -> None:
    file = Path("app.log")
    file.write_bytes(b"nothing\n")
    before = file.stat()
    assert run("-i", "app.log", "--backup", ".orig").returncode == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in tmp_path.iterdir()] == ["app.log"]


def test_a_link_stays_one(tmp_path: Path, key: bytes) -> None:
    Path("real.log").write_bytes(key)
    Path("link.log").symlink_to("real.log")
    assert run("-i", "link.log").returncode == 0
    assert Path("link.log").is_symlink()
    assert Path("real.log").read_bytes() == b"ghp_" + STARS


def test_a_file_of_two_names_is_left_as_it_is(key: bytes) -> None:
    Path("app.log").write_bytes(key)
    os.link("app.log", "other.log")
    done = run("-i", "app.log", "--fail")
    assert done.returncode == 3
    assert b"app.log: has another name (hard links)" in done.stderr
    assert b"keysweep mask FILE > NEW" in done.stderr
    assert Path("app.log").read_bytes() == Path("other.log").read_bytes() == key
    Path("app.log").write_bytes(b"nothing to hide\n")
    assert run("-i", "app.log").returncode == 0


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
UNPACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_is_masked_and_packed_again(kind: str, key: bytes) -> None:
    file = Path(f"app.log.{kind}")
    file.write_bytes(PACKERS[kind](b"token=" + key + b"\n") + PACKERS[kind](b"second part " + key + b"\r\n"))
    plain = b"token=ghp_" + STARS + b"\nsecond part ghp_" + STARS + b"\r\n"
    shown = run(file.name)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, plain, b"")
    assert run("-i", file.name, "--backup", ".orig").returncode == 0
    assert UNPACKERS[kind](file.read_bytes()) == plain
    assert key in UNPACKERS[kind](Path(f"{file.name}.orig").read_bytes())
    before = file.stat()
    assert run("-i", file.name).returncode == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_packed_file_that_wants_more_memory_than_there_is(key: bytes) -> None:
    whole = bytearray(lzma.compress(b"token=" + key))
    assert whole[12:16] == b"\x02\0\x21\x01"
    whole[16] = 40  # 4 GiB for the dictionary
    whole[20:24] = zlib.crc32(whole[12:20]).to_bytes(4, "little")
    file = Path("app.log.xz")
    file.write_bytes(whole)
    code = """if True:
        import resource, runpy, sys
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        sys.argv[1:] = ["mask", "app.log.xz"]
        runpy.run_module("scanner", run_name="__main__")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "app.log.xz: cannot be unpacked (xz): that takes more memory than there is" in done.stderr


@pytest.mark.parametrize("time", [-86_400, 1 << 33])
def test_a_packed_file_of_a_time_that_its_format_cannot_say(time: int, key: bytes) -> None:
    file = Path("app.log.gz")
    file.write_bytes(gzip.compress(b"token=" + key))
    os.utime(file, (time, time))
    done = run("-i", file.name)
    assert (done.returncode, done.stderr) == (0, b"")
    assert gzip.decompress(file.read_bytes()) == b"token=ghp_" + STARS


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_that_is_damaged_stays(kind: str, key: bytes) -> None:
    file = Path(f"app.log.{kind}")
    whole = PACKERS[kind](os.urandom(5000) + key)
    for damaged in (whole[:-20], whole[:2000] + bytes(50) + whole[2050:]):
        file.write_bytes(damaged)
        done = run("-i", file.name)
        assert done.returncode == 3
        assert b"it is damaged or cut short" in done.stderr
        assert file.read_bytes() == damaged
        assert run(file.name).returncode == 3


def test_what_cannot_be_unpacked_is_refused(key: bytes) -> None:
    for name, data in (("a.zip", b"PK\x03\x04" + key), ("a.zst", b"\x28\xb5\x2f\xfd" + key),
                       ("a.gz", gzip.compress(gzip.compress(key)))):  # fmt: skip
        Path(name).write_bytes(data)
        for arguments in (("-i", name), (name,)):
            done = run(*arguments)
            assert (done.returncode, done.stdout) == (3, b"")
            assert b"unpack it first" in done.stderr
        assert Path(name).read_bytes() == data
    done = run(stdin=gzip.compress(key))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the input is packed (gzip)" in done.stderr


def test_what_could_not_be_written_is_no_success(key: bytes) -> None:
    Path("app.log").write_bytes(key)
    for arguments in (("mask", "app.log"), ("run", "--", "cat", "app.log")):
        with Path("app.log").open("rb") as refusing:  # as a full disk does
            done = subprocess.run([*KEYSWEEP, *arguments], stdout=refusing, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2
        assert b"output could not be written, and is lost: " in done.stderr
        assert done.stderr.count(b"\n") == 1


def test_what_cannot_be_masked_is_named_and_the_rest_is_done(tmp_path: Path, key: bytes) -> None:
    Path("good.log").write_bytes(key)
    Path("kept.log").write_bytes(key)
    Path("kept.log.orig").write_bytes(b"older")
    Path("folder").mkdir()
    done = run("-i", "missing.log", "folder", "kept.log", "good.log", "--backup", ".orig")
    assert done.returncode == 3
    said = done.stderr.decode()
    assert [line.split(": ")[1:3] for line in said.splitlines()] == [
        ["not masked", "missing.log"], ["not masked", "folder"], ["not masked", "kept.log"],
    ]  # fmt: skip
    assert Path("good.log").read_bytes() == b"ghp_" + STARS
    assert Path("kept.log").read_bytes() == key
    assert Path("kept.log.orig").read_bytes() == b"older"
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "arguments",
    [("-i",), ("-i", "-"), ("--backup", ".x", "a"), ("-i", "a", "--backup", ""), ("-i", "a", "--backup", "/x")],
)
def test_wrong_use_is_one_sentence(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(b"keysweep: ")
    assert done.stderr.count(b"\n") == 1


def test_a_key_as_a_file_name_is_quoted_by_no_error(key: bytes) -> None:
    done = run(key.decode())
    assert done.returncode == 3
    assert key not in done.stderr

"""`keysweep run`: a command with masked output that ends, stops, and behaves on a terminal as it would by itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from scanner.cli import pipes
from scanner.fakes import Fake
from scanner.masker import Masker
from scanner.models import MASK
from scanner.rule import RuleSet
from scanner.stretch import Stretches
from tests.commands import KEYSWEEP, WAIT, Piped, piped

NewKey = Callable[..., Fake]
STARS = MASK.encode()

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key("github-personal-access-token").key.decode()


def run(script: str, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [*KEYSWEEP, "run", *options, "--", "sh", "-c", script]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **(env or {})}, timeout=WAIT)


def test_output_and_errors_each_by_itself(key: str) -> None:
    done = run(f"echo one {key}; echo two {key} >&2; printf 'no line feed {key}'")
    assert done.stdout == b"one ghp_" + STARS + b"\nno line feed ghp_" + STARS
    assert done.stderr == b"two ghp_" + STARS + b"\n"


@pytest.mark.parametrize("code", [0, 1, 3, 77, 255])
def test_the_exit_code_is_the_commands(code: int) -> None:
    assert run(f"exit {code}").returncode == code


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV"])
def test_a_signal_that_ends_the_command_ends_us(name: str) -> None:
    assert run(f"kill -{name} $$").returncode == -getattr(signal, f"SIG{name}")


def test_commands_that_cannot_be_run(tmp_path: Path, key: str) -> None:
    Path("no-program").write_text("x")
    for command, code in (("nosuch", 127), ("./no-program", 126), (key, 127)):
        done = subprocess.run([*KEYSWEEP, "run", command], capture_output=True, check=False)
        assert done.returncode == code
        assert re.fullmatch(rb"keysweep: [^\n]+\n", done.stderr)
        assert key.encode() not in done.stderr


def test_standard_input_is_the_commands() -> None:
    done = subprocess.run([*KEYSWEEP, "run", "cat"], input=b"a\0b\n", capture_output=True, check=True)
    assert done.stdout == b"a\0b\n"


def test_secrets_of_the_environment() -> None:
    environment = {"SHOP_TOKEN": "open sesame/17+x"}
    script = 'printf "%s|%s" "$SHOP_TOKEN" "open%20sesame%2F17%2Bx"; printf "user:%s" "$SHOP_TOKEN" | base64 >&2'
    done = run(script, env=environment)
    assert done.stdout == STARS + b"|" + STARS
    assert STARS in done.stderr
    assert run(script, "--no-env", env=environment).stdout == b"open sesame/17+x|open%20sesame%2F17%2Bx"


def test_the_report_tells_both(key: str) -> None:
    said = run(f"echo {key}; echo fine >&2", "--report").stderr.decode()
    assert said == (
        "fine\nkeysweep: output: masked 1 stretch\n       1  github-personal-access-token  line 1\n"
        "keysweep: errors: nothing was masked\n"
    )


def test_much_output_of_both_kinds_is_whole_and_in_order() -> None:
    done = run("i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done")
    assert done.stdout == b"".join(b"out %d\n" % number for number in range(3000))
    assert done.stderr == b"".join(b"err %d\n" % number for number in range(3000))


def started(script: str, through: Sequence[str] = (), **options: Any) -> contextlib.AbstractContextManager[Piped]:
    return piped([*through, *KEYSWEEP, "run", "--", "sh", "-c", script], **options)


def test_a_line_comes_out_when_it_was_written(key: str) -> None:
    with started(f"echo first {key}; read x; echo got $x") as process:
        assert process.told(b"\n") == b"first ghp_" + STARS + b"\n"
        process.say(b"it\n")
        assert process.told(b"\n") == b"got it\n"


def test_a_reader_that_goes_away_is_noticed_by_the_command() -> None:
    with started("trap '' PIPE; while echo y; do :; done; echo noticed >&2; exit 5") as process:
        assert process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert b"noticed\n" in process.stderr.read()
        assert process.wait() == 5


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_reach_the_command(name: str) -> None:
    with started(f"trap 'echo caught; exit 9' {name[3:]}; echo ready; while :; do sleep 0.05; done") as process:
        assert process.told(b"\n") == b"ready\n"
        process.signal(getattr(signal, name))
        assert process.told(b"\n") == b"caught\n"
        assert process.wait() == 9


MASKED_THREAD = """
import signal, sys, threading, time
from scanner.cli.child import Child
from scanner.masker import Masker

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = Child([sys.executable, "-c", sys.argv[1]], Masker(), Masker())
sys.stdout.write(f"ended with {child.run()}")
"""
UNMASKED_COMMAND = """
import signal, time
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
print("ready", flush=True)
time.sleep(600)
"""


def test_a_signal_that_comes_just_before_we_wait_is_not_slept_over() -> None:
    """Another thread takes it, so the waiting call goes on undisturbed: that is what a signal just before it does."""
    with piped([sys.executable, "-c", MASKED_THREAD, UNMASKED_COMMAND]) as process:
        assert process.told(b"\n") == b"ready\n"
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.stdout.read() == b"ended with -15"


IGNORING = ["sh", "-c", "trap '' HUP TERM; exec \"$@\"", "sh"]


def test_signals_that_whoever_started_us_ignores_stay_ignored() -> None:
    with started("echo ready; read x; echo got $x; exit 6", through=IGNORING) as process:
        assert process.told(b"\n") == b"ready\n"
        process.signal(signal.SIGHUP)
        process.signal(signal.SIGTERM)
        process.say(b"it\n")
        assert process.told(b"\n") == b"got it\n"
        assert process.wait() == 6


def test_an_interrupt_of_the_whole_group_waits_for_the_commands_last_words() -> None:
    script = "trap 'echo last words; exit 4' INT; echo ready; while :; do sleep 0.05; done"
    with started(script, start_new_session=True) as process:
        assert process.told(b"\n") == b"ready\n"
        os.killpg(process.process.pid, signal.SIGINT)
        assert process.told(b"\n") == b"last words\n"
        assert process.wait() == 4


def test_what_a_command_leaves_running_holds_nobody() -> None:
    done = run("sleep 600 & echo $!")  # whose time-out is less than that
    os.kill(int(done.stdout), signal.SIGTERM)


# --- on a terminal ---


class Screen:
    """A terminal with keysweep running on it."""

    def __init__(self, *command: str, rows: int = 33, columns: int = 99, through: Sequence[str] = ()) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            whole = [*through, *KEYSWEEP, "run", "--", *command]
            os.execvp(whole[0], whole)  # noqa: S606 - no shell is meant
        self.seen = b""

    def until(self, pattern: bytes) -> re.Match[bytes]:
        """Waits until something is on the screen."""
        end = time.monotonic() + WAIT
        while (found := re.search(pattern, self.seen)) is None:
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], self.seen
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                pytest.fail(f"it ended with {self.seen!r} on the screen")
        self.seen = self.seen[found.end() :]
        return found

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        end = time.monotonic() + WAIT
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, self.seen
            if select.select([self.master], [], [], 0.02)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.master, 65536)


@pytest.fixture
def screens() -> Iterator[Callable[..., Screen]]:
    made: list[Screen] = []

    def make(*command: str, **options: Any) -> Screen:
        made.append(Screen(*command, **options))
        return made[-1]

    yield make
    for screen in made:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(screen.pid, signal.SIGKILL)
            os.waitpid(screen.pid, 0)
        os.close(screen.master)


Screens = Callable[..., Screen]


def test_the_command_has_a_terminal_of_its_own_with_our_size(screens: Screens) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && stty size; exit 6"
    screen = screens("sh", "-c", script, rows=33, columns=99)
    screen.until(rb"33 99\r\n")
    assert screen.wait() == 6


def test_a_key_on_the_screen_is_masked(screens: Screens, key: str) -> None:
    screen = screens("sh", "-c", f"echo token={key}; echo done")
    assert screen.until(rb"token=(\S+)\r\n").group(1) == b"ghp_" + STARS
    screen.until(b"done")
    assert screen.wait() == 0


def test_what_is_typed_reaches_the_command(screens: Screens) -> None:
    screen = screens("sh", "-c", "printf 'your name: '; read name; echo hello $name")
    screen.until(b"your name: ")
    screen.type(b"anna\r")
    screen.until(b"hello anna\r\n")
    assert screen.wait() == 0


def test_a_password_is_typed_unseen(screens: Screens) -> None:
    script = "stty -echo; printf 'Password: '; read word; stty echo; echo; echo ${#word} characters"
    screen = screens("sh", "-c", script)
    screen.until(b"Password: ")
    screen.type(b"correct-horse\r")
    assert screen.until(rb"(?s)(.*)13 characters").group(1) == b"\r\n"


def test_a_new_size_is_handed_on(screens: Screens) -> None:
    screen = screens("sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    screen.until(b"ready")
    fcntl.ioctl(screen.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    screen.until(rb"50 120\r\n")


def gone(pid: int) -> bool:
    """Whether a process has ended within a while; nobody may have asked for its exit code yet."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        asked = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        state = asked.stdout
        if not state.strip() or state.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


LOOP = "trap 'stty size' WINCH; echo pids $$ $PPID; while :; do sleep 0.05; done"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_command_on_a_terminal_does_not_outlive_us(screens: Screens, name: str) -> None:
    screen = screens("sh", "-c", LOOP)
    found = screen.until(rb"pids (\d+) (\d+)")
    number = getattr(signal, name)
    os.kill(screen.pid, number)
    assert screen.wait() == -number
    assert all(gone(int(pid)) for pid in found.groups())


def test_the_process_between_hands_signals_on(screens: Screens) -> None:
    screen = screens("sh", "-c", LOOP)
    found = screen.until(rb"pids (\d+) (\d+)")
    os.kill(int(found.group(2)), signal.SIGTERM)
    assert screen.wait() == -signal.SIGTERM
    assert gone(int(found.group(1)))


def test_signals_that_are_ignored_stay_so_on_a_terminal(screens: Screens) -> None:
    screen = screens("sh", "-c", "echo pids $PPID; read x; echo got $x; exit 6", through=IGNORING)
    found = screen.until(rb"pids (\d+)")
    for pid in (screen.pid, int(found.group(1))):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGHUP)
    time.sleep(0.2)
    screen.type(b"it\r")
    screen.until(b"got it\r\n")
    assert screen.wait() == 6


def test_a_command_that_ignores_a_signal_on_a_terminal_is_waited_for(screens: Screens) -> None:
    screen = screens("sh", "-c", "trap '' TERM; echo ready; read x; exit 5")
    screen.until(b"ready")
    os.kill(screen.pid, signal.SIGTERM)
    time.sleep(0.3)
    screen.type(b"go on\r")
    assert screen.wait() == 5


def test_ctrl_c_is_the_commands(screens: Screens) -> None:
    screen = screens("sh", "-c", "trap 'echo caught; exit 8' INT; echo ready; while :; do sleep 0.05; done")
    screen.until(b"ready")
    screen.type(b"\x03")
    screen.until(b"caught")
    assert screen.wait() == 8


def test_ctrl_c_that_ends_the_command_ends_us_alike(screens: Screens) -> None:
    screen = screens("sh", "-c", "echo ready; exec sleep 600")
    screen.until(b"ready")
    time.sleep(0.2)
    screen.type(b"\x03")
    assert screen.wait() == -signal.SIGINT


def test_ctrl_z_stops_both_and_both_go_on(screens: Screens) -> None:
    screen = screens("bash", "-c", "echo ready; read x; echo got $x")
    screen.until(b"ready")
    time.sleep(0.2)
    screen.type(b"\x1a")
    end = time.monotonic() + WAIT
    pid, status = 0, 0
    while pid == 0:
        pid, status = os.waitpid(screen.pid, os.WNOHANG | os.WUNTRACED)
        assert time.monotonic() < end
        time.sleep(0.02)
    assert os.WIFSTOPPED(status)
    os.kill(screen.pid, signal.SIGCONT)
    time.sleep(0.2)
    screen.type(b"more\r")
    screen.until(b"got more")
    assert screen.wait() == 0


def test_the_terminal_is_afterwards_as_it_was_before(screens: Screens) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen([*KEYSWEEP, "run", "--", "stty", "raw", "-echo"], stdin=theirs, stdout=theirs, stderr=theirs,
                          start_new_session=True) as process:  # fmt: skip
        assert process.wait(WAIT) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)


def test_output_to_a_terminal_with_input_from_a_pipe() -> None:
    ours, theirs = pty.openpty()
    with started("cat; test -t 1 && echo terminal; test -t 2 || echo pipe >&2", stdout=theirs) as process:
        os.close(theirs)
        process.say(b"from a pipe\n")
        process.stdin.close()
        assert process.stderr.read() == b"pipe\n"
        assert process.wait() == 0
    said = b""
    with contextlib.suppress(OSError):  # as Linux tells that nobody has the other end any more
        while piece := os.read(ours, 4096):
            said += piece
    assert said.replace(b"\r\n", b"\n") == b"from a pipe\nterminal\n"
    os.close(ours)


# --- without pseudo-terminals ---


def test_two_pipes_and_two_threads(rules: RuleSet, key: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    made = Stretches(rules, "aho")
    script = f"import sys; print('{key}', flush=True); print('{key}', file=sys.stderr, flush=True); sys.exit(7)"
    assert pipes.run([sys.executable, "-c", script], Masker(stretches=made), Masker(stretches=made)) == 7
    said = capfdbinary.readouterr()
    assert (said.out, said.err) == (b"ghp_" + STARS + b"\n", b"ghp_" + STARS + b"\n")

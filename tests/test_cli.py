"""The command as people run it: real processes, their exit codes, what they say, and what they never say."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from scanner.cli.root import COMMANDS, keysweep
from scanner.fakes import Fake
from tests.commands import WAIT, until_idle
from tests.gitrepo import GitRepo

KEYSWEEP = str(Path(sys.executable).with_name("keysweep"))
RULE = "github-personal-access-token"


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    code: int
    out: str
    err: str


class Shell:
    """Runs keysweep in a folder. Whatever it runs: no traceback, no internal error, and no secret in any output."""

    def __init__(self, place: Path, secrets: list[bytes]) -> None:
        self.place, self.secrets = place, secrets

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {**kept, "HOME": str(self.place), "XDG_CONFIG_HOME": str(self.place / "config"), **more}

    def run(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
        done = subprocess.run(
            [KEYSWEEP, *words], input=stdin, capture_output=True, cwd=self.place, check=False,
            env=self.environment(**(env or {})),
        )  # fmt: skip
        self.check(done.stdout, done.stderr)
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def check(self, *outputs: bytes) -> None:
        for output in outputs:
            assert b"Traceback" not in output
            assert b"internal error" not in output
            assert not any(secret in output for secret in self.secrets)

    def check_files(self, *names: str) -> None:
        self.check(*((self.place / name).read_bytes() for name in names))


@pytest.fixture
def key(new_key: Callable[..., Fake]) -> Fake:
    return new_key(RULE)


@pytest.fixture
def repo(tmp_path: Path, key: Fake) -> GitRepo:
    """A repository with a key in a file that is committed, and a clean file."""
    repo = GitRepo.new(tmp_path / "repo")
    repo.commit("begin", {"clean.py": "port = 80\n"})
    repo.commit("add", {"leak.env": b"PORT=80\nTOKEN=" + key.key + b"\n"})
    return repo


@pytest.fixture
def shell(repo: GitRepo, key: Fake) -> Shell:
    return Shell(repo.path, [key.secret])


# --- exit codes ---


def test_every_command_that_scans_says_0_when_it_is_clean(shell: Shell, repo: GitRepo) -> None:
    assert shell.run("files", "clean.py").code == 0
    assert shell.run("stdin", stdin=b"PORT=80\n").code == 0
    assert shell.run("history", ".", "HEAD~1").code == 0
    repo.write("clean.py", "port = 81\n")
    repo.git("add", "-A")
    assert shell.run("staged").code == 0
    assert shell.run("diff", "-", stdin=repo.run("diff", "--cached")).code == 0
    assert shell.run("diff", "HEAD..HEAD").code == 0


def test_every_command_that_scans_says_1_when_there_is_a_leak(shell: Shell, repo: GitRepo, key: Fake) -> None:
    for words in (["files", "."], ["history"], ["diff", "HEAD~1..HEAD"], ["diff", "HEAD~1...HEAD"]):
        done = shell.run(*words)
        assert (done.code, RULE in done.out) == (1, True), words
    assert shell.run("stdin", stdin=b"TOKEN=" + key.key).code == 1
    assert shell.run("diff", "-", stdin=repo.run("format-patch", "-1", "--stdout")).code == 1
    repo.git("rm", "-q", "--cached", "leak.env")
    repo.commit("remove", {"leak.env": None})
    repo.write("again.env", b"TOKEN=" + key.key)
    repo.git("add", "-A")
    assert shell.run("staged").code == 1


def test_exit_code_3_when_something_cannot_be_read(shell: Shell, repo: GitRepo) -> None:
    os.mkfifo(repo.path / "pipe")
    done = shell.run("files", "clean.py", "pipe")
    assert done.code == 3
    assert "pipe" in done.out
    assert "FIFO" in done.out
    assert shell.run("files", "clean.py", "--max-size", "3").code == 3
    assert shell.run("files", "leak.env", "pipe").code == 1


def test_a_shallow_clone_says_3_and_why(repo: GitRepo, shell: Shell, tmp_path: Path) -> None:
    repo.commit("remove", {"leak.env": None})
    clone = GitRepo.clone(repo, tmp_path / "shallow", "--depth", "1")
    done = Shell(clone.path, shell.secrets).run("history")
    assert done.code == 3
    assert "shallow" in done.out


@pytest.mark.parametrize(
    ("fail_on", "code"), [("any", 1), ("live", 1), ("critical", 1), ("note", 1), ("never", 0)]
)
def test_fail_on(fail_on: str, code: int, shell: Shell) -> None:
    done = shell.run("files", "leak.env", "--fail-on", fail_on) if fail_on != "note" else shell.run("files", "leak.env")
    assert done.code == code
    assert RULE in done.out


def test_test_keys_pass_when_only_live_ones_fail(repo: GitRepo, new_key: Callable[..., Fake]) -> None:
    made = new_key("stripe-secret-key", "test")
    repo.write("test.env", b"STRIPE=" + made.key + b"\n")
    shell = Shell(repo.path, [made.secret])
    assert shell.run("files", "test.env", "--fail-on", "live").code == 0
    assert shell.run("files", "test.env").code == 1


def test_a_baseline_lets_known_keys_pass_and_no_others(
    shell: Shell, repo: GitRepo, new_key: Callable[..., Fake]
) -> None:
    assert shell.run("baseline", "create", "--reason", "known").code == 0
    assert shell.run("history").code == 0
    assert shell.run("files", ".").code == 0
    assert re.match(rf"{RULE}  leak.env .*: known$", shell.run("baseline", "show").out)
    again = shell.run("baseline", "create")
    assert again.code == 2
    assert "--force" in again.err
    other = new_key(RULE)
    repo.write("other.env", b"TOKEN=" + other.key)
    shell.secrets.append(other.secret)
    done = shell.run("files", ".")
    assert done.code == 1
    assert "other.env" in done.out
    assert "leak.env" not in done.out
    shell.check_files(".keysweep-baseline")


def test_rules_prove_themselves_and_say_1_when_they_cannot(shell: Shell, repo: GitRepo) -> None:
    source = (Path(__file__).parent.parent / "rules" / "logtalk.yaml").read_text(encoding="utf-8")
    mine = source.replace("logtalk", "acme").replace("lt_", "ac_")
    repo.write("good/acme.yaml", mine)
    assert shell.run("rules", "test", "good").code == 0
    repo.write("bad/acme.yaml", mine.replace("{key:cut}", "{key:live}"))
    done = shell.run("rules", "test", "bad")
    assert done.code == 1
    assert "acme.yaml" in done.out
    assert "counterexample" in done.out


# --- wrong use: one sentence, exit code 2 ---

WRONG = [
    pytest.param(["hstory"], "Did you mean 'history'?", id="mistyped command"),
    pytest.param(["files"], "Missing argument", id="nothing to scan"),
    pytest.param(["files", "--reprot", "json", "."], "--report", id="mistyped option"),
    pytest.param(["files", "no/such/file"], "no/such/file: no such file or folder", id="no such file"),
    pytest.param(["history", "nowhere"], "nowhere", id="no such repository"),
    pytest.param(["history", ".", "v9..main"], "v9", id="no such revision"),
    pytest.param(["history", "--branch", "nope"], "nope", id="no such branch"),
    pytest.param(["diff", "nope..HEAD"], "nope", id="no such base"),
    pytest.param(["diff", "nothing"], "neither a patch file nor a range", id="neither patch nor range"),
    pytest.param(["files", ".", "--report", "jsn"], "did you mean json?", id="mistyped format"),
    pytest.param(["files", ".", "--report", "json:"], "no path behind the colon", id="no report path"),
    pytest.param(["files", ".", "--report", "json:no/such/report"], "no/such/report", id="report in no folder"),
    pytest.param(["files", ".", "--report", "json", "--report", "sarif"], "standard output", id="two on stdout"),
    pytest.param(["files", ".", "--fail-on", "sometimes"], "sometimes", id="fail-on"),
    pytest.param(["files", ".", "--min-severity", "worst"], "critical", id="severity"),
    pytest.param(["files", ".", "--enable", "gihub"], "github", id="mistyped rule"),
    pytest.param(["files", ".", "--jobs", "many"], "many", id="jobs"),
    pytest.param(["files", ".", "--config", "none.toml"], "none.toml", id="no such configuration"),
    pytest.param(["files", ".", "--config", "unknown.toml"], "failon", id="unknown key"),
    pytest.param(["files", ".", "--config", "broken.toml"], "broken.toml:2", id="no TOML"),
    pytest.param(["files", ".", "--rules", "none.yaml"], "none.yaml: no such rule file", id="no such rule file"),
    pytest.param(["files", ".", "--rules", "bad.yaml"], "bad.yaml:1: ", id="bad rule file"),
    pytest.param(["files", ".", "--rules", "clean"], "no rule files", id="no rules in a folder"),
    pytest.param(["files", ".", "--baseline", "none"], "none", id="no such baseline"),
    pytest.param(["files", ".", "--baseline", "broken.toml"], "broken.toml", id="no baseline"),
    pytest.param(["baseline", "show"], ".keysweep-baseline", id="no baseline to show"),
    pytest.param(["baseline", "create", "--expires", "soon"], "YYYY-MM-DD", id="no date"),
    pytest.param(["explain", "clean.py"], "FILE:LINE", id="no line"),
    pytest.param(["explain", "clean.py:99"], "has no line 99", id="no such line"),
    pytest.param(["explain", "none.py:1"], "none.py: cannot be read", id="no such file to explain"),
    pytest.param(["rules", "show", "gihub-pat"], "did you mean", id="no such rule"),
    pytest.param(["rules", "fake", RULE, "--environment", "test"], "does not tell 'test' keys", id="no test keys"),
    pytest.param(["rules", "lst"], "lst", id="mistyped subcommand"),
    pytest.param(["completion", "tcsh"], "bash", id="no such shell"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_wrong_use_is_told_in_a_sentence(words: list[str], told: str, shell: Shell, repo: GitRepo) -> None:
    repo.write("unknown.toml", 'failon = "any"\n')
    repo.write("broken.toml", "a = 1\nb = = 2\n")
    repo.write("bad.yaml", "provider: bad\n")
    repo.write("clean/notes.txt", "nothing\n")
    done = shell.run(*words)
    assert done.code == 2
    assert told in " ".join(done.err.split())
    assert done.out == ""


def test_not_a_repository(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    shell = Shell(tmp_path / "plain", [])
    for command in ("history", "staged"):
        done = shell.run(command, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
        assert done.code == 2
        assert "repository" in done.err


def test_nothing_at_all_shows_the_help(shell: Shell) -> None:
    done = shell.run()
    assert "Usage: keysweep" in done.out + done.err
    assert done.code in (0, 2)


# --- reports ---


def test_several_reports_agree(shell: Shell) -> None:
    wanted = ("text", "json:found.json", "sarif:found.sarif", "text:found.txt")
    done = shell.run("history", *(word for report in wanted for word in ("--report", report)))
    assert done.code == 1
    found = json.loads((shell.place / "found.json").read_text(encoding="utf-8"))
    sarif = json.loads((shell.place / "found.sarif").read_text(encoding="utf-8"))
    assert found["exit_code"] == 1
    assert [finding["rule"] for finding in found["findings"]] == [RULE]
    assert len(sarif["runs"][0]["results"]) == 1
    assert (shell.place / "found.txt").read_text(encoding="utf-8") == done.out
    shell.check_files("found.json", "found.sarif", "found.txt")


def test_a_report_in_json_on_standard_output_is_nothing_but_json(shell: Shell) -> None:
    done = shell.run("files", ".", "--report", "json", "--verbose")
    assert json.loads(done.out)["summary"]["findings"] == 1


def test_reports_are_the_same_in_every_run_and_for_any_number_of_workers(shell: Shell) -> None:
    told = {shell.run("history", "--report", "json", "--jobs", jobs).out for jobs in ("1", "1", "2", "4")}
    assert len(told) == 1


def test_quiet_says_nothing_on_standard_error(shell: Shell) -> None:
    assert shell.run("files", "leak.env", "--quiet").err == ""
    assert "read 1 item" in shell.run("files", "leak.env").err


def test_colours_and_progress_are_for_terminals(shell: Shell) -> None:
    assert "\x1b[" not in shell.run("files", "leak.env").out
    assert "\x1b[" in shell.run("files", "leak.env", "--color").out
    assert "\x1b[" not in shell.run("files", "leak.env", "--color", "--no-color").out


def test_configuration_beside_the_files_counts(shell: Shell, repo: GitRepo) -> None:
    repo.write(".keysweep.toml", 'exclude = ["*.env"]\n')
    assert shell.run("files", ".").code == 0
    assert shell.run("history").code == 0
    assert shell.run("files", ".", "--no-config").code == 1
    (repo.path / "sub").mkdir()
    repo.write("sub/new.env", (repo.path / "leak.env").read_bytes())
    assert Shell(repo.path / "sub", shell.secrets).run("files", ".").code == 0


def test_an_allow_comment_counts_and_is_told(shell: Shell, repo: GitRepo, key: Fake) -> None:
    repo.write("allowed.env", b"TOKEN=" + key.key + b"  # keysweep:allow revoked\n")
    done = shell.run("files", "allowed.env")
    assert done.code == 0
    assert "suppressed: 1 by keysweep:allow" in done.out
    assert shell.run("files", "allowed.env", "--no-inline-allow").code == 1


def test_a_change_cannot_vouch_for_itself(shell: Shell, repo: GitRepo, new_key: Callable[..., Fake]) -> None:
    made = new_key(RULE)
    shell.secrets.append(made.secret)
    repo.commit("sneak", {
        "sneak.env": b"TOKEN=" + made.key + b"  # keysweep:allow trust me\n", ".keysweep.toml": 'exclude = ["*.env"]\n',
    })  # fmt: skip
    assert shell.run("diff", "HEAD~1..HEAD", "--trust", "head").code == 0
    done = shell.run("diff", "HEAD~1..HEAD", "--trust", "base", "--verbose")
    assert done.code == 1
    assert ".keysweep.toml is edited by this change" in done.out


def test_explain_tells_why_a_line_fires_or_not(shell: Shell, repo: GitRepo) -> None:
    assert f"reported: GitHub personal access token (classic) [{RULE}]" in shell.run("explain", "leak.env:2").out
    assert "no rule has a keyword" in shell.run("explain", "leak.env:1").out
    placeholder = shell.run("explain", "-", stdin=b"OPENAI_API_KEY=sk-proj-your-api-key-here\nTOKEN=${{ secrets.T }}\n")
    assert placeholder.code == 0
    assert "reported:" not in placeholder.out
    assert "${{ secrets.T }}" in placeholder.out
    assert RULE in shell.run("explain", "-", stdin=(repo.path / "leak.env").read_bytes()).out


def test_fake_keys_are_told_apart(shell: Shell) -> None:
    made = shell.run("rules", "fake", RULE, "--count", "3", "--seed", "5")
    assert made.out == shell.run("rules", "fake", RULE, "--count", "3", "--seed", "5").out
    assert len(made.out.split()) == 3
    assert shell.run("stdin", stdin=made.out.encode()).code == 0
    done = shell.run("stdin", "--include-examples", stdin=made.out.encode())
    assert done.code == 1
    assert not any(line[4:] in done.out for line in made.out.split())


# --- the world around ---


LONG = [["rules", "list"], ["files", "many", "--color"], ["history", "--report", "json"]]


@pytest.mark.parametrize("words", LONG, ids=" ".join)
def test_a_reader_that_wants_no_more_is_no_crash(words: list[str], shell: Shell, repo: GitRepo, key: Fake) -> None:
    for number in range(60):
        repo.write(f"many/{number}.env", b"x\n" * number + b"TOKEN=" + key.key + b"\n")
    script = '"$@" | head -c 1 >/dev/null; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", KEYSWEEP, *words],
        capture_output=True, cwd=shell.place, env=shell.environment(), check=True,
    )  # fmt: skip
    shell.check(done.stdout, done.stderr)
    assert done.stdout.strip() in (b"0", b"1", b"2")  # as far as it came; Python's own 120 or 255 would be a crash
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.parametrize("report", ["text", "json", "sarif"])
def test_a_reader_that_went_away_before_is_a_failure(report: str, shell: Shell) -> None:
    scan = subprocess.Popen(
        [KEYSWEEP, "stdin", "--report", report], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=shell.place, env=shell.environment(),
    )  # fmt: skip
    assert scan.stdin and scan.stdout and scan.stderr
    scan.stdout.close()
    scan.stdin.close()
    told = scan.stderr.read()
    scan.stderr.close()
    shell.check(told)
    assert scan.wait(WAIT) == 2
    assert b"BrokenPipe" not in told


def test_a_closed_standard_output_is_a_failure(shell: Shell) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$@" >/dev/full', "bash", KEYSWEEP, "files", "clean.py"],
        capture_output=True, cwd=shell.place, env=shell.environment(), check=False,
    )  # fmt: skip
    shell.check(done.stdout, done.stderr)
    assert done.returncode == 2
    assert b"keysweep: " in done.stderr


def test_ctrl_c_tells_what_was_found_and_that_there_is_more(shell: Shell, key: Fake) -> None:
    """Standard input never ends; the scan is interrupted when it has read the key and waits for more."""
    scan = subprocess.Popen(
        [KEYSWEEP, "stdin", "--name", "log"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=shell.place, env=shell.environment(),
    )  # fmt: skip
    assert scan.stdin is not None
    window = 17 * 1024 * 1024
    scan.stdin.write(b"TOKEN=" + key.key + b"\n" + b"a line of a log\n" * (window // 16))
    scan.stdin.flush()
    until_idle(scan.pid)
    scan.send_signal(signal.SIGINT)
    out, err = scan.communicate(timeout=WAIT)
    shell.check(out, err)
    assert RULE.encode() in out
    assert b"interrupted" in out
    assert scan.returncode == 1


def test_ctrl_c_while_it_loads_is_told(shell: Shell, tmp_path: Path) -> None:
    """What loads first is a module that presses the keys."""
    folder = tmp_path / "modules"
    folder.mkdir()
    pressed = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    (folder / "click.py").write_text(pressed, encoding="utf-8")
    done = shell.run("--help", env={"PYTHONPATH": str(folder)})
    assert (done.code, done.out, done.err) == (130, "", "keysweep: interrupted\n")


def test_bytes_that_are_no_text_are_scanned(shell: Shell, key: Fake) -> None:
    done = shell.run("stdin", stdin=b"\xff\xfe\x00\x80caf\xe9\nTOKEN=" + key.key + b" \xc3\x28\n", env={"LC_ALL": "C"})
    assert done.code == 1
    assert RULE in done.out


def test_the_c_locale_and_an_ascii_terminal_lose_nothing(shell: Shell, repo: GitRepo, key: Fake) -> None:
    repo.write("naïve-☃.env", b"TOKEN=" + key.key + b" # \xe2\x98\x83\n")
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = shell.run("files", ".", "--verbose", env=plain)
    assert done.code == 1
    assert "naïve-☃.env" in done.out


def test_a_name_cannot_command_the_terminal(shell: Shell, repo: GitRepo, key: Fake) -> None:
    repo.write("a\x1b[2Jb\rc\nd.env", b"TOKEN=" + key.key + b"\n")
    done = shell.run("files", ".")
    assert done.code == 1
    assert "\x1b" not in done.out + done.err
    assert "\r" not in done.out
    done = shell.run("files", "no\x1b[2Jsuch")
    assert done.code == 2
    assert "\x1b" not in done.err


def test_a_key_in_a_name_is_masked_wherever_the_name_stands(shell: Shell, repo: GitRepo, key: Fake) -> None:
    name = f"backup-{key.key.decode()}.txt"
    repo.write(name, "nothing\n")
    assert shell.run("files", ".").code == 1
    assert shell.run("files", ".", "--max-size", "2", "--report", "json").code == 1
    repo.commit("name")
    assert shell.run("history", "--verbose").code == 1


def test_without_a_cache_folder_everything_works(shell: Shell, repo: GitRepo) -> None:
    for folder in ("off", str(repo.path / "clean.py"), "/proc/nothing/here"):
        assert shell.run("files", "leak.env", env={"KEYSWEEP_CACHE_DIR": folder}).code == 1


def test_both_engines_say_the_same(shell: Shell) -> None:
    engines = ("aho", "vectorscan", "auto")
    told = [shell.run("history", "--report", "json", "--engine", engine).out for engine in engines]
    assert RULE in told[0]
    assert told == [told[0]] * 3


# --- help ---


def _all_commands() -> Iterator[list[str]]:
    context = click.Context(keysweep)
    for name in COMMANDS:
        yield [name]
        command = keysweep.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ([name, sub] for sub in command.list_commands(context))


@pytest.mark.parametrize("group", ["", "baseline", "hook", "rules"])
def test_the_list_of_commands_cuts_no_sentence_short(shell: Shell, group: str) -> None:
    listed = shell.run(*group.split(), "--help").out.partition("Commands:\n")[2].splitlines()
    assert listed
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_sizes_are_written_as_in_a_configuration(shell: Shell) -> None:
    shell.place.joinpath("large.txt").write_bytes(b"a\n" * 600)
    sizes = ("1k", "2K", "1199", "1200", "0")
    codes = {text: shell.run("files", "large.txt", "--max-size", text).code for text in sizes}
    assert codes == {"1k": 3, "2K": 0, "1199": 3, "1200": 0, "0": 0}
    for text in ("1x", "-1", "", "k"):
        refused = shell.run("files", "large.txt", f"--max-size={text}")
        assert (refused.code, refused.err.startswith(f"keysweep: --max-size: '{text}' must be a number")) == (2, True)


def test_one_of_a_thing_is_no_plural(shell: Shell, repo: GitRepo) -> None:
    assert "of 1 commit," in shell.run("history", ".", "HEAD~1").err
    assert shell.run("baseline", "create").code == 0
    assert shell.run("baseline", "show").err.startswith("1 entry in ")
    rule = "acme.yaml"
    shell.place.joinpath(rule).write_text("provider: acme\n", encoding="utf-8")
    assert re.match(r"0 rules tried with seed \d+: 1 problem$", shell.run("rules", "test", rule).err)


@pytest.mark.parametrize("words", list(_all_commands()), ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help_with_examples(words: list[str], option: str, shell: Shell) -> None:
    done = shell.run(*words, option)
    assert done.code == 0
    assert "Examples:" in done.out
    assert f"keysweep {words[0]}" in done.out
    assert done.err == ""


def test_version(shell: Shell) -> None:
    assert re.fullmatch(r"keysweep \d+\.\d+\.\d+\n", shell.run("--version").out)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_scripts_complete(name: str, shell: Shell) -> None:
    script = shell.run("completion", name)
    assert script.code == 0
    assert "_KEYSWEEP_COMPLETE" in script.out


def test_completion_knows_commands_and_options(shell: Shell) -> None:
    asked = {"_KEYSWEEP_COMPLETE": "bash_complete", "COMP_WORDS": "keysweep hist", "COMP_CWORD": "1"}
    assert "history" in shell.run(env=asked).out
    asked = {"_KEYSWEEP_COMPLETE": "bash_complete", "COMP_WORDS": "keysweep files --rep", "COMP_CWORD": "2"}
    assert "--report" in shell.run(env=asked).out


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("keysweep h", {"history", "hook"}),
        ("keysweep rules s", {"show"}),
        ("keysweep files --report j", {"json", "junit"}),
        ("keysweep files --fail-on l", {"live", "low"}),
        ("keysweep history --honour g", {"ggshield", "gitleaks"}),
        ("keysweep staged --disable github-p", {RULE}),
        ("keysweep rules show github-p", {RULE}),
        ("keysweep rules fake github-p", {RULE}),
        ("keysweep rules list github-p", {RULE}),
        ("keysweep verify --rule github-p", {RULE}),
    ],
)
def test_completion_knows_what_may_stand_there(line: str, known: set[str], shell: Shell) -> None:
    asked = {"_KEYSWEEP_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    assert set(shell.run(env=asked).out.split()) == {f"plain,{word}" for word in known}


def test_the_list_of_commands_loads_none_of_them(shell: Shell) -> None:
    """Their sentences are written down beside them, and are their own."""
    context = click.Context(keysweep)
    told = {name: keysweep.get_command(context, name) for name in COMMANDS}
    assert {name: place.short for name, place in COMMANDS.items()} == {
        name: command.get_short_help_str(1000) for name, command in told.items() if command is not None
    }
    program = (
        "import sys\nfrom scanner.cli import run\nrun(['--help'])\n"
        "print([name for name in sys.modules if name.startswith('scanner.')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Commands:\n  files " in done.stdout
    assert done.stderr == "['scanner.cli', 'scanner.cli.root']\n"


def test_the_module_runs_as_the_command(shell: Shell) -> None:
    done = subprocess.run([sys.executable, "-m", "scanner", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == shell.run("--version").out


# --- what is somebody else's, or not there ---


def configured(shell: Shell, text: str) -> None:
    (shell.place / ".keysweep.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("path", ["../out.json", "/tmp/keysweep-out.json", ".git/hooks/pre-commit", "away/out.json"])
def test_a_configuration_that_was_found_writes_no_report_elsewhere(shell: Shell, tmp_path: Path, path: str) -> None:
    (shell.place / "away").symlink_to(tmp_path)
    configured(shell, f'report = ["json:{path}"]')
    done = shell.run("files", "leak.env")
    assert done.code == 2
    assert f"report = '{path}' must lie below the file's folder, and not in .git" in done.err
    assert not (shell.place / path).exists()


def test_a_report_through_a_link_to_itself_is_told(shell: Shell) -> None:
    (shell.place / "loop").symlink_to("loop")
    configured(shell, 'report = ["json:loop/out.json"]')
    assert "loop/out.json: the report cannot be written" in shell.run("files", "leak.env").err
    configured(shell, 'cache = ".git/hooks"')
    assert "cache = '.git/hooks' must lie below the file's folder" in shell.run("history").err


def test_a_configuration_that_was_found_writes_no_baseline_elsewhere(shell: Shell, tmp_path: Path) -> None:
    configured(shell, 'baseline = "../profile"')
    done = shell.run("baseline", "create")
    assert done.code == 2
    assert "baseline = '../profile' must lie below" in done.err
    assert not (tmp_path / "profile").exists()
    assert shell.run("baseline", "create", "--baseline", "../named").code == 0


def test_reports_of_a_configuration_stand_beside_it(shell: Shell, tmp_path: Path) -> None:
    (shell.place / "inner").mkdir()
    configured(shell, 'report = ["json:out.json"]')
    inner = Shell(shell.place / "inner", shell.secrets)
    assert inner.run("files", "../leak.env").code == 1
    assert (shell.place / "out.json").exists()
    named = tmp_path / "named.toml"
    named.write_text(f'report = ["json:{tmp_path}/elsewhere/out.json"]', encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    assert inner.run("files", "../leak.env", "--config", str(named)).code == 1
    assert (tmp_path / "elsewhere" / "out.json").exists()


@pytest.mark.parametrize("name", [".keysweep.toml", "pyproject.toml"])
def test_a_configuration_that_is_no_file_is_not_read(shell: Shell, name: str) -> None:
    (shell.place / name).symlink_to("/dev/zero")
    done = shell.run("files", "leak.env")
    assert (done.code, "it is no regular file" in done.err) == (2, True)
    (shell.place / name).unlink()
    (shell.place / name).symlink_to("nowhere")
    assert "a link to something that does not exist" in shell.run("files", "leak.env").err
    (shell.place / name).unlink()
    os.mkfifo(shell.place / name)
    assert "it is no regular file" in shell.run("files", "leak.env").err


@pytest.mark.parametrize(
    "command",
    [
        ("recheck", "PIPE"), ("recheck", "leaks.json", "--text", "PIPE"), ("revoke", "--report", "PIPE"),
        ("explain", "PIPE:1"), ("mask", "--known", "PIPE"), ("files", ".", "--config", "PIPE"),
        ("files", ".", "--baseline", "PIPE"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_pipe_that_is_named_is_refused_not_waited_for(shell: Shell, command: tuple[str, ...]) -> None:
    (shell.place / "some.txt").write_bytes(b"nothing")
    report = {**json.loads(shell.run("files", "some.txt", "--report", "json").out)}
    finding = json.loads(shell.run("stdin", "--report", "json", stdin=(shell.place / "leak.env").read_bytes()).out)
    (shell.place / "leaks.json").write_text(json.dumps({**report, "findings": finding["findings"]}), encoding="utf-8")
    os.mkfifo(shell.place / "PIPE")
    done = shell.run(*command)
    assert (done.code, "PIPE: cannot be read: it is no regular file" in done.err) == (2, True), done.err


def test_what_a_shell_opened_is_read(shell: Shell, key: Fake) -> None:
    line = f"{KEYSWEEP} mask --known <(printf %s some-known-value) <<< 'a some-known-value b'"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env=shell.environment())
    assert done.stdout == b"a ******** b\n"
    assert "leak.env:1" in shell.run("explain", "leak.env:1").out


# --- what is scanned decides ---


def test_a_project_file_that_says_nothing_hides_no_configuration(shell: Shell) -> None:
    configured(shell, 'exclude = ["*.env"]')
    inner = shell.place / "inner"
    inner.mkdir()
    (inner / "leak.env").write_bytes((shell.place / "leak.env").read_bytes())
    (inner / "pyproject.toml").write_text("[project]\nname = 'inner'\n", encoding="utf-8")
    assert Shell(inner, shell.secrets).run("files", ".").code == 0
    (inner / "pyproject.toml").write_text("[tool.keysweep]\nexclude = []\n", encoding="utf-8")
    assert Shell(inner, shell.secrets).run("files", ".").code == 1


def test_outside_of_a_repository_nothing_above_counts(shell: Shell, tmp_path: Path) -> None:
    place = tmp_path / "above" / "here"
    (place / "below").mkdir(parents=True)
    (place / "below" / "leak.env").write_bytes((shell.place / "leak.env").read_bytes())
    (tmp_path / "above" / ".keysweep.toml").write_text("exclude = ['*.env']\n", encoding="utf-8")
    here = Shell(place, shell.secrets)
    assert here.run("files", ".").code == 1
    (place / ".keysweep.toml").write_text("exclude = ['*.env']\n", encoding="utf-8")
    assert here.run("files", ".").code == 0
    assert here.run("files", "below").code == 0
    assert Shell(tmp_path, shell.secrets).run("files", "above/here/below").code == 0  # up to the current folder
    assert Shell(shell.place, shell.secrets).run("files", str(place / "below")).code == 1  # it is not below this one


@pytest.mark.parametrize(
    "command", [("history", "{}"), ("files", "{}"), ("files", "{}/leak.env"), ("logs", "{}/leak.env")], ids=" ".join
)
def test_configuration_and_baseline_are_those_of_what_is_scanned(
    shell: Shell, tmp_path: Path, command: tuple[str, ...]
) -> None:
    other = GitRepo.new(tmp_path / "elsewhere")
    line = [word.format(shell.place) for word in command]
    away = Shell(other.path, shell.secrets)
    other.write(".keysweep.toml", 'exclude = ["*.env"]\n')
    assert away.run(*line).code == 1
    configured(shell, 'exclude = ["*.env"]')
    assert away.run(*line).code == 0
    assert away.run(*line, "--no-config").code == 1
    (shell.place / ".keysweep.toml").unlink()
    assert away.run(*line, "--config", ".keysweep.toml").code == 0


def test_a_baseline_is_that_of_the_repository_that_is_scanned(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("baseline", "create").code == 0
    assert (shell.place / ".keysweep-baseline").exists()
    assert shell.run("history").code == 0
    other = GitRepo.new(tmp_path / "elsewhere")
    other.commit("first", {"a.txt": b"nothing"})
    subprocess.run(["git", "clone", "-q", "--bare", other.path, shell.place / "bare.git"], check=True)
    for place in (other.path, shell.place / "bare.git"):
        done = shell.run("history", str(place))
        assert (done.code, "stale" in done.out + done.err) == (0, False)
    away = Shell(other.path, shell.secrets)
    assert away.run("history", str(shell.place)).code == 0
    assert away.run("history", str(shell.place), "--no-baseline").code == 1
    (shell.place / ".keysweep-baseline").unlink()
    assert away.run("baseline", "create", str(shell.place)).code == 0
    assert (shell.place / ".keysweep-baseline").exists()
    assert not (other.path / ".keysweep-baseline").exists()


@pytest.mark.parametrize("name", [".keysweep.toml", "pyproject.toml"])
def test_a_configuration_that_somebody_else_put_there_is_refused(shell: Shell, name: str) -> None:
    text = "exclude = ['*.env']\n"
    (shell.place / name).write_text(text if name[0] == "." else "[tool.keysweep]\n" + text, encoding="utf-8")
    assert shell.run("files", ".").code == 0
    if os.geteuid():  # only root can give files away
        return
    os.chown(shell.place / name, 65534, 65534)
    done = shell.run("files", ".")
    assert done.code == 2
    assert f"{name}: belongs neither to you nor to the owner of its folder; name it with --config" in done.err
    assert shell.run("files", ".", "--config", name).code == 0
    os.chown(shell.place, 65534, 65534)
    assert shell.run("files", ".").code == 0


def test_files_without_an_end_are_refused(shell: Shell) -> None:
    assert "/dev/zero: larger than 4 MiB" in shell.run("files", "leak.env", "--config", "/dev/zero").err
    assert "/dev/zero: larger than 64 MiB" in shell.run("files", "leak.env", "--baseline", "/dev/zero").err


def test_nothing_is_clean_when_no_rule_is_left(shell: Shell) -> None:
    for words in (["--disable", "*"], ["--enable", "github", "--disable", "github"]):
        done = shell.run("files", "leak.env", *words)
        assert (done.code, done.out) == (2, "")
        assert "no rule is left" in done.err


def test_reports_that_cannot_be_written_are_told_with_their_path(shell: Shell) -> None:
    assert "no/x.json: the report cannot be written" in shell.run("files", ".", "--report", "json:no/x.json").err
    assert "/dev/full: the report cannot be written" in shell.run("files", ".", "--report", "json:/dev/full").err
    done = shell.run("files", ".", "--report", "json:x", "--report", "text:./x")
    assert (done.code, "two reports cannot both go to" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("files . >&-", 2, "standard output: Bad file descriptor"),
        ("stdin <&-", 3, "read 1 item"),
        ("mask <&-", 3, "not masked: -: Bad file descriptor"),
        ("logs - <&-", 3, "read 1 item"),
        ("verify <&-", 2, "Bad file descriptor"),
        ("files . 2>&-", 1, ""),
        ("files . <&- >&- 2>&-", 2, ""),
        ("files . >/dev/full", 2, "standard output: No space left on device"),
        ("rules checks >/dev/full", 2, "standard output: No space left on device"),
        ("--help >/dev/full", 2, "standard output: No space left on device"),
        ("rules list --json >/dev/full", 2, "standard output: No space left on device"),
        ("rules fake github-personal-access-token --count 2000 >/dev/full", 2, "standard output: No space left"),
    ],
)
def test_streams_that_are_closed_or_full_end_in_a_sentence(shell: Shell, command: str, code: int, said: str) -> None:
    env = {name: value for name, value in shell.environment().items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{KEYSWEEP}' {command}"], cwd=shell.place, capture_output=True, check=False, env=env
    )
    shell.check(done.stdout, done.stderr)
    assert done.returncode == code
    assert said in done.stderr.decode()
    assert b"Exception ignored" not in done.stderr


def test_an_identity_key_may_be_any_bytes(shell: Shell) -> None:
    odd = {"KEYSWEEP_IDENTITY_KEY": os.fsdecode(b"caf\xe9")}
    assert shell.run("baseline", "create", env=odd).code == 0
    assert shell.run("history", env=odd).code == 0
    assert "another identity key" in shell.run("history", env={"KEYSWEEP_IDENTITY_KEY": "cafe"}).err


def test_a_folder_that_is_gone_is_told(shell: Shell) -> None:
    gone = "mkdir gone && cd gone && rmdir ../gone && exec"
    done = subprocess.run(
        ["/bin/sh", "-c", f"{gone} '{KEYSWEEP}' stdin"], cwd=shell.place, capture_output=True, check=False,
        env=shell.environment(),
    )  # fmt: skip
    assert done.returncode == 2
    assert b"the folder that this was started in is gone" in done.stderr


def test_a_line_number_that_is_none(shell: Shell) -> None:
    done = shell.run("explain", f"leak.env:{'9' * 5000}")
    assert (done.code, "does not say which line" in done.err) == (2, True)


def test_a_cache_that_cannot_be_made_is_told(shell: Shell) -> None:
    done = shell.run("history", "--cache", "leak.env")
    assert (done.code, "--cache leak.env is not used: it cannot be made" in done.err) == (1, True)

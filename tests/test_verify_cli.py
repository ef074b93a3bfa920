"""Verification from the command line: real processes, a provider on this machine, every way to ask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from simulator import Answer, Asked, Simulator, simulator

from scanner.fakes import Fake
from scanner.reports import FORMATS
from tests.commands import WAIT, until_idle
from tests.gitrepo import GitRepo
from tests.test_cli import KEYSWEEP, RULE, Shell
from tests.test_conventions import foreign, loaded

HOST = "127.0.0.1"
GENUINE = Answer(200, {"login": "ada", "id": 1})
BAD = Answer(401, {"message": "Bad credentials"})
SECRET_WORDS = "words of the provider, not ours"


class GitHub:
    """Behaves as GitHub does for keys that it knows; an unknown key is a bad credential."""

    def __init__(self, server: Simulator) -> None:
        self.server, self.known = server, dict[str, Answer]()
        server.answers[HOST] = self.answer

    def answer(self, asked: Asked) -> Answer:
        return self.known.get(asked.bearer, BAD)

    def times(self, key: Fake) -> int:
        """How often it was asked about a key."""
        return sum(asked.bearer == key.key.decode() for asked in self.server.asked)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Simulator]:
    with simulator([], tmp_path, tls=False) as made:
        yield made


@pytest.fixture
def github(server: Simulator) -> GitHub:
    return GitHub(server)


class Asking(Shell):
    """A shell in whose environment GitHub is the simulator, and nobody else can be reached."""

    server: Simulator

    def environment(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in super().environment().items() if not name.lower().endswith("_proxy")}
        return {
            **clean,
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "KEYSWEEP_VERIFY_ALLOW_LOOPBACK": "true",
            "KEYSWEEP_VERIFY_ATTEMPTS": "1",
            "KEYSWEEP_VERIFY_GITHUB__BASE_URL": self.server.url(HOST),
            **more,
        }


@pytest.fixture
def keys(new_key: Callable[..., Fake]) -> dict[str, Fake]:
    return {name: new_key(RULE) for name in ("active", "dead", "odd", "old")}


@pytest.fixture
def repo(tmp_path: Path, keys: dict[str, Fake]) -> GitRepo:
    """A history with a key that works, one that is dead, one that the provider says something odd about."""
    repo = GitRepo.new(tmp_path / "repo")
    repo.commit("begin", {"old.env": b"TOKEN=" + keys["active"].key + b"\n"})
    lines = {f"{name}.env": b"TOKEN=" + keys[name].key + b"\n" for name in ("dead", "odd")}
    repo.commit("more", lines)
    repo.commit("again", {"old.env": "TOKEN=\n", "new.env": b"A=1\nTOKEN=" + keys["active"].key + b"\n"})
    return repo


@pytest.fixture
def shell(repo: GitRepo, keys: dict[str, Fake], server: Simulator, github: GitHub) -> Asking:
    github.known[keys["active"].key.decode()] = GENUINE
    github.known[keys["odd"].key.decode()] = Answer(418, {"message": SECRET_WORDS})
    made = Asking(repo.path, [key.secret for key in keys.values()])
    made.server = server
    return made


def statuses(text: str) -> dict[str, tuple[str, str]]:
    """By path what a JSON report says of its keys."""
    found = json.loads(text)["findings"]
    return {one["path"]: (one["validity"]["status"], one["validity"]["reason"]) for one in found}


EXPECTED = {
    "new.env": ("active", "accepted"), "old.env": ("active", "accepted"),
    "dead.env": ("inactive", "invalid"), "odd.env": ("unknown", "not-described"),
}  # fmt: skip


# --- in a scan ---


def test_a_history_says_what_providers_say(shell: Asking, github: GitHub, keys: dict[str, Fake]) -> None:
    done = shell.run("history", "--verify", "--report", "json")
    assert done.code == 1
    assert statuses(done.out) == EXPECTED
    assert [github.times(keys[name]) for name in ("active", "dead", "odd")] == [1, 1, 1]
    validity = next(one["validity"] for one in json.loads(done.out)["findings"] if one["path"] == "new.env")
    assert validity["endpoint"] == f"GET {github.server.url(HOST)}/user"
    assert validity["http_status"] == 200 and validity["asked"].endswith("Z")
    summary = json.loads(done.out)["summary"]
    assert summary["validity"] == {"active": 2, "unknown": 1, "inactive": 1}


def test_nothing_is_asked_without_being_told_to(shell: Asking, github: GitHub) -> None:
    done = shell.run("history", "--report", "json")
    assert set(statuses(done.out).values()) == {("unknown", "not-asked")}
    assert github.server.asked == []


def test_each_host_is_named_before_it_is_asked(shell: Asking, github: GitHub) -> None:
    host = f"{HOST}:{github.server.port}"
    for command in (["files", "."], ["history"], ["history", "--jobs", "2"]):
        github.server.asked.clear()
        lines = shell.run(*command, "--verify").err.splitlines()
        assert lines.index(f"keysweep: asking {host}") < lines.index(f"keysweep: asking about 3 keys: 3 at {host}")
        assert github.server.asked


def test_a_plan_sends_no_packet(shell: Asking, github: GitHub) -> None:
    for more in ([], ["--verify"]):
        done = shell.run("history", "--verify-plan", "--report", "json:plan.json", *more)
        assert done.code == 1
        url = github.server.url(HOST)
        assert done.out == f"would ask:\n  3 keys of github: {HOST}:{github.server.port}: GET {url}/user\n"
        assert set(statuses((shell.place / "plan.json").read_text()).values()) == {("unknown", "not-asked")}
    assert github.server.asked == []


def test_a_plan_says_whom_nobody_is_asked_about(shell: Asking, repo: GitRepo, new_key: Callable[..., Fake]) -> None:
    repo.write("id_rsa", new_key("privatekey-rsa").key + b"\n")
    out = shell.run("files", "id_rsa", "--verify-plan").out
    assert out.startswith("would ask nobody\nwould not ask about:\n  1 key of privatekey-rsa: no-check: ")


@pytest.mark.parametrize(
    ("paths", "fail_on", "code"),
    [
        (["new.env"], "active", 1),
        (["dead.env"], "active", 0),
        (["odd.env"], "active", 3),
        (["dead.env", "odd.env"], "active", 3),
        (["new.env", "odd.env"], "active", 1),
        (["odd.env"], "unknown", 1),
        (["dead.env"], "unknown", 0),
        (["dead.env"], "any", 1),
        (["new.env"], "never", 0),
    ],
)
def test_exit_codes(paths: list[str], fail_on: str, code: int, shell: Asking) -> None:
    assert shell.run("files", *paths, "--verify", "--fail-on", fail_on).code == code


def test_a_provider_out_of_reach_is_no_pass(shell: Asking, github: GitHub) -> None:
    nobody = {"KEYSWEEP_VERIFY_GITHUB__BASE_URL": "http://127.0.0.1:9"}
    done = shell.run("files", "dead.env", "--verify", "--fail-on", "active", "--report", "json", env=nobody)
    assert done.code == 3
    assert statuses(done.out) == {"dead.env": ("unknown", "unreachable")}
    assert json.loads(done.out)["summary"]["undecided"] == 1
    assert "clean" not in done.out.lower()


def test_fail_on_active_without_asking_is_refused(shell: Asking, repo: GitRepo) -> None:
    told = "fail-on active needs --verify"
    assert told in shell.run("files", "new.env", "--fail-on", "active").err
    repo.write(".keysweep.toml", 'fail_on = "active"\n')
    done = shell.run("files", "dead.env")
    assert (done.code, told in done.err) == (2, True)
    assert shell.run("files", "dead.env", "--verify").code == 0


def test_every_report_says_it_and_none_in_the_provider_s_words(shell: Asking, keys: dict[str, Fake]) -> None:
    words = [word for name in FORMATS for word in ("--report", f"{name}:{name}.out")]
    assert shell.run("files", ".", "--verify", *words).code == 1
    shell.check_files(*(f"{name}.out" for name in FORMATS))
    for name in FORMATS:
        text = (shell.place / f"{name}.out").read_text()
        assert SECRET_WORDS not in text
        for words_of in ("active", "accepted", "inactive", "invalid", "not-described"):
            assert words_of in text, name
    run = json.loads((shell.place / "sarif.out").read_text())["runs"][0]
    assert [result["ruleId"] for result in run["results"]] == [f"{RULE}/active", RULE, f"{RULE}/inactive"]
    scores = {one["id"]: float(one["properties"]["security-severity"]) for one in run["tool"]["driver"]["rules"]}
    assert scores[f"{RULE}/active"] > scores[RULE] > scores[f"{RULE}/inactive"]


def test_staged_and_a_change_ask_about_what_is_new_only(
    shell: Asking, repo: GitRepo, github: GitHub, keys: dict[str, Fake]
) -> None:
    text = b"TOKEN=" + keys["active"].key + b"\nOTHER=" + keys["old"].key + b"\n"
    repo.write("new.env", text)
    repo.git("add", "-A")
    done = shell.run("staged", "--verify", "--report", "json")
    assert [one["validity"]["status"] for one in json.loads(done.out)["findings"]] == ["inactive"]
    assert (github.times(keys["active"]), github.times(keys["old"])) == (0, 1)
    github.server.asked.clear()
    repo.commit("new", {"new.env": text})
    done = shell.run("diff", "HEAD~1..HEAD", "--verify", "--report", "json")
    assert [one["validity"]["status"] for one in json.loads(done.out)["findings"]] == ["inactive"]
    assert (github.times(keys["active"]), github.times(keys["old"])) == (0, 1)


def test_standard_input_and_hooks_can_ask(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    assert "active (accepted)" in shell.run("stdin", "--verify", stdin=b"T=" + keys["active"].key + b"\n").out
    repo.write("x.env", b"TOKEN=" + keys["old"].key + b"\n")
    repo.git("add", "-A")
    done = shell.run("hook", "run", "pre-commit", "--verify", "--fail-on", "active")
    assert (done.code, "inactive (invalid)" in done.out) == (0, True)


def test_nobody_is_asked_about_what_is_suppressed(
    shell: Asking, repo: GitRepo, github: GitHub, keys: dict[str, Fake], new_key: Callable[..., Fake]
) -> None:
    shell.run("baseline", "create", "--files", ".")
    assert shell.run("files", ".", "--verify").code == 0
    repo.write("allowed.env", b"TOKEN=" + keys["old"].key + b"  # keysweep:allow revoked\n")
    repo.write("made.env", b"TOKEN=" + new_key(RULE, synthetic=True).key + b"\n")
    assert shell.run("files", ".", "--verify", "--min-severity", "critical").code == 0
    assert github.server.asked == []


@pytest.mark.parametrize("words", [["baseline", "create"], ["explain", "new.env:2"]], ids=" ".join)
def test_commands_that_have_no_use_for_an_answer_refuse(words: list[str], shell: Asking, github: GitHub) -> None:
    done = shell.run(*words, "--verify")
    assert done.code == 2 and "asks no provider" in done.err
    assert github.server.asked == []


def test_a_cache_of_verdicts_asks_once_and_holds_no_key(
    shell: Asking, github: GitHub, keys: dict[str, Fake], tmp_path: Path
) -> None:
    kept = {"KEYSWEEP_VERIFY_CACHE": "1h", "KEYSWEEP_CACHE_DIR": str(tmp_path / "cache")}
    reports = [shell.run("history", "--verify", "--report", "json", env=kept).out for _ in range(2)]
    assert [statuses(report) for report in reports] == [EXPECTED, EXPECTED]
    assert [github.times(keys[name]) for name in ("active", "dead")] == [1, 1]
    secrets = [key.secret for key in keys.values()]
    for file in (file for file in (tmp_path / "cache").rglob("*") if file.is_file()):
        assert not any(secret in file.read_bytes() for secret in secrets)


# --- whom a repository cannot make us ask ---


@pytest.mark.parametrize("name", [".keysweep.toml", "pyproject.toml"])
def test_a_configuration_in_the_tree_cannot_redirect_keys(
    name: str, shell: Asking, repo: GitRepo, github: GitHub, tmp_path: Path
) -> None:
    with simulator([], tmp_path, tls=False) as thief:
        head = "[tool.keysweep.verify" if name == "pyproject.toml" else "[verify"
        repo.write(name, f"{head}.github]\nbase_url = '{thief.url(HOST)}'\n")
        usual = {"KEYSWEEP_VERIFY_GITHUB__BASE_URL": ""}
        for command in (["files", "."], ["history"], ["stdin"], ["files", ".", "--verify-plan"]):
            done = shell.run(*command, "--verify", env=usual)
            assert done.code == 2
            assert f"{name}" in done.err and "name the file with --config" in done.err
        repo.commit("hostile", {name: (repo.path / name).read_bytes()})
        done = shell.run("diff", "HEAD~3..HEAD", "--trust", "base", "--verify")
        assert done.code == 1 and f"{name} is edited by this change" in done.out
        assert shell.run("diff", "HEAD~3..HEAD", "--trust", "head", "--verify", env=usual).code == 2
        repo.commit("and now it is the base", {"c.env": "A=1\n"})
        assert shell.run("diff", "HEAD~1..HEAD", "--trust", "base", "--verify", env=usual).code == 2
        assert thief.asked == []
        named = shell.run("files", "new.env", "--config", name, "--verify", "--report", "json", env=usual)
        assert named.code == 1 and thief.asked != []


def test_rules_in_the_tree_cannot_send_keys_anywhere(
    shell: Asking, repo: GitRepo, tmp_path: Path, new_key: Callable[..., Fake]
) -> None:
    with simulator([], tmp_path, tls=False) as thief:
        repo.write("thief/thief.yaml", THIEF)
        repo.write(".keysweep.toml", "rules = ['thief']\n")
        repo.write("x.env", "THIEF=thief_0a1b2c3d4e5f6a7b8c9d\n")
        env = {"KEYSWEEP_VERIFY_THIEF__BASE_URL": thief.url(HOST)}
        done = shell.run("files", "x.env", "--verify", "--report", "json", env=env)
        assert statuses(done.out) == {"x.env": ("unknown", "no-check")}
        assert "name its rule files with --rules" in "".join(json.loads(done.out)["notes"])
        assert thief.asked == []
        done = shell.run("files", "x.env", "--verify", "--no-config", "--rules", "thief", env=env)
        assert thief.asked != []


THIEF = """\
provider: thief
name: Thief
url: https://thief.example
rotate: Nowhere.
references: [https://thief.example/docs]
verify:
  url: https://thief.example/key
  headers: {Authorization: 'Bearer {key}'}
  references: [https://thief.example/docs]
  replies:
    - {status: 200, json: {ok: true}, is: active, reason: accepted}
rules:
  - id: thief-key
    name: Thief key
    description: Opens nothing.
    keywords: [thief_]
    pattern: '(?P<public>thief_)(?P<secret>[0-9a-f]{20})'
    severity: high
    confidence: high
    examples: ['THIEF={key}']
    counterexamples: ['THIEF=thief_']
"""


def test_the_user_s_own_file_counts_and_only_when_nobody_else_can_write_it(shell: Asking, github: GitHub) -> None:
    own = shell.place / "config" / "keysweep" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f"[verify.github]\nbase_url = '{github.server.url(HOST)}'\n")
    own.chmod(0o600)
    usual = {"KEYSWEEP_VERIFY_GITHUB__BASE_URL": ""}
    assert shell.run("files", "new.env", "--verify", "--fail-on", "active", env=usual).code == 1
    assert github.server.asked != []
    own.chmod(0o666)
    done = shell.run("files", "new.env", "--verify", env=usual)
    assert done.code == 2 and "others can write it" in done.err
    own.chmod(0o600)
    own.write_text("fail_on = 'never'\n")
    done = shell.run("files", "new.env", "--verify", env=usual)
    assert done.code == 2 and "only the table 'verify' counts there" in done.err


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("KEYSWEEP_VERIFY_TIMOUT", "3", "KEYSWEEP_VERIFY_TIMOUT has an unknown key 'timout'; did you mean 'timeout'?"),
        ("KEYSWEEP_VERIFY_TIMEOUT", "soon", "KEYSWEEP_VERIFY_TIMEOUT 'timeout' must be seconds"),
        ("KEYSWEEP_VERIFY_GITHUP__BASE_URL", "https://x.y", "names no provider; did you mean 'github'?"),
        ("KEYSWEEP_VERIFY_GITHUB__BASEURL", "https://x.y", "unknown key 'baseurl'; did you mean 'base_url'?"),
        ("KEYSWEEP_VERIFY_GITHUB__BASE_URL", "http://x.y", "must be an address such as https://"),
        ("KEYSWEEP_VERIFY_GITHUB__HEADERS", "a", "write headers into a configuration file"),
    ],
)
def test_a_wrong_setting_is_told(variable: str, value: str, told: str, shell: Asking, github: GitHub) -> None:
    done = shell.run("files", "new.env", "--verify", env={variable: value})
    assert done.code == 2 and told in done.err
    assert github.server.asked == []


# --- interrupted ---


def _hold(release: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def hold(handler: BaseHTTPRequestHandler) -> None:
        release.wait(60)
        handler.close_connection = True

    return hold


def test_ctrl_c_while_asking_tells_what_is_known(shell: Asking, github: GitHub, keys: dict[str, Fake]) -> None:
    release = threading.Event()
    github.known[keys["odd"].key.decode()] = Answer(instead=_hold(release))
    process = subprocess.Popen(
        [KEYSWEEP, "files", ".", "--verify", "--report", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=shell.place, env=shell.environment(KEYSWEEP_VERIFY_TIMEOUT="30"),
    )  # fmt: skip
    try:
        _until(lambda: github.times(keys["odd"]) and github.times(keys["active"]) and github.times(keys["dead"]))
        until_idle(process.pid)  # the answers have come back
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
    finally:
        release.set()
        process.kill()
        process.communicate()
    shell.check(out, err)
    found = statuses(out.decode())
    assert found["new.env"] == ("active", "accepted")
    assert found["dead.env"] == ("inactive", "invalid")
    assert found["odd.env"][0] == "unknown"
    report = json.loads(out)
    assert process.returncode == 1 and report["complete"] is False
    assert [item["what"] for item in report["skipped"]] == ["the checks of keys"]


def _until(done: Callable[[], object]) -> None:
    for _ in range(2400):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


# --- one key ---


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("active", 1, "active (accepted): the provider accepts the key"),
        ("dead", 0, "inactive (invalid): "),
        ("odd", 3, "unknown (not-described): "),
    ],
)
def test_one_key(name: str, code: int, told: str, shell: Asking, github: GitHub, keys: dict[str, Fake]) -> None:
    for text in (keys[name].key, keys[name].key + b"\r\n", b'export TOKEN="' + keys[name].key + b'"\n'):
        done = shell.run("verify", stdin=text)
        assert (done.code, told in done.out, "ghp_********" in done.out) == (code, True, True)
        assert f"asked  GET {github.server.url(HOST)}/user" in done.out
        assert f"asking about 1 key: 1 at {HOST}:{github.server.port}" in done.err
    report = json.loads(shell.run("verify", "--json", stdin=keys[name].key).out)
    assert report["validity"]["status"] == told.partition(" ")[0] and report["key"] == "ghp_********"


def test_a_plan_for_one_key(shell: Asking, github: GitHub, keys: dict[str, Fake]) -> None:
    done = shell.run("verify", "--plan", stdin=keys["active"].key)
    assert (done.code, done.out.splitlines()[0]) == (0, "would ask:")
    assert github.server.asked == []


def test_a_key_is_not_taken_as_an_argument(shell: Asking, github: GitHub, keys: dict[str, Fake]) -> None:
    for words in ([keys["active"].key.decode()], ["--rule", RULE, keys["active"].key.decode()]):
        done = shell.run("verify", *words)
        assert done.code == 2 and "a key is not taken as an argument" in done.err
        assert "keysweep verify < FILE" in done.err
    assert github.server.asked == []


@pytest.mark.parametrize(
    ("words", "text", "told"),
    [
        ([], "", "standard input is empty"),
        ([], "hello", "no rule recognises a key in it"),
        (["--rule", RULE], "hello", f"there is no key of rule {RULE}"),
        (["--rule", "githup-key"], "hello", "did you mean"),
        (["--part", "sid"], "KEY", "--part wants a name and a value"),
        (["--part", "sid=1"], "KEY", f"rule {RULE} has no part 'sid'"),
        (["--part-env", "sid=NO_SUCH_VARIABLE"], "KEY", "the environment variable 'NO_SUCH_VARIABLE' is not set"),
        ([], "KEY OTHER", "there are 2 keys in it"),
    ],
)
def test_wrong_use_of_verify_is_told(
    words: list[str], text: str, told: str, shell: Asking, github: GitHub, keys: dict[str, Fake]
) -> None:
    typed = text.replace("KEY", keys["active"].key.decode()).replace("OTHER", keys["dead"].key.decode())
    done = shell.run("verify", *words, stdin=typed.encode())
    assert done.code == 2 and told in done.err
    assert github.server.asked == []


@pytest.mark.parametrize("rule_id", ["linkt-api-key", "legba-api-token", "datadog-api-key", "logic64-api-key"])
def test_a_key_without_context_is_known_by_its_rule(
    rule_id: str, shell: Asking, github: GitHub, new_key: Callable[..., Fake]
) -> None:
    key = new_key(rule_id)
    shell.secrets.append(key.secret)
    done = shell.run("verify", "--rule", rule_id, "--plan", stdin=key.key)
    assert done.code == 0 and rule_id.partition("-")[0] in done.out
    assert github.server.asked == []


def test_a_part_is_given_and_named_when_it_is_missing(shell: Asking, new_key: Callable[..., Fake]) -> None:
    key = new_key("legba-api-token")
    shell.secrets.append(key.secret)
    words = ["verify", "--rule", "legba-api-token", "--plan"]
    assert "would ask nobody\nwould not ask about:\n  1 key of legba-api-token: missing-part: " in shell.run(
        *words, stdin=key.key
    ).out
    configured = {"KEYSWEEP_VERIFY_LEGBA__HOST": "api.legba.example", "KEYSWEEP_VERIFY_LEGBA__ORG": ORGANISATION}
    told = "would ask:\n  1 key of legba: api.legba.example: GET https://api.legba.example/orgs/{org_uuid}/api/key\n"
    assert shell.run(*words, stdin=key.key, env=configured).out == told
    given = ["--part", f"org_uuid={ORGANISATION}"]
    host = {"KEYSWEEP_VERIFY_LEGBA__HOST": "api.legba.example", "ORG": ORGANISATION}
    assert shell.run(*words, *given, stdin=key.key, env=host).out == told
    assert shell.run(*words, "--part-env", "org_uuid=ORG", stdin=key.key, env=host).out == told


ORGANISATION = "0b7c6a1e-6a5e-4f0e-9a57-2f5c7f3f1b11"


TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
"""Runs a program in a terminal of its own, and passes on what is typed and shown."""


def test_a_terminal_is_asked_without_echo(shell: Asking, keys: dict[str, Fake]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, KEYSWEEP, "verify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=shell.place, env=shell.environment(),
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    seen = b""
    while b"Key (not shown): " not in seen:
        piece = os.read(process.stdout.fileno(), 1024)
        assert piece, seen
        seen += piece
    process.stdin.write(keys["dead"].key + b"\n")
    process.stdin.flush()
    while piece := os.read(process.stdout.fileno(), 1024):
        seen += piece
    process.stdin.close()
    process.stdout.close()
    assert process.wait(timeout=WAIT) == 0
    shell.check(seen)
    assert b"inactive (invalid)" in seen


# --- an earlier report ---


@pytest.fixture
def report(shell: Asking, github: GitHub) -> Path:
    shell.run("history", "--verify", "--report", "json:leaks.json")
    github.server.asked.clear()
    return shell.place / "leaks.json"


def test_recheck_tells_what_has_ended_since(
    report: Path, shell: Asking, github: GitHub, keys: dict[str, Fake]
) -> None:
    github.known[keys["odd"].key.decode()] = GENUINE
    del github.known[keys["active"].key.decode()]
    done = shell.run("recheck", "leaks.json", "--report", "json:now.json")
    shell.check_files("leaks.json", "now.json")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "still active: 1 key" and "odd.env:1" in lines[1]
    assert lines[3] == "ended since the report: 1 key" and "and at 1 more place" in lines[4]
    assert "inactive (invalid) on 20" in lines[5] and "the report said active (accepted), 20" in lines[5]
    assert lines[6] == "had ended before: 1 key"
    assert lines[-1] == "Of 3 keys: 1 still active, 1 ended since the report, 1 had ended before."
    assert [github.times(keys[name]) for name in ("active", "dead", "odd")] == [1, 1, 1]
    before, after = (json.loads((shell.place / name).read_text()) for name in ("leaks.json", "now.json"))
    strip = ("validity", "failing", "secret", "text", "entropy")
    for key in strip:
        for one in (*before["findings"], *after["findings"]):
            one.pop(key)
    assert after["findings"] == before["findings"]
    assert after["exit_code"] == 1


def test_recheck_of_dead_keys_is_0_and_of_unknown_ones_3(
    report: Path, shell: Asking, github: GitHub, keys: dict[str, Fake]
) -> None:
    github.known = {keys["odd"].key.decode(): Answer(418)}
    assert shell.run("recheck", "leaks.json").code == 3
    github.known = {}
    assert shell.run("recheck", "leaks.json").code == 0
    assert shell.run("recheck", "leaks.json", "--quiet").err == ""


def test_recheck_plans(report: Path, shell: Asking, github: GitHub) -> None:
    done = shell.run("recheck", "leaks.json", "--plan")
    assert done.code == 0 and done.out.startswith("would ask:\n  3 keys of github: ")
    assert github.server.asked == []


def test_recheck_tells_what_cannot_be_read_any_more(
    shell: Asking, repo: GitRepo, github: GitHub, keys: dict[str, Fake], tmp_path: Path
) -> None:
    shell.run("files", "new.env", "dead.env", "odd.env", "--report", "json:leaks.json")
    (repo.path / "new.env").write_text("A=1\n")
    (repo.path / "odd.env").unlink()
    done = shell.run("recheck", "leaks.json")
    assert done.code == 3
    assert "cannot be read any more: 2 findings" in done.out
    assert "new.env:2: the key does not stand there any more" in done.out
    assert "odd.env:1: the file is not there any more" in done.out
    elsewhere = Asking(tmp_path, shell.secrets)
    elsewhere.server = shell.server
    assert elsewhere.run("recheck", str(shell.place / "leaks.json"), "--repo", str(shell.place)).out == done.out
    shell.run("stdin", "--report", "json:piped.json", stdin=b"T=" + keys["old"].key + b"\n")
    assert "it stood in standard input" in shell.run("recheck", "piped.json").out
    planned = shell.run("recheck", "piped.json", "--plan")
    assert planned.code == 0 and "would ask nobody" in planned.out and "it stood in standard input" in planned.out


def test_recheck_without_the_repository_says_so(report: Path, shell: Asking, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = shell.run("recheck", "leaks.json", "--repo", str(tmp_path / "empty"))
    assert done.code == 3 and "there is no repository here: name it with --repo" in done.out
    assert shell.run("recheck", "leaks.json", "--repo", "nowhere").code == 2


def test_recheck_finds_keys_in_messages(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    repo.commit(f"the token is {keys['old'].key.decode()}", {"z.txt": "z\n"})
    shell.run("history", ".", "HEAD~1..HEAD", "--report", "json:leaks.json")
    done = shell.run("recheck", "leaks.json")
    assert (done.code, done.out.splitlines()[-1]) == (0, "Of 1 key: 1 ended since the report.")


def recheck_of(shell: Asking, *words: str) -> tuple[int, str]:
    """Exit code and output of a check of `leaks.json`, which holds no key."""
    shell.check_files("leaks.json")
    done = shell.run("recheck", "leaks.json", *words)
    return done.code, done.out


STILL = "Of 1 key: 1 still active."


def test_recheck_of_a_text_that_is_there_once_more(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    text = b"A=1\nT=" + keys["active"].key + b"\n"
    for words in (("stdin",), ("stdin", "--name", "build.log")):
        shell.run(*words, "--report", "json:leaks.json", stdin=text)
        code, out = recheck_of(shell)
        assert code == 3 and "it stood in standard input: name a file with the same text with --text" in out
        repo.write("again.txt", text)
        code, out = recheck_of(shell, "--text", "again.txt")
        assert code == 1 and STILL in out
        repo.write("again.txt", b"A=1\n")
        code, out = recheck_of(shell, "--text", "again.txt")
        assert code == 3 and "the key does not stand in the text of --text" in out
        assert recheck_of(shell, "--text", "nowhere.txt")[0] == 2


def test_recheck_of_a_patch(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    name = keys["active"].key.decode()
    repo.commit("a name", {f"{name}/new.txt": b"T=" + keys["active"].key + b"\n"})
    patch = repo.git("format-patch", "-1", "--stdout")
    mail = f"Subject: {name}\n\n{patch}".encode()
    repo.write("change.patch", mail)
    for where in ("-", "change.patch"):
        shell.run("diff", where, "--report", "json:leaks.json", stdin=mail)
        assert len(statuses((shell.place / "leaks.json").read_text())) == 2, "in the mail, and in what it adds"
        code, out = recheck_of(shell, "--text", "change.patch")
        assert code == 1 and STILL in out and "cannot be read" not in out
        code, out = recheck_of(shell)
        assert code == 1 and "name the patch's file with --text" in out, "the name stands in the repository, too"


def test_recheck_of_names_of_branches(
    shell: Asking, repo: GitRepo, keys: dict[str, Fake], github: GitHub
) -> None:
    key = keys["old"].key.decode()
    github.known[key] = GENUINE
    repo.git("branch", f"wip/{key}")
    shell.run("history", "--report", "json:leaks.json")
    repo.commit("it moves on", {"a.txt": "a\n"})
    repo.git("branch", "-f", f"wip/{key}")
    code, out = recheck_of(shell)
    assert code == 1 and "refs/heads/wip/ghp_********" in out and "cannot be read" not in out
    repo.git("branch", "-D", f"wip/{key}")
    code, out = recheck_of(shell)
    assert code == 1 and "no branch or tag here has it in its name any more" in out


def test_recheck_of_names_of_files(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    """Those in the working tree, and those that are gone from it."""
    key = keys["active"].key.decode()

    repo.write(f"conf/a-{key}.txt", "x\n")
    shell.run("files", "conf", "--report", "json:leaks.json")
    assert STILL in recheck_of(shell)[1]
    repo.commit("a name", {})
    shell.run("history", ".", "HEAD~1..HEAD", "--report", "json:leaks.json")
    repo.git("rm", "-q", "-r", "conf")
    repo.commit("gone", {"other.txt": "y\n"})
    code, out = recheck_of(shell)
    assert code == 1 and STILL in out, "in the commit that brought it"
    told = json.loads((shell.place / "leaks.json").read_text())
    told["findings"] = [{**one, "history": None} for one in told["findings"]]
    (shell.place / "leaks.json").write_text(json.dumps(told))
    code, out = recheck_of(shell)
    assert code == 3 and "no file here, in the index or in its commit has it in its name" in out


def test_recheck_of_logs(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    repo.write("app.log", b"2026-01-01T00:00:00Z token=" + keys["active"].key + b"\n")
    shell.run("logs", "app.log", "--report", "json:leaks.json")
    assert STILL in recheck_of(shell)[1]
    (repo.path / "app.log").rename(repo.path / "app.log.1")
    code, out = recheck_of(shell)
    assert code == 3 and "app.log:1: the file is not there any more: name the folder" in out
    shell.run("logs", "-", "--report", "json:leaks.json", stdin=(repo.path / "app.log.1").read_bytes())
    assert recheck_of(shell)[0] == 3
    assert STILL in recheck_of(shell, "--text", "app.log.1")[1]


def test_recheck_of_a_message_that_was_being_made(shell: Asking, repo: GitRepo, keys: dict[str, Fake]) -> None:
    repo.write("MSG", b"use " + keys["active"].key + b"\n")
    shell.run("hook", "run", "commit-msg", "MSG", "--report", "json:leaks.json")
    code, out = recheck_of(shell)
    assert code == 3 and "a commit that was being made: recheck a report of the history" in out


def test_recheck_needs_the_identity_key_of_the_report(shell: Asking, github: GitHub) -> None:
    keyed = {"KEYSWEEP_IDENTITY_KEY": "a key of ours"}
    shell.run("files", "dead.env", "--report", "json:leaks.json", env=keyed)
    assert shell.run("recheck", "leaks.json", env=keyed).code == 0
    done = shell.run("recheck", "leaks.json")
    assert done.code == 3 and "made with another identity key" in done.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a JSON report of keysweep"),
        ('{"schema": 2, "findings": []}', "not a JSON report of keysweep"),
        ('{"schema": 1, "findings": [7]}', "finding 1 is not one that keysweep wrote"),
        ('{"schema": 1, "findings": [{}]}', "finding 1 is not one that keysweep wrote"),
    ],
)
def test_what_is_no_report_is_refused(text: str, told: str, shell: Asking, repo: GitRepo) -> None:
    repo.write("leaks.json", text)
    done = shell.run("recheck", "leaks.json")
    assert done.code == 2 and told in done.err


def test_a_hostile_report_reads_no_object_of_its_own_words(
    report: Path, shell: Asking, github: GitHub, tmp_path: Path
) -> None:
    told = json.loads(report.read_text())
    one = told["findings"][0]
    hostile = [
        {**one, "object": "HEAD\nHEAD^{tree}"}, {**one, "object": "--batch-all-objects"}, {**one, "rule": "x" * 50},
        {**one, "kind": "file", "object": "", "path": "/dev/zero"}, {**one, "kind": "file", "path": "a\x00b"},
        {**one, "kind": "file", "path": "\x1b[2J"}, {**one, "fingerprint": "0" * 32},
    ]  # fmt: skip
    report.write_text(json.dumps({**told, "findings": hostile}))
    done = shell.run("recheck", "leaks.json")
    assert done.code == 3 and "cannot be read any more: 7 findings" in done.out
    assert "\x1b" not in done.out
    assert github.server.asked == []


# --- what is loaded ---


def test_nothing_of_verification_is_loaded_unless_asked_for(shell: Asking, repo: GitRepo) -> None:
    repo.write("clean.txt", "A=1\n")
    modules = loaded("files", "clean.txt", place=repo.path)
    assert foreign(modules) == {"click", "ahocorasick"}
    assert not [name for name in modules if name.startswith(("scanner.verif", "scanner.request", "scanner.cli.asking"))]
    asked = loaded("files", "clean.txt", "--verify", place=repo.path)
    assert "scanner.verifier" in asked and {"httpcore"} <= foreign(asked)


def test_the_module_path_is_the_command(shell: Asking, keys: dict[str, Fake]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scanner", "verify"], input=keys["dead"].key, capture_output=True, check=False,
        cwd=shell.place, env=shell.environment(),
    )  # fmt: skip
    shell.check(done.stdout, done.stderr)
    assert done.returncode == 0

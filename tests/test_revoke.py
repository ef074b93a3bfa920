"""`keysweep revoke` from the command line: real processes, providers on this machine that end keys as their documents
say, or as badly as servers do."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from scanner.fakes import Fake
from tests.commands import WAIT
from tests.gitrepo import GitRepo
from tests.revocation_desk import BAD, HERE, ORG, CompanyService, Desk
from tests.simulator import Answer, Asked, Simulator, cut, hang_up, huge, simulator
from tests.test_cli import KEYSWEEP, Done, Shell
from tests.test_conventions import MAY_LOAD, foreign, loaded

NewKey = Callable[..., Fake]

RULES = {
    "github": "github-personal-access-token",
    "gitlab": "gitlab-personal-access-token",
    "slack": "slack-user-token",
    "legba": "legba-api-key",
    "sk-api": "sk-api-key",
    "logtalk": "logtalk-api-key",
}


class Ending(Shell):
    """A shell in whose environment one provider is the simulator, and nobody else can be reached."""

    def __init__(self, place: Path, desk: Desk, key: Fake) -> None:
        super().__init__(place, [key.secret])
        self.desk, self.key = desk, key

    def environment(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in super().environment().items() if not name.lower().endswith("_proxy")}
        name = self.desk.provider.upper().replace("-", "_")
        return {
            **clean,
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "KEYSWEEP_STATE_DIR": str(self.place / "state"),
            "KEYSWEEP_VERIFY_ALLOW_LOOPBACK": "true",
            "KEYSWEEP_VERIFY_TIMEOUT": "60",
            f"KEYSWEEP_VERIFY_{name}__BASE_URL": self.desk.server.url(HERE),
            **({"KEYSWEEP_VERIFY_LEGBA__ORG": ORG, "KEYSWEEP_VERIFY_LEGBA__HOST": "legba.acme.net"}
               if self.desk.provider == "legba" else {}),
            **more,
        }  # fmt: skip

    def revoke(self, *words: str, **env: str) -> Done:
        """Ends the key."""
        rule = ("--rule", RULES[self.desk.provider])
        return self.run("revoke", *rule, *words, stdin=self.key.key + b"\n", env=env)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The audit log."""
        content = (self.place / "state" / "revocations.jsonl").read_bytes()
        self.check(content)
        return [json.loads(line) for line in content.splitlines()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Simulator]:
    with simulator([], tmp_path, tls=False) as made:
        yield made


Make = Callable[..., Ending]


@pytest.fixture
def shell_of(server: Simulator, tmp_path: Path, new_key: NewKey) -> Make:
    """`shell_of("gitlab")`: a shell, a provider that knows its key, and an empty folder."""

    def make(provider: str, environment: str = "") -> Ending:
        key = new_key(RULES[provider], environment)
        desk = Desk(server, provider)
        desk.keys.add(key.key.decode())
        place = tmp_path / "place"
        place.mkdir()
        return Ending(place, desk, key)

    return make


@pytest.fixture
def owned(shell_of: Make, new_key: NewKey) -> Ending:
    """The sk_ API with a test key that leaked and an owner's live key; the list names both."""
    shell = shell_of("sk-api", "test")
    owner = new_key("sk-api-key", "live")
    shell.desk.owners.add(owner.key.decode())
    shell.desk.ids = {
        "key_1": (shell.key.key.decode(), {"name": "ci", "prefix": "sk_test_"}),
        "key_2": (owner.key.decode(), {"name": "boss", "prefix": "sk_live_"}),
    }
    shell.secrets.append(owner.secret)
    return shell


def owner_of(shell: Ending) -> str:
    return next(iter(shell.desk.owners))


# --- nothing happens by itself ---


@pytest.mark.parametrize("provider", sorted(RULES))
def test_without_yes_no_packet_leaves(shell_of: Make, provider: str) -> None:
    shell = shell_of(provider)
    done = shell.revoke("--owner-key-env", "NOT_THERE", "--new-key-file", "new.txt")
    assert done.code == 3
    assert shell.desk.server.asked == []
    assert f"[{RULES[provider]}]" in done.out
    assert not (shell.place / "state").exists() and not (shell.place / "new.txt").exists()
    if provider == "logtalk":
        assert "left to you" in done.out and "Settings, then API Keys" in done.out
    else:
        assert "which cannot be undone" in done.out and shell.desk.server.url(HERE) in done.out
        assert "nothing was sent: --yes does it" in done.err


def test_a_plan_tells_live_keys_from_those_for_tests(owned: Ending, new_key: NewKey) -> None:
    assert "1 for tests" in owned.revoke().out
    live = new_key("sk-api-key", "live")
    owned.secrets.append(live.secret)
    out = owned.run("revoke", "--rule", "sk-api-key", stdin=live.key).out
    assert "1 live" in out and "[sk-api-key] LIVE" in out


def test_a_plan_for_programs(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    done = shell.revoke("--json")
    told = json.loads(done.out)
    assert done.code == 3 and told["dry_run"] is True
    (row,) = told["keys"]
    assert row["how"] == "self" and row["endpoint"].startswith("DELETE ")
    assert row["key"].endswith("********")


def test_help_loads_nothing_that_asks() -> None:
    modules = loaded("revoke", "--help")
    assert foreign(modules) <= MAY_LOAD
    assert modules & {"scanner.revoker", "scanner.request", "scanner.verifier", "subprocess", "ssl"} == set()


def test_a_key_is_no_argument(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    done = shell.run("revoke", "--yes", shell.key.key.decode())
    assert done.code == 2 and "not taken as an argument" in done.err
    assert shell.desk.server.asked == []


# --- each class ---


def test_a_key_is_reported_to_its_issuer(shell_of: Make) -> None:
    shell = shell_of("github")
    done = shell.revoke("--yes")
    assert done.code == 0, done.err
    assert "ended: 1 key" in done.out
    (report,) = shell.desk.changes
    assert report.path == "/credentials/revoke" and "authorization" not in report.headers
    assert json.loads(report.body) == {"credentials": [shell.key.key.decode()]}
    assert [line["event"] for line in shell.log] == ["begin", "said", "checked"]
    assert [line.get("outcome") for line in shell.log] == [None, "accepted", "ended"]


def test_a_header_of_the_user_s_puts_no_name_under_a_report(shell_of: Make) -> None:
    shell = shell_of("github")
    (shell.place / "own.toml").write_text('[verify.github]\nheaders = {Authorization = "Basic eA==", X-Who = "us"}\n')
    shell.revoke("--yes", "--no-check", "--config", "own.toml")
    (report,) = shell.desk.changes
    assert "authorization" not in report.headers and report.headers["x-who"] == "us"


@pytest.mark.parametrize(("provider", "method", "path"), [
    ("gitlab", "DELETE", "/api/v4/personal_access_tokens/self"),
    ("slack", "POST", "/api/auth.revoke"),
])  # fmt: skip
def test_a_key_ends_itself(shell_of: Make, provider: str, method: str, path: str) -> None:
    shell = shell_of(provider)
    done = shell.revoke("--yes")
    assert done.code == 0, done.err
    assert [(one.method, one.path) for one in shell.desk.changes] == [(method, path)]
    assert "before: active (accepted)" in done.out and "after: inactive (revoked)" in done.out


def test_what_has_ended_is_not_ended_again(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    assert shell.revoke("--yes").code == 0
    done = shell.revoke("--yes")
    assert done.code == 0 and "had ended before: 1 key" in done.out
    assert len(shell.desk.changes) == 1


def test_an_owner_s_key_deletes_the_one_that_fits(owned: Ending) -> None:
    done = owned.revoke("--yes", "--owner-key-env", "OWNER", OWNER=owner_of(owned))
    assert done.code == 0, done.err
    (deletion,) = owned.desk.changes
    assert (deletion.method, deletion.path) == ("DELETE", "/v1/api-keys/key_1")
    assert deletion.bearer == owner_of(owned)
    assert set(owned.desk.ids) == {"key_2"}


def test_an_owner_s_key_may_come_from_a_file(owned: Ending) -> None:
    (owned.place / "owner").write_text(owner_of(owned) + "\n")
    assert owned.revoke("--yes", "--owner-key-file", "sk-api=owner").code == 0


def test_where_several_fit_none_is_guessed(owned: Ending) -> None:
    owned.desk.ids["key_3"] = ("another", {"name": "old", "prefix": "sk_test_"})
    done = owned.revoke("--yes", "--owner-key-env", "OWNER", OWNER=owner_of(owned))
    assert done.code == 1 and owned.desk.changes == []
    assert "several keys fit" in done.out
    assert "fits: key_1" in done.out and "fits: key_3" in done.out and "key_2" not in done.out
    picked = owned.revoke("--yes", "--owner-key-env", "OWNER", "--key-id", "key_1", OWNER=owner_of(owned))
    assert picked.code == 0
    assert set(owned.desk.ids) == {"key_2", "key_3"}


def test_an_id_that_does_not_fit_is_refused(owned: Ending) -> None:
    done = owned.revoke("--yes", "--owner-key-env", "OWNER", "--key-id", "key_2", OWNER=owner_of(owned))
    assert done.code == 1 and owned.desk.changes == []


def test_the_owner_s_own_key_is_not_taken_for_the_one_that_leaked(shell_of: Make, new_key: NewKey) -> None:
    """Of another account the list holds one key of this sort: the owner's."""
    shell = shell_of("sk-api", "live")
    owner = new_key("sk-api-key", "live")
    shell.secrets.append(owner.secret)
    shell.desk.owners.add(owner.key.decode())
    shell.desk.ids = {"key_9": (owner.key.decode(), {"prefix": "sk_live_"})}
    done = shell.revoke("--yes", "--owner-key-env", "OWNER", OWNER=owner.key.decode())
    assert done.code == 1 and shell.desk.changes == []
    assert "the owner's own key" in done.out


def test_a_key_of_another_account_is_not_deleted_in_its_place(owned: Ending) -> None:
    """The leaked key lists other keys than the owner's does."""
    other = Answer(200, {"success": True, "data": [{"id": "key_77", "prefix": "sk_test_"}]})

    def two_accounts(_: Desk, asked: Asked) -> Answer | None:
        return other if asked.method == "GET" and asked.bearer == owned.key.key.decode() else None

    owned.desk.wrong = two_accounts
    done = owned.revoke("--yes", "--owner-key-env", "OWNER", OWNER=owner_of(owned))
    assert done.code == 1 and owned.desk.changes == []
    assert "another account" in done.out


def test_an_unknown_key_is_not_looked_for_by_its_sort(owned: Ending) -> None:
    done = owned.revoke("--yes", "--no-check", "--owner-key-env", "OWNER", OWNER=owner_of(owned))
    assert done.code == 3 and owned.desk.changes == []
    assert "not known to work" in done.out


@pytest.mark.parametrize(("words", "sentence"), [
    ((), "--owner-key-env sk-api=VARIABLE"),
    (("--owner-key-env", "OWNER"), "'OWNER' is not set"),
    (("--owner-key-file", "nowhere"), "nowhere: cannot be read"),
    (("--owner-key-file", "/dev/zero"), "/dev/zero: larger than 64 KiB, which no key is"),
])  # fmt: skip
def test_without_an_owner_s_key_nothing_is_asked(owned: Ending, words: tuple[str, ...], sentence: str) -> None:
    done = owned.revoke("--yes", *words)
    assert done.code == 2 and sentence in done.err
    assert owned.desk.server.asked == []


def test_where_a_person_has_to_do_it_the_code_says_that_something_is_left(shell_of: Make) -> None:
    shell = shell_of("logtalk", "live")
    done = shell.revoke("--yes")
    assert done.code == 1
    assert "still works: 1 key" in done.out
    assert "page: https://logtalk.io" in done.out and "- Revoke the old key" in done.out
    shell.desk.keys.clear()
    assert shell.revoke("--yes").code == 0


def test_a_sample_is_left_alone(shell_of: Make) -> None:
    shell = shell_of("github")
    fake = shell.run("rules", "fake", RULES["github"]).out.strip().encode()
    shell.secrets.append(fake.partition(b"_")[2])
    done = shell.run("revoke", "--yes", stdin=fake)
    assert done.code == 3 and "sample" in done.out
    assert shell.desk.server.asked == []


# --- rotation ---


@pytest.fixture
def rotating(shell_of: Make, new_key: NewKey) -> Ending:
    shell = shell_of("legba")
    new = new_key("legba-api-key")
    shell.desk.new_key = new.key.decode()
    shell.secrets.append(new.secret)
    return shell


def test_a_new_key_goes_into_a_file_that_only_its_owner_reads(rotating: Ending) -> None:
    done = rotating.revoke("--yes", "--new-key-file", "new.txt")
    assert done.code == 0, done.err
    made = rotating.place / "new.txt"
    assert made.read_text() == rotating.desk.new_key + "\n"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert [one.path for one in rotating.desk.changes] == [f"/orgs/{ORG}/api/key/rotate"]
    assert rotating.log[-1]["outcome"] == "ended"
    assert [one.name for one in (rotating.place / "state").iterdir()] == ["revocations.jsonl"]


def test_a_new_key_goes_to_a_command(rotating: Ending) -> None:
    program = "import sys; text = sys.stdin.read(); open('taken', 'w').write(text); print(text)"
    done = rotating.revoke("--yes", "--new-key-command", f'{sys.executable} -c "{program}"')
    assert done.code == 0, done.err
    assert (rotating.place / "taken").read_text() == rotating.desk.new_key + "\n"


def test_what_a_command_does_not_take_is_kept(rotating: Ending) -> None:
    done = rotating.revoke("--yes", "--new-key-command", f'{sys.executable} -c "raise SystemExit(7)"')
    assert done.code == 2
    assert "exit code 7" in done.out and "is kept in" in done.out
    (kept,) = (rotating.place / "state").glob("new-key-*")
    assert str(kept) in done.out
    assert kept.read_text() == rotating.desk.new_key + "\n" and stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(("words", "sentence"), [
    ((), "say where it goes"),
    (("--new-key-file", "there.txt"), "there.txt: exists"),
    (("--new-key-file", "no/such/folder.txt"), "cannot be written"),
    (("--new-key-command", "no-such-program-at-all --now"), "no such program"),
    (("--new-key-command", "'"), "is no command"),
    (("--new-key-file", "a", "--new-key-command", "b"), "one of --new-key-file"),
])  # fmt: skip
def test_a_key_is_not_rotated_when_its_new_one_has_no_place(
    rotating: Ending, words: tuple[str, ...], sentence: str
) -> None:
    (rotating.place / "there.txt").write_text("mine")
    done = rotating.revoke("--yes", *words)
    assert done.code == 2 and sentence in done.err
    assert rotating.desk.changes == []
    assert (rotating.place / "there.txt").read_text() == "mine"
    assert not list((rotating.place / "state").glob("new-key-*"))


def test_a_reply_without_a_new_key_is_kept(rotating: Ending) -> None:
    """It is a success, and nobody knows what else stands in it."""
    odd = {"key_id": "k_2", "secret": rotating.desk.new_key}

    def other_words(desk: Desk, asked: Asked) -> Answer | None:
        if not asked.path.endswith("/rotate"):
            return None
        desk.keys.clear()
        return Answer(200, odd)

    rotating.desk.wrong = other_words
    done = rotating.revoke("--yes", "--new-key-file", "new.txt")
    assert done.code == 2 and "the reply is kept in" in done.out
    (kept,) = (rotating.place / "state").glob("new-key-*")
    assert json.loads(kept.read_text()) == odd and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not (rotating.place / "new.txt").exists()


def test_a_rotation_that_was_refused_leaves_nothing_behind(rotating: Ending) -> None:
    rotating.desk.wrong = lambda _, asked: BAD["legba"] if asked.path.endswith("/rotate") else None
    done = rotating.revoke("--yes", "--new-key-file", "new.txt")
    assert done.code == 1
    assert not (rotating.place / "new.txt").exists()
    assert [one.name for one in (rotating.place / "state").iterdir()] == ["revocations.jsonl"]


# --- networks ---


def ended_and(answer: Answer, path: str) -> Callable[[Desk, Asked], Answer | None]:
    """Ends the key, and then replies something else."""

    def bent(desk: Desk, asked: Asked) -> Answer | None:
        if (asked.method, asked.path) in {("GET", path), ("POST", "/api/auth.test")} or asked.path == "/user":
            return None
        desk.keys.clear()
        return answer

    return bent


SELF = "/api/v4/personal_access_tokens/self"


@pytest.mark.parametrize("instead", [hang_up, cut, huge], ids=lambda one: str(one.__name__))
def test_a_connection_that_breaks_after_the_deletion_is_cleared_up_by_a_check(
    shell_of: Make, instead: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    shell = shell_of("gitlab")
    shell.desk.wrong = ended_and(Answer(instead=instead), SELF)
    done = shell.revoke("--yes")
    assert done.code == 0, done.out
    assert len(shell.desk.changes) == 1, "what may have worked is not sent again"
    assert "no reply that says what happened" in done.out and "ended: 1 key" in done.out


def test_a_rotation_is_never_repeated(rotating: Ending) -> None:
    def lost(desk: Desk, asked: Asked) -> Answer | None:
        if not asked.path.endswith("/rotate"):
            return None
        desk.keys.clear()
        return Answer(instead=hang_up)

    rotating.desk.wrong = lost
    done = rotating.revoke("--yes", "--new-key-file", "new.txt")
    assert done.code == 2 and "its new one is lost" in done.out
    assert len(rotating.desk.changes) == 1


def test_a_host_that_wants_it_later_gets_it_later(shell_of: Make) -> None:
    shell = shell_of("github")
    left = [2]

    def busy(_: Desk, asked: Asked) -> Answer | None:
        if asked.path != "/credentials/revoke" or not left[0]:
            return None
        left[0] -= 1
        return Answer(429, {"message": "slow down"}, headers={"Retry-After": "0"})

    shell.desk.wrong = busy
    done = shell.revoke("--yes", KEYSWEEP_VERIFY_GITHUB__PER_MINUTE="6000", KEYSWEEP_VERIFY_GITHUB__AT_ONCE="8")
    assert done.code == 0, done.out
    assert len(shell.desk.changes) == 3


def test_a_host_that_never_wants_it_leaves_a_key_that_works(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    shell.desk.wrong = lambda _, asked: Answer(429, {}) if asked.method == "DELETE" else None
    done = shell.revoke("--yes", KEYSWEEP_VERIFY_ATTEMPTS="1")
    assert done.code == 1 and "rate-limited" in done.out


def test_an_ending_may_take_a_moment(shell_of: Make) -> None:
    shell = shell_of("github")
    key, checks = shell.key.key.decode(), [0]

    def later(_: Desk, asked: Asked) -> Answer | None:
        if asked.path == "/credentials/revoke":
            checks[0] = 1
            return Answer(202)
        if asked.bearer == key and checks[0]:
            checks[0] += 1
            return BAD["github"] if checks[0] > 3 else None
        return None

    shell.desk.wrong = later
    assert shell.revoke("--yes").code == 0
    assert checks[0] > 3


def test_a_report_that_is_taken_proves_nothing(shell_of: Make) -> None:
    shell = shell_of("github")
    shell.desk.wrong = lambda _, asked: Answer(202) if asked.path == "/credentials/revoke" else None
    done = shell.revoke("--yes", "--wait", "1")
    assert done.code == 1 and "still works: 1 key" in done.out and "the report was taken" in done.out


def test_without_a_check_nothing_is_confirmed(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    done = shell.revoke("--yes", "--no-check")
    assert done.code == 3 and "not known: 1 key" in done.out
    assert len(shell.desk.server.asked) == 1


def test_a_reply_may_echo_the_key(shell_of: Make) -> None:
    """No output, no log, and no file holds it: the shell looks."""
    shell = shell_of("gitlab")
    text = shell.key.key.decode()
    echo = Answer(500, {"message": text, "ids": [text]}, headers={"X-Key": text})
    shell.desk.wrong = lambda _, asked: echo if asked.method == "DELETE" else None
    done = shell.revoke("--yes", "--json", "--wait", "0")
    assert done.code == 1
    assert json.loads(done.out)["keys"][0]["said"]["reason"] == "server-error"
    assert shell.log


def test_an_id_that_echoes_a_key_is_neither_shown_nor_sent(owned: Ending) -> None:
    name = owned.key.key.decode()
    owned.desk.ids = {name: (name, {"prefix": "sk_test_"})}
    done = owned.revoke("--yes", "--owner-key-env", "OWNER", OWNER=owner_of(owned))
    assert done.code == 1 and owned.desk.changes == []


@pytest.mark.parametrize("identifier", ["../users/1", "key 1", "k" * 200, "", {"a": 1}, None, "\u202ekey"])
def test_an_id_that_is_none_is_not_sent(owned: Ending, identifier: Any) -> None:
    listed = {"success": True, "data": [{"id": identifier, "prefix": "sk_test_"}]}
    owned.desk.wrong = lambda _, asked: Answer(200, listed) if asked.bearer == owner_of(owned) else None
    done = owned.revoke("--yes", "--owner-key-env", "OWNER", OWNER=owner_of(owned))
    assert done.code == 1 and owned.desk.changes == []


def test_no_redirect_is_followed(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    there = shell.desk.server.url("localhost")
    shell.desk.wrong = lambda _, asked: (
        Answer(307, {}, headers={"Location": f"{there}/elsewhere"}) if asked.method == "DELETE" else None
    )
    done = shell.revoke("--yes", "--wait", "0")
    assert done.code == 1 and "redirected" in done.out
    assert {one.path for one in shell.desk.server.asked} == {SELF}


# --- many keys ---


@pytest.fixture
def leaks(shell_of: Make, new_key: NewKey) -> tuple[Ending, Path]:
    """A repository with three GitHub tokens, one of a kind that cannot be reported, and a report of it."""
    shell = shell_of("github")
    repo = GitRepo.new(shell.place / "repo")
    more = (RULES["github"], "github-oauth-token", "github-installation-token")
    keys = [shell.key, *(new_key(rule) for rule in more)]
    for number, key in enumerate(keys):
        repo.commit(f"leak {number}", {f"{number}.env": b"TOKEN=" + key.key + b"\n", f"again{number}": key.key})
        shell.secrets.append(key.secret)
        shell.desk.keys.add(key.key.decode())
    shell.run("history", "repo", "--report", "json:leaks.json")
    return shell, repo.path


def test_the_keys_of_a_report_go_in_one_request(leaks: tuple[Ending, Path]) -> None:
    shell, repo = leaks
    done = shell.run("revoke", "--report", "leaks.json", "--repo", str(repo), "--yes")
    assert done.code == 3, "nobody knows of the installation token: its check has no answer here"
    (report,) = shell.desk.changes_of("/credentials/revoke")
    assert len(json.loads(report.body)["credentials"]) == 3
    assert "ended: 3 keys" in done.out
    assert sum(line["event"] == "begin" for line in shell.log) == 3


def test_only_the_keys_of_one_rule(leaks: tuple[Ending, Path]) -> None:
    shell, repo = leaks
    done = shell.run(
        "revoke", "--report", "leaks.json", "--repo", str(repo), "--rule", "github-oauth-token", "--yes"
    )
    assert done.code == 0
    (report,) = shell.desk.changes_of("/credentials/revoke")
    assert len(json.loads(report.body)["credentials"]) == 1


def test_a_key_that_cannot_be_read_again_is_told(leaks: tuple[Ending, Path]) -> None:
    shell, _ = leaks
    (shell.place / "empty").mkdir()
    done = shell.run("revoke", "--report", "leaks.json", "--repo", "empty", "--yes")
    assert done.code == 3 and "name it with --repo" in done.err
    assert shell.desk.server.asked == []


def test_a_report_without_keys_is_told(shell_of: Make) -> None:
    shell = shell_of("github")
    shell.run("stdin", "--report", "json:none.json", stdin=b"nothing\n")
    done = shell.run("revoke", "--report", "none.json", "--yes")
    assert done.code == 3 and "there is no key in it" in done.err


# --- a company's own service ---


@pytest.fixture
def service(shell_of: Make) -> tuple[Ending, CompanyService]:
    shell = shell_of("gitlab")
    shell.secrets.append(b"pre-shared-token")
    types = ["gitleaks_rule_id_gitlab_personal_access_token", "other"]
    return shell, CompanyService(shell.desk, "pre-shared-token", types)


def serve(shell: Ending, *words: str, **env: str) -> Done:
    env["KEYSWEEP_SERVICE_TOKEN"] = "pre-shared-token"
    return shell.revoke("--service", shell.desk.server.url(HERE), *words, **env)


def test_a_service_of_the_company_s_own_ends_keys(service: tuple[Ending, CompanyService]) -> None:
    shell, _ = service
    assert serve(shell).code == 3 and shell.desk.server.asked == []
    done = serve(shell, "--yes")
    assert done.code == 0, done.out + done.err
    (request,) = shell.desk.changes_of("/v1/revoke_tokens")
    assert json.loads(request.body) == [{
        "type": "gitleaks_rule_id_gitlab_personal_access_token", "token": shell.key.key.decode(), "location": "stdin",
    }]  # fmt: skip
    assert not [one for one in shell.desk.changes if one.method == "DELETE"]


def test_a_service_may_want_keys_later(service: tuple[Ending, CompanyService]) -> None:
    shell, desk = service
    desk.later = 2
    assert serve(shell, "--yes").code == 0


def test_a_type_may_be_named(service: tuple[Ending, CompanyService]) -> None:
    shell, _ = service
    assert serve(shell, "--yes", "--service-type", f"{RULES['gitlab']}=other").code == 0
    assert json.loads(shell.desk.changes[-1].body)[0]["type"] == "other"


@pytest.mark.parametrize("types", [[], ["something_else"]])
def test_a_service_that_does_not_know_the_type_gets_no_key(
    service: tuple[Ending, CompanyService], types: list[str]
) -> None:
    shell, desk = service
    desk.types = types
    done = serve(shell, "--yes")
    assert done.code == 1 and "does not end keys of this type" in done.out
    assert shell.desk.changes == []


def test_a_service_that_refuses_is_not_asked_again(service: tuple[Ending, CompanyService]) -> None:
    shell, desk = service
    shell.desk.wrong = lambda one, asked: (
        Answer(400, {}) if asked.path == "/v1/revoke_tokens" else desk.answer(one, asked)
    )
    done = serve(shell, "--yes")
    assert done.code == 1 and "do not repeat it" in done.out
    assert len(shell.desk.changes_of("/v1/revoke_tokens")) == 1


def test_a_service_with_another_token_gets_no_key(service: tuple[Ending, CompanyService]) -> None:
    shell, desk = service
    desk.token = "another"
    done = serve(shell, "--yes")
    assert done.code == 1 and shell.desk.changes == []


@pytest.mark.parametrize("url", ["http://revoke.acme.net", "https://a@b.net", "revoke.acme.net", "https://a.net/?x=1"])
def test_an_address_that_is_none(shell_of: Make, url: str) -> None:
    shell = shell_of("gitlab")
    done = shell.revoke("--yes", "--service", url, KEYSWEEP_SERVICE_TOKEN="t")
    assert done.code == 2 and "--service wants an address" in done.err


# --- the log ---


def test_the_log_is_appended_to_and_private(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    shell.revoke("--yes")
    shell.revoke("--yes")
    path = shell.place / "state" / "revocations.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line["event"] for line in shell.log] == ["begin", "said", "checked", "checked"]
    first = shell.log[0]
    assert set(first) == {"time", "event", "rule", "key", "fingerprint", "environment", "how", "endpoint"}
    assert first["rule"] == RULES["gitlab"] and first["endpoint"].endswith(SELF)


@pytest.mark.parametrize("spoil", ["folder", "shared", "link"])
def test_a_log_that_cannot_be_kept_lets_nothing_happen(shell_of: Make, spoil: str) -> None:
    shell = shell_of("gitlab")
    path = shell.place / "log"
    if spoil == "folder":
        path.mkdir()
    elif spoil == "shared":
        path.touch()
        path.chmod(0o644)
    else:
        path.symlink_to(shell.place / "elsewhere")
    done = shell.revoke("--yes", "--audit-log", "log")
    assert done.code == 2 and "audit log" in done.err
    assert shell.desk.server.asked == []


def test_a_state_folder_that_others_can_look_into_is_refused(shell_of: Make) -> None:
    shell = shell_of("gitlab")
    (shell.place / "state").mkdir()
    (shell.place / "state").chmod(0o755)
    done = shell.revoke("--yes")
    assert done.code == 2 and "KEYSWEEP_STATE_DIR" in done.err
    assert shell.desk.server.asked == []


# --- people ---


TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@pytest.mark.parametrize(("answer", "code", "asked"), [("yes", 0, 1), ("no", 3, 0), ("", 3, 0)])
def test_a_terminal_is_asked(shell_of: Make, answer: str, code: int, asked: int) -> None:
    shell = shell_of("gitlab")
    command = [sys.executable, "-c", TERMINAL, KEYSWEEP, "revoke", "--rule", RULES["gitlab"]]
    with subprocess.Popen(
        command, cwd=shell.place, env=shell.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdin is not None and run.stdout is not None
        seen = _until(run.stdout.fileno(), b"Key (not shown)")
        run.stdin.write(shell.key.key + b"\n")
        run.stdin.flush()
        seen += _until(run.stdout.fileno(), b"Type yes")
        assert shell.desk.server.asked == []
        run.stdin.write(answer.encode() + b"\n")
        run.stdin.flush()
        seen += run.stdout.read()
    assert run.returncode == code, seen
    assert len(shell.desk.changes) == asked
    shell.check(seen)
    assert b"which cannot be undone" in seen


def _until(descriptor: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        piece = os.read(descriptor, 4096)
        assert piece, seen
        seen += piece
    return seen


def test_what_is_under_way_comes_to_its_end_when_it_is_interrupted(shell_of: Make, new_key: NewKey) -> None:
    """Ctrl-C while the first of two keys ends: that one is told as ended, the other is not begun."""
    shell = shell_of("gitlab")
    second = new_key(RULES["gitlab"])
    shell.secrets.append(second.secret)
    shell.desk.keys.add(second.key.decode())
    (shell.place / "a.env").write_bytes(b"TOKEN=" + shell.key.key + b"\n")
    (shell.place / "b.env").write_bytes(b"TOKEN=" + second.key + b"\n")
    shell.run("files", "a.env", "b.env", "--report", "json:leaks.json")
    begun, go_on = threading.Event(), threading.Event()

    def slowly(_: Desk, asked: Asked) -> Answer | None:
        if asked.method == "DELETE":
            begun.set()
            go_on.wait(WAIT)
        return None

    shell.desk.wrong = slowly
    env = shell.environment(KEYSWEEP_VERIFY_TIMEOUT="300")
    command = [KEYSWEEP, "revoke", "--report", "leaks.json", "--yes"]
    pipes: Mapping[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=shell.place, env=env, **pipes) as run:
        assert begun.wait(WAIT)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        told = _until(run.stderr.fileno(), b"comes to its end")
        go_on.set()
        out, err = run.communicate(timeout=WAIT)
    shell.check(out, err, told)
    assert run.returncode == 1
    assert b"still works: 1 key" in out and b"ended: 1 key" in out
    assert len(shell.desk.changes) == 1


def heard() -> None:
    """Signals do what they do, though the tests themselves may have been started with `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def while_it_rotates(
    shell: Ending, *words: str, before: Sequence[str] = (), **pipes: Any
) -> tuple[subprocess.Popen[bytes], threading.Event]:
    """A process whose provider has rotated the key, and replies when the event is set."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(desk: Desk, asked: Asked) -> Answer | None:
        if not asked.path.endswith("/rotate"):
            return None
        begun.set()
        go_on.wait(WAIT)
        return None

    shell.desk.wrong = slowly
    command = [*before, KEYSWEEP, "revoke", "--rule", RULES["legba"], "--yes", *words]
    (shell.place / "key.txt").write_bytes(shell.key.key)
    with (shell.place / "key.txt").open("rb") as key:
        env = shell.environment(KEYSWEEP_VERIFY_TIMEOUT="300")
        run = subprocess.Popen(command, cwd=shell.place, env=env, stdin=key, **{"preexec_fn": heard, **pipes})
    assert begun.wait(WAIT)
    return run, go_on


PIPES: Mapping[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.mark.parametrize(
    "signals",
    [["SIGTERM"], ["SIGHUP"], ["SIGQUIT"], ["SIGINT", "SIGINT"], ["SIGTERM", "SIGTERM", "SIGINT", "SIGHUP"]],
    ids=" ".join,
)
def test_no_signal_loses_a_new_key(rotating: Ending, signals: list[str]) -> None:
    run, go_on = while_it_rotates(rotating, "--new-key-file", "new.txt", **PIPES)
    with run:
        assert run.stderr is not None
        run.send_signal(getattr(signal, signals[0]))
        told = _until(run.stderr.fileno(), b"comes to its end")
        for name in signals[1:]:
            run.send_signal(getattr(signal, name))
        go_on.set()
        out, err = run.communicate(timeout=WAIT)
    rotating.check(out, err, told)
    assert run.returncode == 0, err
    assert b"ended: 1 key" in out
    assert (rotating.place / "new.txt").read_text() == rotating.desk.new_key + "\n"
    assert [one.name for one in (rotating.place / "state").iterdir()] == ["revocations.jsonl"]


def test_a_signal_while_a_command_takes_the_new_key_leaves_it_its_time(rotating: Ending) -> None:
    """Both of them get the signal's group, as when a job is stopped; the command has a session of its own."""
    program = "import sys, time; open('begun', 'w').close(); time.sleep(1); open('taken', 'w').write(sys.stdin.read())"
    words = ("--new-key-command", f'{sys.executable} -c "{program}"')
    run, go_on = while_it_rotates(rotating, *words, start_new_session=True, **PIPES)
    with run:
        go_on.set()
        while not (rotating.place / "begun").exists():
            assert run.poll() is None
        os.killpg(run.pid, signal.SIGTERM)
        out, err = run.communicate(timeout=WAIT)
    rotating.check(out, err)
    assert run.returncode == 0, err
    assert (rotating.place / "taken").read_text() == rotating.desk.new_key + "\n"


def test_a_terminal_that_is_closed_loses_no_new_key(rotating: Ending) -> None:
    """What is said goes nowhere from then on, and the process gets SIGHUP from its terminal."""
    master, slave = os.openpty()
    own = "os.setsid(); os.close(os.open(os.ttyname(1), os.O_RDWR))"  # the first terminal that is opened is ours
    before = (sys.executable, "-c", f"import os, sys; {own}; os.execv(sys.argv[1], sys.argv[1:])")
    run, go_on = while_it_rotates(rotating, "--new-key-file", "new.txt", before=before, stdout=slave, stderr=slave)
    with run:
        os.close(slave)
        os.close(master)
        go_on.set()
        run.wait(WAIT)
    assert (rotating.place / "new.txt").read_text() == rotating.desk.new_key + "\n"
    assert rotating.log[-2]["outcome"] == "revoked"


def test_an_ignored_signal_stays_ignored(rotating: Ending) -> None:
    """`nohup keysweep …`: a terminal that is closed is no reason to stop."""
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    run, go_on = while_it_rotates(rotating, "--new-key-file", "new.txt", preexec_fn=ignore, **PIPES)
    with run:
        run.send_signal(signal.SIGHUP)
        go_on.set()
        out, err = run.communicate(timeout=WAIT)
    rotating.check(out, err)
    assert run.returncode == 0
    assert b"interrupted" not in err

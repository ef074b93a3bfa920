"""The action, as GitHub would run it: its own steps, for each event, in checkouts deep and shallow."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from simulator import Answer, simulator

from scanner import __version__
from scanner.action import DEPTHS, OutOfReachError, Plan, make_plan, reach
from scanner.errors import SourceError, UsageError
from scanner.fakes import Fake
from tests.action_hub import ZEROS, Event, Files, Hub
from tests.action_runner import OF_A_KIND, SUMMARY_LIMIT, Run, Runner
from tests.gitrepo import GitRepo

ROOT = Path(__file__).parent.parent


# --- the action, installed once for all ---


def copy_action(place: Path) -> Path:
    """The action's own checkout, as the runner downloads it: the files of the repository, and no .git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in os.fsdecode(listed.stdout).split("\0"):
        if name and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def hostile_tree(place: Path) -> None:
    """Everything in a tree that a careless Python or pip would run or read."""
    place.mkdir(parents=True)
    marks = f"import pathlib\npathlib.Path({str(place / 'RAN')!r}).touch()\n"
    for name in ("scanner", "pip", "venv", "click", "sitecustomize", "usercustomize", "json", "ahocorasick", "setup"):
        (place / f"{name}.py").write_text(marks, encoding="utf-8")
    for name in ("pip.conf", "pip.ini", "setup.cfg"):
        (place / name).write_text("[global]\nindex-url = http://127.0.0.1:9/\n", encoding="utf-8")
    for name in ("python3", "git", "python"):
        (place / name).write_text(f"#!/bin/sh\ntouch '{place / 'RAN'}'\n", encoding="utf-8")
        (place / name).chmod(0o755)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Any]:
    """What the action's first step says, really run, once for all test processes, in a hostile workspace."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent
    with (shared / "action.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = shared / "action.json"
        if not result.exists():
            action, workspace, temporary = copy_action(shared / "action"), shared / "tree", shared / "action-temporary"
            hostile_tree(workspace)
            temporary.mkdir()
            run = Runner(action, workspace, temporary).run({}, {"python": sys.executable}, only="install")
            ran = (workspace / "RAN").exists()
            said = {"action": str(action), "log": run.log, "code": run.code, "steps": run.steps, "ran": ran}
            result.write_text(json.dumps(said), encoding="utf-8")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return found


Act = Callable[..., Run]


@pytest.fixture
def act(installed: dict[str, Any], tmp_path: Path, own_cache: Path) -> Iterator[Act]:
    """Runs the action for an event in a checkout; no run may show one of the `hidden` secrets anywhere."""
    count = 0

    def run(event: Event, work: GitRepo, *hidden: Fake, env: Mapping[str, str] | None = None, **inputs: str) -> Run:
        nonlocal count
        count += 1
        temporary = tmp_path / f"temporary-{count}"
        temporary.mkdir()
        environment = {
            **event.environment(tmp_path / f"event-{count}"), "KEYSWEEP_CACHE_DIR": str(own_cache), **(env or {})
        }  # fmt: skip
        runner = Runner(Path(installed["action"]), work.path, temporary)
        names = {name.replace("_", "-"): value for name, value in inputs.items()}
        done = runner.run(environment, names, done={"install": installed["steps"]["install"]})
        for fake in hidden:
            check_hidden(fake.secret, done, temporary)
        assert "Traceback" not in done.log
        return done

    yield run


def check_hidden(secret: bytes, run: Run, temporary: Path) -> None:
    texts = [run.log, *run.summaries, json.dumps(run.steps)]
    texts += [path.read_bytes().decode(errors="replace") for path in temporary.rglob("*") if path.is_file()]
    assert not [text for text in texts if secret.decode() in text]


def results(run: Run) -> list[Any]:
    """The results of the SARIF file that the action names."""
    report = json.loads(Path(run.outputs["sarif"]).read_text(encoding="utf-8"))
    found: list[Any] = report["runs"][0]["results"]
    return found


def clean(run: Run) -> None:
    """Nothing was found, everything was read, and a SARIF file without results says so."""
    assert (run.code, run.failed) == (0, False), run.log
    assert run.outputs["complete"] == "true"
    assert (run.outputs["leaks"], run.outputs["live"]) == ("0", "0")
    assert results(run) == []
    assert run.shown("error") == []
    assert "no leaks" in run.summary


def leaky(run: Run, leaks: int = 1) -> None:
    """Leaks were found and told everywhere, and everything was read."""
    assert run.code == 1, run.log
    assert run.failed
    assert (run.outputs["leaks"], run.outputs["live"], run.outputs["complete"]) == (str(leaks), str(leaks), "true")
    assert len(results(run)) == leaks
    assert len(run.shown("error")) == leaks
    assert "********" in run.summary


def unread(run: Run, *words: str) -> None:
    """Nothing could be read, and that is an error with a sentence, not a clean scan."""
    assert run.code == 3, run.log
    assert run.outputs == {"leaks": "", "live": "", "complete": "false", "sarif": ""}
    (error,) = run.shown("error")
    for word in words:
        assert word in error.message
    assert "nothing was read" in run.summary


def refused(run: Run, *words: str) -> None:
    """Wrong use: a sentence that names what is wrong."""
    assert run.code == 2, run.log
    assert run.outputs["complete"] == "false"
    (error,) = run.shown("error")
    for word in words:
        assert word in error.message


@pytest.fixture
def key(new_key: Callable[..., Fake]) -> Fake:
    """A key that was made just now."""
    return new_key("github-personal-access-token")


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """The repository, and its fork."""
    return Hub(tmp_path / "hub")


def line(fake: Fake, comment: str = "") -> bytes:
    return b"TOKEN=" + fake.key + comment.encode() + b"\n"


def test_the_install_step_makes_an_environment_and_runs_nothing_of_the_tree(installed: dict[str, Any]) -> None:
    assert installed["code"] == 0, installed["log"]
    assert not installed["ran"]
    python = installed["steps"]["install"]["python"]
    asked = "import scanner, sys; print(scanner.__version__, scanner.__file__, sys.prefix)"
    said = subprocess.run([python, "-I", "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == __version__
    assert said[1].startswith(said[2])


def test_an_old_python_is_refused_with_a_sentence(installed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "old").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (tmp_path / "old").chmod(0o755)
    (tmp_path / "temporary").mkdir()
    runner = Runner(Path(installed["action"]), tmp_path, tmp_path / "temporary")
    refused(runner.run({}, {"python": str(tmp_path / "old")}), "Python 3.11 or later", "setup-python")


def test_what_cannot_be_installed_is_an_error(installed: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "action"
    broken.mkdir()
    shutil.copy2(ROOT / "action.yml", broken)
    (tmp_path / "temporary").mkdir()
    runner = Runner(broken, tmp_path, tmp_path / "temporary")
    refused(runner.run({}, {"python": sys.executable}), "could not be installed", "nothing was read")


# --- every event, leaky and clean, deep and shallow ---


def _pull_request(hub: Hub, first: Files, second: Files, name: str = "pull_request") -> Event:
    hub.fork.commit("first", first)
    hub.fork.commit("second", second)
    hub.advance()
    return hub.pull_request(name)


def _pull_request_target(hub: Hub, first: Files, second: Files) -> Event:
    return _pull_request(hub, first, second, "pull_request_target")


def _push(hub: Hub, first: Files, second: Files) -> Event:
    before = hub.main
    hub.origin.commit("first", first)
    hub.origin.commit("second", second)
    return hub.push("refs/heads/main", before)


def _new_branch(hub: Hub, first: Files, second: Files) -> Event:
    hub.origin.git("checkout", "-q", "-b", "topic")
    hub.origin.commit("first", first)
    hub.origin.commit("second", second)
    hub.origin.git("checkout", "-q", "main")
    hub.advance()
    return hub.push("refs/heads/topic", ZEROS)


def _new_tag(hub: Hub, first: Files, second: Files) -> Event:
    _new_branch(hub, first, second)
    hub.origin.git("tag", "-m", "a tag", "v1", "topic")
    return hub.push("refs/tags/v1", ZEROS)


def _forced(hub: Hub, first: Files, second: Files) -> Event:
    hub.origin.git("checkout", "-q", "-b", "topic")
    before = hub.origin.commit("before", {"topic.txt": "a\n"})
    hub.origin.git("reset", "-q", "--hard", "main")
    hub.origin.commit("first", first)
    hub.origin.commit("second", second)
    hub.origin.git("checkout", "-q", "main")
    return hub.push("refs/heads/topic", before, forced=True)


def _merge_group(hub: Hub, first: Files, second: Files) -> Event:
    before = hub.main
    hub.origin.git("checkout", "-q", "-b", f"gh-readonly-queue/main/pr-7-{before}")
    hub.origin.commit("first", first)
    hub.origin.commit("second", second)
    hub.origin.git("checkout", "-q", "main")
    return hub.merge_group(before)


def _dispatched(hub: Hub, first: Files, second: Files) -> Event:
    _new_branch(hub, first, second)
    return hub.by_hand("workflow_dispatch")


def _scheduled(hub: Hub, first: Files, second: Files) -> Event:
    _new_branch(hub, first, second)
    return hub.by_hand("schedule")


SITUATIONS = {
    "pull_request": _pull_request, "pull_request_target": _pull_request_target, "push": _push,
    "new_branch": _new_branch, "new_tag": _new_tag, "forced": _forced, "merge_group": _merge_group,
    "workflow_dispatch": _dispatched, "schedule": _scheduled,
}  # fmt: skip

EACH = pytest.mark.parametrize("situation", list(SITUATIONS))


@EACH
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_key_that_was_added_and_removed_is_found(situation: str, depth: int, hub: Hub, act: Act, key: Fake) -> None:
    event = SITUATIONS[situation](hub, {".env": line(key)}, {".env": None})
    run = act(event, hub.checkout(event, depth), key)
    leaky(run)
    assert run.shown("error")[0].properties["title"].startswith("keysweep: ")


@EACH
@pytest.mark.parametrize("depth", [0, 1])
def test_a_clean_change_is_clean(situation: str, depth: int, hub: Hub, act: Act) -> None:
    event = SITUATIONS[situation](hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    clean(act(event, hub.checkout(event, depth)))


CHANGES = [name for name in SITUATIONS if name not in ("workflow_dispatch", "schedule")]


@pytest.mark.parametrize("situation", CHANGES)
@pytest.mark.parametrize("depth", [0, 1])
def test_what_the_base_held_before_is_not_reported(
    situation: str, depth: int, tmp_path: Path, act: Act, key: Fake
) -> None:
    hub = Hub(tmp_path / "hub", {"old.env": line(key)})
    event = SITUATIONS[situation](hub, {"old.env": b"# changed\n" + line(key)}, {"b.txt": "b\n"})
    clean(act(event, hub.checkout(event, depth), key))


@EACH
def test_a_shallow_checkout_whose_origin_is_gone_is_an_error(situation: str, hub: Hub, act: Act, key: Fake) -> None:
    event = SITUATIONS[situation](hub, {"a.txt": "a\n"}, {".env": line(key)})
    work = hub.checkout(event, 1)
    hub.close()
    unread(act(event, work, key), "cannot be fetched", "fetch-depth: 0")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ssh://git@127.0.0.1:9/octo/app.git", "not an https address"),
        ("git@127.0.0.1:octo/app.git", "not an https address"),
        ("ext::sh -c 'touch RAN'", "not an https address"),
        ("https://user:hunter22@127.0.0.1:9/octo/app", "cannot be fetched"),
        ("", "cannot be fetched"),
    ],
)
def test_only_the_origin_and_plain_transports_are_asked(url: str, words: str, hub: Hub, act: Act) -> None:
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    work = hub.checkout(event, 1, url or (hub.root / "gone").as_uri())
    run = act(event, work)
    unread(run, words)
    assert "hunter22" not in run.log + run.summary
    assert not (work.path / "RAN").exists()


def test_a_checkout_without_a_remote_is_an_error(hub: Hub, act: Act) -> None:
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    work = hub.checkout(event, 2)
    work.git("remote", "remove", "origin")
    unread(act(event, work), "no remote 'origin'", "fetch-depth: 0")


def test_long_branches_are_fetched_until_they_meet(hub: Hub, act: Act, key: Fake) -> None:
    """The fork parted from main long ago, on both sides: more than one fetch deepens far enough."""
    hub.fork.commit("first", {".env": line(key)})
    for number in range(3):
        hub.fork.commit(f"more {number}", {".env": None} if not number else {"a.txt": f"{number}\n"})
    hub.advance(DEPTHS[0] + 20)
    event = hub.pull_request()
    leaky(act(event, hub.checkout(event, 1), key))


def test_the_checkout_stays_as_it_is(hub: Hub, act: Act, key: Fake) -> None:
    event = _pull_request(hub, {".env": line(key)}, {".env": None})
    work = hub.checkout(event, 1)

    def state() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes() for path in work.path.rglob("*")
            if path.is_file() and path.name != "index"
        }  # fmt: skip

    before = state()
    leaky(act(event, work, key))
    assert state() == before


def test_a_deleted_branch_has_nothing_to_read(hub: Hub, act: Act) -> None:
    event = hub.push("refs/heads/gone", hub.main, deleted=True)
    clean(act(event, hub.checkout(event, 0)))


def test_the_first_push_is_read_from_its_beginning(hub: Hub, act: Act, key: Fake) -> None:
    hub.origin.commit("a key", {".env": line(key)})
    event = hub.push("refs/heads/main", ZEROS)
    leaky(act(event, hub.checkout(event, 1), key))


def test_a_branch_forced_over_a_lost_commit_is_compared_with_the_default_branch(
    hub: Hub, act: Act, key: Fake
) -> None:
    event = _forced(hub, {".env": line(key)}, {".env": None})
    hub.forget()
    run = act(event, hub.checkout(event, 1), key)
    leaky(run)
    assert "compared with main" in run.summary


def test_a_default_branch_forced_over_a_lost_commit_is_an_error(hub: Hub, act: Act) -> None:
    before = hub.origin.commit("lost", {"a.txt": "a\n"})
    hub.origin.git("reset", "-q", "--hard", "HEAD~1")
    hub.origin.commit("instead", {"a.txt": "b\n"})
    hub.forget()
    event = hub.push("refs/heads/main", before, forced=True)
    unread(act(event, hub.checkout(event, 0)), before[:12], "force-push", "scope: history")


def test_an_unresolvable_base_is_an_error(hub: Hub, act: Act) -> None:
    hub.fork.commit("first", {"a.txt": "a\n"})
    event = hub.pull_request()
    base = {**event.payload["pull_request"]["base"], "sha": "f" * 40}
    payload = {**event.payload, "pull_request": {**event.payload["pull_request"], "base": base}}
    for depth in (0, 1):
        unread(act(Event(event.name, payload, event.ref, event.sha), hub.checkout(event, depth)), "f" * 12)


def test_a_damaged_checkout_is_incomplete_and_fails(hub: Hub, act: Act) -> None:
    event = _push(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    work = hub.checkout(event, 0)
    blob = work.git("rev-parse", "HEAD:b.txt")
    work.object_file(blob).unlink()
    run = act(event, work)
    assert run.code == 3
    assert run.outputs["complete"] == "false"
    assert Path(run.outputs["sarif"]).is_file()
    assert blob in run.summary


# --- credentials ---


class Server(ThreadingHTTPServer):
    """git over HTTP, for those who send the right header."""

    header = ""
    place = Path()
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        self.server.asked += 1
        if self.headers.get("Authorization") != self.server.header:
            self.send_error(401)
            return
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ, "GIT_PROJECT_ROOT": str(self.server.place), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "REQUEST_METHOD": self.command, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for field in head.decode().splitlines():
            self.send_header(*field.split(": ", 1))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server(hub: Hub, key: Fake) -> Iterator[Server]:
    """Serves the repositories of the hub to those who know the password."""
    with Server(("127.0.0.1", 0), Handler) as serving:
        serving.place = hub.root
        serving.header = "basic " + b64encode(b"x-access-token:" + key.key).decode()
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("kept", ["in the configuration", "in a file that it includes"])
def test_the_checkout_s_own_credentials_are_used_and_never_shown(
    kept: str, hub: Hub, server: Server, act: Act, key: Fake, tmp_path: Path
) -> None:
    event = _pull_request(hub, {".env": line(key)}, {".env": None})
    base = f"http://127.0.0.1:{server.server_port}/"
    work = hub.checkout(event, 1, f"{base}octo")
    name, value = f"http.{base}.extraheader", f"AUTHORIZATION: {server.header}"
    if kept == "in the configuration":
        work.git("config", name, value)
    else:
        work.git("config", "--file", str(tmp_path / "credentials"), name, value)
        work.git("config", f"includeIf.gitdir:{work.path}/.git.path", str(tmp_path / "credentials"))
    run = act(event, work, key)
    leaky(run)
    assert server.asked
    assert server.header not in run.log + run.summary


def test_without_credentials_a_private_repository_is_an_error(hub: Hub, server: Server, act: Act) -> None:
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    run = act(event, hub.checkout(event, 1, f"http://127.0.0.1:{server.server_port}/octo"))
    unread(run, "cannot be fetched", "persist-credentials")
    assert server.asked


# --- attacks ---


ALLOW_ALL = {
    ".keysweep.toml": 'disable = ["*"]\nexclude = ["**"]\nfail_on = "never"\nreport = ["text:RAN"]\n',
    ".gitattributes": "* -diff\n* binary\n",
}


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target"])
@pytest.mark.parametrize("depth", [0, 1])
def test_a_pull_request_cannot_vouch_for_itself(name: str, depth: int, hub: Hub, act: Act, key: Fake) -> None:
    key_line = line(key, "  # keysweep:allow it is fine")
    event = _pull_request(hub, {**ALLOW_ALL, ".env": key_line}, {"b.txt": "b\n"}, name)
    work = hub.checkout(event, depth)
    run = act(event, work, key)
    leaky(run)
    assert "1 keysweep:allow comment of this change ignored" in run.summary
    assert ".keysweep.toml" in run.summary
    assert "is edited by this change" in run.summary
    assert not (work.path / "RAN").exists()


def test_a_pull_request_cannot_bring_its_own_baseline(hub: Hub, act: Act, key: Fake) -> None:
    hub.fork.commit("a key", {".env": line(key)})
    command = [sys.executable, "-m", "scanner", "baseline", "create", "--reason", "mine"]
    subprocess.run(command, cwd=hub.fork.path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    hub.fork.commit("a baseline")
    event = hub.pull_request()
    run = act(event, hub.checkout(event), key)
    leaky(run)
    assert ".keysweep-baseline" in run.summary
    again = act(event, hub.checkout(event), key, trust="head")
    assert again.code == 0, again.log


def test_trust_in_the_head_is_a_decision_of_the_workflow(hub: Hub, act: Act, key: Fake) -> None:
    event = _pull_request(hub, {".env": line(key, "  # keysweep:allow a sample")}, {"b.txt": "b\n"})
    run = act(event, hub.checkout(event), key, trust="head")
    assert run.code == 0, run.log
    assert run.outputs["leaks"] == "0"
    assert "a sample" in run.summary


def test_the_base_s_configuration_counts(tmp_path: Path, act: Act, key: Fake) -> None:
    hub = Hub(tmp_path / "hub", {".keysweep.toml": 'exclude = ["samples/"]\n'})
    event = _pull_request(hub, {"samples/a.env": line(key), ".keysweep.toml": "exclude = []\n"}, {"b.txt": "b\n"})
    run = act(event, hub.checkout(event), key)
    assert (run.code, run.outputs["leaks"]) == (0, "0"), run.log


def test_what_only_a_merge_adds_is_found(hub: Hub, act: Act, key: Fake) -> None:
    hub.fork.git("branch", "side")
    hub.fork.commit("first", {"a.txt": "a\n"})
    hub.fork.git("checkout", "-q", "side")
    hub.fork.commit("side", {"side.txt": "a\n"})
    hub.fork.git("checkout", "-q", "feature")
    hub.fork.merge("side", files={".env": line(key)})
    hub.fork.commit("gone", {".env": None})
    event = hub.pull_request()
    for depth in (0, 1, 2):
        leaky(act(event, hub.checkout(event, depth), key))


NAMES = {
    "command": "::error::forged",
    "older-command": "a ##[add-mask]forged",
    "lines": "a\n::error::forged\n::set-output name=leaks::0\nb",
    "escape": "a\x1b[2J\x1b[1;1Hforged",
    "properties": "a,line=1,title=forged::forged",
    "percent": "a%0A::error::forged",
    "markup": "<img src=x onerror=alert(1)>|`](https://example.org)",
    "stop": "::stop-commands::forged",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_names_of_files_are_no_commands(name: str, hub: Hub, act: Act, key: Fake) -> None:
    name = name.replace("/", "-")
    event = _pull_request(hub, {f"{name}.env": line(key)}, {"b.txt": "b\n"})
    run = act(event, hub.checkout(event), key)
    leaky(run)
    assert run.commands == []
    (error,) = run.shown("error")
    assert error.properties["title"].startswith("keysweep: ")
    assert set(error.properties) <= {"title", "file", "line", "endLine", "col", "endColumn"}
    assert "\x1b" not in run.log + run.summary
    assert "<img" not in re.sub(r"`[^`]*`", "", run.summary)
    assert run.outputs["leaks"] == "1"


def test_names_of_branches_are_no_commands(hub: Hub, act: Act, key: Fake) -> None:
    event = _new_branch(hub, {".env": line(key)}, {".env": None})
    payload = {**event.payload, "ref": "refs/heads/\n::error::forged\n##[add-mask]x"}
    run = act(Event(event.name, payload, event.ref, event.sha), hub.checkout(event), key)
    leaky(run)
    assert run.commands == []


def test_a_key_in_the_name_of_a_branch_is_not_shown(hub: Hub, act: Act, key: Fake) -> None:
    event = _new_branch(hub, {".env": line(key)}, {".env": None})
    payload = {**event.payload, "ref": "refs/heads/" + key.key.decode()}
    leaky(act(Event(event.name, payload, event.ref, event.sha), hub.checkout(event), key))


def test_a_checkout_of_another_user_is_read(hub: Hub, act: Act, key: Fake) -> None:
    """As in a job in a container: git itself would refuse it."""
    event = _pull_request(hub, {".env": line(key)}, {".env": None})
    run = act(event, hub.checkout(event, 0), key, env={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    leaky(run)
    assert "belongs to another user" in run.summary


def test_a_repository_s_configuration_starts_no_program(hub: Hub, act: Act, key: Fake) -> None:
    event = _pull_request(hub, {".env": line(key)}, {".env": None})
    work = hub.checkout(event, 1)
    mark = f"touch {work.path}/RAN; false"
    hooks = work.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("reference-transaction", "post-checkout", "pre-auto-gc", "post-index-change"):
        (hooks / hook).write_text(f"#!/bin/sh\n{mark}\n", encoding="utf-8")
        (hooks / hook).chmod(0o755)
    for name in (
        "core.sshCommand", "core.fsmonitor", "core.gitProxy", "core.alternateRefsCommand", "core.pager",
        "credential.helper", "remote.origin.uploadpack", "remote.origin.vcs", "uploadpack.packObjectsHook",
        "diff.external", "core.askPass", "gpg.program",
    ):  # fmt: skip
        work.git("config", name, f"!{mark}" if name == "credential.helper" else mark)
    work.git("config", "url.ext::sh.insteadOf", hub.origin.path.as_uri())
    work.git("config", "protocol.allow", "always")
    leaky(act(event, work, key))
    assert not (work.path / "RAN").exists()


def test_the_tree_runs_nothing(hub: Hub, act: Act, key: Fake, tmp_path: Path) -> None:
    hostile_tree(tmp_path / "hostile")
    files = {path.name: path.read_bytes() for path in (tmp_path / "hostile").iterdir()}
    event = _pull_request(hub, {**files, ".env": line(key)}, {"b.txt": "b\n"})
    leaky(act(event, hub.checkout(event), key))
    assert not (tmp_path / "hostile" / "RAN").exists()


def test_many_leaks_stay_within_github_s_limits(hub: Hub, act: Act, new_key: Callable[..., Fake]) -> None:
    keys = [new_key("github-personal-access-token") for _ in range(60)]
    event = _pull_request(hub, {f"{n}.env": line(fake) for n, fake in enumerate(keys)}, {"b.txt": "b\n"})
    run = act(event, hub.checkout(event), *keys)
    assert (run.code, run.outputs["leaks"]) == (1, "60")
    assert len([one for one in run.annotations if one.kind == "error"]) == OF_A_KIND
    assert "51 more" in run.shown("error")[-1].message
    assert len(results(run)) == 60
    assert 0 < len(run.summary.encode()) < SUMMARY_LIMIT


# --- inputs ---


def test_inputs_are_never_part_of_a_script(hub: Hub, act: Act) -> None:
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    work = hub.checkout(event)
    shell = "$(touch RAN)`touch RAN`'; touch RAN; '\" \n touch RAN"
    for name in ("scope", "trust", "fail_on"):
        refused(act(event, work, **{name: shell}))
    assert not (work.path / "RAN").exists()


def test_values_of_outputs_end_where_they_end(hub: Hub, act: Act) -> None:
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    work = hub.checkout(event)
    clean(run := act(event, work, sarif_file="here.sarif"))
    assert run.outputs["sarif"] == str(work.path / "here.sarif")


@pytest.mark.parametrize("name", ["here.sarif", "reports/here.sarif"])
def test_a_link_of_the_tree_leads_no_report_elsewhere(name: str, hub: Hub, act: Act, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = hub.fork.path / Path(name).parts[0]
    link.symlink_to(tmp_path / "elsewhere" / "file" if link.name == name else tmp_path / "elsewhere")
    hub.fork.commit("a link")
    event = hub.pull_request()
    refused(act(event, hub.checkout(event), sarif_file=name), "sarif-file", "symbolic link")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("live", 0), ("any", 1), ("", 1)])
def test_fail_on(fail_on: str, code: int, hub: Hub, act: Act, new_key: Callable[..., Fake]) -> None:
    fake = new_key("stripe-secret-key", "test")
    event = _pull_request(hub, {".env": line(fake)}, {"b.txt": "b\n"})
    run = act(event, hub.checkout(event), fake, fail_on=fail_on)
    assert (run.code, run.outputs["leaks"], run.outputs["live"]) == (code, "1", "0"), run.log


def test_verify_asks_and_only_active_keys_fail(
    hub: Hub, act: Act, key: Fake, new_key: Callable[..., Fake], tmp_path: Path
) -> None:
    dead = new_key("github-personal-access-token")
    event = _pull_request(hub, {"dead.env": line(dead)}, {"b.txt": "b\n"})
    work = hub.checkout(event)
    with simulator([], tmp_path, tls=False) as github:
        github.answers["127.0.0.1"] = lambda asked: (
            Answer(200, {"login": "ada", "id": 1}) if asked.bearer == key.key.decode()
            else Answer(401, {"message": "Bad credentials"})
        )  # fmt: skip
        env = {"KEYSWEEP_VERIFY_GITHUB__BASE_URL": github.url("127.0.0.1"), "KEYSWEEP_VERIFY_ALLOW_LOOPBACK": "true"}
        run = act(event, work, dead, verify="true", fail_on="active", env=env)
        assert (run.code, run.outputs["leaks"]) == (0, "1"), run.log
        assert "inactive (invalid)" in run.summary
        assert act(event, work, dead, verify="false", env=env).code == 1
        asked = len(github.asked)
        assert asked == 1
        event = _pull_request(hub, {"live.env": line(key)}, {"c.txt": "c\n"})
        run = act(event, hub.checkout(event), key, dead, verify="true", fail_on="active", env=env)
        assert run.code == 1 and "active (accepted)" in run.summary, run.log


def test_verify_is_true_or_false(hub: Hub, act: Act) -> None:
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    refused(act(event, hub.checkout(event), verify="perhaps"), "input verify", "true, false")


def test_scope_history_reads_what_was_there_before(tmp_path: Path, act: Act, key: Fake) -> None:
    hub = Hub(tmp_path / "hub", {".env": line(key)})
    event = _pull_request(hub, {"a.txt": "a\n"}, {"b.txt": "b\n"})
    for depth in (0, 1):
        leaky(act(event, hub.checkout(event, depth), key, scope="history"))


def test_path_names_a_checkout_in_the_workspace(hub: Hub, act: Act, key: Fake) -> None:
    event = _pull_request(hub, {".env": line(key)}, {"b.txt": "b\n"})
    work = hub.checkout(event)
    leaky(act(event, GitRepo(work.path.parent), key, path="app"))


def test_without_a_checkout_a_sentence_says_so(hub: Hub, act: Act, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(act(hub.by_hand("schedule"), GitRepo(tmp_path / "empty")), "actions/checkout")


def test_other_events_are_refused(hub: Hub, act: Act) -> None:
    event = Event("issue_comment", {"comment": {}}, "refs/heads/main", hub.main)
    work = hub.checkout(event)
    refused(act(event, work), "issue_comment", "scope: history")
    clean(act(event, work, scope="history"))


def test_the_command_is_for_jobs_only(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    command = [sys.executable, "-m", "scanner", "action"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no job of GitHub Actions" in done.stderr


# --- plans ---


A, B = "a" * 40, "b" * 40
REPOSITORY = {"default_branch": "main"}


@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("pull_request", {}, "no 'pull_request'"),
        ("pull_request", {"pull_request": {"head": {"sha": "-x"}, "base": {"sha": A}}}, "pull_request.head.sha"),
        ("pull_request", {"pull_request": {"head": {"sha": A}, "base": {}}}, "pull_request.base.sha"),
        ("push", {"after": "main", "before": A, "repository": REPOSITORY}, "'after'"),
        ("push", {"after": A, "repository": REPOSITORY}, "'before'"),
        ("merge_group", {"merge_group": {"head_sha": A}}, "merge_group.base_sha"),
        ("release", {}, "release"),
    ],
)
def test_a_payload_that_does_not_say_what_to_read_is_refused(event: str, payload: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_plan(event, payload)


def test_a_push_is_compared_with_what_was_there() -> None:
    push = {"ref": "refs/heads/topic", "before": A, "after": B, "repository": REPOSITORY, "commits": [{}, {}]}
    plan = make_plan("push", push)
    assert (plan.base, plan.head, plan.default, plan.commits, plan.forced) == (A, B, "main", 2, False)
    new = make_plan("push", {**push, "before": ZEROS})
    assert (new.base, new.default) == ("", "main")
    first = make_plan("push", {**push, "before": ZEROS, "ref": "refs/heads/main"})
    assert (first.base, first.default) == ("", "")


class Nothing:
    """A clone that lacks everything, and whose remote gives nothing but a shallow history."""

    shallow = True

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], int, int]] = []

    def holds(self, commit: str) -> bool:
        return True

    def tip(self, branch: str) -> str:
        return ""

    def cut(self, base: str, head: str) -> bool:
        return True

    def fetch(self, commits: Any = (), branch: str = "", *, depth: int = 0, deepen: int = 0) -> None:
        if branch:
            raise SourceError("no such branch")
        self.asked.append((tuple(commits), depth, deepen))


def test_a_history_is_deepened_in_steps_and_at_last_wholly() -> None:
    clone = Nothing()
    with pytest.raises(OutOfReachError, match="so is its origin"):
        reach(Plan("x", head=A, base=B, commits=3), clone)
    assert [deepen for _, _, deepen in clone.asked] == [DEPTHS[0] + 3, DEPTHS[1] + 3, 0]


def test_a_default_branch_that_cannot_be_had_is_an_error() -> None:
    with pytest.raises(OutOfReachError, match=r"'main'.*no such branch"):
        reach(Plan("x", head=A, default="main"), Nothing())

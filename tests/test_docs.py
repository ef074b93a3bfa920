"""The documents are true: their commands run, their links lead somewhere, every command and option is in them."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from scanner import __version__, checks, pattern, rule_file
from scanner.checksums import CHECKSUMS
from scanner.cli.options import scanning
from scanner.cli.root import keysweep
from scanner.fakes import Fake
from scanner.reports import FORMATS
from tests.gitrepo import GitRepo

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BIN = Path(sys.executable).parent

README = (ROOT / "README.md").read_text(encoding="utf-8")
CLI_PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_WORKS_ON_THE_PROJECT = ("python3 -m venv ", "bash .ci/", ".venv/bin/")
_USE = re.compile(r"(?:^|(?<=[\s/|;&(\"'`]))keysweep [^\n]*")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The code blocks of a page in one of the languages ("" for none)."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in languages:
            yield found["body"]


Words = tuple[str, ...]


def walk(command: click.Command = keysweep, path: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """Every command with the words that call it; groups, too."""
    if path:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, (*path, name))


COMMANDS = dict(walk())


def options(command: click.Command) -> set[str]:
    """The long names of a command's options, without hidden ones and help."""
    return {
        name for param in command.params if isinstance(param, click.Option) and not param.hidden
        for name in (*param.opts, *param.secondary_opts) if name.startswith("--")
    }  # fmt: skip


SHARED = options(click.command()(scanning(lambda wanted: None)))


def words_of(line: str) -> list[str]:
    """The words of a shell command that begins a line, as far as a pipe, a redirection or a comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            break
        words.append(word)
    return words


def check_use(line: str) -> None:
    """Fails when a line of a document calls keysweep in a way that the command line does not take. A command without
    any argument is a mention, not a call."""
    words = words_of(line)[1:]
    command: click.Command = keysweep
    context = click.Context(keysweep, info_name="keysweep")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        child = command.get_command(context, words[0])
        assert child is not None, f"there is no command '{words[0]}': {line}"
        command, words = child, words[1:]
    if not words:
        return
    try:
        command.make_context("keysweep", words)
    except click.exceptions.Exit:  # --help, --version
        return
    except click.ClickException as error:
        pytest.fail(f"{line}: {error.format_message()}")


# --- commands in documents ---


def uses() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for body in blocks(page, "sh", "console", "yaml", ""):
            for found in _USE.finditer(body):
                yield page.name, found[0].strip()
        for found in re.finditer(r"`(keysweep [^`]+)`", _BLOCK.sub("", page.read_text(encoding="utf-8"))):
            yield page.name, found[1]


_PLACEHOLDER = re.compile(r"…|\[[A-Z]")


@pytest.mark.parametrize(("page", "line"), sorted(set(uses())))
def test_every_use_of_keysweep_is_one_that_it_takes(page: str, line: str) -> None:
    if not _PLACEHOLDER.search(line):
        check_use(line)


def test_uses_are_found_at_all() -> None:
    assert len({line for _, line in uses()}) > 30


def runnable() -> Iterator[tuple[str, str, str]]:
    """Commands of sh and console blocks with the output that is shown for them ("" for none)."""
    for page in PAGES:
        for body in blocks(page, "console"):
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                yield page.name, command, output
        for body in blocks(page, "sh"):
            for line in re.sub(r"\\\n\s*", "", body).splitlines():
                if line.strip() and not line.startswith("#"):
                    yield page.name, line, ""


@pytest.fixture
def place(tmp_path: Path, new_key: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which the documents' examples make sense: two tags, a key, a log, a rule of one's own."""
    key = new_key("github-personal-access-token").key
    other = GitRepo.new(tmp_path / "other.git")
    other.commit("begin", {"a.txt": "a\n"})
    repo = GitRepo.new(tmp_path / "here")
    rule = (ROOT / "rules" / "logtalk.yaml").read_text(encoding="utf-8").replace("logtalk", "acme")
    repo.commit("begin", {
        "README.md": "hello\n", "config/app.toml": "port = 80\n", "tests/a.txt": "a\n", "src/app.py": "a = 1\n",
        "company-rules/acme.yaml": re.sub(r"lt_", "ac_", rule), "my-rules/acme.yaml": re.sub(r"lt_", "ac_", rule),
    })  # fmt: skip
    repo.git("tag", "v1.0")
    repo.commit("a key", {".env": b"A=1\nB=2\nTOKEN=" + key + b"\n"})
    repo.git("tag", "v1.1")
    repo.git("update-ref", "refs/remotes/origin/main", "v1.0")
    repo.write("deploy.log", b"GET / 200\nAuthorization: token " + key + b"\n")
    for name in ("logs/app.log", "app.log", "app.log.1"):
        repo.write(name, b"GET / 200\nAuthorization: token " + key + b"\n")
    repo.write("app.log.2.gz", gzip.compress(b"GET / 200\n"))
    repo.write("change.patch", repo.run("format-patch", "-1", "--stdout"))
    GitRepo.clone(repo, tmp_path / "project.git", "--bare")
    repo.write("key.txt", key + b"\n")
    repo.write("leaks.json", '{"schema": 1, "findings": []}\n')
    repo.write(".gitleaksignore", f"{repo.head()}:.env:made-up:3\n")
    repo.write(".secrets.baseline", '{"results": {}}\n')
    for name in ("gitleaks-report.json", "betterleaks-report.json", "ci/known.json"):
        repo.write(name, "[]\n")
    repo.write("trufflehog.json", "{}\n")
    repo.write(".gitleaks.toml", "[[rules]]\nid = 'zorbit'\nregex = 'zorbit_[a-z0-9]{30}'\n")
    repo.write("rules.yml", "rules: [{name: Flurb, id: flurb.1, pattern: 'flurb-[0-9a-z]{24}'}]\n")
    repo.write("kubectl", "#!/bin/sh\ncat deploy.log\n").chmod(0o755)
    for folder in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"):
        (tmp_path / "home" / folder).mkdir(parents=True)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):  # no example asks anybody
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("KEYSWEEP_VERIFY_ATTEMPTS", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([str(BIN), str(repo.path), os.environ["PATH"]]))
    monkeypatch.chdir(repo.path)
    return repo.path


_BEFORE = {
    "baseline update": "keysweep baseline create",
    "baseline show": "keysweep baseline create && cp .keysweep-baseline old.baseline",
    "hook status --type": "keysweep hook install --type pre-push",
    "files demo.env": "keysweep rules fake logtalk-api-key --environment live | sed 's/^/LOGTALK_API_KEY=/' > demo.env",
}


def run(command: str) -> subprocess.CompletedProcess[str]:
    for words, before in _BEFORE.items():
        if words in command:
            subprocess.run(["bash", "-c", before], capture_output=True, check=False)
    command = command.replace("/srv/git/project.git", "../project.git")
    if "--follow" in command:
        return until_ctrl_c(command)
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def until_ctrl_c(command: str) -> subprocess.CompletedProcess[str]:
    """What follows has no other end. Ctrl-C comes when it says that it has begun."""
    with subprocess.Popen(
        ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        said = ""
        while "following" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        os.killpg(process.pid, signal.SIGINT)
        said += process.stderr.read()
        return subprocess.CompletedProcess(command, process.wait(), process.stdout.read(), said)


@pytest.mark.parametrize(("page", "command", "output"), sorted(set(runnable())))
def test_commands_of_the_documents_run(page: str, command: str, output: str, place: Path) -> None:
    if command.startswith(_WORKS_ON_THE_PROJECT):
        for found in _USE.finditer(command):
            check_use(found[0])
        assert "keysweep" in command or command == TEST_COMMAND or (ROOT / command.split()[1]).is_file()
        return
    done = run(command)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "keysweep: internal error" not in done.stderr
    assert "Traceback" not in done.stderr
    if output:
        assert done.stdout == output


def examples_of_help() -> Iterator[tuple[str, str]]:
    for path, command in COMMANDS.items():
        text = (command.help or "").partition("Examples:")[2].split("\n\n")[0]
        for line in text.splitlines():
            example = re.split(r"\s{3,}", line.strip())[0]
            if example:
                yield " ".join(path), example


@pytest.mark.parametrize(("path", "example"), list(examples_of_help()))
def test_examples_of_the_help_run(path: str, example: str, place: Path) -> None:
    done = run(example)
    assert done.returncode in (0, 1, 3), done.stderr


def test_every_command_has_examples_in_its_help() -> None:
    with_examples = {path for path, _ in examples_of_help()}
    assert {" ".join(path) for path in COMMANDS} == with_examples


# --- the two commands that set up everything ---


def _project_commands() -> list[str]:
    return [line for body in blocks(ROOT / "README.md", "sh") for line in body.splitlines() if "-m venv" in line]


TRY_COMMAND, TEST_COMMAND = _project_commands()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert f'run "{TEST_COMMAND}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_first_command_installs_and_scans() -> None:
    steps = TRY_COMMAND.split(" && ")
    assert [step.split()[0] for step in steps] == ["python3", ".venv/bin/pip", ".venv/bin/keysweep"]
    check_use(steps[-1])


def test_versions_in_examples_are_this_version() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"(?:rev: |OWNER/keysweep@)v?(\S+?)[\"\s]", text):
            assert found[1] == __version__, f"{page.name}: {found[0]}"


def test_hooks_and_actions_that_are_shown_exist() -> None:
    hooks, action = ROOT / ".pre-commit-hooks.yaml", ROOT / "action.yml"
    for page in PAGES:
        for body in blocks(page, "yaml"):
            assert "uses: OWNER/keysweep@" not in body or action.is_file(), page.name
            if "/keysweep\n" in body:
                known = re.findall(r"^- id: (\S+)", hooks.read_text(encoding="utf-8"), re.MULTILINE)
                assert set(re.findall(r"- (?:\{)?id: ([\w-]+)", body)) <= set(known)


# --- everything is documented ---


def _section(path: tuple[str, ...]) -> str:
    title = f"`keysweep {' '.join(path)}`"
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", CLI_PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/cli.md has no heading {title}"
    return found[1]


def _named(text: str) -> set[str]:
    """Options that a text explains: those in the first column of a table."""
    rows = re.findall(r"^\| (`-[^|]*)\|", text, re.MULTILINE)
    return {option for row in rows for option in re.findall(r"--[\w-]+", row)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_is_on_the_page(path: tuple[str, ...]) -> None:
    own = options(COMMANDS[path])
    shares = own >= SHARED
    section = _section(path)
    assert _named(section) == (own - SHARED if shares else own)
    assert ("(#options-of-every-scan)" in section) == shares


def test_every_report_is_on_the_page() -> None:
    row = re.search(r"^\| `--report .*$", CLI_PAGE, re.MULTILINE)
    assert row
    assert [name for name in FORMATS if f"`{name}`" not in row[0]] == []


def test_every_shared_option_is_on_the_page() -> None:
    found = re.search(r"^## Options of every scan\n(.*?)(?=^#|\Z)", CLI_PAGE, re.DOTALL | re.MULTILINE)
    assert found
    assert _named(found[1]) == SHARED


def test_no_section_is_about_a_command_that_is_gone() -> None:
    titles = re.findall(r"^#+ `keysweep ([^`]+)`$", CLI_PAGE, re.MULTILINE)
    assert sorted(titles) == sorted(" ".join(path) for path in COMMANDS)


def test_the_readme_names_every_command() -> None:
    for path in COMMANDS:
        assert f"keysweep {path[0]}" in README
        assert f"`{path[-1]}`" in README or f"{path[-1]} " in README or f" {path[-1]}`" in README


def test_every_page_can_be_reached_from_the_readme() -> None:
    for page in PAGES[1:]:
        assert f"({page.relative_to(ROOT).as_posix()}" in README


def _first_column(text: str, heading: str) -> set[str]:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, heading
    rows = re.findall(r"^\| (`[^|]*)\|", found[1], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


RULES_PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


def test_every_key_of_a_rule_file_is_on_its_page() -> None:
    assert _first_column(RULES_PAGE, "Keys of a file") == set(rule_file.FILE_KEYS)
    assert _first_column(RULES_PAGE, "Keys of a rule") == set(rule_file.RULE_KEYS)


def test_every_check_is_on_the_page_of_rules() -> None:
    section = RULES_PAGE.partition("\n## Checks\n")[2].partition("\n## ")[0]
    assert {name.split(":")[0] for name in _first_column(RULES_PAGE, "Checks")} == checks.NAMES - set(checks.DEFAULTS)
    words = [*checks.DEFAULTS, *CHECKSUMS]
    for name in ("needs", "reject"):
        with pytest.raises(ValueError, match="it knows: ") as refused:
            checks.build(name, ["?"])
        words += str(refused.value).partition("it knows: ")[2].split(", ")
    assert len(words) > 15
    for word in words:
        assert re.search(rf"\b{word}\b", section), word


def test_sizes_on_the_page_of_rules_are_those_of_the_code() -> None:
    assert f"{pattern.MAX_WIDTH >> 10} KiB" in RULES_PAGE
    assert f"{rule_file.MAX_FILE >> 20} MiB" in RULES_PAGE


# --- links ---


def anchors(page: Path) -> set[str]:
    """The anchors that headings of a page get (GitHub's rule: lower case, no punctuation, spaces to dashes)."""
    titles = re.findall(r"^#+ (.*)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
        for found in re.finditer(r"\[[^\]\n]+\]\(([^)\s]+)\)", text):
            yield page.relative_to(ROOT).as_posix(), found[1]


@pytest.mark.parametrize(("page", "link"), sorted(set(links())))
def test_relative_links_lead_somewhere(page: str, link: str) -> None:
    if link.startswith("https://"):
        return
    target, _, anchor = link.partition("#")
    file = (ROOT / page).parent / target if target else ROOT / page
    assert file.is_file(), f"{page}: {link}"
    assert not anchor or anchor in anchors(file), f"{page}: {link}"

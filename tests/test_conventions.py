"""What the project promises about its own code, kept by machine."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scanner.rule import RuleSet
from scanner.rule_store import shipped_folder
from tests.gitrepo import GitRepo

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "scanner"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST = 400
"""Lines of a module, at the most."""


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


BY_NAME = pytest.mark.parametrize("file", MODULES, ids=name_of)


# --- imports ---


def loaded(*arguments: str, stdin: bytes = b"", place: Path | None = None) -> set[str]:
    """The modules that a run of keysweep has loaded at its end, less those that a bare Python loads."""
    program = (
        "import sys, os\n"
        "from scanner.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "print(*sorted(sys.modules), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=place, check=False)
    assert done.returncode == 0, done.stderr.decode()
    bare = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, check=True)
    return set(done.stderr.decode().splitlines()[-1].split()) - set(bare.stdout.decode().split())


def foreign(modules: set[str]) -> set[str]:
    """The packages among them that are neither the standard library's nor ours."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"scanner", "__mp_main__"}


MAY_LOAD = {"click", "ahocorasick"}
"""All that a commit hook, or a scan of one file, loads from outside."""

NEVER_FOR_A_FILE = {
    "scanner.rule_file", "scanner.reports.sarif", "scanner.reports.json", "scanner.novelty", "scanner.sources.git",
    "scanner.prefilter.vectorscan", "scanner.fakes", "scanner.proof", "scanner.explain", "asyncio", "ssl",
    "http.client", "sqlite3", "xml.etree.ElementTree", "unittest", "pdb",
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, rules: RuleSet) -> GitRepo:
    """A repository with one file, staged. The rules were read before, so they are cached."""
    repo = GitRepo.new(tmp_path_factory.mktemp("small"))
    repo.write("settings.env", "PORT=80\n")
    repo.git("add", "-A")
    return repo


def test_importing_the_package_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import scanner; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["scanner"]


def test_scanning_a_file_loads_little(small: GitRepo) -> None:
    modules = loaded("files", "settings.env", place=small.path)
    assert foreign(modules) == MAY_LOAD
    assert modules & NEVER_FOR_A_FILE == set()


def test_scanning_standard_input_loads_little(small: GitRepo) -> None:
    modules = loaded("stdin", stdin=b"PORT=80\n", place=small.path)
    assert foreign(modules) == MAY_LOAD
    assert modules & (NEVER_FOR_A_FILE | {"scanner.sources.files", "scanner.sources.walk"}) == set()


def test_scanning_what_is_staged_loads_little(small: GitRepo) -> None:
    modules = loaded("staged", place=small.path)
    assert foreign(modules) == MAY_LOAD
    assert "scanner.sources.git_index" in modules
    assert modules & (NEVER_FOR_A_FILE - {"scanner.novelty", "scanner.sources.git"}) == set()


@pytest.mark.parametrize("arguments", [("--version",), ("completion", "bash"), ("rules", "checks")], ids=" ".join)
def test_what_scans_nothing_loads_no_engine(arguments: tuple[str, ...], small: GitRepo) -> None:
    assert foreign(loaded(*arguments, place=small.path)) == {"click"}


@BY_NAME
def test_every_module_can_be_imported_by_itself(file: Path) -> None:
    if file.name == "__main__.py":
        return
    done = subprocess.run([sys.executable, "-c", f"import {name_of(file)}"], capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()


# --- the text of modules ---


@pytest.mark.parametrize("file", [*MODULES, *TESTS], ids=name_of)
def test_every_module_says_what_it_is_for(file: Path) -> None:
    if file.stat().st_size:
        assert ast.get_docstring(tree(file))


@BY_NAME
def test_every_public_function_and_class_says_what_it_promises(file: Path) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    silent = [
        node.name for node in tree(file).body
        if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]  # fmt: skip
    assert silent == []


def _taken_from(name: str) -> set[str]:
    """What other modules of the package take from a module."""
    return {
        alias.name for file in MODULES for node in ast.walk(tree(file))
        if isinstance(node, ast.ImportFrom) and node.module == name for alias in node.names
    }  # fmt: skip


@BY_NAME
def test_all_is_true(file: Path) -> None:
    """What `__all__` names is there, once, and public; what other modules take is named."""
    if file.name == "__main__.py":
        return
    told = getattr(importlib.import_module(name_of(file)), "__all__", None)
    if told is None:
        return
    assert len(told) == len(set(told))
    for name in told:
        assert not name.startswith("_") or name == "__version__"
        assert hasattr(sys.modules[name_of(file)], name), name
    modules = {one.rpartition(".")[2] for one in map(name_of, MODULES) if one.rpartition(".")[0] == name_of(file)}
    assert _taken_from(name_of(file)) - set(told) - modules == set()


@BY_NAME
def test_no_module_is_too_long(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST


def _calls(file: Path) -> set[str]:
    """Names of functions and methods that are called: `print`, `sys.exit`, …"""
    return {ast.unparse(node.func) for node in ast.walk(tree(file)) if isinstance(node, ast.Call)}


_OUTPUT = {"print", "click.echo", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write"}
_END = {"input", "exit", "quit", "sys.exit"}


@BY_NAME
def test_only_the_command_line_prints_and_exits(file: Path) -> None:
    if "cli" not in file.parts and file.name != "__main__.py":
        assert _calls(file) & (_OUTPUT | _END) == set()


@BY_NAME
def test_nothing_runs_what_it_reads(file: Path) -> None:
    running = {"eval", "exec", "compile", "__import__", "os.system"}
    unpacking = {"pickle.loads", "pickle.load", "marshal.loads", "yaml.load"}
    assert _calls(file) & (running | unpacking) == set()


@BY_NAME
def test_no_shell_is_started(file: Path) -> None:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            assert isinstance(node.value, ast.Constant) and node.value.value is False


@pytest.mark.parametrize("file", TESTS, ids=name_of)
def test_no_test_is_skipped_or_expected_to_fail(file: Path) -> None:
    attributes = {node.attr for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
    assert attributes & {"xfail", "skip", "skipif", "importorskip"} == set()


def test_every_folder_of_the_package_has_an_init_file() -> None:
    assert {file.parent for file in MODULES} == {file.parent for file in MODULES if file.name == "__init__.py"}


# --- rules ---


def test_every_rule_is_documented(rules: RuleSet) -> None:
    for rule in rules:
        assert rule.name and rule.description.endswith((".", "!", "?")), rule.id
        assert rule.rotate and rule.references, rule.id
        assert not any(link.startswith("http:") for link in rule.references), rule.id


def test_every_rule_file_is_called_after_its_provider(rules: RuleSet) -> None:
    assert {rule.file for rule in rules} == {f"{rule.provider}.yaml" for rule in rules}
    assert {rule.file for rule in rules} == {file.name for file in shipped_folder().glob("*.yaml")}


def test_every_dependency_has_its_reason() -> None:
    told = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = (project["build-system"]["requires"], project["project"]["dependencies"], *extras)
    names = {re.split(r"[^\w-]", wanted)[0].lower() for group in groups for wanted in group}
    assert {"click", "hatchling", "hyperscan", "pytest"} <= names
    assert [name for name in sorted(names) if name not in told] == []


# --- files ---


def tracked() -> list[Path]:
    """The project's own files; in an unpacked source distribution, all there are."""
    if not (ROOT / ".git").exists():
        return sorted(file for file in ROOT.rglob("*") if file.is_file() and "/." not in file.as_posix())
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name and (ROOT / os.fsdecode(name)).is_file()]


_OF_A_MACHINE = re.compile(rb"(?<![\w.])(?:/(?:home|Users)/[a-z][\w.-]*/|/root/)|[A-Z]:\\\\?Users\\|file:///")


@pytest.mark.parametrize("file", tracked(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_file_holds_a_path_of_a_machine(file: Path) -> None:
    if file != Path(__file__):
        assert _OF_A_MACHINE.findall(file.read_bytes()) == []


@pytest.mark.parametrize("file", tracked(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_text_files_are_clean(file: Path) -> None:
    data = file.read_bytes()
    if file.suffix in {".py", ".md", ".yaml", ".toml", ".json"} and data:
        assert data.endswith(b"\n")
        assert b"\r" not in data
        assert not re.search(rb"[ \t]+$", data, re.MULTILINE) or file.suffix == ".json"

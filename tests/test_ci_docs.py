"""What the documents show for CI systems is valid, safe, and does what they say: checked by the systems' own schemas
and by zizmor, and executed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanner.action import EVENTS, SCOPES
from scanner.fakes import Fake
from tests.gitrepo import GitRepo

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))

_BLOCK = re.compile(r"^```(?:yaml|groovy)\n(?:#|//) (?P<file>\S+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_PINNED = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40}")

# Who takes keysweep from somewhere pins it there; the documents cannot know that commit.
ZIZMOR = """\
rules:
  unpinned-uses:
    config:
      policies:
        "OWNER/keysweep": ref-pin
        "*": hash-pin
"""


def shown() -> dict[str, str]:
    """The files that documents show, by page and name."""
    return {
        f"{page.name} {found['file']}": found["body"]
        for page in PAGES
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    }


WORKFLOWS = {name: body for name, body in shown().items() if ".github/workflows/" in name}
EACH_WORKFLOW = pytest.mark.parametrize("body", WORKFLOWS.values(), ids=list(WORKFLOWS))


def checked(*command: str | Path) -> None:
    """Fails with the words of a checker that is not content."""
    program, *arguments = map(str, command)
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def schema(name: str, file: Path) -> None:
    # Azure's schema has regular expressions that only the older dialect allows.
    checked("check-jsonschema", "--regex-variant", "nonunicode", "--builtin-schema", f"vendor.{name}", file)


def zizmor(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "zizmor.yml"
    config.write_text(ZIZMOR, encoding="utf-8")
    checked("zizmor", "--offline", "--no-progress", "--quiet", "--config", config, file)


def written(body: str, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(body, encoding="utf-8")
    return place


# --- GitHub ---


def test_workflows_are_found_at_all() -> None:
    assert len(WORKFLOWS) >= 4


def test_the_action_is_valid_and_safe(tmp_path: Path) -> None:
    schema("github-actions", ROOT / "action.yml")
    zizmor(ROOT / "action.yml", tmp_path)


@EACH_WORKFLOW
def test_workflows_are_valid_and_safe(body: str, tmp_path: Path) -> None:
    file = written(body, tmp_path / ".github" / "workflows" / "shown.yml")
    schema("github-workflows", file)
    zizmor(file, tmp_path)


def test_the_checkers_would_say_so(tmp_path: Path) -> None:
    body = next(iter(WORKFLOWS.values()))
    bad = re.sub(r"checkout@[0-9a-f]{40} # v\S+", "checkout@v4", body)
    with pytest.raises(AssertionError, match="unpinned-uses"):
        zizmor(written(bad, tmp_path / ".github" / "workflows" / "bad.yml"), tmp_path)
    with pytest.raises(AssertionError, match="runs-onn"):
        schema("github-workflows", written(body.replace("runs-on", "runs-onn"), tmp_path / "bad.yml"))


def steps(body: str) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(body)["jobs"].values():
        yield from job["steps"]


@EACH_WORKFLOW
def test_workflows_use_the_action_as_it_is(body: str) -> None:
    workflow = yaml.safe_load(body)
    events = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert set(events) <= set(EVENTS)
    allowed = {"contents": "read", "security-events": "write"}
    for part in (workflow, *workflow["jobs"].values()):
        assert dict(part.get("permissions", {})).items() <= allowed.items()
    assert "permissions" in workflow
    uses = [step for step in steps(body) if "uses" in step]
    assert any(step["uses"].startswith("OWNER/keysweep@") for step in uses)
    for step in uses:
        if step["uses"].startswith("OWNER/keysweep@"):
            assert set(step.get("with", {})) <= set(ACTION["inputs"])
        else:
            assert _PINNED.fullmatch(step["uses"])
    for name in re.findall(r"steps\.keysweep\.outputs\.([\w-]+)", body):
        assert name in ACTION["outputs"]


def test_nothing_is_pasted_into_a_script() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"]]
    scripts += [step["run"] for body in WORKFLOWS.values() for step in steps(body) if "run" in step]
    assert len(scripts) >= 2
    assert not [script for script in scripts if "${{" in script]


def first_column(heading: str) -> list[str]:
    section = re.search(rf"^### {heading}\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    assert section
    rows = re.findall(r"^\| (`[^|]*)\|", section[1], re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_page_names_inputs_outputs_and_events() -> None:
    assert first_column("Inputs") == list(ACTION["inputs"])
    assert first_column("Outputs") == list(ACTION["outputs"])
    assert set(first_column("What is read")) == set(EVENTS)
    for scope in SCOPES:
        assert f"`{scope}`" in PAGE
    for name, said in ACTION["inputs"].items():
        row = re.search(rf"^\| `{name}` \| (.*?) \|", PAGE, re.MULTILINE)
        assert row
        assert not said["default"] or row[1] == f"`{said['default']}`"


def test_every_input_reaches_a_step() -> None:
    values = [value for step in ACTION["runs"]["steps"] for value in step["env"].values()]
    assert {name for name in ACTION["inputs"] if f"${{{{ inputs.{name} }}}}" in values} == set(ACTION["inputs"])


# --- pre-commit ---


def test_the_manifest_of_hooks_is_valid() -> None:
    checked("pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")


# --- other systems ---

OTHERS = {".gitlab-ci.yml": "gitlab-ci", ".circleci/config.yml": "circle-ci", "azure-pipelines.yml": "azure-pipelines"}


@pytest.mark.parametrize("file", OTHERS)
def test_other_pipelines_are_valid(file: str, tmp_path: Path) -> None:
    schema(OTHERS[file], written(shown()[f"ci.md {file}"], tmp_path / Path(file).name))


def _gitlab(body: str) -> list[str]:
    script: list[str] = yaml.safe_load(body)["keysweep"]["script"]
    return script


def _circle(body: str) -> list[str]:
    return [step["run"] for step in yaml.safe_load(body)["jobs"]["keysweep"]["steps"] if "run" in step]


def _azure(body: str) -> list[str]:
    return [step["script"] for step in yaml.safe_load(body)["steps"] if "script" in step]


def _jenkins(body: str) -> list[str]:
    return re.findall(r"sh '''(.*?)'''", body, re.DOTALL)


SCRIPTS: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    ".gitlab-ci.yml": ("gl-secret-detection-report.json", _gitlab),
    ".circleci/config.yml": ("keysweep.xml", _circle),
    "azure-pipelines.yml": ("keysweep.xml", _azure),
    "Jenkinsfile": ("keysweep.xml", _jenkins),
}

STUB = """\
#!/bin/sh
# Stands for python3 -m venv and pip: what they would install is here already.
case "$0" in
*/python3)
  for place; do :; done
  mkdir -p "$place/bin"
  ln -sf "$KEYSWEEP" "$place/bin/"
  ln -sf "$0" "$place/bin/pip" ;;
esac
"""


@pytest.mark.parametrize("file", SCRIPTS)
@pytest.mark.parametrize("leak", [True, False])
def test_other_pipelines_do_what_the_page_says(
    file: str, leak: bool, tmp_path: Path, new_key: Callable[..., Fake]
) -> None:
    origin = GitRepo.new(tmp_path / "origin")
    origin.commit("begin", {"a.txt": "a\n"})
    work = GitRepo.clone(origin, tmp_path / "work")
    work.git("checkout", "-q", "-b", "topic")
    fake = new_key("github-personal-access-token")
    work.commit("first", {".env": fake.key if leak else "PORT=80\n"})
    work.commit("second", {".env": None, ".keysweep.toml": 'fail_on = "never"\n'})
    origin.commit("elsewhere", {"b.txt": "b\n"})
    for name in ("python3", "pip"):
        written(STUB, tmp_path / "bin" / name).chmod(0o755)
    environment = {
        **os.environ, "PATH": os.pathsep.join([str(tmp_path / "bin"), str(BIN), os.environ["PATH"]]),
        "KEYSWEEP": str(BIN / "keysweep"), "WORKSPACE_TMP": str(tmp_path), "AGENT_TEMPDIRECTORY": str(tmp_path),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CHANGE_TARGET": "main",
    }  # fmt: skip
    report, scripts = SCRIPTS[file]
    script = "\n".join(scripts(shown()[f"ci.md {file}"]))
    done = subprocess.run(
        ["bash", "-euc", script], cwd=work.path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == int(leak), done.stdout + done.stderr
    assert ("********" in done.stdout) == leak
    assert (work.path / report).is_file()
    assert fake.secret.decode() not in done.stdout + done.stderr + (work.path / report).read_text(encoding="utf-8")

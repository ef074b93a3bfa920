"""The recipes of docs/masking.md work as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.fakes import Fake
from scanner.masker import CONTEXT, LONGEST
from scanner.models import MASK

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "masking.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_recipes_in_python_show_no_key(number: int, new_key: Callable[..., Fake]) -> None:
    key = new_key("github-personal-access-token").key.decode()
    program = f"KEY = {key!r}\n{PYTHON[number]}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    said = done.stdout + done.stderr
    assert key not in said
    assert MASK in said


def test_there_are_recipes_in_python() -> None:
    assert len(PYTHON) == 4


def test_sizes_on_the_page_are_those_of_the_code() -> None:
    assert f"At most {LONGEST >> 10} KiB" in PAGE
    assert f"{CONTEXT >> 10} KiB of context" in PAGE

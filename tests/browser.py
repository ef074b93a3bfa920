"""A real browser under test: chromium, driven over HTTP by its driver (W3C WebDriver), without any package for it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def has_browser() -> bool:
    """Whether chromium and its driver are here."""
    return shutil.which("chromium") is not None and shutil.which("chromedriver") is not None


class Browser:
    """One window. Elements are found by CSS selectors."""

    def __init__(self, address: str) -> None:
        self._address = address

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One command of the driver; its value."""
        data = json.dumps(body or {}).encode() if method == "POST" else None
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self._address}{path}", data, headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(asked, timeout=60) as reply:  # noqa: S310
            return json.load(reply)["value"]

    def open(self, url: str) -> None:
        """Loads a page."""
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script of ours returns in the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that are there."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)", selector
        )
        return found

    def type(self, selector: str, text: str) -> None:
        """Types into a field, in place of what is in it, key by key."""
        element = self.call("POST", "/element", {"using": "css selector", "value": selector})
        name = next(iter(element.values()))
        self.call("POST", f"/element/{name}/clear")
        if text:
            self.call("POST", f"/element/{name}/value", {"text": text})

    def errors(self) -> list[str]:
        """What the page complained of since the last call: errors of scripts, refused loads."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program and driver, "CI_BROWSER=1 says that chromium and its driver are here, and they are not"
    log = folder / "driver.log"
    with log.open("wb") as output:
        process = subprocess.Popen([driver, "--port=0"], stdout=output, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{_port(log, process)}"
        options = {
            "binary": program,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--user-data-dir={folder / 'profile'}"],
        }  # fmt: skip
        wanted = {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"},
        }}}  # fmt: skip
        session = Browser(address).call("POST", "/session", wanted)["sessionId"]
        window = Browser(f"{address}/session/{session}")
        try:
            yield window
        finally:
            window.call("DELETE", "")
    finally:
        process.terminate()
        process.wait(120)


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that the driver says it listens on."""
    for _ in range(2400):
        found = re.search(r"started successfully on port (\d+)", log.read_text(errors="replace"))
        if found:
            return int(found[1])
        assert process.poll() is None, log.read_text(errors="replace")
        time.sleep(0.05)
    raise AssertionError("the driver does not say on which port it listens")


__all__ = ["Browser", "browser", "has_browser"]

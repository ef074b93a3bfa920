"""Material to measure masking on (logs without keys, logs with one on every line), `sed` with the same prefixes, and
how long a line and a log record wait."""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.synthetic import KEYS, Draw

SIZE = 200_000_000
"""Bytes of a log; a log with keys is a tenth of that."""

DISTINCT = 500
"""So many keys take turns where a service writes its own into its log."""

_WORDS = """
connection established request completed cache miss user updated order created worker started shutting down retrying
after timeout while reading response from upstream database query took loaded configuration flushing metrics processed
queue depth handler finished accepted closed stopped scheduled job index rebuilt partition balanced replica elected
""".split()  # noqa: SIM905 - a list literal is no easier to read
_PATHS = ("/api/v1/users/{}", "/api/v2/orders/{}/items", "/static/js/app.{}.js", "/healthz", "/login",
          "/search?q={}&page=2")  # fmt: skip
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0", "curl/8.5.0",
           "kube-probe/1.30", "python-requests/2.32")  # fmt: skip


def _time(number: int) -> str:
    return f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"


def _address(draw: Draw) -> str:
    return ".".join(str(draw.between(1, 254)) for _ in range(4))


def _path(draw: Draw) -> str:
    return draw.one(_PATHS).format(draw.below(10**6))


def _words(draw: Draw, least: int, most: int) -> str:
    return " ".join(draw.one(_WORDS) for _ in range(draw.between(least, most)))


def _access(draw: Draw, number: int, key: str = "") -> str:
    query = f"?key={key}" if key else ""
    return (
        f'{_address(draw)} - - [22/Nov/2026:{_time(number)} +0000] "GET {_path(draw)}{query} HTTP/1.1" 200 '
        f'{draw.below(99_999)} "https://shop.example.io{_path(draw)}" "{draw.one(_AGENTS)}"'
    )


def _application(draw: Draw, number: int, key: str = "") -> str:
    said = f" authenticated with {key}" if key else f" id={draw.below(10**8)}"
    return (
        f"2026-11-22T{_time(number)}.{draw.below(1000):03}Z {draw.one(('INFO', 'DEBUG', 'WARN'))} "
        f"[http-worker-{draw.below(16)}] io.example.shop.{draw.one(('OrderService', 'UserRepository', 'CacheManager'))}"
        f" - {_words(draw, 6, 13)}{said} took={draw.below(900)}ms"
    )


def _json(draw: Draw, number: int, key: str = "") -> str:
    fields: dict[str, object] = {"ts": f"2026-11-22T{_time(number)}Z", "level": "info", "msg": _words(draw, 6, 9)}
    if key:
        fields["headers"] = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    else:
        fields["trace"] = draw.text("0123456789abcdef", 32)
    return json.dumps({**fields, "status": 200, "path": _path(draw), "ms": draw.below(900)})


def _system(draw: Draw, number: int, key: str = "") -> str:
    closed = f"Connection closed by {_address(draw)} port {draw.below(65536)} [preauth]"
    said = f"export API_TOKEN={key}" if key else closed
    return f"Nov 22 {_time(number)} web{draw.below(9)} sshd[{draw.below(30_000)}]: {said}"


_LINES: tuple[Callable[[Draw, int, str], str], ...] = (
    *(_access,) * 4, *(_application,) * 4, *(_json,) * 3, _system,
)  # fmt: skip


def _key(draw: Draw) -> str:
    return KEYS[draw.below(len(KEYS))](draw).partition("=")[2]


def ordinary(target: Path, size: int) -> None:
    """A log in which no key is."""
    _write(target, size, lambda draw: "")


def with_keys(target: Path, size: int, distinct: int) -> None:
    """A log with a key on every line: so many take turns; 0 for another one on every line."""
    draw = Draw("keys")
    keys = [_key(draw) for _ in range(distinct)]
    _write(target, size, lambda draw: keys[draw.below(distinct)] if distinct else _key(draw))


def _write(target: Path, size: int, key: Callable[[Draw], str]) -> None:
    draw = Draw("keysweep mask")
    block, number = [], 0
    while sum(map(len, block)) < min(size, 4_000_000):
        block += [_LINES[draw.below(len(_LINES))](draw, number + turn, key(draw)) + "\n" for turn in range(1000)]
        number += 1000
    text = "".join(block).encode()
    with target.open("wb") as file:
        for _ in range(max(1, size // len(text))):
            file.write(text)


def sed_program(rules: Sequence[tuple[str, str]]) -> str:
    """`sed -E` with one alternation of the prefixes of all rules whose keys begin with one."""
    prefixes = sorted({prefix for prefix, _ in rules}, key=lambda text: (-len(text), text))
    escaped = ["".join(f"\\{one}" if one in r".[]{}()*+?^$|/\\" else one for one in prefix) for prefix in prefixes]
    return f"s/({'|'.join(escaped)})[A-Za-z0-9_.-]{{16,}}/\\1********/g"


def prefixes() -> list[tuple[str, str]]:
    """The fixed text that keys begin with, and the rule, where that is four characters or more."""
    from scanner.pattern.unfinished import beginning  # noqa: PLC0415 - what measures, not what is measured
    from scanner.rule import load_rules  # noqa: PLC0415 - as above

    found = []
    for rule in load_rules():
        text = beginning(rule.pattern).decode("latin-1") if not rule.context and rule.key_first else ""
        if len(text) >= 4 and text.isascii() and text.isprintable():
            found.append((text, rule.id))
    return found


def line_delay(command: Sequence[str], environment: Mapping[str, str], turns: int = 300) -> tuple[float, float]:
    """Seconds until a line that goes in has come out: median and the slowest of a hundred, without the first."""
    with subprocess.Popen(
        list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment), bufsize=0
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("two pipes were asked for")
        took = []
        for number in range(turns):
            line = _application(Draw(f"line {number}"), number).encode() + b"\n"
            begin = time.perf_counter()
            process.stdin.write(line)
            said = b""
            while not said.endswith(b"\n"):
                said += os.read(process.stdout.fileno(), 65536)
            took.append(time.perf_counter() - begin)
            if said != line:
                raise RuntimeError("another line came out than went in")
            time.sleep(0.002)
        process.stdin.close()
    took = sorted(took[10:])
    return statistics.median(took), took[len(took) * 99 // 100]


def record_cost(turns: int = 20_000) -> dict[str, float]:
    """Seconds of processor time that `MaskingFilter` takes for a record without a key, by what the record says."""
    from scanner.log_filter import MaskingFilter  # noqa: PLC0415 - measured here, in this process

    hide = MaskingFilter(environment={})
    texts = {
        "a line of an application": ("connection from %s after %d ms, user id=%s", ("10.1.2.3", 33, "4711")),
        "an address": ("GET https://shop.example.io/api/v1/users/4711 200 in %d ms", (12,)),
        "the word password": ("password of user %s changed", ("anna",)),
    }
    costs = {}
    for name, (text, arguments) in texts.items():
        records = [logging.LogRecord("bench", logging.INFO, "/a.py", 1, text, arguments, None) for _ in range(turns)]
        for record in records[:1000]:
            hide.filter(record)
        begin = time.process_time()
        for record in records:
            hide.filter(record)
        costs[name] = (time.process_time() - begin) / turns
    return costs


__all__ = ["DISTINCT", "SIZE", "line_delay", "ordinary", "prefixes", "record_cost", "sed_program", "with_keys"]

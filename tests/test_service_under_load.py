"""A web application that logs 50,000 lines a minute and more, masked by the filter in it and by the pipe behind it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

from scanner.fakes import Fake
from tests.commands import WAIT

_SERVICE = '''
import logging, logging.handlers, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from scanner import MaskingFilter

log = logging.getLogger("service")
log.setLevel(logging.INFO)
files = logging.handlers.RotatingFileHandler(sys.argv[1], maxBytes=40_000, backupCount=100)
files.addFilter(MaskingFilter())
log.addHandler(files)

class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        for number in range(int(self.headers["X-From"]), int(self.headers["X-From"]) + 50):
            line = f"request {number} authorization {self.headers['Authorization']}"
            log.info("request %d authorization %s", number, self.headers["Authorization"])
            print(line, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
print(server.server_port, file=sys.stderr, flush=True)
server.serve_forever()
'''
LINES = 5000


def test_nothing_is_lost_nothing_is_shown_and_the_order_stays(new_key: Callable[..., Fake], tmp_path: Path) -> None:
    key = new_key("github-personal-access-token").key.decode()
    (tmp_path / "service.py").write_text(_SERVICE)
    log = tmp_path / "service.log"
    service = subprocess.Popen(
        [sys.executable, str(tmp_path / "service.py"), str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert service.stdout is not None
    assert service.stderr is not None
    mask = subprocess.Popen(
        [sys.executable, "-m", "scanner", "mask"], stdin=service.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    service.stdout.close()
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.append(mask.stdout.read() if mask.stdout else b""))
    reader.start()
    try:
        port = int(service.stderr.readline())
        for first in range(0, LINES, 50):
            headers = {"Authorization": f"Bearer {key}" if first % 100 else "none", "X-From": str(first)}
            asked = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
            urllib.request.urlopen(asked, timeout=WAIT).close()  # noqa: S310
    finally:
        service.terminate()
        service.wait()
        service.stderr.close()
    reader.join(WAIT)
    said = mask.communicate(timeout=WAIT)[1]
    rotated = sorted(tmp_path.glob("service.log*"), key=lambda path: int(path.suffix[1:]) if path != log else 0)
    written = b"".join(path.read_bytes() for path in reversed(rotated))
    assert len(rotated) > 3
    for text in (taken[0], written):
        assert [int(number) for number in re.findall(rb"request (\d+) ", text)] == list(range(LINES))
        assert text.count(b"Bearer ghp_********\n") == LINES // 2
    assert key.encode()[4:] not in taken[0] + written + said

"""Log records: what a handler writes of them shows no secret, and a record that cannot be masked is hidden."""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.config
import logging.handlers
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog

import scanner
from scanner.fakes import Fake
from scanner.log_filter import HIDDEN, MaskingFilter
from scanner.masker import TextMasker
from scanner.models import MASK
from scanner.structlog_processor import MaskingProcessor
from tests.commands import WAIT

NewKey = Callable[..., Fake]


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key("github-personal-access-token").key.decode()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(out: io.StringIO) -> Iterator[logging.Logger]:
    """A logger whose handler masks, with all that a record has in its format."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(extra)s", defaults={"extra": ""}))
    handler.addFilter(MaskingFilter(environment={}))
    logger = logging.getLogger("test-masking")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


class Account:
    """Something that shows its token when it is printed."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __str__(self) -> str:
        return f"account with token={self.token}"


def test_the_message_and_its_arguments(log: logging.Logger, out: io.StringIO, key: str) -> None:
    log.info("token=%s for %d", key, 7)
    log.info("as mapping: %(value)s", {"value": key})
    log.info(f"put in: {key}")
    log.info(Account(key))
    log.info("an object: %s", Account(key))
    log.info(b"bytes: %s", key.encode())
    assert key not in out.getvalue()
    assert out.getvalue().splitlines()[0] == f"INFO token=ghp_{MASK} for 7 "
    assert out.getvalue().count(f"ghp_{MASK}") == 6


def test_what_holds_no_secret_stays_the_same_object() -> None:
    arguments = ("anna", 3, ["a", {"b": 1.5}], None)
    record = logging.LogRecord("x", logging.INFO, "/a.py", 1, "user %s %d %s %s", arguments, None)
    record.extra = extra = {"path": "/login", "list": (1, 2)}
    assert MaskingFilter(environment={}).filter(record)
    assert record.args is arguments
    assert record.extra is extra
    assert record.getMessage() == "user anna 3 ['a', {'b': 1.5}] None"


def test_extra_fields_of_any_kind(log: logging.Logger, out: io.StringIO, key: str) -> None:
    for value in (key, [key], {"a": {"b": (key,)}}, {key}, Account(key), key.encode(), {key: 1}):
        log.warning("see", extra={"extra": value})
    assert key not in out.getvalue()
    assert out.getvalue().count(f"ghp_{MASK}") == 7


def test_a_field_that_is_called_a_password_is_hidden_whatever_it_says() -> None:
    hide = MaskingFilter(environment={}).masked
    assert hide({"user": "anna", "password": "correct horse", "api_key": b"abc", "key_id": "AB12"}) == {
        "user": "anna", "password": MASK, "api_key": MASK.encode(), "key_id": "AB12",
    }  # fmt: skip


def test_exceptions_with_those_they_came_from(log: logging.Logger, out: io.StringIO, key: str) -> None:
    try:
        try:
            raise ValueError(f"no such token: {key}")
        except ValueError as error:
            raise RuntimeError("cannot log in") from error
    except RuntimeError:
        log.exception("it failed")
    text = out.getvalue()
    assert key not in text
    assert f"no such token: ghp_{MASK}" in text
    assert "RuntimeError: cannot log in" in text


def test_an_exception_without_a_secret_stays_for_other_formatters() -> None:
    try:
        raise ValueError("nothing to see")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "/a.py", 1, "oops", (), (ValueError, error, None))
    MaskingFilter(environment={}).filter(record)
    assert record.exc_info is not None


def test_text_of_exceptions_and_stacks_that_is_there_already(key: str) -> None:
    record = logging.LogRecord("x", logging.ERROR, "/a.py", 1, "oops", (), None)
    record.exc_text = record.stack_info = f"line\nValueError: {key}"
    MaskingFilter(environment={}).filter(record)
    assert record.exc_text == record.stack_info == f"line\nValueError: ghp_{MASK}"


def test_arguments_that_do_not_fit_are_hidden(log: logging.Logger, out: io.StringIO, key: str) -> None:
    words = "one %s two %s"
    log.info(words, key)
    assert key not in out.getvalue()
    assert "its arguments do not fit, and were hidden" in out.getvalue()


def test_a_record_that_cannot_be_masked_is_hidden(log: logging.Logger, out: io.StringIO, key: str) -> None:
    class Broken:
        def __str__(self) -> str:
            return "fine"

        def __repr__(self) -> str:
            raise OSError(key)

    log.info("see %s", "this", extra={"extra": [Broken(), key]})
    assert out.getvalue() == f"INFO {HIDDEN} {MASK}\n"


def test_what_is_called_a_password_is_hidden_beside_a_key_too(log: logging.Logger, out: io.StringIO, key: str) -> None:
    log.info("%(note)s for %(password)s", {"note": key, "password": "plain-words"})
    log.info({"note": key, "password": "plain-words"})
    assert out.getvalue() == (
        f"INFO ghp_{MASK} for {MASK} \nINFO {{'note': 'ghp_{MASK}', 'password': '{MASK}'}} \n"
    )


@pytest.mark.parametrize(
    "value", [bytearray(b"plain-words"), memoryview(b"plain"), Account("words"), 48151623, {b"token": b"plain-words"}]
)
def test_a_password_is_hidden_whatever_its_type(value: object) -> None:
    hidden = MaskingFilter(environment={}).masked(value, "" if isinstance(value, dict) else "password")
    assert hidden in (MASK, {b"token": MASK.encode()})


def test_numbers_that_count_tokens_stay() -> None:
    counts = {"max_tokens": 4096, "tokens": 12, "password": None, "api_key": False, "rate": 0.5}
    assert MaskingFilter(environment={}).masked(counts) is counts


def test_frozen_sets_stay_what_they_are(key: str) -> None:
    fields = {frozenset([key]): {frozenset([key, "a"])}}
    hidden = f"ghp_{MASK}"
    assert MaskingFilter(environment={}).masked(fields) == {frozenset([hidden]): {frozenset([hidden, "a"])}}


def _fields(record: logging.LogRecord) -> str:
    MaskingFilter(environment={}).filter(record)
    return repr(vars(record))


def test_names_and_what_an_earlier_handler_left_in_a_record(key: str) -> None:
    record = logging.LogRecord(f"client.{key}", logging.INFO, f"/{key}/a.py", 1, "with %s", (key,), None)
    record.threadName = record.taskName = f"job {key}"
    logging.Formatter().format(record)  # as a handler without a filter does
    assert key in record.message
    assert key[4:] not in _fields(record)


def test_a_key_that_the_template_takes_for_a_format(key: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "/a.py", 1, f"100% {key}", (3,), None)
    assert key[4:] in record.getMessage()
    assert key[4:] not in _fields(record)


class SilentError(Exception):
    def __str__(self) -> str:
        return "nothing to see"


def test_exceptions_whose_arguments_only_show_a_secret(key: str) -> None:
    try:
        try:
            raise ExceptionGroup("many", [ValueError(n) for n in range(20)] + [SilentError(key)])
        except ExceptionGroup as error:
            raise ValueError("later") from error
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, "/a.py", 1, "failed", (), sys.exc_info())
    assert key[4:] not in _fields(record)
    assert record.exc_info is None
    assert "later" in str(record.exc_text)


def test_a_signal_that_logs_in_the_middle_of_a_record(key: str) -> None:
    """Run in a process of its own, which would wait for itself without end."""
    code = f"""if True:
        import io, logging, signal, scanner, gc, time
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.addFilter(scanner.MaskingFilter(environment={{}}))
        log = logging.Logger("x")
        log.addHandler(handler)
        told = []
        def tell(*_):
            told.append(1)
            log.warning("stopping with %s", KEY)
        class Thrown:
            def __init__(self):
                self.itself = self
            def __del__(self):
                tell()
        KEY = {key!r}
        log.info(KEY)
        gc.set_threshold(50)
        signal.signal(signal.SIGALRM, tell)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        while len(told) < 400:
            log.info("authorization: Bearer %s", KEY + "\\n" * 20)
            Thrown()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert KEY[4:] not in out.getvalue()
        print(out.getvalue().count("stopping with ghp_") > 100)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_logger_masks_for_all_its_handlers(key: str) -> None:
    one, other = io.StringIO(), io.StringIO()
    logger = logging.getLogger("test-masking-logger")
    logger.propagate = False
    logger.addFilter(MaskingFilter(environment={}))
    for stream in (one, other):
        logger.addHandler(logging.StreamHandler(stream))
    logger.error("token=%s", key)
    assert one.getvalue() == other.getvalue() == f"token=ghp_{MASK}\n"


def test_records_of_other_loggers_are_not_looked_at(key: str) -> None:
    record = logging.LogRecord("other", logging.INFO, "/a.py", 1, key, (), None)
    assert MaskingFilter("mine", environment={}).filter(record)
    assert record.getMessage() == key


def test_dict_config_knows_it_by_name(key: str) -> None:
    stream = io.StringIO()
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"mask": {"()": "scanner.MaskingFilter", "secrets": ["open-sesame-17"]}},
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": stream, "filters": ["mask"]}},
        "loggers": {"test-dict-config": {"handlers": ["out"], "level": "INFO", "propagate": False}},
    })  # fmt: skip
    logging.getLogger("test-dict-config").info("%s and open-sesame-17", key)
    assert stream.getvalue() == f"ghp_{MASK} and {MASK}\n"


def test_known_secrets_of_the_environment(out: io.StringIO) -> None:
    handler = logging.StreamHandler(out)
    handler.addFilter(MaskingFilter(environment={"DB_PASSWORD": "tr0ub4dor-and-3"}))
    record = logging.LogRecord("x", logging.INFO, "/a.py", 1, "connecting with %s", ("tr0ub4dor-and-3",), None)
    handler.handle(record)
    assert out.getvalue() == f"connecting with {MASK}\n"


def test_through_a_queue_as_in_other_processes(key: str, out: io.StringIO) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    handler.addFilter(MaskingFilter(environment={}))
    handler.handle(logging.LogRecord("x", logging.INFO, "/a.py", 1, "token=%s", (key,), None))
    assert pickle.loads(pickle.dumps(records.get())).getMessage() == f"token=ghp_{MASK}"  # noqa: S301 - our own


def test_threads_mask_at_the_same_time(key: str) -> None:
    hide = TextMasker()
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(60):
            text = f"thread {number} turn {turn} token={key} and {'x' * (turn % 7)}"
            if hide(text) != text.replace(key, f"ghp_{MASK}"):
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _in_child(hide: TextMasker, text: str, answer: multiprocessing.connection.Connection) -> None:
    answer.send(hide(text))


def test_a_forked_process_masks_though_a_thread_held_the_lock(key: str) -> None:
    hide = TextMasker()
    assert hide(key) == f"ghp_{MASK}"
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with hide._lock:
            held.set()
            done.wait(WAIT)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(WAIT)
    mine, theirs = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        _in_child(hide, f"token={key}", theirs)
        os._exit(0)
    try:
        assert mine.poll(20)
        assert mine.recv() == f"token=ghp_{MASK}"
    finally:
        done.set()
        thread.join()
        os.waitpid(child, 0)


def test_copies_and_pickles_where_logging_needs_them() -> None:
    hide = MaskingFilter("app")
    assert copy.copy(hide) is hide
    assert copy.deepcopy({"filter": hide})["filter"] is hide
    assert pickle.loads(pickle.dumps(hide)).name == "app"  # noqa: S301 - our own
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(MaskingFilter(secrets=["open-sesame-17"]))


# --- structlog ---


def test_the_processor_masks_an_event(key: str) -> None:
    event = {"event": f"login with {key}", "token": "short", "user": "anna", "n": 3, "deep": [{"a": key}]}
    assert MaskingProcessor(environment={})(None, "info", event) == {
        "event": f"login with ghp_{MASK}", "token": MASK, "user": "anna", "n": 3, "deep": [{"a": f"ghp_{MASK}"}],
    }  # fmt: skip


def test_the_processor_masks_names_and_keeps_their_order(key: str) -> None:
    event = MaskingProcessor(environment={})(None, "info", {"a": 1, f"with {key}": 2, "event": "x"})
    assert list(event.items()) == [("a", 1), (f"with ghp_{MASK}", 2), ("event", "x")]


def test_the_processor_hides_an_event_that_cannot_be_masked(key: str) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError(key)

    event = {"event": key, "level": "info", "what": Broken()}
    assert MaskingProcessor(environment={})(None, "info", event) == {"event": HIDDEN, "level": "info"}


def test_the_processor_in_structlog_itself(key: str) -> None:
    out = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.processors.format_exc_info, scanner.MaskingProcessor(), structlog.processors.JSONRenderer(),
        ],
    )
    try:
        raise ValueError(key)
    except ValueError:
        logger.exception("failed", api_key=key, path="/login")
    said = json.loads(out.getvalue())
    assert key not in out.getvalue()
    assert said["api_key"] == MASK
    assert said["path"] == "/login"
    assert f"ghp_{MASK}" in said["exception"]

"""Files and folders: real files, links, FIFOs, sockets, and a file system that changes under the scan."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import stat
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import StandIn, fresh_key

from scanner.errors import SourceError
from scanner.models import MASK, Chunk, Finding, Kind, Note, Origin, ScanResult, Skipped
from scanner.pipeline import scan
from scanner.sources.files import Files
from scanner.sources.log_files import Logs

VANISHED = "it vanished while the scan was running"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str | Path, content: bytes = b"") -> bytes:
    """Writes a file with a fresh key in it; the key."""
    key = fresh_key()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content + key)
    return key


def read(*paths: str | Path, exclude: tuple[str, ...] = (), max_size: int | None = None) -> ScanResult:
    return scan(Files(paths, exclude=exclude, max_size=max_size), StandIn())


def contents(source: Files) -> dict[str, bytes]:
    """Path → content of all that is read (names apart); each path once."""
    chunks = [item for item in source.chunks() if isinstance(item, Chunk) and item.origin.kind is Kind.FILE]
    found = {chunk.origin.path: chunk.data for chunk in chunks}
    assert len(found) == len(chunks)
    return found


def places(result: ScanResult) -> list[tuple[str, bytes]]:
    return [(found.location.path, b"KEY-" + found.secret.reveal()) for found in result.findings]


# --- what is read, and what it is called ---


def test_reads_a_tree(here: Path) -> None:
    keys = {path: put(path) for path in ("a.env", "b/c/d.py", "b/e.bin", "z")}
    Path("empty").touch()
    result = read(".")
    assert places(result) == sorted(keys.items())
    assert result.complete
    assert result.stats.contents == 5
    assert result.stats.size == sum(map(len, keys.values()))


@pytest.mark.parametrize(
    ("given_path", "shown"),
    [
        (".", "b/x"),
        ("b", "b/x"),
        ("./b//", "b/x"),
        ("b/x", "b/x"),
        ("./b/./x", "b/x"),
        ("../{here}/b", "../{here}/b/x"),
        ("{root}/b", "{root}/b/x"),
        ("{root}/b/x", "{root}/b/x"),
    ],
)
def test_paths_are_shown_as_they_were_given(here: Path, given_path: str, shown: str) -> None:
    key = put("b/x")
    words = {"here": here.name, "root": here.as_posix()}
    assert places(read(given_path.format(**words))) == [(shown.format(**words), key)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.env", "caf\\xe9.env"),
        ("café".encode(), "café"),
        (b"two\nlines", "two\\nlines"),
        (b"red\x1b[31m", "red\\x1b[31m"),
        ("a\u202etxt".encode(), "a\\u202etxt"),
        (b"back\\slash", "back\\slash"),
    ],
)
def test_any_file_name_is_read_and_safe_to_show(here: Path, name: bytes, shown: str) -> None:
    key = put("t/x")
    Path("t/x").rename(os.fsdecode(b"t/" + name))
    assert places(read("t")) == [(f"t/{shown}", key)]
    assert places(read(os.fsdecode(b"t/" + name))) == [(f"t/{shown}", key)]
    shown.encode()


def test_binary_content_and_long_lines(here: Path) -> None:
    keys = [put("nul", b"\x00\xff\xfe" * 1000), put("long", b"x" * 600_000), put("crlf", b"\r\n\r\n")]
    assert sorted(key for _, key in places(read("."))) == sorted(keys)


def test_a_huge_file_is_read_in_windows(here: Path) -> None:
    key = put("huge", b"text and so on\n" * 4_000_000)
    with Path("huge").open("ab") as file:
        file.write(b"\n" + b"y" * 9_000_000)
    tracemalloc.start()
    result = scan(Files(["huge"], window=1 << 20), StandIn())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(f.location.line, b"KEY-" + f.secret.reveal()) for f in result.findings] == [(4_000_001, key)]
    assert result.stats.size == Path("huge").stat().st_size
    assert result.stats.contents == 1
    assert peak < 8 << 20


def test_a_key_on_the_edge_of_two_windows_is_found_once(here: Path) -> None:
    for shift in range(24):
        put("x", b"." * (1024 - shift))
        with Path("x").open("ab") as file:
            file.write(b"." * 3000)
        found = scan(Files(["x"], window=1024, overlap=64), StandIn()).findings
        assert [one.location.start for one in found] == [1024 - shift]


def test_a_tree_deeper_than_calls_can_be_nested(here: Path) -> None:
    folders = ["d" + "/d" * below for below in range(sys.getrecursionlimit() + 100)]
    for folder in folders:
        Path(folder).mkdir()
    key = put(f"{folders[-1]}/x")
    try:
        assert places(read(".")) == [(f"{folders[-1]}/x", key)]
    finally:  # what removes temporary folders nests its calls
        Path(folders[-1], "x").unlink()
        for folder in reversed(folders):
            Path(folder).rmdir()


@pytest.mark.parametrize("path", ["missing", "a/missing", "a/x/below", ""])
def test_a_path_that_does_not_exist_is_an_error_that_names_it(here: Path, path: str) -> None:
    put("a/x")
    with pytest.raises(SourceError, match=f"^{path or 'an empty path'}: no such file or folder$"):
        read("a", path)


def test_what_is_given_twice_is_read_once(here: Path) -> None:
    put("a/b/x")
    put("a/y")
    put("z")
    Path("link").symlink_to("a/b")
    twice = Files(["a/b", ".", "a", "z", "a/b/x", str(here / "a"), "./a/../z", "link"])
    assert sorted(contents(twice)) == ["a/b/x", "a/y", "link", "z"]
    names = [item.data for item in twice.chunks() if isinstance(item, Chunk) and item.origin.kind is Kind.PATH_NAME]
    assert sorted(b"".join(names).split()) == [b"a", b"b", b"link", b"x", b"y", b"z"]


# --- links ---


def test_a_link_is_content_and_not_followed(here: Path) -> None:
    put("outside/secret")
    key = fresh_key()
    Path("t").mkdir()
    Path("t/out").symlink_to("../outside")
    Path("t/loop").symlink_to(".")
    Path("t/self").symlink_to("self")
    Path("t/key").symlink_to(os.fsdecode(key))
    result = read("t")
    assert places(result) == [("t/key", key)]
    assert result.complete
    assert contents(Files(["t"])) == {"t/out": b"../outside", "t/loop": b".", "t/self": b"self", "t/key": key}


def test_a_link_that_is_named_is_followed(here: Path) -> None:
    key = put("outside/secret")
    Path("folder").symlink_to("outside")
    Path("file").symlink_to("outside/secret")
    assert places(read("folder")) == [("folder/secret", key)]
    assert places(read("file")) == [("file", key)]


def test_a_named_link_to_nothing_is_skipped(here: Path) -> None:
    Path("dangling").symlink_to("nowhere")
    Path("self").symlink_to("self")
    assert read("dangling").skipped == (Skipped("dangling", "a symbolic link to something that does not exist"),)
    assert read("self").skipped == (Skipped("self", "too many levels of symbolic links"),)


# --- what is not a file ---


@pytest.fixture
def odd(here: Path) -> Iterator[Path]:
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        yield here


def test_fifos_sockets_and_devices_are_skipped_and_not_opened(odd: Path) -> None:
    key = put("x")
    result = read(".", "/dev/null")
    assert places(result) == [("x", key)]
    assert result.skipped == (
        Skipped("/dev/null", "a character device, not a file"),
        Skipped("fifo", "a FIFO, not a file (pipe its content into 'keysweep stdin')"),
        Skipped("socket", "a socket, not a file"),
    )
    assert [item.what for item in read("fifo", "socket").skipped] == ["fifo", "socket"]


def walked(*paths: str) -> Files:
    """A source that has listed its files, and not read them."""
    source = Files(paths)
    source.partitions(1)
    return source


def test_a_file_that_becomes_something_else_meanwhile(odd: Path) -> None:
    for name in ("fifo2", "folder", "gone", "grown", "link", "socket2", "t/below"):
        put(name)
    secret = put("../outside")
    source = walked(".")
    for name in ("fifo2", "folder", "gone", "link", "socket2"):
        Path(name).unlink()
    shutil.rmtree("t")
    os.mkfifo("fifo2")
    Path("folder").mkdir()
    Path("socket").rename("socket2")
    Path("link").symlink_to("../outside")
    later = put("grown", b"x" * 100_000)
    result = scan(source, StandIn())
    assert places(result) == [("grown", later)]
    assert secret not in [key for _, key in places(result)]
    assert {item.what: item.reason for item in result.skipped if item.what not in ("fifo", "socket")} == {
        "fifo2": "a FIFO, not a file (pipe its content into 'keysweep stdin')",
        "folder": "it became a folder while the scan was running",
        "gone": VANISHED,
        "socket2": "no such device or address",
        "t/below": VANISHED,
    }
    assert contents(source)["link"] == b"../outside"


def test_a_link_that_becomes_a_file_meanwhile_is_told(here: Path) -> None:
    Path("x").symlink_to("y")
    source = walked(".")
    Path("x").unlink()
    put("x")
    assert scan(source, StandIn()).skipped == (Skipped("x", "it changed while the scan was running"),)


@pytest.mark.parametrize("source", [Files, Logs])
def test_what_the_kernel_makes_is_not_read(source: type[Files] | type[Logs]) -> None:
    """`/proc/kmsg` and `/proc/<pid>/pagemap` go on for ever. There is no such place on every system."""
    named = [place for place in ("/proc/self/pagemap", "/proc/self/environ") if Path(place).exists()]
    skipped = [item for item in source(named).chunks() if isinstance(item, Skipped)]
    assert sorted(item.what for item in skipped) == sorted(named)
    assert all("made by the kernel" in item.reason for item in skipped)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions do not hold root back, so the tests step down where they run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_files_and_folders_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        monkeypatch.chdir(top)
        key = put("readable")
        put("file")
        put("folder/below")
        put("listed/below")
        Path("file").chmod(0)
        Path("folder").chmod(0)
        Path("listed").chmod(0o444)
        with without_privileges():
            result = read(".")
            named = read("file", "folder/below", "readable")
        Path("folder").chmod(0o755)
        Path("listed").chmod(0o755)
        monkeypatch.undo()
    assert places(result) == places(named) == [("readable", key)]
    assert [item.what for item in result.skipped] == ["file", "folder/", "listed/below"]
    assert [item.what for item in named.skipped] == ["file", "folder/below"]
    assert {item.reason for item in result.skipped + named.skipped} == {"permission denied"}


def test_too_large_files_are_skipped(here: Path) -> None:
    key = put("small")
    put("large", b"x")
    result = read(".", max_size=len(key))
    assert places(result) == [("small", key)]
    assert result.skipped == (Skipped("large", f"larger than the limit: {len(key) + 1} bytes of at most {len(key)}"),)


# --- .git ---


def test_a_git_folder_is_not_walked_but_its_configuration_is_read(here: Path) -> None:
    for repository in ("one", "two"):
        put(f"{repository}/.git/objects/aa/bb")
        put(f"{repository}/.git/HEAD")
    keys = {path: put(path) for path in ("one/.git/config", "two/.git/config", "one/code", "worktree/.git")}
    result = read(".")
    assert places(result) == sorted(keys.items())
    assert result.notes == (".git folders were not walked: history is read by 'keysweep history'",)
    assert result.complete


def test_what_is_only_called_git_is_walked(here: Path) -> None:
    key = put(".git/notes.txt")
    result = read(".")
    assert places(result) == [(".git/notes.txt", key)]
    assert not result.notes


def test_a_git_folder_that_is_named_is_walked(here: Path) -> None:
    for path in (".git/HEAD", ".git/config", ".git/objects/x", ".git/hooks/x"):
        put(path)
    paths = [".git/HEAD", ".git/config", ".git/hooks/x", ".git/objects/x"]
    assert [path for path, _ in places(read(".git"))] == paths
    assert [path for path, _ in places(read(".", ".git"))] == paths


# --- names ---


def named(result: ScanResult) -> list[Finding]:
    return [found for found in result.findings if found.origin.kind is Kind.PATH_NAME]


def test_a_key_in_a_name_is_found_and_not_shown(here: Path) -> None:
    folder, file, link = (fresh_key().decode() for _ in range(3))
    for number in range(300):
        put(f"a{number % 7}/file-{number}")
    Path(f"a3/x-{folder}").mkdir()
    Path(f"a3/x-{folder}/é\n{file}.txt").touch()
    Path(f"a5/{link}").symlink_to("nowhere")
    shown = f"KEY-{MASK}"
    result = read(".")
    assert [(f.location.path, f.origin, f.secret.reveal().decode()) for f in named(result)] == [
        (f"a3/x-{shown}", Origin(f"a3/x-{shown}", Kind.PATH_NAME), folder[4:]),
        (f"a3/x-{shown}/é\\n{shown}.txt", Origin(f"a3/x-{shown}/é\\n{shown}.txt", Kind.PATH_NAME), file[4:]),
        (f"a5/{shown}", Origin(f"a5/{shown}", Kind.PATH_NAME), link[4:]),
    ]
    places = [(f.location.start, f.location.end, f.location.line, f.location.column) for f in named(result)]
    assert places == [(2, 22, 1, 3), (3, 23, 2, 1), (0, 20, 1, 1)]


@pytest.mark.parametrize("given_path", ["t/{key}", "{key}", "t", "./{key}/"])
def test_a_name_on_the_command_line_is_content_too(here: Path, given_path: str) -> None:
    key = fresh_key().decode()
    Path("t").mkdir()
    Path("t", key).touch()
    Path(key).mkdir()
    (found,) = named(read(given_path.format(key=key)))
    assert found.secret.reveal().decode() == key[4:]


def test_names_come_in_few_chunks_and_are_told_apart(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.sources.files._NAMES_AT_ONCE", 100)
    keys = sorted(fresh_key().decode() for _ in range(60))
    for number, key in enumerate(keys):
        Path(f"f{number % 5}").mkdir(exist_ok=True)
        Path(f"f{number % 5}", key).touch()
    source = Files(["."])
    chunks = [item for item in source.chunks() if isinstance(item, Chunk) and item.origin.kind is Kind.PATH_NAME]
    assert 10 < len(chunks) < 20
    found = source.locate([found for chunk in chunks for found in StandIn().find(chunk)])
    assert sorted(f.location.path.split("/")[1] for f in found) == keys
    assert all(f.location.path.endswith(f.secret.reveal().decode()) for f in found)


# --- what is excluded ---


@pytest.mark.parametrize(
    ("exclude", "left", "note"),
    [
        (["*.min.js"], ["a.js", "b/c/x.py", "b/v/y"], "2 files excluded by configuration"),
        (["v/"], ["a.js", "a.min.js", "b/c/x.py", "b/v.min.js"], "1 folder excluded by configuration"),
        (["b/**"], ["a.js", "a.min.js"], "1 folder excluded by configuration"),
        (["/a.js", "**/c"], ["a.min.js", "b/v.min.js", "b/v/y"], "1 file and 1 folder excluded by configuration"),
        (["nothing"], ["a.js", "a.min.js", "b/c/x.py", "b/v.min.js", "b/v/y"], ""),
    ],
)
def test_excludes(here: Path, exclude: list[str], left: list[str], note: str) -> None:
    for path in ("a.js", "a.min.js", "b/c/x.py", "b/v/y", "b/v.min.js"):
        put(path)
    for paths in (["."], [str(here)], ["a.js", "a.min.js", "b"], [f"../{here.name}"]):
        result = read(*paths, exclude=tuple(exclude))
        assert sorted(path.split(f"{here.name}/")[-1] for path, _ in places(result)) == left
        assert result.notes == ((note,) if note else ())
        assert result.complete


def test_excludes_hold_for_named_files_but_not_for_what_a_foreign_folder_lies_in(here: Path) -> None:
    put("vendor/p/x")
    put("vendor/p/vendor/y")
    assert not read("vendor/p/x", exclude=("vendor/",)).findings
    os.chdir("vendor/p")
    assert [path for path, _ in places(read(str(here / "vendor/p"), exclude=("vendor/",)))] == [f"{here}/vendor/p/x"]
    Path(here / "other").mkdir()
    os.chdir(here / "other")
    assert [path for path, _ in places(read("../vendor/p", exclude=("vendor/",)))] == ["../vendor/p/x"]


# --- parts ---


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("tree")
    for number in range(60):
        put(top / f"f{number % 7}" / f"x{number}", b"." * (number**2 * 30))
    (top / "f1" / "link").symlink_to("x1")
    os.mkfifo(top / "f2" / "fifo")
    return top


@given(st.integers(0, 200))
def test_parts_together_are_the_whole(tree: Path, count: int) -> None:
    whole = list(Files([tree]).chunks())
    parts = Files([tree]).partitions(count)
    items = [item for part in parts for item in part.chunks()]
    assert items == whole
    halves = [half for part in parts for half in part.partitions(2)]
    assert [item for half in halves for item in half.chunks()] == whole


@pytest.mark.parametrize("count", [2, 5, 16])
def test_parts_are_of_about_the_same_size_and_hold_no_content(tree: Path, count: int) -> None:
    source = Files([tree])
    parts = [part for part in source.partitions(count) if str(part).startswith(str(tree))]
    sizes = [sum(len(item.data) for item in part.chunks() if isinstance(item, Chunk)) for part in parts]
    largest = max(path.stat().st_size for path in tree.rglob("x*"))
    assert count <= len(parts) <= 2 * count + 1
    assert max(sizes) <= sum(sizes) / count + largest
    assert all(len(pickle.dumps(part)) < 4000 for part in parts)


def test_order_and_parts_do_not_depend_on_the_file_system(here: Path) -> None:
    for name in ("b", "a", "c/z", "c/y", "C", "ä"):
        put(name)
    assert list(contents(Files(["."]))) == ["C", "a", "b", "ä", "c/y", "c/z"]


def test_a_part_says_what_it_is(tree: Path) -> None:
    assert stat.S_ISDIR(tree.stat().st_mode)
    names = [str(part) for part in Files([tree]).partitions(1)]
    assert names == [
        "the list of what cannot be read",
        "the names of 70 files and folders",
        f"{tree}/f0/x0 … {tree}/f6/x6 (61 files)",
    ]


def test_notes_are_no_skips(here: Path) -> None:
    put("x")
    items = list(Files(["."], exclude=["x"]).chunks())
    assert items == [Note("1 file excluded by configuration")]

"""METADATA from build backends, with real programs: nothing they do outlives them, leaves them, or floods us."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from envbuild.backend.sandbox import BuildError
from envbuild.backend.workplace import Workplace
from envbuild.errors import HostError
from envbuild.posix.process_table import arguments_of, pids
from tests.support.sources import (
    BACKEND,
    BUILD,
    METADATA,
    WHEEL,
    backends,
    build_request,
    source_tree,
)
from tests.support.wheels import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.backend.backends import Prepared

IS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def places(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that no other test uses."""
    folder = scratch / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def prepare(scratch: Path, backend: str, *, project: str = PROJECT, **options: object) -> Prepared:
    """What a source with that backend says about itself."""
    tree = source_tree(scratch / "svc", backend, project=project)
    return backends(scratch / "logs").prepare(build_request(tree, **options))


def refusal(scratch: Path, backend: str, *, project: str = PROJECT, **options: object) -> str:
    """The whole error of a source that cannot be built; it leaves nothing behind."""
    with pytest.raises(HostError) as caught:
        prepare(scratch, backend, project=project, **options)
    assert list((scratch / "t").iterdir()) == []
    assert len(caught.value.problems) == 1
    return str(caught.value)


def said(line: str) -> str:
    """A backend that does one thing before it gives its METADATA."""
    head, _, rest = METADATA.partition("\n    os.mkdir")
    return f"{WHEEL}{head}\n    {line}\n    os.mkdir{rest}"


def test_metadata_comes_without_a_wheel(scratch: Path) -> None:
    """The hook for METADATA is called, and no other; the tree stays as it was."""
    backend = f"{WHEEL}{METADATA}\ndef build_wheel(*_):\n    raise SystemExit('compiled')\n"
    found = prepare(scratch, backend)
    assert b"Requires-Dist: dep" in found.metadata
    assert found.requires == ()
    assert found.files == ()
    assert sorted(path.name for path in (scratch / "svc").iterdir()) == [
        "backend.py",
        "pyproject.toml",
    ]


def test_a_backend_that_can_only_build_everything_is_refused(scratch: Path) -> None:
    """A lock compiles no package for its METADATA."""
    message = refusal(scratch, f"{WHEEL}{BUILD}")
    assert "has no hook for metadata only" in message


def test_the_environment_of_a_build_is_its_own(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets and settings of the caller are not seen; what is declared is; the epoch is set."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    line = "print(sorted(os.environ.items())); print('umask', os.umask(0))"
    prepare(scratch, said(line), env=(("FLAG", "on"),))
    (log,) = (scratch / "logs").iterdir()
    text = log.read_text()
    assert "hunter2" not in text
    assert "('FLAG', 'on')" in text
    assert "('SOURCE_DATE_EPOCH', '315532800')" in text
    assert "umask 18" in text
    assert log.stat().st_mode & 0o777 == 0o600


def test_config_settings_reach_the_backend(scratch: Path) -> None:
    """One value as a text, several as a list."""
    settings = (("--one", "1"), ("many", ("a", "b")))
    prepare(scratch, said("print(config_settings)"), config_settings=settings)
    assert "{'--one': '1', 'many': ['a', 'b']}" in next((scratch / "logs").iterdir()).read_text()


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="only root gives its rights away")
def test_root_builds_as_an_ordinary_user(scratch: Path) -> None:
    """`nobody`, or the declared user, builds; root's home and a Python in it make no difference."""
    prepare(scratch, said("print('user', os.getuid(), os.getgroups(), os.path.expanduser('~'))"))
    text = next((scratch / "logs").iterdir()).read_text()
    assert "user 65534 []" in text


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="only root gives its rights away")
def test_a_build_user_that_is_not_there_is_named(scratch: Path) -> None:
    """The message has the key and the name."""
    message = refusal(scratch, BACKEND, build_user="no-such-user")
    assert "build.svc.build-user" in message
    assert "no-such-user" in message


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="only root gives its rights away")
def test_a_file_of_root_is_not_read(scratch: Path) -> None:
    """A build reads nothing that only root may read."""
    secret = scratch / "secret"
    secret.write_text("s3cr3t")
    secret.chmod(0o600)
    message = refusal(scratch, said(f"print(open({str(secret)!r}).read())"))
    assert "PermissionError" in message
    assert "s3cr3t" not in message


def test_a_failing_backend_is_shown(scratch: Path) -> None:
    """Its last words, cleaned, and the place of the log."""
    message = refusal(scratch, said(r"raise SystemExit('no \x1b[31mcompiler')"))
    assert "svc-1.0.tar.gz cannot be built: it ended with 1" in message
    assert r"no \x1b[31mcompiler" in message
    assert "\x1b" not in message
    assert f"{scratch}/logs/svc-1.0-" in message
    assert "\x1b" not in next((scratch / "logs").iterdir()).read_text()


def test_a_warning_of_a_backend_is_not_printed(
    scratch: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """It is a stranger's text, and goes nowhere."""
    prepare(scratch, said("import warnings; warnings.warn('\\x1b[31mred')"))
    assert not recwarn.list


def test_the_network_is_denied(scratch: Path) -> None:
    """A build that asks for it fails, and the message says that it was denied."""
    line = "import socket; socket.create_connection(('127.0.0.1', 9), 5)"
    message = refusal(scratch, said(line))
    assert "Network is unreachable" in message
    assert "the network was denied" in message


def test_the_network_can_be_allowed(scratch: Path) -> None:
    """`network = true` reaches what listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        prepare(scratch, said(line), network=True)


def test_a_backend_that_hangs_is_ended(scratch: Path) -> None:
    """After its time it is killed, with what it started."""
    message = refusal(scratch, said("import time; time.sleep(600)"), timeout=1)
    assert "it was still running after 1 s and was ended" in message


def test_a_daemon_ends_with_the_build(scratch: Path) -> None:
    """A process that left its group and its parent is gone when the build is done."""
    line = (
        "import time, os\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            os.execv('/bin/sleep', ['envbuild-daemon-7431', '600'])\n"
        "        os._exit(0)\n"
        "    time.sleep(0.3)"
    )
    prepare(scratch, said(line))
    deadline = time.monotonic() + 10
    while _runs("envbuild-daemon-7431") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs("envbuild-daemon-7431")


def test_a_build_ends_with_envbuild(scratch: Path) -> None:
    """Even if that is killed, so that nothing goes on unseen."""
    name = "envbuild-daemon-9120"
    line = f"os.setsid(); os.execv('/bin/sleep', ['{name}', '600'])"
    tree = source_tree(scratch / "svc", said(line))
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            backends(scratch / "logs").prepare(build_request(tree))
        os._exit(0)
    deadline = time.monotonic() + 30
    while not _runs(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _runs(name)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while _runs(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(name)


def _runs(name: str) -> bool:
    """Whether a process was started under that name; one that ends meanwhile does not count."""
    return any(arguments_of(pid)[0] == name for pid in pids())


def test_endless_output_is_cut(scratch: Path) -> None:
    """The start and the end are kept; the build goes on."""
    line = "print('first'); [print('x' * 99999) for _ in range(300)]; print('last')"
    prepare(scratch, said(line))
    text = next((scratch / "logs").iterdir()).read_text()
    assert len(text) < 2 << 20
    assert "first" in text
    assert "last" in text
    assert "bytes ..." in text


def test_too_much_disk_space_ends_a_build(scratch: Path) -> None:
    """Many files, and one too large."""
    many = (
        "import time\n"
        "    for number in range(999): open(f'{number}', 'wb').write(b'x' * (1 << 20))\n"
        "    time.sleep(60)"
    )
    message = refusal(scratch, said(many), disk=40 << 20)
    assert "it used more than 40 MiB of disk space and was ended" in message


def test_a_file_that_is_too_large_is_not_written(scratch: Path) -> None:
    """The kernel refuses the write."""
    line = "open('large', 'wb').truncate(99 << 20)"
    message = refusal(scratch, said(line), disk=40 << 20)
    assert "File too large" in message or "signal 25" in message or "ended with 153" in message


def test_too_much_memory_ends_a_build(scratch: Path) -> None:
    """The kernel gives one process no more, and what all use together is watched."""
    message = refusal(scratch, said("print(len(b'x' * (900 << 20)))"), memory=300 << 20)
    assert "MemoryError" in message or "of memory and was ended" in message
    line = (
        "import time\n"
        "    for _ in range(6):\n"
        "        if os.fork() == 0:\n"
        "            kept = bytearray(b'x' * (90 << 20)); time.sleep(60); os._exit(0)\n"
        "    time.sleep(60)"
    )
    tree = source_tree(scratch / "other", said(line))
    with pytest.raises(BuildError, match="it used more than 300 MiB of memory and was ended"):
        backends(scratch / "logs").prepare(build_request(tree, memory=300 << 20))


@pytest.mark.parametrize(
    ("project", "reason"),
    [
        (PROJECT.replace('["."]', '["../else"]'), "its backend-path '../else' leaves the source"),
        (PROJECT.replace('["."]', '["/tmp"]'), "its backend-path '/tmp' leaves the source"),
        (PROJECT.replace('["."]', '"."'), "no valid requires, build-backend or backend-path"),
        ("[build-system\n", "its pyproject.toml cannot be read"),
        ("[build-system]\nrequires = ['a b c']\n", "which is not a valid requirement"),
        ("[build-system]\nrequires = ['a @ https://example.com/a.whl']\n", "from an address"),
        (PROJECT.replace('"backend"', '"absent"'), "its build backend 'absent' cannot be imported"),
    ],
)
def test_a_bad_project_is_refused(scratch: Path, project: str, reason: str) -> None:
    """Each with one message."""
    assert reason in refusal(scratch, BACKEND, project=project)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("return 7", "returned no METADATA"),
        ("return '../../etc'", "returned no METADATA"),
        ("return 'gone-1.0.dist-info'", "returned no METADATA"),
        (
            (
                "os.mkdir(folder + '/a.dist-info'); "
                "os.symlink('/etc/passwd', folder + '/a.dist-info/METADATA'); return 'a.dist-info'"
            ),
            "returned no METADATA",
        ),
        (
            (
                "os.mkdir(folder + '/a.dist-info'); "
                "os.mkfifo(folder + '/a.dist-info/METADATA'); return 'a.dist-info'"
            ),
            "returned no METADATA",
        ),
        ("os._exit(0)", "returned no answer"),
        (
            (
                "import atexit, sys; "
                "atexit.register(lambda: open(sys.argv[2] + '/output.json', 'w').write('{')); return ''"
            ),
            "returned an invalid answer",
        ),
        (
            (
                "import atexit, sys; path = sys.argv[2] + '/output.json'; "
                "atexit.register(lambda: (os.unlink(path), os.mkfifo(path))); return ''"
            ),
            "returned no answer",
        ),
    ],
)
def test_a_lying_backend_is_refused(scratch: Path, answer: str, reason: str) -> None:
    """What it says and leaves is looked at like a stranger's."""
    assert reason in refusal(scratch, said(answer))


def test_a_disk_that_fails_is_told_as_one(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder, and how to have another one."""
    tree = source_tree(scratch / "svc", BACKEND)

    def full(place: Workplace, path: Path) -> None:
        if path.name == "control":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Workplace, "give", full)
    with pytest.raises(HostError) as caught:
        backends(scratch / "logs").prepare(build_request(tree))
    assert f"svc-1.0.tar.gz cannot be built in {scratch}/t: [Errno 28]" in str(caught.value)
    assert "$TMPDIR" in str(caught.value)
    assert list((scratch / "t").iterdir()) == []


def test_the_python_that_judges_is_the_targets(scratch: Path) -> None:
    """The source runs on the environment's Python, not on the one that runs envbuild."""
    prepare(scratch, said("import sys; print('prefix', sys.prefix)"))
    text = next((scratch / "logs").iterdir()).read_text()
    assert "/env\n" in text
    assert f"prefix {sys.prefix}\n" not in text

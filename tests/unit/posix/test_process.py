"""Running other programs, with real ones: nothing outlives its time, nothing foreign steers them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError
from envbuild.posix.process import Command, Completed, SystemRunner, scrubbed_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def command(code: str, *, cwd: Path | str = "/", **changes: object) -> Command:
    """A Python that runs some code, without any environment."""
    argv = (sys.executable, "-c", code)
    return Command(argv=argv, env=(), cwd=str(cwd), **changes)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody asked about does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:  # noqa: PTH123
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(what: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pid_in(file: Path) -> int:
    """The process id that a program writes into a file, as soon as it has."""
    assert wait_until(lambda: file.exists() and file.read_text() != "")
    return int(file.read_text())


CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
with open({file!r} + ".tmp", "w") as stream:
    stream.write(str(child.pid))
os.rename({file!r} + ".tmp", {file!r})
{then}
"""


def with_child(file: Path, *, child: str = "import time; time.sleep(60)", then: str = "") -> str:
    """Code that starts a child, writes its process id into the file, and goes on as said."""
    return CHILD.format(child=child, file=str(file), then=then or "time.sleep(60)")


FOREIGN = {
    "UV_INDEX_URL": "x",
    "UV_NO_VERIFY_HASHES": "1",
    "PIP_INDEX_URL": "x",
    "PYTHONPATH": "x",
    "PYTHONHOME": "x",
    "PYTHONWARNINGS": "error",
    "PYC_INVALIDATION_MODE": "x",
    "VIRTUAL_ENV": "x",
    "VIRTUAL_ENV_PROMPT": "x",
    "CONDA_PREFIX": "x",
    "ENVBUILD_INDEX_INTERNAL_URL": "x",
    "__PYVENV_LAUNCHER__": "x",
}
KEPT = {
    "HOME": "/root",
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "NETRC": "/home/somebody/.netrc",
    "SSL_CERT_FILE": "/etc/ssl/cert.pem",
    "TMPDIR": "/tmp",
    "MY_UV_SETTING": "x",
}


def test_what_could_steer_uv_or_python_is_dropped() -> None:
    """Settings outside the declaration change nothing; what the host needs for its network is kept."""
    assert dict(scrubbed_environment({**FOREIGN, **KEPT})) == KEPT


def test_an_empty_variable_for_certificates_says_nothing() -> None:
    """uv would look for a file without a name."""
    told = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": "/certs", "NO_PROXY": ""}
    assert dict(scrubbed_environment(told)) == {"SSL_CERT_DIR": "/certs", "NO_PROXY": ""}


def test_what_is_added_wins_and_is_never_dropped() -> None:
    """What envbuild itself tells a program gets there, in whatever family its name is."""
    found = dict(scrubbed_environment({"UV_A": "theirs", "HOME": "/root"}, UV_A="ours", HOME="/x"))
    assert found == {"UV_A": "ours", "HOME": "/x"}


def test_the_order_of_the_environment_does_not_matter() -> None:
    """The same variables are the same command, as tests and logs compare them."""
    assert scrubbed_environment({"B": "2", "A": "1"}) == scrubbed_environment({"A": "1", "B": "2"})


def test_a_program_is_run_to_its_end(scratch: Path) -> None:
    """Its exit code and both streams come back, from the folder and the environment it was given."""
    code = (
        "import os, sys; print(os.getcwd()); print(os.environ['A'], file=sys.stderr); sys.exit(3)"
    )
    made = Command(argv=(sys.executable, "-c", code), env=(("A", "ü"),), cwd=str(scratch))
    assert SystemRunner().run(made) == Completed(code=3, stdout=f"{scratch}\n", stderr="ü\n")


def test_a_program_gets_nothing_but_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of envbuild's own environment leaks into a program."""
    monkeypatch.setenv("SECRET", "x")
    done = SystemRunner().run(command("import os; print('SECRET' in os.environ)"))
    assert done.stdout == "False\n"


def test_a_program_that_asks_gets_no_answer() -> None:
    """A prompt ends at once instead of waiting for a terminal that nobody looks at."""
    assert SystemRunner().run(command("import sys; print(repr(sys.stdin.read()))")).stdout == "''\n"


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    """Words of another program are shown, whatever encoding they are in."""
    done = SystemRunner().run(command("import sys; sys.stdout.buffer.write(b'\\xff ok')"))
    assert done.stdout == "\ufffd ok"


def test_much_output_on_both_streams_does_not_block() -> None:
    """A talkative program is heard to its end."""
    code = "import sys; sys.stdout.write('o' * 300000); sys.stderr.write('e' * 300000)"
    done = SystemRunner().run(command(code))
    assert (len(done.stdout), len(done.stderr)) == (300_000, 300_000)


def test_who_listens_hears_each_line_while_the_program_works(scratch: Path) -> None:
    """Progress can be shown before the end, and at the end all that was said is there as ever."""
    go = scratch / "go"
    code = (
        "import os, sys, time\n"
        "print('begun', file=sys.stderr, flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        "print('result'); print('ended\\nno end of line', end='', file=sys.stderr)"
    )
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        go.touch()

    done = SystemRunner().run(command(code, heard=hear, timeout=30))
    assert lines == ["begun", "ended", "no end of line"]
    assert done == Completed(code=0, stdout="result\n", stderr="begun\nended\nno end of line")


def test_what_was_heard_of_a_program_past_its_time_is_told() -> None:
    """A program that is killed has said what it said, listener or not."""
    code = "import sys, time; print('here', file=sys.stderr, flush=True); time.sleep(60)"
    lines: list[str] = []
    done = SystemRunner().run(command(code, heard=lines.append, timeout=1.0))
    assert done.timed_out
    assert done.stderr == "here\n"
    assert lines == ["here"]


def test_a_program_that_is_killed_says_so() -> None:
    """The signal comes back as a negative code."""
    done = SystemRunner().run(command("import os; os.kill(os.getpid(), 9)"))
    assert (done.code, done.timed_out) == (-signal.SIGKILL, False)


@pytest.mark.parametrize("program", ["/nowhere/uv", "/etc/passwd", "/"])
def test_a_program_that_cannot_be_started_is_named(program: str) -> None:
    """A host error with the program's path and the system's reason."""
    with pytest.raises(HostError, match=f"cannot start {program}: "):
        SystemRunner().run(Command(argv=(program,), env=(), cwd="/"))


def test_a_program_past_its_time_is_killed_with_its_children(scratch: Path) -> None:
    """A time-out ends the whole group: nothing goes on behind the user's back."""
    file = scratch / "pid"
    begun = time.monotonic()
    done = SystemRunner().run(
        command("print('begun', flush=True)\n" + with_child(file), timeout=1.5)
    )
    assert done.timed_out
    assert done.stdout == "begun\n"
    assert time.monotonic() - begun < 10
    assert wait_until(lambda: not alive(pid_in(file)))


def test_a_child_that_holds_the_pipes_open_does_not_hold_up_the_time_out(scratch: Path) -> None:
    """A program that has ended but left a child with its streams is over when its time is."""
    file = scratch / "pid"
    done = SystemRunner().run(command(with_child(file, then="sys.exit(0)"), timeout=1.5))
    assert done.timed_out
    assert wait_until(lambda: not alive(pid_in(file)))


def test_a_daemon_with_the_pipes_does_not_hold_up_the_time_out(scratch: Path) -> None:
    """Not even what left the program's group keeps envbuild waiting."""
    file = scratch / "pid"
    begun = time.monotonic()
    code = with_child(file, child="import os, time; os.setsid(); time.sleep(30)")
    done = SystemRunner(grace=0.5).run(command(code, timeout=1.5))
    assert done.timed_out
    assert time.monotonic() - begun < 15
    os.kill(pid_in(file), signal.SIGKILL)


def test_what_a_probe_leaves_running_can_be_ended_with_it(scratch: Path) -> None:
    """A probe that starts a server and ends leaves no server behind where that was asked for."""
    file = scratch / "pid"
    quiet = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    code = with_child(file, child=quiet, then="time.sleep(0.3)")
    assert SystemRunner().run(command(code, ends_group=True)).code == 0
    assert wait_until(lambda: not alive(pid_in(file)))


def test_stop_from_another_thread_ends_everything(scratch: Path) -> None:
    """An interrupt ends every program with its children, and nobody takes what it said for an answer."""
    runner, file = SystemRunner(), scratch / "pid"
    outcomes: list[object] = []
    thread = threading.Thread(target=lambda: outcomes.append(outcome(runner, with_child(file))))
    thread.start()
    child = pid_in(file)
    runner.stop()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert isinstance(outcomes[0], HostError)
    assert wait_until(lambda: not alive(child))


def outcome(runner: SystemRunner, code: str) -> object:
    """What running some code comes to, an error included."""
    try:
        return runner.run(command(code))
    except HostError as error:
        return error


def test_a_program_that_will_not_stop_is_killed(scratch: Path) -> None:
    """Who ignores the polite signal gets the other one after a while."""
    runner, file = SystemRunner(grace=0.5), scratch / "pid"
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + with_child(file)
    thread = threading.Thread(target=lambda: outcome(runner, code))
    thread.start()
    pid_in(file)
    begun = time.monotonic()
    runner.stop()
    assert time.monotonic() - begun < 10
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_child_that_will_not_stop_is_killed(scratch: Path) -> None:
    """A program that ends politely may have a child that does not; it goes with its parent."""
    runner, file = SystemRunner(), scratch / "pid"
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    thread = threading.Thread(target=lambda: outcome(runner, with_child(file, child=stubborn)))
    thread.start()
    child = pid_in(file)
    assert wait_until(lambda: ignores_sigterm(child))
    runner.stop()
    assert wait_until(lambda: not alive(child))
    thread.join(timeout=20)
    assert not thread.is_alive()


def ignores_sigterm(pid: int) -> bool:
    """Whether a process has come so far as to ignore the signal."""
    with open(f"/proc/{pid}/status", encoding="ascii") as stream:  # noqa: PTH123
        ignored = next(line for line in stream if line.startswith("SigIgn"))
    return bool(int(ignored.split()[1], 16) & (1 << (signal.SIGTERM - 1)))


def test_nothing_starts_after_stop() -> None:
    """A thread that comes late starts no program any more."""
    runner = SystemRunner()
    runner.stop()
    with pytest.raises(HostError, match="being stopped"):
        runner.run(command("print(1)"))


def test_stop_can_be_called_twice() -> None:
    """A second stop, with nothing running, is no error; programs are still refused."""
    runner = SystemRunner()
    assert runner.run(command("print(1)")).stdout == "1\n"
    runner.stop()
    runner.stop()
    with pytest.raises(HostError, match="being stopped"):
        runner.run(command("print(1)"))


def test_a_descriptor_that_is_kept_open_is_inherited(scratch: Path) -> None:
    """A lock given to a program is held until the program has ended too; nothing else is inherited."""
    (scratch / "a").write_text("lock")
    kept, closed = (os.open(scratch / "a", os.O_RDONLY) for _ in range(2))
    code = (
        "import os\n"
        f"for number in ({kept}, {closed}):\n"
        "    try: print(os.fstat(number).st_size)\n"
        "    except OSError: print('closed')\n"
    )
    done = SystemRunner().run(command(code, keep_open=(kept,)))
    os.close(kept)
    os.close(closed)
    assert done.stdout == "4\nclosed\n"


def test_endless_output_keeps_its_start_and_its_end() -> None:
    """Memory stays bounded; both streams are one."""
    code = "import sys; print('first'); [print('x' * 999) for _ in range(9999)]; sys.stderr.write('last')"
    done = SystemRunner().run(command(code, most_output=1000))
    assert done.code == 0
    assert done.stdout.startswith("first\n")
    assert done.stdout.endswith("last")
    assert "bytes ...]" in done.stdout
    assert len(done.stdout) < 1100


def test_a_watched_program_is_ended_for_a_reason(tmp_path: Path) -> None:
    """With its group, and what it said until then is there."""
    file = tmp_path / "pid"
    code = CHILD.format(
        child="import time; time.sleep(600)", file=str(file), then="time.sleep(600)"
    )
    looks: list[int] = []

    def watch(pid: int) -> str | None:
        looks.append(pid)
        return "enough" if file.exists() and len(looks) > 1 else None

    done = SystemRunner().run(
        command(f"print('begun', flush=True)\n{code}", cwd=tmp_path, most_output=99, watch=watch)
    )
    assert done.stopped == "enough"
    assert not done.timed_out
    assert done.stdout == "begun\n"
    assert len(set(looks)) == 1
    assert wait_until(lambda: not alive(pid_in(file)))

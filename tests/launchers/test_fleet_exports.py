"""`export systemd-pull` and `kubernetes-fleet`, judged by systemd, a shell, the API's schema and a file system."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.launchers.tools import system_tool, verify_unit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.launchers.conftest import Fleet

IMAGE = "docker.example/base@sha256:" + "a" * 64
SOURCE = ("--from", "oci://registry.example.com/fleet/gpu:ring-1")
KUBERNETES = ("kubernetes-fleet", *SOURCE, "--image", IMAGE)


def script_of(unit: str, key: str) -> str:
    """The script of `KEY=[+]/bin/sh -c '…'`, as systemd hands it to the shell."""
    text = unit.replace("\\\n", "")
    line = next(line for line in text.splitlines() if line.startswith(f"{key}="))
    words = shlex.split(line.partition("=")[2])
    assert words[0].lstrip("+") == "/bin/sh"
    return words[-1].replace("$$", "$")


def test_systemd_takes_the_units(fleet: Fleet) -> None:
    """systemd accepts service, timer and alert without a word, and finds little that an intruder could use."""
    fleet.export("systemd-pull", *SOURCE, "--out", str(fleet.folder))
    for name in ("envbuild-pull.service", "envbuild-pull.timer", "envbuild-pull-alert.service"):
        assert verify_unit(fleet.folder / name) == (0, ""), name
    analyze = system_tool("systemd-analyze", "systemd")
    unit = fleet.folder / "envbuild-pull.service"
    argv = (analyze, "security", "--offline=true", "--threshold=45", unit)
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_service_runs_what_it_says(fleet: Fleet) -> None:
    """Its command is a `sync` of the named drivers from the release, by this envbuild or by the hosts' own."""
    (unit, *_) = fleet.files("systemd-pull", "vllm", *SOURCE).values()
    tail = f"--store {fleet.store} --no-progress sync --from {SOURCE[1]} vllm\n"
    assert f"ExecStart={sys.executable} -E -P -m envbuild {tail}" in unit
    (unit, *_) = fleet.files("systemd-pull", *SOURCE, "--envbuild", "/opt/eb/bin/envbuild").values()
    assert f"ExecStart=/opt/eb/bin/envbuild --store {fleet.store} " in unit


@pytest.mark.parametrize(
    ("code", "words"),
    [("1", "has expired"), ("4", "differs from it"), ("5", "cannot have it"), ("KILL", "ended")],
)
def test_alerts_say_what_the_exit_code_means(fleet: Fleet, code: str, words: str) -> None:
    """The log has the code and its meaning, and so has the program that the administrator puts there."""
    programs = fleet.folder / "bin"
    programs.mkdir()
    for path in (programs / "logger", fleet.folder / "alert"):
        path.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{path}.said\n')
        path.chmod(0o755)
    text = fleet.files("systemd-pull", *SOURCE)["envbuild-pull-alert.service"]
    script = script_of(text, "ExecStart").replace("%E/envbuild", str(fleet.folder))
    env = {"PATH": f"{programs}:{os.defpath}", "MONITOR_EXIT_STATUS": code}
    subprocess.run(("/bin/sh", "-c", script), env=env, check=True)
    said = (programs / "logger.said").read_text()
    assert f"exit code {code}: " in said
    assert words in said
    handed = (fleet.folder / "alert.said").read_text()
    assert handed.startswith(f"{code}|")
    assert words in handed


def test_units_are_restarted_once_for_each_generation(fleet: Fleet) -> None:
    """After a switch, also if the last restart failed; not after a pull that brought nothing."""
    programs = fleet.folder / "bin"
    programs.mkdir()
    systemctl = programs / "systemctl"
    said = fleet.folder / "said"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{said}\ntest ! -e {fleet.folder}/broken\n')
    systemctl.chmod(0o755)
    text = fleet.files("systemd-pull", *SOURCE)["envbuild-pull.service"]
    script = script_of(text, "ExecStartPost").replace("%S/envbuild-pull", str(fleet.folder))
    env = {"PATH": f"{programs}:{os.defpath}", "RESTART": "envbuild@*.service web.service"}

    def restart() -> int:
        return subprocess.run(("/bin/sh", "-efc", script), env=env).returncode

    (fleet.folder / "broken").touch()
    assert restart() != 0
    (fleet.folder / "broken").unlink()
    assert [restart(), restart()] == [0, 0]
    assert said.read_text() == "try-restart -- envbuild@*.service web.service\n" * 2


def test_kubernetes_takes_every_file(fleet: Fleet) -> None:
    """The API's own schema, read strictly, knows every field of DaemonSet, init containers and image volumes."""
    pytest.importorskip("kubernetes_validate", reason="NOT TESTED: kubernetes-validate is not here")
    fleet.export(*KUBERNETES, "--port", "8000", "--out", str(fleet.folder))
    mounted = fleet.folder / "mounted"
    more = ("--environment-image", "docker.example/worker:7")
    fleet.export(*KUBERNETES, "worker", *more, "--out", str(mounted))
    files = [*fleet.folder.glob("*.yaml"), *mounted.glob("*.yaml")]
    assert len(files) == 6
    argv = (sys.executable, "-m", "kubernetes_validate", "--strict", *map(str, files))
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_daemon_set_runs_its_loop(fleet: Fleet) -> None:
    """It syncs, waits in a way that a signal ends at once, and ends with the exit code of a sync that fails."""
    import yaml  # type: ignore[import-untyped,unused-ignore]

    text = fleet.files(*KUBERNETES)["envbuild-fill.yaml"]
    container = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"][0]
    program = fleet.folder / "envbuild"
    program.write_text(f"#!/bin/sh\necho {os.getpid()}\nexec test ! -e {fleet.folder}/broken\n")
    program.chmod(0o755)
    env = {"PATH": f"{fleet.folder}:{os.environ['PATH']}", "NODE": "node-7"}
    argv = ("timeout", "60", *container["command"])
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == f"{os.getpid()}\n"
        started.terminate()
        started.stdout.close()
        assert started.wait(20) in (0, 124)
    program.write_text("#!/bin/sh\nexit 4\n")
    assert subprocess.run(container["command"], env=env, timeout=20).returncode == 4


def test_an_image_volume_takes_no_native_code(fleet: Fleet) -> None:
    """Kubernetes mounts images noexec: what could not start there is refused, with the file."""
    environment = fleet.entry("worker")["environment"]
    module = next((fleet.store / environment).glob("lib/python3.*/site-packages")) / "fast.so"
    more = ("--environment-image", "docker.example/worker:7")
    module.parent.chmod(0o755)
    module.write_bytes(b"")
    try:
        done = fleet.export(*KUBERNETES, "worker", *more, check=False)
    finally:
        module.unlink()
    assert done.code == 5
    assert f"mounts noexec: {module}" in done.stderr
    assert "leave out --environment-image" in done.stderr


@pytest.mark.root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="NOT TESTED: there is no unshare")
def test_what_starts_where_a_store_is_noexec(fleet: Fleet) -> None:
    """The command that the Pod of an image volume has starts; the script alone does not; doctor says why."""
    more = ("--environment-image", "docker.example/worker:7")
    text = fleet.files(*KUBERNETES, "worker", *more)["worker.yaml"]
    line = next(line for line in text.splitlines() if "command:" in line)
    python, script = (word.strip('[" ]') for word in line.partition(":")[2].split(","))
    mount = (
        f"mount --bind {fleet.store} {fleet.store} && mount -o remount,bind,ro,noexec {fleet.store}"
    )

    def started(*words: str | Path) -> int:
        inner = f"{mount} && exec {shlex.join(map(str, words))}"
        argv = ("unshare", "--mount", "sh", "-c", inner)
        return subprocess.run(argv, capture_output=True, timeout=60).returncode

    assert started(script) == 126
    assert started(python, script) == 0
    inner = f"{mount}; exec {sys.executable} -m envbuild doctor"
    argv = ("unshare", "--mount", "sh", "-c", inner)
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd=fleet.run.cwd, env=fleet.run.env
    )
    assert "mounted noexec" in done.stdout, done
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "needs the release that hosts follow"),
        (("--from", "ring-1"), "is not a release that every host can find"),
        (("--from", "dir:release"), "is not a release that every host can find"),
        (("--from", "oci://r.example.com/a:b\nExecStart=/x"), "is not a release that"),
        (("--from", "oci://r.example.com/a@sha256:" + "0" * 64), "a digest cannot move"),
        (("--from", "https://user:secret@example.com/"), "the file is not secret"),
        ((*SOURCE, "--envbuild", "envbuild --x"), "is not an absolute path"),
        ((*SOURCE, "nothing"), "has no driver 'nothing'"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    fleet: Fleet, words: tuple[str, ...], message: str
) -> None:
    """One message, and not a file."""
    out = fleet.folder / "units"
    done = fleet.export("systemd-pull", *words, "--out", str(out), check=False)
    assert done.code == (1 if "nothing" in words else 2)
    assert message in done.stderr
    assert not out.exists()


def test_out_that_is_something_else(fleet: Fleet) -> None:
    """A file where the folder should be is named, and stays."""
    out = fleet.folder / "units"
    out.write_text("mine")
    done = fleet.export("systemd-pull", *SOURCE, "--out", str(out), check=False)
    assert done.code == 5
    assert str(out) in done.stderr
    assert out.read_text() == "mine"

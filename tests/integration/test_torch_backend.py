"""`torch-backend`: torch from the index that uv knows, and from nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from envbuild.declaration.index import index_variable
from envbuild.declaration.torch_backend import backend_index_name
from envbuild.posix.process import SystemRunner
from envbuild.uv.addresses import ask_address
from tests.support.default_index import default_index_url
from tests.support.https import HttpsIndex, certify
from tests.support.index_server import IndexServer
from tests.support.proxies import HttpProxy
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

HOSTS = {
    "cu128": 'cuda = "12.9"\n',
    "rocm6.4": 'rocm = "7.0"\n',
    "cpu": 'cpu = { features = ["avx2"] }\n',
}
"""A made-up host for each backend."""

VARIANT = {"cu128": "cuda", "rocm6.4": "amd", "cpu": "cpu"}
VARIANTS = """
[drivers.asr]
requires = ["whisper", "torch"]
torch-backend = "auto"
[drivers.asr.variants.cuda]
accelerator = { cuda = ">=12.8" }
[drivers.asr.variants.amd]
accelerator = { rocm = ">=6.4" }
[drivers.asr.variants.cpu]
"""


def torch(backend: str) -> Wheel:
    """A torch-like wheel for a backend."""
    return Wheel(
        name="torch",
        version=f"2.9.0+{backend}",
        files={"torch/__init__.py": f"built_for = {backend!r}\n"},
    )


@pytest.fixture
def backends() -> Iterator[dict[str, IndexServer]]:
    """A made-up index for each backend."""
    servers = {name: IndexServer([torch(name)]) for name in HOSTS}
    for server in servers.values():
        server.__enter__()
    yield servers
    for server in servers.values():
        server.__exit__(None, None, None)


@pytest.fixture
def run(
    run_envbuild: CommandLine,
    index: IndexServer,
    backends: dict[str, IndexServer],
    python_version: str,
) -> CommandLine:
    """The command line of a host that says where the backends' indexes are."""
    index.add(Wheel(name="whisper"), Wheel(name="torch", version="9.0"))
    places = {
        index_variable(backend_index_name(name)): server.url for name, server in backends.items()
    }
    run_envbuild.declare(declare(VARIANTS, python_version))
    return replace(run_envbuild, env={**run_envbuild.env, **places})


def declare(drivers: str, python: str) -> str:
    """A declaration for this host's architecture and another one."""
    platforms = 'platforms = ["x86_64-manylinux_2_17", "aarch64-manylinux_2_17"]'
    return f'version = 1\n[defaults]\npython = "{python}"\n{platforms}\n{drivers}'


def test_each_host_gets_the_torch_of_its_accelerator(
    run: CommandLine, index: IndexServer, store: Path
) -> None:
    """One line in the declaration, one lockfile without addresses, and a torch for each kind of hosts."""
    run("lock", check=True)
    lockfile = (run.cwd / "locks/asr.toml").read_text()
    assert "://" not in lockfile
    for name in ("torch-cu128", "torch-rocm6-4", "torch-cpu"):
        assert lockfile.count(f'index = "{name}"') == 1
        assert f'indexes."{name}" = [' in lockfile
    for backend, facts in HOSTS.items():
        (run.cwd / "facts.toml").write_text(facts)
        env = {"ENVBUILD_HOST_FACTS": str(run.cwd / "facts.toml")}
        (built,) = run("sync", "--dry-run", "--format", "json", env=env).json["plan"]["build"]
        assert built["target"].endswith(f"@{VARIANT[backend]}")
    run("sync", env=env, check=True)
    site = next((store / "current/asr").glob("lib/python*/site-packages"))
    assert (site / "torch/__init__.py").read_text() == "built_for = 'cpu'\n"
    assert not index.asked("/torch/")
    assert "asr 1.0: fresh" in run("lock", check=True).stdout


def test_show_says_what_auto_means(run: CommandLine) -> None:
    """The effective backend of the driver and of each variant, with the line that it comes from."""
    table = run("show", "asr", "--format", "json", check=True).json
    shown = {one["key"]: one for one in table["drivers"]["asr"]["keys"] if "torch-b" in one["key"]}
    assert {key: one["value"] for key, one in shown.items()} == {
        "variants.cuda.torch-backend": "cu128",
        "variants.amd.torch-backend": "rocm6.4",
        "variants.cpu.torch-backend": "cpu",
    }
    assert {one["table"] for one in shown.values()} == {"drivers.asr"}


def test_another_backend_makes_the_lockfile_stale(run: CommandLine, python_version: str) -> None:
    """A backend decides the lockfile, also where it changes with the accelerator."""
    run("lock", check=True)
    run.declare(declare(VARIANTS.replace(">=12.8", ">=12.6"), python_version))
    stale = run("lock", "--check")
    assert stale.code == 1
    assert "variants.cuda: the packages that indexes are bound to changed" in stale.stdout


def test_a_backend_that_uv_does_not_know_is_refused(run: CommandLine, python_version: str) -> None:
    """Exit code 2, the line of the key, and what uv knows; no lockfile is written."""
    text = VARIANTS.replace(
        "[drivers.asr.variants.cpu]", '[drivers.asr.variants.cpu]\ntorch-backend = "cu1288"'
    )
    run.declare(declare(text, python_version))
    locked = run("lock")
    assert locked.code == 2, locked
    line = 1 + declare(text, python_version).split("\n").index('torch-backend = "cu1288"')
    assert (
        f"drivers.toml:{line}: torch-backend: uv knows no torch backend 'cu1288'" in locked.stderr
    )
    assert "hint: did you mean 'cu128'? uv knows cpu, " in locked.stderr
    assert not (run.cwd / "locks/asr.toml").exists()


def test_a_backend_without_the_package_is_said_by_its_index(
    run: CommandLine, backends: dict[str, IndexServer]
) -> None:
    """What is bound to a backend comes from nowhere else: the default index's torch is no way out."""
    backends["cpu"].remove("torch")
    locked = run("lock")
    assert locked.code == 4, locked
    assert "index 'torch-cpu'" in locked.stderr
    assert "what is bound to an index comes only from there" in locked.stderr


def test_the_address_comes_from_uv(
    run_envbuild: CommandLine, index: IndexServer, scratch: Path, python_version: str
) -> None:
    """Where no variable says it, lock and sync ask the place that uv knows; a proxy leads to a stand-in."""
    place = urlsplit(ask_address(SystemRunner(), "cpu"))
    assert place.hostname is not None
    trusted = certify(scratch, place.hostname)
    index.add(Wheel(name="whisper"))
    run_envbuild.declare(
        declare(
            '[drivers.asr]\nrequires = ["whisper", "torch"]\ntorch-backend = "cpu"', python_version
        )
    )
    with (
        IndexServer([torch("cpu")]) as builds,
        HttpsIndex(builds, scratch, path=place.path) as there,
        HttpProxy() as proxy,
    ):
        host, port = there.server_address[:2]
        proxy.hosts[place.hostname] = (str(host), int(port))
        env = {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
            "SSL_CERT_FILE": str(trusted),
        }
        run_envbuild("lock", env=env, check=True)
        assert set(proxy.seen) == {f"{place.hostname}:443"}
        run_envbuild("sync", env=env, check=True)
    lockfile = (run_envbuild.cwd / "locks/asr.toml").read_text()
    assert place.hostname not in lockfile
    assert 'version = "2.9.0+cpu"' in lockfile
    manifest = json.loads(run_envbuild("list", "--format", "json", check=True).stdout)
    assert manifest["drivers"]


@pytest.mark.index
def test_real_torch_comes_from_where_the_host_says_its_index_is(
    run_envbuild_online: CommandLine, python_version: str
) -> None:
    """torch and its triton, with their real METADATA, from a re-pointed index; NVIDIA's packages from the other one."""
    run_envbuild_online.declare(
        declare(
            '[drivers.asr]\nrequires = ["torch==2.9.1"]\nbinary = "torchrun"\ntorch-backend = "cu128"',
            python_version,
        ).replace(
            'platforms = ["x86_64-manylinux_2_17", "aarch64-manylinux_2_17"]',
            'platforms = ["x86_64-manylinux_2_28"]',
        )
    )
    env = {"ENVBUILD_INDEX_TORCH_CU128_URL": default_index_url()}
    run_envbuild_online("lock", env=env, check=True)
    packages = run_envbuild_online.lockfile("asr").packages
    places = {package.name: package.index for package in packages}
    assert places["torch"] == places["triton"] == "torch-cu128"
    assert places["nvidia-cublas-cu12"] == places["sympy"] == "default"

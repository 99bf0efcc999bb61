"""Variants: one driver for several kinds of hosts, with one lockfile."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.index_server import IndexServer
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result

_LOCAL = {"cuda13": "cu130", "cuda12": "cu128", "rocm7": "rocm7.0", "cpu": "cpu"}
"""What each index's torch has behind its version, as torch's own indexes mark their builds."""


@pytest.fixture
def builds() -> Iterator[dict[str, IndexServer]]:
    """Four made-up indexes with a torch-like wheel for CUDA 13, CUDA 12, ROCm and CPUs."""
    servers = {name: IndexServer() for name in _LOCAL}
    for name, server in servers.items():
        server.__enter__()
        needs = ("nvidia-runtime==13.0",) if name == "cuda13" else ()
        server.add(
            Wheel(
                name="torch",
                version=f"2.9.0+{_LOCAL[name]}",
                requires=needs,
                files={"torch/__init__.py": f"built_for = {name!r}\n"},
            )
        )
    servers["cuda13"].add(Wheel(name="nvidia-runtime", version="13.0"))
    yield servers
    for server in servers.values():
        server.__exit__(None, None, None)


def declare(builds: dict[str, IndexServer], python: str, more: str = "") -> str:
    """A driver `asr` with a variant for each index, as it stands in the documentation."""
    tables = "".join(
        f'[[index]]\nname = "torch-{name}"\nurl = "{server.url}"\n'
        'packages = ["torch", "nvidia-*"]\nexplicit = true\n'
        for name, server in builds.items()
    )
    return f"""version = 1
[defaults]
python = "{python}"
platforms = ["x86_64-manylinux_2_17", "aarch64-manylinux_2_17"]
{tables}
[drivers.asr]
requires = ["whisper", "torch"]
[drivers.asr.variants.cuda13]
accelerator = {{ cuda = ">=13.0", compute = ">=8.0" }}
indexes = ["torch-cuda13"]
[drivers.asr.variants.cuda12]
accelerator = {{ cuda = ">=12.4" }}
indexes = ["torch-cuda12"]
[drivers.asr.variants.rocm7]
accelerator = {{ rocm = ">=7.0" }}
indexes = ["torch-rocm7"]
[drivers.asr.variants.cpu]
indexes = ["torch-cpu"]
requires = ["onnx", "whisper<2"]
{more}"""


@pytest.fixture
def fleet(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    python_version: str,
) -> CommandLine:
    """The driver, declared and locked."""
    index.add(
        Wheel(name="whisper", version="1.0"),
        Wheel(name="whisper", version="2.0"),
        Wheel(name="onnx", version="1.0"),
        Wheel(name="torch", version="9.0"),
    )
    run_envbuild.declare(declare(builds, python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


HOSTS = {
    "cuda13": 'cuda = "13.1"\ncompute = "9.0"\n',
    "cuda12": 'cuda = "12.8"\ncompute = "8.6"\n',
    "rocm7": 'rocm = "7.1"\n',
    "cpu": 'cpu = { features = ["avx2"] }\n',
}


def sync(run: CommandLine, host: str, *argv: str, store: str) -> Result:
    """Sync on a made-up host."""
    facts = run.cwd / f"{host}.toml"
    facts.write_text(HOSTS[host])
    env = {"ENVBUILD_HOST_FACTS": str(facts), "ENVBUILD_STORE": store}
    return run("sync", *argv, env=env)


def test_four_hosts_get_their_own_out_of_one_lockfile(
    fleet: CommandLine, builds: dict[str, IndexServer], index: IndexServer, scratch: Path
) -> None:
    """CUDA 13, CUDA 12, ROCm and CPU: each host has the torch of its own index, and says why."""
    lockfile = (fleet.cwd / "locks/asr.toml").read_text()
    assert "://" not in lockfile
    assert lockfile.count('name = "torch"') == 4
    keys = {}
    for host in HOSTS:
        store = scratch / f"store-{host}"
        synced = sync(fleet, host, store=str(store))
        assert synced.code == 0, synced
        assert f"asr: variant {host}\n" in synced.stdout
        assert (fleet.cwd / "locks/asr.toml").read_text() == lockfile
        site = next((store / "current/asr").glob("lib/python*/site-packages"))
        assert (site / "torch/__init__.py").read_text() == f"built_for = {host!r}\n"
        assert (site / "onnx").exists() is (host == "cpu")
        assert (site / "nvidia_runtime").exists() is (host == "cuda13")
        manifest = json.loads((store / "current/manifest.json").read_text())["drivers"]["asr"]
        assert manifest["variant"] == host
        assert manifest["version"] == ("1.0" if host == "cpu" else "2.0")
        keys[host] = manifest["key"]
        listed = fleet("list", env={"ENVBUILD_STORE": str(store)}, check=True)
        assert f"asr@{host} " in listed.stdout
        verified = fleet("verify", env={"ENVBUILD_STORE": str(store)})
        assert verified.code == 0, verified
    assert len(set(keys.values())) == 4
    assert not any("/torch/" in asked.path for asked in index.asked())


def test_what_was_passed_over_is_told(fleet: CommandLine, scratch: Path) -> None:
    """The reasons of all variants before the one that a host gets, in text and in JSON."""
    planned = sync(fleet, "rocm7", "--dry-run", store=str(scratch / "s"))
    assert planned.stdout.splitlines()[:3] == [
        "asr: variant rocm7",
        "  cuda13 passed over: it needs CUDA >=13.0; $ENVBUILD_HOST_FACTS names none",
        "  cuda12 passed over: it needs CUDA >=12.4; $ENVBUILD_HOST_FACTS names none",
    ]
    table = sync(fleet, "rocm7", "--dry-run", "--format", "json", store=str(scratch / "s")).json
    (build,) = table["plan"]["build"]
    assert build["variant"] == "rocm7"
    assert [passed["variant"] for passed in build["passed_over"]] == ["cuda13", "cuda12"]
    assert build["target"].endswith("@rocm7")


def test_a_gpu_that_is_too_old_takes_the_next_variant(fleet: CommandLine, scratch: Path) -> None:
    """A new driver does not help where the GPU lacks the compute capability."""
    old = fleet.cwd / "old.toml"
    old.write_text('cuda = "13.1"\ncompute = "7.5"\n')
    env = {"ENVBUILD_HOST_FACTS": str(old), "ENVBUILD_STORE": str(scratch / "s")}
    planned = fleet("sync", "--dry-run", env=env, check=True)
    assert "asr: variant cuda12\n" in planned.stdout
    assert "it needs compute capability >=8.0; the GPUs here have at most 7.5" in planned.stdout


def test_a_variant_can_be_forced(fleet: CommandLine, scratch: Path) -> None:
    """`--variant` builds what the host has no accelerator for; a name that nobody has is refused."""
    store = scratch / "s"
    forced = sync(fleet, "cpu", "--variant", "cuda12", store=str(store))
    assert forced.code == 0, forced
    manifest = json.loads((store / "current/manifest.json").read_text())
    assert manifest["drivers"]["asr"]["variant"] == "cuda12"
    back = sync(fleet, "cpu", store=str(store))
    assert "asr: variant cpu\n" in back.stdout
    wrong = sync(fleet, "cpu", "--variant", "cuda-12", store=str(store))
    assert wrong.code == 2
    assert "--variant: no driver has a variant 'cuda-12'" in wrong.stderr
    assert "did you mean 'cuda12'?" in wrong.stderr


@pytest.mark.parametrize(
    ("host", "variant"),
    [
        ("cuda=13.0", "cuda13"),
        ("cuda=13.0,compute=7.5", "cuda12"),
        ("cuda=12.4", "cuda12"),
        ("rocm=7.1", "rocm7"),
        ("rocm=6.0", "cpu"),
        ("cpu", "cpu"),
    ],
)
def test_check_says_which_variant_a_host_gets(fleet: CommandLine, host: str, variant: str) -> None:
    """In advance, for every kind of host, with the reasons against the others."""
    checked = fleet("check", "--host", host, "--format", "json", check=True)
    (found,) = [one for one in checked.json["findings"] if one["code"] == "host-variant"]
    assert f" gets {variant} of asr" in found["message"]
    assert found["subject"] == "asr"


def test_a_host_without_any_variant_skips_the_driver(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    python_version: str,
    scratch: Path,
) -> None:
    """Without one for any host: `sync` skips it and says why; by name it is an error of the host."""
    index.add(Wheel(name="whisper"), Wheel(name="onnx"))
    text = declare(builds, python_version).partition("[drivers.asr.variants.cpu]")[0]
    text = text.replace('name = "torch-cpu"', 'name = "torch-cpu"').replace(
        "[drivers.asr]",
        '[drivers.other]\nrequires = ["torch"]\nindexes = ["torch-cpu"]\n[drivers.asr]',
    )
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    skipped = sync(run_envbuild, "cpu", "--dry-run", store=str(scratch / "s"))
    assert (
        "asr: skipped, no variant is for this host; cuda13: it needs CUDA >=13.0" in skipped.stdout
    )
    named = sync(run_envbuild, "cpu", "asr", store=str(scratch / "s"))
    assert named.code == 5, named
    assert "no variant of asr is for this host" in named.stderr
    assert "rocm7: it needs ROCm >=7.0" in named.stderr


def test_a_lockfile_is_stale_when_its_variants_change(
    fleet: CommandLine, builds: dict[str, IndexServer], python_version: str
) -> None:
    """A requirement, an index, one more or one less: each is named; what a host must have decides no lockfile."""
    text = declare(builds, python_version)
    before = (fleet.cwd / "locks/asr.toml").read_bytes()

    def stale(*changes: tuple[str, str]) -> str:
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new)
        fleet.declare(changed)
        return fleet("lock", "--check").stdout

    fleet.declare(text.replace('cuda = ">=12.4"', 'cuda = ">=12.6"'))
    fleet("lock", "--check", check=True)
    assert "variants.cpu.requires: whisper<2 is gone" in stale((', "whisper<2"]', "]"))
    assert "variants: cuda is new" in stale(("variants.cuda12]", "variants.cuda]"))
    assert "variants.cuda12: the packages that indexes are bound to changed" in stale(
        ('indexes = ["torch-cuda12"]', 'indexes = ["torch-cpu"]'),
        ('name = "torch-cuda12"', 'name = "unused"'),
        (
            'packages = ["torch", "nvidia-*"]\nexplicit = true\n[[index]]\nname = "torch-rocm7"',
            'packages = ["unused"]\n[[index]]\nname = "torch-rocm7"',
        ),
    )
    fleet.declare(text)
    fleet("lock", "--check", check=True)
    assert (fleet.cwd / "locks/asr.toml").read_bytes() == before
    fleet.declare(text.replace('["whisper", "torch"]', '["whisper>=1", "torch"]'))
    locked = fleet("lock", "-v", check=True)
    assert "checking that indexes still list every pin" in locked.stderr
    assert "resolving for" not in locked.stderr
    after = (fleet.cwd / "locks/asr.toml").read_bytes()
    assert after.partition(b"[[package]]")[2] == before.partition(b"[[package]]")[2]


def test_reading_verbs_know_variants(fleet: CommandLine, index: IndexServer) -> None:
    """Chains, the effective declaration and the check tell variants apart."""
    why = fleet("why", "asr", "onnx", check=True)
    assert "@cpu" in why.stdout
    shown = fleet("show", "asr", check=True)
    assert "variants.cpu.requires[0]" in shown.stdout
    assert "cuda >=13.0, compute >=8.0" in shown.stdout
    checked = fleet("check", "--format", "json", check=True)
    assert [one for one in checked.json["findings"] if one["level"] == "error"] == []
    asked = len(index.asked())
    assert "asr 2.0: fresh" in fleet("lock", check=True).stdout
    assert len(index.asked()) == asked


def test_rules_compare_like_with_like(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    python_version: str,
) -> None:
    """torch may differ from variant to variant, and not between two drivers on one variant."""
    index.add(Wheel(name="whisper"), Wheel(name="onnx"), Wheel(name="tts"))
    more = """
[drivers.tts]
extends = "asr"
requires = ["tts"]
[[agree]]
packages = ["torch"]
[[coexist]]
drivers = ["asr", "tts"]
"""
    run_envbuild.declare(declare(builds, python_version, more).replace(', "whisper<2"]', "]"))
    locked = run_envbuild("lock")
    assert locked.code == 0, locked
    checked = run_envbuild("check", check=True)
    assert "rule-" not in checked.stdout
    pairs = run_envbuild("conflicts", "asr", "tts", check=True)
    assert "asr × tts: compatible" in pairs.stdout


def test_exports_of_a_lockfile_take_one_variant(fleet: CommandLine) -> None:
    """No marker tells variants apart, so a target is to be named; no index is asked before."""
    for format_ in ("requirements", "pylock"):
        refused = fleet(
            "export", format_, "asr", env={"ENVBUILD_INDEX_TORCH_CPU_URL": "http://127.0.0.1:9"}
        )
        assert refused.code == 2, refused
        assert "asr is locked for the variants cuda13, cuda12, rocm7, cpu" in refused.stderr
        (target,) = {
            line.strip(' ",')
            for line in (fleet.cwd / "locks/asr.toml").read_text().splitlines()
            if line.strip().startswith('"3') and "x86_64" in line and "@rocm7" in line
        }
        exported = fleet("export", format_, "asr", "--target", target, check=True)
        assert "2.9.0+rocm7.0" in exported.stdout
        assert "cu130" not in exported.stdout


def test_lock_makes_drivers_agree_in_each_variant(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    python_version: str,
) -> None:
    """The newest version that both admit, whose builds have other local versions in each variant."""
    index.add(Wheel(name="whisper"), Wheel(name="onnx"), Wheel(name="tts"))
    for name, server in builds.items():
        server.add(Wheel(name="torch", version=f"2.8.0+{_LOCAL[name]}"))
    more = """
[drivers.tts]
extends = "asr"
requires = ["tts", "torch<2.9"]
[[agree]]
packages = ["torch"]
"""
    run_envbuild.declare(declare(builds, python_version, more).replace(', "whisper<2"]', "]"))
    locked = run_envbuild("lock")
    assert locked.code == 0, locked
    for driver in ("asr", "tts"):
        text = (run_envbuild.cwd / f"locks/{driver}.toml").read_text()
        versions = {line for line in text.splitlines() if line.startswith('version = "2.')}
        assert versions == {f'version = "2.8.0+{local}"' for local in _LOCAL.values()}


def test_doctor_says_that_the_host_would_get_another_variant(
    fleet: CommandLine, scratch: Path
) -> None:
    """A new driver, a removed GPU: a warning with the reason and what to do; after the sync nothing is wrong."""
    facts = fleet.cwd / "facts.toml"
    env = {"ENVBUILD_HOST_FACTS": str(facts), "ENVBUILD_STORE": str(scratch / "s")}

    def examine(host: str) -> dict[str, str | None]:
        facts.write_text(host)
        found = fleet("doctor", "--format", "json", env=env).json["warnings"]
        assert {one["code"] for one in found} <= {"variant"}
        return found[0] if found else {}

    facts.write_text(HOSTS["cpu"])
    fleet("sync", env=env, check=True)
    assert examine(HOSTS["cpu"]) == {}
    moved = examine(HOSTS["cuda12"])
    assert moved["subject"] == "asr"
    assert moved["message"] == "its variant cpu is installed, and this host would get cuda12 now"
    assert moved["hint"] == "run `envbuild sync`; `--variant cpu` keeps what is installed"
    told = fleet("doctor", env=env).stdout
    assert "asr: variant cpu\n" in told
    assert "warning: asr: its variant cpu is installed" in told
    fleet("sync", env=env, check=True)
    assert examine(HOSTS["cuda12"]) == {}
    gone = examine(HOSTS["rocm7"])
    assert gone["message"] is not None
    assert gone["message"].endswith(
        "this host would get rocm7 now; cuda12: it needs CUDA >=12.4; $ENVBUILD_HOST_FACTS names none"
    )


def test_ranges_of_a_variant_replace_those_of_the_driver(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    python_version: str,
) -> None:
    """What is built and what `doctor` finds is judged by the variant's requirement, as it was locked."""
    index.add(Wheel(name="whisper", version="1.0"), Wheel(name="whisper", version="2.0"))
    index.add(Wheel(name="onnx"))
    text = declare(builds, python_version).replace(
        '["whisper", "torch"]', '["whisper>=2", "torch"]'
    )
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    facts = run_envbuild.cwd / "facts.toml"
    facts.write_text(HOSTS["cpu"])
    env = {"ENVBUILD_HOST_FACTS": str(facts)}
    run_envbuild("sync", env=env, check=True)
    examined = run_envbuild("doctor", "--format", "json", env=env)
    assert "range" not in {finding["code"] for finding in examined.json["findings"]}
    line = 1 + text.split("\n").index('requires = ["onnx", "whisper<2"]')
    why = run_envbuild("why", "asr", "whisper", check=True)
    assert f"drivers.toml:{line}" in why.stdout


def test_what_is_built_of_a_variant_is_known_as_such(fleet: CommandLine, scratch: Path) -> None:
    """A running process, a container's devices, a preset's ranges: each is that of the variant on this host."""
    store = scratch / "s"
    env = {"ENVBUILD_STORE": str(store)}
    assert sync(fleet, "cpu", store=str(store)).code == 0
    python = store / "current/asr/bin/python"
    command = (python, "-c", "import sys; print(flush=True); sys.stdin.read()")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (found,) = fleet("ps", "--format", "json", env=env, check=True).json["processes"]
        assert (found["driver"], found["variant"]) == ("asr", "cpu")
        assert "asr@cpu" in fleet("ps", env=env, check=True).stdout
        process.communicate(timeout=30)
    quadlet = ("export", "quadlet", "asr", "--image", f"base@sha256:{'0' * 64}")
    assert "AddDevice" not in fleet(*quadlet, env=env, check=True).stdout
    assert 'whisper: "<2"' in fleet("export", "gpumod", "asr", env=env, check=True).stdout
    forced = sync(fleet, "cpu", "--variant", "rocm7", store=str(store))
    assert forced.code == 0, forced
    assert "AddDevice=amd.com/gpu=all" in fleet(*quadlet, env=env, check=True).stdout
    assert 'whisper: "<2"' not in fleet("export", "gpumod", "asr", env=env, check=True).stdout

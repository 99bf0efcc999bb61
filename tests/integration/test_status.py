"""`envbuild status` of a real store: one screen, JSON, and what Prometheus' own parser reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def metrics(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Each metric's samples, as Prometheus' own library reads them."""
    parser: Any = pytest.importorskip("prometheus_client.parser")
    families = list(parser.text_string_to_metric_families(text))
    assert [one.type for one in families] == ["gauge"] * len(families)
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in families
    }


def test_an_empty_store_answers(run_envbuild: CommandLine) -> None:
    """Without a store and without a declaration, with exit code 0; a folder of others is no store."""
    done = run_envbuild("status", check=True)
    assert done.stdout.endswith(": nothing has been synced yet\n")
    table = run_envbuild("status", "--format", "json", check=True).json
    assert (table["generation"], table["declared"], table["drivers"]) == (None, False, [])
    found = metrics(run_envbuild("status", "--format", "prometheus", check=True).stdout)
    assert [number for _, number in found["envbuild_status_generation"]] == [0]
    assert run_envbuild("status", "--exit-code").code == 0
    other = run_envbuild.cwd / "other"
    other.mkdir()
    (other / "file").touch()
    assert run_envbuild("status", "--store", str(other)).code == 5


def test_what_needs_attention(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Stale, due, outdated, changed, a probe that fails now, when it was verified: each is said, in every form."""
    index.add(
        Wheel(name="web", version="1.0", commands={"web": "web:main"}, files={"web.py": MAIN})
    )
    index.add(Wheel(name="idle", version="1.0"))
    text = declare_drivers({"web": ["web"], "other": ["idle"]}, python=python_version)
    text = text.replace("[drivers.web]\n", '[drivers.web]\nprobe = [["web"]]\n')
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    assert "nothing needs attention" in run_envbuild("status", check=True).stdout
    run_envbuild("verify", check=True)
    table = run_envbuild("status", "--format", "json", check=True).json
    assert table["verified"]["failed"] == 0
    assert [one["probes"]["failed"] for one in table["drivers"] if one["name"] == "web"] == [0]
    assert table["disk"]["count"] == 2

    index.add(Wheel(name="idle", version="2.0"))
    environment = Path(run_envbuild.env["ENVBUILD_STORE"]) / "current/web"
    command = environment.resolve() / "bin/web"
    command.chmod(0o755)
    command.write_text("#!/bin/sh\nexit 3\n")
    assert run_envbuild("probe").code == 1
    run_envbuild.declare(text.replace('"idle"', '"idle<3"'))
    done = run_envbuild("status", "--outdated", "--exit-code")
    assert done.code == 1
    assert "other: stale: " in done.stdout
    assert "web: probe `web`: it ended with exit code 3" in done.stdout
    assert "was changed since it was built" in done.stdout
    run_envbuild("lock", check=True)
    told = run_envbuild("status", "--outdated", "--format", "json", check=True).json
    assert {one["name"]: (one["due"], one["outdated"]) for one in told["drivers"]} == {
        "web": (False, 0),
        "other": (True, 1),
    }
    found = metrics(
        run_envbuild("status", "--outdated", "--format", "prometheus", check=True).stdout
    )
    failed = {labels["driver"]: number for labels, number in found["envbuild_status_failed_probes"]}
    assert failed == {"web": 1}
    outdated = found["envbuild_status_outdated_packages"]
    assert {labels["driver"]: number for labels, number in outdated} == {"web": 0, "other": 1}
    assert [number for _, number in found["envbuild_status_generation"]] == [1]
    drift = {labels["driver"]: n for labels, n in found["envbuild_status_drift_findings"]}
    assert drift["web"] > 0
    assert drift["other"] == 0


MAIN = "def main():\n    return 0\n"

"""`inherit` where the host's Python is not here: a list, or the declaration, says what the host has."""

from __future__ import annotations

import json

import pytest

from tests.support.command_line import declare_drivers
from tests.support.vendor_host import TORCH, Lab, ended, host, lab

__all__ = ["host", "lab"]


def test_a_laptop_locks_from_a_list(lab: Lab) -> None:
    """Without that Python, `--host-packages` says what it has; then the lockfile itself knows it."""
    lab.declare()
    lab.host.python.rename(f"{lab.host.python}.away")
    refused = ended(lab.run("lock"), 2)
    assert "the host's versions are unknown" in refused.stderr
    assert "drivers.toml:" in refused.stderr
    assert "--host-packages host.json app" in refused.stderr
    lab.run("lock", "--host-packages", lab.listed(), check=True)
    lab.run("lock", "--check", check=True)
    before = (lab.run.cwd / "locks/app.toml").read_bytes()
    lab.run("lock", "--upgrade", check=True)
    assert (lab.run.cwd / "locks/app.toml").read_bytes() == before
    assert "sympy" not in before.decode(), "a plain list does not say what torch requires"


def test_pip_inspect_says_what_they_require(lab: Lab) -> None:
    """So what the host's packages need besides is locked as wheels; the same lockfile as on the host itself."""
    lab.declare()
    rows = [
        {
            "metadata": {
                "name": "torch",
                "version": TORCH,
                "requires_dist": ["numpy<2", "sympy==1.13.*"],
            }
        },
        {"metadata": {"name": "NumPy", "version": "1.26.4"}},
        {"metadata": {"name": "nvidia_cublas", "version": "12.6"}},
    ]
    (lab.run.cwd / "host.json").write_text(json.dumps({"version": "1", "installed": rows}))
    lab.run("lock", "--host-packages", "host.json", check=True)
    listed = (lab.run.cwd / "locks/app.toml").read_bytes()
    (lab.run.cwd / "locks/app.toml").unlink()
    lab.run("lock", check=True)
    assert (lab.run.cwd / "locks/app.toml").read_bytes() == listed


def test_a_new_list_makes_the_lockfile_stale(lab: Lab) -> None:
    """`lock --host-packages` with another version resolves again, and says why."""
    lab.declare()
    lab.run("lock", check=True)
    listed = lab.run.cwd / lab.listed()
    listed.write_text(listed.read_text().replace("1.26.4", "1.26.9"))
    result = lab.run("lock", "--host-packages", "host.txt", check=True)
    assert "the host's numpy 1.26.4 became 1.26.9" in result.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torch=2.5\n", "host.txt:1: 'torch=2.5' is not NAME==VERSION"),
        ("torch==1.0\ntorch==2.0\n", "torch is listed as 1.0 and as 2.0"),
        ("# nothing\n", "it lists no package"),
        ('{"installed": 3}', "it is not the output of `pip inspect`"),
        ("torch==2.5\n", "the host's list has no numpy"),
        (f"torch=={TORCH}\nnumpy==x!\n", "numpy has no valid version"),
    ],
)
def test_a_wrong_list_is_refused(lab: Lab, text: str, words: str) -> None:
    """Exit 2, with file, line and what to write instead; no lockfile is written."""
    lab.declare()
    (lab.run.cwd / "host.txt").write_text(text)
    result = ended(lab.run("lock", "--host-packages", "host.txt"), 2)
    assert words in result.stderr
    assert "hint:" in result.stderr
    assert not (lab.run.cwd / "locks/app.toml").exists()


def test_a_list_for_nobody_is_refused(lab: Lab) -> None:
    """A driver without `inherit` has no use for it."""
    lab.run.declare(declare_drivers({"app": ["sympy"]}, python=lab.version))
    result = ended(lab.run("lock", "--host-packages", lab.listed()), 2)
    assert "none of these drivers takes packages from the host" in result.stderr


def test_versions_in_the_declaration_need_no_host(lab: Lab) -> None:
    """A named list: the declaration itself says what every host has."""
    lab.declare(packages=f'"torch=={TORCH}", "numpy==1.26.4"')
    lab.host.python.rename(f"{lab.host.python}.away")
    lab.run("lock", check=True)
    result = ended(lab.run("sync"), 5)
    assert f"there is no Python {lab.host.python} on this host" in result.stderr

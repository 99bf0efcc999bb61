"""What uv knows of indexes: its default, the torch backends, and which packages come from them."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.torch_backend import PACKAGES
from envbuild.errors import HostError, UsageError
from envbuild.posix.process import Command, Completed, SystemRunner
from envbuild.uv.addresses import ask_address
from envbuild.uv.executable import uv_executable

if TYPE_CHECKING:
    from pathlib import Path


def test_uv_says_which_index_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody names a default index, uv's own is learnt from uv, whatever the environment says."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://packages.example.com/simple")
    url = ask_address(SystemRunner())
    assert url.startswith("https://")
    assert "example" not in url


@pytest.mark.parametrize("backend", ["cu128", "cpu", "rocm6.4", "xpu"])
def test_uv_says_where_a_torch_backend_is(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each backend has an index of its own, and neither the environment nor the network changes the answer."""
    monkeypatch.setenv("UV_TORCH_BACKEND", "cu92")
    monkeypatch.setenv("RUST_LOG", "error")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    url = ask_address(SystemRunner(), backend)
    assert re.fullmatch(rf"https://\S+/{re.escape(backend)}", url), url


def test_a_backend_that_uv_does_not_know_is_refused_with_those_it_knows() -> None:
    """A misspelt backend is a mistake in the declaration, and the hint has the nearest one and all others."""
    with pytest.raises(UsageError) as caught:
        ask_address(SystemRunner(), "cu1288")
    (problem,) = caught.value.problems
    assert problem.message == "uv knows no torch backend 'cu1288'"
    assert problem.hint is not None
    assert problem.hint.startswith("did you mean 'cu128'? uv knows cpu, ")
    assert "rocm6.4" in problem.hint
    assert "auto" not in problem.hint


@pytest.mark.parametrize("backend", [None, "cu128"])
def test_a_uv_that_says_no_address_is_the_hosts_fault(backend: str | None) -> None:
    """uv's own words, and the variable that helps without uv."""

    class Silent(SystemRunner):
        def run(self, command: Command) -> Completed:
            return Completed(
                code=2, stdout="", stderr="error: https://packages.example.com/simple is down"
            )

    with pytest.raises(HostError) as caught:
        ask_address(Silent(), backend)
    (problem,) = caught.value.problems
    assert problem.detail == "error: https://packages.example.com/simple is down"
    name = "TORCH_CU128" if backend else "DEFAULT"
    assert problem.hint == f"name it with $ENVBUILD_INDEX_{name}_URL"


@pytest.mark.parametrize("backend", ["cu128", "cpu"])
def test_uv_takes_the_same_packages_from_a_backend(scratch: Path, backend: str) -> None:
    """Those that envbuild binds to it, and no others of this field; a newer uv may bind more."""
    others = (
        "torchmetrics",
        "pytorch-lightning",
        "nvidia-cublas-cu12",
        "torchdata",
        "torchx",
        "vllm",
    )
    asked = scratch / "asked.in"
    asked.write_text("\n".join((*PACKAGES, *others)))
    options = ("--torch-backend", backend, "--default-index", "http://127.0.0.1:9/elsewhere")
    argv = (uv_executable(), "pip", "compile", "--no-config", "--offline", "--verbose", *options)
    more = ("--cache-dir", f"{scratch}/cache", "--python", sys.executable, str(asked))
    told = subprocess.run((*argv, *more), capture_output=True, text=True, timeout=60).stderr
    places = {
        package: place for place, package in re.findall(r"https?://(\S+)/([a-z0-9-]+)/(?=\s)", told)
    }
    taken = {package for package, place in places.items() if place.endswith(f"/{backend}")}
    assert set(places) == {*PACKAGES, *others}
    assert taken == set(PACKAGES)

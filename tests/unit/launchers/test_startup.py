"""Drivers that use the same devices start one after another, lower ports first."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest

from envbuild.declaration.driver import Launch
from envbuild.launchers.fleet import BuiltDriver, BuiltFleet
from envbuild.launchers.startup import earlier, health_check
from envbuild.target.accelerator import Accelerator
from tests.support.values import STORE, make_driver, make_entry


def fleet(*subjects: BuiltDriver) -> BuiltFleet:
    """An export of these drivers."""
    return BuiltFleet(store=STORE, subjects=subjects, stable=True)


def built(
    name: str,
    port: int | None = None,
    *,
    after: tuple[str, ...] = (),
    kind: str | None = "cuda",
    devices: str | None = None,
) -> BuiltDriver:
    """A driver on a GPU, bound to some devices if they are named."""
    driver = make_driver(
        name,
        "lib",
        accelerator=Accelerator(kind=kind, versions=">=1") if kind else None,
        env=(("CUDA_VISIBLE_DEVICES", devices),) if devices is not None else (),
        launch=Launch(port=port, after=after),
    )
    return BuiltDriver(
        entry=make_entry(name, "1.0"),
        declared=driver,
        base_python="/usr/bin/python3",
        bin_commands=(),
        shared=True,
    )


def test_each_waits_for_the_lower_port() -> None:
    """Whatever order they are declared in."""
    for subjects in itertools.permutations((built("a", 3), built("b", 1), built("c", 2))):
        assert earlier(fleet(*subjects)) == {"b": (), "c": ("b",), "a": ("c",)}


def test_after_goes_before_ports() -> None:
    """What the declaration orders by itself stays so, and makes no circle with ports."""
    subjects = (built("a", 1, after=("c",)), built("b", 2), built("c", 3))
    assert earlier(fleet(*subjects)) == {"b": (), "c": ("b",), "a": ("c",)}


def test_after_by_way_of_one_without_a_port() -> None:
    """A driver without a GPU and without a port orders the two that it lies between."""
    subjects = (built("a", 1, after=("x",)), built("x", after=("b",), kind=None), built("b", 2))
    assert earlier(fleet(*subjects)) == {"b": (), "a": ("b",)}


@pytest.mark.parametrize(
    "other",
    [built("b", kind="cuda"), built("b", 2, kind="rocm"), built("b", 2, kind=None)],
    ids=["no port", "other kind", "processor"],
)
def test_who_shares_nothing_waits_for_nobody(other: BuiltDriver) -> None:
    """Only drivers with ports, on the same kind of devices, are ordered."""
    assert set(earlier(fleet(built("a", 1), other)).values()) == {()}


def test_bound_devices() -> None:
    """Drivers on different devices start at once; one that is on all waits for every one of them."""
    subjects = (
        built("a", 1, devices="0"),
        built("b", 2, devices="1, 2"),
        built("c", 3, devices="2"),
        built("d", 4),
    )
    assert earlier(fleet(*subjects)) == {"a": (), "b": (), "c": ("b",), "d": ("a", "c")}


def test_drivers_that_are_not_declared() -> None:
    """What is known only by the manifest has no port and no device."""
    subject = BuiltDriver(
        entry=make_entry("a", "1.0"),
        declared=None,
        base_python="/usr/bin/python3",
        bin_commands=(),
        shared=True,
    )
    assert earlier(fleet(subject)) == {}


def test_the_check_asks_the_path_on_the_port() -> None:
    """It ends with 0 for an answer of success only."""
    assert health_check(sys.executable, Launch(port=8000)) == ()
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health?a=1&b=%20" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    codes = []
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for path in ("/health?a=1&b=%20", "/"):
            launch = Launch(port=server.server_port, health_path=path)
            argv = health_check(sys.executable, launch)
            done = subprocess.run(argv, env={"PATH": os.defpath}, stderr=subprocess.DEVNULL)
            codes.append(done.returncode)
        server.shutdown()
    assert codes == [0, 1]

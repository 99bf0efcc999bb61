"""`report` of real stores, and `fleet` over them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.support.releases import Fleet, fleet

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fleet"]

_METRIC = re.compile(
    r'(# (HELP|TYPE) envbuild_\w+ .+|envbuild_\w+(\{(\w+="[^"\n]*",?)+\})? \d+)', re.ASCII
)


def test_a_lagging_and_a_tampered_host_are_named(fleet: Fleet, scratch: Path) -> None:
    """Four hosts follow a release; one lags, one is changed by root: both are named, and in what."""
    reports = scratch / "reports"
    reports.mkdir()
    fleet.build()
    fleet.publish()
    fleet.move_on()
    assert fleet.follow("--only-from").code == 0
    lagging = fleet.run("report", "--format", "json", check=True).json
    (reports / "lagging.json").write_text(json.dumps({**lagging, "host": "lagging"}))
    built = fleet.build("1.1")
    fleet.publish()
    fleet.move_on()
    assert fleet.follow("--only-from").code == 0
    current = fleet.run("report", "--format", "json", check=True).json
    assert current["release"]["sequence"] == 2
    assert {one["name"]: one["content"] for one in current["drivers"]} == built
    for name in ("one", "two"):
        (reports / f"{name}.json").write_text(json.dumps({**current, "host": name}))
    alike = fleet.run("fleet", str(reports / "one.json"), str(reports / "two.json"))
    assert alike.code == 0, alike
    environment = (fleet.store / "current/web").resolve()
    (file,) = environment.glob("lib/python3.*/site-packages/base.py")
    file.chmod(0o644)
    file.write_text("VALUE = 2\n")
    tampered = fleet.run("report", "--format", "json", check=True).json
    assert tampered["drift"] != []
    (reports / "tampered.json").write_text(json.dumps({**tampered, "host": "tampered"}))
    page = scratch / "fleet.html"
    done = fleet.run("fleet", str(reports), "--html", str(page), "--format", "json")
    assert done.code == 1, done
    assert done.json["diverging"] == ["lagging", "tampered"]
    told = {one["host"]: one["differences"] for one in done.json["hosts"]}
    assert told["lagging"] == ["has release 1, and the newest is 2"]
    assert "web was changed since it was built" in told["tampered"][0]
    assert "tampered" in page.read_text()


def test_prometheus_can_read_it(fleet: Fleet) -> None:
    """Every line is a comment or a sample, in the exposition format."""
    fleet.build()
    done = fleet.run("report", "--format", "prometheus", check=True)
    lines = done.stdout.splitlines()
    assert [line for line in lines if _METRIC.fullmatch(line) is None] == []
    assert "envbuild_generation 1" in lines
    assert "envbuild_release_sequence 0" in lines
    text = fleet.run("report", check=True).stdout
    assert "generation 1" in text

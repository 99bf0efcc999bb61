"""What `report --format prometheus` writes, as Prometheus' own programs read it."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from typing import TYPE_CHECKING

from tests.fleet.registries import LIFETIME, need, wait_for
from tests.support.programs import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.releases import Fleet


def test_promtool_finds_no_fault(fleet: Fleet) -> None:
    """Prometheus' linter has nothing to say about names, help and types."""
    promtool = need("promtool")
    fleet.build()
    text = fleet.run("report", "--format", "prometheus", check=True).stdout
    argv = (promtool, "check", "metrics")
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_node_exporter_scrapes_the_file(fleet: Fleet, scratch: Path) -> None:
    """Every sample that was written is served, and the exporter had no trouble with the file."""
    exporter, port = need("prometheus-node-exporter"), free_port()
    fleet.build()
    fleet.publish()
    fleet.move_on()
    assert fleet.follow("--only-from").code == 0
    folder = scratch / "textfiles"
    folder.mkdir()
    text = fleet.run("report", "--format", "prometheus", check=True).stdout
    (folder / "envbuild.prom").write_text(text)
    argv = (
        *("timeout", str(LIFETIME), exporter, f"--web.listen-address=127.0.0.1:{port}"),
        *("--collector.disable-defaults", "--collector.textfile"),
        f"--collector.textfile.directory={folder}",
    )
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(port)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            served = answer.read().decode()
    finally:
        process.terminate()
        process.wait(20)
    assert "node_textfile_scrape_error 0\n" in served
    assert samples(served) == samples(text)
    assert ("envbuild_release_sequence", 1.0) in samples(served)


def samples(text: str) -> list[tuple[str, float]]:
    """The samples of envbuild, labels in their order by name."""
    found = []
    for line in text.splitlines():
        if line.startswith("envbuild_"):
            name, _, number = line.rpartition(" ")
            metric, _, labels = name.partition("{")
            ordered = ",".join(sorted(re.findall(r'\w+="(?:[^"\\]|\\.)*"', labels)))
            found.append((f"{metric}{{{ordered}}}" if ordered else metric, float(number)))
    return sorted(found)

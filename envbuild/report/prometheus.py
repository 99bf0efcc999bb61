"""Prometheus' exposition format, for the textfile collector of its node exporter."""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def metric(name: str, text: str, samples: Iterable[tuple[dict[str, str], int]]) -> Iterator[str]:
    """The lines of a gauge `envbuild_<name>`: each sample has its labels and its number."""
    yield f"# HELP envbuild_{name} {text}"
    yield f"# TYPE envbuild_{name} gauge"
    for labels, number in samples:
        shown = ",".join(f'{label}="{_escaped(told)}"' for label, told in labels.items())
        yield f"envbuild_{name}{{{shown}}} {number}" if shown else f"envbuild_{name} {number}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def seconds_since_1970(text: str) -> int:
    """The seconds of a time such as `2026-11-20T10:00:00Z`."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))

"""Progress on a terminal: what is on the screen at any moment, at any size."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from envbuild.report.live_progress import LiveProgress
from tests.support.command_line import ROOT
from tests.support.golden import assert_golden

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Path = ROOT / "tests/golden/progress"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


def screen(progress: LiveProgress, stream: Terminal) -> str:
    """The table as it is drawn now, without the spinner's turn."""
    stream.truncate(0)
    stream.seek(0)
    progress.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "")
    text = re.sub("[\u2800-\u28ff]", "*", text)
    return re.sub(r" +$", "", text, flags=re.MULTILINE)


@pytest.fixture
def sized(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[int, int]:
    """A terminal of this size."""
    width, height = request.param
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", str(height))
    monkeypatch.setenv("TERM", "xterm-256color")
    return width, height


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the table."""
    clock = Clock()
    for module in ("tally", "live_progress"):
        monkeypatch.setattr(f"envbuild.report.{module}.time", clock)
    return clock


@pytest.mark.parametrize("sized", [(40, 24), (80, 24), (120, 24)], indirect=True)
def test_a_build(sized: tuple[int, int], clock: Clock) -> None:
    """One downloads, one is built, one has failed; no line is wider than the screen."""
    stream = Terminal()
    with LiveProgress(stream) as progress:
        progress.stage("vllm", "installing 157 packages")
        progress.downloaded("vllm", 1_000_000_000, 3_650_722_201)
        clock.now += 4
        progress.downloaded("vllm", 1_288_490_188, 3_650_722_201)
        progress.stage("embeddings-and-reranking", "adding bytecode")
        progress.stage("asr", "installing 40 packages")
        progress.done("asr", "built asr-1.2.1-8e39e55a2066")
        progress.stage("gateway", "probing")
        clock.now += 90
        progress.failed("gateway", "its probe failed")
        shown = screen(progress, stream)
    assert max(map(len, shown.splitlines())) <= sized[0]
    assert_golden(FOLDER / f"build-{sized[0]}.txt", f"{shown}\n")


@pytest.mark.parametrize("sized", [(80, 20)], indirect=True)
def test_a_hundred_drivers_on_twenty_rows(sized: tuple[int, int]) -> None:
    """Those at work are shown as far as there is room; the others are counted."""
    stream = Terminal()
    with LiveProgress(stream) as progress:
        for number in range(100):
            progress.stage(f"driver-{number:02}", "resolving for 3.12-x86_64-manylinux_2_28")
        for number in range(60):
            progress.done(f"driver-{number:02}", "40 packages")
        progress.failed("driver-60", "failed")
        shown = screen(progress, stream)
    lines = shown.strip().splitlines()
    assert len(lines) < sized[1]
    assert not any("driver-59" in line or "driver-60" in line for line in lines)
    assert "driver-61" in lines[0]
    assert re.fullmatch(r"21 more at work, 60 done, 1 failed, \d\.\d s", lines[-1])


@pytest.mark.parametrize("sized", [(80, 24)], indirect=True)
def test_bytes_belong_to_their_stage(sized: tuple[int, int]) -> None:
    """The next stage begins without them."""
    stream = Terminal()
    with LiveProgress(stream) as progress:
        progress.stage("vllm", "installing 157 packages")
        progress.downloaded("vllm", 1_288_490_188, 3_650_722_201)
        assert "1.2 GiB of 3.4 GiB" in screen(progress, stream)
        progress.stage("vllm", "adding bytecode")
        shown = screen(progress, stream)
    assert "adding bytecode" in shown
    assert "GiB of" not in shown
    assert sized
    assert progress.tally.words() == ""


@pytest.mark.parametrize("sized", [(80, 24)], indirect=True)
def test_foreign_words_cannot_move_the_cursor(sized: tuple[int, int]) -> None:
    """A name or a stage with control characters is shown as text."""
    stream = Terminal()
    with LiveProgress(stream) as progress:
        progress.stage("web\x1b[2J", "build\x1b]0;title\x07 [red]")
        shown = screen(progress, stream)
    assert sized
    assert "\\x1b[2J" in shown
    assert "[red]" in shown
    assert "\x07" not in stream.getvalue()

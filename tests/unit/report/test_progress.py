"""Progress where there is no terminal: a line for each thing that happens."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from envbuild.report.progress import LineProgress, LiveProgress, shown_progress


def test_every_stage_is_a_line_and_said_once() -> None:
    """A log shows what happened to each driver, without repeating itself."""
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.stage("asr", "installing")
    progress.stage("gateway", "installing")
    progress.stage("asr", "installing")
    progress.downloaded("asr", 1, 2)
    progress.done("asr", "built")
    progress.note("generation 3 is current")
    assert stream.getvalue() == (
        "asr: installing\ngateway: installing\nasr: built\ngeneration 3 is current\n"
    )


def test_lines_of_several_threads_do_not_mix() -> None:
    """Drivers that are built side by side write whole lines."""
    stream = io.StringIO()
    progress = LineProgress(stream)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: progress.stage(f"d{n % 8}", f"stage {n}"), range(500)))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 500
    assert {f"d{n % 8}: stage {n}" for n in range(500)} == set(lines)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.mark.parametrize(
    ("stream", "environment"), [(io.StringIO(), {}), (Terminal(), {"TERM": "dumb"})]
)
def test_bars_are_for_capable_terminals_alone(
    stream: io.StringIO, environment: dict[str, str]
) -> None:
    """A log file and a dumb terminal get lines that they can show."""
    with shown_progress(stream, environment) as progress:
        assert isinstance(progress, LineProgress)
        progress.done("asr", "built")
    assert stream.getvalue() == "asr: built\n"


def test_a_terminal_shows_bytes_beside_the_stage_they_belong_to() -> None:
    """Who waits for gigabytes sees them come; the next stage begins without them."""
    stream = Terminal()
    with LiveProgress(stream) as progress:
        progress.stage("vllm", "installing 157 packages")
        progress.downloaded("vllm", 1_288_490_188, 3_650_722_201)
        progress.refresh()
        assert "installing 157 packages  1.2 GiB of 3.4 GiB" in stream.getvalue()
        before = len(stream.getvalue())
        progress.stage("vllm", "adding bytecode")
        progress.refresh()
        shown = stream.getvalue()[before:]
        assert "adding bytecode" in shown
        assert "GiB" not in shown


def test_nothing_is_said_after_the_end() -> None:
    """After an interrupt threads go on for a moment: `interrupted` stays the last line."""
    stream = io.StringIO()
    with shown_progress(stream, {}) as progress:
        progress.stage("web", "installing")
    progress.stage("web", "adding bytecode")
    progress.done("web", "built web")
    progress.note("generation 1 is current")
    assert stream.getvalue() == "web: installing\n"

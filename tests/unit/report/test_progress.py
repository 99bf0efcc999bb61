"""Progress where there is no terminal: a line for each thing that happens."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from envbuild.report.progress import LineProgress, shown_progress


def steady(text: str) -> str:
    """The text with all times as zero."""
    return re.sub(r"\d+\.\d s", "0.0 s", text)


def test_a_log_has_a_line_for_each_driver() -> None:
    """When it is finished, with the time that it took; then what all of it came to."""
    stream = io.StringIO()
    with shown_progress(stream, {}) as progress:
        progress.stage("asr", "installing")
        progress.stage("gateway", "installing")
        progress.downloaded("asr", 1 << 20, 2 << 20)
        progress.downloaded("asr", 2 << 20, 2 << 20)
        progress.stage("asr", "adding bytecode")
        progress.done("asr", "built asr-1.0")
        progress.failed("gateway", "failed")
        progress.note("a note")
    assert (
        steady(stream.getvalue()) == "asr: built asr-1.0, 0.0 s\ngateway: failed, 0.0 s\na note\n"
    )
    assert steady(progress.tally.last_line()) == "1 done, 1 failed, 2.0 MiB downloaded, 0.0 s\n"


def test_what_is_published_is_written() -> None:
    """A release that was written is not called a download; both are told where both happened."""
    with shown_progress(io.StringIO(), {}) as progress:
        progress.downloaded("release", 1 << 20, 1 << 20)
        progress.stage("release", "writing")
        progress.written("release", 3 << 20, 3 << 20)
        progress.done("release", "published")
    said = steady(progress.tally.last_line())
    assert said == "1 done, 1.0 MiB downloaded, 3.0 MiB written, 0.0 s\n"


def test_every_stage_is_a_line_if_it_is_asked_for() -> None:
    """As `-v` does; none is said twice in a row."""
    stream = io.StringIO()
    progress = LineProgress(stream, stages=True)
    progress.stage("asr", "installing")
    progress.stage("gateway", "installing")
    progress.stage("asr", "installing")
    progress.done("asr", "built")
    assert steady(stream.getvalue()) == "asr: installing\ngateway: installing\nasr: built, 0.0 s\n"


def test_a_command_without_work_says_nothing() -> None:
    """There is no last line where no driver was worked on."""
    stream = io.StringIO()
    with shown_progress(stream, {}) as progress:
        pass
    assert stream.getvalue() == progress.tally.last_line() == ""


def test_lines_of_several_threads_do_not_mix() -> None:
    """Drivers that are built side by side write whole lines."""
    stream = io.StringIO()
    progress = LineProgress(stream, stages=True)
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
    ("stream", "environment"),
    [
        (io.StringIO(), {}),
        (Terminal(), {"TERM": "dumb"}),
        (Terminal(), {"TERM": "xterm", "CI": "true"}),
    ],
)
def test_bars_are_for_capable_terminals_alone(
    stream: io.StringIO, environment: dict[str, str]
) -> None:
    """A log file, a dumb terminal and a CI job with a terminal get lines that they can show."""
    with shown_progress(stream, environment) as progress:
        assert isinstance(progress, LineProgress)
        progress.done("asr", "built")
    assert steady(stream.getvalue()) == "asr: built\n"


def test_nothing_is_said_after_the_end() -> None:
    """After an interrupt threads go on for a moment: `interrupted` stays the last line."""
    stream = io.StringIO()
    with suppress(KeyboardInterrupt), shown_progress(stream, {}, stages=True) as progress:
        progress.stage("web", "installing")
        raise KeyboardInterrupt
    progress.stage("web", "adding bytecode")
    progress.done("web", "built web")
    progress.note("a note")
    assert stream.getvalue() == "web: installing\n"

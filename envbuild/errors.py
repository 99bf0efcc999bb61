"""The errors of commands, as exceptions that know their exit code."""

from __future__ import annotations

from envbuild.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar

_MOST_WORDS = 1000
"""The longest message, file, key or hint, in characters: they may repeat text of a stranger."""

_MOST_DETAIL = 20_000


@value
class Problem:
    """One thing that is wrong, and where."""

    message: str
    """What is wrong, in one sentence without a final stop."""

    file: str | None = None
    """The file as the user named it."""

    line: int | None = None
    """The line in the file, counted from 1."""

    key: str | None = None
    """The path of the key, such as `drivers.vllm.requires[1]`."""

    hint: str | None = None
    """What the user can do about it."""

    detail: str | None = None
    """Output of another program, shown verbatim below the message."""

    def __str__(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """A line `file:line: key: message`, then the detail and the hint, indented."""
        place = self.file
        if place is not None and self.line is not None:
            place = f"{place}:{self.line}"
        said = ": ".join(part for part in (place, self.key, self.message) if part)
        words = self.detail.strip().split("\n") if self.detail else ()
        hint = [f"  hint: {self.hint}"] if self.hint else []
        return [said, *(f"  {line}".rstrip() for line in words), *hint]


def shorten(text: str, most: int = _MOST_WORDS) -> str:
    """The text; if it is too long, without its middle."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} [… {len(text) - most} characters …] {text[-most // 2 :]}"


def shorten_problem(problem: Problem) -> Problem:
    """The problem with shortened texts."""
    words = (problem.message, problem.file or "", problem.key or "", problem.hint or "")
    detail = problem.detail or ""
    if max(map(len, words)) <= _MOST_WORDS and len(detail) <= _MOST_DETAIL:
        return problem
    return replace(
        problem,
        message=shorten(problem.message),
        file=problem.file and shorten(problem.file),
        key=problem.key and shorten(problem.key),
        hint=problem.hint and shorten(problem.hint),
        detail=problem.detail and shorten(detail, _MOST_DETAIL),
    )


def _masked(problem: Problem) -> Problem:
    """The problem without credentials and signatures in addresses."""
    words = (problem.message, problem.detail, problem.hint)
    if not any(text is not None and "://" in text for text in words):
        return problem
    from envbuild.masking import masked

    return replace(
        problem,
        message=masked(problem.message),
        detail=problem.detail and masked(problem.detail),
        hint=problem.hint and masked(problem.hint),
    )


class EnvbuildError(Exception):
    """A command cannot give its result; has every problem that was found."""

    exit_code: ClassVar[int] = 70

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        found = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.problems = tuple(shorten_problem(_masked(problem)) for problem in found)
        super().__init__("\n".join(map(str, self.problems)))

    def with_problems(self, problems: Iterable[Problem]) -> EnvbuildError:
        """An error of the same kind with other problems."""
        return type(self)(problems)


class NoError(EnvbuildError):
    """The answer is no: something is stale, has drifted, or failed its probe."""

    exit_code = 1


class UsageError(EnvbuildError):
    """The command line or the declaration is wrong."""

    exit_code = 2


class DeclarationError(UsageError):
    """`drivers.toml` is wrong."""


class UnsatisfiableError(EnvbuildError):
    """No set of versions satisfies a driver."""

    exit_code = 3

    @property
    def words(self) -> str:
        """The resolver's explanation."""
        return "\n".join(problem.detail or problem.message for problem in self.problems)


class IndexFailureError(EnvbuildError):
    """An index could not be reached, or returned invalid data."""

    exit_code = 4


class HostError(EnvbuildError):
    """The host or the store failed."""

    exit_code = 5


class LockfileError(NoError):
    """A lockfile was changed since `envbuild lock` wrote it, or has an unknown format."""


class NewerFormatError(LockfileError):
    """A newer envbuild wrote the lockfile; writing it again would lose data."""

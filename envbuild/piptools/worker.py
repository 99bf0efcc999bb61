"""Resolves one request with pip's resolver, run by a Python of the target: `python -I -S -B worker.py JOB`.

It imports nothing of envbuild, and nothing newer than Python 3.8 before pip-tools is there.
JOB is the JSON file that `resolver` writes. The answer is a JSON file too, of a bounded size.
What pip, its builds and Python itself print goes nowhere: their words are in the answer.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_WORDS = 20_000
"""Characters of an error's words."""

_MOST_CAUSES = 100
_MOST_MESSAGES = 20


def main(job_file: str) -> int:
    """Resolve a job and write its answer."""
    with open(job_file, encoding="utf-8") as stream:  # noqa: PTH123
        job = json.load(stream)
    _close_output()
    sys.path.insert(0, job["tools"])
    try:
        answer = resolve(job)
    except BaseException as error:  # noqa: BLE001  (whatever it is becomes the answer)
        answer = {"failed": _shorten(_words_of(error))}
    with open(job["answer"], "w", encoding="utf-8") as stream:  # noqa: PTH123
        json.dump(answer, stream)
    return 0


def resolve(job: dict[str, Any]) -> dict[str, Any]:
    """The chosen versions, or why there are none; first with the pins that should stay, then without."""
    _download_nothing()
    answer = _attempt(job, job["pins"])
    if "packages" not in answer and job["pins"]:
        answer = _attempt(job, {})
    return answer


def _attempt(job: dict[str, Any], pins: dict[str, str]) -> dict[str, Any]:
    from pip._internal.exceptions import DistributionNotFound, UnsupportedPythonVersion
    from piptools.repositories import PyPIRepository
    from piptools.resolver import BacktrackingResolver

    kept = {name: _line(f"{name}=={version}") for name, version in pins.items()}
    resolver = BacktrackingResolver(
        constraints=[
            *map(_line, job["requires"]),
            *(_line(text, constraint=True) for text in job["constraints"]),
        ],
        existing_constraints=kept,
        repository=PyPIRepository([], cache_dir=job["cache"]),
        allow_unsafe=True,
    )
    heard = _Heard()
    try:
        found = resolver.resolve(max_rounds=len(pins) + 2)
    except (DistributionNotFound, UnsupportedPythonVersion) as error:
        words = "\n".join(heard.words) or str(error)
        return {"unsatisfiable": _causes(error), "words": _shorten(words)}
    return {"packages": sorted([one.name, _version(one)] for one in found)}


class _Heard(logging.Handler):
    """Collects from pip's log why it passed over versions."""

    def __init__(self) -> None:
        super().__init__(logging.CRITICAL)
        self.words: list[str] = []
        logging.getLogger("pip._internal.resolution.resolvelib.factory").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if len(self.words) < _MOST_MESSAGES:
            self.words.append(record.getMessage())


def _line(text: str, constraint: bool = False) -> Any:
    from pip._internal.req.constructors import install_req_from_line

    return install_req_from_line(text, constraint=constraint)


def _version(requirement: Any) -> str:
    return str(next(iter(requirement.specifier)).version)


def _causes(error: Exception) -> list[list[str]]:
    """The requirements that exclude one another, each with the package that has it, empty for the driver."""
    causes = getattr(error.__cause__, "causes", ())
    return [
        [
            _shorten(cause.requirement.format_for_error()),
            _shorten(f"{cause.parent.name} {cause.parent.version}" if cause.parent else ""),
        ]
        for cause in causes[:_MOST_CAUSES]
    ]


def _download_nothing() -> None:
    """Keep older pips from downloading every chosen wheel: METADATA is all that a resolution needs."""
    from pip._internal.operations.prepare import RequirementPreparer

    setattr(RequirementPreparer, "prepare_linked_requirements_more", _do_nothing)  # noqa: B010


def _do_nothing(*_: object, **__: object) -> None:
    pass


def _words_of(error: BaseException) -> str:
    """An error of pip in its own words, any other with its traceback."""
    try:
        from pip._internal.exceptions import PipError

        expected = isinstance(error, PipError)
    except ImportError:
        expected = False
    return (
        str(error)
        if expected
        else "".join(traceback.format_exception(type(error), error, error.__traceback__))
    )


def _shorten(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else f"… {text[-_MOST_WORDS:]}"


def _close_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

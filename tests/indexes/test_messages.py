"""What users read when an index gives a bad answer."""

from __future__ import annotations

from pathlib import Path

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError, problem_of
from envbuild.index.locations import Credentials, IndexLocation
from envbuild.value import replace
from tests.support.golden import assert_golden

GOLDEN = Path(__file__).parents[1] / "golden" / "index" / "answers.txt"
DEFAULT = IndexLocation(name="default", url="https://mirror.example/simple")
KNOWN = IndexLocation(
    name="in-ternal",
    url="https://packages.example:8443/simple",
    credentials=Credentials(user="m3", password="s3cret"),
    packages=("acme-*",),
)
FOLDER = IndexLocation(name="files", folder=Path("/srv/wheels"), packages=("local",))
REASONS = {
    Fault.UNREACHABLE: "connection refused",
    Fault.TIMED_OUT: "no byte in 30 s",
    Fault.LED_AWAY: "it redirects to mirror.example",
    Fault.UNSAFE: "from https to http",
    Fault.GARBAGE: "its type is text/plain",
    Fault.MISNAMED: "its METADATA says version 1.0+cpu",
    Fault.TWO_CONTENTS: "with sha256 0123456789ab… and ba9876543210…",
    Fault.CHANGED: "locked is sha256 0123456789ab…, its content has ba9876543210…",
}
STATUSES = {
    Fault.UNAUTHORISED: 401,
    Fault.PROXY_LOGIN: 407,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
    Fault.SERVER_ERROR: 503,
    Fault.REFUSED: 429,
}


_OF_FILES = (Fault.CHANGED, Fault.MISNAMED, Fault.TWO_CONTENTS)


def answer(fault: Fault, location: IndexLocation, file: str | None) -> IndexAnswer:
    """A bad answer as it comes about for that fault."""
    return IndexAnswer(
        fault=fault,
        location=location,
        package="acme-core",
        file=file,
        status=STATUSES.get(fault),
        reason=REASONS.get(fault),
    )


def test_every_bad_answer_has_its_words() -> None:
    """One message for each fault, about a page and about a file, that tells it from all others."""
    wheel = "acme_core-1.0-py3-none-any.whl"
    pages = [fault for fault in Fault if fault not in _OF_FILES]
    files = [fault for fault in Fault if fault is not Fault.LED_AWAY]
    answers = [answer(fault, place, None) for fault in pages for place in (DEFAULT, KNOWN)]
    answers += [answer(fault, DEFAULT, wheel) for fault in files]
    answers += [answer(fault, FOLDER, None) for fault in (Fault.UNREACHABLE, Fault.NOT_FOUND)]
    on_the_way = (
        *("the proxy: connection refused", "TLS: certificate verify failed"),
        "no certificate can be read in $SSL_CERT_FILE",
    )
    answers += [replace(answers[0], reason=reason) for reason in on_the_way]
    elsewhere = IndexAnswer(
        fault=Fault.SERVER_ERROR,
        location=DEFAULT,
        package="acme-core",
        file=wheel,
        host="files.example",
        status=599,
    )
    problems = [problem_of(one) for one in (*answers, elsewhere)]
    text = "".join(f"{problem}\n" for problem in problems)
    assert_golden(GOLDEN, text)
    assert "s3cret" not in text
    assert "m3" not in text


def test_a_user_without_a_password_is_asked_for_it() -> None:
    """Only what was sent can be called wrong."""
    user_alone = replace(KNOWN, credentials=Credentials(user="m3", password=None))
    said = str(problem_of(answer(Fault.UNAUTHORISED, user_alone, None)))
    assert "requires a user and a password (401)" in said


def test_a_bad_answer_is_exit_4() -> None:
    """An index that gives what it must not ends the command with 4."""
    assert IndexAnswerError(answer(Fault.GARBAGE, DEFAULT, None)).exit_code == 4

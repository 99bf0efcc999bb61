"""What cannot be in an image."""

from __future__ import annotations

import pytest

from envbuild.image.base import BaseImage
from envbuild.image.members import Member
from envbuild.image.paths import FILE, PROGRAM, ImagePaths, link_to
from envbuild.image.refusals import base_problems, member_problems, python_problem
from envbuild.release.oci import Descriptor


def file(path: str, mode: int = 0o444) -> Member:
    """A file."""
    return Member(path=path, mode=mode, source="/x")


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (file("env/.wh.a"), "mark removed files"),
        (file("env/.wh..wh..opq"), "mark removed files"),
        (file("env/" + "d/" * 2100 + "a"), "but at most"),
        (file("env/a", 0o4555), "set-user-ID"),
        (file("env/a", 0o2555), "set-user-ID"),
        (file("env/\udcff"), "not UTF-8"),
        (Member(path="env/a", mode=0o777, target="/etc/passwd"), "which the image does not have"),
        (Member(path="env/a", mode=0o777, target="../../b"), "which the image does not have"),
        (Member(path="env/a", mode=0o777, target="a"), "which the image does not have"),
    ],
)
def test_what_runtimes_refuse_is_refused_beforehand(member: Member, words: str) -> None:
    """The message has the path and the reason, and nothing that a terminal would act on."""
    (problem,) = member_problems((member,), ImagePaths())
    assert words in problem.message
    assert problem.message.isprintable()


def test_links_within_the_image_and_its_base_are_fine() -> None:
    """A Python of the base is a link's target like any other."""
    base = ImagePaths()
    base.add("usr/bin/python3.12", PROGRAM)
    members = (
        file("env/lib/a"),
        Member(path="env/lib64", mode=0o777, target="lib"),
        Member(path="env/python", mode=0o777, target="/usr/bin/python3.12"),
        Member(path="env/b", mode=0o777, target="lib64/a"),
    )
    assert member_problems(members, base) == []


def base_of(layers: int, **entries: str) -> BaseImage:
    """A base with so many layers."""
    paths = ImagePaths()
    paths.add("lib64/ld-linux-x86-64.so.2", PROGRAM)
    for path, kind in entries.items():
        paths.add(path, kind)
    blob = Descriptor(media_type="x", digest=f"sha256:{'0' * 64}", size=1)
    return BaseImage(name="b", digest=blob.digest, config={}, layers=(blob,) * layers, paths=paths)


@pytest.mark.parametrize(
    ("base", "library", "environment", "words"),
    [
        (base_of(151), "manylinux", "/opt/env", "151 layers, but an image has at most 100"),
        (base_of(99), "manylinux", "/opt/env", "99 layers"),
        (base_of(1), "musllinux", "/opt/env", "no /lib/ld-musl-x86_64.so.1"),
        (
            base_of(1, opt=link_to("usr")),
            "manylinux",
            "/opt/env",
            "/opt is not a folder in the base",
        ),
        (base_of(1, opt=FILE), "manylinux", "/opt/env", "/opt is not a folder in the base"),
        (base_of(1, opt=FILE), "manylinux", "/opt", "has /opt already"),
    ],
)
def test_a_base_that_does_not_suit(
    base: BaseImage, library: str, environment: str, words: str
) -> None:
    """Each reason is told before anything is written."""
    problems = base_problems(
        base, architecture="amd64", library=library, environments=(environment,)
    )
    assert words in next(problems).message


def test_a_base_that_suits() -> None:
    """98 layers leave two for what is added."""
    found = base_problems(
        base_of(98), architecture="amd64", library="manylinux", environments=("/opt/env",)
    )
    assert list(found) == []


def test_a_python_must_come_from_somewhere() -> None:
    """From the store, or from the base at the same path, as a program."""
    base = base_of(1, python=PROGRAM, data=FILE)
    assert python_problem("web", "/python", base, managed=False) is None
    assert python_problem("web", "/none", base, managed=True) is None
    assert python_problem("web", "/none", None, managed=True) is None
    for path, given in (("/none", base), ("/data", base), ("/python", None)):
        problem = python_problem("web", path, given, managed=False)
        assert problem is not None
        assert problem.hint is not None
        assert path in problem.message

"""Read what is installed in an environment; none of its code runs."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.environment.host_files import distribution_folders, metadata_of
from envbuild.finding import Code, Finding
from envbuild.lean_json import open_ordinary
from envbuild.lockfile.soundness import DriverLines, judge
from envbuild.requirement.parse import admits, is_requirement, normalized_name, parse_requirement
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from envbuild.target.target import Target


_FIELD = re.compile(
    r"(?P<name>name|version|requires-dist|requires-python):(?P<text>.*)", re.IGNORECASE
)
_FOLD = re.compile(r"\n[ \t]+")
_LARGEST = 16 << 20
"""The most bytes of METADATA that are read."""


def read_distributions(environment: Path) -> tuple[Distribution, ...]:
    """Every distribution with METADATA, by name; `verify` reports those that cannot be read."""
    found = []
    for site_packages in environment.glob("lib/python3.*/site-packages"):
        for folder in distribution_folders(site_packages):
            if folder.suffix == ".egg-info" and not folder.is_symlink():
                continue  # left over in some wheels; only a link to one of the host's means something
            with suppress(OSError):
                distribution = read_distribution(folder)
                if distribution is not None:
                    found.append(distribution)
    return tuple(sorted(found, key=lambda item: item.name))


def read_distribution(folder: Path) -> Distribution | None:
    """The distribution of a `.dist-info` or `.egg-info`; OSError without METADATA.

    An `.egg-info`, as Debian's packages have it, has the requirements in a file of their own.
    """
    with os.fdopen(open_ordinary(metadata_of(folder)), "rb") as stream:
        parsed = parse_distribution(stream.read(_LARGEST))
    if parsed is None or parsed.requires or folder.suffix == ".dist-info":
        return parsed
    from importlib.metadata import Distribution as Installed

    requires = Installed.at(folder).requires or ()
    return replace(parsed, requires=tuple(filter(is_requirement, requires)))


def parse_distribution(content: bytes) -> Distribution | None:
    """METADATA → distribution; None if it has no name or no version.

    Invalid requirements are left out.
    Only header lines are parsed, in a hundredth of the time of a full parser.
    """
    text = content.decode("utf-8", errors="replace").replace("\r\n", "\n")
    head = _FOLD.sub(" ", text.partition("\n\n")[0])
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        match = _FIELD.match(line)
        if match is not None:
            fields.setdefault(match["name"].lower(), []).append(" ".join(match["text"].split()))
    if not fields.get("name") or not fields.get("version"):
        return None
    return Distribution(
        name=normalized_name(fields["name"][0]),
        version=fields["version"][0],
        requires=tuple(filter(is_requirement, fields.get("requires-dist", ()))),
        requires_python=(fields.get("requires-python") or [""])[0],
    )


@value
class Distribution:
    """An installed package, from its own METADATA."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    requires: tuple[str, ...]
    """Its `Requires-Dist`, as published but on one line."""

    requires_python: str = ""
    """Its `Requires-Python`."""


def unmet_requirements(
    driver: str,
    distributions: Iterable[Distribution],
    here: Target,
    requires: Iterable[str] = (),
    overrides: tuple[str, ...] = (),
) -> Iterator[Finding]:
    """Every requirement of an installed package that is not satisfied on this host.

    `requires` and `overrides` are the declaration's, if there is one: they decide about extras and overrides.
    """
    installed = {item.name: item for item in distributions}
    extras = (text for text in requires if parse_requirement(text).name in installed)
    asked = DriverLines(driver=driver, requires=(*installed, *extras), overrides=overrides)
    for unmet in judge(asked, installed.values(), here):
        if unmet.asker is not None:
            yield Finding(
                code=Code.REQUIREMENT,
                subject=driver,
                message=unmet.message,
                hint="run `envbuild lock` and `sync`; or declare an override, if you know that it works",
            )


def outside_range(
    driver: str, requires: Iterable[str], installed: Mapping[str, str]
) -> Iterator[Finding]:
    """Every range of the declaration that the installed version does not satisfy."""
    for text in requires:
        wanted = parse_requirement(text)
        version = installed.get(wanted.name)
        if version is not None and not admits(wanted.specifier, version):
            message = f"{wanted.name} {version} is installed, but drivers.toml requires {text}"
            yield Finding(
                code=Code.RANGE,
                subject=driver,
                message=message,
                hint="run `envbuild lock` and `sync`",
            )

"""The build requirements of a source: which files satisfy them on one target, with their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem, UnsatisfiableError
from envbuild.lockfile.lockfile import ChosenFile
from envbuild.requirement.parse import admits, holds, is_requirement, parse_requirement
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.declaration.declaration import BuildOptions
    from envbuild.resolution.resolution import (
        PublishedMetadata,
        Resolution,
        ResolvedFile,
        ResolveRequest,
    )
    from envbuild.target.target import Target


@value
class RequirementPinner:
    """Resolves build requirements, with the driver's own resolver and indexes."""

    resolve: Callable[[ResolveRequest], Resolution]
    fetch: Callable[[tuple[ResolvedFile, ...]], Mapping[str, PublishedMetadata]]
    """METADATA and size of files, by sha256."""

    trees: frozenset[str] = frozenset()
    """Packages that the driver has from folders and commits: no index may stand in for them."""

    def pin(
        self, requires: Iterable[str], options: BuildOptions, request: ResolveRequest
    ) -> tuple[ChosenFile, ...]:
        """The wheels that satisfy build requirements, ordered by name.

        `request` is that of the driver for the target: its pins are preferred,
        and what `options` adds takes exactly the driver's version where it has one.
        UnsatisfiableError, for the package that is built, if there are none.
        """
        texts = tuple(dict.fromkeys((*requires, *options.requires)))
        if not texts:
            return ()
        wanted = (parse_requirement(text) for text in texts if is_requirement(text))
        named = {one.name for one in wanted if holds(one.marker, request.target)}
        if own := self.trees & named:
            raise UnsatisfiableError(_source_problem(options, name) for name in sorted(own))
        try:
            files = self.resolve(build_request(texts, options, request)).files
        except UnsatisfiableError as error:
            raise _unsatisfied(options, error) from error
        if sources := [file for file in files if self._is_source(file)]:
            raise UnsatisfiableError(_source_problem(options, file.package) for file in sources)
        metadata = self.fetch(files)
        return tuple(
            ChosenFile(
                package=file.package,
                version=file.version,
                index=file.index,
                file=file.file,
                sha256=file.sha256,
                size=metadata[file.sha256].size,
            )
            for file in sorted(files, key=lambda file: file.package)
        )

    def _is_source(self, file: ResolvedFile) -> bool:
        return file.package in self.trees or not file.file.endswith(".whl")


def build_request(
    requires: tuple[str, ...], options: BuildOptions, request: ResolveRequest
) -> ResolveRequest:
    """The request for what a build requires, those of `options` included; `request` as in `pin`."""
    return replace(
        request,
        requires=requires,
        constraints=tuple(_exact(options, request)),
        overrides=(),
        allow_sdist=(),
        force_sdist=(),
        known=(),
        told=(),
    )


def _source_problem(options: BuildOptions, package: str) -> Problem:
    """Why a build requirement that comes as source cannot be used."""
    if package == options.package:
        return Problem(
            message=f"building {package} requires {package} itself, which has to be built first",
            hint="a backend inside the project has `backend-path` in its pyproject.toml; "
            "else take the package out of `[build-system] requires`",
        )
    return Problem(
        message=f"building {options.package} requires {package}, "
        "which comes as source too; build requirements must have wheels",
        hint=f"name a wheel in the source of {package}, such as one that `envbuild build` made, "
        "or take one of them out of the other's `[build-system] requires`",
    )


def _exact(options: BuildOptions, request: ResolveRequest) -> Iterable[str]:
    """The versions that the driver has of the packages that its declaration adds to the build."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    locked = {pin.name: pin.version for pin in request.pins}
    for text in options.requires:
        name = canonicalize_name(Requirement(text).name)
        if name in locked:
            yield f"{name}=={locked[name]}"


def _unsatisfied(options: BuildOptions, error: UnsatisfiableError) -> UnsatisfiableError:
    hint = f"require a version of {options.package} that has a wheel, or other build requirements"
    if options.requires:
        hint = f"widen `requires` of [build.{options.package}]"
    return UnsatisfiableError(
        replace(
            problem,
            message=f"the build requirements of {options.package}: {problem.message}",
            hint=hint,
        )
        for problem in error.problems
    )


def missing_requirements(
    requires: Iterable[str], files: Iterable[ChosenFile], target: Target
) -> tuple[str, ...]:
    """The requirements that hold on a target and that none of these wheels satisfies."""
    versions = {file.package: file.version for file in files}
    found = []
    for text in requires:
        wanted = parse_requirement(text)
        if holds(wanted.marker, target):
            version = versions.get(wanted.name)
            if version is None or not admits(wanted.specifier, version):
                found.append(text)
    return tuple(found)


def check_requirements(requires: Iterable[str], name: str) -> None:
    """HostError if a build requirement of a source is not valid, or names an address."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requires:
        try:
            url = Requirement(text).url
        except InvalidRequirement as error:
            message = (
                f"{name} cannot be built: it requires {text!r}, which is not a valid requirement"
            )
            raise HostError(Problem(message=message, detail=str(error))) from error
        if url is not None:
            message = f"{name} cannot be built: it requires {text!r} from an address"
            hint = "build requirements come from indexes; require another version"
            raise HostError(Problem(message=message, hint=hint))

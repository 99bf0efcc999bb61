"""CycloneDX 1.6: a driver's components with hashes, licences and dependencies."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild import __version__
from envbuild.declaration.source import is_source, kind_of
from envbuild.launchers.export import TARGET, ExportFormat
from envbuild.launchers.fleet import ExportedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.launchers.export import Export
    from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile

_SPACE = uuid.UUID("6c1d9a0e-5d0b-5c55-9a0a-0f4c4b0d6f5e")
"""The namespace for serial numbers from lockfile digests: one lockfile gives one document."""


def render_cyclonedx(
    lockfile: Lockfile, *, digest: str, envbuild: str, licences: Mapping[str, str]
) -> ExportedFile:
    """`<driver>.cdx.json`, the same for the same lockfile and licences.

    `digest` is the lockfile's; `envbuild` the version that writes;
    `licences` has by package what METADATA says, an SPDX expression or a name.
    """
    root = f"driver:{lockfile.driver}"
    references = _references(lockfile)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest)}",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [{"type": "application", "name": "envbuild", "version": envbuild}]
            },
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": lockfile.driver,
                "version": lockfile.version,
                "properties": [
                    {"name": "envbuild:lock", "value": digest},
                    *({"name": "envbuild:target", "value": str(t)} for t in lockfile.targets),
                ],
            },
        },
        "components": [
            _component(package, references[package], licences) for package in lockfile.every_package
        ],
        "dependencies": _dependencies(lockfile, root, references),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return ExportedFile(name=f"{lockfile.driver}.cdx.json", text=text)


_BUILT = {"name": "envbuild:built", "value": "from source"}


def _component(
    package: LockedPackage, reference: str, licences: Mapping[str, str]
) -> dict[str, object]:
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        "purl": _purl(package),
    }
    if len(package.files) == 1:
        component["hashes"] = [_hash(package.files[0])]
    licence = licences.get(package.name)
    if licence is not None:
        component["licenses"] = [_licence(licence)]
    component["components"] = [
        {
            "type": "file",
            "bom-ref": f"{reference}#{file.name}",
            "name": file.name,
            "hashes": [_hash(file)],
            "properties": [
                {"name": "envbuild:size", "value": str(file.size)},
                *([_BUILT] if package.is_built_wheel(file) else []),
            ],
        }
        for file in package.files
    ]
    component["properties"] = [
        _origin(package.index),
        *({"name": "envbuild:target", "value": str(target)} for target in package.targets),
    ]
    return component


def _origin(origin: str) -> dict[str, str]:
    """The index of a package, or the kind of its source."""
    if is_source(origin):
        return {"name": "envbuild:source", "value": kind_of(origin)}
    return {"name": "envbuild:index", "value": origin}


def _licence(text: str) -> dict[str, object]:
    """An SPDX expression if it is valid, else the name as the package wrote it."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return {"expression": canonicalize_license_expression(text)}
    except InvalidLicenseExpression:
        return {"license": {"name": text}}


def _hash(file: LockedFile) -> dict[str, str]:
    return {"alg": "SHA-256", "content": file.sha256}


def _references(lockfile: Lockfile) -> dict[LockedPackage, str]:
    """A unique name for each package table.

    A version has several tables if its wheels publish different METADATA; the first wheel then names each.
    """
    purls = [_purl(package) for package in lockfile.every_package]
    return {
        package: purl
        if purls.count(purl) == 1
        else f"{purl}?file_name={quote(package.files[0].name, safe='.')}"
        for package, purl in zip(lockfile.every_package, purls, strict=True)
    }


def _purl(package: LockedPackage) -> str:
    return f"pkg:pypi/{package.name}@{quote(package.version, safe='.')}"


def _dependencies(
    lockfile: Lockfile, root: str, references: Mapping[LockedPackage, str]
) -> list[dict[str, object]]:
    """The dependencies on any target between locked packages."""
    needs: dict[str, set[str]] = {root: set()}
    for package in lockfile.every_package:
        needs[references[package]] = set()
    for target in lockfile.targets:
        packages = {package.name: package for package in lockfile.packages_for(target)}
        for edge in lockfile.edges_on(target):
            if edge.package not in packages or edge.requirer == edge.package:
                continue
            who = root if edge.requirer is None else references[packages[edge.requirer]]
            needs[who].add(references[packages[edge.package]])
    return [{"ref": ref, "dependsOn": _sorted(names)} for ref, names in needs.items()]


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names)


def _render(export: Export) -> tuple[ExportedFile, ...]:
    return tuple(
        render_cyclonedx(
            lockfile,
            digest=digest,
            envbuild=__version__,
            licences=export.licences(lockfile.driver),
        )
        for lockfile, digest in export.lockfiles()
    )


FORMAT = ExportFormat(
    name="cyclonedx",
    files="`DRIVER.cdx.json` (CycloneDX 1.6)",
    taken_by="the schema, read strictly",
    render=_render,
    options=(TARGET,),
)

"""CycloneDX documents of lockfiles that golden files do not hold."""

from __future__ import annotations

import json

from envbuild.launchers.formats.cyclonedx import render_cyclonedx
from tests.support.values import ARM, LINUX, make_driver, make_file, make_lockfile, make_package


def test_every_reference_is_unique_where_metadata_differs_by_wheel() -> None:
    """One version in two package tables (torch on two platforms): each has its own bom-ref and what needs it."""
    driver = make_driver("app", "torch", platforms=(str(LINUX.platform), str(ARM.platform)))
    torch = [
        make_package(
            "torch",
            "2.9.0",
            targets=(target,),
            requires=requires,
            files=(make_file("torch", "2.9.0", tag, targets=(target,)),),
        )
        for target, requires, tag in (
            (LINUX, ("triton",), "cp312-cp312-manylinux_2_28_x86_64"),
            (ARM, (), "cp312-cp312-manylinux_2_28_aarch64"),
        )
    ]
    triton = make_package("triton", targets=(LINUX,), required_by=("torch",))
    lockfile = make_lockfile(driver, *torch, triton)
    file = render_cyclonedx(lockfile, digest="sha256:0", envbuild="1", licences={})
    document = json.loads(file.text)
    references = [component["bom-ref"] for component in document["components"]]
    inner = [part["bom-ref"] for one in document["components"] for part in one["components"]]
    assert len({*references, *inner}) == len(references) + len(inner)
    assert [component["purl"] for component in document["components"]][:2] == (
        ["pkg:pypi/torch@2.9.0"] * 2
    )
    needs = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    assert len(needs) == len(document["dependencies"]) == 1 + len(references)
    intel, arm = references[:2]
    assert needs[intel] == [references[2]]
    assert needs[arm] == []
    assert needs["driver:app"] == sorted([intel, arm])

"""A lockfile in which everything stands that one can hold."""

from __future__ import annotations

from envbuild.lockfile.text import render_lockfile
from tests.support.values import ARM, LINUX, make_driver, make_file, make_lockfile
from tests.support.values import make_package as package

WIDE = make_driver(
    "gateway",
    "litellm[proxy]>=1,<2",
    platforms=("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"),
    exclude_newer="2026-11-01",
    exclude_newer_packages=(("acme", None), ("beta", "7 days")),
    constraints=("urllib3>=2.6.3", "idna<4"),
)
TWO = (LINUX, ARM)
LOCKFILE = make_lockfile(
    WIDE,
    package(
        "acme-native",
        "2.1",
        index="internal",
        targets=TWO,
        requires=('idna>=3; sys_platform == "linux"',),
        required_by=("litellm",),
        files=(
            make_file("acme-native", "2.1", "cp312-cp312-manylinux_2_17_aarch64", (ARM,)),
            make_file("acme-native", "2.1", "cp312-cp312-manylinux_2_17_x86_64", (LINUX,)),
        ),
    ),
    package("idna", "3.10", targets=(ARM,), required_by=("acme-native",)),
    package("idna", "3.11", targets=(LINUX,), required_by=("acme-native",)),
    package("litellm", "1.80.0", targets=TWO, requires=("acme-native", 'rich; extra == "x"')),
)
TEXT = render_lockfile(LOCKFILE)

"""`[build.NAME]` as values."""

from __future__ import annotations

from envbuild.declaration.declaration import BuildOptions
from envbuild.declaration.toml.document import parse_declaration

TEXT = """
version = 1
[build.Flash_Attn]
requires = ["Torch>=2", "ninja"]
env = { MAX_JOBS = "4", "CC" = "gcc {x}" }
config-settings = { "--build-option" = ["-v", "-q"], "cmake.define.X" = "on" }
isolation = false
network = true
build-user = "builder"
timeout = 7200
memory = "8 GiB"
disk = "500 MiB"
[build.plain]
[drivers.one]
requires = ["flash-attn"]
"""


def test_every_key_is_read() -> None:
    """Names in normal form, sizes in bytes, tables in name order."""
    declaration = parse_declaration(TEXT, file="drivers.toml")
    assert declaration.build_of("flash-attn") == BuildOptions(
        package="flash-attn",
        file="drivers.toml",
        line=3,
        requires=("torch>=2", "ninja"),
        env=(("CC", "gcc {x}"), ("MAX_JOBS", "4")),
        config_settings=(("--build-option", ("-v", "-q")), ("cmake.define.X", "on")),
        isolation=False,
        network=True,
        build_user="builder",
        timeout=7200,
        memory=8 << 30,
        disk=500 << 20,
    )


def test_nothing_need_be_declared() -> None:
    """An empty table, and none at all, are the defaults."""
    declaration = parse_declaration(TEXT, file="drivers.toml")
    assert declaration.build_of("plain") == BuildOptions(
        package="plain", file="drivers.toml", line=13
    )
    assert declaration.build_of("other") == BuildOptions(package="other")
    assert declaration.build_of("other").isolation

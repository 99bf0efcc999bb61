"""The codes of `envbuild check`'s findings: a stable list, documented in docs/findings.md."""

from __future__ import annotations

CODES = {
    "missing-lockfile": "An enabled driver has no lockfile.",
    "broken-lockfile": "A lockfile is not what `envbuild lock` wrote, or of an unknown format, or it holds an address.",
    "stale-lockfile": "A lockfile no longer answers the declaration.",
    "incomplete-lockfile": "A lockfile lacks a package or a file that it needs.",
    "unmet-requirement": "A locked version is outside what a requirement or a constraint admits.",
    "file-replaced": "A locked file has other bytes than the file that was locked under its name.",
    "shared-path": "Packages bring one path with different content, as what is built of them shows.",
    "yanked": "A locked release was withdrawn by its index.",
    "held-back": "A newer version of what a driver requires was passed over, or a pre-release taken unasked.",
    "undeclared-lockfile": "A lockfile belongs to no declared driver.",
    "rule-coexist": "Drivers that must coexist do not lock one common set of versions.",
    "rule-agree": "A package that must be the same version everywhere is not.",
    "unmet-change": "No locked versions serve what a changed driver asks for; `lock` may find others.",
    "command-clash": "Two drivers expose a command, and the later one is left without a name of its own.",
    "command-shared": "Two drivers expose a command; the later one is called by its driver's name.",
    "conflict-appeared": "Two drivers conflict that did not before, or of which one is new.",
    "conflict-vanished": "Two drivers that conflicted do not any more.",
    "host-skips": "A host with the CUDA version of `--host` skips a driver.",
    "host-cuda": "A host with the CUDA version of `--host` cannot run a driver's locked wheels.",
}
"""Each code with what it means."""

"""What `verify`, `doctor`, `check` and `audit` report: findings, and the closed list of their codes."""

from __future__ import annotations

import enum

from envbuild.value import value


class Code(enum.StrEnum):
    """A finding's kind; a code never changes its meaning.

    docs/findings.md and the rules of SARIF are made from these rows.
    """

    level: str
    """The usual level: `error`, `warning` or `note`."""

    meaning: str
    """The meaning, as half a sentence; Markdown."""

    advice: str
    """What the user can do about it; Markdown."""

    def __new__(cls, code: str, level: str = "", meaning: str = "", advice: str = "") -> Code:
        """A member's value is its code; the other columns are its attributes."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.level, member.meaning, member.advice = level, meaning, advice
        return member

    # what `check` reports
    MISSING_LOCKFILE = (
        "missing-lockfile",
        "error",
        "an enabled driver has no lockfile",
        "run `envbuild lock DRIVER` and commit the file",
    )
    BROKEN_LOCKFILE = (
        "broken-lockfile",
        "error",
        "a lockfile is not what `envbuild lock` wrote: edited, truncated, of unknown format, or with unusable content",
        "restore it from version control, or lock again",
    )
    STALE_LOCKFILE = (
        "stale-lockfile",
        "error",
        "a lockfile no longer satisfies the declaration; the message has every reason",
        "run `envbuild lock DRIVER` and commit the file",
    )
    INCOMPLETE_LOCKFILE = (
        "incomplete-lockfile",
        "error",
        "a lockfile lacks a required package, or has no file (or several) of a package for a target",
        "lock again",
    )
    UNMET_REQUIREMENT = (
        "unmet-requirement",
        "error",
        "a locked version does not satisfy a requirement, a constraint or a `Requires-Python`",
        "lock again",
    )
    FILE_REPLACED = (
        "file-replaced",
        "error",
        "with `--against`: a locked file differs from the file of the same name at the revision",
        "find out who changed it; `--allow-replaced-files` makes it a warning",
    )
    SHARED_PATH = (
        "shared-path",
        "warning",
        "several packages have different content for one path (if this lockfile is built and current)",
        "leave one of the packages out; `overlap = 'refuse'` makes it an error",
    )
    YANKED = (
        "yanked",
        "warning",
        "an index has withdrawn a locked release; the lockfile has the reason",
        "require another version",
    )
    HELD_BACK = (
        "held-back",
        "note",
        "`lock` passed over a newer version of a requirement, or took a pre-release; the lockfile says why",
        "the hint has the line to write, such as `allow-sdist`; otherwise nothing",
    )
    TORCH_BUILD = (
        "torch-build",
        "error",
        "two locked wheels are built for different versions of torch, of CUDA or of ROCm",
        "require builds that belong together, or bind all of them to one index",
    )
    UNDECLARED_LOCKFILE = (
        "undeclared-lockfile",
        "warning",
        "a lockfile belongs to no declared driver",
        "remove it, or declare the driver",
    )
    RULE_COEXIST = (
        "rule-coexist",
        "error",
        "drivers that must coexist lock different versions of a package, or share no Python, platform or variant",
        "run `envbuild lock`, which resolves them together",
    )
    RULE_AGREE = (
        "rule-agree",
        "error",
        "a package that must have the same version everywhere has several",
        "run `envbuild lock`; if no locked version fits all, bound the package yourself",
    )
    UNMET_CHANGE = (
        "unmet-change",
        "warning",
        "no locked versions satisfy the new requirements of a driver; an index may have others",
        "run `envbuild lock DRIVER`",
    )
    COMMAND_CLASH = (
        "command-clash",
        "error",
        "two drivers expose a command, and the name `<driver>-<command>` is taken too",
        "say in `commands` which driver exposes which command",
    )
    COMMAND_SHARED = (
        "command-shared",
        "note",
        "two drivers expose a command, or it is a driver's name; the later shim begins with its own driver's name",
        "nothing, or change the order",
    )
    CONFLICT_APPEARED = (
        "conflict-appeared",
        "warning",
        "with `--against`: two drivers conflict now and did not before, or one of them is new",
        "read the chains; a `[[coexist]]` rule makes it an error",
    )
    CONFLICT_VANISHED = (
        "conflict-vanished",
        "note",
        "with `--against`: two drivers that conflicted do not conflict now",
        "nothing",
    )
    HOST_SKIPS = (
        "host-skips",
        "note",
        "a host with the accelerator of `--host` skips a driver",
        "nothing, if such hosts are not meant to run it",
    )
    HOST_VARIANT = (
        "host-variant",
        "note",
        "the variant of a driver that a host described by `--host` gets, and why it does not get an earlier one",
        "nothing",
    )
    HOST_ACCELERATOR = (
        "host-accelerator",
        "error",
        "a host with the accelerator of `--host` cannot run the locked wheels of a driver",
        "require a build for an older version, or declare a newer one in `accelerator`",
    )
    # what `verify` reports
    CURRENT = (
        "current",
        "error",
        "`current` is missing, is not a link, or does not point to a generation",
        "run `envbuild rollback N` or `envbuild sync`",
    )
    ELSEWHERE = (
        "elsewhere",
        "error",
        "the store is not at the path that its environments were built for, for example after a copy or in a container",
        "mount it at that path, or run `envbuild store move DIR`",
    )
    GENERATION_RECORD = (
        "generation-record",
        "error",
        "the record of a generation is missing or damaged",
        "run `envbuild verify --repair`, or `envbuild sync` for a new generation",
    )
    MANIFEST = (
        "manifest",
        "error",
        "a manifest has changed since it was written",
        "run `envbuild verify --repair`",
    )
    LINK = (
        "link",
        "error",
        "a link of a generation or of an environment is missing or points elsewhere",
        "run `envbuild verify --repair`",
    )
    SHIM = (
        "shim",
        "error",
        "a shim is missing or points elsewhere",
        "run `envbuild verify --repair`",
    )
    RECEIPT = (
        "receipt",
        "error",
        "a receipt is missing, damaged, or not the recorded one",
        "run `envbuild verify --repair`",
    )
    MISSING = (
        "missing",
        "error",
        "an environment, or a file of it, is missing",
        "run `envbuild verify --repair`",
    )
    EXTRA = (
        "extra",
        "error",
        "there is a file that was not built",
        "run `envbuild verify --repair`",
    )
    DRIFT_CACHE = (
        "drift-cache",
        "warning",
        "a process wrote a cache beside the modules: bytecode, or Numba's `.nbi` and `.nbc`",
        "run `envbuild verify --repair`, which removes it; `rollback` ignores it",
    )
    KIND = (
        "kind",
        "error",
        "a file, link or folder has become something else",
        "run `envbuild verify --repair`",
    )
    CONTENT = (
        "content",
        "error",
        "a file's content has changed",
        "run `envbuild verify --repair`",
    )
    CHANGED = (
        "changed",
        "error",
        "`verify --quick`: a file's size, time, mode or inode has changed",
        "run `envbuild verify`, which reads the file",
    )
    STATS = (
        "stats",
        "error",
        "`verify --quick`: the record of how an environment's files looked is missing or damaged",
        "run `envbuild verify --repair`",
    )
    MODE = (
        "mode",
        "error",
        "the permissions of a file or a folder have changed",
        "run `envbuild verify --repair`",
    )
    INTERPRETER = (
        "interpreter",
        "error",
        "the Python of an environment is missing, does not start, or is another one",
        "install it again, or run `envbuild sync`; if only its build changed, `envbuild verify --repair` records it",
    )
    INHERITED = (
        "inherited",
        "error",
        "a package that an environment takes from the host (`inherit`) is gone or another one",
        "install the earlier version on the host, or run `envbuild lock --host-packages FILE` and `envbuild sync`",
    )
    UNREPAIRED = (
        "unrepaired",
        "error",
        "`verify --repair` could not restore something; the message says why",
        "the hint says what to do",
    )
    # what `doctor` reports besides
    UNREACHABLE = (
        "unreachable",
        "error",
        "other users cannot reach the store",
        "the hint says which folder keeps them out",
    )
    NOEXEC = (
        "noexec",
        "error",
        "the store is on a file system that is mounted `noexec`: no program and no native module there starts",
        "mount it without `noexec`, or put the store elsewhere",
    )
    FILE_SYSTEM = (
        "file-system",
        "warning",
        "the store's file system lacks something: hard links, locks, fractions of seconds, capital letters",
        "nothing, if what the message says does not matter; else put the store elsewhere",
    )
    OLD_EXPORT = (
        "old-export",
        "warning",
        "an exported file names an environment that is no longer current",
        "run `envbuild export --refresh`",
    )
    DISK = (
        "disk",
        "error",
        "the disk is nearly full",
        "run `envbuild gc`",
    )
    ACCELERATOR = (
        "accelerator",
        "error",
        "this host's accelerator does not support the version that installed packages need",
        "the hint says what to upgrade",
    )
    VARIANT = (
        "variant",
        "warning",
        "another variant of a driver is installed than this host would get now: an accelerator, or its driver, changed",
        "run `envbuild sync`",
    )
    LOCKFILE = (
        "lockfile",
        "error",
        "an environment differs from its lockfile, or a lockfile cannot be read",
        "run `envbuild lock` or `envbuild sync`",
    )
    REQUIREMENT = (
        "requirement",
        "error",
        "an installed package does not satisfy a requirement of another one",
        "run `envbuild lock` and `envbuild sync`",
    )
    RANGE = (
        "range",
        "error",
        "an installed package is outside a range of the declaration",
        "run `envbuild lock` and `envbuild sync`",
    )
    # what `audit` reports
    VULNERABLE = (
        "vulnerable",
        "error",
        "a locked or installed package has a known vulnerability",
        "the hint says which fixed version fits, or what holds it back; `[audit] ignore` ignores it until a date",
    )


@value
class Finding:
    """One thing that `verify`, `doctor`, `check` or `audit` reports."""

    code: Code

    subject: str
    """The environment, generation, driver or unit file that it is about."""

    message: str
    """One sentence without a final stop."""

    path: str | None = None
    """The file that it is about, if there is one; relative to the environment if it is in one."""

    hint: str | None = None
    """What the user can do about it."""

    line: int | None = None
    """The line of `path`, if there is one."""

    other_level: str | None = None
    """The level, if it is not the code's usual one."""

    @property
    def level(self) -> str:
        """`error` makes the exit code 1; `warning` and `note` do not."""
        return self.other_level or self.code.level


def finding_table(finding: Finding) -> dict[str, object]:
    """The finding as a JSON object, absent fields as null."""
    return {
        "code": finding.code,
        "subject": finding.subject,
        "path": finding.path,
        "message": finding.message,
        "hint": finding.hint,
    }

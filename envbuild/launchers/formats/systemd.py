"""systemd units: a template for every driver, and drop-ins for units that exist."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import ARGUMENTS, UNIT, ExportFormat
from envbuild.launchers.fleet import ExportedFile, check_path, check_printable, header, join
from envbuild.launchers.startup import START_LIMIT, earlier, health_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.driver import Launch
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

DROP_IN = "50-envbuild.conf"
_PLAIN = re.compile(r"[A-Za-z0-9._/+:@,=%$-]+")
_PREFIX = "@-:+!|"
_HIDDEN_BY_PRIVATE_TMP = ("/tmp/", "/var/tmp/")  # noqa: S108 - compared with, never written
_HIDDEN_BY_PROTECT_HOME = ("/home/", "/root/", "/run/user/")


def render_systemd(
    fleet: BuiltFleet, *, arguments: tuple[str, ...] | None, unit: tuple[str, str] | None
) -> tuple[ExportedFile, ...]:
    """The template unit (with stable paths), and a drop-in for every driver.

    `arguments` follow the command in the drop-ins; with `unit`, a unit's name and text, they come from it.
    """
    template = (_template(fleet),) if fleet.stable and unit is None else ()
    waits = earlier(fleet)
    drop_ins = tuple(
        drop_in(
            subject,
            stable=fleet.stable,
            unit=unit[0] if unit else f"{subject.entry.name}.service",
            tail=tail(subject.launch(arguments, None).arguments or arguments, unit),
            earlier=waits.get(subject.entry.name, ()),
            asks_health=unit is None,
        )
        for subject in fleet.subjects
    )
    if not template:
        return drop_ins
    own = (_instance(fleet, one, waits.get(one.entry.name, ())) for one in fleet.subjects)
    return (*template, *(file for file in own if file is not None), *drop_ins)


def _instance(
    fleet: BuiltFleet, subject: BuiltDriver, earlier: tuple[str, ...]
) -> ExportedFile | None:
    """What `launch` says of a driver that the template starts; None if it says nothing."""
    launch = subject.launch(None, None)
    name = subject.entry.name
    unit = order(launch, earlier, prefix="envbuild@")
    service = environment_file(launch) + _well(subject, stable=fleet.stable)
    if launch.arguments:
        binary = check_path(f"{fleet.store}/current/bin/{name}", "systemd")
        words = " ".join(map(quote, launch.arguments))
        service += ["ExecStart=", f"ExecStart={binary} {words}"]
    if not unit and not service:
        return None
    lines = [f"# {header('systemd')}", *(["[Unit]", *unit] if unit else [])]
    lines += ["[Service]", *service] if service else []
    return ExportedFile(name=f"envbuild@{name}.service.d/{DROP_IN}", text=join(lines))


def order(launch: Launch, earlier: tuple[str, ...], *, prefix: str = "") -> list[str]:
    """Lines of `[Unit]`: what `after` names is started too; what only goes first is waited for if it starts."""
    wanted = [f"{prefix}{other}.service" for other in launch.after]
    first = [f"{prefix}{other}.service" for other in earlier if other not in launch.after]
    lines = [f"{key}={unit}" for unit in wanted for key in ("After", "Wants")]
    return lines + [f"After={unit}" for unit in first]


def _well(subject: BuiltDriver, *, stable: bool) -> list[str]:
    """The start is over when the health path answers; it fails when the service ends before."""
    python = f"{subject.bin_folder(stable=stable)}/python"
    check = health_check(python, subject.launch(None, None))
    if not check:
        return []
    script = f"until {shlex.join(check)} 2>/dev/null; do kill -0 $MAINPID || exit; sleep 2; done"
    return [f"ExecStartPost=/bin/sh -c {quote(script)}", f"TimeoutStartSec={START_LIMIT}"]


def environment_file(launch: Launch) -> list[str]:
    """The line that names the file with the driver's variables, if there is one."""
    return [f"EnvironmentFile={launch.environment_file}"] if launch.environment_file else []


def drop_in(
    subject: BuiltDriver,
    *,
    stable: bool,
    unit: str,
    tail: str,
    earlier: tuple[str, ...] = (),
    asks_health: bool = False,
) -> ExportedFile:
    """`<unit>.d/50-envbuild.conf`: replaces the unit's command by this one.

    A unit with arguments of its own may listen elsewhere, so that its health is not asked.
    """
    binary = check_path(subject.binary(stable=stable), "systemd")
    launch = subject.launch(None, None)
    unit_lines = order(launch, earlier)
    lines = [f"# {header('systemd')}", *(["[Unit]", *unit_lines] if unit_lines else [])]
    lines.append("[Service]")
    if tail == _ARGUMENTS:
        lines.append(f"EnvironmentFile=-%E/envbuild/{subject.entry.name}.env")
    lines += environment_file(launch)
    lines += ["ExecStart=", f"ExecStart={binary} {tail}".rstrip()]
    lines += _well(subject, stable=stable) if asks_health else []
    return ExportedFile(name=f"{unit}.d/{DROP_IN}", text=join(lines))


_ARGUMENTS = "$ARGUMENTS"


def tail(arguments: tuple[str, ...] | None, unit: tuple[str, str] | None) -> str:
    """The arguments: the unit's own, else the given ones, else `$ARGUMENTS`."""
    if unit is not None:
        return parse_exec_start(unit[1], file=unit[0])
    if arguments is not None:
        return " ".join(quote(word) for word in arguments)
    return _ARGUMENTS


def quote(word: str) -> str:
    """A word for `ExecStart=`, with specifiers, variables and blanks escaped."""
    check_printable(word, "the argument", "systemd")
    doubled = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return doubled
    escaped = doubled.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_exec_start(text: str, *, file: str) -> str:
    """The arguments in a unit's last `ExecStart=`, verbatim.

    UsageError if the unit has none, or renames its program.
    """
    joined = " ".join(part.strip(" \t") for part in text.split("\\\n"))
    lines = (
        line.removeprefix("ExecStart=").strip()
        for line in joined.split("\n")
        if line.startswith("ExecStart=")
    )
    found = [line for line in lines if line]
    if not found:
        raise UsageError(Problem(file=file, message="the unit has no ExecStart="))
    command, _, rest = found[-1].partition(" ")
    prefix = command[: len(command) - len(command.lstrip(_PREFIX))]
    if "@" in prefix or command.lstrip(_PREFIX).startswith(('"', "'")):
        message = f"ExecStart={command} names its program in a way that a drop-in cannot keep"
        hint = "give the arguments with --arguments instead of --unit"
        raise UsageError(Problem(file=file, message=message, hint=hint))
    return re.sub(r"\s+", " ", rest.strip()) if not re.search(r"[\"']", rest) else rest.strip()


def _template(fleet: BuiltFleet) -> ExportedFile:
    store = check_path(fleet.store, "systemd")
    lines = [
        f"# {header('systemd')}",
        "# Start a driver with `systemctl start envbuild@DRIVER`;",
        '# its arguments are ARGUMENTS="…" in /etc/envbuild/DRIVER.env.',
        "[Unit]",
        "Description=%i, as envbuild built it",
        "After=network-online.target",
        "Wants=network-online.target",
        "# Five failures in five minutes end it, rather than a crash loop.",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=5",
        "",
        "[Service]",
        "EnvironmentFile=-%E/envbuild/%i.env",
        f"ExecStart={store}/current/bin/%i {_ARGUMENTS}",
        "Restart=on-failure",
        "RestartSec=5",
        *_sandbox(fleet),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return ExportedFile(name="envbuild@.service", text=join(lines))


def _sandbox(fleet: BuiltFleet) -> Iterator[str]:
    """Settings that depend on the store: it is read-only, and some protections would hide it."""
    places = [f"{fleet.store}/", *(subject.base_python for subject in fleet.subjects)]
    if all(subject.shared for subject in fleet.subjects):
        yield "DynamicUser=yes"
    else:
        yield "# No DynamicUser=: the store or an interpreter is in a folder that is closed to others."
        yield "# Set User= to a user who can enter it, or the driver runs as root."
    yield "StateDirectory=envbuild-%i"
    yield "CacheDirectory=envbuild-%i"
    yield "Environment=HOME=%S/envbuild-%i"
    yield "WorkingDirectory=%S/envbuild-%i"
    yield "ProtectSystem=strict"
    yield f"ReadOnlyPaths={fleet.store}"
    hidden = any(place.startswith(_HIDDEN_BY_PROTECT_HOME) for place in places)
    yield "ProtectHome=read-only" if hidden else "ProtectHome=yes"
    if not any(place.startswith(_HIDDEN_BY_PRIVATE_TMP) for place in places):
        yield "PrivateTmp=yes"
    yield "NoNewPrivileges=yes"
    yield "ProtectKernelTunables=yes"
    yield "ProtectKernelModules=yes"
    yield "ProtectControlGroups=yes"
    yield "RestrictSUIDSGID=yes"
    yield "LockPersonality=yes"


FORMAT = ExportFormat(
    name="systemd",
    files="`envbuild@.service`, and drop-ins `50-envbuild.conf` for units of drivers",
    taken_by="`systemd-analyze verify`, a system that boots",
    render=lambda export: render_systemd(
        export.fleet, arguments=export.request.arguments, unit=export.unit()
    ),
    options=(ARGUMENTS, UNIT),
    stable=True,
    uses_declaration=True,
)

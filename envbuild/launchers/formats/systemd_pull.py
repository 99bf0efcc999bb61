"""systemd: a timer and a service that follow a release, and a service that tells when that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.export import FROM, PROGRAM, ExportFormat
from envbuild.launchers.fleet import ExportedFile, check_path, header, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.launchers.export import Export

_NAME = "envbuild-pull"
_AT_HOME = ("/home/", "/root/", "/run/user/")
_MEANINGS = {
    "0": "followed the release, but restarting $$RESTART failed",
    "1": "the release has expired or is older than the last one, or a probe failed",
    "2": "the command, the settings or the declaration is wrong",
    "3": "the declaration cannot be satisfied",
    "4": "no source has the release, or the built content differs from it",
    "5": "this host cannot have it: disk, Python, platform or the path of the store",
}
"""Exit code → what it means for a host that follows a release; single quotes stand around all of them."""

_SANDBOX = """\
UMask=0022
ProtectSystem=strict
PrivateTmp=yes
PrivateMounts=yes
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM"""
"""What following a release does not need. Building sources needs more: namespaces and another user."""


def render_systemd_pull(export: Export) -> tuple[ExportedFile, ...]:
    """The service, its timer, and the service that tells of failures."""
    texts = {
        f"{_NAME}.service": _service(export),
        f"{_NAME}.timer": _timer(export.request.source),
        f"{_NAME}-alert.service": _alert(),
    }
    return tuple(
        ExportedFile(name=name, text=join([f"# {header('systemd-pull')}", *lines]))
        for name, lines in texts.items()
    )


def _service(export: Export) -> Iterator[str]:
    request, store = export.request, check_path(export.store, "systemd-pull")
    drivers = [one.entry.name for one in export.fleet.subjects] if request.drivers else []
    program = [check_path(request.command[0], "systemd-pull"), *request.command[1:]]
    words = (*program, "--store", store, "--no-progress", "sync", "--from", request.source)
    yield "# Settings are in /etc/envbuild/pull.env: proxies, REGISTRY_AUTH_FILE,"
    yield "# and RESTART, the units that are restarted after a switch, as in RESTART=envbuild@*.service"
    yield "[Unit]"
    yield f"Description=envbuild follows {request.source}"
    yield "After=network-online.target"
    yield "Wants=network-online.target"
    yield f"OnFailure={_NAME}-alert.service"
    yield ""
    yield "[Service]"
    yield "Type=oneshot"
    yield "EnvironmentFile=-%E/envbuild/pull.env"
    yield f"Environment=HOME=%S/{_NAME}"
    yield f"StateDirectory={_NAME}"
    yield f"WorkingDirectory=%S/{_NAME}"
    yield f"ExecStartPre=+/bin/mkdir -p {store}"
    yield f"ExecStart={' '.join((*words, *drivers))}"
    yield f"ExecStartPost=+/bin/sh -efc '{_restart(store)}'"
    yield "TimeoutStartSec=2h"
    yield "Nice=10"
    yield "IOSchedulingClass=idle"
    yield ""
    yield "# A host that builds packages from source needs more than this permits: see docs/fleet.md."
    yield f"ReadWritePaths={store}"
    hidden = f"{store}/".startswith(_AT_HOME) or program[0].startswith(_AT_HOME)
    yield f"ProtectHome={'no' if hidden else 'yes'}"
    yield from _SANDBOX.splitlines()


def _restart(store: str) -> str:
    """A script: restart the units of $RESTART once for each generation, also if the last try broke off."""
    kept = f"%S/{_NAME}/restarted"
    return (
        f'now=$$(readlink {store}/current); test "$$now" != "$$(cat {kept} 2>/dev/null)" || exit 0; '
        f'test -z "$$RESTART" || systemctl try-restart -- $$RESTART; echo "$$now" >{kept}'
    )


def _timer(source: str) -> Iterator[str]:
    yield "# Each host has a delay of its own, which stays: a fleet does not ask all at once."
    yield "[Unit]"
    yield f"Description=When envbuild follows {source}"
    yield ""
    yield "[Timer]"
    yield "OnCalendar=*:0/15"
    yield "RandomizedDelaySec=15min"
    yield "FixedRandomDelay=yes"
    yield "Persistent=yes"
    yield ""
    yield "[Install]"
    yield "WantedBy=timers.target"


def _alert() -> Iterator[str]:
    asked = f"systemctl show --property ExecMainStatus --value {_NAME}.service"
    yield "# /etc/envbuild/alert, if there is such a program, gets the exit code and its meaning as arguments."
    yield "[Unit]"
    yield "Description=Tell that envbuild could not follow its release"
    yield ""
    yield "[Service]"
    yield "Type=oneshot"
    yield "EnvironmentFile=-%E/envbuild/pull.env"
    yield "ExecStart=/bin/sh -c ' \\"
    yield f"    code=$${{MONITOR_EXIT_STATUS:-$$({asked})}}; \\"
    yield '    case "$$code" in \\'
    for code, meaning in _MEANINGS.items():
        yield f'    {code}) why="{meaning}" ;; \\'
    yield '    *) why="it was ended before it could say why" ;; \\'
    yield "    esac; \\"
    yield f'    logger --priority daemon.err --tag {_NAME} "exit code $$code: $$why"; \\'
    yield '    if test -x %E/envbuild/alert; then exec %E/envbuild/alert "$$code" "$$why"; fi\''


FORMAT = ExportFormat(
    name="systemd-pull",
    files="`envbuild-pull.service`, `.timer`, `envbuild-pull-alert.service`",
    taken_by="`systemd-analyze verify` and `security`, a system that boots",
    render=render_systemd_pull,
    options=(FROM, PROGRAM),
)

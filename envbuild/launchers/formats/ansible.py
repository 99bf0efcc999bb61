"""Ansible: a playbook that rolls a release out with the collection `envbuild.fleet`, and its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.export import FROM, PROGRAM, ExportFormat
from envbuild.launchers.fleet import ExportedFile, check_path, header, join
from envbuild.launchers.formats.kubernetes import yaml_lines

if TYPE_CHECKING:
    from envbuild.launchers.export import Export

_PLAYBOOK = """\
# It needs the collection envbuild.fleet: `ansible-galaxy collection install ./ansible` in envbuild's repository.
- name: Fetch and build everywhere first
  hosts: all
  gather_facts: false
  max_fail_percentage: 0
  tasks:
    - name: Fetch
      ansible.builtin.import_role:
        name: envbuild.fleet.rollout
        tasks_from: fetch

# A host that is not healthy goes back and ends the roll-out; the hosts of later rings do not change.
- name: Switch, ring by ring
  hosts: all
  gather_facts: false
  serial: [1, "10%", "100%"]
  max_fail_percentage: 0
  tasks:
    - name: Switch
      ansible.builtin.import_role:
        name: envbuild.fleet.rollout
        tasks_from: switch
    - name: Report
      ansible.builtin.import_role:
        name: envbuild.fleet.rollout
        tasks_from: report
    - name: Soak
      ansible.builtin.import_role:
        name: envbuild.fleet.rollout
        tasks_from: soak"""


def render_ansible(export: Export) -> tuple[ExportedFile, ...]:
    """The playbook, and the variables of the group `all` beside it."""
    request = export.request
    drivers = [one.entry.name for one in export.fleet.subjects] if request.drivers else []
    variables = {
        "envbuild_source": [request.source],
        "envbuild_store": check_path(export.store, "ansible"),
        "envbuild_command": list(request.command),
        "envbuild_drivers": drivers,
        "envbuild_restart": [f"envbuild@{name}.service" for name in drivers],
    }
    notes = (
        f"# {header('ansible')}",
        "# Put your own values into another file in this folder, such as site.yml, which is read after this one:",
        "# envbuild_restart, the units that are restarted after a switch;",
        "# envbuild_health_command, which exits 0 when a host is healthy.",
    )
    return (
        ExportedFile(name="rollout.yml", text=join((notes[0], *_PLAYBOOK.splitlines()))),
        ExportedFile(
            name="group_vars/all/envbuild.yml", text=join((*notes, *yaml_lines(variables)))
        ),
    )


FORMAT = ExportFormat(
    name="ansible",
    files="`rollout.yml`, `group_vars/all/envbuild.yml`",
    taken_by="`ansible-playbook`, over sshd",
    render=render_ansible,
    options=(FROM, PROGRAM),
)

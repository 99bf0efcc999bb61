"""The module `envbuild.fleet.release`: what a host has, fetches, switches to and goes back to."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release
short_description: Makes a host follow a release of envbuild
description:
  - Says which generation a host has, fetches and builds a release in advance, switches to it, runs its probes,
    and goes back to a generation by its number.
  - A switch is one rename. If a step fails, the current generation does not change.
options:
  state:
    description:
      - V(facts) changes nothing, and sets the fact C(envbuild).
      - V(fetched) fetches the release and builds its environments; the current generation does not change.
      - V(current) switches to the release.
      - V(probed) runs the release's probes in the current environments.
      - V(generation) goes back, or forward, to the number in O(generation).
    choices: [facts, fetched, current, probed, generation]
    default: current
    type: str
  store:
    description: The store's path; it should be the same on all hosts.
    required: true
    type: path
  source:
    description: Where the release is, C(oci://HOST/REPOSITORY:TAG), C(https://…), C(dir:PATH) or C(tar:PATH);
      several sources are asked in this order.
    default: []
    elements: str
    type: list
  drivers:
    description: Only these drivers; if empty, all drivers of the release.
    default: []
    elements: str
    type: list
  generation:
    description: The number of the generation to go to, for O(state=generation).
    type: int
  command:
    description: The command that runs envbuild on the host, as a list of words.
    default: [envbuild]
    elements: str
    type: list
  only_from:
    description: Whether to ask no package index.
    default: true
    type: bool
  allow_older:
    description: Whether to follow a release that has expired, or is older than the last one.
    default: false
    type: bool
  insecure:
    description: Whether to allow a registry or a web root without TLS.
    default: false
    type: bool
attributes:
  check_mode:
    support: full
    description: Only plans, and changes nothing.
  diff_mode:
    support: full
    description: Shows the generation, and each driver with its version and key.
  platform:
    support: full
    platforms: linux
    description: Hosts need envbuild, and Python for Ansible.
author: [envbuild's maintainers]
"""

EXAMPLES = r"""
- name: Fetch and build beforehand
  envbuild.fleet.release:
    store: /opt/envbuild
    source: oci://registry.example.com/fleet/gpu:ring-1
    state: fetched

- name: Switch
  envbuild.fleet.release:
    store: /opt/envbuild
    source: oci://registry.example.com/fleet/gpu:ring-1

- name: Go back
  envbuild.fleet.release:
    store: /opt/envbuild
    state: generation
    generation: 11
"""

RETURN = r"""
generation:
  description: The number of the current generation, afterwards; 0 if the host has none.
  returned: always
  type: int
generation_before:
  description: The number of the current generation, beforehand.
  returned: always
  type: int
release:
  description: Number and digest of the release that was followed.
  returned: for the states fetched and current
  type: dict
exit_code:
  description: envbuild's exit code.
  returned: on failure
  type: int
"""

ARGUMENTS = {
    "state": {
        "choices": ["facts", "fetched", "current", "probed", "generation"],
        "default": "current",
    },
    "store": {"type": "path", "required": True},
    "source": {"type": "list", "elements": "str", "default": []},
    "drivers": {"type": "list", "elements": "str", "default": []},
    "generation": {"type": "int"},
    "command": {"type": "list", "elements": "str", "default": ["envbuild"]},
    "only_from": {"type": "bool", "default": True},
    "allow_older": {"type": "bool", "default": False},
    "insecure": {"type": "bool", "default": False},
}
NEEDED = [
    ("state", "fetched", ["source"]),
    ("state", "current", ["source"]),
    ("state", "generation", ["generation"]),
]


class Host:
    """envbuild on this host, asked through its command line; what fails ends the module."""

    def __init__(self, module):
        self.module = module
        self.wanted = module.params
        self.store = Path(module.params["store"])
        self.before = self.number
        self.drivers_before = self.drivers()

    @property
    def number(self):
        """The current generation's number; 0 if there is none."""
        try:
            return int((self.store / "current").readlink().name)
        except (OSError, ValueError):
            return 0

    @property
    def unchanged(self):
        """The generation and its drivers, as they were."""
        return self.before, self.drivers_before

    def ask(self, *words):
        """A command's JSON object."""
        argv = [*self.wanted["command"], "--store", self.wanted["store"], "--format", "json"]
        code, out, err = self.module.run_command([*argv, "--no-progress", *words], cwd="/")
        if code != 0:
            said = err.strip() or out.strip() or "envbuild said nothing"
            self.fail(said, exit_code=code, stdout=out, stderr=err)
        try:
            return json.loads(out)
        except ValueError:
            return self.fail("envbuild did not answer in JSON", stdout=out, stderr=err)

    def fail(self, message, **more):
        """End the module."""
        numbers = {"generation_before": self.before, "generation": self.number}
        self.module.fail_json(msg=message, **numbers, **more)

    def drivers(self):
        """Each driver of the current generation with its version and key."""
        if not self.number:
            return {}
        found = self.ask("list")["drivers"]
        return {name: f"{one['version']} {one['key'][:12]}" for name, one in found.items()}

    def sync(self, *options):
        """`envbuild sync --from …`."""
        words = [word for source in self.wanted["source"] for word in ("--from", source)]
        for name in ("only_from", "allow_older", "insecure"):
            words += [f"--{name.replace('_', '-')}"] if self.wanted[name] else []
        return self.ask("sync", *words, *options, *self.wanted["drivers"])

    def finish(self, *, changed, after=None, **more):
        """Answer; `after` is what the host has, or would have, if that is known."""
        if after is None:
            after = (self.number, self.drivers()) if changed else self.unchanged
        diff = {
            "before": told(*self.unchanged),
            "after": told(*after),
            "before_header": "current generation",
            "after_header": "current generation",
        }
        numbers = {"generation_before": self.before, "generation": self.number}
        self.module.exit_json(changed=changed, diff=diff, **numbers, **more)


def told(number, drivers):
    """A generation as lines, for a diff."""
    lines = [f"generation {number}", *(f"{name} {one}" for name, one in sorted(drivers.items()))]
    return "".join(f"{line}\n" for line in lines)


def facts(host):
    """Look, and set the fact `envbuild`."""
    nothing = {"generation": 0, "release": None, "drivers": []}
    report = host.ask("report") if host.before else nothing
    host.finish(changed=False, ansible_facts={"envbuild": report})


def fetched(host):
    """Fetch and build; the host stays at its generation."""
    if host.module.check_mode:
        plan = host.sync("--dry-run")
        changed = any(
            not (host.store / "envs" / one["environment"]).is_dir() for one in plan["plan"]["build"]
        )
    else:
        plan = host.sync("--fetch", "--build")
        changed = bool(plan["built"])
    host.finish(changed=changed, after=host.unchanged, release=plan["release"])


def current(host):
    """Switch to the release."""
    if not host.module.check_mode:
        done = host.sync()
        return host.finish(changed=host.number != host.before, release=done["release"])
    plan = host.sync("--dry-run")
    planned = dict(host.drivers_before)
    for one in plan["plan"]["build"]:
        planned[one["driver"]] = f"{one['version']} {one['environment'].rpartition('-')[2][:12]}"
    for name in plan["plan"]["drop"]:
        planned.pop(name, None)
    after = host.unchanged if plan["empty"] else ("of the release", planned)
    return host.finish(changed=not plan["empty"], after=after, release=plan["release"])


def probed(host):
    """Run the probes that the followed release declares."""
    if not host.before:
        host.fail("the host has no generation, so there is nothing to probe")
    release = host.ask("report")["release"]
    if release is None:
        host.fail("the current generation was not made from a release, so its probes are not known")
    folder = f"{release['sequence']}-{release['digest'].partition(':')[2][:12]}"
    file = str(host.store / "releases" / folder / "drivers.toml")
    result = host.ask("--file", file, "probe", *host.wanted["drivers"])
    host.finish(changed=False, probes=result)


def generation(host):
    """Be at a generation by its number."""
    number = host.wanted["generation"]
    changed = host.before != number
    if changed and not host.module.check_mode:
        host.ask("rollback", str(number))
        return host.finish(changed=True)
    return host.finish(changed=changed, after=(number, host.drivers_before))


STATES = {
    "facts": facts,
    "fetched": fetched,
    "current": current,
    "probed": probed,
    "generation": generation,
}


def main():
    """What Ansible starts."""
    module = AnsibleModule(ARGUMENTS, required_if=NEEDED, supports_check_mode=True)
    STATES[module.params["state"]](Host(module))


if __name__ == "__main__":
    main()

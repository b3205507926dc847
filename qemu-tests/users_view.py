# SPDX-License-Identifier: GPL-2.0-or-later
# What users who are not root see of the product on a machine with systemd, and where keys may not be.

import re
from dataclasses import dataclass

from machine.system import VISITOR, SystemdGuest

UNITS = ("crashdump-prepare.service", "crashdump-load.service", "crashdump-recover.service")
# Started by the last of them.
HOOKS = "crashdump-hooks.service"
SESSIONS = "systemd-user-sessions.service"
# What systemd tells everybody of a run: when each state began, which processes there were, where, and what memory is free.
OF_THE_RUN = re.compile(r".*Timestamp(Monotonic)?|ExecMainPID|ControlGroupId|MemoryAvailable|ExecStart(Pre)?(Ex)?|InvocationID")
HOW_LONG = re.compile(r"\bin [0-9.]+m?s\b")


@dataclass(frozen=True)
class Seen:
    """By a user who is not root: mode, owners, links, size, times of files; swap and journal; properties of the units."""

    files: dict[str, str]
    other: str
    properties: dict[str, str]


def what_a_user_sees(system: SystemdGuest) -> Seen:
    vm = system.vm
    paths = "/var/crash /var/crash/* /var/crash/.[!.]* /var/lib/crashdump /var/lib/crashdump/*"
    listing = vm.run(f"stat -c '%n %A %U %G %h %s %Y %Z' {paths} 2>/dev/null", user=VISITOR).out
    files = {name: rest for name, rest in (line.split(" ", 1) for line in listing.splitlines())}
    # Its times say when the machine was armed last.
    files["/run/crashdump"] = vm.must("stat -c '%A %U %G %h %s' /run/crashdump", user=VISITOR)
    for path in ("/var/crash/kernel", "/var/lib/crashdump", "/run/crashdump"):
        assert path in files and vm.run(f"ls {path}", user=VISITOR).status != 0
        assert vm.run(f"cd {path}", user=VISITOR).status != 0
    other = vm.must("cat /proc/swaps; grep SwapTotal /proc/meminfo", user=VISITOR)
    # A user's own session is in the journal, too, without times: how long it took to begin.
    other += HOW_LONG.sub("in a while", vm.run("journalctl -q -b -o cat; journalctl -q -o cat -u 'crashdump-*'; dmesg", user=VISITOR).out)
    properties = {}
    for unit in (*UNITS, HOOKS):
        for line in vm.must(f"systemctl show {unit}", user=VISITOR).splitlines():
            name, _, value = line.partition("=")
            properties[f"{unit} {name}"] = " ".join(sorted(value.split()))  # sets are shown in any order
    return Seen(files, other, properties)


def differing_files(before: Seen, after: Seen) -> set[str]:
    names = before.files.keys() | after.files.keys()
    return {name for name in names if before.files.get(name) != after.files.get(name)}


def differing_properties(before: Seen, after: Seen) -> set[str]:
    """Without what is different after each boot."""
    names = before.properties.keys() | after.properties.keys()
    differing = {name.split()[1] for name in names if before.properties.get(name) != after.properties.get(name)}
    return {name for name in differing if not OF_THE_RUN.fullmatch(name)}


def secrets_on_disk(system: SystemdGuest) -> set[str]:
    records = system.vm.must("cat /var/lib/crashdump/keys/*")
    secrets = re.findall(r"^(?:authentication|encryption)_key=([0-9a-f]{64})$", records, re.MULTILINE)
    assert len(secrets) >= 2
    return set(secrets)


def check_keys_are_nowhere(system: SystemdGuest, secrets: set[str]) -> None:
    """Neither those of the dump, nor those of the arming: but in their files, which users cannot read."""
    vm = system.vm
    assert len(secrets) >= 4
    shown = vm.must("journalctl -q -o cat; dmesg; cat /proc/cmdline /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'")
    for secret in secrets:
        assert secret not in shown
    assert vm.run("cat /var/lib/crashdump/keys/*", user=VISITOR).status != 0
    assert "crashdump" not in vm.run("cat /proc/[0-9]*/environ", user=VISITOR).out


def check_boot(system: SystemdGuest, state: str) -> None:
    """What is true of every boot with all units enabled: nothing has failed, and nothing was waited for in vain."""
    vm = system.vm
    assert state == "running", vm.must("systemctl --failed; journalctl -b -u 'crashdump-*'")
    journal = vm.must("journalctl -b -o cat")
    for sign in ("ordering cycle", "deleted to break", "imed out"):
        assert sign not in journal
    assert len(vm.must("cat /proc/swaps").splitlines()) == 2
    for unit in (*UNITS, HOOKS):
        assert system.property(unit, "Result") == "success"
    assert system.moment("crashdump-load.service", "ActiveEnter") < system.moment(SESSIONS, "InactiveExit")

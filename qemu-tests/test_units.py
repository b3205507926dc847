# SPDX-License-Identifier: GPL-2.0-or-later
# The systemd units in a distribution's system: when they run in the boot, what waits for them, and what users see of them.

import json
import os
import re
from pathlib import Path
from typing import Callable

import pytest

from machine.drive import Drive
from machine.product import ALL_PAGES, CRASHKERNEL, DUMPS, Arming
from machine.rig import MEMORY_MIB
from machine.system import VISITOR, BootedSystem
from users_view import (
    HOOKS,
    SESSIONS,
    UNITS,
    check_boot,
    check_keys_are_nowhere,
    differing_properties,
    secrets_on_disk,
    what_a_user_sees,
)

SWAP = r"dev-disk-by\x2duuid-5ac1f3d0\x2d0002\x2d4000\x2d8000\x2d000000000002.swap"

LARGE = 1000 << 20
PLUGGED = 512 << 20
# As Debian leaves it to the administrator.
ONLINE = f"""
cd /sys/devices/system/memory
until [ $(cat memory*/state | grep -c offline) -eq {PLUGGED >> 27} ]; do sleep 1; done
for block in memory*; do [ $(cat $block/state) = online ] || echo online >$block/state; done
"""
# Emulation is slow: where a dump counts as small, users wait for it however long it takes.
LONG_WAIT = "LOGIN_WAIT=600"
ATTACKER = Path(__file__).resolve().parent / "system/attacker"
ATTACKER_UNIT = Path(__file__).resolve().parent / "system/attacker.service"


def test_a_crash_between_boots(make_system: Callable[..., BootedSystem]) -> None:
    system = make_system()
    vm, product = system.vm, system.product
    assert vm.must(f"systemd-analyze verify --man=no {' '.join(UNITS)} {HOOKS} default.target 2>&1") == ""
    set_environment(system, "crashdump-recover.service", LONG_WAIT)
    vm.must(f"systemctl enable {' '.join(UNITS)}")
    install_hook(system)

    # The next boot prepares, and then uses, the swap, and arms.
    check_boot(system, system.reboot())
    assert system.moment("crashdump-prepare.service", "ActiveEnter") < system.moment(SWAP, "InactiveExit")
    product.command("status")
    first = product.arming()
    assert product.dumps() == [] and hooked(system) == []
    before = what_a_user_sees(system)
    secrets = secrets_on_disk(system)

    system.crash_into_next_boot()
    check_boot(system, system.wait_until_up())
    [name] = product.dumps()
    assert int(vm.must(f"stat -c %s {DUMPS}/{name}/vmcore")) > 5 << 20
    assert system.time_of_change(DUMPS) < system.time(SESSIONS, "InactiveExit")
    product.command("status")
    assert product.arming() != first
    assert hooked(system) == [name]
    after = what_a_user_sees(system)

    # When and how long the units ran is there for everybody to see; nothing else.
    assert after.files == before.files
    assert after.other == before.other
    assert differing_properties(before, after) == set()
    check_keys_are_nowhere(system, secrets | secrets_on_disk(system))
    # Only who is asked shows a report.
    assert product.command("report latest") == f"{DUMPS}/{name}/report.crash\n"
    assert product.command("report latest --publish").startswith("/var/crash/linux-image-")
    [report] = what_a_user_sees(system).files.keys() - before.files.keys()
    assert vm.must(f"stat -c '%A %U %G' {report}") == "-rw------- root root\n"
    assert vm.run(f"cat {report}", user=VISITOR).status != 0
    assert product.command("remove latest") == f"{name}: removed\n"
    assert product.dumps() == []


@pytest.mark.slow
def test_a_large_dump_holds_nobody_up(make_system: Callable[..., BootedSystem], tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    with noise.open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    drive = Drive("noise", noise, serial="noise", read_only=True)
    system = make_system(drives=[drive], memory_mib=2048, command_line=f"{CRASHKERNEL} {ALL_PAGES}")
    vm, product = system.vm, system.product
    product.configure("RESERVE=1536M")
    vm.must(f"systemctl enable {' '.join(UNITS)}")
    check_boot(system, system.reboot())
    first = product.arming()
    # It fills the page cache, which is kept at this dump level.
    vm.must("cat /dev/disk/by-id/virtio-noise >/dev/null", timeout=300)
    system.crash_into_next_boot(timeout=1200)

    # Users are in, and a crash now would be saved too; the dump is on its way.
    check_boot(system, system.wait_until_up())
    product.command("status")
    second = product.arming()
    assert second != first
    assert system.property("crashdump-recover.service", "ActiveState") == "active"
    assert product.dumps() == []

    vm.must("while systemctl -q is-active crashdump-recover.service; do sleep 1; done", timeout=1200)
    assert system.property("crashdump-recover.service", "Result") == "success"
    assert system.time(SESSIONS, "InactiveExit") < system.time_of_change(DUMPS)
    [name] = product.dumps()
    assert int(vm.must(f"stat -c %s {DUMPS}/{name}/vmcore")) > LARGE
    product.command("status")
    assert product.arming() not in (first, second)


@pytest.mark.slow
def test_processors_and_memory_that_come_and_go(make_system: Callable[..., BootedSystem]) -> None:
    """The image is loaded anew and knows them: this kernel does not see to that itself."""
    system = make_system(extra_arguments=["-m", f"size={MEMORY_MIB}M,slots=1,maxmem=2G"])
    vm, product = system.vm, system.product
    vm.must(f"systemctl enable {' '.join(UNITS)}")
    check_boot(system, system.reboot())
    first = product.arming()
    vm.must("echo 0 >/sys/devices/system/cpu/cpu1/online && echo 1 >/sys/devices/system/cpu/cpu1/online")
    first = wait_for_other_arming(system, first)
    vm.qmp("object-add", **{"qom-type": "memory-backend-ram", "id": "more", "size": PLUGGED})
    vm.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more")
    vm.must(ONLINE)
    wait_for_other_arming(system, first)
    system.crash_into_next_boot()
    check_boot(system, system.wait_until_up())
    [name] = product.dumps()
    info = json.loads(vm.must(f"cat {DUMPS}/{name}/info.json"))
    facts = dict(line.split("=", 1) for line in info["machine_facts"])
    assert info["state"] == "complete"
    assert int(facts["memory_pages"]) * int(facts["page_size"]) > PLUGGED + (MEMORY_MIB << 19)


def wait_for_other_arming(system: BootedSystem, former: Arming) -> Arming:
    """Until nothing is loading any more: each change loads anew."""
    done = f"! grep -q {former.key_id} /run/crashdump/armed && [ -z \"$(systemctl list-jobs --no-legend)\" ]"
    system.vm.must(f"until {done} && /usr/sbin/crashdump status; do sleep 1; done", timeout=180)
    return system.product.arming()


@pytest.mark.slow
def test_a_user_who_was_there_first_and_goes_on(make_system: Callable[..., BootedSystem]) -> None:
    """A user makes /var/crash/kernel and what should be in it before we do, and puts links, files, FIFOs and directories in the way of the
    recovery while it runs. /var/crash is as apport makes it: sticky, setgid and writable by everybody."""
    system = make_system()
    vm, product = system.vm, system.product
    # Reports are written where everybody may write.
    product.configure("RESERVE=auto", "REPORTS=apport")
    set_environment(system, "crashdump-recover.service", LONG_WAIT)
    vm.push_file(ATTACKER, "/usr/local/bin/attacker", 0o755)
    vm.push_file(ATTACKER_UNIT, "/etc/systemd/system/attacker.service")
    vm.must("chgrp mail /var/crash && chmod 3777 /var/crash && rm -r /var/crash/kernel && install -d -o visitor /var/lib/visitor /var/lib/visitor/trap")
    vm.must("ln -s /var/lib/visitor/trap /var/crash/kernel", user=VISITOR)
    vm.must(f"systemctl enable {' '.join(UNITS)} attacker.service")
    check_boot(system, system.reboot())
    check_attack_failed(system)

    # Once more from the beginning, with a directory.
    vm.must("systemctl stop attacker.service; rm -r /var/crash/kernel")
    vm.must("mkdir -m 777 /var/crash/kernel && ln -s /var/lib/visitor/trap /var/crash/kernel/dumps", user=VISITOR)
    vm.must("sync")
    system.crash_into_next_boot()
    check_boot(system, system.wait_until_up())
    check_attack_failed(system)
    [name] = product.dumps()
    assert name in vm.must("find /var/crash -maxdepth 1 -name 'linux-image-*.crash' -user root")
    product.command("status")


def check_attack_failed(system: BootedSystem) -> None:
    """It was going on all the time; nothing was written elsewhere, and what was written is root's."""
    vm = system.vm
    assert int(vm.must("cat /var/lib/visitor/rounds")) > 100
    assert system.moment("attacker.service", "ActiveEnter") < system.moment("crashdump-recover.service", "InactiveExit")
    assert vm.must("find /var/lib/visitor/trap -mindepth 1 ! -user visitor; cat /var/lib/visitor/stolen") == ""
    assert vm.must("stat -c '%F %A %U:%G' /var/crash/kernel /var/crash/kernel/dumps") == "directory drwx------ root:root\n" * 2
    wrong = "! -user root -o ! -group root -o -type d ! -perm 700 -o -type f ! -perm 600 -o ! -type d ! -type f -o -type f -links +1"
    assert vm.must(f"find /var/crash/kernel '(' {wrong} ')'") == ""
    assert vm.must(f"find /var/crash -maxdepth 1 -name 'linux-image-*.crash' -user root '(' {wrong} ')'") == ""


def install_hook(system: BootedSystem) -> None:
    system.vm.push_file(b'#!/bin/sh\necho "$1" >>/root/hooked\n', "/etc/crashdump/recovered.d/note", 0o755)


def hooked(system: BootedSystem) -> list[str]:
    """The dumps that the hook was run for, each time, when this boot's run is over, for which nobody waits."""
    ended = f"systemctl show --value -p InactiveEnterTimestampMonotonic {HOOKS}"
    system.vm.must(f"until [ $({ended}) -gt 0 ]; do sleep 0.2; done")
    assert system.moment(HOOKS, "InactiveEnter") > system.moment("crashdump-recover.service", "InactiveEnter")
    return [path.removeprefix(f"{DUMPS}/") for path in system.vm.must("cat /root/hooked 2>/dev/null || true").split()]


def set_environment(system: BootedSystem, unit: str, assignment: str) -> None:
    """As `systemctl edit` does."""
    directory = f"/etc/systemd/system/{unit}.d"
    system.vm.must(f"mkdir -p {directory} && printf '[Service]\\nEnvironment={assignment}\\n' >{directory}/override.conf")

# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian package on machines as the distribution's installer leaves them, booted by their own GRUB: from `apt-get install` over a crash,
# from which the machine comes back by itself, to `apt-get purge`.

import json
import re
import struct
from pathlib import Path
from typing import Callable

import pytest

from file_traces import FileTraces
from machine.disk import MIB
from machine.installed import INSTALL_SECONDS, InstalledSystem
from machine.kdump import KdumpFile
from machine.product import DUMPS
from machine.system import SYSTEM_BOOT_SECONDS, VISITOR
from users_view import check_boot, check_keys_are_nowhere, differing_files, differing_properties, secrets_on_disk, what_a_user_sees

SUITES = ("bookworm", "trixie")
HEADER = 4096
# Stamps in the region, of which nothing may be left (docs/region-format.md).
STAMP = 4096
TAIL = 2 * MIB
# What apt, dpkg, systemd and the maker of the initrd write for any package, or any day.
OF_OTHERS = re.compile(r"/var/lib/(apt|dpkg|systemd|initramfs-tools)/.*|/boot/initrd\.img-.*")

PANIC = "Kernel panic - not syncing: sysrq triggered crash"
# A script for whichever makes the initramfs, in front of the one that mounts the root file system.
PANIC_IN_INITRAMFS = r"""
set -e
panic='#!/bin/sh
[ "$1" = prereqs ] && exit 0
read -r line </proc/cmdline
case $line in *panic_in_initramfs*) echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger ;; esac'
if [ -d /etc/initramfs-tools ]; then
	file=/etc/initramfs-tools/scripts/local-top/panic
else
	module=/usr/lib/dracut/modules.d/99panic
	mkdir $module
	printf 'check() { return 0; }
install() { inst_hook pre-mount 00 "$moddir/panic.sh"; }
' >$module/module-setup.sh
	file=$module/panic.sh
fi
echo "$panic" >$file
chmod +x $file
"""
REMAKE_INITRAMFS = """
version={image}; version=${{version#/boot/initrd.img-}}
if [ -d /etc/initramfs-tools ]; then rm -f {image} && update-initramfs -c -k $version 2>&1
else dracut --force {image} $version 2>&1; fi
"""
# GRUB takes an entry once that it is told of, and the first one otherwise.
ONE_BOOT_THAT_PANICS = r"""
set -e
sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/' /etc/default/grub
{
	printf '#!/bin/sh\ncat <<"END"\n'
	sed -n '/^menuentry /,/^}/p' /boot/grub/grub.cfg | sed '/^}/q' | sed -e "s/^menuentry '[^']*'/menuentry 'panic'/" \
		-e 's/\$menuentry_id_option .[^ ]*/--id panic/' -e '/^\s*linux\s/s/$/ panic_in_initramfs/'
	echo END
} >/etc/grub.d/42_panic
chmod +x /etc/grub.d/42_panic
update-grub 2>&1
grub-set-default 0
grub-reboot panic
"""
# The machine is emulated: see machine/architecture.py.
EMULATED = "COMMAND_LINE_APPEND=no_timer_check"


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_from_install_to_purge(make_installed: Callable[..., InstalledSystem], debian_package: Path, suite: str, tmp_path: Path) -> None:
    system = make_installed(suite)
    vm, disk, product = system.vm, system.disk, system.product
    assert system.boot_for_the_first_time() == "running", vm.must("systemctl --failed")
    files = FileTraces.of(vm)
    sysctls = panic_sysctls(system)
    header = disk.read(disk.swap.offset, HEADER)

    install(system, debian_package, "VMCORE_FORMAT=crashdump")
    assert disk.read(disk.swap.offset, HEADER) == header
    assert product.status_of("status") != 0

    check_boot(system, system.reboot())
    check_armed(system)
    whole, [left] = struct.unpack_from("<I", header, 1028)[0], struct.unpack_from("<I", disk.read(disk.swap.offset, HEADER), 1028)
    assert whole - left == 256 * MIB // 4096
    seen = what_a_user_sees(system)
    secrets = secrets_on_disk(system)

    check_boot(system, system.crash_into_next_boot())
    check_armed(system)
    name = check_dump(system)
    check_export(system, tmp_path)
    seen_later = what_a_user_sees(system)
    assert differing_files(seen, seen_later) == set()
    assert seen_later.other == seen.other
    assert differing_properties(seen, seen_later) == set()
    check_keys_are_nowhere(system, secrets | secrets_on_disk(system))
    check_kernel_hooks(system)

    begin, end = product.arming().region
    system.apt("remove crashdump")
    vm.must("sync")
    assert disk.read(disk.swap.offset, HEADER) == header
    assert disk.read(begin, STAMP) == bytes(STAMP)
    assert disk.read(end - TAIL - STAMP, STAMP) == bytes(STAMP)
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "0\n"
    assert panic_sysctls(system) == sysctls
    system.apt("purge crashdump")
    assert product.dumps() == [name]
    assert [line for line in files.differences(FileTraces.of(vm)) if not OF_OTHERS.match(line)] == []
    assert vm.must("find / -xdev -iname '*crashdump*' ! -path '/var/crash/*'") == ""

    assert system.reboot() == "running", vm.must("systemctl --failed")
    assert "crashkernel" not in vm.must("cat /proc/cmdline")
    assert vm.must("cat /sys/kernel/kexec_crash_size") == "0\n"
    [_, swap] = vm.must("cat /proc/swaps").splitlines()
    assert int(swap.split()[2]) == whole * 4


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_beside_dracut(make_installed: Callable[..., InstalledSystem], debian_package: Path, suite: str, tmp_path: Path) -> None:
    system = make_installed(suite, "installed-dracut")
    assert system.boot_for_the_first_time() == "running", system.vm.must("systemctl --failed")
    install(system, debian_package)
    check_boot(system, system.reboot())
    check_armed(system)
    check_boot(system, system.crash_into_next_boot())
    check_armed(system)
    name = check_dump(system)
    check_pages(system.vm.pull_file(f"{DUMPS}/{name}/vmcore", timeout=600), tmp_path)
    check_kernel_hooks(system)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["installed", "installed-dracut"])
def test_a_panic_before_the_root_file_system_is_mounted(
    make_installed: Callable[..., InstalledSystem], debian_package: Path, kind: str
) -> None:
    """In the initramfs that the distribution's own tools have made, with another kernel installed meanwhile."""
    system = make_installed("bookworm", kind)
    vm, product = system.vm, system.product
    assert system.boot_for_the_first_time() == "running", vm.must("systemctl --failed")
    install(system, debian_package, "EARLY=yes")
    check_boot(system, system.reboot())
    check_armed(system)

    initrd = f"/boot/initrd.img-{vm.must('uname -r').strip()}"
    vm.must(PANIC_IN_INITRAMFS)
    for image in (initrd, add_another_kernel(system)):
        vm.must(REMAKE_INITRAMFS.format(image=image), timeout=INSTALL_SECONDS)
        assert vm.must(f"stat -c '%A %U' {image}") == "-rw------- root\n"
        assert re.search(r"^crashdump/ticket$", vm.must(f"lsinitramfs {image} 2>/dev/null || lsinitrd {image} | awk '{{ print $NF }}'"), re.M)
    remove_another_kernel(system)

    # This boot only.
    vm.must(ONE_BOOT_THAT_PANICS)
    vm.run_without_answer("systemctl reboot")
    vm.wait_for_boot(4 * SYSTEM_BOOT_SECONDS)
    check_boot(system, system.wait_until_up())
    check_armed(system)
    [name] = product.dumps()
    info = json.loads(vm.pull_file(f"{DUMPS}/{name}/info.json"))
    assert (info["state"], info["vmcore"]) == ("complete", "present")
    messages = vm.pull_file(f"{DUMPS}/{name}/dmesg.txt").decode()
    assert PANIC in messages and "panic_in_initramfs" in messages and "EXT4-fs" not in messages


@pytest.mark.slow
def test_with_secure_boot(make_installed: Callable[..., InstalledSystem], debian_package: Path) -> None:
    """A kernel that is locked down takes the distribution's as capture kernel."""
    system = make_installed("bookworm", secure_boot=True)
    assert system.boot_for_the_first_time() == "running", system.vm.must("systemctl --failed")
    assert "[integrity]" in system.vm.must("cat /sys/kernel/security/lockdown")
    install(system, debian_package)
    check_boot(system, system.reboot())
    check_armed(system)
    check_boot(system, system.crash_into_next_boot())
    check_armed(system)
    check_dump(system)


def install(system: InstalledSystem, package: Path, *settings: str) -> None:
    vm = system.vm
    vm.push_file(package, "/var/tmp/crashdump.deb")
    system.apt("install /var/tmp/crashdump.deb")
    lines = "\n".join((EMULATED, *settings))
    vm.must(f"rm /var/tmp/crashdump.deb; echo '{lines}' >>/etc/crashdump.conf")


def check_armed(system: InstalledSystem) -> None:
    """When nobody is arming any more, which for a large dump goes on behind the boot."""
    vm = system.vm
    vm.must("while systemctl -q is-active crashdump-recover.service; do sleep 1; done", timeout=600)
    assert "crashkernel=" in vm.must("cat /proc/cmdline")
    assert int(vm.must("cat /sys/kernel/kexec_crash_size")) > 0
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "1\n"
    system.product.command("status")


def panic_sysctls(system: InstalledSystem) -> str:
    return system.vm.must("grep -H . /proc/sys/kernel/*panic* 2>/dev/null")


def check_dump(system: InstalledSystem) -> str:
    """The only dump, and what the commands say of it, but to root only; returns its name."""
    vm, product = system.vm, system.product
    [name] = product.dumps()
    directory = f"{DUMPS}/{name}"
    release = vm.must("uname -r").strip()
    info = json.loads(vm.pull_file(f"{directory}/info.json"))
    assert (info["state"], info["vmcore"], info["release"]) == ("complete", "present", release)
    assert PANIC in vm.pull_file(f"{directory}/dmesg.txt").decode()
    status = json.loads(product.command("status --json"))
    assert (status["armed"], status["test"], status["test_dump"]) == (True, "saved", name)
    assert name in product.command("list")
    assert PANIC in product.command("messages latest")
    assert release in product.command("show latest")
    for command in ("list", "messages latest", "show latest", "status"):
        refused = vm.run(f"/usr/sbin/crashdump {command}", user=VISITOR)
        assert refused.status != 0 and name not in refused.out + refused.err
    return name


def check_export(system: InstalledSystem, directory: Path) -> None:
    system.product.command("export latest -o /var/tmp/exported", timeout=600)
    assert system.vm.run("cat /var/tmp/exported", user=VISITOR).status != 0
    check_pages(system.vm.pull_file("/var/tmp/exported", timeout=600), directory)
    system.vm.must("rm /var/tmp/exported")


def check_pages(vmcore: bytes, directory: Path) -> None:
    """All of them can be read."""
    path = directory / "vmcore"
    path.write_bytes(vmcore)
    dump = KdumpFile(path)
    assert not dump.incomplete and len(dump.offsets) > 5000
    for pfn in dump.offsets:
        dump.page(pfn)
    dump.close()


def check_kernel_hooks(system: InstalledSystem) -> None:
    """A kernel that is installed gets a capture initramfs, and one that is removed loses it."""
    vm = system.vm
    running = vm.must("uname -r").strip()
    add_another_kernel(system)
    assert vm.must("ls /var/lib/crashdump | grep initramfs-").split() == [f"initramfs-{running}", f"initramfs-{running}-other"]
    remove_another_kernel(system)
    assert vm.must("ls /var/lib/crashdump | grep initramfs-").split() == [f"initramfs-{running}"]


def add_another_kernel(system: InstalledSystem) -> str:
    """As its package does; returns what the initramfs of the system is called for it, which is not made."""
    vm = system.vm
    running = vm.must("uname -r").strip()
    other = f"{running}-other"
    vm.must(f"cp -al /lib/modules/{running} /lib/modules/{other}; cd /boot; for file in vmlinuz config; do ln $file-{running} $file-{other}; done")
    vm.must(f"/etc/kernel/postinst.d/zz-crashdump {other} /boot/vmlinuz-{other}", timeout=INSTALL_SECONDS)
    return f"/boot/initrd.img-{other}"


def remove_another_kernel(system: InstalledSystem) -> None:
    vm = system.vm
    other = f"{vm.must('uname -r').strip()}-other"
    vm.must(f"rm -rf /lib/modules/{other} /boot/*-{other}")
    vm.must(f"/etc/kernel/postrm.d/zz-crashdump {other} /boot/vmlinuz-{other}", timeout=INSTALL_SECONDS)

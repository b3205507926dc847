# SPDX-License-Identifier: GPL-2.0-or-later
# What README, man pages and help tell people to type, typed: in a machine from being set up over a crash to being given up, and where the
# program is built.

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Optional, Sequence

import pytest

from documented import documented_commands
from machine.kernel import Kernel
from machine.product import DUMPS
from machine.system import SYSTEM_BOOT_SECONDS, BootedSystem
from machine.vm import Vm
from users_view import HOOKS, check_boot

_ROOT = Path(__file__).resolve().parent.parent

# Each as it is documented, with what stands in it for something else: the names of files and dumps.
Typed = tuple[str, dict[str, str]]

_CONFIGURATION = "RESERVE=auto\nPANIC_ON=hardlockup hung_task\nKEEP=5\nCOMMAND_LINE_APPEND=crashdump.screen=brown crashdump.final=poweroff\n"
_HOOK = '#!/bin/sh\nmail -s "$(uname -n) crashed: $CRASHDUMP_ID" root <"$1/dmesg.txt"\n'

_BEFORE: Sequence[Typed] = [
    ('crashdump status || echo "not armed"', {}),
    ("crashdump prepare --swapoff", {}),
    ("crashdump load", {}),
    ("crashdump status", {}),
    ("crashdump recover --dry-run", {}),
    ("crashdump recover", {}),
    ("crashdump recover --no-hooks", {}),
    ("blkid -t TYPE=swap", {}),
    (
        "systemctl edit crashdump-hooks",
        {"systemctl": "SYSTEMD_EDITOR=/usr/bin/add-network script -qec 'systemctl", "crashdump-hooks": "crashdump-hooks' /dev/null"},
    ),
    ("systemctl enable crashdump-prepare crashdump-load crashdump-recover", {}),
    ('crashdump early -o "$DESTDIR/crashdump" --kernel "$version"', {"$DESTDIR": "/root/tree", "$version": "$(uname -r)"}),
]
_CRASH = "crashdump test --crash"
_AFTER: Sequence[Typed] = [
    ("crashdump list", {}),
    ("crashdump show latest", {}),
    ("crashdump messages latest", {}),
    ("crashdump messages latest >messages.txt", {}),
    ("crashdump report latest --publish", {}),
    ("crashdump report ID --publish", {}),
    ("crashdump report --publish", {"report": "report latest"}),
    ('apport-cli "$(crashdump report latest --publish)"', {}),
    ("gpg --encrypt --recipient DEVELOPER --output vmcore.gpg /var/crash/kernel/dumps/ID/vmcore", {}),
    ("crashdump export", {"export": "export latest -o exported"}),
    ("crashdump export dump -o vmcore", {" dump": " $dump"}),
    ("crashdump save VMCORE -o FILE", {}),
    ("crashdump save /proc/vmcore -o dump --dump-level 31", {"/proc/vmcore": "VMCORE"}),
    ("crashdump show FILE", {}),
    ("crashdump messages FILE", {}),
    ("crashdump export FILE -o OUT", {}),
    ("crashdump export FILE --format flattened | ssh HOST makedumpfile -R OUT", {"OUT": "received"}),
    # The only dump has copies, of other times.
    ("crashdump remove 20261122235901", {"20261122235901": "20010101000000"}),
    ("crashdump remove ID", {}),
    ("crashdump remove latest", {}),
    ("crashdump unload --release", {}),
]
# Those that are run where the program is built.
_ON_THE_BUILDER: Sequence[Typed] = [
    ("make demo", {}),
    ("make kernel", {}),
    ("make initramfs KERNEL=dedicated", {}),
    ("make deb", {}),
    ("make && make install", {"make install": "make install DESTDIR=$installed"}),
    ("make install DESTDIR=image", {"image": "$image"}),
    ("mkinitramfs-hooks/update-capture-initramfs --root image --all", {"image": "$image"}),
    (
        'mkcrashinitramfs --kernel "$(uname -r)" --root / -o /var/lib/crashdump/initramfs-"$(uname -r)"',
        {"mkcrashinitramfs": "mkinitramfs-hooks/mkcrashinitramfs", '"$(uname -r)"': "$version", " /": " $image/"},
    ),
    (
        "mkcrashinitramfs --kernel 6.1.0-42-amd64 --root image --arch x86_64 -o image/var/lib/crashdump/initramfs-6.1.0-42-amd64",
        {"mkcrashinitramfs": "mkinitramfs-hooks/mkcrashinitramfs", "image": "$image", "6.1.0-42-amd64": "$version"},
    ),
]
# And these by other tests, or what they call, where they stand so.
_ELSEWHERE = {
    "make test": (".ci/run", "make test"),
    "apt install ./build/crashdump_*.deb": ("qemu-tests/test_debian_package.py", '"install /var/tmp/crashdump.deb"'),
    "reboot": ("qemu-tests/test_debian_package.py", "system.reboot()"),
    "apt remove crashdump": ("qemu-tests/test_debian_package.py", '"remove crashdump"'),
    "apt purge crashdump": ("qemu-tests/test_debian_package.py", '"purge crashdump"'),
    "/usr/lib/crashdump/update-capture-initramfs --all": ("packaging/debian/postinst", "/usr/lib/crashdump/update-capture-initramfs --all"),
    "crashdump load --early": ("qemu-tests/test_early.py", "load --early /early"),
    "mkcrashinitramfs --module ext4": ("qemu-tests/test_person.py", '["--module", "ext4"]'),
    "zstd -1 </proc/vmcore >/dev/sdb1": ("qemu-tests/test_person.py", "zstd -1 </proc/vmcore >/dev/vdc"),
    "modprobe ext4": ("qemu-tests/test_person.py", "modprobe ext4"),
    "mount /dev/sdb1 /mnt": ("qemu-tests/test_person.py", "mount /dev/vdc /mnt"),
    "zstd -1 </proc/vmcore >/mnt/vmcore.zst": ("qemu-tests/test_person.py", "zstd -1 </proc/vmcore >/mnt/vmcore.zst"),
    "umount /mnt": ("qemu-tests/test_person.py", "umount /mnt"),
}

# Programs of others, which this small system does not have: each must be given what it needs.
_STAND_INS = {
    "mail": '[ "$1" = -s ] && echo "$2" >>/root/mail && grep "Kernel panic" >>/root/mail',
    "apport-cli": 'grep -q "^ProblemType: KernelCrash" "$1"',
    "gpg": '[ "$5" = vmcore.gpg ] && cp "$6" "$5"',
    "ssh": '[ "$*" = "HOST makedumpfile -R received" ] && cat >flattened && grep -aq ^makedumpfile flattened',
    "add-network": "sed -i '/^### Anything/a [Unit]\\nWants=network-online.target' \"$1\"",
}


def test_every_documented_command_is_run_by_a_test() -> None:
    typed = [command for command, _ in (*_BEFORE, *_AFTER, *_ON_THE_BUILDER)]
    known = [*typed, _CRASH, _CONFIGURATION, _HOOK, *_ELSEWHERE]
    assert len(known) == len(set(known))
    assert set(known) == documented_commands()
    for path, text in _ELSEWHERE.values():
        assert text in (_ROOT / path).read_text(), path


def fill_in(command: str, values: dict[str, str]) -> str:
    for word, value in values.items():
        assert word in command
        command = command.replace(word, value)
    return command


@pytest.mark.slow
def test_in_a_machine(make_system: Callable[..., BootedSystem]) -> None:
    system = make_system()
    vm, product = system.vm, system.product
    for name, script in _STAND_INS.items():
        vm.push_file(f"#!/bin/sh\n{script}\n".encode(), f"/usr/bin/{name}", 0o755)
    vm.push_file(_HOOK.encode(), "/etc/crashdump/recovered.d/mail", 0o755)
    # As in the file that the package installs; but that machine shall come back.
    *lines, append = _CONFIGURATION.replace("final=poweroff", "final=reboot").splitlines()
    product.configure(*lines, "VMCORE_FORMAT=crashdump", append=append.removeprefix("COMMAND_LINE_APPEND="), named=False)
    vm.must("mkdir -p /root/work /root/tree/crashdump")

    type_in(vm, _BEFORE)
    # It does not take a kernel that is busy loading for one that cannot.
    vm.must(
        "(for i in 1 2 3; do crashdump load || echo failed; done) >/root/load 2>&1 & "
        "while kill -0 $! 2>/dev/null; do crashdump status; done >/root/status 2>&1; ! grep failed /root/load"
    )
    assert "armed" in vm.must("! grep -i busy /root/status && cat /root/status")
    assert "network-online.target" in system.property(HOOKS, "Wants")
    # Green, for those who want it.
    at_terminal = "TERM=linux script -qec 'crashdump status{}' /dev/null | od -c | grep -c '033   [[]   3   2   m'"
    assert vm.must(at_terminal.format("")) == "1\n"
    product.command("status --no-color")
    assert vm.run(at_terminal.format(" --no-color")).out == vm.run(f"NO_COLOR=1 {at_terminal.format('')}").out == "0\n"
    vm.run_without_answer(_CRASH)
    vm.wait_for_boot(2 * SYSTEM_BOOT_SECONDS)
    check_boot(system, system.wait_until_up())
    # For which nobody waits.
    vm.must(f"until [ $(systemctl show --value -p InactiveEnterTimestampMonotonic {HOOKS}) -gt 0 ]; do sleep 0.2; done", timeout=300)
    [name] = product.dumps()
    id_part = name.split("-", 1)[1]
    others = [f"{time}-{id_part}" for time in ("20010101000000", "20020101000000")]
    for other in others:
        vm.must(f"cp -a {DUMPS}/{name} {DUMPS}/{other}")
    product.command("export latest --format elf -o /root/work/VMCORE")
    type_in(vm, _AFTER, {"ID": others[1], "$dump": f"{DUMPS}/{name}/vmcore"})
    assert product.dumps() == []
    assert vm.must("grep -q panic /root/mail && cat /root/mail").startswith(f"machine crashed: {name}\n")
    assert vm.must("cat /sys/kernel/kexec_crash_size") == "0\n"


def type_in(vm: Vm, typed: Sequence[Typed], values: Optional[dict[str, str]] = None) -> None:
    for command, words in typed:
        script = fill_in(command, words)
        for word, value in (values or {}).items():
            script = re.sub(rf"{re.escape(word)}\b", value, script)
        print(script)
        print(vm.must(f"cd /root/work && {script}", timeout=300))


@pytest.mark.slow
def test_where_it_is_built(kernel: Kernel, tmp_path: Path) -> None:
    image = tmp_path / "image"
    (image / "boot").mkdir(parents=True)
    shutil.copy(kernel.vmlinuz, image / f"boot/vmlinuz-{kernel.release}")
    shutil.copytree(kernel.directory / "lib/modules", image / "lib/modules", symlinks=True)
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**outside, "image": str(image), "version": kernel.release, "installed": str(tmp_path / "installed")}
    for command, words in _ON_THE_BUILDER:
        script = fill_in(command, words)
        print(script)
        subprocess.run(script, shell=True, check=True, cwd=_ROOT, env=environment, timeout=1200)
    for directory in (image, tmp_path / "installed"):
        assert (directory / "usr/sbin/crashdump").stat().st_size > 1 << 20
    assert (image / f"var/lib/crashdump/initramfs-{kernel.release}").stat().st_size > 1 << 20

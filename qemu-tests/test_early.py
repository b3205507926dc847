# SPDX-License-Identifier: GPL-2.0-or-later
# Panics before /var is there: the machine is armed with what `crashdump early` has put into the initramfs of the system.

from pathlib import Path
from typing import Callable

from machine.product import DUMPS
from machine.rig import Rig

_FILES = ("ticket", "target", "kernel", "initramfs")


def test_a_panic_before_var_is_mounted(make_rig: Callable[..., Rig], test_directory: Path) -> None:
    first = make_rig()
    first.boot()
    arming = first.product.arm()
    first.vm.must("mkdir -m 700 /tmp/early && /tools/crashdump early -o /tmp/early")
    # Nothing else may be written to the place that is kept.
    assert first.product.arming().extent[1] < arming.extent[1]
    carried = {name: first.vm.pull_file(f"/tmp/early/{name}") for name in _FILES}
    first.vm.must("sync")
    first.vm.kill()

    early = make_rig(image=test_directory / "disk.img", command_line=f"{first.vm.config.command_line} guest.var=none")
    vm = early.vm
    vm.boot()
    vm.must("! grep -q ' /var ' /proc/mounts && mkdir -m 700 /early")
    for name, content in carried.items():
        vm.push_file(content, f"/early/{name}", 0o600)
    assert early.product.status_of("load") != 0
    vm.must("chmod 644 /early/ticket && ! /tools/crashdump load --early /early && chmod 600 /early/ticket")
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "0\n"
    print(early.product.command("load --early /early"))
    # The key of this boot is on no disk, and in no file.
    vm.must("! grep -r encryption_key /early /run/crashdump")
    vm.pause_at_reboot()
    vm.crash()
    assert vm.wait_for_reboot_pause(timeout=240) == "guest-reset"
    assert any(line.startswith("capture result complete ") for line in vm.status_lines), vm.status_lines
    vm.kill()

    after = make_rig(image=test_directory / "disk.img")
    after.boot()
    assert "an early panic was saved" in after.product.command("recover", timeout=300)
    [name] = after.product.dumps()
    assert '"state": "complete"' in after.vm.must(f"cat {DUMPS}/{name}/info.json")
    messages = after.vm.must(f"cat {DUMPS}/{name}/dmesg.txt")
    assert "Kernel panic - not syncing: sysrq triggered crash" in messages and "guest.var=none" in messages
    after.product.command("status")

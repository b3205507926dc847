# SPDX-License-Identifier: GPL-2.0-or-later
# A capture that does not come to its end: the power fails, or the region is full. The messages are complete in any case, and what there
# is of the pages is right and marked as incomplete.

from pathlib import Path
from typing import Callable

from machine import workload
from machine.product import ALL_PAGES, CRASHKERNEL
from machine.kdump import KdumpFile
from machine.ranges import copy_image
from machine.rig import MEMORY_MIB, Rig
from machine.vmcore import Vmcore, system_ram
from machine.write_log import WriteLog
from recovered import RecoveredDump, compare_pages, read_vmcore


def test_power_cuts_and_a_full_region(make_rig: Callable[..., Rig], test_directory: Path, tmp_path: Path) -> None:
    """One capture into a region that is too small for it; from the log of its writes, the disks that power cuts would have left."""
    log, blank = test_directory / "writes.log", tmp_path / "blank.img"
    rig = make_rig(log=log, command_line=f"{CRASHKERNEL} {ALL_PAGES}")
    vm, product = rig.vm, rig.product
    copy_image(rig.disk.path, blank)
    rig.boot()
    product.arm("--reserve 64M")
    workload.fill_page_cache(vm, 64)
    ram = set(system_ram(vm.must("cat /proc/iomem")))
    vm.must("sync")
    vm.hold_stages("start", "messages-safe", "reboot")
    vm.crash()
    vm.wait_for_stage("start", timeout=180)
    vm.stop()
    vm.pmemsave(0, MEMORY_MIB << 20, tmp_path / "memory")
    vm.cont()
    vm.release_stage()
    vm.wait_for_stage("messages-safe", timeout=180)
    # The machine is not stopped here, which would flush its disks: what the log holds now is what it would if QEMU were killed.
    safe = len(WriteLog(log).entries)
    vm.release_stage()
    vm.wait_for_stage("reboot", timeout=300)
    vm.kill()
    memory = (tmp_path / "memory").read_bytes()
    console = vm.console.text()

    writes = WriteLog(log)
    flush = min(position for position in writes.flush_positions() if position >= safe)
    assert flush - safe > 20
    half = (safe + flush) // 2
    # Nothing says in which order a disk writes what is not flushed: a hole, with later writes behind it.
    hole = (safe + half) // 2
    kept = [*range(safe, hole), *range(hole + 1, half, 2)]

    full_dump, full = recover(make_rig(image=rig.disk.path), tmp_path)
    assert full_dump.info["state"] == "incomplete" and "space" in full_dump.info["reason"]
    full_dump.check_messages(console)
    assert isinstance(full, KdumpFile) and full.incomplete
    compared = compare_pages(full, memory, ram)
    assert compared > 5000

    image = tmp_path / "safe.img"
    writes.replay_power_cut(blank, image, until=safe)
    dump, vmcore = recover(make_rig(image=image), tmp_path)
    assert dump.info["state"] == "torn" and vmcore is None
    assert dump.messages == full_dump.messages

    image = tmp_path / "half.img"
    writes.replay_power_cut(blank, image, until=half, surviving=kept)
    dump, vmcore = recover(make_rig(image=image), tmp_path, "VMCORE_FORMAT=elf")
    assert dump.info["state"] == "torn" and isinstance(vmcore, Vmcore)
    assert dump.messages == full_dump.messages
    salvaged = compare_pages(vmcore, memory, ram)
    assert 1000 < salvaged < compared
    assert set(vmcore.offsets) < set(full.offsets)
    print(f"{flush - safe} writes of pages; {compared} pages of RAM in a full region, {salvaged} after {hole - safe} of the writes")


def recover(rig: Rig, directory: Path, *configuration: str) -> tuple[RecoveredDump, Vmcore | KdumpFile | None]:
    """Boots, recovers, and switches off."""
    rig.boot()
    rig.product.configure(*configuration)
    rig.product.command("recover --no-load", timeout=300)
    [name] = rig.product.dumps()
    rig.vm.must("sync")
    rig.vm.kill()
    dump = RecoveredDump.read(rig.disk, name)
    return dump, read_vmcore(rig.disk, name, directory) if dump.info["vmcore"] == "present" else None

# SPDX-License-Identifier: GPL-2.0-or-later
# One crash from end to end: what is recovered is what the memory was, and nothing else on the disk has changed.

from pathlib import Path
from typing import Callable

from crash_report import parse_crash_report
from machine import workload
from machine.kdump import KdumpFile
from machine.product import ALL_PAGES, CRASHKERNEL
from machine.ranges import copy_image, differing_ranges, hash_ranges, subtract_ranges
from machine.rig import MEMORY_MIB, Rig
from machine.vmcore import PAGE, ZERO_PAGE, system_ram
from observed_crash import crash, recover
from recovered import RecoveredDump, compare_pages, read_vmcore


def test_every_byte(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """A crash with the swap in use: what is recovered is the memory as QEMU shows it from outside, and only the arming's places change."""
    rig = make_rig(command_line=f"{CRASHKERNEL} {ALL_PAGES}")
    rig.boot()
    vm, product = rig.vm, rig.product
    before, after = tmp_path / "before.img", tmp_path / "after.img"
    arming = product.arm()
    workload.fill_swap(vm, 64)
    iomem = vm.must("cat /proc/iomem")
    vm.must("sync")
    vm.hold_stages("start", "reboot")
    vm.crash()
    vm.wait_for_stage("start", timeout=120)
    vm.stop()
    memory = tmp_path / "memory"
    vm.pmemsave(0, MEMORY_MIB << 20, memory)
    copy_image(rig.disk.path, before)
    vm.cont()
    vm.release_stage()
    vm.wait_for_stage("reboot", timeout=300)
    vm.stop()
    copy_image(rig.disk.path, after)
    vm.cont()
    written = differing_ranges(before, after)
    assert subtract_ranges(written, [arming.slot, arming.extent]) == []
    assert sum(end - begin for begin, end in written) > 1 << 20
    vm.hold_stages()
    vm.release_stage()
    vm.wait_for_boot()
    product.configure()

    # The swap is used again before recover runs, which changes nothing of it, nor of anything else but /var.
    workload.fill_swap(vm, 64)
    assert workload.verify_swapped(vm)
    untouched = [arming.region, (rig.disk.data.offset, rig.disk.data.end), (0, rig.disk.var.offset)]
    digest = hash_ranges(rig.disk.path, untouched)
    files = "find /var/crash /var/lib/crashdump | xargs ls -ld --full-time"
    before_recovery = vm.must(files)
    assert product.status_of("recover --dry-run") == 4
    assert vm.must(files) == before_recovery
    assert ": complete, messages and" in product.command("recover --no-load", timeout=300)
    assert product.command("recover --dry-run") == "nothing to recover\n"
    assert hash_ranges(rig.disk.path, untouched) == digest
    assert workload.verify_swapped(vm)

    [name] = product.dumps()
    vm.must("sync")
    vm.kill()
    check_memory(rig, name, memory, iomem, tmp_path)
    check_files(rig, name)


def test_a_region_that_is_too_small(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """The messages are complete, and the pages for which there was room are right."""
    rig = make_rig(command_line=f"{CRASHKERNEL} {ALL_PAGES}")
    rig.boot()
    arming = rig.product.arm("--reserve 64M")
    workload.fill_page_cache(rig.vm, 64)
    rig.vm.must("sync")
    crashed = crash(rig.vm, rig.disk, tmp_path)
    crashed.check_places(arming)
    [dump] = recover(rig.vm, rig.product, crashed)
    assert dump.info["state"] == "incomplete" and "space" in dump.info["reason"]
    vmcore = read_vmcore(rig.disk, dump.name, tmp_path)
    assert isinstance(vmcore, KdumpFile) and vmcore.incomplete and len(vmcore.offsets) > 5000


def test_what_is_the_users_stays_out(rig: Rig, tmp_path: Path) -> None:
    """At the default level: the kernel's memory is there, that of processes and files is not, and the dump says how much of each."""
    vm, product = rig.vm, rig.product
    secret = "hunter2-is-nobodys-business"
    workload.allocate_anonymous(vm, 24, secret)
    workload.fill_page_cache(vm, 32)
    vm.must("echo kernel-marker >/dev/kmsg; sync")
    product.arm()
    vm.crash()
    vm.wait_for_stage("reboot", timeout=180)
    vm.wait_for_boot()
    product.configure()
    assert ": complete, messages and" in product.command("recover --no-load", timeout=300)
    [name] = product.dumps()
    vm.must("sync")
    vm.kill()
    dump = RecoveredDump.read(rig.disk, name)
    pages = {name: int(value) for name, value in dump.facts("capture").items() if name.startswith(("kept_", "left_out_"))}
    assert pages["left_out_user"] > 24 * 256 and pages["left_out_cache_clean"] + pages["left_out_cache_private"] > 32 * 256
    assert pages["left_out_free"] > 5000 and [name for name in pages if name.startswith("kept_")] == ["kept_kernel"]
    assert dump.facts("capture")["complete_passes"] == "1"
    vmcore = read_vmcore(rig.disk, name, tmp_path)
    assert len(vmcore.offsets) == pages["kept_kernel"] < sum(pages.values()) / 2
    # The process has 6144 pages of it. What went through the kernel's pipes may still be there.
    line = f"{secret}\n".encode()
    text = line * (PAGE // len(line) + 2)
    of_the_process = {text[shift : shift + PAGE] for shift in range(len(line))}
    assert sum(vmcore.page(pfn) in of_the_process for pfn in vmcore.offsets) <= 64
    assert any(b"kernel-marker" in vmcore.page(pfn) for pfn in vmcore.offsets)
    print(f"{pages}; {len(vmcore.offsets)} pages in the vmcore")
    vmcore.close()


def test_prepare_and_undo(rig: Rig, tmp_path: Path) -> None:
    """prepare changes the region and four bytes of the header; undo gives the header back to the bit."""
    vm, product = rig.vm, rig.product
    before, after = tmp_path / "before.img", tmp_path / "after.img"
    copy_image(rig.disk.path, before)
    product.prepare()
    copy_image(rig.disk.path, after)
    var = (rig.disk.var.offset, rig.disk.var.end)
    last_page = (rig.disk.swap.offset + 1028, rig.disk.swap.offset + 1032)
    region = product.load().region
    assert region[1] == rig.disk.swap.end
    changed = subtract_ranges(differing_ranges(before, after), [var])
    assert any(last_page[0] <= begin < last_page[1] for begin, _ in changed)
    assert any(region[0] <= begin < region[1] for begin, _ in changed)
    assert subtract_ranges(changed, [last_page, region]) == []
    product.prepare("--undo")
    copy_image(rig.disk.path, after)
    assert subtract_ranges(differing_ranges(before, after), [var, region]) == []
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "0\n"

    # The same with the swap in use, which comes back as it was.
    vm.must("swapon /dev/vda2")
    whole = swap_in_use(rig)
    assert whole[0] == rig.disk.swap.size - 4096
    product.prepare("--swapoff")
    assert swap_in_use(rig) == (region[0] - rig.disk.swap.offset - 4096, whole[1])
    product.load()
    product.prepare("--undo --swapoff")
    assert swap_in_use(rig) == whole
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "0\n"


def swap_in_use(rig: Rig) -> tuple[int, int]:
    """Bytes and priority of the one swap that is in use."""
    [_, line] = rig.vm.must("cat /proc/swaps").splitlines()
    name, _, kib, _, priority = line.split()
    assert name == "/dev/vda2"
    return int(kib) * 1024, int(priority)


def check_memory(rig: Rig, name: str, memory: Path, iomem: str, tmp_path: Path) -> None:
    vmcore = read_vmcore(rig.disk, name, tmp_path)
    assert isinstance(vmcore, KdumpFile) and not vmcore.incomplete
    crashed = memory.read_bytes()
    ram = set(system_ram(iomem))
    assert len(ram) > (MEMORY_MIB - 224) * 256 * 9 // 10
    compared = compare_pages(vmcore, crashed, ram)
    missing = [pfn for pfn in ram if pfn not in vmcore.offsets and crashed[pfn * PAGE : (pfn + 1) * PAGE] != ZERO_PAGE]
    assert missing == []
    not_zero = sum(crashed[pfn * PAGE : (pfn + 1) * PAGE] != ZERO_PAGE for pfn in ram)
    assert 10000 < not_zero <= compared <= len(ram)
    print(f"{len(ram)} pages of RAM, {not_zero} of them not zero, {compared} compared, none differs, none is missing")
    vmcore.close()


def check_files(rig: Rig, name: str) -> None:
    dump = RecoveredDump.read(rig.disk, name)
    dump.check_messages(rig.vm.console.text())
    assert dump.info["state"] == "complete" and dump.info["vmcore"] == "present"
    report = parse_crash_report(dump.report)
    assert report["ProblemType"] == "KernelCrash"
    assert report["Uname"].split()[1] == dump.info["release"]
    assert report["VmCoreDmesg"].decode() == dump.messages

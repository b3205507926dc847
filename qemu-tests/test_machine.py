# SPDX-License-Identifier: GPL-2.0-or-later
# The harness itself, on real boots, without any program of the product: what the other tests rely on.

import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from machine import workload
from machine.disk import MIB, Disk
from machine.drive import Drive
from machine.errors import CommandFailed, GuestRestarted, LostMachine
from machine.guest_image import ALL_DISK_MODULES, WATCHDOG_MODULES, build_initramfs, build_tools_disk
from machine.ranges import copy_image, differing_ranges, subtract_ranges
from machine.stall import patiently
from machine.vm import Vm, VmConfig
from machine.write_log import WriteLog

# A page that the kernel leaves alone, and that /dev/mem therefore gives access to.
_RESERVED_ADDRESS = 0x10000000

_OTHER_DRIVES = (("virtio", 4096), ("ahci", 512), ("nvme", 512), ("nvme", 4096), ("scsi", 512))


@pytest.fixture(scope="module")
def machine(module_directory: Path, kernel: Any, pristine_disk: Disk) -> Iterator[Vm]:
    """One machine for the tests that neither reboot nor lose it."""
    directory = module_directory
    copy_image(pristine_disk.path, directory / "disk.img")
    tools = directory / "tools"
    tools.mkdir()
    (tools / "note").write_text("from the host\n")
    build_tools_disk(directory / "tools.img", tools)
    drives = [
        Drive("disk0", directory / "disk.img", serial="DISK0", stop_on_error=True),
        Drive("tools", directory / "tools.img", serial="tools", read_only=True),
    ]
    for index, (interface, sector_size) in enumerate(_OTHER_DRIVES):
        image = directory / f"{interface}-{sector_size}.img"
        image.write_bytes(image.name.encode().ljust(MIB, b"\0"))
        drives.append(Drive(f"other{index}", image, f"SERIAL{index}", interface, sector_size=sector_size))
    build_initramfs(directory / "guest.cpio", kernel, ALL_DISK_MODULES)
    config = VmConfig(
        kernel=kernel.vmlinuz,
        initramfs=directory / "guest.cpio",
        drives=drives,
        command_line=f"memmap=64K${_RESERVED_ADDRESS:#x}",
        memory_mib=512,
    )
    with Vm(config, directory) as vm:
        vm.boot()
        yield vm


def test_commands(machine: Vm) -> None:
    assert machine.run("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")
    assert machine.must("printf 'no newline'") == "no newline"
    assert machine.must("id -un; id -u", user="nobody") == "nobody\n65534\n"
    assert machine.run("cat /root/x 2>/dev/null || touch /x", user="nobody").status != 0
    with pytest.raises(CommandFailed, match="not there"):
        machine.must("cat '/not there'")
    # What a background job holds open does not keep the answer.
    start = time.monotonic()
    assert machine.must("sleep 30 & echo at once") == "at once\n"
    assert time.monotonic() - start < 10


def test_files(machine: Vm) -> None:
    content = bytes(range(256)) * 4096
    machine.push_file(content, "/run/pushed file", 0o750)
    assert machine.must("stat -c '%a %s' '/run/pushed file'") == f"750 {len(content)}\n"
    assert machine.pull_file("/run/pushed file") == content
    with pytest.raises(FileNotFoundError):
        machine.pull_file("/run/nothing")
    with pytest.raises(LostMachine, match="put /no/directory"):
        machine.push_file(content, "/no/directory")
    # The channel is in step after a refused file.
    assert machine.must("echo here") == "here\n"
    assert machine.must("cat /tools/note") == "from the host\n"
    assert machine.must("grep -c ' /var ext4 rw' /proc/mounts") == "1\n"


def test_a_late_answer_is_not_taken_for_another(machine: Vm) -> None:
    with pytest.raises(LostMachine, match="no answer within 0.5 s"):
        machine.run("sleep 2; echo late", timeout=0.5)
    assert machine.must("echo now") == "now\n"


def test_memory_seen_from_outside(machine: Vm, tmp_path: Path) -> None:
    for index in range(4):
        machine.must(f"devmem {_RESERVED_ADDRESS + 8 * index:#x} 64 {0x1122334455667700 + index:#x}")
    machine.stop()
    machine.pmemsave(_RESERVED_ADDRESS, 4096, tmp_path / "memory")
    machine.cont()
    memory = (tmp_path / "memory").read_bytes()
    assert len(memory) == 4096
    assert [int.from_bytes(memory[8 * index : 8 * index + 8], "little") for index in range(4)] == [
        0x1122334455667700 + index for index in range(4)
    ]


def test_kinds_of_drives(machine: Vm) -> None:
    found = machine.must(
        "for disk in /sys/block/*; do echo $(cat $disk/queue/logical_block_size) $(head -c 20 /dev/${disk##*/} | tr -d '\\0'); done"
    )
    for interface, sector_size in _OTHER_DRIVES:
        assert f"{sector_size} {interface}-{sector_size}.img\n" in found
    assert sorted(machine.must("for file in /sys/block/vd*/serial /sys/block/nvme*/device/serial; do echo $(cat $file); done").split()) == [
        "DISK0",
        "SERIAL0",
        "SERIAL2",
        "SERIAL3",
        "tools",
    ]


def test_disk_changes_only_where_written(machine: Vm, pristine_disk: Disk, tmp_path: Path) -> None:
    disk = pristine_disk.at(machine.config.drives[0].path)
    machine.must("sync")
    machine.stop()
    copy_image(disk.path, tmp_path / "before")
    machine.cont()
    machine.must("printf abc | dd of=/dev/vda2 bs=1 seek=1000001 conv=notrunc,fsync 2>/dev/null")
    machine.stop()
    assert differing_ranges(tmp_path / "before", disk.path) == [(disk.swap.offset + 1000001, disk.swap.offset + 1000004)]
    machine.cont()


def test_stop_before_a_request(machine: Vm, pristine_disk: Disk) -> None:
    disk = pristine_disk.at(machine.config.drives[0].path)
    machine.stop_at_request("disk0", "write", disk.data.offset + 16 * 4096)
    script = "yes | dd of=/dev/vda3 bs=4096 seek={} count=1 iflag=fullblock conv=notrunc,fsync 2>/dev/null"
    machine.must(script.format(15))  # another place does not stop it
    machine.run_without_answer(script.format(16))
    machine.wait_for_request_stop(timeout=30)
    assert disk.read(disk.data.offset + 15 * 4096, 2) == b"y\n"
    assert disk.read(disk.data.offset + 16 * 4096, 2) != b"y\n"
    machine.cont()
    machine.must("true")  # answered after the held one
    assert disk.read(disk.data.offset + 16 * 4096, 2) == b"y\n"
    machine.must(script.format(16))  # stopped only once


def test_stages(machine: Vm) -> None:
    machine.hold_stages("second")
    machine.run_without_answer(
        "exec 4<>/dev/ttyS1; for name in first second third; do"
        ' echo "stage $name" >&4; echo "hold $name" >&4; read -r -t 60 answer <&4 || exit 1; echo "$name $answer" >>/run/stages; done'
    )
    machine.wait_for_stage("second", timeout=30)
    time.sleep(0.5)
    assert machine.stages_seen == ["first", "second"]
    machine.release_stage()
    machine.wait_for_stage("third", timeout=30)
    assert machine.must("cat /run/stages") == "first go\nsecond go\nthird go\n"
    with pytest.raises(LostMachine, match="stages so far: first second third"):
        machine.wait_for_stage("fourth", timeout=0.2)


def test_workload(machine: Vm, tmp_path: Path) -> None:
    workload.allocate_anonymous(machine, 24, "anonymous-marker")
    workload.fill_page_cache(machine, 16)
    machine.stop()
    machine.pmemsave(0, 512 << 20, tmp_path / "memory")
    machine.cont()
    marked = (tmp_path / "memory").read_bytes().count(b"anonymous-marker\n") * len("anonymous-marker\n")
    assert marked >= 23 << 20
    (tmp_path / "memory").unlink()
    workload.fill_swap(machine, 32)
    assert workload.swap_used_mib(machine) >= 30
    assert workload.verify_swapped(machine)
    machine.must("echo x >>/swapped/3; printf y | dd of=/swapped/3 conv=notrunc 2>/dev/null")
    assert not workload.verify_swapped(machine)


def test_boots_are_told_apart(make_vm: Callable[..., Vm], kernel: Any, pristine_disk: Disk, test_directory: Path) -> None:
    """An orderly reboot, then a panic, at whose reboot the machine is paused, then a watchdog that nobody feeds."""
    copy_image(pristine_disk.path, test_directory / "disk.img")
    build_initramfs(test_directory / "guest.cpio", kernel, ["virtio_blk", *WATCHDOG_MODULES])
    vm = make_vm(
        drives=[Drive("disk0", test_directory / "disk.img")],
        initramfs=test_directory / "guest.cpio",
        memory_mib=512,
        watchdog=True,
    )
    vm.boot()
    first = vm.boot_id
    vm.must("echo kept >/var/kept; echo lost >/run/lost")
    vm.reboot()
    assert vm.boots == 2
    assert vm.boot_id != first
    assert vm.run("cat /var/kept; ls /run/lost").out == "kept\n"

    vm.pause_at_reboot()
    vm.crash()
    vm.wait_for_reboot_pause(timeout=60)
    assert vm.qmp("query-status")["status"] == "shutdown"
    assert "sysrq: Trigger a crash" in vm.console.text()
    vm.resume_reboot()
    with pytest.raises(GuestRestarted):
        vm.run("echo from the boot that is gone")
    vm.wait_for_boot()
    assert vm.boots == 3
    # The request to the old boot reached the new one's agent, which ignored it.
    assert vm.must("cat /var/kept") == "kept\n"

    vm.must("watchdog -T 2 -t 1000 /dev/watchdog")
    vm.wait_for_reset(timeout=30)


def test_power_cut_loses_what_was_not_flushed(make_vm: Callable[..., Vm], pristine_disk: Disk, test_directory: Path) -> None:
    disk = pristine_disk.at(test_directory / "disk.img")
    copy_image(pristine_disk.path, disk.path)
    log = test_directory / "writes.log"
    vm = make_vm(drives=[Drive("disk0", disk.path, log=log)], memory_mib=512, command_line="guest.var=none")
    vm.boot()
    # A file system's writes, zeros and discards, all flushed.
    vm.must("mount /dev/vda1 /mnt && dd if=/dev/urandom of=/mnt/file bs=1M count=8 2>/dev/null && sync && rm /mnt/file")
    vm.must("fstrim /mnt && umount /mnt")
    script = "yes {} | dd of=/dev/vda3 bs=4096 seek={} count=1 iflag=fullblock oflag=direct conv=notrunc{} 2>&1"
    vm.must(script.format("flushed", 16, ",fsync"))
    flushed_entries = len(WriteLog(log).entries)
    vm.must(script.format("unflushed", 32, ""))
    vm.kill()

    place = disk.data.offset
    assert disk.read(place + 16 * 4096, 8) == b"flushed\n"
    assert disk.read(place + 32 * 4096, 10) == b"unflushed\n"
    writes = WriteLog(log)
    assert writes.entries[flushed_entries - 1].is_flush
    assert writes.writes_since(flushed_entries) == [(place + 32 * 4096, place + 33 * 4096)]
    assert any(entry.is_discard for entry in writes.entries)
    cut = pristine_disk.at(test_directory / "cut.img")
    writes.replay_power_cut(pristine_disk.path, cut.path)
    lost = differing_ranges(disk.path, cut.path)
    assert lost and subtract_ranges(lost, [(place + 32 * 4096, place + 33 * 4096)]) == []
    assert cut.read(place + 32 * 4096, 4096) == pristine_disk.read(place + 32 * 4096, 4096)
    writes.replay_power_cut(pristine_disk.path, cut.path, surviving=[len(writes.entries) - 1])
    assert differing_ranges(disk.path, cut.path) == []


def test_more_patience_with_a_machine_that_is_not_let_run() -> None:
    answers = [None, None, "answer"]

    def wait(timeout: float) -> str:
        given = answers.pop(0)
        if given is None:
            time.sleep(timeout)
            raise LostMachine("no answer")
        return given

    with subprocess.Popen(["sleep", "60"]) as process:
        assert patiently(wait, 0.2, process) == "answer"
        answers.extend([None] * 9)
        with pytest.raises(LostMachine):
            patiently(wait, 0.2, process)
        assert len(answers) == 4
        process.kill()
    # One that has ended is not waited for again.
    with pytest.raises(LostMachine):
        patiently(wait, 0.2, process)
    assert len(answers) == 3


def test_a_lost_machine_shows_its_console(make_vm: Callable[..., Vm], test_directory: Path) -> None:
    vm = make_vm(memory_mib=512, command_line="rdinit=/not-there panic=-1 earlyprintk=ttyS0")
    vm.start()
    with pytest.raises(LostMachine, match="(?s)no agent.*--- end of .*console.log\n"):
        vm.wait_for_boot(timeout=3)
    assert (test_directory / "run.sh").exists()
    vm.qmp("quit")
    with pytest.raises(LostMachine, match="QEMU has ended|QEMU has closed|control channel"):
        vm.wait_for_boot(timeout=30)

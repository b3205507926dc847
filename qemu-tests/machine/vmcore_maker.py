# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the vmcores of a recipe: boots its kernel, fills the memory, has the kernel record what it says of its pages, takes QEMU's dump,
# panics, and copies /proc/vmcore in the capture kernel to a disk.

import subprocess
from pathlib import Path
from typing import Iterator

from machine.crash_kernel import add_crash_kernel, load_crash_kernel
from machine.disk import MIB, SWAP_UUID, build_disk, make_swap
from machine.drive import Drive
from machine.guest_image import DISK_MODULES, build_initramfs, build_tools_disk, compile_guest_program
from machine.kernel import Kernel
from machine.vm import Vm, VmConfig
from machine.vmcores import Recipe, VmcoreSet

# Dirty pages stay so, and pages in the processors' own lists of free pages, which Linux 6.7 and later shorten every second.
_PREPARE = """
set -e
swapon /dev/vda2
mkdir /huge
mount -t tmpfs -o huge=always tmpfs /huge
echo 100000 >/proc/sys/vm/stat_interval
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
echo 80 >/proc/sys/vm/dirty_background_ratio
echo 90 >/proc/sys/vm/dirty_ratio
"""

_DEVICE_OF_SERIAL = """
for serial in /sys/class/block/*/serial; do
	if [ "$(cat "$serial")" = {} ]; then
		device=${{serial%/serial}}
		echo "/dev/${{device##*/}}"
	fi
done
"""


def make_vmcores(recipe: Recipe, kernel: Kernel, output: VmcoreSet, work: Path) -> None:
    """`work` is for disks and logs, on the file system of the output."""
    initramfs = work / "guest.cpio"
    build_initramfs(initramfs, kernel, (*DISK_MODULES, "virtio_balloon"))
    disk = _build_disk(recipe, kernel, work)
    records = _sparse_file(work / "records.img", _buffer_mib(recipe) * MIB)
    # /proc/vmcore is a little longer than the memory: it begins with headers and notes.
    vmcore = _sparse_file(output.kexec, (recipe.memory_mib + 64) * MIB)
    drives = [
        Drive("disk0", disk, serial="DISK0"),
        Drive("tools", _build_tools(kernel, initramfs, work), serial="tools", read_only=True),
        Drive("records", records, serial="records"),
        Drive("vmcore", vmcore, serial="vmcore"),
    ]
    config = VmConfig(
        kernel.vmlinuz,
        initramfs,
        drives,
        f"{kernel.architecture.crashkernel} {recipe.command_line}",
        recipe.memory_mib,
        architecture=kernel.architecture,
        extra_arguments=("-device", "virtio-balloon-pci", *recipe.qemu_arguments),
    )
    with Vm(config, work / "machine") as vm:
        vm.boot()
        load_crash_kernel(vm, recipe.kexec_options)
        vm.inflate_balloon(recipe.balloon_mib)
        vm.must(_PREPARE)
        vm.must("cat /var/corpus >/dev/null", timeout=300)
        vm.must(f"/tools/use_memory {recipe.use}", timeout=600)
        vm.must(f"/tools/record_memory {_device_of_serial(vm, 'records')} {_buffer_mib(recipe)}", timeout=120)
        for name, content in _read_records(records):
            (output.directory / name).write_bytes(content)
        if recipe.by_qemu:
            vm.stop()
            vm.dump_guest_memory(output.qemu)
            vm.cont()
        vm.crash()
        vm.wait_for_boot()
        size = int(vm.must("stat -c %s /proc/vmcore"))
        vm.must(f"dd if=/proc/vmcore of={_device_of_serial(vm, 'vmcore')} bs=1M && sync", timeout=1200)
    for path in output.vmcores:
        if path == output.kexec:
            with path.open("r+b") as file:
                file.truncate(size)
        path.chmod(0o644)
        subprocess.run(["fallocate", "--dig-holes", path], check=True)


def _build_disk(recipe: Recipe, kernel: Kernel, work: Path) -> Path:
    """/var holds the corpus: the kernel and its modules, one after the other, as often as it takes. A kernel may have no modules."""
    directory = work / "var"
    (directory / "tmp").mkdir(parents=True)
    left = recipe.corpus_mib * MIB
    with (directory / "corpus").open("wb") as corpus:
        while left:
            for path in [kernel.vmlinuz, *sorted((kernel.modules / "kernel").rglob("*.ko*"))]:
                left -= corpus.write(path.read_bytes()[:left])
    disk = build_disk(work / "disk.img", var_mib=recipe.corpus_mib + 512, swap_mib=256, var_directory=directory)
    make_swap(disk.path, disk.swap, SWAP_UUID, kernel.architecture.page_size, kernel.architecture.byte_order)
    return disk.path


def _build_tools(kernel: Kernel, initramfs: Path, work: Path) -> Path:
    directory = work / "tools"
    directory.mkdir()
    for name in ("use_memory", "record_memory"):
        compile_guest_program(name, directory, kernel.architecture)
    add_crash_kernel(directory, kernel, initramfs)
    build_tools_disk(work / "tools.img", directory)
    return work / "tools.img"


def _buffer_mib(recipe: Recipe) -> int:
    """Of all records: two numbers of 8 bytes for each page frame, of which there are no more than memory and all below 4 GiB have;
    and the texts."""
    return (recipe.memory_mib + 4096) // 256 + 2


def _sparse_file(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def _device_of_serial(vm: Vm, serial: str) -> str:
    return vm.must(_DEVICE_OF_SERIAL.format(serial)).strip()


def _read_records(image: Path) -> Iterator[tuple[str, bytes]]:
    with image.open("rb") as stream:
        while True:
            name, length = stream.readline().decode().split()
            if name == "end":
                return
            yield name, stream.read(int(length))

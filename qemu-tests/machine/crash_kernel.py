# SPDX-License-Identifier: GPL-2.0-or-later
# Loads a crash kernel with nothing of the product: the harness tests itself with it, and makes test vmcores. The capture kernel boots the
# guest's own initramfs, and its agent answers.

import struct
from pathlib import Path

from machine.guest_image import compile_guest_program
from machine.kernel import Kernel
from machine.vm import Vm


def add_crash_kernel(directory: Path, kernel: Kernel, initramfs: Path) -> None:
    """What load_crash_kernel() needs, for the tools disk."""
    image = kernel.vmlinuz.read_bytes()
    if kernel.architecture.debian == "i386":
        image = _with_room_to_unpack(image)
    (directory / "vmlinuz").write_bytes(image)
    (directory / "initramfs").write_bytes(initramfs.read_bytes())
    if not kernel.architecture.kexec_tools:
        compile_guest_program("load_crash_kernel", directory, kernel.architecture)


def load_crash_kernel(vm: Vm, kexec_options: str = "") -> None:
    """The options are for kexec-tools."""
    arguments = vm.config.architecture.capture_arguments
    if vm.config.architecture.kexec_tools:
        vm.must(f"kexec -p {kexec_options} /tools/vmlinuz --initrd=/tools/initramfs --command-line='{arguments}'", timeout=120)
    else:
        vm.must(f"/tools/load_crash_kernel /tools/vmlinuz /tools/initramfs '{arguments}'", timeout=120)
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "1\n"


def _with_room_to_unpack(image: bytes) -> bytes:
    """The kernel unpacks itself in the memory behind its image (init_size, Documentation/x86/boot.rst). kexec-tools for i386 2.0.25 to
    2.0.29 puts the random seed there (setup_rng_seed in kexec/arch/i386/x86-linux-setup.c), and a kernel that finds parts of itself in
    its place may take all memory for reserved. So the image gets that room itself."""
    setup_sectors, (init_size,) = image[0x1F1], struct.unpack_from("<I", image, 0x260)
    return image.ljust((setup_sectors + 1) * 512 + init_size, b"\0")

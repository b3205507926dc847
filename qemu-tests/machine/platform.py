# SPDX-License-Identifier: GPL-2.0-or-later
# What machines of an architecture are made from: a kernel, the guest's initramfs, the product for it, and a disk.

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from machine.architecture import PLATFORMS
from machine.disk import SWAP_UUID, Disk, build_disk, make_swap
from machine.guest_image import DISK_MODULES, build_initramfs
from machine.kernel import Kernel
from machine.product import build_product_disk


@dataclass(frozen=True)
class Platform:
    """No machine may be started with `disk` itself: it is copied."""

    kernel: Kernel
    initramfs: Path
    tools: Path
    disk: Disk

    @staticmethod
    def build(name: str, directory: Path, modules: Sequence[str] = DISK_MODULES) -> "Platform":
        """Of a name in PLATFORMS; `modules` are those that the guest loads for its disks."""
        parts = PLATFORMS[name]
        architecture = parts.architecture
        kernel, capture = (Kernel.named(each, architecture) for each in (parts.kernel, parts.capture_kernel))
        initramfs = directory / "guest.cpio"
        build_initramfs(initramfs, kernel, modules)
        disk = build_disk(directory / "disk.img")
        make_swap(disk.path, disk.swap, SWAP_UUID, architecture.page_size, architecture.byte_order)
        return Platform(kernel, initramfs, build_product_disk(directory / "tools.img", capture), disk)

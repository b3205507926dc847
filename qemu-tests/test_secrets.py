# SPDX-License-Identifier: GPL-2.0-or-later
# The keys of a dump must not be in it, nor stay where the next crash's dump takes them from.

from pathlib import Path
from typing import Callable

import pytest

from machine.kdump import KdumpFile
from machine.rig import Rig
from machine.vm import Vm
from machine.vmcore import PAGE, system_ram
from platforms import ALL_PLATFORMS
from recovered import read_vmcore

_SECRETS = ("authentication_key", "encryption_key")


def test_keys_are_not_in_the_dump(rig: Rig, tmp_path: Path) -> None:
    """Neither as text, in which `load` keeps them and hands them on, nor as the bytes that it computes with. At the moment of the crash they
    have left no copy in the memory of the crashed kernel that a dump of the default level takes."""
    vm, product = rig.vm, rig.product
    product.prepare()
    # Twice: what the first load has left is gone, too.
    product.command("load")
    first = secrets(rig)
    product.command("load")
    second = secrets(rig)
    assert len(first) == len(second) == 2 * len(_SECRETS) and not set(first) & set(second)
    ram = set(system_ram(vm.must("cat /proc/iomem")))
    vm.hold_stages("start")
    vm.crash()
    vm.wait_for_stage("start", timeout=120)
    memory = memory_of(vm, tmp_path)
    vm.hold_stages()
    vm.release_stage()
    vm.wait_for_boot()
    product.configure()
    product.command("recover --no-load", timeout=300)
    [name] = product.dumps()
    # The keys of a recovered dump are gone from the disk.
    assert vm.must("ls /var/lib/crashdump/keys") == ""
    vm.must("sync")
    vm.kill()

    vmcore = read_vmcore(rig.disk, name, tmp_path)
    assert isinstance(vmcore, KdumpFile)
    kept = set(vmcore.offsets) & ram
    found = {secret: places(memory, secret, ram) for secret in first + second}
    print(f"pages with keys in all memory: {[len(pages) for pages in found.values()]}; pages kept: {len(kept)}")
    # The controls: the capture kernel has the second arming's keys, as text; and the dump has what the kernel itself knows.
    assert all(memory.find(secret) >= 0 for secret in second[::2])
    assert places(memory, b"crashkernel=", ram) & kept
    for secret, pages in found.items():
        assert pages & kept == set(), secret
    vmcore.close()


@pytest.mark.parametrize("platform", ALL_PLATFORMS)
def test_load_leaves_no_copy(platform: str, make_platform_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """But in free pages that look like it: those in the list of a processor do not, they look like the kernel's own. That it is not
    this processor which the next programs run on makes it harder."""
    rig = make_platform_rig(platform)
    rig.boot()
    vm = rig.vm
    page_size = vm.config.architecture.page_size
    rig.product.prepare()
    ram = set(system_ram(vm.must("cat /proc/iomem"), page_size, vm.must("dmesg")))
    armings = []
    for _ in range(4):
        vm.must("taskset 2 /tools/crashdump load")
        memory = memory_of(vm, tmp_path)
        armings.append(secrets(rig))
        # The control: the reservation has them.
        assert all(memory.find(secret) >= 0 for secret in armings[-1][::2])
        for secret in (secret for arming in armings for secret in arming):
            suspects = {page for page in places(memory, secret, ram, page_size) if not is_free(vm, page)}
            # Not those that were, and have been taken and overwritten since.
            assert not suspects or not suspects & places(memory_of(vm, tmp_path), secret, ram, page_size), secret


def is_free(vm: Vm, page: int) -> bool:
    """Whether it belongs to a free block: KPF_BUDDY in /proc/kpageflags."""
    flags = vm.must(f"dd if=/proc/kpageflags bs=8 skip={page} count=1 2>/dev/null | od -A n -t u8")
    return int(flags) >> 10 & 1 == 1


def memory_of(vm: Vm, directory: Path) -> bytes:
    vm.stop()
    vm.pmemsave(0, vm.config.memory_mib << 20, directory / "memory")
    vm.cont()
    return (directory / "memory").read_bytes()


def secrets(rig: Rig) -> list[bytes]:
    """The keys of the arming, as text and as bytes. Read from the disk's image: the guest would have copies of its own else."""
    [key_id] = [line.split("=")[1] for line in rig.vm.must("grep ^key-id= /run/crashdump/armed; sync").splitlines()]
    record = rig.disk.read_var_file(f"/lib/crashdump/keys/{key_id}.key").decode()
    assert len(record) % PAGE == 0
    fields = dict(line.split("=", 1) for line in record.splitlines() if line)
    texts = [fields[name] for name in _SECRETS]
    assert all(len(text) == 64 for text in texts)
    return [secret for text in texts for secret in (text.encode(), bytes.fromhex(text))]


def places(memory: bytes, what: bytes, ram: set[int], page_size: int = PAGE) -> set[int]:
    """The page frames in which it begins."""
    found = set()
    at = memory.find(what)
    while at >= 0:
        if at // page_size in ram:
            found.add(at // page_size)
        at = memory.find(what, at + 1)
    return found

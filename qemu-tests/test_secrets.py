# SPDX-License-Identifier: GPL-2.0-or-later
# The keys of a dump must not be in it, nor stay where the next crash's dump takes them from.

from pathlib import Path

import pytest

from machine.kdump import KdumpFile
from machine.rig import MEMORY_MIB, Rig
from machine.vmcore import PAGE, system_ram
from recovered import read_vmcore

_SECRETS = ("authentication_key", "encryption_key")


# Seen to fail: of a key's freed page, a processor's own list of free pages may hold a copy, which looks like the kernel's.
@pytest.mark.slow
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
    vm.stop()
    vm.pmemsave(0, MEMORY_MIB << 20, tmp_path / "memory")
    vm.cont()
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

    memory = (tmp_path / "memory").read_bytes()
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


def secrets(rig: Rig) -> list[bytes]:
    """The keys of the arming, as text and as bytes. Read from the disk's image: the guest would have copies of its own else."""
    [key_id] = [line.split("=")[1] for line in rig.vm.must("grep ^key-id= /run/crashdump/armed; sync").splitlines()]
    record = rig.disk.read_var_file(f"/lib/crashdump/keys/{key_id}.key").decode()
    assert len(record) % PAGE == 0
    fields = dict(line.split("=", 1) for line in record.splitlines() if line)
    texts = [fields[name] for name in _SECRETS]
    assert all(len(text) == 64 for text in texts)
    return [secret for text in texts for secret in (text.encode(), bytes.fromhex(text))]


def places(memory: bytes, what: bytes, ram: set[int]) -> set[int]:
    """The page frames in which it begins."""
    found = set()
    at = memory.find(what)
    while at >= 0:
        if at // PAGE in ram:
            found.add(at // PAGE)
        at = memory.find(what, at + 1)
    return found

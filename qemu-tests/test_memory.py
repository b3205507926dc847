# SPDX-License-Identifier: GPL-2.0-or-later
# How much memory the capture program needs at its peak, as it says in the dump itself: little, and no more for a larger machine.

from typing import Callable

from machine.rig import Rig
from recovered import RecoveredDump

_SIZES_MIB = (1024, 4096)
_THREADS = (1, 2)


def test_peak_memory_of_the_capture(make_rig: Callable[..., Rig]) -> None:
    """One disk goes from machine to machine, and keeps all dumps until a last one recovers them."""
    rig = make_rig()
    for memory_mib in _SIZES_MIB:
        # The capture kernel leaves the boot processor alone, so there is one more.
        rig = make_rig(image=rig.disk.path, memory_mib=memory_mib, cpus=max(_THREADS) + 1)
        rig.boot()
        for threads in _THREADS:
            rig.product.configure(f"CPUS={threads}")
            rig.product.arm("--reserve 768M")
            rig.vm.crash()
            rig.vm.wait_for_stage("reboot", timeout=300)
            if threads != _THREADS[-1]:
                rig.vm.wait_for_boot()
        rig.vm.kill()
    rig = make_rig(image=rig.disk.path)
    rig.boot()
    # The reports are all that is wanted; the memory images stay where they are.
    assert rig.vm.run("/tools/crashdump recover --no-load --keep-free 1T", timeout=300).status == 3
    names = rig.product.dumps()
    rig.vm.must("sync")
    rig.vm.kill()

    peaks = {}
    for dump in (RecoveredDump.read(rig.disk, name) for name in names):
        assert dump.info["state"] == "complete"
        facts = dump.facts("capture")
        memory_mib = int(dump.facts("machine_facts")["memory_pages"]) // 256
        [size] = [size for size in _SIZES_MIB if size * 3 // 4 < memory_mib <= size]
        peaks[size, int(facts["threads"])] = int(facts["vm_hwm_kib"])
    print("".join(f"{size} MiB of RAM, {threads} threads: {peak} KiB\n" for (size, threads), peak in peaks.items()))
    assert sorted(peaks) == [(size, threads) for size in _SIZES_MIB for threads in _THREADS]
    for (_, threads), peak in peaks.items():
        assert 1024 < peak <= 6 * 1024 + 1536 * (threads - 1)

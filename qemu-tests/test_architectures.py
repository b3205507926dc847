# SPDX-License-Identifier: GPL-2.0-or-later
# One crash from end to end on every architecture: what is recovered is what the memory was and what the kernel said; and what each
# processor of several was doing.

import re
from pathlib import Path
from typing import Callable

import pytest

from machine.notes import processors
from machine.rig import Rig
from observed_crash import crash, recover
from platforms import ALL_PLATFORMS
from recovered import read_vmcore

_CPUS = 4
_CPU = 2


@pytest.mark.parametrize("platform", ALL_PLATFORMS)
def test_panic_on_another_processor(platform: str, make_platform_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """Memory and messages of a machine with four processors that panics on the third, and the registers of all four."""
    rig = make_platform_rig(platform, cpus=_CPUS)
    vm, product = rig.vm, rig.product
    rig.boot()
    arming = product.arm()
    method = "kexec-tools" if vm.config.architecture.kexec_tools else "kexec_file_load"
    assert f"loaded-by={method}" in vm.must("cat /run/crashdump/armed").splitlines()
    crashed = crash(vm, rig.disk, tmp_path, cpu=_CPU)
    crashed.check_places(arming)
    [dump] = recover(vm, product, crashed, ["VMCORE_FORMAT=elf"])
    assert dump.info["state"] == "complete" and dump.info["vmcore"] == "present"
    architecture = vm.config.architecture
    vmcore = read_vmcore(rig.disk, dump.name, tmp_path, architecture.page_size)
    assert len(vmcore.offsets) * architecture.page_size > 4 << 20
    # The kernel's own, and no more: its counters were believed.
    assert not [note for note in crashed.said("note") if "every class is kept" in note]
    assert len(vmcore.offsets) < len(crashed.ram) / 2
    found = processors(vmcore.notes, architecture)
    vmcore.close()
    print(f"{len(vmcore.offsets)} pages; program counters {[hex(processor.program_counter) for processor in found]}")
    assert len(found) == _CPUS
    [culprit] = re.findall(rf"CPU: {_CPU} (?:UID: 0 )?PID: (\d+) Comm: sh ", dump.messages)[:1]
    assert found[_CPU].pid == int(culprit)
    # No two processors share a stack, and each was somewhere.
    assert len({processor.stack_pointer for processor in found}) == _CPUS
    assert all(processor.program_counter for processor in found)

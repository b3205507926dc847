# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong with a drive, or with the machine, while it runs. Each takes effect at once, and lasts until it is undone here: the guest
# notices at its next request.

import time
from typing import TYPE_CHECKING, Any, Optional

from machine.errors import LostMachine, QmpError

if TYPE_CHECKING:
    from machine.vm import Vm

# One byte each second: the first request passes, and what comes behind it waits for hours.
_ALMOST_NOTHING = 1


def inject_errors(vm: "Vm", drive_name: str, kind: str, *, once: bool = True, offset: Optional[int] = None) -> None:
    """The drive's next request of that kind ("write", "read", "flush", "discard"), or all from now on, fails with an I/O error and is not
    carried out; with `offset`, those that cover this byte. QMP `stop` flushes, which counts."""
    drive = vm.drive(drive_name)
    node = f"{drive_name}-errors-{time.monotonic_ns()}"
    rule: dict[str, Any] = {"event": "none", "iotype": kind, "once": once}
    if offset is not None:
        rule["sector"] = offset // 512
    vm.qmp("blockdev-add", driver="blkdebug", node_name=node, image=drive.top_node, inject_error=[rule])
    vm.qmp("qom-set", path=drive.qom_path, property="drive", value=node)


def end_errors(vm: "Vm", drive_name: str) -> None:
    drive = vm.drive(drive_name)
    vm.qmp("qom-set", path=drive.qom_path, property="drive", value=drive.top_node)


def hang(vm: "Vm", drive_name: str, *, writes_only: bool = False) -> None:
    """The drive goes on taking requests, and answers none; flushes, if there are no writes before them. QMP `stop` and a reset carry out
    what waits, as a drive may that has been slow; on AHCI, QEMU itself hangs when the guest resets the port."""
    total, write = (0, _ALMOST_NOTHING) if writes_only else (_ALMOST_NOTHING, 0)
    _limit(vm, drive_name, f"{total} 0 {write}")


def end_hang(vm: "Vm", drive_name: str) -> None:
    _limit(vm, drive_name, "0 0 0")


def unplug(vm: "Vm", drive_name: str, timeout: float = 60) -> None:
    """Returns when the drive is gone. On the SCSI bus it is gone at once, whatever the guest does; a PCI device waits for the guest."""
    vm.qmp("device_del", id=drive_name)
    deadline = time.monotonic() + timeout
    while any(device["name"] == drive_name for device in vm.qmp("qom-list", path="/machine/peripheral")):
        if time.monotonic() > deadline:
            raise LostMachine(f"{drive_name} was not given up within {timeout:g} s")
        time.sleep(0.05)


def plug(vm: "Vm", drive_name: str, timeout: float = 20) -> None:
    """A device that is gone may hold its image for a moment longer."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            _monitor(vm, f"device_add {vm.drive(drive_name).device}")
            return
        except QmpError as error:
            if "Permission conflict" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def interrupt(vm: "Vm") -> None:
    """An interrupt that cannot be masked; a panic with unknown_nmi_panic on the kernel's command line."""
    vm.qmp("inject-nmi")


def kill_for_memory(vm: "Vm") -> None:
    """The out-of-memory killer takes whom it would take if there were no memory; with sysrq_always_enabled on the kernel's command line."""
    vm.qmp("send-key", keys=[{"type": "qcode", "data": key} for key in ("alt", "sysrq", "f")])


def _limit(vm: "Vm", drive_name: str, bytes_per_second: str) -> None:
    _monitor(vm, f"block_set_io_throttle {vm.drive(drive_name).backend_path} {bytes_per_second} 0 0 0")


def _monitor(vm: "Vm", command: str) -> None:
    """What takes its arguments here as on QEMU's command line. It answers only if something is wrong."""
    answer = vm.qmp("human-monitor-command", command_line=command)
    if answer.strip():
        raise QmpError(f"{command}: {answer.strip()}")

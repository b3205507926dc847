# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that stand still without a panic of their own: PANIC_ON= makes one of it, which is captured.

import re
import socket
import tempfile
from pathlib import Path
from typing import Callable

import pytest

from machine.gdb import GdbStub
from machine.product import DUMPS
from machine.rig import Rig

# The handler of Alt-SysRq-R, which nobody needs here.
_HANDLER = "sysrq_handle_unraw"
_SPIN = bytes.fromhex("f30f1efa ebfe")  # endbr64; jmp to itself


def spin(rig: Rig, debugger: Path) -> None:
    """A processor never leaves the kernel again, with interrupts."""
    vm = rig.vm
    address = int(vm.must(f"awk '$3 == \"{_HANDLER}\" {{ print $1 }}' /proc/kallsyms"), 16)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(debugger))
    gdb = GdbStub(connection)
    gdb.write(address, _SPIN)
    gdb.detach()
    vm.must("echo 3 >/proc/sys/kernel/watchdog_thresh")
    vm.run_without_answer("echo r >/proc/sysrq-trigger")


def block(rig: Rig, _debugger: Path) -> None:
    """A task waits for a disk that does not answer."""
    rig.vm.must("echo 5 >/proc/sys/kernel/hung_task_timeout_secs")
    rig.vm.run_without_answer("fsfreeze --freeze /var && touch /var/waits")


def press_button(rig: Rig, _debugger: Path) -> None:
    rig.vm.qmp("inject-nmi")


@pytest.mark.parametrize(
    ("cause", "provoke", "message"),
    [
        ("softlockup", spin, "softlockup: hung tasks"),
        pytest.param("hung_task", block, "hung_task: blocked tasks", marks=pytest.mark.slow),
        pytest.param("nmi", press_button, "NMI: Not continuing", marks=pytest.mark.slow),
    ],
)
def test_is_captured(cause: str, provoke: Callable[[Rig, Path], None], message: str, make_rig: Callable[..., Rig]) -> None:
    with tempfile.TemporaryDirectory(prefix="crashdump-gdb-") as directory:
        debugger = Path(directory) / "gdb"
        rig = make_rig(extra_arguments=["-gdb", f"unix:{debugger},server=on,wait=off"])
        rig.boot()
        vm, product = rig.vm, rig.product
        product.configure(f"PANIC_ON={cause}")
        product.arm()
        provoke(rig, debugger)
        vm.wait_for_stage("reboot", timeout=300)
    rig.must_recover_a_complete_dump()
    [name] = product.dumps()
    messages = vm.must(f"cat {DUMPS}/{name}/dmesg.txt")
    assert re.search(rf"Kernel panic - not syncing: {re.escape(message)}", messages), messages[-2000:]


def test_sysctls_are_those_of_an_armed_machine(rig: Rig) -> None:
    """And an oops, which the kernel survives, is never among them."""
    vm, product = rig.vm, rig.product

    def sysctls() -> str:
        names = "hardlockup_panic softlockup_panic hung_task_panic unknown_nmi_panic panic_on_oops"
        return vm.must(f"cd /proc/sys/kernel && cat {names}").replace("\n", "")

    assert sysctls() == "00000"
    product.arm()
    assert sysctls() == "10000"
    product.configure("PANIC_ON=softlockup, hung_task nmi")
    product.load()
    assert sysctls() == "01110"
    product.command("unload")
    assert sysctls() == "00000"

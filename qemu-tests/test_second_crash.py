# SPDX-License-Identifier: GPL-2.0-or-later
# A machine that goes on crashing, at every point of the life of earlier dumps: none is lost.

from pathlib import Path
from typing import Callable

import pytest

from machine.guest_image import compile_guest_program
from machine.product import DUMPS
from machine.ranges import subtract_ranges
from machine.rig import Rig

_RECOVER = "/tools/crashdump recover >/run/recover.out 2>&1 & echo $! >/run/recover.pid"
# As soon as the condition holds, the process stays as it is.
_STOP_WHEN = "{start}; pid=$(cat /run/recover.pid); until {condition}; do [ -d /proc/$pid ] || exit 1; sleep 0.05; done; kill -STOP $pid"
_BUILDING = f"ls {DUMPS}/.incoming-*/vmcore >/dev/null 2>&1"
# Arming is done under this lock, which only keeps it from going on.
_LOCK = "/run/crashdump/lock"
_TAKE_LOCK = f"/run/hold_lock {_LOCK} >/run/lock.out & until grep -q held /run/lock.out; do [ -d /proc/$! ] || exit 1; sleep 0.05; done"
_AT_LOCK = f"ls -l /proc/$pid/fd | grep -q ' {_LOCK}$'"


# Slow, until it is known why the emulated machine stands still now and then when the fourth capture kernel resets it.
@pytest.mark.slow
def test_crashes_before_during_and_after_recoveries(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """Five crashes, each with its own marker in the log, in one chain, since each needs the one before."""
    rig = make_rig()
    rig.boot()
    vm, product = rig.vm, rig.product
    first = product.arm("--reserve 768M")
    check_privacy(rig)
    crash(rig, 1)

    # Before the first is recovered: in what that has left.
    second = product.load()
    assert second.slot != first.slot
    assert first.extent[0] < second.extent[0] and subtract_ranges([second.extent], [first.extent]) == []
    crash(rig, 2)

    # While it is being recovered.
    product.load()
    vm.must(_STOP_WHEN.format(start=_RECOVER, condition=_BUILDING), timeout=180)
    assert product.dumps() == []
    assert vm.run(f"ls {DUMPS}/.incoming-*/info.json").status != 0
    assert "State:\tT" in vm.must("cat /proc/$(cat /run/recover.pid)/status")
    crash(rig, 3)

    # When all are published, and the machine is not armed again yet.
    third = product.load()
    compile_guest_program("hold_lock", tmp_path)
    vm.push_file(tmp_path / "hold_lock", "/run/hold_lock", mode=0o755)
    vm.must(_TAKE_LOCK)
    vm.must(_STOP_WHEN.format(start=_RECOVER, condition=_AT_LOCK), timeout=300)
    assert markers(rig) == [1, 2, 3]
    assert product.arming() == third
    crash(rig, 4)

    # In the boot that has recovered the one before, and recovers again, with nothing left to do.
    product.command("recover", timeout=300)
    product.command("status")
    armed = product.arming()
    for _ in range(2):
        assert product.command("recover") == "nothing to recover\n"
    product.command("status")
    assert product.arming() == armed
    crash(rig, 5)

    product.command("recover", timeout=300)
    product.command("status")
    assert markers(rig) == [1, 2, 3, 4, 5]
    assert vm.must(f"grep -h '\"state\"' {DUMPS}/*/info.json").split(",\n") == ['  "state": "complete"'] * 5 + [""]
    assert vm.run(f"ls -d {DUMPS}/.incoming-*").status != 0
    check_privacy(rig)

    # Those that nobody wants any more.
    product.configure("KEEP=2")
    assert product.command("recover --dry-run").count(": would be removed for KEEP=2\n") == 3
    assert markers(rig) == [1, 2, 3, 4, 5]
    assert product.command("recover").count(": removed for KEEP=2\n") == 3
    assert markers(rig) == [4, 5]


def crash(rig: Rig, number: int) -> None:
    # The page cache is full of the dumps that were recovered, which would make this one large.
    rig.vm.must(f"sync; echo 3 >/proc/sys/vm/drop_caches; echo crash-marker-{number} >/dev/kmsg")
    rig.crash_and_reboot()


def markers(rig: Rig) -> list[int]:
    """The numbers of the crashes whose dumps are published, in the order of the dumps' names; each has exactly one."""
    found = []
    for name in rig.product.dumps():
        marked = rig.vm.must(f"grep -o 'crash-marker-[0-9]*' {DUMPS}/{name}/dmesg.txt").split()
        assert len(marked) == 1
        found.append(int(marked[0].rpartition("-")[2]))
    return found


def check_privacy(rig: Rig) -> None:
    for path in ("/var/crash/kernel", "/var/lib/crashdump"):
        for script in (f"ls {path}", f"stat {path}/dumps {path}/keys", f"cat {path}/dumps/*/dmesg.txt {path}/keys/*"):
            assert rig.vm.run(script, user="nobody").status != 0

# SPDX-License-Identifier: GPL-2.0-or-later
# One life of a machine, from a disk that is not prepared to a dump that is published, with all that it writes in one log: the power can be
# cut at any of the writes afterwards.

import mmap
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from harm import Lost, OutsideTarget, WrongBytes, require
from machine.disk import Disk
from machine.product import Arming
from machine.ranges import Range, differing_ranges, subtract_ranges
from machine.rig import MEMORY_MIB, Rig
from machine.vmcore import system_ram
from machine.write_log import WriteLog
from recovered import RecoveredDump, check_pages

_LAST_PAGE = 1028  # in the swap header, 4 bytes


@dataclass(frozen=True)
class LoggedLife:
    """`phases`: the log's entries that were made while a command ran ("prepare", "load", "recover"), or between two flushes of the capture
    ("messages", "pages", "trailer"). `memory`, `ram`: as compare_pages() wants them. `dump` is what was published in the end, with
    `page_count` pages."""

    blank: Disk
    log: WriteLog
    phases: dict[str, range]
    arming: Arming
    swap_size: int  # in KiB, behind `prepare`
    memory: mmap.mmap
    ram: set[int]
    dump: RecoveredDump
    page_count: int

    @staticmethod
    def live(rig: Rig, blank: Disk, directory: Path) -> "LoggedLife":
        """`rig` has not been started; its disk is a copy of `blank` and has a log."""
        vm, product = rig.vm, rig.product
        log = vm.drive("disk0").log
        assert log is not None
        phases = {}
        position = 0

        def phase(name: str) -> None:
            """What was written since the last one."""
            nonlocal position
            end = len(WriteLog(log).entries)
            phases[name] = range(position, end)
            position = end

        rig.boot()
        phase("boot")
        product.prepare()
        phase("prepare")
        arming = product.load()
        phase("load")
        swap_size = product.use_swap()
        ram = set(system_ram(vm.must("cat /proc/iomem")))
        vm.hold_stages("start", "messages-safe", "reboot")
        vm.crash()
        vm.wait_for_stage("start", timeout=180)
        vm.stop()
        vm.pmemsave(0, MEMORY_MIB << 20, directory / "memory")
        vm.cont()
        phase("crash")
        vm.release_stage()
        vm.wait_for_stage("messages-safe", timeout=180)
        phase("messages")
        vm.release_stage()
        vm.wait_for_stage("reboot", timeout=180)
        phase("pages")
        vm.hold_stages()
        vm.release_stage()
        vm.wait_for_boot()
        product.configure()
        phase("reboot")
        product.command("recover", timeout=300)
        phase("recover")
        [name] = product.dumps()
        vm.must("sync")
        vm.kill()

        writes = WriteLog(log)
        # Each of the three parts of a dump ends with its flush, the first before it was reported.
        flushes = [index for index in writes.flush_positions() if index in phases["messages"] or index in phases["pages"]]
        assert len(flushes) == 3 and phases["messages"].stop == flushes[0] + 1
        phases["messages"] = range(phases["messages"].start, flushes[0])
        phases["pages"] = range(flushes[0] + 1, flushes[1])
        phases["trailer"] = range(flushes[1] + 1, flushes[2])

        with (directory / "memory").open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        dump = RecoveredDump.read(rig.disk, name)
        dump.check_messages(vm.console.text())
        assert dump.info["state"] == "complete"
        page_count = check_pages(dump, rig.disk, directory, memory, ram)
        assert page_count > 5000
        return LoggedLife(blank, writes, phases, arming, swap_size, memory, ram, dump, page_count)

    def check_places(self) -> None:
        """What has been written, also where it was the same as before: by the capture to its slot and extent only, by the commands to /var
        and, by `prepare`, to the region and the swap header."""
        var = (self.blank.var.offset, self.blank.var.end)
        capture, swap_header = [self.arming.slot, self.arming.extent], (self.blank.swap.offset, self.blank.swap.offset + 4096)
        for name, allowed in {
            "prepare": [var, self.arming.region, swap_header],
            "load": [var],
            "messages": capture,
            "pages": capture,
            "trailer": capture,
            "recover": [var],
        }.items():
            phase = self.phases[name]
            written = [entry.range for entry in self.log.entries[phase.start : phase.stop] if entry.length > 0]
            outside = subtract_ranges(written, allowed)
            require(written != [] and outside == [], OutsideTarget, f"{name} has written {outside}")

    def check_rest_of_disk(self, first: Path, second: Path, allowed: list[Range]) -> None:
        """Two images differ only in /var and in what is allowed."""
        outside = subtract_ranges(differing_ranges(first, second), [(self.blank.var.offset, self.blank.var.end), *allowed])
        require(outside == [], OutsideTarget, f"changed: {outside}")

    @property
    def places_of_prepare(self) -> list[Range]:
        last_page = self.blank.swap.offset + _LAST_PAGE
        return [self.arming.region, (last_page, last_page + 4)]

    def cut_between_flushes(self, output: Path, phase: str, choose: Callable[[list[int]], list[int]], torn: bool) -> None:
        """Of the writes of a phase that ends with a flush, which does not come any more, those survive that are chosen; the last of them
        only half, if it is torn."""
        surviving = choose(list(self.phases[phase]))
        self.log.replay_power_cut(self.blank.path, output, self.phases[phase].stop, surviving, surviving[-1] if torn else None)

    def cut_within(self, output: Path, phase: str, share: float, seed: Optional[int]) -> None:
        """When this share of the phase's requests has been made. Of the unflushed ones all survive, or with a seed a random half."""
        until = self.phases[phase].start + round(share * len(self.phases[phase]))
        unflushed = list(range(self.log.durable_count(until), until))
        if seed is not None:
            unflushed = random.Random(seed).sample(unflushed, len(unflushed) // 2)
        self.log.replay_power_cut(self.blank.path, output, until, unflushed)

    def check_whole(self, dump: RecoveredDump, disk: Disk, directory: Path) -> None:
        """It is the dump that this life has published."""
        require(dump.info["state"] == "complete", Lost, f"a complete dump is {dump.info['state']} now")
        require(dump.messages == self.dump.messages, WrongBytes, "the messages are others")
        count = check_pages(dump, disk, directory, self.memory, self.ram)
        require(count == self.page_count, Lost, f"{count} of {self.page_count} pages")

# SPDX-License-Identifier: GPL-2.0-or-later
# How an image is attached to the machine: bus, serial number, sector size, and the filters between the device and the image.

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from machine.write_log import SECTOR_SIZE

_DEVICES = {
    "virtio": "virtio-blk-pci,drive={node}",
    "ahci": "ide-hd,bus=ide.{index},drive={node}",
    "nvme": "nvme,drive={node}",
    "scsi": "scsi-hd,bus={name}-bus.0,drive={node}",
}
# What a drive hangs on that can be unplugged. The machine's own PCI bus and its AHCI ports do not give up what they have.
_HOTPLUG = {
    "virtio": "pcie-root-port,id={name}-port,chassis=1",
    "nvme": "pcie-root-port,id={name}-port,chassis=1",
}


@dataclass(frozen=True)
class Drive:
    """`name` is the drive's handle in the harness. The guest sees `serial` (none if empty). `log`: everything that the machine writes
    is appended there (see WriteLog); a log belongs to one start of the machine. `stop_on_error` is for Vm.stop_at_request. faults.unplug wants
    `hotplug`, which one drive of a machine may have, but not one on AHCI."""

    name: str
    path: Path
    serial: str = ""
    interface: str = "virtio"
    port: int = 0  # of the AHCI controller
    read_only: bool = False
    sector_size: int = 512
    log: Optional[Path] = None
    stop_on_error: bool = False
    hotplug: bool = False

    @property
    def top_node(self) -> str:
        return f"{self.name}-log" if self.log else f"{self.name}-file"

    @property
    def qom_path(self) -> str:
        return f"/machine/peripheral/{self.name}"

    @property
    def backend_path(self) -> str:
        """Of the part of the device that the image hangs on."""
        return f"{self.qom_path}/virtio-backend" if self.interface == "virtio" else self.qom_path

    def prepare(self) -> None:
        """Called before each start of the machine."""
        if self.log:
            self.log.unlink(missing_ok=True)
            self.log.touch()

    def arguments(self) -> list[str]:
        # The host's page cache is the disk here: it survives QEMU, so flushes need not reach the host's disk.
        options = "cache.direct=off,cache.no-flush=on"
        read_only = "on" if self.read_only else "off"
        arguments = ["-blockdev"]
        arguments.append(
            f"driver=file,node-name={self.name}-file,filename={self.path.resolve()},read-only={read_only},discard=unmap,{options}"
        )
        if self.log:
            arguments += ["-blockdev", f"driver=file,node-name={self.name}-log-file,filename={self.log.resolve()},{options}"]
            arguments.append("-blockdev")
            arguments.append(
                f"driver=blklogwrites,node-name={self.top_node},file={self.name}-file,log={self.name}-log-file,"
                f"log-sector-size={SECTOR_SIZE},discard=unmap"
            )
        if self.interface == "scsi":
            arguments += ["-device", f"virtio-scsi-pci,id={self.name}-bus"]
        if self.hotplug and self.interface in _HOTPLUG:
            arguments += ["-device", _HOTPLUG[self.interface].format(name=self.name)]
        return [*arguments, "-device", self.device]

    @property
    def device(self) -> str:
        """The device alone, as QEMU's -device takes it."""
        device = _DEVICES[self.interface].format(node=self.top_node, index=self.port, name=self.name) + f",id={self.name}"
        # NVMe has no such thing as a controller without a serial number.
        if self.serial or self.interface == "nvme":
            device += f",serial={self.serial or 'none'}"
        device += f",logical_block_size={self.sector_size},physical_block_size={self.sector_size}"
        if self.stop_on_error:
            device += ",werror=stop,rerror=stop"
        if self.hotplug and self.interface in _HOTPLUG:
            device += f",bus={self.name}-port"
        return device

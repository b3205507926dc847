# SPDX-License-Identifier: GPL-2.0-or-later
# Builds what the production guest boots from: an initramfs of BusyBox, the needed modules and the agent, and a read-only disk with files.

import gzip
import lzma
import os
import subprocess
from pathlib import Path
from typing import Sequence

from machine.architecture import X86_64, Architecture
from machine.cpio import CpioWriter
from machine.errors import MachineError
from machine.kernel import Kernel

_QEMU_TESTS = Path(__file__).resolve().parent.parent
_GUEST = _QEMU_TESTS / "guest"
_BUILD_SYSROOT = _QEMU_TESTS.parent / "toolchain/build-sysroot"

# The control channel and the file system of /var; the disk drivers are what a test may attach disks to.
BASE_MODULES = ("virtio_pci", "virtio_console", "ext4")
DISK_MODULES = ("virtio_blk",)
ALL_DISK_MODULES = ("virtio_blk", "ahci", "nvme", "virtio_scsi", "sd_mod")
WATCHDOG_MODULES = ("i6300esb",)

_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\n"


def build_initramfs(output: Path, kernel: Kernel, modules: Sequence[str] = DISK_MODULES) -> None:
    """Not compressed: QEMU copies it into memory at once, and the guest need not unpack it slowly."""
    architecture = kernel.architecture
    names = [*BASE_MODULES, *architecture.modules, *modules]
    with output.open("wb") as stream:
        cpio = CpioWriter(stream)
        cpio.directory(".")
        for directory in ("proc", "sys", "dev", "run", "tmp", "var", "tools", "root", "etc", "mnt", "usr/bin", "usr/sbin"):
            cpio.directory(directory)
        # The kernel opens /dev/console before init can mount devtmpfs.
        cpio.character_device("dev/console", 5, 1)
        for programs in _programs(architecture):
            for path in programs.rglob("*"):
                if path.is_file():
                    cpio.file(str(path.relative_to(programs)), path.read_bytes(), 0o4755 if path.name == "busybox" else 0o755)
        # All others are made by init.
        cpio.symlink("bin/sh", "/bin/busybox")
        cpio.file("init", (_GUEST / "init").read_bytes(), 0o755)
        cpio.file("sbin/agent", (_GUEST / "agent").read_bytes(), 0o755)
        cpio.file("etc/inittab", (_GUEST / "inittab").read_text().replace("CONSOLE", architecture.console).encode())
        cpio.file("etc/passwd", _PASSWD.encode())
        cpio.file("etc/group", _GROUP.encode())
        cpio.file("etc/guest-modules", "".join(f"{name}\n" for name in names).encode())
        _add_modules(cpio, kernel, names)
        cpio.close()


def _programs(architecture: Architecture) -> list[Path]:
    """Directories whose content belongs into the guest's root: the distribution's programs, or the same built from its sources."""
    if architecture.debian:
        return [Path(_output_of([_QEMU_TESTS / "fetch-guest", "bookworm", architecture.debian]))]
    steps = ["busybox-alone", *(["kexec-tools-alone"] if architecture.kexec_tools else [])]
    return [Path(build_sysroot(architecture.name, step)) for step in steps]


def _add_modules(cpio: CpioWriter, kernel: Kernel, names: Sequence[str]) -> None:
    added: set[str] = set()
    for name in names:
        for path in kernel.module_chain(name):
            relative = os.path.relpath(path, kernel.directory)
            if relative not in added:
                added.add(relative)
                cpio.file(relative.removeprefix("usr/").removesuffix(".xz").removesuffix(".gz"), _decompressed(path))
    modules = f"lib/modules/{kernel.release}"
    # modprobe of BusyBox reads modules.dep; a dependency that was not packed is one that nothing here needs.
    dependencies = (kernel.modules / "modules.dep").read_text().replace(".ko.xz", ".ko").replace(".ko.gz", ".ko")
    cpio.file(f"{modules}/modules.dep", dependencies.encode())
    for name in ("modules.alias", "modules.softdep", "modules.builtin", "modules.order"):
        if (kernel.modules / name).exists():
            cpio.file(f"{modules}/{name}", (kernel.modules / name).read_bytes())


def _decompressed(path: Path) -> bytes:
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    return path.read_bytes()


def compile_guest_program(name: str, directory: Path, architecture: Architecture = X86_64) -> None:
    """guest/NAME.c as the static program DIRECTORY/NAME."""
    sysroot = build_sysroot(architecture.name)
    compiler = ["clang-16", "--config", f"{sysroot}/c.cfg", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler, "-o", directory / name, _GUEST / f"{name}.c"], check=True)


def build_sysroot(*arguments: str) -> str:
    """What toolchain/build-sysroot prints."""
    return _output_of([_BUILD_SYSROOT, *arguments])


def _output_of(command: Sequence[Path | str]) -> str:
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise MachineError(f"{' '.join(map(str, command))} failed with status {result.returncode}")
    return result.stdout.strip()


def build_tools_disk(output: Path, directory: Path) -> None:
    """An ext4 image of the directory; a drive with serial "tools" is mounted on /tools by the guest. Files are owned by root."""
    used = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    size_kib = used // 1024 * 5 // 4 + 8192
    output.unlink(missing_ok=True)
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", directory, output, str(size_kib)],
        check=True,
        stdout=subprocess.DEVNULL,
    )

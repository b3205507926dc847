# SPDX-License-Identifier: GPL-2.0-or-later
# The architectures of test machines: all that is different about them stands in this table.

from dataclasses import dataclass, replace
from typing import Optional, Sequence


@dataclass(frozen=True)
class Registers:
    """Where they are in NT_PRSTATUS notes (struct elf_prstatus): size of each, where the first is, and the numbers of two of them."""

    size: int
    offset: int
    program_counter: int
    stack_pointer: int


@dataclass(frozen=True)
class Architecture:
    """`name`: that of toolchain/architectures.table, which programs are built for; `debian`: the distribution's, or nothing. `always`: what
    every kernel, a capture kernel too, is told; `production`: what only production kernels are. `one_cpu`: tells a capture kernel to use
    no other processor than that of the panic. Where `kexec_tools` is set, the kernel has no kexec_file_load that works, and the guest has
    kexec-tools instead."""

    name: str
    debian: str
    machine: Sequence[str]  # QEMU's program and the arguments that decide which machine it is
    cpu: str
    console: str
    status_port: str  # the second serial port
    crashkernel: str  # what the distribution's kernel needs to boot as capture kernel
    registers: Registers
    devices: Sequence[str] = ()
    modules: Sequence[str] = ()  # that guests load for them
    byte_order: str = "<"  # as struct.unpack has it
    page_size: int = 4096
    memory_mib: int = 512  # enough for the production kernel beside the crash reservation
    always: str = ""
    production: str = ""
    one_cpu: str = "nr_cpus=1"
    kexec_tools: bool = False
    unshown_lines: int = 0  # of its last messages before the capture kernel starts, that do not come to the console
    counters: Optional[range] = None  # where in a page 32-bit counters of the hypervisor may be

    def is_counter(self, offset: int) -> bool:
        return self.counters is not None and offset in self.counters

    @property
    def kernel_arguments(self) -> str:
        return f"console={self.console} quiet panic=1 {self.production} {self.always}"

    @property
    def capture_arguments(self) -> str:
        """For a capture kernel that boots the guest's initramfs."""
        return f"console={self.console} quiet reset_devices {self.one_cpu} irqpoll nokaslr {self.always} guest.var=none"


X86_64 = Architecture(
    name="x86_64",
    debian="amd64",
    machine=("qemu-system-x86_64", "-machine", "q35"),
    cpu="max",
    console="ttyS0",
    status_port="ttyS1",
    crashkernel="crashkernel=192M",
    registers=Registers(size=8, offset=112, program_counter=16, stack_pointer=19),
    devices=("-vga", "std", "-device", "vmcoreinfo"),
    modules=("qemu_fw_cfg",),
    # The kernel's check of the timer interrupt counts ticks while it waits, and on a busy host an emulated machine fails it now and then.
    always="no_timer_check",
    production="tsc=reliable",
)

# The machine is the same, and its 32-bit kernel does not notice.
I386 = replace(
    X86_64,
    name="i386",
    debian="i386",
    registers=Registers(size=4, offset=72, program_counter=12, stack_pointer=15),
    kexec_tools=True,
)

# With memory above 896 MiB, which is in no mapping of the kernel's.
I386_HIGHMEM = replace(I386, memory_mib=1536)

# Before Linux 6.9 a capture kernel with nr_cpus=1 does not boot on a processor whose number is not 0.
PPC64LE = Architecture(
    name="ppc64le",
    debian="ppc64el",
    machine=("qemu-system-ppc64", "-machine", "pseries"),
    cpu="power9",
    console="hvc0",
    status_port="hvc1",
    crashkernel="crashkernel=384M",
    registers=Registers(size=8, offset=112, program_counter=32, stack_pointer=1),
    page_size=65536,
    memory_mib=2048,
    one_cpu="maxcpus=1",
    kexec_tools=True,
    # "Sending IPI to other CPUs", "IPI complete", "kexec: Starting switchover sequence."
    unshown_lines=3,
    # The dispatch counter of each processor's virtual processor area, which the crashed kernel has registered in 1 KiB at a multiple
    # of that (arch/powerpc/include/asm/lppaca.h, 6.1, yield_count).
    counters=range(0x100, 65536, 1024),
)

# Power8 has no radix tables, so its kernel uses the hash table; with the large pages that real machines have.
PPC64LE_HASH = replace(
    PPC64LE, machine=("qemu-system-ppc64", "-machine", "pseries,cap-hpt-max-page-size=16M"), cpu="power8"
)

# The distribution's have no kexec_file_load; those that are built here do. It wants memory that comes in blocks which can be taken away, as on
# real machines: without, it divides by their size, which is 0 (arch/powerpc/kexec/file_load_64.c, 6.1, kexec_extra_fdt_size_ppc64).
PPC64LE_FILE_LOAD = replace(PPC64LE, kexec_tools=False, devices=("-m", "slots=1,maxmem=4G"))

# Newer kernels of the distribution have small pages.
PPC64LE_4K = replace(PPC64LE, page_size=4096, counters=range(0x100, 4096, 1024))
PPC64LE_4K_HASH = replace(PPC64LE_HASH, page_size=PPC64LE_4K.page_size, counters=PPC64LE_4K.counters)

# The distribution has neither kernels nor programs for it. What its kernel's kexec_file_load loads moves to address 0, over the memory to be
# saved (loader/load_method.cc).
PPC64 = replace(PPC64LE, name="ppc64", debian="", byte_order=">")
PPC64_HASH = replace(PPC64LE_HASH, name="ppc64", debian="", byte_order=">")

ARCHITECTURES = {
    "x86_64": X86_64,
    "i386": I386,
    "ppc64le": PPC64LE,
    "ppc64le-hash": PPC64LE_HASH,
    "ppc64le-4k": PPC64LE_4K,
    "ppc64": PPC64,
    "ppc64-hash": PPC64_HASH,
}


@dataclass(frozen=True)
class PlatformParts:
    """`kernel` and `capture_kernel` as Kernel.named() has them."""

    architecture: Architecture
    kernel: str
    capture_kernel: str


# What tests go through.
PLATFORMS = {
    "x86_64": PlatformParts(X86_64, "bookworm", "bookworm"),
    "x86_64-dedicated": PlatformParts(X86_64, "bookworm", "dedicated"),
    "i386": PlatformParts(I386, "bookworm", "bookworm"),
    "i386-pae": PlatformParts(I386, "bookworm+pae", "bookworm+pae"),
    "i386-highmem": PlatformParts(I386_HIGHMEM, "bookworm+pae", "bookworm+pae"),
    "i386-dedicated": PlatformParts(I386, "bookworm+pae", "dedicated"),
    "i386-nonpae-dedicated": PlatformParts(I386, "bookworm", "dedicated"),
    "ppc64le": PlatformParts(PPC64LE, "bookworm", "bookworm"),
    "ppc64le-hash": PlatformParts(PPC64LE_HASH, "bookworm", "bookworm"),
    "ppc64le-dedicated": PlatformParts(PPC64LE, "bookworm", "dedicated"),
    "ppc64le-hash-dedicated": PlatformParts(PPC64LE_HASH, "bookworm", "dedicated"),
    "ppc64le-4k": PlatformParts(PPC64LE_4K, "trixie", "trixie"),
    "ppc64le-4k-hash": PlatformParts(PPC64LE_4K_HASH, "trixie", "trixie"),
    "ppc64le-production": PlatformParts(PPC64LE_FILE_LOAD, "production", "dedicated"),
    "ppc64": PlatformParts(PPC64, "production", "dedicated"),
    "ppc64-hash": PlatformParts(PPC64_HASH, "production", "dedicated"),
}

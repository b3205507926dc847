# SPDX-License-Identifier: GPL-2.0-or-later
# Makes a guest's memory look used: page cache, anonymous memory, swap. Every function returns when the memory is filled.

import hashlib

from machine.vm import Vm

_FILE_SIZE = 4 << 20


def fill_page_cache(vm: Vm, mib: int, path: str = "/var/tmp/page-cache") -> None:
    """Pages of a file on /var, flushed, so clean."""
    vm.must(f"dd if=/dev/urandom of={path} bs=1M count={mib} conv=fsync 2>/dev/null && cat {path} >/dev/null", timeout=60 + mib)


def allocate_anonymous(vm: Vm, mib: int, marker: str) -> None:
    """Anonymous memory of a process that lives on, full of the marker text (without white space)."""
    # dd fills its one buffer from the pipe, and then hangs for good in writing it to a FIFO that nobody empties.
    fifo = f"/run/anonymous-{marker}"
    vm.must(
        f"mkfifo {fifo}; sleep 1000000 <>{fifo} >/dev/null 2>&1 & "
        f"yes {marker} 2>/dev/null | dd bs={mib}M count=1 iflag=fullblock of={fifo} >/dev/null 2>&1 & "
        # The pipe of the FIFO has something to read only after the buffer has been filled.
        f"exec timeout {60 + mib} dd if={fifo} bs=1 count=1 of=/dev/null 2>/dev/null",
        timeout=90 + mib,
    )


def fill_swap(vm: Vm, mib: int, device: str = "/dev/vda2") -> None:
    """Turns the swap on if it is off, and pushes at least `mib` MiB out to it: files in a tmpfs that outgrow the free memory.
    verify_swapped() tells later in the same boot whether all of them still read back."""
    vm.must(f"grep -q '^{device} ' /proc/swaps || swapon {device}", timeout=60)
    # Huge pages take most of the free memory at once, without filling it; it is given back in the end.
    vm.must(_FILL_SWAP.format(mib=mib, free_kib=96 * 1024, file_size=_FILE_SIZE), timeout=180 + mib)


def verify_swapped(vm: Vm) -> bool:
    # The guest's md5sum is quicker than its cmp, which goes byte by byte.
    lines = vm.must("cd /swapped && md5sum *", timeout=600).splitlines()
    found = {int(name): digest for digest, name in (line.split() for line in lines)}
    return bool(found) and all(digest == _swapped_digest(number) for number, digest in found.items())


def _swapped_digest(number: int) -> str:
    return hashlib.md5((b"%01023d\n" % number) * (_FILE_SIZE // 1024)).hexdigest()


def swap_used_mib(vm: Vm) -> int:
    return int(vm.must(f"{_SWAP_USED_MIB}swap_used_mib"))


_SWAP_USED_MIB = """
swap_used_mib() {
	awk '/^SwapTotal/ { t = $2 } /^SwapFree/ { f = $2 } END { print int((t - f) / 1024) }' /proc/meminfo
}
"""

_FILL_SWAP = (
    _SWAP_USED_MIB.replace("{", "{{").replace("}", "}}")
    + """
mkdir -p /swapped
grep -q ' /swapped ' /proc/mounts || mount -t tmpfs -o size=100% tmpfs /swapped
available=$(awk '/^MemAvailable/ {{ print $2 }}' /proc/meminfo)
if [ "$available" -gt {free_kib} ]; then
	echo $(((available - {free_kib}) / 2048)) >/proc/sys/vm/nr_hugepages
fi
number=$(find /swapped -type f | wc -l)
until [ "$(swap_used_mib)" -ge {mib} ]; do
	# Long lines: yes writes line by line.
	yes "$(printf '%01023d' "$number")" | dd of=/swapped/$number bs={file_size} count=1 iflag=fullblock 2>/dev/null || exit 1
	number=$((number + 1))
done
echo 0 >/proc/sys/vm/nr_hugepages
"""
)

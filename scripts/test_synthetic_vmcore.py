# SPDX-License-Identifier: GPL-2.0-or-later
"""synthetic-vmcore: makedumpfile, which knows nothing of it, finds every page's record through its page tables, and its class there."""

import pathlib
import re
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parent / "synthetic-vmcore"
PAGES_OF_GIB = 1 << 18
IMAGE_PAGES = 4096  # in the file twice, and so counted twice by makedumpfile
LOW_PAGES = 256
KERNEL_PAGES = 16384
SLAB_PAGES = 1024


def counts_of(vmcore: pathlib.Path, output: pathlib.Path) -> dict[str, int]:
    arguments = ["makedumpfile", "-d", "31", "-l", "--message-level", "31", vmcore, output]
    said = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    return {name.strip(): int(number, 16) for name, number in re.findall(r"^ *([A-Z][A-Za-z -]+?) *: (0x[0-9a-f]+)$", said, re.MULTILINE)}


def test_makedumpfile_finds_every_page(tmp_path: pathlib.Path) -> None:
    # 16 sections below the hole, 80 from number 32 on above it: number 64 has slab pages.
    for gib, slab_sections in ((1, 0), (12, 1)):
        vmcore = tmp_path / f"{gib}"
        subprocess.run([SCRIPT, f"{gib}G", "-o", vmcore], check=True)
        assert vmcore.stat().st_size > gib << 30
        assert vmcore.stat().st_blocks * 512 < 64 << 20
        counts = counts_of(vmcore, tmp_path / f"{gib}.kdump")
        assert counts["Original pages"] == gib * PAGES_OF_GIB - LOW_PAGES + IMAGE_PAGES
        assert counts["Free pages"] == gib * PAGES_OF_GIB - KERNEL_PAGES - slab_sections * SLAB_PAGES
        assert counts["User process data pages"] == counts["Private cache pages"] == counts["Non-private cache pages"] == 0
        # Kernel image, the records of sections, page tables; and the slab pages.
        assert counts["Remaining pages"] > 2 * IMAGE_PAGES + slab_sections * SLAB_PAGES


def test_refuses_other_sizes(tmp_path: pathlib.Path) -> None:
    for size in ("1", "1000M", "64T", "1g"):
        result = subprocess.run([SCRIPT, size, "-o", tmp_path / "out"], capture_output=True, text=True, check=False)
        assert result.returncode == 2 and size in result.stderr.splitlines()[-1]
        assert not (tmp_path / "out").exists()

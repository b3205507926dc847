# SPDX-License-Identifier: GPL-2.0-or-later
# UEFI in the place of a virtual machine's BIOS.

import shutil
from pathlib import Path
from typing import Any

_FILES = Path("/usr/share/OVMF")


def uefi_options(directory: Path, secure_boot: bool = False) -> dict[str, Any]:
    """Of VmConfig. The machine has variables of its own, which are kept in that directory, and more memory: the firmware leaves pieces of
    its own all over it, between which the reservation and the kernel, at a random place, must find room. With `secure_boot` it starts only
    what has a signature of those that PCs are sold with."""
    kind = "4M.ms" if secure_boot else "4M"
    variables = (directory / "variables.fd").resolve()
    shutil.copyfile(_FILES / f"OVMF_VARS_{kind}.fd", variables)
    code = f"if=pflash,format=raw,readonly=on,file={_FILES / f'OVMF_CODE_{kind}.fd'}"
    arguments = ["-drive", code, "-drive", f"if=pflash,format=raw,file={variables}"]
    if secure_boot:
        # The variables can be written by the firmware alone, from within the processors' management mode.
        arguments += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    return {"memory_mib": 1024, "extra_arguments": arguments}

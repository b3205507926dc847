# SPDX-License-Identifier: GPL-2.0-or-later
# UEFI in the place of a virtual machine's BIOS.

import shutil
from pathlib import Path
from typing import Any

_FILES = Path("/usr/share/OVMF")


def uefi_options(directory: Path) -> dict[str, Any]:
    """Of VmConfig. The machine has variables of its own, which are kept in that directory, and more memory: the firmware leaves pieces of
    its own all over it, between which the reservation and the kernel, at a random place, must find room."""
    variables = (directory / "variables.fd").resolve()
    shutil.copyfile(_FILES / "OVMF_VARS_4M.fd", variables)
    code = f"if=pflash,format=raw,readonly=on,file={_FILES / 'OVMF_CODE_4M.fd'}"
    arguments = ["-drive", code, "-drive", f"if=pflash,format=raw,file={variables}"]
    return {"memory_mib": 1024, "extra_arguments": arguments}

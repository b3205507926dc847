# SPDX-License-Identifier: GPL-2.0-or-later
# `make crash-check`: crash with the kernel's debug information on what is exported, against crash on the original. Not part of
# `make test`: the debug information has 0.8 GiB, and crash takes minutes.

import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from machine.product import PROGRAM
from machine.vmcores import vmcore_set

_COMMANDS = "set scroll off\nbt\nlog\nps\nkmem -i\nquit\n"
_FORMATS = {
    "kdump-zstd": ["--compress", "zstd"],
    "kdump-zlib": ["--compress", "zlib"],
    "elf": ["--format", "elf"],
    "flattened": ["--format", "flattened"],
}


@pytest.fixture(scope="module")
def vmlinux() -> Path:
    fetched = subprocess.run([Path(__file__).parent / "fetch-debug-info"], stdout=subprocess.PIPE, check=True)
    return Path(fetched.stdout.decode().strip())


@pytest.fixture(scope="module")
def vmcore() -> Path:
    return vmcore_set("bookworm").kexec


@pytest.fixture(scope="module")
def dump(vmcore: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("crash") / "dump"
    subprocess.run([PROGRAM, "save", vmcore, "--dump-level", "1", "-o", path], check=True)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def expected(vmcore: Path, vmlinux: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What crash says of the original."""
    output = run_crash(vmlinux, vmcore, tmp_path_factory.mktemp("original"))
    for part in ("sysrq_handle_crash at ", "Kernel panic - not syncing: sysrq triggered crash", "[swapper/0]", "TOTAL MEM"):
        assert part in output, output
    return output


@pytest.mark.parametrize("name", _FORMATS)
def test_crash(name: str, dump: Path, vmlinux: Path, expected: str, tmp_path: Path) -> None:
    exported = tmp_path / name
    subprocess.run([PROGRAM, "export", dump, *_FORMATS[name], "-o", exported], check=True)
    assert run_crash(vmlinux, exported, tmp_path) == expected
    exported.unlink()


def run_crash(vmlinux: Path, vmcore: Path, directory: Path) -> str:
    commands = directory / "commands"
    commands.write_text(_COMMANDS)
    arguments = ["crash", "-s", "-i", commands, vmlinux, vmcore]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return done.stdout.decode(errors="replace")

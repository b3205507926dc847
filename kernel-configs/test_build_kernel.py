# SPDX-License-Identifier: GPL-2.0-or-later
# That every line of the fragments stands in the final configuration, and that build-kernel notices when one does not.
# Run with: /usr/bin/python3 -m pytest kernel-configs

import os
import re
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_ROWS = [line.split() for line in (_HERE / "architectures.table").read_text().splitlines() if line and not line.startswith("#")]
_ARCHITECTURES = ["x86_64", "i386", "ppc64le", "ppc64"]


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [_HERE / "build-kernel", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def options(text: str) -> dict[str, str]:
    """Of a configuration or a fragment; an option that is not in a configuration is off."""
    found = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.MULTILINE))
    return found | {name: "n" for name in re.findall(r"^# (CONFIG_\w+) is not set$", text, re.MULTILINE)}


def asked(fragments: list[str]) -> dict[str, str]:
    return {name: value for fragment in fragments for name, value in options((_HERE / fragment).read_text()).items()}


def missing(config: str, fragments: list[str]) -> list[str]:
    found = options(config)
    return [f"{name}={value}" for name, value in asked(fragments).items() if found.get(name, "n") != value]


def test_every_architecture_has_a_kernel() -> None:
    assert [row[0] for row in _ROWS][:4] == _ARCHITECTURES
    assert all(len(asked(row[6:])) > 60 for row in _ROWS)


@pytest.mark.parametrize("row", _ROWS, ids=[row[0] for row in _ROWS])
def test_every_line_is_in_the_configuration(row: list[str]) -> None:
    result = run("--configure", row[0])
    assert result.returncode == 0, result.stderr
    assert len(options(result.stdout)) > 500
    assert missing(result.stdout, row[6:]) == []


@pytest.mark.parametrize("row", _ROWS, ids=[row[0] for row in _ROWS])
def test_every_line_is_in_a_kernel_that_is_built(row: list[str]) -> None:
    """Of kernels in the cache; those that are not there were checked by build-kernel's own configuration above."""
    result = run("--cached", row[0])
    if result.returncode != 0:
        pytest.skip(result.stderr.strip())
    directory = Path(result.stdout.strip())
    release = (directory / "release").read_text().strip()
    assert missing((directory / "config").read_text(), row[6:]) == []
    assert (directory / "vmlinuz").resolve().name.endswith(release)
    assert (directory / "lib/modules" / release / "modules.dep").exists()


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        pytest.param("CONFIG_SATA_AHCY=m\n", "bad: asked for, but not in the final configuration: CONFIG_SATA_AHCY=m", id="misspelt"),
        pytest.param("CONFIG_SCSI_VIRTIO=m\n", "bad: asked for, but not in the final configuration: CONFIG_SCSI_VIRTIO=m", id="dependency"),
        pytest.param("CONFIG_PRINTK=m\n", "bad: asked for, but not in the final configuration: CONFIG_PRINTK=m", id="no-module"),
        pytest.param(
            "# CONFIG_MMU is not set\n", "bad: asked for, but not in the final configuration: CONFIG_MMU=n", id="cannot-be-off"
        ),
        pytest.param("CONFIG_PCI=y\nCONFIG_PCI=y\n", "bad: asked for more than once: CONFIG_PCI", id="twice"),
    ],
)
def test_what_cannot_be_had(fragment: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.config").write_text(f"CONFIG_64BIT=y\n{fragment}")
    (tmp_path / "architectures.table").write_text("bad x86_64 - gcc arch/x86/boot/bzImage vmlinuz bad.config\n")
    result = run("--configure", "bad", CRASHDUMP_KERNEL_TABLE=str(tmp_path / "architectures.table"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.strip() == f"build-kernel: {message}"


def test_an_unknown_kernel() -> None:
    result = run("--configure", "vax")
    assert result.returncode == 1 and result.stderr.startswith("build-kernel: unknown kernel 'vax' (known: x86_64 i386 ")

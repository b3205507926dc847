# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks that arm a machine from the initramfs of its system, with a stand-in for the command. mkinitcpio is not to be had here: its hooks
run with stand-ins for its functions."""

import pathlib
import subprocess

import pytest

HOOKS = pathlib.Path(__file__).resolve().parent / "early"
COMMAND = """#!/bin/sh
echo "$*" >>{log}
[ "$1" != early ] || [ -n "{works}" ] || {{ echo "crashdump early: no swap is prepared" >&2; exit 1; }}
[ "$1" != early ] || echo ticket >"$5/ticket"
"""


class Machine:
    def __init__(self, directory: pathlib.Path, early: str, works: bool = True) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.tree = directory / "tree"
        self.tree.mkdir()
        (directory / "crashdump.conf").write_text(f"RESERVE=auto\n{early}\n")
        self.write("crashdump", COMMAND.format(log=self.log, works="yes" if works else ""))
        self.write("update", f"#!/bin/sh\necho update $1 >>{self.log}\n")
        for path in HOOKS.rglob("*"):
            if path.is_file():
                text = path.read_text().replace("/etc/crashdump.conf", str(directory / "crashdump.conf"))
                text = text.replace("/usr/lib/crashdump/add-early-arming", str(directory / "add-early-arming"))
                text = text.replace("/usr/lib/crashdump/update-capture-initramfs", str(directory / "update"))
                text = text.replace("/var/lib/crashdump/initramfs", str(directory / "initramfs"))
                # What the initramfs holds keeps its name there.
                text = text.replace('"$2/usr/sbin/crashdump"', '"$2/in-initramfs"').replace("/usr/sbin/crashdump", str(directory / "crashdump"))
                name = path.name if path.parent == HOOKS else f"{path.parent.name}-{path.name}"
                self.write(name, text.replace("/crashdump/ticket", f"{self.tree}/crashdump/ticket"))

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)
        (self.directory / name).chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-euc", script], cwd=self.directory, capture_output=True, text=True, check=True)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


ADD = {
    "initramfs-tools": "version=6.1 DESTDIR=tree ./initramfs-tools-hook",
    "dracut": "kernel=6.1 initdir=tree moddir=.; inst_hook() { echo hook $1 $2 >>log; }; . ./dracut-module-setup.sh; ! check || install",
    "mkinitcpio": "KERNELVERSION=6.1 BUILDROOT=tree; add_runscript() { echo runscript >>log; }; . ./mkinitcpio-install; build",
}
LOAD = {
    "initramfs-tools": "./initramfs-tools-script",
    "dracut": ". ./dracut-load-early.sh",
    "mkinitcpio": ". ./mkinitcpio-hook; run_earlyhook",
}


@pytest.mark.parametrize("system", ADD)
def test_what_is_put_into_it_and_loaded_from_it(tmp_path: pathlib.Path, system: str) -> None:
    machine = Machine(tmp_path, "EARLY = yes")
    machine.run(LOAD[system])
    assert machine.calls() == [], "without a ticket nothing is done"
    assert machine.run(ADD[system]).stderr == ""
    # The kernel is just being installed: its hook comes later.
    assert machine.calls()[:2] == ["update 6.1", "early --kernel 6.1 --output tree/crashdump"]
    assert (machine.tree / "crashdump").stat().st_mode & 0o7777 == 0o700
    assert (machine.tree / "in-initramfs").stat().st_mode & 0o7777 == 0o755
    machine.run(LOAD[system])
    assert machine.calls()[-1] == "load --early /crashdump"


@pytest.mark.parametrize("system", ADD)
@pytest.mark.parametrize("early", ["EARLY=no", "#EARLY=yes", ""])
def test_it_is_asked_for(tmp_path: pathlib.Path, system: str, early: str) -> None:
    machine = Machine(tmp_path, early)
    machine.run(ADD[system])
    assert not any(call.startswith("early") for call in machine.calls()) and list(machine.tree.iterdir()) == []


@pytest.mark.parametrize("system", ADD)
def test_what_cannot_be_done_is_said_and_stops_nobody(tmp_path: pathlib.Path, system: str) -> None:
    machine = Machine(tmp_path, "EARLY=yes", works=False)
    said = machine.run(ADD[system]).stderr
    assert said == "crashdump: early panics of kernel 6.1 are not saved: crashdump early: no swap is prepared\n"
    assert list(machine.tree.iterdir()) == []


def test_the_initramfs_is_roots_alone(tmp_path: pathlib.Path) -> None:
    show = "UMASK=; . ./initramfs-tools-conf-hook; echo $UMASK"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Machine(tmp_path / "a", "EARLY=yes").run(show).stdout == "0077\n"
    assert Machine(tmp_path / "b", "EARLY=no").run(show).stdout == "\n"


@pytest.mark.parametrize("script", ["initramfs-tools-hook", "initramfs-tools-script"])
def test_prerequisites_are_told(tmp_path: pathlib.Path, script: str) -> None:
    machine = Machine(tmp_path, "EARLY=yes")
    assert machine.run(f"./{script} prereqs").stdout == "\n" and machine.calls() == []

# SPDX-License-Identifier: GPL-2.0-or-later
"""`make deb`: what is in the package, and what its scripts do, with stand-ins for the programs that they call."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEBIAN = ROOT / "packaging/debian"
CONFFILES = {
    "/etc/crashdump.conf",
    "/etc/default/grub.d/crashdump.cfg",
    "/etc/kernel/postinst.d/zz-crashdump",
    "/etc/kernel/postrm.d/zz-crashdump",
}
UNITS = ("crashdump-load", "crashdump-prepare", "crashdump-recover", "crashdump-hooks")
SWAP = "5ac1f3d0-0002-4000-8000-000000000002"
OTHER_SWAP = "5ac1f3d0-0003-4000-8000-000000000003"


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def package() -> Path:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-s", "deb"], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    path = ROOT / done.stdout.splitlines()[-1]
    assert path.is_file()
    return path


def field(package: Path, name: str) -> str:
    return output_of("dpkg-deb", "--field", package, name).strip()


def test_it_says_what_it_is(package: Path) -> None:
    [version] = re.findall(r'kProgramVersion = "(.*)"', (ROOT / "capture/writer/version.h").read_text())
    assert field(package, "Version") == version
    assert package.name == f"crashdump_{version}_amd64.deb"
    assert field(package, "Architecture") == "amd64"
    # Nothing but what makes initramfs images; the programs are static.
    assert {name.split()[0] for name in field(package, "Depends").split(", ")} == {"cpio", "xz-utils", "zstd"}
    description = " ".join(field(package, "Description").split())
    for told in ("sets the upper end of the largest swap partition aside", "Removing the package gives both back"):
        assert told in description
    # The sources of what is linked, as they are pinned.
    pinned = {tuple(line.split()[2:4]) for line in (ROOT / "toolchain/sources.table").read_text().splitlines() if line and line[0] != "#"}
    built_using = set(re.findall(r"(\S+) \(= (\S+)\)", field(package, "Built-Using")))
    assert built_using <= pinned and {name for name, _ in built_using} >= {"busybox", "libzstd", "musl", "util-linux"}


def test_what_is_in_it(package: Path, tmp_path: Path) -> None:
    listed = [line.split(maxsplit=5) for line in output_of("dpkg-deb", "--contents", package).splitlines()]
    files = {name[1:]: mode for mode, _, _, _, _, name in listed if mode[0] != "d"}
    assert all(owner == "root/root" for _, owner, *_ in listed)
    assert {name: mode for name, mode in files.items() if mode not in ("-rw-r--r--", "-rwxr-xr-x")} == {}
    programs = {name for name, mode in files.items() if mode == "-rwxr-xr-x"}
    assert programs == {
        *("/usr/sbin/crashdump", "/usr/sbin/mkcrashinitramfs", "/usr/lib/kernel/install.d/90-crashdump.install"),
        *(f"/usr/lib/crashdump/{name}" for name in ("crashdump-init", "crashdump-capture", "busybox")),
        *(f"/usr/lib/crashdump/{name}" for name in ("recover-at-boot", "update-capture-initramfs", "add-early-arming")),
        *(f"/usr/share/initramfs-tools/{name}/crashdump" for name in ("hooks", "scripts/init-top")),
        *(f"/usr/lib/dracut/modules.d/01crashdump/{name}.sh" for name in ("module-setup", "load-early")),
        *(name for name in CONFFILES if "/kernel/" in name),
    }
    assert files.keys() >= {f"/lib/systemd/system/{unit}.service" for unit in UNITS}
    assert any(name == "./etc/crashdump/recovered.d/" for *_, name in listed)
    # Directories that are for root only are made, not packed: a package's are readable by everybody.
    assert not any(name.startswith("./var") for *_, name in listed)
    assert set(control(package, tmp_path, "conffiles").read_text().split()) == CONFFILES


def control(package: Path, directory: Path, name: str) -> Path:
    subprocess.run(["dpkg-deb", "--control", package, directory / "control"], check=True)
    return directory / "control" / name


def test_lintian_has_nothing_to_say(package: Path) -> None:
    done = subprocess.run(["lintian", "--fail-on", "error,warning", package], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


def test_scripts_are_sound() -> None:
    subprocess.run(["shellcheck", *(DEBIAN / name for name in ("postinst", "prerm", "postrm"))], check=True)
    subprocess.run(["shellcheck", "--shell=sh", "--exclude=SC2154", DEBIAN / "crashdump.cfg"], check=True)
    # Whoever overrides says why, in the line above.
    lines = (DEBIAN / "crashdump.lintian-overrides").read_text().splitlines()
    overrides = [index for index, line in enumerate(lines) if line.startswith("crashdump: ")]
    assert overrides and all(lines[index - 1].startswith("# ") for index in overrides)


# What the scripts look at.
PLACES = (
    *("/var/lib/crashdump", "/var/crash", "/run/crashdump", "/run/systemd/system"),
    *("/boot/grub/grub.cfg", "/etc/crashdump.conf", "/usr/lib/crashdump"),
)


@dataclass(frozen=True)
class Machine:
    """The scripts of the package, in a made-up root; what they call writes down that it was called."""

    root: Path
    scripts: Path

    def add_script(self, name: str, source: Path) -> Path:
        """One that finds everything below the root."""
        text = source.read_text()
        for place in PLACES:
            text = text.replace(place, str(self.root) + place)
        script = self.add(name, text)
        script.chmod(0o755)
        return script

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess:
        script = self.add_script(name, self.scripts / name)
        path = f"{self.root}/bin:{os.environ['PATH']}"
        done = subprocess.run(["sh", script, *arguments], capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
        assert done.returncode == 0, done.stderr
        return done

    def add_program(self, name: str, body: str = "") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{path.name}${{*:+ $*}}" >>"{self.root}/calls"\n{body}\n')
        path.chmod(0o755)

    def add(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def calls(self) -> list[str]:
        """Since the last time, without those of debhelper's own."""
        log = self.root / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(("deb-systemd-helper", "systemd-tmpfiles", "systemctl", "dpkg-query"))]

    def prepare(self, *swaps: str) -> None:
        for index, swap in enumerate(swaps):
            self.add(f"var/lib/crashdump/regions/region{index}", f"region-id=0{index}\nswap-uuid={swap}\n")
            self.add(f"var/lib/crashdump/keys/key{index}.key", "secret=1\n")
        self.add("var/lib/crashdump/initramfs-6.1")
        self.add("run/crashdump/armed")


@pytest.fixture
def machine(package: Path, tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "root", control(package, tmp_path, "."))
    machine.root.mkdir()
    machine.add("boot/grub/grub.cfg")
    for name in ("update-grub", "update-initramfs", "deb-systemd-helper", "deb-systemd-invoke", "systemd-tmpfiles", "systemctl"):
        machine.add_program(f"bin/{name}")
    # No package owns what is asked for.
    machine.add_program("bin/dpkg-query", "exit 1")
    machine.add_program("usr/lib/crashdump/update-capture-initramfs")
    machine.add_script("usr/lib/crashdump/add-early-arming", ROOT / "mkinitramfs-hooks/early/add-early-arming")
    gives_back = f'[ "$1" != prepare ] || rm -f "{machine.root}"/var/lib/crashdump/regions/* "{machine.root}"/var/lib/crashdump/keys/*'
    machine.add_program("bin/crashdump", gives_back)
    return machine


REFUSES = 'case "$*" in *--undo*) echo "crashdump prepare: a dump that has not been recovered may be in the region" >&2; exit 1 ;; esac'


def test_installing_makes_images_and_reserves_memory(machine: Machine) -> None:
    done = machine.script("postinst", "configure", "")
    assert machine.calls() == ["update-capture-initramfs --all", "update-grub"]
    assert len(done.stdout.splitlines()) == 1 and "the next boot sets the upper end of the swap aside" in done.stdout
    # An upgrade has nothing to say, and disarms nobody.
    assert machine.script("prerm", "upgrade", "0.2").stdout == ""
    assert machine.script("postrm", "upgrade", "0.2").stdout == ""
    assert machine.script("postinst", "configure", "0.1").stdout == ""
    assert machine.calls() == ["update-capture-initramfs --all", "update-grub"]


def test_installing_in_an_image_without_boot_loader(machine: Machine) -> None:
    (machine.root / "boot/grub/grub.cfg").unlink()
    machine.script("postinst", "configure", "")
    machine.script("prerm", "remove")
    machine.script("postrm", "remove")
    assert machine.calls() == ["update-capture-initramfs --all"]


def test_the_initramfs_of_the_system_has_the_program_only_while_it_is_installed(machine: Machine) -> None:
    machine.add("etc/crashdump.conf", "# EARLY=yes\nEARLY=no\n")
    machine.script("postinst", "configure", "0.1")
    machine.script("postrm", "remove")
    assert "update-initramfs -u -k all" not in machine.calls()
    machine.add("etc/crashdump.conf", "RESERVE=auto\n EARLY = yes \n")
    for script, state in (("postinst", "configure"), ("postrm", "remove")):
        machine.script(script, state, "0.1")
        assert machine.calls().count("update-initramfs -u -k all") == 1
    # An upgrade's postinst follows.
    machine.script("postrm", "upgrade", "0.2")
    assert machine.calls() == []


def test_a_failure_of_what_it_calls_is_none_of_the_package(machine: Machine) -> None:
    machine.add_program("usr/lib/crashdump/update-capture-initramfs", "exit 1")
    machine.add_program("bin/update-grub", "exit 1")
    machine.add_program("bin/update-initramfs", "exit 1")
    machine.add("etc/crashdump.conf", "EARLY=yes\n")
    machine.script("postinst", "configure", "")
    machine.prepare(SWAP)
    machine.add_program("bin/crashdump", "exit 1")
    machine.add("run/systemd/system/x")
    machine.add_program("bin/deb-systemd-invoke", "exit 1")
    machine.script("prerm", "remove")
    machine.script("postrm", "remove")


def test_removal_gives_the_regions_back_and_purge_leaves_nothing(machine: Machine) -> None:
    machine.prepare(SWAP, OTHER_SWAP, SWAP)
    machine.add("run/systemd/system/x")
    machine.add("var/lib/crashdump/swaps")
    (machine.root / "var/crash/kernel/dumps").mkdir(parents=True)
    done = machine.script("prerm", "remove")
    assert done.stderr == ""
    assert machine.calls() == [
        "deb-systemd-invoke stop crashdump-recover.service crashdump-load.service crashdump-prepare.service crashdump-hooks.service",
        "crashdump unload",
        f"crashdump prepare --undo --swapoff --swap UUID={SWAP}",
        f"crashdump prepare --undo --swapoff --swap UUID={OTHER_SWAP}",
    ]
    machine.script("postrm", "remove")
    assert machine.calls() == ["update-grub"]
    assert not (machine.root / "run/crashdump").exists()
    assert not (machine.root / "var/lib/crashdump/initramfs-6.1").exists()
    assert (machine.root / "var/lib/crashdump/swaps").exists(), "what a purge removes"
    assert machine.script("postrm", "purge").stderr == ""
    assert not (machine.root / "var/lib/crashdump").exists() and not (machine.root / "var/crash").exists()


@pytest.mark.parametrize("left", ["regions", "keys"])
def test_what_cannot_be_given_back_is_kept_and_said(machine: Machine, left: str) -> None:
    machine.prepare(SWAP)
    machine.add_program("bin/crashdump", REFUSES)
    done = machine.script("prerm", "remove")
    reason, remains = done.stderr.splitlines()
    assert "has not been recovered" in reason
    assert SWAP in remains and f'install crashdump again and run "crashdump prepare --undo --swapoff --swap UUID={SWAP}"' in remains
    machine.script("postrm", "remove")
    shutil.rmtree(machine.root / "var/lib/crashdump" / ("keys" if left == "regions" else "regions"))
    [line] = machine.script("postrm", "purge").stderr.splitlines()
    assert "/var/lib/crashdump stays" in line
    assert len(list((machine.root / "var/lib/crashdump" / left).iterdir())) == 1


def test_a_machine_on_which_nothing_was_prepared(machine: Machine) -> None:
    assert machine.script("prerm", "remove").stderr == ""
    assert machine.script("postrm", "remove").stderr == ""
    assert machine.calls() == ["update-grub"]
    assert machine.script("postrm", "purge").stderr == ""


def test_purge_leaves_dumps_and_the_directories_of_others(machine: Machine) -> None:
    machine.add("var/crash/kernel/dumps/20261129-0123/vmcore")
    machine.script("postrm", "purge")
    assert (machine.root / "var/crash/kernel/dumps/20261129-0123/vmcore").exists()
    shutil.rmtree(machine.root / "var/crash/kernel/dumps/20261129-0123")
    # One of them belongs to a package.
    machine.add_program("bin/dpkg-query", 'case "$*" in */var/crash) exit 0 ;; *) exit 1 ;; esac')
    machine.script("postrm", "purge")
    assert list((machine.root / "var/crash").iterdir()) == []


def command_line(configuration: str, snippet: Path) -> str:
    """Of the kernel, as grub-mkconfig puts it together: it reads the snippet behind /etc/default/grub, and stops at a failure."""
    return output_of("sh", "-ec", f'{configuration}; . "{snippet}"; echo "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"').strip()


def test_the_reservation(tmp_path: Path) -> None:
    program = tmp_path / "crashdump"
    snippet = tmp_path / "crashdump.cfg"
    snippet.write_text((DEBIAN / "crashdump.cfg").read_text().replace("/usr/sbin/crashdump", str(program)))
    # The package is removed, and its configuration is not.
    assert command_line('GRUB_CMDLINE_LINUX_DEFAULT="quiet"', snippet) == "quiet"
    program.write_text("")
    program.chmod(0o755)
    assert command_line('GRUB_CMDLINE_LINUX_DEFAULT="quiet"', snippet) == "quiet crashkernel=192M"
    assert command_line('GRUB_CMDLINE_LINUX="crashkernel=1G"', snippet) == "crashkernel=1G"
    assert command_line('GRUB_CMDLINE_LINUX_DEFAULT="quiet crashkernel=40M"', snippet) == "quiet crashkernel=40M"

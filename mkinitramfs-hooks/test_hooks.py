# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks of packages of kernels, of kernel-install and of mkinitcpio, on a made-up root with made-up kernels."""

import os
import pathlib
import shlex
import shutil
import stat
import subprocess
from dataclasses import dataclass

import pytest

import test_mkcrashinitramfs as packer

HOOKS = pathlib.Path(__file__).resolve().parent
HELPER = "/usr/lib/crashdump/update-capture-initramfs"
OTHER = "6.12.0-other"


@dataclass(frozen=True)
class Machine:
    root: pathlib.Path
    programs: pathlib.Path

    @property
    def state(self) -> pathlib.Path:
        return self.root / "var/lib/crashdump"

    def images(self) -> set[str]:
        return {path.name for path in self.state.iterdir()} if self.state.exists() else set()

    def configure(self, *lines: str) -> None:
        (self.root / "etc/crashdump.conf").write_text("".join(f"{line}\n" for line in lines))

    def modules(self, version: str = packer.VERSION) -> set[str]:
        return packer.module_names(packer.unpack((self.state / f"initramfs-{version}").read_bytes()))

    def add_kernel(self, version: str) -> None:
        (self.root / "boot" / f"vmlinuz-{version}").write_text("")
        if version != packer.VERSION:
            shutil.copytree(self.root / "lib/modules" / packer.VERSION, self.root / "lib/modules" / version)

    def remove_kernel(self, version: str) -> None:
        (self.root / "boot" / f"vmlinuz-{version}").unlink()
        shutil.rmtree(self.root / "lib/modules" / version)

    def run(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """The helper or a hook, as it is installed but for the places of what it calls."""
        command = [self.programs / name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})

    def update(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run("update-capture-initramfs", "--root", str(self.root), *arguments)


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    root = packer.make_root(tmp_path / "root")
    for directory in ("boot", "etc", "var/lib"):
        (root / directory).mkdir(parents=True)
    machine = Machine(root, tmp_path / "programs")
    machine.programs.mkdir()
    machine.add_kernel(packer.VERSION)
    for path in HOOKS.iterdir():
        if path.is_file() and os.access(path, os.X_OK) and path != packer.SCRIPT:
            text = path.read_text().replace("/usr/sbin/mkcrashinitramfs", str(packer.SCRIPT))
            # Hooks are for the running machine.
            text = text.replace(HELPER, str(machine.programs / "for-root"))
            (machine.programs / path.name).write_text(text)
            (machine.programs / path.name).chmod(0o755)
    helper = machine.programs / "for-root"
    command = shlex.join([str(machine.programs / "update-capture-initramfs"), "--root", str(root)])
    helper.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    helper.chmod(0o755)
    return machine


IMAGE = f"initramfs-{packer.VERSION}"


def check(done: subprocess.CompletedProcess) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_makes_what_load_looks_for(machine: Machine) -> None:
    assert check(machine.update(packer.VERSION)) == f"{machine.state}/{IMAGE} is made\n"
    assert machine.images() == {IMAGE}
    assert stat.S_IMODE(machine.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((machine.state / IMAGE).stat().st_mode) == 0o600
    # The bytes that mkcrashinitramfs makes of the same.
    assert packer.pack(machine.root, machine.root / "image") == (machine.state / IMAGE).read_bytes()


def test_runs_from_the_sources_for_an_image(machine: Machine) -> None:
    command = [HOOKS / "update-capture-initramfs", "--root", machine.root, "--all"]
    assert check(subprocess.run(command, capture_output=True, text=True, check=False)) == f"{machine.state}/{IMAGE} is made\n"


def test_the_configuration_says_what_is_packed(machine: Machine) -> None:
    check(machine.update(packer.VERSION))
    storage = machine.modules()
    machine.configure("# MODULES=nonsense", "RESERVE=auto", "", "  MODULES =  e1000\t", "DISPLAY_MODULES=megaraid_sas")
    check(machine.update(packer.VERSION))
    assert machine.modules() - storage == {"e1000.ko", "megaraid_sas.ko", "scsi_mod.ko"}
    entries = packer.unpack((machine.state / IMAGE).read_bytes())
    assert entries["etc/display-modules"].content == b"megaraid_sas\n"
    machine.configure("DISPLAY_MODULES=")
    check(machine.update(packer.VERSION))
    assert machine.modules() == storage


def test_the_configuration_names_the_target(machine: Machine) -> None:
    ahci = packer.add_device(machine.root, "pci0000:00/0000:00:1f.2", "ahci")
    packer.add_swap(machine.root, ahci, "sda", "sda3", uuid="5ac1-0003")
    packer.add_device(machine.root, "pci0000:00/0000:00:05.0", "virtio_pci")
    packer.add_swap(machine.root, packer.add_device(machine.root, "pci0000:00/0000:00:05.0/virtio2", "virtio_blk"), "vda", "vda2")
    packer.use_swaps(machine.root, "/dev/vda2 partition")
    machine.configure("MODULES=target")
    check(machine.update(packer.VERSION))
    assert "virtio_blk.ko" in machine.modules() and "ahci.ko" not in machine.modules()
    machine.configure("MODULES=target", "TARGET=UUID=5ac1-0003")
    check(machine.update(packer.VERSION))
    assert "virtio_blk.ko" not in machine.modules() and "ahci.ko" in machine.modules()


def test_the_configuration_is_data(machine: Machine) -> None:
    mark = machine.root / "ran"
    for value in (f"$(touch {mark})", f"`touch {mark}`", f"x; touch {mark}", "../x", "*"):
        machine.configure(f"MODULES={value}")
        done = machine.update(packer.VERSION)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.endswith("etc/crashdump.conf: MODULES: want names of modules, with blanks between")
        assert machine.images() == set() and not mark.exists()


def test_what_cannot_be_packed_leaves_the_former_image(machine: Machine) -> None:
    check(machine.update(packer.VERSION))
    before = (machine.state / IMAGE).read_bytes()
    machine.configure("MODULES=none")
    done = machine.update(packer.VERSION)
    assert done.returncode == 1
    assert done.stderr == f"mkcrashinitramfs: kernel {packer.VERSION} has no module none\n"
    assert (machine.state / IMAGE).read_bytes() == before


def test_all_are_those_with_modules_and_a_kernel(machine: Machine) -> None:
    machine.add_kernel(OTHER)
    check(machine.update(packer.VERSION))
    shutil.copytree(machine.root / "lib/modules" / OTHER, machine.root / "lib/modules/6.13.0-without-kernel")
    (machine.root / "boot/vmlinuz-6.14.0-without-modules").write_text("")
    among_modules = machine.root / "usr/lib/modules/6.15.0-arch"
    shutil.copytree(machine.root / "lib/modules" / OTHER, among_modules)
    (among_modules / "vmlinuz").write_text("")
    assert check(machine.update("--all")).count(" is made\n") == 3
    assert machine.images() == {IMAGE, f"initramfs-{OTHER}", "initramfs-6.15.0-arch"}


def test_one_kernel_that_fails_is_no_obstacle_for_the_others(machine: Machine) -> None:
    machine.add_kernel("5.0-damaged")
    machine.add_kernel(OTHER)
    (machine.root / "lib/modules/5.0-damaged/modules.alias").unlink()
    done = machine.update("--all")
    assert done.returncode == 1
    assert "5.0-damaged/modules.alias: cannot be read" in done.stderr
    assert machine.images() == {IMAGE, f"initramfs-{OTHER}"}


def test_remove_and_prune(machine: Machine) -> None:
    for version in (OTHER, "6.13.0-configured", "6.14.0-gone"):
        machine.add_kernel(version)
    check(machine.update("--all"))
    running = machine.state / f"initramfs-{os.uname().release}"
    named = machine.state / "initramfs-named"
    for path in (running, named, machine.state / "swaps"):
        path.write_text("")
    check(machine.update("--remove", OTHER))
    assert f"initramfs-{OTHER}" not in machine.images()
    # Once more is no failure.
    check(machine.update("--remove", OTHER))
    for version in ("6.13.0-configured", "6.14.0-gone"):
        machine.remove_kernel(version)
    machine.configure("KERNEL_VERSION=6.13.0-configured", "INITRAMFS=/var/lib/crashdump/initramfs-named")
    assert check(machine.update("--prune")) == f"{machine.state}/initramfs-6.14.0-gone is removed\n"
    assert machine.images() == {IMAGE, "initramfs-6.13.0-configured", running.name, named.name, "swaps"}


MISUSE = {
    "nothing": ([], "VERSION is missing"),
    "two versions": (["5.0", "6.0"], "6.0 is too much"),
    "all and one": (["--all", "6.0"], "6.0 is too much"),
    "one and all": (["6.0", "--all"], "--all is too much"),
    "remove nothing": (["--remove"], "--remove needs a value"),
    "a path": (["../x"], "../x is not the version of a kernel"),
    "remove a path": (["--remove", "../x"], "../x is not the version of a kernel"),
    "unknown": (["--none"], '"--none" is not known here'),
    "empty": ([""], '"" is not known here'),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse(machine: Machine, name: str) -> None:
    arguments, message = MISUSE[name]
    done = machine.update(*arguments)
    assert done.returncode == 2
    assert done.stderr == f"update-capture-initramfs: {message}; --help shows the usage\n"
    assert machine.images() == set()


def test_packages_of_kernels(machine: Machine) -> None:
    directories = {name: machine.root / f"etc/kernel/{name}.d" for name in ("postinst", "postrm")}
    for name, directory in directories.items():
        directory.mkdir(parents=True)
        shutil.copy(machine.programs / f"kernel-{name}", directory / "zz-crashdump")

    def run_parts(name: str, parameters: str) -> subprocess.CompletedProcess:
        """As the distribution's packages of kernels do it."""
        arguments = [f"--arg={packer.VERSION}", f"--arg=/boot/vmlinuz-{packer.VERSION}", directories[name]]
        return subprocess.run(
            ["run-parts", "--report", "--exit-on-error", *arguments],
            env={**os.environ, "DEB_MAINT_PARAMS": parameters},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run_parts("postinst", "configure 6.1.0-1")
    assert done.returncode == 0 and machine.images() == {IMAGE}, done.stderr
    # A newer package of the same kernel: the former one's script runs when the new files are there.
    for parameters in ("upgrade 6.1.0-2", "'upgrade' '6.1.0-2'"):
        assert run_parts("postrm", parameters).returncode == 0
        assert machine.images() == {IMAGE}
    for parameters in ("remove", "purge"):
        assert run_parts("postrm", parameters).returncode == 0
        assert machine.images() == set()


def test_a_kernel_is_installed_whatever_happens_here(machine: Machine) -> None:
    machine.configure("MODULES=none")
    wanted = f"a crash will not be captured by kernel {packer.VERSION}"
    for done in (
        machine.run("kernel-postinst", packer.VERSION),
        machine.run("kernel-install", "add", packer.VERSION, "/boot/entry"),
        machine.run("mkinitcpio-post", "", "/boot/initramfs-linux.img", KERNELVERSION=packer.VERSION),
    ):
        assert done.returncode == 0
        assert "has no module none\n" in done.stderr and wanted in done.stderr


def test_a_hook_that_is_left_behind_does_nothing(machine: Machine) -> None:
    (machine.programs / "for-root").unlink()
    for name in ("kernel-postinst", "kernel-postrm"):
        assert check(machine.run(name, packer.VERSION)) == ""


@pytest.mark.skipif(shutil.which("kernel-install") is None, reason="systemd's kernel-install is not here")
def test_kernel_install_itself_calls_the_plugin(machine: Machine, tmp_path: pathlib.Path) -> None:
    # Only our plugin, and a /boot of its own.
    plugin = tmp_path / "90-crashdump.install"
    shutil.copy(machine.programs / "kernel-install", plugin)
    boot = tmp_path / "boot"
    boot.mkdir()
    configuration = tmp_path / "configuration"
    configuration.mkdir()
    (configuration / "install.conf").write_text(f"layout=other\nBOOT_ROOT={boot}\n")
    environment = {
        **os.environ,
        "KERNEL_INSTALL_PLUGINS": str(plugin),
        "KERNEL_INSTALL_CONF_ROOT": str(configuration),
        "MACHINE_ID": "5ac1f3d000064000800000000000000a",
    }
    for arguments, images in ((["add", packer.VERSION, str(machine.root / f"boot/vmlinuz-{packer.VERSION}")], {IMAGE}), (["remove", packer.VERSION], set())):
        subprocess.run(["kernel-install", *arguments], env=environment, check=True, capture_output=True)
        assert machine.images() == images


# Stands in for mkinitcpio, which the distribution does not have: its last steps, after the manual mkinitcpio(8), "ABOUT POST HOOKS".
MKINITCPIO = """
declare kernel=$1 image=$2 uki= hooks=$3
export KERNELVERSION=$4 KERNELDESTINATION=/boot/vmlinuz-linux
: >"$image"
for hook in "$hooks"/*; do "$hook" "$kernel" "$image" "$uki" || exit 1; done
"""


def test_what_mkinitcpio_calls(machine: Machine) -> None:
    hooks = machine.root / "etc/initcpio/post"
    hooks.mkdir(parents=True)
    shutil.copy(machine.programs / "mkinitcpio-post", hooks / "crashdump")

    def mkinitcpio(kernel: str, version: str) -> None:
        image = machine.root / "boot/initramfs-linux.img"
        subprocess.run(["bash", "-ec", MKINITCPIO, "mkinitcpio", kernel, image, hooks, version], check=True)

    mkinitcpio("", "none")
    assert machine.images() == set()
    mkinitcpio(f"/boot/vmlinuz-{packer.VERSION}", packer.VERSION)
    assert machine.images() == {IMAGE}
    # The next version takes the place of the one before, whose kernel and modules are gone by then.
    machine.add_kernel(OTHER)
    machine.remove_kernel(packer.VERSION)
    mkinitcpio("", OTHER)
    assert machine.images() == {f"initramfs-{OTHER}"}

# SPDX-License-Identifier: GPL-2.0-or-later
# Fixtures: kernels and guest images made once, a directory and any number of machines per test, and the count that `run` prints.

import functools
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Sequence

import pytest

from machine.disk import Disk, build_disk
from machine.drive import Drive
from machine.guest_image import ALL_DISK_MODULES, build_initramfs
from machine.installed import InstalledSystem
from machine.kernel import Kernel
from machine.platform import Platform
from machine.product import CRASHKERNEL, Product, build_debian_package, build_product_disk
from machine.ranges import copy_image
from machine.rig import MEMORY_MIB, Rig
from machine.system import BootedSystem, SystemImage
from machine.vm import Vm, VmConfig

pytest_plugins = ["fault_summary", "pytester"]

_OUTPUT = Path(__file__).resolve().parent.parent / "build/qemu-tests"
_FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def kernel() -> Kernel:
    return Kernel.fetch("bookworm")


@pytest.fixture(scope="session")
def guest_initramfs(kernel: Kernel) -> Path:
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    output = _OUTPUT / f"guest-{kernel.release}.cpio"
    build_initramfs(output, kernel)
    return output


@pytest.fixture(scope="session")
def all_drives_initramfs(kernel: Kernel) -> Path:
    """For a guest whose disk may be on any kind of drive."""
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    output = _OUTPUT / f"guest-all-drives-{kernel.release}.cpio"
    build_initramfs(output, kernel, ALL_DISK_MODULES)
    return output


@pytest.fixture(scope="session")
def pristine_disk() -> Disk:
    """Built once and copied: no machine may be started with it."""
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    return build_disk(_OUTPUT / "pristine.img")


@pytest.fixture
def test_directory(request: pytest.FixtureRequest) -> Iterator[Path]:
    """build/qemu-tests/<test>: removed when the test passes, kept with the machine's disks, console.log and run.sh when it fails."""
    name = "".join(character if character.isalnum() or character in "-_." else "_" for character in request.node.name)
    directory = _OUTPUT / request.node.path.stem / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    yield directory
    if not request.node.stash.get(_FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def module_directory(request: pytest.FixtureRequest) -> Iterator[Path]:
    """build/qemu-tests/<module>/shared, for a machine that several tests share: removed if all of the module's tests pass."""
    directory = _OUTPUT / request.path.stem / "shared"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    failed_before = request.session.testsfailed
    yield directory
    if request.session.testsfailed == failed_before:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def make_vm(test_directory: Path, kernel: Kernel, guest_initramfs: Path) -> Iterator[Callable[..., Vm]]:
    """make_vm(drives=..., memory_mib=..., ...): a machine that is not started yet; arguments as in VmConfig. All are killed at the end."""
    machines: list[Vm] = []

    def make(**options: Any) -> Vm:
        options.setdefault("kernel", kernel.vmlinuz)
        options.setdefault("initramfs", guest_initramfs)
        directory = test_directory if not machines else test_directory / f"machine-{len(machines) + 1}"
        machines.append(Vm(VmConfig(**options), directory))
        return machines[-1]

    yield make
    for machine in machines:
        machine.kill()


@pytest.fixture(scope="session")
def product_disk(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_product_disk(tmp_path_factory.mktemp("product") / "tools.img", kernel)


@pytest.fixture(scope="session")
def dedicated_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As product_disk, with the dedicated capture kernel."""
    return build_product_disk(tmp_path_factory.mktemp("dedicated") / "tools.img", Kernel.build())


@pytest.fixture
def make_rig(make_vm: Callable[..., Vm], pristine_disk: Disk, product_disk: Path, test_directory: Path) -> Callable[..., Rig]:
    """make_rig(image=..., log=..., memory_mib=..., ...): a machine that is not started yet. `image` becomes its disk as it is; without,
    it gets a new one that is not prepared. `log`, `interface` and `hotplug` are the disk's; `tools` is another product_disk; `drives` are
    those that the machine has besides. Further arguments as in VmConfig."""

    def make(
        image: Optional[Path] = None,
        log: Optional[Path] = None,
        interface: str = "virtio",
        hotplug: bool = False,
        tools: Path = product_disk,
        drives: Sequence[Drive] = (),
        **options: Any,
    ) -> Rig:
        disk = pristine_disk.at(image or test_directory / "disk.img")
        if image is None:
            copy_image(pristine_disk.path, disk.path)
        first = Drive("disk0", disk.path, serial="DISK0", log=log, interface=interface, hotplug=hotplug)
        all_drives = [first, Drive("tools", tools, serial="tools", read_only=True), *drives]
        options = {"command_line": CRASHKERNEL, "memory_mib": MEMORY_MIB, "stages": True, **options}
        vm = make_vm(drives=all_drives, **options)
        return Rig(vm, disk, Product(vm, disk))

    return make


@pytest.fixture(scope="session")
def platform_named(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Platform]:
    """What machines of another architecture are made from, by the name in PLATFORMS; built once."""
    return functools.cache(lambda name: Platform.build(name, tmp_path_factory.mktemp(name)))


@pytest.fixture
def make_platform_rig(
    platform_named: Callable[[str], Platform], make_vm: Callable[..., Vm], test_directory: Path
) -> Callable[..., Rig]:
    """make_platform_rig(name, ...): as make_rig, of another architecture."""

    def make(name: str, **options: Any) -> Rig:
        platform = platform_named(name)
        architecture = platform.kernel.architecture
        disk = platform.disk.at(test_directory / "disk.img")
        copy_image(platform.disk.path, disk.path)
        drives = [Drive("disk0", disk.path, serial="DISK0"), Drive("tools", platform.tools, serial="tools", read_only=True)]
        machine = {
            "architecture": architecture,
            "kernel": platform.kernel.vmlinuz,
            "initramfs": platform.initramfs,
            "memory_mib": architecture.memory_mib,
            "command_line": architecture.crashkernel,
        }
        vm = make_vm(drives=drives, stages=True, **{**machine, **options})
        return Rig(vm, disk, Product(vm, disk))

    return make


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A machine with an unprepared disk, booted, the product configured."""
    rig = make_rig()
    rig.boot()
    return rig


@pytest.fixture(scope="session")
def system_image(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> SystemImage:
    return SystemImage.build(kernel, tmp_path_factory.mktemp("system"))


@pytest.fixture
def make_system(make_vm: Callable[..., Vm], system_image: SystemImage, test_directory: Path) -> Callable[..., BootedSystem]:
    """make_system(memory_mib=..., ...): a machine with a distribution's system, booted, the product installed and configured; nothing of
    it is enabled. Arguments as in VmConfig; `drives` are those that it has besides."""

    def make(drives: Sequence[Drive] = (), **options: Any) -> BootedSystem:
        of_system, disk = system_image.copy_to(test_directory)
        options = {"command_line": CRASHKERNEL, "memory_mib": MEMORY_MIB, "stages": True, **options}
        vm = make_vm(drives=[*of_system, *drives], initramfs=system_image.initramfs, **options)
        system = BootedSystem(vm, disk, Product(vm, disk))
        system.install()
        return system

    return make


@pytest.fixture
def make_installed(make_vm: Callable[..., Vm], test_directory: Path) -> Callable[..., InstalledSystem]:
    """make_installed(suite, ...): a machine with a disk that it boots from by itself, as an installer leaves it; not started yet. Arguments
    as in InstalledSystem.make."""
    return functools.partial(InstalledSystem.make, make_vm, test_directory)


@pytest.fixture(scope="session")
def debian_package() -> Path:
    return build_debian_package()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: minutes for one thing; only run with -m slow")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed:
        item.stash[_FAILED] = True
        report.sections.append(("machine", f"kept in {_OUTPUT / item.path.stem}"))


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    result = os.environ.get("CRASHDUMP_TEST_RESULT")
    if result:
        count = {kind: len(terminalreporter.stats.get(kind, ())) for kind in ("passed", "failed", "error")}
        failed = count["failed"] + count["error"]
        # A run that could not even begin has failed.
        if exitstatus not in (0, 1) and failed == 0:
            failed = 1
        Path(result).write_text(f"{count['passed']} passed, {failed} failed\n")

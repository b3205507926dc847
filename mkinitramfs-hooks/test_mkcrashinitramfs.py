# SPDX-License-Identifier: GPL-2.0-or-later
"""mkcrashinitramfs on small made-up roots: what is packed, in which form, and how bad input is answered."""

import gzip
import lzma
import os
import pathlib
import random
import stat
import subprocess
from dataclasses import dataclass

import pytest

SCRIPT = pathlib.Path(__file__).with_name("mkcrashinitramfs")
VERSION = "6.1.0-test"
# name -> (file below the modules directory, what it depends on)
MODULES = {
    "virtio": ("kernel/drivers/virtio/virtio.ko", []),
    "virtio_ring": ("kernel/drivers/virtio/virtio_ring.ko.xz", ["virtio"]),
    "virtio_pci": ("kernel/drivers/virtio/virtio_pci.ko.zst", ["virtio_ring", "virtio"]),
    "virtio_blk": ("kernel/drivers/block/virtio_blk.ko.gz", ["virtio_ring", "virtio"]),
    "virtio_scsi": ("kernel/drivers/scsi/virtio_scsi.ko", []),
    "virtio_console": ("kernel/drivers/char/virtio_console.ko", []),
    "ahci": ("kernel/drivers/ata/ahci.ko.xz", []),
    "nvme_core": ("kernel/drivers/nvme/host/nvme-core.ko", []),
    "nvme": ("kernel/drivers/nvme/host/nvme.ko", ["nvme_core"]),
    "e1000": ("kernel/drivers/net/e1000.ko", []),
    "i6300esb": ("kernel/drivers/watchdog/i6300esb.ko.xz", ["watchdog"]),
    "watchdog": ("kernel/drivers/watchdog/watchdog.ko.xz", []),
    "megaraid_sas": ("kernel/drivers/scsi/megaraid/megaraid_sas.ko.xz", ["scsi_mod"]),
    "scsi_mod": ("kernel/drivers/scsi/scsi_mod.ko", []),
}
# Names stand here with '_', whatever the files are called.
ALIASES = [
    "alias pci:v*d*sv*sd*bc01sc06i01* ahci",
    "alias pci:v*d*sv*sd*bc01sc08i02* nvme",
    "alias fs-nvme-core nvme_core",
    "alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000",
    "alias pci:v00008086d000025ABsv*sd*bc*sc*i* i6300esb",
]
BUILTIN = ["kernel/drivers/scsi/sd_mod.ko", "kernel/fs/ext4/ext4.ko"]


# Of the ELF header: class and byte order; machine.
ARCHITECTURES = {
    "x86_64": (b"\2\1", b"\x3e\0"),
    "i386": (b"\1\1", b"\3\0"),
    "ppc64le": (b"\2\1", b"\x15\0"),
    "ppc64": (b"\2\2", b"\0\x15"),
}
# Whoever runs a program of it here fails.
FOREIGN = "ppc64"


def elf_file(content: bytes, architecture: str = FOREIGN) -> bytes:
    form, machine = ARCHITECTURES[architecture]
    return b"\x7fELF" + form + bytes(12) + machine + content


def content_of(name: str) -> bytes:
    return elf_file(f"module {name} ".encode() * 50)


def make_root(root: pathlib.Path, directory: str = "lib/modules") -> pathlib.Path:
    modules = root / directory / VERSION
    lines = []
    for name, (file, needs) in MODULES.items():
        path = modules / file
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content_of(name)
        if file.endswith(".xz"):
            data = lzma.compress(data, check=lzma.CHECK_CRC32)
        elif file.endswith(".gz"):
            data = gzip.compress(data)
        elif file.endswith(".zst"):
            data = subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
        path.write_bytes(data)
        lines.append(f"{file}: {' '.join(MODULES[n][0] for n in needs)}".rstrip() + "\n")
    (modules / "modules.dep").write_text("".join(lines))
    (modules / "modules.alias").write_text("# Aliases extracted from modules themselves.\n" + "".join(f"{line}\n" for line in ALIASES))
    (modules / "modules.builtin").write_text("".join(f"{path}\n" for path in BUILTIN))
    programs = root / "usr/lib/crashdump"
    programs.mkdir(parents=True)
    for name in ("crashdump-init", "crashdump-capture", "busybox"):
        (programs / name).write_bytes(elf_file(name.encode()))
    return root


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    return make_root(tmp_path / "root")


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


def pack(root: pathlib.Path, output: pathlib.Path, *more: object) -> bytes:
    done = run("--kernel", VERSION, "--root", root, "-o", output, *more)
    assert done.returncode == 0, done.stderr
    return output.read_bytes()


@dataclass
class Frame:
    """The first zstd frame of `data` (RFC 8878), found without decompressing."""

    window: int
    end: int


def parse_frame(data: bytes) -> Frame:
    assert data[:4] == bytes.fromhex("28b52ffd")
    descriptor = data[4]
    single_segment = descriptor & 0x20
    at = 5
    window = 0
    if not single_segment:
        window = 1 << (10 + (data[at] >> 3))
        window += window // 8 * (data[at] & 7)
        at += 1
    at += (0, 1, 2, 4)[descriptor & 3]
    size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    if single_segment:
        window = int.from_bytes(data[at : at + size_bytes], "little") + (256 if size_bytes == 2 else 0)
    at += size_bytes
    while True:
        header = int.from_bytes(data[at : at + 3], "little")
        kind, size = header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == 1 else size)
        if header & 1:
            break
    return Frame(window, at + (4 if descriptor & 4 else 0))


@dataclass
class Entry:
    mode: int
    user: int
    group: int
    links: int
    time: int
    content: bytes


def unpack(data: bytes) -> dict[str, Entry]:
    """The entries of the archive, in its order."""
    end = parse_frame(data).end
    archive = subprocess.run(["zstd", "-dc"], input=data[:end], capture_output=True, check=True).stdout
    entries = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name_end = at + 110 + fields[11]
        name = archive[at + 110 : name_end - 1].decode()
        begin = (name_end + 3) // 4 * 4
        if name == "TRAILER!!!":
            return entries
        assert name not in entries
        entries[name] = Entry(*fields[1:6], archive[begin : begin + fields[6]])
        at = (begin + fields[6] + 3) // 4 * 4


def module_names(entries: dict[str, Entry]) -> set[str]:
    return {pathlib.Path(name).name for name in entries if name.endswith(".ko")}


def test_holds_what_it_should_and_nothing_else(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    entries = unpack(pack(root, tmp_path / "image"))
    directory = f"lib/modules/{VERSION}"
    files = {name for name, entry in entries.items() if not stat.S_ISDIR(entry.mode)}
    disks = ["virtio", "virtio_ring", "virtio_pci", "virtio_blk", "virtio_scsi", "virtio_console", "ahci", "nvme_core", "nvme"]
    wanted = [*disks, "i6300esb", "watchdog"]
    modules = {f"{directory}/{MODULES[name][0].split('.ko')[0]}.ko": name for name in wanted}
    lists = {f"{directory}/modules.{name}" for name in ("dep", "alias", "symbols", "builtin")}
    programs = {"init", "bin/crashdump-capture", "bin/busybox", "bin/sh", "sbin/modprobe"}
    assert files == {*programs, "etc/profile", "etc/display-modules", *modules, *lists}
    for file, name in modules.items():
        assert entries[file].content == content_of(name), file
    assert entries["init"].content.endswith(b"crashdump-init")
    assert entries["bin/crashdump-capture"].content.endswith(b"crashdump-capture")
    assert entries["bin/busybox"].content.endswith(b"busybox")
    assert entries["bin/sh"].content == b"busybox"
    assert entries["sbin/modprobe"].content == b"../bin/busybox"
    for name in ("proc", "sys", "dev", "run", "tmp", "overlay", "bin", "sbin", "mnt", "etc"):
        assert stat.S_ISDIR(entries[name].mode), name


def test_the_shell_tells_what_is_here_on_one_page(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(unpack(pack(root, tmp_path / "image"))["etc/profile"].content)
    shown = subprocess.run(["sh", "-c", f". {profile}"], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert len(lines) < 25 and max(map(len, lines)) <= 79
    for word in ("/proc/vmcore", "dmesg", "exit", "umount", "--module"):
        assert word in shown.stdout, word


def test_drivers_of_a_display_are_packed_and_named(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert unpack(pack(root, tmp_path / "image"))["etc/display-modules"].content == b""
    entries = unpack(pack(root, tmp_path / "image", "--display", "megaraid_sas", "--display", "e1000"))
    assert {"megaraid_sas.ko", "scsi_mod.ko", "e1000.ko"} <= module_names(entries)
    assert entries["etc/display-modules"].content == b"megaraid_sas\ne1000\n"


def test_owner_modes_and_times(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for path in root.rglob("*"):
        path.chmod(0o777)
    entries = unpack(pack(root, tmp_path / "image"))
    for name, entry in entries.items():
        assert (entry.user, entry.group, entry.time) == (0, 0, 0), name
    modes = {name: stat.S_IMODE(entry.mode) for name, entry in entries.items()}
    for name in ("init", "bin/busybox", "bin/crashdump-capture", "dev", "bin"):
        assert modes[name] == 0o755, name
    assert modes["overlay"] == 0o700
    assert modes[f"lib/modules/{VERSION}/modules.dep"] == 0o644


def test_a_directory_comes_before_what_is_in_it(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    seen = {"."}
    for name in unpack(pack(root, tmp_path / "image")):
        assert str(pathlib.PurePath(name).parent) in seen, name
        seen.add(name)


def test_modules_alias_names_the_packed_modules(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    lines = unpack(pack(root, tmp_path / "image"))[f"lib/modules/{VERSION}/modules.alias"].content.decode().splitlines()
    assert lines == [alias for alias in ALIASES if not alias.endswith("e1000")]


def test_modules_dep_names_the_packed_files(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    entries = unpack(pack(root, tmp_path / "image"))
    directory = f"lib/modules/{VERSION}"
    lines = entries[f"{directory}/modules.dep"].content.decode().splitlines()
    assert f"{MODULES['virtio'][0]}:" in lines
    assert (
        "kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko" in lines
    )
    for line in lines:
        for file in line.replace(":", "").split():
            assert f"{directory}/{file}" in entries, line
    assert len(lines) == len(module_names(entries))


def test_the_form_that_the_kernel_takes(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    # More than the window, and not compressible, so that the limit counts.
    (root / "usr/lib/crashdump/busybox").write_bytes(elf_file(os.urandom(3 * 1024 * 1024 + 1)))
    output = tmp_path / "image"
    data = pack(root, output)
    frame = parse_frame(data)
    assert frame.window == 1024 * 1024
    assert len(data) % 4 == 0
    assert data[frame.end :] == bytes(len(data) - frame.end)
    assert len(data) - frame.end < 4
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_every_length_is_padded(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    paddings = set()
    # The same bytes in each run, of lengths that need every padding.
    noise = random.Random(1)
    for extra in range(16):
        (root / "usr/lib/crashdump/busybox").write_bytes(elf_file(noise.randbytes(1000 + extra)))
        data = pack(root, tmp_path / "image")
        assert len(data) % 4 == 0
        paddings.add(len(data) - parse_frame(data).end)
    assert len(paddings) > 1


def test_the_same_inputs_give_the_same_bytes(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = pack(root, tmp_path / "first")
    other = make_root(tmp_path / "elsewhere", "usr/lib/modules")
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    done = subprocess.run(
        ["sh", "-c", 'umask 0; exec "$@"', "sh", SCRIPT, "--root", other, "-o", tmp_path / "second", "--kernel", VERSION],
        capture_output=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "second").read_bytes() == first


def test_a_link_out_of_the_root_is_not_followed(tmp_path: pathlib.Path) -> None:
    root = make_root(tmp_path / "root", "usr/lib/modules")
    (root / "lib").symlink_to("/nonexistent/lib")
    assert "virtio.ko" in module_names(unpack(pack(root, tmp_path / "image")))


def test_programs_from_elsewhere(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    paths = {}
    for name in ("init", "capture", "busybox"):
        paths[name] = tmp_path / f"my {name}"
        paths[name].write_bytes(elf_file(name.encode()))
    entries = unpack(pack(root, tmp_path / "image", *(x for name in paths for x in (f"--{name}", paths[name]))))
    assert entries["init"].content == elf_file(b"init")
    assert entries["bin/crashdump-capture"].content == elf_file(b"capture")
    assert entries["bin/busybox"].content == elf_file(b"busybox")


def test_more_modules(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plain = module_names(unpack(pack(root, tmp_path / "image")))
    more = module_names(unpack(pack(root, tmp_path / "image", "--module", "megaraid_sas", "--module", "ext4", "--module", "nvme-core")))
    assert more - plain == {"megaraid_sas.ko", "scsi_mod.ko"}


def test_more_modules_bring_the_algorithms_they_ask_for(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plain = module_names(unpack(pack(root, tmp_path / "image")))
    lists = root / "lib/modules" / VERSION
    with (lists / "modules.alias").open("a") as aliases:
        aliases.write("alias crypto-sum e1000\nalias order ext4\n")
    (lists / "modules.softdep").write_text(
        "# Soft dependencies\nsoftdep megaraid-sas pre: crypto-sum crypto-nowhere nowhere order\nsoftdep nvme pre: megaraid_sas crypto-sum\n"
    )
    assert module_names(unpack(pack(root, tmp_path / "image"))) == plain
    more = module_names(unpack(pack(root, tmp_path / "image", "--module", "megaraid_sas")))
    assert more - plain == {"megaraid_sas.ko", "scsi_mod.ko", "e1000.ko"}


def test_modules_by_name_are_packed_besides_those_of_storage(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plain = module_names(unpack(pack(root, tmp_path / "image")))
    assert module_names(unpack(pack(root, tmp_path / "image", "--modules", "storage"))) == plain
    more = module_names(unpack(pack(root, tmp_path / "image", "--modules", "megaraid_sas  e1000")))
    assert more - plain == {"megaraid_sas.ko", "scsi_mod.ko", "e1000.ko"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architectures(root: pathlib.Path, tmp_path: pathlib.Path, architecture: str) -> None:
    for program in (root / "usr/lib/crashdump").iterdir():
        program.write_bytes(elf_file(b"", architecture))
    # Only those that are compressed otherwise are left as they are, and out.
    modules = root / "lib/modules" / VERSION
    (modules / "modules.dep").write_text(f"{MODULES['virtio'][0]}:\n")
    (modules / MODULES["virtio"][0]).write_bytes(elf_file(b"", architecture))
    image = pack(root, tmp_path / "image", "--arch", architecture, "--module", "virtio")
    assert pack(root, tmp_path / "image", "--module", "virtio") == image
    assert module_names(unpack(image)) == {"virtio.ko"}


def test_a_kernel_of_x86_64_runs_programs_of_i386(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for program in (root / "usr/lib/crashdump").iterdir():
        program.write_bytes(elf_file(b"", "i386"))
    modules = root / "lib/modules" / VERSION
    (modules / "modules.dep").write_text(f"{MODULES['virtio'][0]}:\n")
    (modules / MODULES["virtio"][0]).write_bytes(elf_file(b"", "x86_64"))
    assert module_names(unpack(pack(root, tmp_path / "image", "--module", "virtio"))) == {"virtio.ko"}


def link(path: pathlib.Path, target: pathlib.Path) -> None:
    """As sysfs has its links: relative."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def add_device(root: pathlib.Path, path: str, module: str = "", alias: str = "") -> pathlib.Path:
    """A device with a driver, which is a module, or built in."""
    device = root / "sys/devices" / path
    device.mkdir(parents=True, exist_ok=True)
    driver = root / "sys/bus/drivers" / path.replace("/", "-")
    driver.mkdir(parents=True)
    link(device / "driver", driver)
    if module:
        (root / "sys/module" / module).mkdir(parents=True, exist_ok=True)
        link(driver / "module", root / "sys/module" / module)
    if alias:
        (device / "modalias").write_text(f"{alias}\n")
    return device


def add_swap(root: pathlib.Path, device: pathlib.Path, disk: str, partition: str, uuid: str = "") -> None:
    """The partition of a disk that hangs on the device, and a place for it below /dev/disk/by-uuid."""
    directory = device / "block" / disk / partition
    directory.mkdir(parents=True)
    (directory / "partition").write_text("2\n")
    link(device / "block" / disk / "device", device)
    link(root / "sys/class/block" / partition, directory)
    (root / "dev").mkdir(exist_ok=True)
    (root / "dev" / partition).write_text("")
    if uuid:
        link(root / "dev/disk/by-uuid" / uuid, root / "dev" / partition)


def use_swaps(root: pathlib.Path, *lines: str) -> None:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/swaps").write_text("Filename\tType\tSize\tUsed\tPriority\n" + "".join(f"{line}\t1024\t0\t-2\n" for line in lines))


# Always packed: the status port, and the watchdogs that there are.
ALWAYS = {"virtio_console.ko", "i6300esb.ko", "watchdog.ko"}


def packed_for_target(root: pathlib.Path, tmp_path: pathlib.Path, *more: str) -> set[str]:
    names = module_names(unpack(pack(root, tmp_path / "image", "--modules", "target", *more)))
    assert names >= ALWAYS
    return names - ALWAYS


def test_target_packs_what_the_disk_of_the_swap_hangs_on(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    add_device(root, "pci0000:00/0000:00:05.0", "virtio_pci")
    add_swap(root, add_device(root, "pci0000:00/0000:00:05.0/virtio2", "virtio_blk"), "vda", "vda2")
    add_device(root, "pci0000:00/0000:00:1f.2", "ahci")
    add_swap(root, add_device(root, "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0"), "sda", "sda3", uuid="5ac1-0003")
    use_swaps(root, "/dev/vda2 partition", "/swapfile file")
    assert packed_for_target(root, tmp_path) == {"virtio.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_blk.ko"}
    assert packed_for_target(root, tmp_path, "--target", "5ac1-0003") == {"ahci.ko"}
    use_swaps(root, "/dev/vda2 partition", "/dev/sda3 partition")
    assert packed_for_target(root, tmp_path, "--module", "megaraid_sas") == {
        *("virtio.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_blk.ko", "ahci.ko"),
        *("megaraid_sas.ko", "scsi_mod.ko"),
    }


def test_target_finds_the_module_of_a_driver_that_is_built_in_here(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    device = add_device(root, "pci0000:00/0000:00:1f.2", alias="pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01")
    add_swap(root, device, "sda", "sda2")
    use_swaps(root, "/dev/sda2 partition")
    assert packed_for_target(root, tmp_path) == {"ahci.ko"}


def test_target_finds_every_path_to_an_nvme_disk(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    controller = add_device(root, "pci0000:00/0000:00:06.0", "nvme") / "nvme/nvme0"
    controller.mkdir(parents=True)
    subsystem = root / "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    link(subsystem / "nvme0", controller)
    directory = subsystem / "nvme0n1/nvme0n1p2"
    directory.mkdir(parents=True)
    (directory / "partition").write_text("2\n")
    link(subsystem / "nvme0n1/device", subsystem)
    link(root / "sys/class/block/nvme0n1p2", directory)
    use_swaps(root, "/dev/nvme0n1p2 partition")
    assert packed_for_target(root, tmp_path) == {"nvme.ko", "nvme-core.ko"}


def refuse_target(root: pathlib.Path, tmp_path: pathlib.Path, *more: str) -> str:
    done = run("--kernel", VERSION, "--root", root, "-o", tmp_path / "image", "--modules", "target", *more)
    assert done.returncode == 1 and not (tmp_path / "image").exists()
    [line] = done.stderr.splitlines()
    return line


def test_target_needs_a_swap_on_a_disk_and_its_drivers(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    use_swaps(root, "/swapfile file", "/dev/zram0 partition")
    zram = root / "sys/devices/virtual/block/zram0"
    zram.mkdir(parents=True)
    link(root / "sys/class/block/zram0", zram)
    assert "no swap on a disk is in use: name one with --target" in refuse_target(root, tmp_path)
    assert "5ac1-0004: there is no such swap" in refuse_target(root, tmp_path, "--target", "5ac1-0004")
    add_swap(root, add_device(root, "pci0000:00/0000:00:07.0", "mpt3sas"), "sda", "sda2")
    use_swaps(root, "/dev/sda2 partition")
    assert f"kernel {VERSION} has no module mpt3sas" in refuse_target(root, tmp_path)


def test_a_standard_module_that_is_nowhere_is_a_note(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    dep = root / "lib/modules" / VERSION / "modules.dep"
    dep.write_text("".join(line for line in dep.read_text().splitlines(True) if "nvme" not in line))
    done = run("--kernel", VERSION, "--root", root, "-o", tmp_path / "image")
    assert done.returncode == 0
    assert done.stderr == f"mkcrashinitramfs: note: kernel {VERSION} has no module nvme\n"


def test_a_kernel_without_modules(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    modules = root / "lib/modules" / VERSION
    (modules / "modules.dep").write_text("")
    names = "virtio_pci virtio_blk virtio_scsi virtio_console ahci sd_mod nvme".split()
    (modules / "modules.builtin").write_text("".join(f"kernel/x/{name}.ko\n" for name in names))
    done = run("--kernel", VERSION, "--root", root, "-o", tmp_path / "image")
    assert (done.returncode, done.stderr) == (0, "")
    assert module_names(unpack((tmp_path / "image").read_bytes())) == set()


# Each row: what is done to the root, the arguments, and what the one line on stderr says.
def nothing(_: pathlib.Path) -> None:
    pass


def remove(name: str):
    return lambda root: (root / name).unlink()


def overwrite(name: str, data: bytes):
    return lambda root: (root / name).write_bytes(data)


MODULES_DIRECTORY = f"lib/modules/{VERSION}"
GOOD = ["--kernel", VERSION, "--root", "ROOT", "-o", "OUTPUT"]
BAD = {
    "no such root": (nothing, ["--kernel", VERSION, "--root", "ROOT/none", "-o", "OUTPUT"], "ROOT/none: no such directory"),
    "no such kernel": (nothing, ["--kernel", "5.0", "--root", "ROOT", "-o", "OUTPUT"], "ROOT: has no modules of kernel 5.0"),
    "no modules.dep": (remove(f"{MODULES_DIRECTORY}/modules.dep"), GOOD, "modules.dep: cannot be read; run depmod"),
    "no modules.alias": (remove(f"{MODULES_DIRECTORY}/modules.alias"), GOOD, "modules.alias: cannot be read; run depmod"),
    "no modules.builtin": (remove(f"{MODULES_DIRECTORY}/modules.builtin"), GOOD, "modules.builtin: cannot be read"),
    "no init": (remove("usr/lib/crashdump/crashdump-init"), GOOD, "ROOT/usr/lib/crashdump/crashdump-init: no such file"),
    "no capture": (nothing, [*GOOD, "--capture", "ROOT/none"], "ROOT/none: no such file"),
    "directory as busybox": (nothing, [*GOOD, "--busybox", "ROOT"], "ROOT: no such file"),
    "module file gone": (
        remove(f"{MODULES_DIRECTORY}/{MODULES['virtio'][0]}"),
        GOOD,
        "virtio.ko: no such file, but modules.dep names it",
    ),
    "damaged module": (
        overwrite(f"{MODULES_DIRECTORY}/{MODULES['ahci'][0]}", lzma.compress(b"x" * 1000)[:-9]),
        GOOD,
        "ahci.ko.xz: cannot be decompressed",
    ),
    "unknown compression": (
        lambda root: (
            overwrite(f"{MODULES_DIRECTORY}/modules.dep", b"kernel/ahci.ko.lz9:\n")(root),
            overwrite(f"{MODULES_DIRECTORY}/kernel/ahci.ko.lz9", b"x")(root),
        ),
        GOOD,
        "ahci.ko.lz9: is compressed in a way that is not known here",
    ),
    "no program as init": (overwrite("usr/lib/crashdump/crashdump-init", b"#!/bin/sh\n"), GOOD, "crashdump-init: is no program of x86_64"),
    "programs of two architectures": (
        overwrite("usr/lib/crashdump/busybox", elf_file(b"", "ppc64le")),
        GOOD,
        "busybox: is no program of ppc64",
    ),
    "programs of another architecture": (nothing, [*GOOD, "--arch", "ppc64le"], "crashdump-init: is no program of ppc64le"),
    "module of another architecture": (
        overwrite(f"{MODULES_DIRECTORY}/{MODULES['virtio'][0]}", elf_file(b"", "x86_64")),
        GOOD,
        f"{MODULES['virtio'][0]}: is no module of ppc64",
    ),
    "disks of a machine that is not here": (nothing, [*GOOD, "--modules", "target"], "ROOT: is not the running machine"),
    "unknown modules": (nothing, [*GOOD, "--modules", "ahci none"], f"kernel {VERSION} has no module none"),
    "unknown extra module": (nothing, [*GOOD, "--module", "none"], f"kernel {VERSION} has no module none"),
    "output is a directory": (nothing, ["--kernel", VERSION, "--root", "ROOT", "-o", "ROOT"], "ROOT: is a directory"),
    "no output directory": (nothing, ["--kernel", VERSION, "--root", "ROOT", "-o", "ROOT/none/x"], "ROOT/none: no such directory"),
}
MISUSE = {
    "nothing": ([], "--kernel VERSION is missing"),
    "no root": (["--kernel", VERSION], "--root DIR is missing"),
    "no output": (["--kernel", VERSION, "--root", "ROOT"], "-o FILE is missing"),
    "no value": ([*GOOD, "--init"], "--init needs a value"),
    "empty value": ([*GOOD, "--init", ""], "--init needs a value"),
    "unknown option": ([*GOOD, "--nothing"], "--nothing is not known here"),
    "too much": ([*GOOD, "more"], "more is not known here"),
    "path as kernel": (["--kernel", "../x", "--root", "ROOT", "-o", "OUTPUT"], "../x is not the version of a kernel"),
    "path as module": ([*GOOD, "--module", "a/b"], "a/b is not the name of a module"),
    "pattern as modules": ([*GOOD, "--modules", "ahci *"], "ahci * is not the name of a module"),
    "unknown architecture": ([*GOOD, "--arch", "amd64"], "amd64 is no architecture: there are x86_64"),
    "path as target": ([*GOOD, "--modules", "target", "--target", "../x"], "../x is not the UUID of a swap"),
    "target for all disks": ([*GOOD, "--target", "1234"], "--target is for --modules target"),
}


def check_refusal(root: pathlib.Path, tmp_path: pathlib.Path, arguments: list[str], status: int, message: str) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    output = tmp_path / "output" / "image"
    output.parent.mkdir()
    output.write_text("old")
    before = sorted(tmp_path.rglob("*"))
    done = run(
        *(argument.replace("ROOT", str(root)).replace("OUTPUT", str(output)) for argument in arguments),
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert done.returncode == status
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if ": note: " not in line]
    assert len(errors) == 1 and errors[0].startswith("mkcrashinitramfs: "), done.stderr
    assert message.replace("ROOT", str(root)) in errors[0]
    assert output.read_text() == "old"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", BAD)
def test_bad_input(root: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    prepare, arguments, message = BAD[name]
    prepare(root)
    check_refusal(root, tmp_path, arguments, 1, message)


@pytest.mark.parametrize("name", MISUSE)
def test_misuse(root: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    arguments, message = MISUSE[name]
    check_refusal(root, tmp_path, arguments, 2, message)


def test_a_full_disk_leaves_nothing(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    # The limit on the size of files stands in for the disk; the old image stays.
    (root / "usr/lib/crashdump/busybox").write_bytes(elf_file(os.urandom(200_000)))
    output = tmp_path / "out" / "image"
    output.parent.mkdir()
    output.write_text("old")
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", SCRIPT, "--kernel", VERSION, "--root", root, "-o", output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert output.read_text() == "old"
    assert list(output.parent.iterdir()) == [output]


def test_help() -> None:
    done = run("--help")
    assert done.returncode == 0 and "--kernel VERSION" in done.stdout and done.stderr == ""

# SPDX-License-Identifier: GPL-2.0-or-later
"""`make install`: what lands where, and that it runs there."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
def below(directory: str, files: dict[str, int]) -> dict[str, int]:
    return {f"{directory}/{file}": mode for file, mode in files.items()}


PROGRAMS = {
    "sbin/crashdump": 0o755,
    "sbin/mkcrashinitramfs": 0o755,
    "lib/crashdump/crashdump-init": 0o755,
    "lib/crashdump/crashdump-capture": 0o755,
    "lib/crashdump/busybox": 0o755,
    "lib/crashdump/add-early-arming": 0o755,
    "lib/crashdump/update-capture-initramfs": 0o755,
    "lib/tmpfiles.d/crashdump.conf": 0o644,
    "share/bash-completion/completions/crashdump": 0o644,
    "share/man/man5/crashdump.conf.5": 0o644,
    "share/man/man7/crashdump.7": 0o644,
    "share/man/man8/crashdump-capture.8": 0o644,
    "share/man/man8/crashdump.8": 0o644,
    "share/man/man8/mkcrashinitramfs.8": 0o644,
}
SYSTEMD = {
    "lib/crashdump/recover-at-boot": 0o755,
    "lib/systemd/system/crashdump-hooks.service": 0o644,
    "lib/systemd/system/crashdump-load.service": 0o644,
    "lib/systemd/system/crashdump-prepare.service": 0o644,
    "lib/systemd/system/crashdump-recover.service": 0o644,
    "lib/systemd/system/swap.d/crashdump.conf": 0o644,
    "lib/udev/rules.d/90-crashdump.rules": 0o644,
}
MACHINE = {
    "etc/crashdump.conf": 0o644,
    "etc/kernel/postinst.d/zz-crashdump": 0o755,
    "etc/kernel/postrm.d/zz-crashdump": 0o755,
}
# Below usr/lib for a package, below etc where it is no package's.
HOOKS = {
    "kernel/install.d/90-crashdump.install": 0o755,
    "initcpio/post/crashdump": 0o755,
    "initcpio/install/crashdump": 0o644,
    "initcpio/hooks/crashdump": 0o644,
}
DRACUT = {f"usr/lib/dracut/modules.d/01crashdump/{name}": 0o755 for name in ("load-early.sh", "module-setup.sh")}
TOOLS = {"hooks/crashdump": 0o755, "scripts/init-top/crashdump": 0o755}
TOOLS_OF_PACKAGE = below("usr/share/initramfs-tools", {**TOOLS, "conf-hooks.d/crashdump": 0o644})
TOOLS_OF_ADMINISTRATOR = below("etc/initramfs-tools", {**TOOLS, "conf.d/crashdump": 0o644})
OPEN = ("etc/crashdump", "etc/crashdump/recovered.d", "var/crash")
PRIVATE = (
    *("var/lib/crashdump", "var/lib/crashdump/keys", "var/lib/crashdump/regions", "var/lib/crashdump/remembered"),
    *("var/crash/kernel", "var/crash/kernel/dumps"),
)


def install(directory: pathlib.Path, *variables: str) -> dict[str, int]:
    """The files that are there then."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "-s", "install", f"DESTDIR={directory}", *variables], cwd=ROOT, env=environment, check=True)
    return {str(path.relative_to(directory)): path.stat().st_mode & 0o7777 for path in directory.rglob("*") if path.is_file()}


def test_installs_below_destdir(tmp_path: pathlib.Path) -> None:
    assert install(tmp_path) == {**below("usr", {**PROGRAMS, **SYSTEMD}), **below("usr/lib", HOOKS), **DRACUT, **TOOLS_OF_PACKAGE, **MACHINE}
    for directory in PRIVATE:
        assert (tmp_path / directory).stat().st_mode & 0o7777 == 0o700
    for directory in OPEN:
        assert (tmp_path / directory).stat().st_mode & 0o777 == 0o755
    version = subprocess.run([tmp_path / "usr/sbin/crashdump", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("crashdump ")
    # Nothing of the build machine is needed to run them.
    for name in ("crashdump-init", "crashdump-capture", "busybox"):
        arguments = ["llvm-readelf-16", "-lW", tmp_path / "usr/lib/crashdump" / name]
        headers = subprocess.run(arguments, capture_output=True, text=True, check=True)
        assert "LOAD" in headers.stdout and "INTERP" not in headers.stdout and "DYNAMIC" not in headers.stdout


@pytest.mark.parametrize("init", ["openrc", "sysv"])
def test_other_inits_have_one_script(tmp_path: pathlib.Path, init: str) -> None:
    found = install(tmp_path, f"INIT={init}")
    assert found == {**below("usr", PROGRAMS), **below("usr/lib", HOOKS), **DRACUT, **TOOLS_OF_PACKAGE, **MACHINE, "etc/init.d/crashdump": 0o755}
    script = tmp_path / "etc/init.d/crashdump"
    subprocess.run(["shellcheck", "-x", script], check=True)
    if init == "sysv":
        for arguments in ([], ["nonsense"]):
            done = subprocess.run([script, *arguments], capture_output=True, text=True, check=False)
            assert done.returncode == 2 and "{start|stop|restart|force-reload|status}" in done.stderr


def test_an_init_that_is_not_there_is_no_way_to_install(tmp_path: pathlib.Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        install(tmp_path, "INIT=none")
    assert list(tmp_path.iterdir()) == []


def test_everything_is_called_by_where_it_is(tmp_path: pathlib.Path) -> None:
    found = install(tmp_path, "PREFIX=/usr/local")
    assert found == {**below("usr/local", {**PROGRAMS, **SYSTEMD}), **below("etc", HOOKS), **DRACUT, **TOOLS_OF_ADMINISTRATOR, **MACHINE}
    called = set()
    for file in found:
        text = (tmp_path / file).read_bytes()
        if not text.startswith(b"\x7fELF"):
            paths = re.findall(rb"/usr[/a-z]*/s?bin/[a-z]*crash[a-z]+|/usr[/a-z]*/lib/crashdump/[a-z-]+", text.replace(b"\\-", b"-"))
            called |= {path.decode() for path in paths}
    # Those that are called are where they are called.
    assert called >= {f"/usr/local/{name}" for name in ("sbin/crashdump", "sbin/mkcrashinitramfs", "lib/crashdump/recover-at-boot")}
    assert {path.removeprefix("/") for path in called} <= found.keys()


def test_a_configuration_that_is_there_stays(tmp_path: pathlib.Path) -> None:
    hooks = tmp_path / "etc/crashdump/recovered.d"
    hooks.mkdir(parents=True)
    hooks.chmod(0o700)
    (tmp_path / "etc/crashdump.conf").write_text("KEEP=5\n")
    install(tmp_path)
    assert (tmp_path / "etc/crashdump.conf").read_text() == "KEEP=5\n"
    assert hooks.stat().st_mode & 0o777 == 0o700

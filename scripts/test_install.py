# SPDX-License-Identifier: GPL-2.0-or-later
"""`make install`: what lands where, and that it runs there."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
INSTALLED = {
    "usr/sbin/crashdump": 0o755,
    "usr/sbin/mkcrashinitramfs": 0o755,
    "usr/lib/crashdump/crashdump-init": 0o755,
    "usr/lib/crashdump/crashdump-capture": 0o755,
    "usr/lib/crashdump/busybox": 0o755,
    "usr/lib/crashdump/recover-at-boot": 0o755,
    "usr/lib/systemd/system/crashdump-hooks.service": 0o644,
    "usr/lib/systemd/system/crashdump-load.service": 0o644,
    "usr/lib/systemd/system/crashdump-prepare.service": 0o644,
    "usr/lib/systemd/system/crashdump-recover.service": 0o644,
    "usr/lib/systemd/system/swap.d/crashdump.conf": 0o644,
    "usr/lib/tmpfiles.d/crashdump.conf": 0o644,
    "usr/lib/udev/rules.d/90-crashdump.rules": 0o644,
    "usr/share/bash-completion/completions/crashdump": 0o644,
    "usr/share/man/man5/crashdump.conf.5": 0o644,
    "usr/share/man/man7/crashdump.7": 0o644,
    "usr/share/man/man8/crashdump-capture.8": 0o644,
    "usr/share/man/man8/crashdump.8": 0o644,
}
PRIVATE = ("var/lib/crashdump", "var/lib/crashdump/keys", "var/lib/crashdump/regions", "var/crash/kernel", "var/crash/kernel/dumps")


def test_installs_below_destdir(tmp_path: pathlib.Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "-s", "install", f"DESTDIR={tmp_path}"], cwd=ROOT, env=environment, check=True)
    found = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o7777 for path in tmp_path.rglob("*") if path.is_file()}
    assert found == INSTALLED
    for directory in PRIVATE:
        assert (tmp_path / directory).stat().st_mode & 0o7777 == 0o700
    assert (tmp_path / "var/crash").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/crashdump/recovered.d").stat().st_mode & 0o777 == 0o755
    version = subprocess.run([tmp_path / "usr/sbin/crashdump", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("crashdump ")
    # Nothing of the build machine is needed to run them.
    for name in ("crashdump-init", "crashdump-capture", "busybox"):
        arguments = ["llvm-readelf-16", "-lW", tmp_path / "usr/lib/crashdump" / name]
        headers = subprocess.run(arguments, capture_output=True, text=True, check=True)
        assert "LOAD" in headers.stdout and "INTERP" not in headers.stdout and "DYNAMIC" not in headers.stdout

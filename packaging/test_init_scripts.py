# SPDX-License-Identifier: GPL-2.0-or-later
"""The scripts for OpenRC and sysv, with a stand-in for the program: what they call, in which order, and what they say of it."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parent
# Sources the script as openrc-run does, which has these functions.
OPENRC = """
ebegin() { :; }
eend() { return "$1"; }
. "$1"
"$2"
"""
START = ["prepare --at-boot --swapoff", "load", "recover"]


@dataclass(frozen=True)
class Boot:
    directory: Path
    kind: str

    def fail(self, command: str) -> None:
        """From now on."""
        (self.directory / f"fails-{command}").touch()

    def call(self, action: str) -> int:
        script = self.directory / "script"
        script.write_text((PACKAGING / self.kind / "crashdump").read_text().replace("/usr/sbin/crashdump", str(self.directory / "crashdump")))
        command = ["sh", script, action] if self.kind == "sysv" else ["sh", "-c", OPENRC, "sh", script, action]
        environment = {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}"}
        return subprocess.run(command, env=environment, check=False).returncode

    def calls(self, count: int) -> list[str]:
        """What was called, when so many were, or after a while."""
        log = self.directory / "calls"
        for _ in range(100):
            lines = log.read_text().splitlines() if log.exists() else []
            if len(lines) >= count:
                break
            time.sleep(0.05)
        return lines


@pytest.fixture(params=["openrc", "sysv"])
def boot(request: pytest.FixtureRequest, tmp_path: Path) -> Boot:
    program = tmp_path / "crashdump"
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n[ ! -e {tmp_path}/fails-"$1" ]\n')
    program.chmod(0o755)
    logger = tmp_path / "logger"
    logger.write_text(f"#!/bin/sh\ncat >{tmp_path}/log\n")
    logger.chmod(0o755)
    return Boot(tmp_path, request.param)


def test_start_prepares_loads_and_recovers(boot: Boot) -> None:
    assert boot.call("start") == 0
    assert boot.calls(3) == START


def test_what_cannot_be_prepared_may_be_already(boot: Boot) -> None:
    boot.fail("prepare")
    assert boot.call("start") == 0
    assert boot.calls(3) == START


def test_a_machine_that_is_not_armed_is_a_failure_and_recovers_all_the_same(boot: Boot) -> None:
    boot.fail("load")
    assert boot.call("start") != 0
    assert boot.calls(3) == START


def test_stop_and_status(boot: Boot) -> None:
    assert boot.call("stop") == 0
    assert boot.call("status") == 0
    assert boot.calls(2) == ["unload", "status"]
    boot.fail("status")
    assert boot.call("status") != 0


def test_nothing_unloads_at_shutdown() -> None:
    # Kernels panic there too.
    assert " -shutdown\n" in (PACKAGING / "openrc/crashdump").read_text()
    [stop] = [line for line in (PACKAGING / "sysv/crashdump").read_text().splitlines() if line.startswith("# Default-Stop:")]
    assert stop == "# Default-Stop:"

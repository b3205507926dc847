# SPDX-License-Identifier: GPL-2.0-or-later
# The test machine: one QEMU process from power on to power off, over any number of boots.

import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Type

from machine import faults
from machine.agent import AgentChannel, Completed
from machine.architecture import X86_64, Architecture
from machine.console import Console
from machine.drive import Drive
from machine.errors import CommandFailed, GuestRestarted, LostMachine
from machine.qmp import Qmp
from machine.stages import StageLine
from machine.stall import describe_stall, patiently
from machine.typist import SerialTerminal, press_keys

# Seconds that a guest waits at a stage for the answer; longer than any test holds it.
STAGE_WAIT_SECONDS = 120

# Ten times what a boot takes on a machine that does nothing else.
BOOT_SECONDS = 120


@dataclass(frozen=True)
class VmConfig:
    """What the machine is made of. `command_line` is added to the console and the like, which every guest gets. With `stages`, the
    capture initramfs reports and waits on the second serial port. Without `terminal` nobody can type at the first one. Without a kernel
    the machine's firmware (machine/firmware.py) starts what it finds on the drives, and that decides on the command line. With `one_thread`
    all processors take turns in one of the host's: slower, but until 8.1 ("accel/tcg: Always lock pages before translation") QEMU may
    translate code while another processor changes it, and keep what it was: once in some hundred boots a kernel, which changes its own with
    the help of int3, then takes that interrupt for ever."""

    kernel: Optional[Path]
    initramfs: Optional[Path]
    drives: Sequence[Drive] = ()
    command_line: str = ""
    memory_mib: int = 1024
    cpus: int = 2
    architecture: Architecture = X86_64
    stages: bool = False
    watchdog: bool = False
    terminal: bool = False
    one_thread: bool = False
    extra_arguments: Sequence[str] = field(default_factory=tuple)
    incoming: Optional[Path] = None  # start() brings back what save_state() has written, stopped; all else must be as it was there


class Vm:
    """`directory` keeps the console log and run.sh, with which a person boots the same machine by hand. A machine that was killed can
    be started again: its disks and its console log go on. Every wait has a deadline, and raises LostMachine with the end of the console."""

    def __init__(self, config: VmConfig, directory: Path) -> None:
        self.config = config
        self.directory = directory
        self.console = Console(directory / "console.log")
        self.boots = 0
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._sockets: Optional[Path] = None
        self._qmp: Optional[Qmp] = None
        self._agent: Optional[AgentChannel] = None
        self._stages: Optional[StageLine] = None
        self._resets_at_boot = 0

    def __enter__(self) -> "Vm":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Any) -> None:
        self.kill()

    # Life of the process

    def start(self) -> None:
        assert self._process is None, "the machine is already running"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_run_script()
        for drive in self.config.drives:
            drive.prepare()
        # Socket paths are limited to 107 bytes, test directories are not.
        self._sockets = Path(tempfile.mkdtemp(prefix="crashdump-vm-"))
        # QEMU ends with us, however we end.
        arguments = ["setpriv", "--pdeathsig", "KILL", *self._common_arguments(), *self._channel_arguments(self._sockets)]
        if self.config.incoming is not None:
            arguments += ["-incoming", f"exec:cat {shlex.quote(str(self.config.incoming.resolve()))}"]
        with (self.directory / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.directory
            )
        self._qmp = Qmp(self._connect(self._sockets / "qmp"))
        self._agent = AgentChannel(self._sockets / "agent", self._check_alive)
        self._stages = StageLine(self._sockets / "stages", self._check_process)
        if self.config.incoming is not None:
            self._wait_for_state(lambda: self.qmp("query-status")["status"] != "inmigrate", "arrive")

    def kill(self) -> None:
        """Power off without a warning. Data that the guest has not flushed stay in the image unless a drive's write log is replayed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for channel in (self._agent, self._stages, self._qmp):
            if channel is not None:
                channel.close()
        self._agent = self._stages = self._qmp = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    # Boots

    def boot(self, timeout: float = BOOT_SECONDS) -> None:
        """start() and wait_for_boot()."""
        self.start()
        self.wait_for_boot(timeout)

    def wait_for_boot(self, timeout: float = BOOT_SECONDS) -> str:
        """Waits until a boot that has not been met before answers; returns its boot_id."""
        agent = self._running(self._agent)
        process = self._running(self._process)
        agent.still_there = self._check_process
        boot_id = self._with_console(lambda: self._told_of_stalls(lambda: patiently(agent.wait_for_hello, timeout, process)))
        agent.still_there = self._check_alive
        self.boots += 1
        qmp = self._running(self._qmp)
        self._with_console(qmp.pump)
        self._resets_at_boot = qmp.resets
        return boot_id

    @property
    def boot_id(self) -> str:
        return self._running(self._agent).boot_id

    def crash(self, cpu: int = 0) -> None:
        """Makes the guest's kernel panic on that processor, which the capture kernel then boots on; returns at once."""
        self.run_without_answer(f"echo 1 >/proc/sys/kernel/sysrq; taskset {1 << cpu:x} sh -c 'echo c >/proc/sysrq-trigger'")

    def reboot(self, timeout: float = BOOT_SECONDS) -> None:
        """An orderly reboot, up to the next boot's answer."""
        self.run_without_answer("sync; umount /var; reboot -f")
        self.wait_for_boot(timeout)

    def reset(self) -> None:
        """The reset button."""
        self.qmp("system_reset")

    # Commands and files of the guest

    def run(self, script: str, timeout: float = 60, user: str = "root") -> Completed:
        """Runs a shell script in the guest. A background job must redirect its output, or its early part appears here."""
        if user != "root":
            script = f"exec su -s /bin/sh {user} -c {shlex.quote(script)}"
        return self._with_console(lambda: self._running(self._agent).run(script, timeout))

    def must(self, script: str, timeout: float = 60, user: str = "root") -> str:
        """run(), and the output of a script that has to succeed."""
        completed = self.run(script, timeout, user)
        if completed.status != 0:
            raise CommandFailed(f"{script}: status {completed.status}\n{completed.out}{completed.err}")
        return completed.out

    def run_without_answer(self, script: str) -> None:
        """For what the guest does not survive."""
        self._running(self._agent).run_without_answer(script)

    def push_file(self, source: Path | bytes, guest_path: str, mode: int = 0o644, timeout: float = 120) -> None:
        content = source if isinstance(source, bytes) else source.read_bytes()
        self._with_console(lambda: self._running(self._agent).push(content, guest_path, mode, timeout))

    def pull_file(self, guest_path: str, timeout: float = 120) -> bytes:
        return self._with_console(lambda: self._running(self._agent).pull(guest_path, timeout))

    # The machine from outside

    def drive(self, name: str) -> Drive:
        return next(drive for drive in self.config.drives if drive.name == name)

    def qmp(self, command: str, timeout: float = 60, **arguments: Any) -> Any:
        return self._with_console(lambda: self._running(self._qmp).command(command, timeout, **arguments))

    def press(self, text: str) -> None:
        """Types at the machine's keyboard: letters, digits and what else machine/typist.py knows."""
        press_keys(self.qmp, text)

    def serial_terminal(self) -> SerialTerminal:
        """A person at the first serial port."""
        assert self.config.terminal and self._sockets is not None, "the machine has no terminal"
        return SerialTerminal(self._sockets / "console")

    def stop(self) -> None:
        """Holds the processors. QEMU flushes its disks (see WriteLog)."""
        self.qmp("stop")

    def cont(self) -> None:
        self.qmp("cont")

    def save_state(self, output: Path) -> None:
        """Stops the machine for good and writes its state; its disks are as the state needs them. Any number of machines can go on from
        there (VmConfig.incoming), each with a copy of the disks; wait_for_boot() after cont() finds the guest again."""
        self.stop()
        self.qmp("migrate", uri=f"exec:cat >{shlex.quote(str(output.resolve()))}")
        self._wait_for_state(lambda: self.qmp("query-migrate")["status"] in ("completed", "failed"), "be saved")
        status = self.qmp("query-migrate")
        if status["status"] == "failed":
            raise LostMachine(f"{output}: {status.get('error-desc', 'the state was not saved')}")

    def pmemsave(self, address: int, length: int, output: Path) -> None:
        """Physical memory as it is now; the machine should be stopped."""
        self.qmp("pmemsave", timeout=300, val=address, size=length, filename=str(output.resolve()))

    def dump_guest_memory(self, output: Path) -> None:
        """A vmcore made by QEMU, independent of the guest."""
        self.qmp("dump-guest-memory", timeout=300, paging=False, protocol=f"file:{output.resolve()}")

    def inflate_balloon(self, mib: int) -> None:
        """Takes memory from the guest, whose kernel marks these pages as offline. The machine must have a virtio-balloon-pci device and
        the guest its driver."""
        remaining = (self.config.memory_mib - mib) << 20
        self.qmp("balloon", value=remaining)
        self._wait_for_state(lambda: self.qmp("query-balloon")["actual"] == remaining, "inflate its balloon")

    def pause_at_reboot(self) -> None:
        """From now on the guest's next reboot stops the machine instead, with memory and disks as they are then."""
        self.qmp("set-action", reboot="shutdown", shutdown="pause")

    def wait_for_reboot_pause(self, timeout: float) -> str:
        """Returns why the machine wanted to reboot: "guest-reset" if nobody but its own software did."""
        event = self._with_console(lambda: self._running(self._qmp).wait_for_event("SHUTDOWN", timeout))
        return event["data"]["reason"]

    def resume_reboot(self) -> None:
        """Carries out the reboot at which the machine was paused."""
        self.qmp("set-action", reboot="reset", shutdown="poweroff")
        self.qmp("system_reset")
        self.qmp("cont")

    def wait_for_reset(self, timeout: float) -> None:
        """Waits until the machine has been reset since the last wait_for_boot: a reboot, a watchdog; not a kexec jump."""
        qmp = self._running(self._qmp)
        deadline = time.monotonic() + timeout

        def wait() -> None:
            while qmp.resets == self._resets_at_boot:
                qmp.wait_for_event("RESET", max(0.0, deadline - time.monotonic()))

        self._with_console(wait)

    def stop_at_request(self, drive_name: str, kind: str, offset: Optional[int] = None) -> None:
        """From now on, the drive's next request of that kind ("write", "read", "flush", "discard"), or the next that covers the byte at
        `offset`, stops the machine *before* it is carried out; cont() carries it out. The drive must have been made with
        stop_on_error."""
        assert self.drive(drive_name).stop_on_error, f"{drive_name}: stop_on_error is not set"
        faults.inject_errors(self, drive_name, kind, offset=offset)

    def wait_for_request_stop(self, timeout: float) -> None:
        self._with_console(lambda: self._running(self._qmp).wait_for_event("BLOCK_IO_ERROR", timeout))
        self._with_console(lambda: self._running(self._qmp).wait_for_event("STOP", timeout))

    # Stages of the capture initramfs

    def hold_stages(self, *names: str) -> None:
        self._running(self._stages).hold(*names)

    def wait_for_stage(self, name: str, timeout: float) -> None:
        """Returns when the stage is reached; if it is held, the guest waits there until release_stage()."""
        stages = self._running(self._stages)
        self._with_console(lambda: stages.wait_for(name, timeout))

    def release_stage(self) -> None:
        self._running(self._stages).release()

    @property
    def status_lines(self) -> list[str]:
        """All lines that came over the capture initramfs' status port since start()."""
        return self._running(self._stages).lines

    @property
    def stages_seen(self) -> list[str]:
        return self._running(self._stages).seen

    def wait_for_console(self, pattern: str, timeout: float, start: int = 0) -> str:
        """Waits for a line that matches, at or behind position `start` of the console log. For what has no better sign: kernel messages."""
        return self._with_console(lambda: self.console.wait_for(pattern, timeout, start, self._check_process))

    # Parts

    def _running(self, part: Any) -> Any:
        if self._process is None or part is None:
            raise LostMachine("the machine is not running")
        return part

    def _wait_for_state(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 120
        while not done():
            self._with_console(self._check_process)
            if time.monotonic() > deadline:
                raise LostMachine(f"the machine's state did not {what} within 120 s")
            time.sleep(0.05)

    def _check_process(self) -> None:
        if self._process is None or self._process.poll() is not None:
            status = "" if self._process is None else f" with status {self._process.returncode}"
            log = (self.directory / "qemu.log").read_text(errors="replace")[-2000:]
            raise LostMachine(f"QEMU has ended{status}\n{log}".rstrip())

    def _check_alive(self) -> None:
        self._check_process()
        qmp = self._running(self._qmp)
        qmp.pump()
        if qmp.resets != self._resets_at_boot:
            raise GuestRestarted("the machine was reset while an answer of its guest was awaited")

    def _with_console(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except LostMachine as error:
            raise type(error)(f"{error}\n--- end of {self.console.path}\n{self.console.tail()}") from error

    def _told_of_stalls(self, action: Callable[[], str]) -> str:
        try:
            return action()
        except LostMachine as error:
            if self._process is None or self._process.poll() is not None:
                raise
            raise LostMachine(f"{error}\n{describe_stall(self._running(self._qmp).command, self._process.pid, self.directory)}") from error

    def _connect(self, path: Path) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = time.monotonic() + 20
        while True:
            try:
                connection.connect(str(path))
                return connection
            except OSError as error:
                self._with_console(self._check_process)
                if time.monotonic() > deadline:
                    raise LostMachine(f"{path}: {error}") from error
                time.sleep(0.02)

    def _common_arguments(self) -> list[str]:
        config = self.config
        architecture = config.architecture
        arguments = [*architecture.machine, "-accel", f"tcg,thread={'single' if config.one_thread else 'multi'}", "-cpu", architecture.cpu]
        arguments += ["-smp", str(config.cpus), "-m", f"{config.memory_mib}M"]
        arguments += ["-nodefaults", "-nic", "none", "-display", "none"]
        arguments += [*architecture.devices, "-device", "virtio-serial-pci,id=ports"]
        arguments += self._kernel_arguments()
        if config.watchdog:
            arguments += ["-device", "i6300esb", "-action", "watchdog=reset"]
        for drive in config.drives:
            arguments += drive.arguments()
        return [*arguments, *config.extra_arguments]

    def _kernel_arguments(self) -> list[str]:
        config = self.config
        if config.kernel is None:
            assert config.initramfs is None and not config.stages and not config.command_line, "nobody gives that to a kernel on a drive"
            return []
        architecture = config.architecture
        append = f"{architecture.kernel_arguments} {config.command_line}"
        if config.stages:
            append += f" crashdump.status_port={architecture.status_port}"
            append += f" crashdump.hold=start,messages-safe,reboot:{STAGE_WAIT_SECONDS}"
        return ["-kernel", str(config.kernel), "-initrd", str(config.initramfs), "-append", append.strip()]

    def _channel_arguments(self, sockets: Path) -> list[str]:
        console = f"file,id=console,path={self.console.path},append=on"
        if self.config.terminal:
            console = f"socket,id=console,path={sockets / 'console'},server=on,wait=off,logfile={self.console.path},logappend=on"
        arguments = ["-chardev", console, "-serial", "chardev:console"]
        for name in ("stages", "agent", "qmp"):
            arguments += ["-chardev", f"socket,id={name},path={sockets / name},server=on,wait=off"]
        arguments += ["-serial", "chardev:stages"]
        arguments += ["-device", "virtserialport,bus=ports.0,chardev=agent,name=org.crashdump.test.0"]
        return [*arguments, "-mon", "chardev=qmp,mode=control"]

    def _write_run_script(self) -> None:
        command = " \\\n\t".join(shlex.quote(word) for word in [*self._common_arguments(), "-serial", "mon:stdio"])
        script = self.directory / "run.sh"
        note = "# Boots the machine of this test by hand: a shell on the terminal, Ctrl-A X ends it."
        script.write_text(f"#!/bin/sh\n{note}\nexec {command}\n")
        script.chmod(0o755)

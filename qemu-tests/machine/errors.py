# SPDX-License-Identifier: GPL-2.0-or-later
# What can go wrong with a test machine. A lost machine is told apart from a failed command: the first says nothing about the product.


class MachineError(Exception):
    """Base of everything that this package raises."""


class LostMachine(MachineError):
    """The machine did not do within its deadline what it was waited for, or QEMU ended. The message holds the tail of the console."""


class GuestRestarted(LostMachine):
    """The machine was reset while an answer of its guest was awaited."""


class CommandFailed(MachineError):
    """A guest command that must succeed did not."""


class QmpError(MachineError):
    """QEMU refused a QMP command."""

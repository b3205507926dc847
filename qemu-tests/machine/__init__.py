# SPDX-License-Identifier: GPL-2.0-or-later
# The test machine: everything that knows QEMU, its disks and the guest lives in this package; tests say what happens, never how.

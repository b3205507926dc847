#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A module of dracut(8), which sets $initdir, $kernel and $moddir. Its images have mode 0600 unless told otherwise.

check() {
	/usr/lib/crashdump/add-early-arming --wanted
}

depends() {
	return 0
}

install() {
	# shellcheck disable=SC2154 # dracut's
	/usr/lib/crashdump/add-early-arming "$kernel" "$initdir"
	# Before udev loads drivers.
	# shellcheck disable=SC2154
	inst_hook pre-udev 00 "$moddir/load-early.sh"
}

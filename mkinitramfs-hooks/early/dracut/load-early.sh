#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Before any driver is loaded, and so before most of what can go wrong. Needs no disk. dracut sources it.
[ ! -e /crashdump/ticket ] || /usr/sbin/crashdump load --early /crashdump

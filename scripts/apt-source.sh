# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced by scripts that take files of any suite of the distribution from the mirror that the machine itself uses. Expects die().

# apt_source TYPE SUITE: a line for apt's sources.list; TYPE is deb or deb-src.
apt_source() {
	mirror=${CRASHDUMP_MIRROR:-$(mirror_for "$2")}
	[ -n "$mirror" ] || die "no mirror for $2 among this machine's apt sources; set CRASHDUMP_MIRROR to one"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	options=
	[ ! -e "$keyring" ] || options=" [signed-by=$keyring]"
	echo "$1$options $mirror $2 main"
}

# mirror_for SUITE: the mirror that this machine already uses for its own release.
mirror_for() {
	case $1 in
	*-security) pattern=-security ;;
	*)
		# shellcheck disable=SC1091 # the machine's own file
		codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
		pattern="^($codename|stable|testing|unstable|sid)\$"
		;;
	esac
	# shellcheck disable=SC2016 # the format is apt's, not the shell's
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v pattern="$pattern" '$2 ~ pattern && $3 == "main" { print $1; exit }'
}

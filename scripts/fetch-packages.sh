# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced by scripts that need packages of any suite and architecture of the distribution: fetches them, verifies their hashes and
# unpacks them into the cache; nothing is installed. What is wanted stands in a table with rows "suite arch package version sha256".
# What stands behind a + in a suite only tells rows apart. Expects $scripts, the path of this folder.

# shellcheck source-path=SCRIPTDIR source=apt-source.sh
. "${scripts:?}/apt-source.sh"

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/crashdump

# package_rows TABLE WANTED ARCH: the rows of a suite, or of a version, with single blanks, so that aligning a table changes no hash.
package_rows() {
	awk -v wanted="$2" -v arch="$3" \
		'!/^#/ && NF == 5 && ($1 == wanted || $4 == wanted) && $2 == arch { $1 = $1; print }' "$1"
}

# fetch_packages KIND ROWS FINISH: sets $result, a directory below $cache/KIND with the content of all packages of the rows. It is named
# after the version of the first and a hash of all rows; it appears when the function FINISH, which runs in it, has returned.
fetch_packages() {
	version=$(echo "$2" | awk 'NR == 1 { print $4 }')
	result=$cache/$1/${version#*:}-$(echo "$2" | sha256sum | cut -c1-16)
	[ ! -d "$result" ] || return 0
	# Only one fetch at a time: tests may be started twice on one machine.
	mkdir -p "$cache/$1"
	exec 9>"$cache/$1/lock"
	flock 9
	[ ! -d "$result" ] || return 0
	work=$(mktemp -d "$cache/$1/.new.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM
	mkdir "$work/tree"
	# A command substitution would hide the failure of a loop that a pipe feeds.
	echo "$2" >"$work/rows"
	while read -r suite arch package version sha256; do
		suite=${suite%%+*}
		fetch_package
		dpkg -x "$work/package.deb" "$work/tree"
	done <"$work/rows"
	(cd "$work/tree" && "$3")
	mv "$work/tree" "$result"
}

# fetch_package: leaves the row's package as $work/package.deb.
fetch_package() {
	# A private apt configuration: foreign suites and architectures never show in the machine's own.
	apt=$cache/apt/$suite-$arch
	mkdir -p "$apt"
	# What is fetched besides, of another kind, may be of the same suite; apt does not wait for another apt.
	exec 8>"$apt/lock"
	flock 8
	if [ ! -d "$work/updated-$suite-$arch" ]; then
		mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
		: >"$apt/status"
		apt_source deb "$suite" >"$apt/sources.list"
		apt_get update >&2 || die "apt-get update failed for $suite $arch"
		mkdir "$work/updated-$suite-$arch"
	fi
	rm -f "$work"/*.deb
	(cd "$work" && apt_get download "$package=$version" >&2) ||
		die "$package $version is not to be had from $suite: pin a newer version in the table"
	exec 8>&-
	mv "$work/$package"_*.deb "$work/package.deb"
	echo "$sha256  $work/package.deb" | sha256sum --check --status || die "$package $version: its sha256 is not the one in the table"
}

apt_get() {
	apt-get -q -o APT::Sandbox::User=root -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" \
		-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Acquire::Languages=none \
		-o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" "$@"
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables of and for the scripts that source it
# Shared by the scripts of this folder: messages, tables, the pinned source files, and what the steps have in common.
# Expects $toolchain, the absolute path of this folder.

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

cache=${XDG_CACHE_HOME:-${HOME:?neither XDG_CACHE_HOME nor HOME is set}/.cache}/crashdump
# What only this folder's scripts know: downloads, products of steps, logs, locks.
toolchain_cache=$cache/toolchain

# table_rows TABLE KEY: the rows of TABLE whose first column is KEY, with single blanks, so that aligning a table changes
# no hash.
table_rows() {
	awk -v key="$2" '$1 == key { $1 = $1; print }' "$toolchain/$1.table"
}

# load_architecture ARCH: sets architecture, architecture_row, target, debian_architecture, runner and target_flags.
load_architecture() {
	architecture=$1
	architecture_row=$(table_rows architectures "$1")
	[ -n "$architecture_row" ] ||
		die "unknown architecture '$1' (known:$(awk '/^[^#]/ { printf " %s", $1 }' "$toolchain/architectures.table"))"
	read -r _ target debian_architecture runner target_flags <<-EOF
		$architecture_row
	EOF
	[ "$runner" != - ] || runner=
	[ "$target_flags" != - ] || target_flags=
}

# The remainder is for the scripts in steps/, which build-sysroot runs in an empty directory (see its run_step).

# unpack NAME [FOLDER]...: unpacks the source package NAME to ./NAME, with the distribution's patches; if folders are
# named, only these and without patches (for packages so large that unpacking all would take longer than building).
unpack() {
	name=$1
	shift
	"$toolchain/fetch" "$name"
	if [ $# -eq 0 ]; then
		description=$(source_file "$name" .dsc)
		dpkg-source --no-check -x "$description" "$name"
	else
		tarball=$(source_file "$name" .orig.tar.xz)
		top=${tarball##*/}
		top=${top%.orig.tar.xz}
		mkdir "$name"
		for folder; do
			set -- "$@" "$top/$folder"
			shift
		done
		tar --extract --file "$tarball" --directory "$name" --strip-components 1 "$@"
	fi
}

# source_file NAME SUFFIX: the path of the downloaded file of NAME that ends in SUFFIX.
source_file() {
	file=$(table_rows sources "$1" | awk -v suffix="$2" \
		'substr($5, length($5) - length(suffix) + 1) == suffix { print $5 }')
	[ -n "$file" ] || die "sources.table has no file *$2 of $1"
	echo "$toolchain_cache/downloads/$file"
}

# What every library is compiled with. A section per function and object lets the linker drop what a program does not
# use; no debug information and no build paths, so that the same inputs give the same bytes.
library_flags() {
	echo "-ffunction-sections -fdata-sections -g0 -ffile-prefix-map=$PWD=."
}

# cmake_library SOURCE_DIR [OPTION]...: configures ./build for a static library of the target.
cmake_library() {
	source_dir=$1
	shift
	# TRY_COMPILE_TARGET_TYPE: nothing can be linked yet. SYSTEM_NAME: a cross build, also where host and target are alike.
	cmake -G Ninja -S "$source_dir" -B build -Wno-dev \
		-DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
		-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${target%%-*}" \
		-DCMAKE_C_COMPILER=clang-16 -DCMAKE_CXX_COMPILER=clang++-16 -DCMAKE_ASM_COMPILER=clang-16 \
		-DCMAKE_C_COMPILER_TARGET="$target" -DCMAKE_CXX_COMPILER_TARGET="$target" -DCMAKE_ASM_COMPILER_TARGET="$target" \
		-DCMAKE_AR=/usr/bin/llvm-ar-16 -DCMAKE_RANLIB=/usr/bin/llvm-ranlib-16 -DCMAKE_NM=/usr/bin/llvm-nm-16 \
		"$@"
}

# configure_library SOURCE_DIR FLAGS [OPTION]...: runs an autoconf configure script for a static library of the target.
configure_library() {
	source_dir=$1
	flags=$2
	shift 2
	mkdir build
	# /bin/sh: left to itself, configure takes bash, and every call of libtool as well, at twice the time.
	(cd build && CONFIG_SHELL=/bin/sh /bin/sh "../$source_dir/configure" --host="$target" --prefix=/usr \
		--disable-shared --enable-static --disable-dependency-tracking "$@" \
		CC="clang-16 --config=$sysroot/c.cfg" CFLAGS="$flags" \
		AR=llvm-ar-16 RANLIB=llvm-ranlib-16 NM=llvm-nm-16 STRIP=llvm-strip-16 PKG_CONFIG=false)
}

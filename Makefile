# SPDX-License-Identifier: GPL-2.0-or-later
# The whole build. `make help` lists what it can do.
# Output goes below build/<arch>-<mode>/ only; what is costly to make is cached in ${XDG_CACHE_HOME:-~/.cache}/crashdump.

# The architecture the static programs are built for (a row of toolchain/architectures.table).
ARCH ?= x86_64
# The kernel that `make initramfs` is for: a suite of qemu-tests/kernels.table, or `dedicated`, the one of kernel-configs/.
# No package of the distribution has a kernel for big-endian ppc64.
KERNEL ?= $(if $(filter ppc64,$(ARCH)),dedicated,bookworm)
# V=1 shows the commands.
V ?= 0
# How long `make fuzz` runs each fuzzer, and which (all).
FUZZ_SECONDS ?= 60
FUZZERS_TO_RUN ?=
# Which bugs `make test-mutants` tries (all).
MUTANTS ?=
# What `make initramfs` packs besides: drivers, such as MODULES="i8042 atkbd", and drivers for the display, such as
# DISPLAY_MODULES="bochs".
MODULES ?=
DISPLAY_MODULES ?=
# Further arguments for pytest in `make qemu-tests`, such as PYTEST="-k swap".
PYTEST ?=
# What `make bench` measures: the vmcore (default: the test vmcore bookworm-4g), rounds, compressing threads, dump level.
VMCORE ?=
RUNS ?= 7
THREADS ?= 1
LEVEL ?= 31
# What `make footprint` measures (that of x86_64): names of qemu-tests/footprint --help, after `make guests` for the others.
MACHINES ?=
# The root that `make install` installs below; empty for the running system. Programs, units and pages go below its PREFIX.
DESTDIR ?=
PREFIX ?= /usr
# What starts the machine: systemd, openrc or sysv.
INIT ?= systemd

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/crashdump
Q := $(if $(filter 1,$(V)),,@)
SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# All processors work, without -j being asked for. What this make starts for another architecture shares them.
ifndef SHARES_JOBS
MAKEFLAGS += -j$(shell nproc)
endif

export CCACHE_DIR := $(CACHE)/ccache
# A clone elsewhere finds what this one compiled: paths are relative to the checkout.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
CXX := ccache clang++-16
export LC_ALL := C

ARCHITECTURES := $(shell awk '/^[^#]/ { print $$1 }' toolchain/architectures.table)
# That of this machine: what uses its libraries is for no other.
HOST := $(shell uname -m)
# The distribution's name of the architecture, as its kernel packages have it.
DEBIAN_ARCH := $(patsubst x86_64,amd64,$(patsubst ppc64le,ppc64el,$(ARCH)))

# What is made of other architectures is made by a make each, which knows only its own.
# $(1) is the architecture, $(2) its goals.
MAKE_FOR = +$(Q)$(MAKE) --no-print-directory SHARES_JOBS=1 ARCH=$(1) $(2)
OTHERS := $(filter-out $(ARCH),$(ARCHITECTURES))

# --- flags -----------------------------------------------------------------------------------------------------------
COMMON_FLAGS := -std=c++20 -fno-exceptions -fno-rtti -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I. -g \
	-ffile-compilation-dir=. -pthread
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LIBRARIES := -lzstd -lblkid -lsodium -lz -lqrencode

# Mode by mode, each with a folder build/ARCH-MODE: what it is for, its compiler flags and its link flags.
MODES := static static-test host asan fuzz coverage
# static: what is shipped: musl, libc++, no localization.
FLAGS_static = --config $(SYSROOT)/program.cfg -O2 -ffunction-sections -fdata-sections
LINK_static = -Wl,--gc-sections -Wl,--icf=safe $(LIBRARIES)
# Init does little, in memory that is scarce.
SMALL := capture/init/% capture/screen/%
SMALL_static := -Os
# static-test: the unit tests as static musl programs (GoogleTest needs the libc++ with localization).
FLAGS_static-test = --config $(SYSROOT)/test.cfg -O1
LINK_static-test = -lgtest -lgtest_main $(LIBRARIES)
# host: the distribution's libraries, for quick unit tests.
FLAGS_host := -O1
LINK_host := -lgtest -lgtest_main $(LIBRARIES)
# asan, fuzz: the same with sanitizers, which do not exist for static musl.
FLAGS_asan := -O1 $(SANITIZE)
LINK_asan := -lgtest -lgtest_main $(LIBRARIES)
FLAGS_fuzz := -O1 $(SANITIZE) -fsanitize=fuzzer-no-link
LINK_fuzz := -fsanitize=fuzzer $(LIBRARIES)
# coverage: what the fuzzers' inputs reach.
FLAGS_coverage := -O1 -fprofile-instr-generate -fcoverage-mapping
LINK_coverage := -fsanitize=fuzzer $(LIBRARIES)

# --- sources ---------------------------------------------------------------------------------------------------------
SOURCE_FOLDERS := common/base common/crypto common/format common/vmcore common/storage common/options common/testing \
	capture/init capture/screen capture/writer loader recover cli cli/testing
ALL := $(sort $(foreach folder,$(SOURCE_FOLDERS),$(wildcard $(folder)/*.cc)))
TESTS := $(filter %_test.cc,$(ALL))
FUZZERS := $(filter %_fuzzer.cc,$(ALL))
MAINS := $(filter %/main.cc,$(ALL))
LIBFUZZER := common/testing/libfuzzer.cc
TESTING := $(filter-out $(LIBFUZZER) %_test.cc,$(filter common/testing/%,$(ALL)))
CLI_TESTING := $(filter cli/testing/%,$(ALL))
# Defines calls of the C library: linked before whatever asks for them, or a static library would have given its own.
INTERPOSING := common/testing/system_calls.cc
WRAP := -Wl,--wrap=aligned_alloc
PARTS := $(filter-out $(TESTS) $(FUZZERS) $(MAINS) $(TESTING) $(CLI_TESTING) $(LIBFUZZER),$(ALL))
COMMON := $(filter common/%,$(PARTS))

PROGRAMS := crashdump-init crashdump-capture crashdump
SOURCES_crashdump-init := $(filter capture/init/% capture/screen/%,$(PARTS) $(MAINS)) $(filter common/base/% common/options/%,$(PARTS))
SOURCES_crashdump-capture := $(filter capture/writer/%,$(PARTS) $(MAINS)) $(COMMON)
SOURCES_crashdump := $(filter-out capture/init/% capture/screen/%,$(PARTS)) $(filter cli/main.cc,$(MAINS))

# --- compile and link, once per mode -----------------------------------------------------------------------------------
# What tests hold fits into memory on every machine: there, to write conversions of sizes down says nothing.
CONVERSIONS_i386 := -Wno-shorten-64-to-32
FOR_TESTS = $(if $(filter $(TESTS) $(FUZZERS) $(TESTING) $(CLI_TESTING),$(1)),$(CONVERSIONS_$(ARCH)))

OUT = build/$(if $(filter static%,$(1)),$(ARCH),$(HOST))-$(1)

# $(1) is the mode. A changed flag changes the flags file and so rebuilds.
define MODE_RULES
$(OUT)/flags: FORCE | build/packages-build
	@mkdir -p $$(@D)
	@echo '$$(COMMON_FLAGS) $$(FLAGS_$(1)) $$(SMALL_$(1)) $$(LINK_$(1))' | cmp -s - $$@ || \
		echo '$$(COMMON_FLAGS) $$(FLAGS_$(1)) $$(SMALL_$(1)) $$(LINK_$(1))' > $$@

$(OUT)/%.o: %.cc $(OUT)/flags
	@mkdir -p $$(@D)
	@[ $(V) = 1 ] || echo "  compile $(1) $$<"
	$(Q)$(CXX) $$(COMMON_FLAGS) $$(FLAGS_$(1)) $$(if $$(filter $(SMALL),$$<),$$(SMALL_$(1))) $$(call FOR_TESTS,$$<) -MMD -MP -c -o $$@ $$<

$(OUT)/unit-tests: $$(patsubst %.cc,$(OUT)/%.o,$(INTERPOSING) $(TESTS) $(FUZZERS) $(TESTING) $(CLI_TESTING) $(PARTS))
	@[ $(V) = 1 ] || echo "  link $$@"
	$(Q)clang++-16 -Wno-unused-command-line-argument $$(COMMON_FLAGS) $$(FLAGS_$(1)) -o $$@ $$(filter %.o,$$^) $(WRAP) $$(LINK_$(1))

-include $$(patsubst %.cc,$(OUT)/%.d,$(ALL))
endef
$(foreach mode,$(MODES),$(eval $(call MODE_RULES,$(mode))))

# $(1) is the mode, $(2) the program.
define PROGRAM_RULES
$(OUT)/$(2): $$(patsubst %.cc,$(OUT)/%.o,$(SOURCES_$(2)))
	@[ $(V) = 1 ] || echo "  link $$@"
	$(Q)clang++-16 -Wno-unused-command-line-argument $$(COMMON_FLAGS) $$(FLAGS_$(1)) -o $$@.debug $$(filter %.o,$$^) $$(filter-out -lgtest%,$$(LINK_$(1)))
	$(Q)llvm-strip-16 -o $$@ $$@.debug
endef
$(foreach mode,static host,$(foreach program,$(PROGRAMS),$(eval $(call PROGRAM_RULES,$(mode),$(program)))))

# $(1) is the mode, $(2) the fuzzer's source without .cc.
define FUZZER_RULES
$(OUT)/$(notdir $(2)): $$(patsubst %.cc,$(OUT)/%.o,$(2).cc $(LIBFUZZER) $(TESTING) $(sort $(COMMON) $(filter $(firstword $(subst /, ,$(2)))/%,$(PARTS))))
	@[ $(V) = 1 ] || echo "  link $$@"
	$(Q)clang++-16 -Wno-unused-command-line-argument $$(COMMON_FLAGS) $$(FLAGS_$(1)) -o $$@ $$(filter %.o,$$^) $(WRAP) $$(LINK_$(1))
endef
$(foreach mode,fuzz coverage,$(foreach fuzzer,$(FUZZERS:.cc=),$(eval $(call FUZZER_RULES,$(mode),$(fuzzer)))))

# --- what the build needs ----------------------------------------------------------------------------------------------
build/packages-%: toolchain/install-packages toolchain/packages.table
	@mkdir -p build
	$(Q)toolchain/install-packages $*
	@touch $@

# One installer at a time.
build/packages-test: | build/packages-build
build/packages-kernel: | build/packages-build build/packages-test
build/packages-deb: | build/packages-build build/packages-test build/packages-kernel

# The sysroot's path; making it builds the sysroot if the cache has none. Included only where a goal needs it.
build/sysroot-%.mk: $(shell find toolchain busybox-config -type f) | build/packages-build
	$(Q)sysroot=$$(toolchain/build-sysroot $*) && echo "SYSROOT := $$sysroot" > $@

NEEDS_SYSROOT := all all-archs static initramfs footprint test test-archs slow-tests test-faults qemu-tests pictures crash-check demo bench install deb build/%
ifneq ($(filter $(NEEDS_SYSROOT),$(or $(MAKECMDGOALS),all)),)
include build/sysroot-$(ARCH).mk
endif

.PHONY: FORCE all all-archs test-all test-archs slow-tests $(OTHERS:%=all-%) $(OTHERS:%=unit-tests-%) static host check unit lint format asan fuzz test test-faults test-mutants qemu-tests pictures vmcores crash-check demo bench initramfs kernel footprint install clean help
FORCE:

## all: the static programs (what is shipped)
all: static
static: $(addprefix build/$(ARCH)-static/,$(PROGRAMS))

## host: the programs with the distribution's libraries, for debugging
host: $(addprefix build/$(HOST)-host/,$(PROGRAMS))

## test-faults: every fault of disks, state files, kills and power cuts in the life of a machine of fakes, then a hundred in virtual machines; counted
test-faults: build/$(HOST)-host/unit-tests build/packages-test static initramfs
	$(Q)CRASHDUMP_FAULTS=all $< --gtest_brief=1 --gtest_filter='FaultInjectionTest.*'
	$(Q)qemu-tests/run -m fault

## test-mutants: bugs put into the sources one by one, each of which tests or fuzzers must find; MUTANTS="fuzz-*" selects
test-mutants: build/packages-build build/packages-test
	$(Q)scripts/test-mutants $(foreach mutant,$(MUTANTS),'$(mutant)')

## lint: format, include arrows, shellcheck, clang-tidy
lint: | build/packages-build
	$(Q)scripts/lint $(COMMON_FLAGS)

## format: rewrites the sources as lint wants them
format: | build/packages-build
	$(Q)git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-16 -i

RESULTS := build/test-results
# A recipe that goes on after a failed suite: the counts decide at the end. $(1) is ARCH-MODE.
RUN_UNIT = scripts/run-unit-tests $(1) $(RESULTS) || true

## check: unit tests and lint, the quick round
check: build/$(HOST)-host/unit-tests
	$(Q)scripts/run-suite $(RESULTS)/lint.xml lint scripts/lint $(COMMON_FLAGS) || true
	$(Q)$(call RUN_UNIT,$(HOST)-host)
	$(Q)scripts/count-results $(RESULTS)/lint.xml $(RESULTS)/unit-$(HOST)-host.*.xml

## unit: unit tests only; FILTER=Pattern selects
unit: build/$(HOST)-host/unit-tests
	$(Q)$< --gtest_brief=1 $(if $(FILTER),--gtest_filter='$(FILTER)')

## asan: unit tests with the address and undefined-behaviour sanitizers
asan: build/$(HOST)-asan/unit-tests
	$(Q)$< --gtest_brief=1

## fuzz: every fuzzer for FUZZ_SECONDS, and the lines that its inputs reach; FUZZERS_TO_RUN="stamp elf" selects
fuzz: $(foreach mode,fuzz coverage,$(addprefix build/$(HOST)-$(mode)/,$(notdir $(FUZZERS:.cc=))))
	$(Q)scripts/fuzz --seconds $(FUZZ_SECONDS) $(FUZZERS_TO_RUN)

# The root of a kernel: a package of the distribution's, unpacked and never installed, or one that is built here.
KERNEL_ROOT = $(if $(filter dedicated,$(1)),kernel-configs/build-kernel $(ARCH),qemu-tests/fetch-kernel $(1) $(DEBIAN_ARCH))

PACKED = $(MODULES:%=--module %) $(DISPLAY_MODULES:%=--display %)
# Changes with them.
build/packed-modules: FORCE
	@mkdir -p $(@D)
	@echo '$(PACKED)' | cmp -s - $@ || echo '$(PACKED)' > $@

# The initramfs holds the kernel's storage modules.
build/initramfs-$(ARCH)-%.img: static build/packed-modules $(wildcard mkinitramfs-hooks/* kernel-configs/*) qemu-tests/kernels.table
	$(Q)root=$$($(call KERNEL_ROOT,$*)) && sysroot=$$(toolchain/build-sysroot $(ARCH)) && \
		version=$$(cat "$$root"/release) && mkinitramfs-hooks/mkcrashinitramfs --kernel "$$version" --root "$$root" \
		--init build/$(ARCH)-static/crashdump-init --capture build/$(ARCH)-static/crashdump-capture \
		--busybox "$$sysroot"/bin/busybox $(PACKED) -o $@

## initramfs: the capture initramfs for a kernel, KERNEL=SUITE of the distribution's or KERNEL=dedicated
initramfs: build/initramfs-$(ARCH)-$(KERNEL).img

## all-archs: the static programs of every architecture
all-archs: all $(OTHERS:%=all-%)
$(OTHERS:%=all-%): all-%: | build/packages-build
	$(call MAKE_FOR,$*,all)

## guests: what tests in machines of other architectures need: programs, and an initramfs for each kernel
GUESTS := $(filter-out $(ARCH),i386 ppc64le ppc64)
GUEST_KERNELS_i386 := bookworm bookworm+pae dedicated
GUEST_KERNELS_ppc64le := bookworm trixie dedicated
GUEST_KERNELS_ppc64 := dedicated
.PHONY: guests $(GUESTS:%=guests-%)
guests: $(GUESTS:%=guests-%)
$(GUESTS:%=guests-%): guests-%: | build/packages-build
	$(call MAKE_FOR,$*,$(GUEST_KERNELS_$*:%=build/initramfs-$*-%.img))

build/initramfs-$(ARCH)-dedicated.img: | build/packages-kernel

## kernel: the dedicated capture kernel of ARCH, into the cache (minutes); prints where
kernel: build/packages-kernel
	$(Q)kernel-configs/build-kernel $(ARCH)

## footprint: how small crashkernel= may be, with the dedicated and the distribution's kernel, and for kdump-tools, by crashing at many sizes; a table; MACHINES="i386-dedicated ppc64le" selects, after make guests
footprint: build/packages-test static initramfs build/initramfs-$(ARCH)-dedicated.img
	$(Q)qemu-tests/footprint $(MACHINES)

## qemu-tests: crashes in virtual machines; PYTEST="-k name" selects
qemu-tests: build/packages-test static initramfs build/initramfs-$(ARCH)-dedicated.img
	$(Q)qemu-tests/run $(PYTEST)

## pictures: those of docs/pictures, which the README shows, from machines that crash
pictures: build/packages-test static initramfs build/initramfs-$(ARCH)-dedicated.img
	$(Q)mkdir -p docs/pictures
	$(Q)CRASHDUMP_PICTURES=$(CURDIR)/docs/pictures qemu-tests/run test_screen.py -m '' -k 'dedicated or bochs'

## crash-check: crash, with the kernel's debug information (0.8 GiB to fetch), on exported vmcores
crash-check: build/packages-test static
	$(Q)qemu-tests/run crash_check.py

## vmcores: the test vmcores of every kernel, into the cache (minutes for each); the kernels, too
vmcores: build/packages-test build/packages-kernel
	$(Q)qemu-tests/make-vmcore

## demo: one crash from end to end in a virtual machine, to look at
demo: build/packages-test static initramfs
	$(Q)qemu-tests/demo

## bench: this program and makedumpfile on one vmcore, VMCORE=FILE RUNS=N THREADS=N LEVEL=D; a table, and a plot below build/bench/
bench: build/packages-test static
	$(Q)bench/run $(VMCORE) --runs $(RUNS) --threads $(THREADS) --level $(LEVEL)

# What is installed calls programs by where they are. $(1) is the mode, $(2) the file, $(3) the place.
INSTALL_TEXT = install -D -m $(1) $(2) $(DESTDIR)$(3) && \
	sed -i 's,/usr/\(sbin/crashdump\|sbin/mkcrashinitramfs\|lib/crashdump\),$(PREFIX)/\1,g' $(DESTDIR)$(3)
# Below /usr are the hooks of packages; elsewhere kernel-install and mkinitcpio look among those of the administrator only.
HOOKS := $(if $(filter /usr,$(PREFIX)),/usr/lib,/etc)

# What arms a machine from the initramfs of its system. dracut looks for modules below /usr only.
EARLY := mkinitramfs-hooks/early
TOOLS := $(if $(filter /usr,$(PREFIX)),/usr/share,/etc)/initramfs-tools

.PHONY: install-systemd install-openrc install-sysv
install-systemd: static
	$(Q)$(call INSTALL_TEXT,755,packaging/systemd/recover-at-boot,$(PREFIX)/lib/crashdump/recover-at-boot)
	$(Q)$(foreach unit,$(notdir $(wildcard packaging/systemd/*.service)),$(call \
		INSTALL_TEXT,644,packaging/systemd/$(unit),$(PREFIX)/lib/systemd/system/$(unit)) &&) true
	$(Q)$(call INSTALL_TEXT,644,packaging/systemd/swap.conf,$(PREFIX)/lib/systemd/system/swap.d/crashdump.conf)
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/udev/rules.d packaging/udev/90-crashdump.rules
install-openrc install-sysv: install-%: static
	$(Q)$(call INSTALL_TEXT,755,packaging/$*/crashdump,/etc/init.d/crashdump)

## install: what the machine needs, below DESTDIR and there below PREFIX=/usr; INIT=systemd, openrc or sysv
install: static install-$(INIT)
	$(Q)install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin build/$(ARCH)-static/crashdump
	$(Q)install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/crashdump build/$(ARCH)-static/crashdump-init \
		build/$(ARCH)-static/crashdump-capture $(SYSROOT)/bin/busybox
	$(Q)$(call INSTALL_TEXT,755,mkinitramfs-hooks/mkcrashinitramfs,$(PREFIX)/sbin/mkcrashinitramfs)
	$(Q)$(call INSTALL_TEXT,755,mkinitramfs-hooks/update-capture-initramfs,$(PREFIX)/lib/crashdump/update-capture-initramfs)
	$(Q)$(call INSTALL_TEXT,755,mkinitramfs-hooks/kernel-postinst,/etc/kernel/postinst.d/zz-crashdump)
	$(Q)$(call INSTALL_TEXT,755,mkinitramfs-hooks/kernel-postrm,/etc/kernel/postrm.d/zz-crashdump)
	$(Q)$(call INSTALL_TEXT,755,mkinitramfs-hooks/kernel-install,$(HOOKS)/kernel/install.d/90-crashdump.install)
	$(Q)$(call INSTALL_TEXT,755,mkinitramfs-hooks/mkinitcpio-post,$(HOOKS)/initcpio/post/crashdump)
	$(Q)$(call INSTALL_TEXT,755,$(EARLY)/add-early-arming,$(PREFIX)/lib/crashdump/add-early-arming)
	$(Q)$(call INSTALL_TEXT,755,$(EARLY)/initramfs-tools/hook,$(TOOLS)/hooks/crashdump)
	$(Q)$(call INSTALL_TEXT,755,$(EARLY)/initramfs-tools/script,$(TOOLS)/scripts/init-top/crashdump)
	$(Q)$(call INSTALL_TEXT,644,$(EARLY)/initramfs-tools/conf-hook,$(TOOLS)/$(if $(filter /usr,$(PREFIX)),conf-hooks.d,conf.d)/crashdump)
	$(Q)$(foreach part,module-setup.sh load-early.sh,$(call \
		INSTALL_TEXT,755,$(EARLY)/dracut/$(part),/usr/lib/dracut/modules.d/01crashdump/$(part)) &&) true
	$(Q)$(call INSTALL_TEXT,644,$(EARLY)/mkinitcpio/install,$(HOOKS)/initcpio/install/crashdump)
	$(Q)$(call INSTALL_TEXT,644,$(EARLY)/mkinitcpio/hook,$(HOOKS)/initcpio/hooks/crashdump)
	$(Q)install -D -m 644 packaging/systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/crashdump.conf
	$(Q)$(foreach page,$(notdir $(wildcard packaging/man/*)),$(call \
		INSTALL_TEXT,644,packaging/man/$(page),$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(page)) &&) true
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions packaging/bash-completion/crashdump
	$(Q)$(if $(wildcard $(DESTDIR)/etc/crashdump.conf),,$(call INSTALL_TEXT,644,packaging/crashdump.conf,/etc/crashdump.conf))
	$(Q)[ -d $(DESTDIR)/etc/crashdump/recovered.d ] || install -d -m 755 $(DESTDIR)/etc/crashdump/recovered.d
	$(Q)install -d -m 700 $(addprefix $(DESTDIR)/var/lib/crashdump,/ /keys /regions /remembered)
	# Where users may have been first, `recover` makes them.
	$(Q)$(if $(DESTDIR),install -d -m 700 $(addprefix $(DESTDIR)/var/crash/kernel,/ /dumps))

VERSION := $(shell sed -n 's/.*kProgramVersion = "\(.*\)";/\1/p' capture/writer/version.h)
DEB := build/crashdump_$(VERSION)_$(DEBIAN_ARCH).deb

## deb: a package for Debian, of ARCH; prints where it is
.PHONY: deb
deb: static | build/packages-deb
	$(Q)head -n 1 packaging/debian/changelog | grep -qF 'crashdump ($(VERSION))' || \
		{ echo "packaging/debian/changelog: the first entry is not that of $(VERSION)" >&2; exit 1; }
	$(Q)rm -rf build/deb-$(ARCH) && mkdir -p build/deb-$(ARCH)/tree && cp -r packaging/debian build/deb-$(ARCH)/tree/debian
	$(Q)cd build/deb-$(ARCH)/tree && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL CRASHDUMP_SOURCE=$(CURDIR) CRASHDUMP_ARCH=$(ARCH) \
		CRASHDUMP_CACHE=$(patsubst %/crashdump,%,$(CACHE)) dpkg-buildpackage --build=binary --no-sign --no-check-builddeps \
		--host-arch=$(DEBIAN_ARCH) >../log 2>&1 || { cat ../log >&2; exit 1; }
	$(Q)mv build/deb-$(ARCH)/$(notdir $(DEB)) $(DEB)
	@echo $(DEB)

PYTHON_TESTS := $(wildcard kernel-configs/test_*.py mkinitramfs-hooks/test_*.py packaging/test_*.py scripts/test_*.py bench/test_*.py)

$(OTHERS:%=unit-tests-%): unit-tests-%: | build/packages-build
	$(call MAKE_FOR,$*,build/$*-static-test/unit-tests)

## test-archs: the unit tests of every architecture, as static programs, most under an emulator, and whether each reads what the others write; counted
test-archs: build/packages-test all-archs build/$(ARCH)-static-test/unit-tests $(OTHERS:%=unit-tests-%)
	$(Q)$(foreach each,$(ARCHITECTURES),echo '$(each):'; $(call RUN_UNIT,$(each)-static-test);)
	$(Q)scripts/run-suite $(RESULTS)/architectures.xml architectures scripts/check-architectures $(ARCHITECTURES) || true
	$(Q)scripts/count-results $(ARCHITECTURES:%=$(RESULTS)/unit-%-static-test.*.xml) $(RESULTS)/architectures.xml

## test: everything; what must pass before anything lands
test: build/packages-test build/packages-deb static initramfs build/initramfs-$(ARCH)-dedicated.img build/$(HOST)-asan/unit-tests
	$(Q)rm -rf $(RESULTS); mkdir -p $(RESULTS)
	$(Q)scripts/run-suite $(RESULTS)/lint.xml lint scripts/lint --quick $(COMMON_FLAGS) || true
	$(Q)$(call RUN_UNIT,$(HOST)-asan)
	$(Q)/usr/bin/python3 -m pytest -q -p no:cacheprovider --junit-xml=$(RESULTS)/python.xml $(PYTHON_TESTS) || true
	$(Q)qemu-tests/run --junit-xml=$(CURDIR)/$(RESULTS)/qemu.xml || true
	$(Q)scripts/count-results $(patsubst %,$(RESULTS)/%.xml,lint unit-$(HOST)-asan.* python qemu)

# One after the other, and all of them, whatever failed before: each prints its counts.
EVERYTHING := lint test test-archs guests slow-tests test-faults test-mutants
slow-tests: PYTEST = -m slow
slow-tests: qemu-tests

## test-all: test, and what takes too long for it: every architecture's unit tests, the crashes in virtual machines that take minutes each or have another architecture, all faults, all mutants (hours)
test-all:
	+$(Q)failed=; for each in $(EVERYTHING); do $(MAKE) --no-print-directory $$each || failed="$$failed $$each"; done; \
		[ -z "$$failed" ] || { echo "test-all: failed:$$failed" >&2; exit 1; }

clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## /  /p' $(MAKEFILE_LIST) | sort

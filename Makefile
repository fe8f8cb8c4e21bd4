# SPDX-License-Identifier: MIT
# The front door; the build itself is Meson's. Every target installs, by name, the Debian packages it
# lacks (as root or with sudo), and each has a list of its own.

BUILD_PACKAGES := gcc libc6-dev binutils meson ninja-build pkg-config libpcap-dev libjansson-dev \
	libhttp-parser-dev
TEST_PACKAGES := $(BUILD_PACKAGES) libcmocka-dev
DEMO_PACKAGES := $(BUILD_PACKAGES) iproute2 iputils-ping netcat-openbsd curl
BENCH_PACKAGES := $(BUILD_PACKAGES) valgrind
FUZZ_PACKAGES := $(BUILD_PACKAGES) clang libclang-rt-14-dev
COVERAGE_PACKAGES := $(TEST_PACKAGES) gcovr

PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 600

NEED := tools/need.sh
SETUP = test -e $(1)/build.ninja || meson setup $(1) $(2) >$(1).log 2>&1 || { cat $(1).log; exit 1; }

all:
	@$(NEED) "building" $(BUILD_PACKAGES)
	@$(call SETUP,build,-Dprefix=$(PREFIX))
	ninja -C build

# weir's main job on this machine: see README.
demo:
	@$(NEED) "the demo" $(DEMO_PACKAGES)
	@$(MAKE) --no-print-directory all
	tools/demo.sh build/weir

test:
	@$(NEED) "testing" $(TEST_PACKAGES)
	@$(call SETUP,build-test,-Dwerror=true -Dbuildtype=debugoptimized -Dtests=enabled)
	ninja -C build-test
	meson test -C build-test --no-rebuild --print-errorlogs --no-suite heavy

bench:
	@$(NEED) "measuring" $(BENCH_PACKAGES)
	@$(MAKE) --no-print-directory all
	tools/bench.sh build

fuzz:
	@$(NEED) "fuzzing" $(FUZZ_PACKAGES)
	@CC=clang; export CC; $(call SETUP,build-fuzz,-Dfuzzing=true -Dbuildtype=debugoptimized \
		-Db_sanitize=address$(comma)undefined -Db_lundef=false -Dtests=disabled)
	ninja -C build-fuzz
	tools/fuzz.sh build-fuzz $(FUZZ_SECONDS)

coverage:
	@$(NEED) "coverage" $(COVERAGE_PACKAGES)
	@$(call SETUP,build-coverage,-Db_coverage=true -Dbuildtype=debug -Dtests=enabled)
	ninja -C build-coverage
	@# Some tests run programs with fewer rights, which count too.
	umask 0 && chmod -R a+rwX build-coverage && \
		meson test -C build-coverage --no-rebuild --print-errorlogs
	gcovr -r . --object-directory build-coverage -f src/ -f include/ \
		--html-details build-coverage/coverage.html --print-summary

install: all
	DESTDIR=$(DESTDIR) meson install -C build --no-rebuild

clean:
	rm -rf build build-* build.log

comma := ,
.PHONY: all demo test bench fuzz coverage install clean

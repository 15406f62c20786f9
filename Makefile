# geosluice. `make demo` and `make test` are the two commands to know; see README.md.
#
# One Makefile, no recursion: sources are found by folder, headers by the compiler.
# BUILD=dir builds elsewhere; SAN=1 adds ASan and UBSan (in build-san); V=1 shows the commands.

SAN ?=
BUILD ?= $(if $(SAN),build-san,build)
CC ?= gcc
CXX ?= g++
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)")

PKGS_core     := libprotobuf-c libuv hiredis libcrypto inih libxxhash libzstd zlib
PKGS_server   := libssl
PKGS_pipeline := yajl proj
PKGS_worker   := libseccomp
PKGS_courier  := libcurl
PKGS_cli      := libcurl
PKGS_test     := cmocka
PKGS_all      := $(PKGS_core) $(PKGS_server) $(PKGS_pipeline) $(PKGS_worker) $(PKGS_courier) $(PKGS_cli) $(PKGS_test)

WARN := -Wall -Wextra -Wshadow -Werror
CWARN := -Wstrict-prototypes -Wmissing-prototypes
OPT ?= -O2
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS := $(OPT) -g -ffp-contract=off -fno-math-errno -fstack-protector-strong \
	-D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE -DGEOS_USE_ONLY_R_API \
	-DGS_VERSION='"$(VERSION)"' -I. -I$(BUILD) $(WARN) $(if $(SAN),$(SANFLAGS))
CFLAGS_ALL = -std=c17 $(FLAGS) $(CWARN) $(CFLAGS) $(PKG_CFLAGS)
CXXFLAGS_ALL = -std=c++17 -fno-exceptions -fno-rtti $(FLAGS) $(CXXFLAGS)
LDFLAGS_ALL = $(if $(SAN),$(SANFLAGS)) -Wl,--as-needed $(LDFLAGS)

# Evaluated once, and only when something is compiled: the packages may just have come.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(filter-out $(PKGS_test),$(PKGS_all))))$(PKG_CFLAGS)
libs = $(shell pkg-config --libs $(1))
comma := ,

SRC_core     := $(wildcard lib/*.c schema/*.c)
SRC_pipeline := $(wildcard workers/pipeline/*.c workers/pipeline/*/*.c)
CXX_pipeline := $(wildcard workers/pipeline/*.cc)
SRC_server   := $(wildcard server/*.c)
SRC_worker   := $(wildcard workers/*.c workers/sinks/*.c)
SRC_courier  := $(wildcard workers/courier/*.c)
SRC_cli      := $(wildcard cli/*.c)
SRC_unit     := $(wildcard tests/unit/test_*.c)
SRC_fuzz     := $(wildcard tests/fuzz/fuzz_*.c)
SRC_bench    := $(wildcard tests/bench/*.c)

obj = $(patsubst %.cc,$(BUILD)/%.o,$(patsubst %.c,$(BUILD)/%.o,$(1)))
# A program's objects without its main file, for the unit tests.
lib_of = $(filter-out %/main.o,$(call obj,$(1)))

PROGRAMS := $(addprefix $(BUILD)/,geosluice-server geosluice-worker geosluice-courier geosluice)
TEST_PROGRAMS := $(addprefix $(BUILD)/tests/,geosluice-worker geosluice-courier slow_disk.so)
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(SRC_unit))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(SRC_fuzz))
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(SRC_bench))

all: $(PROGRAMS)

# These goals install what they need before anything is compiled; others compile with what is there.
INSTALLING := $(filter demo test test-faults check-steady check-san check-nomem fuzz lint bench bench-http profile \
	conformance,$(MAKECMDGOALS))
PACKAGES := $(if $(INSTALLING),packages)
packages:
	@tools/install-packages build run test $(subst bench-http,bench,$(filter lint fuzz conformance bench bench-http profile,$(INSTALLING)))

# The chunk message: C from schema/feature.proto.
PROTO := $(BUILD)/schema/feature.pb-c
$(PROTO).c $(PROTO).h &: schema/feature.proto | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,PROTO $<)
	$(Q)protoc-c --c_out=$(BUILD) $<
$(PROTO).o: $(PROTO).c
	$(call say,CC $<)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<
$(BUILD)/schema/chunk_message.o: $(PROTO).h

$(BUILD)/libcore.a: $(call obj,$(SRC_core)) $(PROTO).o
$(BUILD)/libpipeline.a: $(call obj,$(SRC_pipeline) $(CXX_pipeline))
$(BUILD)/libserver.a: $(call lib_of,$(SRC_server))
$(BUILD)/libworker.a: $(call lib_of,$(SRC_worker))
$(BUILD)/libcourier.a: $(call lib_of,$(SRC_courier))
$(BUILD)/libcli.a: $(call lib_of,$(SRC_cli))
$(BUILD)/libfakes.a: $(call obj,$(wildcard tests/fakes/*.c))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/geosluice-server: $(BUILD)/server/main.o $(BUILD)/libserver.a $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_server) $(PKGS_core)) -lpthread -lm

$(BUILD)/geosluice-worker: $(BUILD)/workers/main.o $(BUILD)/libworker.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_worker) $(PKGS_pipeline) $(PKGS_core)) \
		-lgeos_c -lpthread -lm

# A worker whose pipeline obeys features that ask it to crash, to hang and to eat memory, for tests alone.
$(BUILD)/tests/geosluice-worker: $(BUILD)/tests/poison/poison.o $(BUILD)/workers/main.o $(BUILD)/libworker.a \
		$(BUILD)/libpipeline.a $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) -Wl,--wrap=stages_run,--wrap=name_hash -o $@ $^ $(call libs,$(PKGS_worker) $(PKGS_pipeline) $(PKGS_core)) \
		-lgeos_c -lpthread -lm

# A disk whose syncs hang, for a Redis of tests. Redis is not sanitised, so this is not.
$(BUILD)/tests/slow_disk.so: tests/slow_disk/slow_disk.c
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) -std=c17 $(OPT) -D_DEFAULT_SOURCE $(WARN) -fPIC -shared -o $@ $<

$(BUILD)/geosluice-courier: $(BUILD)/workers/courier/main.o $(BUILD)/libcourier.a $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_courier) $(PKGS_core)) -lpthread -lm

# A courier that finds one name as slowly as a test wants, for tests alone.
$(BUILD)/tests/geosluice-courier: $(BUILD)/tests/slow_name/slow_name.o $(BUILD)/workers/courier/main.o $(BUILD)/libcourier.a \
		$(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_courier) $(PKGS_core)) -lpthread -lm

$(BUILD)/geosluice: $(BUILD)/cli/main.o $(BUILD)/libcli.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_cli) $(PKGS_pipeline) $(PKGS_core)) -lgeos_c -lpthread -lm

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libfakes.a $(BUILD)/libserver.a $(BUILD)/libworker.a $(BUILD)/libcourier.a \
		$(BUILD)/libcli.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) $(WRAP) -o $@ $^ $(call libs,$(PKGS_all)) -lgeos_c -lpthread -lm
# It counts the ways that PROJ is asked for.
$(BUILD)/unit/test_pipeline: WRAP = -Wl,--wrap=proj_create_crs_to_crs_from_pj
# It does not wait for what it is to wait for.
$(BUILD)/unit/test_redis_async: WRAP = -Wl,--wrap=loop_timer_start
# One that cannot copy GMAC.
$(BUILD)/unit/test_crypto: WRAP = -Wl,--wrap=EVP_MAC_CTX_dup
# It has no memory for what came of a chunk.
$(BUILD)/unit/test_transform: WRAP = -Wl,--wrap=part_end
# For each connection that is accepted it makes another; and there may be no memory to count addresses in.
$(BUILD)/unit/test_http: WRAP = -Wl,--wrap=accept4,--wrap=peers_new

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_pipeline) $(PKGS_core)) -lgeos_c -lpthread -lm

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libserver.a $(BUILD)/libworker.a $(BUILD)/libcourier.a \
		$(BUILD)/libcli.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(call libs,$(filter-out $(PKGS_test),$(PKGS_all))) -lgeos_c -lpthread -lm

NOMEM := $(call obj,tests/nomem/nomem.c tests/nomem/failing.c tests/nomem/failing_new.cc)
$(BUILD)/tests/nomem/failing_new.o: override CXXFLAGS += -fexceptions
$(BUILD)/nomem: $(NOMEM) $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CXX) $(LDFLAGS_ALL) $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup) -o $@ $^ \
		$(call libs,$(PKGS_pipeline) $(PKGS_core)) -lgeos_c -lpthread -lm

$(BUILD)/tools/%: $(BUILD)/tools/%.o $(BUILD)/libcore.a
	$(call say,LINK $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_core)) -lm

$(BUILD)/%.o: %.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,CXX $<)
	$(Q)$(CXX) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

# Files that an object embeds; the compiler's header search does not see them.
$(BUILD)/schema/scripts.o: $(wildcard schema/*.lua)
$(BUILD)/server/openapi.o: openapi.yaml

# What runs. Debian's own Python: the packages above belong to it.

PYTHON ?= /usr/bin/python3
SCRIPT = BUILD=$(BUILD) $(if $(SAN),GEOSLUICE_SAN=1) $(PYTHON)

demo: $(PROGRAMS)
	@$(SCRIPT) tools/demo $(if $(FILE),"$(FILE)")

test: $(PROGRAMS) $(UNIT) $(TEST_PROGRAMS) check-docs
	@$(SCRIPT) tests/run unit fixtures system

# ASan and UBSan over the unit tests, the fixtures and the system tests that do not measure memory.
check-san: | $(PACKAGES)
	@$(MAKE) --no-print-directory SAN=1 check-san-built
check-san-built: $(PROGRAMS) $(UNIT) $(TEST_PROGRAMS)
	@$(SCRIPT) tests/run unit fixtures system

# Every allocation fails once, under ASan; see tests/nomem/nomem.c.
check-nomem: | $(PACKAGES)
	@$(MAKE) --no-print-directory SAN=1 BUILD=build-nomem nomem-built
nomem-built: $(BUILD)/nomem
	@$<

# Everything breaks while documents come in; see tests/faults/run.py for SEED, FAULT_SECONDS and others. SAN=1: under
# sanitisers.
test-faults: $(PROGRAMS)
	@$(SCRIPT) tests/faults/run.py

# Memory of every program after 100 jobs and after JOBS; see tests/faults/steady.py.
check-steady: $(PROGRAMS)
	@$(SCRIPT) tests/faults/steady.py

FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
fuzz: | $(PACKAGES)
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang CXX=clang++ OPT=-O1 CFLAGS="$(FUZZ_FLAGS)" \
		CXXFLAGS="$(FUZZ_FLAGS)" LDFLAGS="-fsanitize=address,undefined" fuzz-built
fuzz-built: $(FUZZ)
	@$(SCRIPT) tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

lint: | $(PACKAGES)
	@$(SCRIPT) tools/lint

deps: $(PROGRAMS)
	@$(SCRIPT) tools/check-deps

bench: $(PROGRAMS) $(BENCH)
	@$(SCRIPT) tests/bench/run.py "$(wildcard $(CORPUS))"
	@$(SCRIPT) tests/bench/front_door/run.py
	@$(SCRIPT) tests/bench/parallel.py --corpus "$(wildcard $(CORPUS))"

bench-http: $(PROGRAMS)
	@$(SCRIPT) tests/bench/front_door/run.py

# One large collection, one process against two; and a gigabyte. With FILE (TIMES: its features so often) only the
# former, and nothing is written to docs/.
TIMES ?= 1
bench-parallel: $(PROGRAMS)
	@$(SCRIPT) tests/bench/parallel.py $(if $(FILE),"$(FILE)" --times $(TIMES),--corpus "$(wildcard $(CORPUS))")

profile: $(PROGRAMS)
	@$(SCRIPT) tests/bench/profile.py "$(wildcard $(CORPUS))"

CORPUS ?= ../shared/data
conformance: $(PROGRAMS)
	@$(SCRIPT) tests/conformance.py "$(CORPUS)"

# docs/codes.md and docs/settings.md are made from the tables that the programs are made from; the tests that
# docs/security.md names have to be there.
docs: $(BUILD)/tools/print-docs
	$< codes > docs/codes.md
	$< settings > docs/settings.md
check-docs: $(BUILD)/tools/print-docs
	@for d in codes settings; do \
		$< $$d | cmp -s - docs/$$d.md || { echo "docs/$$d.md is out of date: make docs"; exit 1; }; \
	done
	@$(SCRIPT) tools/check-proofs

install: $(PROGRAMS)
	install -d $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/doc/geosluice/,docs docker schema)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	for f in README.md CHANGELOG.md LICENSE openapi.yaml docs/*.md docs/*.svg docker/README.md schema/wire.md; do \
		install -m 644 $$f $(DESTDIR)$(PREFIX)/share/doc/geosluice/$$f || exit 1; \
	done

clean:
	rm -rf build build-san build-fuzz build-nomem

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: bench-parallel all packages demo test test-faults check-steady check-san check-san-built check-nomem nomem-built fuzz fuzz-built lint deps bench bench-http \
	profile conformance docs check-docs install clean
.DELETE_ON_ERROR:
.SECONDARY:

# geosluice. `make demo` and `make test` are the two commands to know; see README.md.
#
# One Makefile, no recursion: sources are found by folder, headers by the compiler.
# BUILD=dir builds elsewhere; SAN=1 adds ASan and UBSan (in build-san).

SAN ?=
BUILD ?= $(if $(SAN),build-san,build)
CC ?= gcc
CXX ?= g++
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)

PKGS_core     := libuv hiredis libcrypto inih libxxhash libzstd
PKGS_server   := libmicrohttpd
PKGS_pipeline := yajl proj
PKGS_courier  := libcurl
PKGS_cli      := libcurl
PKGS_test     := cmocka
PKGS_all      := $(PKGS_core) $(PKGS_server) $(PKGS_pipeline) $(PKGS_courier) $(PKGS_test)

WARN := -Wall -Wextra -Wshadow -Werror
CWARN := -Wstrict-prototypes -Wmissing-prototypes
OPT ?= -O2
FLAGS := $(OPT) -g -ffp-contract=off -fno-math-errno -fstack-protector-strong \
	-D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DGEOS_USE_ONLY_R_API \
	-DGS_VERSION='"$(VERSION)"' -I. $(WARN) $(if $(SAN),$(SANFLAGS))
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_ALL = -std=c17 $(FLAGS) $(CWARN) $(CFLAGS) $(PKG_CFLAGS)
CXXFLAGS_ALL = -std=c++17 -fno-exceptions -fno-rtti $(FLAGS) $(CXXFLAGS)
LDFLAGS_ALL = $(if $(SAN),$(SANFLAGS)) -Wl,--as-needed $(LDFLAGS)

# Evaluated once, and only when something is compiled: the packages may just have come.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS_all)))$(PKG_CFLAGS)
libs = $(shell pkg-config --libs $(1))

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
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(SRC_unit))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(SRC_fuzz))
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(SRC_bench))

all: $(PROGRAMS)

$(BUILD)/libcore.a: $(call obj,$(SRC_core))
$(BUILD)/libpipeline.a: $(call obj,$(SRC_pipeline) $(CXX_pipeline))
$(BUILD)/libserver.a: $(call lib_of,$(SRC_server))
$(BUILD)/libworker.a: $(call lib_of,$(SRC_worker))
$(BUILD)/libcourier.a: $(call lib_of,$(SRC_courier))
$(BUILD)/libcli.a: $(call lib_of,$(SRC_cli))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/geosluice-server: $(BUILD)/server/main.o $(BUILD)/libserver.a $(BUILD)/libcore.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_server) $(PKGS_core)) -lpthread -lm

$(BUILD)/geosluice-worker: $(BUILD)/workers/main.o $(BUILD)/libworker.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_pipeline) $(PKGS_core)) -lgeos_c -lpthread -lm

$(BUILD)/geosluice-courier: $(BUILD)/workers/courier/main.o $(BUILD)/libcourier.a $(BUILD)/libcore.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_courier) $(PKGS_core)) -lpthread -lm

$(BUILD)/geosluice: $(BUILD)/cli/main.o $(BUILD)/libcli.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_cli) $(PKGS_pipeline) $(PKGS_core)) -lgeos_c -lpthread -lm

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libserver.a $(BUILD)/libworker.a $(BUILD)/libcourier.a \
		$(BUILD)/libcli.a $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_all)) -lgeos_c -lpthread -lm

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libpipeline.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PKGS_pipeline) $(PKGS_core)) -lgeos_c -lpthread -lm

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

# Files that an object embeds; the compiler's header search does not see them.
$(BUILD)/schema/scripts.o: $(wildcard schema/*.lua)
$(BUILD)/server/openapi.o: openapi.yaml

clean:
	rm -rf build build-san build-fuzz build-nomem

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all clean
.DELETE_ON_ERROR:
.SECONDARY:

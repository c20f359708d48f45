# ngx_soma: an LLM gateway in one nginx module.
#
#   make run            install what is missing, build, start a gateway on
#                       127.0.0.1:8080, and send it two requests
#   make stop           stop it
#   make build          build/modules/ngx_http_soma_module.so, soma-ledger, soma-route
#   make test           every suite; ends with "N passed, N failed"
#   make bench          bare proxy_pass and the module side by side
#   make storm          every way of passing a budget, and the provider's bill
#   make soak           a million requests: memory stays where it was
#
#   make unit           the plain C; UNIT=NAME for one of t/unit/test_NAME.c
#   make fuzz           libFuzzer; FUZZ=NAME for one, FUZZ_SECONDS=5 for each
#   make test-nginx     t/*.t, t/attack, t/cases; T=t/NAME.t for one (or a few)
#   make test-asan      unit and the same under ASan and UBSan
#   make test-valgrind  unit and the same under valgrind
#   make clients        real SDKs and replayed traffic
#   make matrix         each client's package against each provider's dialect,
#                       MATRIX="--only an:ge --rows tool" for a part of it
#   make router-eval    the router's quality and cost on recorded outcomes
#   make agents         Claude Code and Codex against each provider's dialect
#   make style          the rules that a machine can check
#   make check-clang    clang's warnings too
#   make check-hiredis1 builds with hiredis 1.x and tests Redis with it, TLS too
#   make deps           what build and run need; deps-test: what test needs
#   make clean          all of build/ but the fetched source of nginx
#
# B=DIR builds and tests in DIR instead of build.

B ?= build
FUZZ_SECONDS ?= 5
JOBS ?= 2

BUILD := $(abspath $(B))
TOP := $(CURDIR)
NGX := /usr/share/nginx/src

comma := ,

GCC ?= gcc
CLANG ?= clang

DIRS := base dialect price tokens quota ledger metrics core store fetch \
	identify admit plan attempt settle api edge
YYJSON := $(CURDIR)/build/deps/yyjson
YYJSON_A := $(YYJSON)/libyyjson.a
INCS := $(foreach d,$(DIRS),-Isrc/$(d)) -isystem $(YYJSON)

PLAIN := $(wildcard src/*/soma_*.c)
LEDGER := $(wildcard tools/ledger/*.c)
ROUTE := $(wildcard tools/route/*.c)
GLUE := ngx_soma_module.c $(wildcard src/*/ngx_http_soma_*.c)
HEADERS := $(wildcard src/*/*.h)
LUA := $(wildcard src/*/*.lua)
TESTS := $(patsubst t/unit/test_%.c,%,$(wildcard t/unit/test_*.c))
FUZZERS := $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))

WARN := -Wall -Wextra -Werror
CFLAGS_plain := -std=gnu11 -g -O2 -fPIC $(WARN)
CFLAGS_asan := -std=gnu11 -g -O1 -fno-omit-frame-pointer $(WARN) \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_fuzz := $(CFLAGS_asan) -fsanitize=fuzzer-no-link
LIBS := $(YYJSON_A) -lcrypto -lz -lm

CC_plain := $(GCC)
CC_asan := $(CLANG)
CC_fuzz := $(CLANG)

# Nobody needs to know where a module was built, debuggers least of all
NO_PATHS := -ffile-prefix-map=$(CURDIR)=.

# Debian's own flags, and what is called from
# file to file is put together at the link. Structures of some hundred bytes
# are cleared and copied by libc: gcc's own "rep stos" takes several times as
# long to begin.  -O3 takes 4% less CPU than -O2 for a request of 10 KB: what
# is called once a request is better inlined than fetched from elsewhere.
NGX_MEM := $(if $(filter x86_64,$(shell uname -m)), \
	-mmemset-strategy=unrolled_loop:192:noalign$(comma)libcall:-1:noalign \
	-mmemcpy-strategy=unrolled_loop:128:noalign$(comma)libcall:-1:noalign)
NGX_CC := -g -O3 -flto -fstack-protector-strong -Wformat -Werror=format-security \
	-fPIC -Wdate-time -D_FORTIFY_SOURCE=2 $(NGX_MEM)
NGX_LD := -Wl,-z,relro -Wl,-z,now -fPIC -flto=$(JOBS) $(NGX_MEM)

ASAN_CC := -g -O1 -fno-omit-frame-pointer -fPIC -DNGX_DEBUG_PALLOC=1 \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fsanitize-ignorelist=$(TOP)/tools/sanitize.ignore

.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

.PHONY: all build build-asan build-unit build-unit-asan build-fuzz \
	keep-open ledger ledger-asan route route-asan module module-asan vocabulary deps deps-test \
	deps-source unit fuzz test test-nginx test-asan test-valgrind clients \
	matrix agents router-eval style \
	check-clang check-hiredis1 bench soak chaos storm run stop clean

all: build


# what is needed, and the module

deps:
	@tools/deps build

deps-test:
	@tools/deps test

deps-source:
	@tools/deps source

build: deps
	@$(MAKE) --no-print-directory -j$(JOBS) module ledger route vocabulary

build-asan: deps-test deps-source
	@$(MAKE) --no-print-directory -j$(JOBS) module-asan ledger-asan route-asan

# in the place of the older one, not over it: nginx may run with that

put = cmp -s $(1) $(2)/$(notdir $(1)) || { cp $(1) $(2)/.new \
	&& mv -f $(2)/.new $(2)/$(notdir $(1)); }

module: $(BUILD)/nginx/Makefile
	@$(MAKE) -s --no-print-directory -C $(NGX) -f $(BUILD)/nginx/Makefile modules
	@mkdir -p $(BUILD)/modules
	@$(call put,$(BUILD)/nginx/ngx_http_soma_module.so,$(BUILD)/modules)

$(BUILD)/nginx/Makefile: Makefile config config.make tools/exports.map \
		$(NGX)/conf_flags | $(YYJSON_A)
	@mkdir -p $(BUILD)
	@echo "configuring for nginx in $(NGX)"
	@cd $(NGX) && bash -c '. ./conf_flags && ./configure \
		"$${NGX_CONF_FLAGS[@]}" --with-cc=$(GCC) \
		--with-cc-opt="$(HIREDIS_CC) $(NGX_CC) $(NO_PATHS)" \
		--with-ld-opt="$(HIREDIS_LD) $(NGX_LD) $(NO_PATHS)" \
		--add-dynamic-module=$(TOP) --builddir=$(BUILD)/nginx' \
		>$(BUILD)/configure.log 2>&1 \
		|| { tail -5 $(BUILD)/configure.log; rm -f $@; exit 1; }
	@touch $@

$(YYJSON_A):
	@tools/deps yyjson

# nginx itself is built once; the module is configured anew with its config

ASAN_CONFIGURE = cd $(TOP)/build/deps/nginx && bash -c '. $(NGX)/conf_flags \
	&& ./configure "$${NGX_CONF_FLAGS[@]}" --with-cc=$(CLANG) \
	--with-cc-opt="$(ASAN_CC)" \
	--with-ld-opt="-fsanitize=address,undefined" $(1)' \
	>$(BUILD)/asan/configure.log 2>&1 \
	|| { tail -5 $(BUILD)/asan/configure.log; rm -f $@; exit 1; }

module-asan: $(BUILD)/asan/core/nginx $(BUILD)/asan/nginx/Makefile
	@$(MAKE) -s --no-print-directory -C $(TOP)/build/deps/nginx \
		-f $(BUILD)/asan/nginx/Makefile modules
	@mkdir -p $(BUILD)/asan/modules
	@$(call put,$(BUILD)/asan/nginx/ngx_http_soma_module.so,$(BUILD)/asan/modules)

$(BUILD)/asan/core/nginx: tools/sanitize.ignore $(NGX)/conf_flags
	@mkdir -p $(BUILD)/asan
	@echo "building nginx with ASan and UBSan"
	@$(call ASAN_CONFIGURE,--builddir=$(BUILD)/asan/core)
	@$(MAKE) -s --no-print-directory -C $(TOP)/build/deps/nginx \
		-f $(BUILD)/asan/core/Makefile binary

$(BUILD)/asan/nginx/Makefile: config config.make tools/exports.map \
		tools/sanitize.ignore | $(BUILD)/asan/core/nginx $(YYJSON_A)
	@$(call ASAN_CONFIGURE,--add-dynamic-module=$(TOP) \
		--builddir=$(BUILD)/asan/nginx)
	@touch $@


# vocabularies, of the packages that tools/deps could get

VOCABULARIES := $(patsubst build/deps/vocabulary/%.js,\
	$(BUILD)/share/soma/%.soma,$(wildcard build/deps/vocabulary/*.js))

VOCAB_SRC := tools/vocab.c $(wildcard src/tokens/soma_bpe*.c) \
	src/base/soma_str.c src/base/soma_number.c

vocabulary: $(VOCABULARIES)

$(BUILD)/vocab: $(VOCAB_SRC) $(wildcard src/tokens/soma_bpe*.h)
	@mkdir -p $(@D)
	$(GCC) $(CFLAGS_plain) $(INCS) $(VOCAB_SRC) -lcrypto -lz -o $@

$(BUILD)/share/soma/%.soma: build/deps/vocabulary/%.js $(BUILD)/vocab
	@mkdir -p $(@D)
	$(BUILD)/vocab $* $< $@


# the plain C without nginx: one archive a flavour, and its programs

# scripts that run in Redis, as strings; nginx's build does so by config.make

$(BUILD)/soma_lua.c: $(LUA) tools/lua
	@mkdir -p $(@D)
	@tools/lua $(LUA) >$@

define flavour
$(BUILD)/$(1)/soma_lua.o: $(BUILD)/soma_lua.c
	@mkdir -p $$(@D)
	$(CC_$(1)) $(CFLAGS_$(1)) -c $$< -o $$@

$(BUILD)/$(1)/%.o: src/%.c | $(YYJSON_A)
	@mkdir -p $$(@D)
	$(CC_$(1)) $(CFLAGS_$(1)) $(INCS) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/libsoma.a: $(PLAIN:src/%.c=$(BUILD)/$(1)/%.o) \
		$(BUILD)/$(1)/soma_lua.o
	@rm -f $$@
	ar rcs $$@ $$^

-include $(PLAIN:src/%.c=$(BUILD)/$(1)/%.d)
-include $(wildcard $(BUILD)/$(1)/*.d)
endef

$(foreach f,plain asan fuzz,$(eval $(call flavour,$(f))))

define program
$(BUILD)/$(1)/test_%: t/unit/test_%.c $(BUILD)/$(1)/libsoma.a
	@mkdir -p $$(@D)
	$(CC_$(1)) $(CFLAGS_$(1)) $(INCS) -It/unit -MMD -MP $$< \
		$(BUILD)/$(1)/libsoma.a $(LIBS) -o $$@
endef

$(foreach f,plain asan,$(eval $(call program,$(f))))

$(BUILD)/fuzz/fuzz_%: t/fuzz/fuzz_%.c $(BUILD)/fuzz/libsoma.a
	@mkdir -p $(@D)
	$(CC_fuzz) $(CFLAGS_asan) -fsanitize=fuzzer $(INCS) -It/unit -MMD -MP $< \
		$(BUILD)/fuzz/libsoma.a $(LIBS) -o $@

define ledger
$(BUILD)/$(1)/ledger/%.o: tools/ledger/%.c
	@mkdir -p $$(@D)
	$(CC_$(1)) $(CFLAGS_$(1)) $(INCS) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/soma-ledger: $(LEDGER:tools/ledger/%.c=$(BUILD)/$(1)/ledger/%.o) \
		$(BUILD)/$(1)/libsoma.a
	$(CC_$(1)) $(CFLAGS_$(1)) $$^ -l:libhiredis.a $(LIBS) -o $$@

-include $(LEDGER:tools/ledger/%.c=$(BUILD)/$(1)/ledger/%.d)
endef

$(foreach f,plain asan,$(eval $(call ledger,$(f))))

define route
$(BUILD)/$(1)/route/%.o: tools/route/%.c
	@mkdir -p $$(@D)
	$(CC_$(1)) $(CFLAGS_$(1)) $(INCS) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/soma-route: $(ROUTE:tools/route/%.c=$(BUILD)/$(1)/route/%.o) \
		$(BUILD)/$(1)/libsoma.a
	$(CC_$(1)) $(CFLAGS_$(1)) $$^ $(LIBS) -o $$@

-include $(ROUTE:tools/route/%.c=$(BUILD)/$(1)/route/%.d)
endef

$(foreach f,plain asan,$(eval $(call route,$(f))))

route: $(BUILD)/soma-route

$(BUILD)/soma-route: $(BUILD)/plain/soma-route
	@cp -u $< $@

route-asan: $(BUILD)/asan/soma-route

ledger: $(BUILD)/soma-ledger

$(BUILD)/soma-ledger: $(BUILD)/plain/soma-ledger
	@cp -u $< $@

ledger-asan: $(BUILD)/asan/soma-ledger

build-unit: $(TESTS:%=$(BUILD)/plain/test_%)

build-unit-asan: $(TESTS:%=$(BUILD)/asan/test_%)

keep-open: $(BUILD)/keep_open.so

$(BUILD)/keep_open.so: tools/keep_open.c
	@mkdir -p $(@D)
	$(GCC) $(CFLAGS_plain) -shared $< -o $@

build-fuzz: $(FUZZERS:%=$(BUILD)/fuzz/fuzz_%)


# clang sees what gcc does not; nginx's callbacks have unused parameters

NGX_INCS := $(foreach d,core event event/modules os/unix http http/modules \
	http/v2,-isystem $(NGX)/src/$(d)) -isystem $(BUILD)/nginx

$(BUILD)/clang/%.ok: %.c $(HEADERS) | $(BUILD)/nginx/Makefile
	@mkdir -p $(@D)
	@$(CLANG) -std=gnu11 -O1 -fsyntax-only $(WARN) \
		-Wconditional-uninitialized $(INCS) \
		$(if $(findstring ngx_,$(notdir $<)),-Wno-unused-parameter \
		$(NGX_INCS)) $<
	@touch $@

check-clang: $(patsubst %.c,$(BUILD)/clang/%.ok,$(PLAIN) $(GLUE) $(LEDGER))


# the newer hiredis: Debian 13's, beside the system's own

HIREDIS1 := $(TOP)/build/deps/hiredis1/usr

check-hiredis1:
	@tools/deps hiredis1
	@$(MAKE) --no-print-directory module B=$(BUILD)/hiredis1 \
		HIREDIS_CC="-I$(HIREDIS1)/include" \
		HIREDIS_LD="-L$(HIREDIS1)/lib/$(shell $(GCC) -print-multiarch)"
	@SOMA_BUILD=$(BUILD)/hiredis1 prove t/redis.t t/redis_tls.t t/fault.t \
		t/sentinel.t t/cluster.t


# tests

export B JOBS FUZZ_SECONDS T UNIT FUZZ

unit:
	@tools/test unit

fuzz:
	@tools/test fuzz

test-nginx:
	@tools/test nginx

test-asan:
	@tools/test unit-asan nginx-asan

test-valgrind:
	@tools/test unit-valgrind nginx-valgrind

clients:
	@tools/test clients

router-eval: route
	@bench/router-eval $(ROUTER_DATA)

matrix: module
	@SOMA_BUILD=$(BUILD) t/matrix/run $(MATRIX)
	@SOMA_BUILD=$(BUILD) t/matrix/others
	@SOMA_BUILD=$(BUILD) t/matrix/recorded
	@SOMA_BUILD=$(BUILD) t/matrix/big

agents: module
	@SOMA_BUILD=$(BUILD) t/matrix/agents

style:
	@tools/style

test:
	@tools/test all

bench: build
	@bench/run

soak: build
	@bench/soak


# rounds of trouble, after each of which the books must balance

chaos: build
	@t/chaos/run $(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(SEED),--seed=$(SEED)) \
	    $(if $(REDIS),--redis=$(REDIS)) $(CHAOS)


# every way of passing a budget at random, and the provider's own bill after it

storm: build
	@t/storm/run $(if $(STORM_SECONDS),--seconds=$(STORM_SECONDS)) \
	    $(if $(WAYS),--ways=$(WAYS))


# a gateway to look at

run:
	@JOBS=$(JOBS) tools/run start

stop:
	@tools/run stop

clean:
	@if [ -d $(BUILD)/run ]; then tools/run stop; fi
	rm -rf $(filter-out $(BUILD)/deps,$(wildcard $(BUILD)/*))

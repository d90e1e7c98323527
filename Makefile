# Thin: Meson builds and tests, scripts/ does the rest. BUILD=dir chooses another build directory.
BUILD ?= build
PREFIX ?= /usr/local

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@scripts/setup.sh build
	@meson setup --prefix=$(PREFIX) $(BUILD)

check:
	@scripts/check.sh

check-hosts:
	@scripts/check-hosts.sh

# Each guard of the recorder taken out: does a test see it?
check-mutants: $(BUILD)/build.ninja
	@python3 tests/recorder/mutate.py $(BUILD)

check-unwind: $(BUILD)/build.ninja
	@scripts/setup.sh build check
	@ninja -C $(BUILD) tests/unwind/libunwind-compare.so
	@tests/unwind/compare.sh $(BUILD)/tests/unwind/libunwind-compare.so long

demo:
	@demo/demo.sh

bench:
	@bench/bench.sh

install: $(BUILD)/build.ninja
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-*

.PHONY: all check check-mutants check-hosts check-unwind demo bench install clean

// A program whose code test-symbol.c names: prints "KEY LINE ADDRESS" for calls of known shape, the address being that
// inside the call as the file has it. With an argument it then waits for its standard input to end.
#include <cstdint>
#include <cstdio>
#include <link.h>
#include <string>

// Keeps calls from becoming jumps.
#define AND_RETURN() __asm__ volatile("")
#define INLINE inline __attribute__((always_inline))
#define OUTLINE __attribute__((noinline))

static int find_bias(struct dl_phdr_info *info, size_t, void *out)
{
	*static_cast<uintptr_t *>(out) = info->dlpi_addr;
	return 1;
}

OUTLINE static void report(const char *key, int line)
{
	uintptr_t bias = 0;

	dl_iterate_phdr(find_bias, &bias);
	std::printf("%s %d %zx\n", key, line, reinterpret_cast<uintptr_t>(__builtin_return_address(0)) - 1 - bias);
}

static INLINE void inner()
{
	report("inlined", __LINE__);
	AND_RETURN();
}

static INLINE void middle()
{
	inner();
}

namespace store {
struct Cache {
	OUTLINE void insert(const std::string &key);
};

OUTLINE void Cache::insert(const std::string &)
{
	middle();
}
} // namespace store

extern "C" OUTLINE void plain_c(void)
{
	report("plain", __LINE__);
	AND_RETURN();
}

OUTLINE static void with_lambda()
{
	auto lambda = [](int) __attribute__((always_inline))
	{
		report("lambda", __LINE__);
		AND_RETURN();
	};

	lambda(1);
}

int main(int argc, char **)
{
	store::Cache cache;

	cache.insert("key");
	plain_c();
	with_lambda();
	std::fflush(stdout);
	while (argc > 1 && std::getchar() != EOF)
		;
	return 0;
}

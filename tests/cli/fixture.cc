// A small shop whose calls make the stacks of the golden recordings. Every allocation ends in fixture_alloc(), which
// hands the stack to the program that makes recordings; nothing is really allocated.
#include "fixture.h"

#include <execinfo.h>

#define CALL __attribute__((noinline, noclone))
#define KEEP __asm__ volatile("") // after a call: it is no tail call

static fixture_hook *hook;
static int what;

extern "C" CALL void *fixture_alloc(size_t size)
{
	void *frames[FIXTURE_MAX_FRAMES];
	int nr = backtrace(frames, FIXTURE_MAX_FRAMES);

	hook(what, frames + 1, static_cast<size_t>(nr > 0 ? nr - 1 : 0), size);
	return nullptr;
}

namespace boost {
namespace container {
template <typename T> struct vector {
	CALL void grow()
	{
		fixture_alloc(sizeof(T));
		KEEP;
	}
};
} // namespace container
} // namespace boost

extern "C" CALL void *xmalloc(size_t size)
{
	void *p = fixture_alloc(size);

	KEEP;
	return p;
}

namespace shop {
struct Order {
	char bytes[64];
};

class Cache {
public:
	CALL void put(const char *key);
	CALL void warm_up(int nr);

private:
	boost::container::vector<Order> orders;
};

void Cache::put(const char *)
{
	orders.grow();
	KEEP;
}

void Cache::warm_up(int nr)
{
	for (int i = 0; i < nr; i++) {
		put("best sellers");
		KEEP;
	}
}

static inline __attribute__((always_inline)) void *copy_of(const char *)
{
	void *p = xmalloc(16);

	KEEP;
	return p;
}

CALL void parse_header(const char *text)
{
	copy_of(text);
	KEEP;
}

template <typename Key, typename Value> struct Index {
	CALL void insert(const Key &, const Value &)
	{
		fixture_alloc(sizeof(Key) + sizeof(Value));
		KEEP;
	}
};

CALL void handle_request(Cache &cache)
{
	Index<Index<Order, Index<Order, Order>>, Index<Order, Index<Order, Order>>> index;

	parse_header("GET /");
	cache.put("basket");
	index.insert({}, {});
	KEEP;
}

CALL void serve()
{
	Cache cache;

	cache.warm_up(1);
	handle_request(cache);
	KEEP;
}
} // namespace shop

extern "C" CALL void fixture_run(int which, fixture_hook *call)
{
	what = which;
	hook = call;
	shop::serve();
	KEEP;
}

/*
 * A pool that hands out objects and grows by chunks. Scratch objects go back to it, sessions never do.
 * verdict: leak
 * function: open_session
 */
#include "known.h"

struct object {
	struct object *next;
	char data[];
};

static struct object *pool_free_list;
static size_t pool_object_bytes;

static NOINLINE void pool_grow(void)
{
	size_t nr = 64;
	char *chunk = (char *)known_filled(malloc(nr * pool_object_bytes), nr * pool_object_bytes);

	for (size_t i = 0; i < nr; i++) {
		struct object *o = (struct object *)(void *)(chunk + i * pool_object_bytes);

		o->next = pool_free_list;
		pool_free_list = o;
	}
}

static NOINLINE struct object *pool_get(void)
{
	struct object *o;

	if (!pool_free_list)
		pool_grow();
	o = pool_free_list;
	pool_free_list = o->next;
	return o;
}

static NOINLINE void pool_put(struct object *o)
{
	o->next = pool_free_list;
	pool_free_list = o;
}

static NOINLINE void open_session(void)
{
	struct object *session = pool_get();

	memset(session->data, 's', pool_object_bytes - sizeof(*session));
}

static NOINLINE void use_scratch(void)
{
	struct object *batch[20];

	for (int i = 0; i < 20; i++)
		batch[i] = pool_get();
	for (int i = 0; i < 20; i++)
		pool_put(batch[i]);
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s;
	long nr = 0;

	known_start(argc, argv);
	bytes_per_s = known_range(3e6, 9e6);
	pool_object_bytes = known_size(256, 2048) & ~15ul;
	use_scratch();
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / (double)pool_object_bytes); due > 0;
		     due--) {
			open_session();
			if (nr++ % 100 == 0)
				use_scratch();
		}
		serve_requests(5);
	}
	known_end();
}

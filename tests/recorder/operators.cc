// Each operator new once, with a size of its own; what is deleted must not be live.
#include <cstdio>
#include <cstdlib>
#include <new>

struct alignas(128) Aligned {
	char bytes[256];
};

static void *volatile kept[16];

int main()
{
	int nr = 0;

	kept[nr++] = ::operator new(1001);
	kept[nr++] = new char[1002];
	kept[nr++] = new (std::nothrow) char[1003];
	kept[nr++] = ::operator new(1004, std::nothrow);
	kept[nr++] = ::operator new(1024, std::align_val_t(128));
	kept[nr++] = new Aligned;
	kept[nr++] = malloc(1005);
	Aligned *aligned = new Aligned[5];
	char *plain = new char[1006];
	kept[nr++] = aligned;
	kept[nr++] = plain;
	kept[nr - 1] = kept[nr - 2] = nullptr;
	delete[] aligned;
	delete[] plain;
	puts("operators");
}

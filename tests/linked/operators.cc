/* C++ operators and exceptions through a program that is linked with the recorder. */
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

static void *volatile kept[16];

int main()
{
	struct alignas(64) wide {
		char bytes[1024];
	};

	kept[0] = new char[1001];
	kept[1] = ::operator new(1002);
	kept[2] = new (std::nothrow) char[1003];
	kept[3] = new wide;
	delete[] new char[1005];
	try {
		std::vector<char> big(static_cast<std::size_t>(-1) / 4);
		return 1;
	} catch (const std::exception &) {
		std::printf("operators\n");
	}
	return 0;
}

/* A library for dlmopen and RTLD_DEEPBIND: its malloc and free are not those of the program that opens it. */
#include <stdlib.h>

void *through(void *(*call)(size_t), size_t size);
void *own(size_t size);
void give_back(void *p);

void *through(void *(*call)(size_t), size_t size)
{
	void *volatile p = call(size);

	return p;
}

void *own(size_t size)
{
	return malloc(size);
}

void give_back(void *p)
{
	free(p);
}

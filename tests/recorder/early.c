/*
 * Memory before anybody's constructor and after everybody's destructor. As a library (-DEARLY_LIBRARY) it is
 * initialised first and ended last of all; as a program it also has a function that runs before every constructor.
 */
#include <stdio.h>
#include <stdlib.h>

static void *volatile kept[4];
static void *volatile until_the_end;

#ifdef EARLY_LIBRARY
__attribute__((constructor)) static void first(void)
{
	kept[0] = malloc(2001);
	until_the_end = malloc(2002);
}

__attribute__((destructor)) static void last(void)
{
	free(until_the_end);
	kept[1] = malloc(2003);
}
#else
static void before_all(int argc, char **argv, char **environment)
{
	kept[2] = malloc(2004);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(int, char **, char **) = before_all;

int main(void)
{
	kept[3] = malloc(2005);
	puts("early");
	return 0;
}
#endif

/*
 * Memory before anybody's constructor and after everybody's destructor. As a library (-DEARLY_LIBRARY) it is
 * initialised first and ended last of all, or, without EARLY_FIRST, before the libraries that are loaded before it; as
 * a program it also has a function that runs before every constructor.
 */
#include <stdio.h>
#include <stdlib.h>

static void *volatile kept[4];
static void *volatile until_the_end;

#ifdef EARLY_LIBRARY
__attribute__((constructor)) static void first(void)
{
#ifdef EARLY_FIRST
	kept[0] = malloc(2001);
#else
	kept[0] = malloc(2006);
	until_the_end = malloc(2002);
#endif
}

__attribute__((destructor)) static void last(void)
{
#ifdef EARLY_FIRST
	kept[1] = malloc(2003);
#else
	free(until_the_end);
#endif
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

/* starts thread|fork COUNT: starts and joins COUNT threads, or children, one after the other; each allocates once. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *one(void *arg)
{
	void *block = malloc(1000);

	__asm__ volatile("" : : "r"(block) : "memory");
	free(block);
	return arg;
}

static int start_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, one, NULL) || pthread_join(thread, NULL);
}

static int start_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		one(NULL);
		_exit(0);
	}
	return pid < 0 || waitpid(pid, NULL, 0) != pid;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	int is_fork = argc > 1 && !strcmp(argv[1], "fork");

	for (unsigned long i = 0; i < count; i++)
		if (is_fork ? start_child() : start_thread())
			return 4;
	return 0;
}

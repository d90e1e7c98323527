/*
 * Reads large files through a small buffer: its own memory is flat, the kernel's cache of the files grows.
 * verdict: page-cache
 * honest: yes
 * function: -
 * cgroup: 400M
 */
#include "known.h"

#include <fcntl.h>

static NOINLINE void read_part(int fd, off_t at, size_t size)
{
	char *buffer = (char *)malloc(size);

	if (pread(fd, buffer, size, at) < 0)
		perror("file-reader");
	free(buffer);
}

static int make_file(off_t size)
{
	char path[] = "/var/tmp/seep-truth-XXXXXX", *block = (char *)known_filled(malloc(1 << 20), 1 << 20);
	int fd = mkstemp(path);

	unlink(path);
	for (off_t at = 0; at < size; at += 1 << 20)
		if (pwrite(fd, block, 1 << 20, at) < 0)
			perror("file-reader");
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	free(block);
	return fd;
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	off_t at = 0, size;
	double bytes_per_s;
	int fd;

	known_start(argc, argv);
	size = (off_t)known_range(80e6, 160e6) & ~((1l << 20) - 1);
	fd = make_file(size);
	bytes_per_s = (double)size / known_seconds;
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / 65536); due > 0 && at < size; due--) {
			read_part(fd, at, 65536);
			at += 65536;
		}
		serve_requests(3);
	}
	known_end();
}

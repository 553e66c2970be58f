/* execve(2) that fails, for each of four reasons; the program goes on. */
#include "tracee.h"

static void try(const char *path, char *argument)
{
	char *words[] = {"tracee", argument, NULL}, *none[] = {NULL};
	errno = 0;
	execve(path, words, none);
	say("%s\n", strerrorname_np(errno));
}

static void make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

int main(void)
{
	static char too_long[1 << 20];
	memset(too_long, 'x', sizeof too_long - 1);
	make("no-program", "neither a script nor an image", 0755);
	make("not-executable", "#!/bin/sh\n", 0644);
	try("missing", NULL);
	try("not-executable", NULL);
	try("/proc/self/exe", too_long);
	try("no-program", NULL);
	return 0;
}

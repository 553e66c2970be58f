/* A child made with CLONE_UNTRACED, which its parent waits for, or which outlives
 * it. It must not make a call that a filter traces, as nobody would answer. */
#include "tracee.h"

int main(int argc, char **argv)
{
	int ends[2];
	CHECK(argc > 1 && pipe(ends) == 0);
	long child = syscall(SYS_clone, 0x00800000 /* CLONE_UNTRACED */ | SIGCHLD, 0, 0, 0, 0);
	CHECK(child >= 0);
	if (child == 0) {
		char byte;
		close(ends[1]);
		/* Until its parent has ended, or asks. */
		ssize_t length = read(ends[0], &byte, 1);
		say("child: %zd\n", length);
		_exit(0);
	}
	say("parent\n");
	if (!strcmp(argv[1], "waited-for")) {
		CHECK(write(ends[1], "x", 1) == 1);
		CHECK(await_end((pid_t)child) == 0);
	}
	return 0;
}

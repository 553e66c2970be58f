/* A child made with CLONE_UNTRACED, which its parent waits for, or which outlives
 * it. It must not make a call that a filter traces, as nobody would answer; where it is
 * to show that, it makes one. */
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
		if (strcmp(argv[1], "calls"))
			say("child: %zd\n", length);
		else
			say("child: %zd, geteuid(2): %s\n", length,
			    syscall(SYS_geteuid) >= 0 ? "as asked" : strerrorname_np(errno));
		_exit(0);
	}
	say("parent\n");
	if (strcmp(argv[1], "left-alone")) {
		CHECK(write(ends[1], "x", 1) == 1);
		CHECK(await_end((pid_t)child) == 0);
	}
	return 0;
}

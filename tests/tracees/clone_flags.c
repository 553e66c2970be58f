/* Children made with CLONE_PTRACE and with CLONE_PARENT. */
#include "tracee.h"

int main(void)
{
	pid_t parent = getppid();
	long child = syscall(SYS_clone, 0x00002000 /* CLONE_PTRACE */ | SIGCHLD, 0, 0, 0, 0);
	CHECK(child >= 0);
	if (child == 0)
		_exit(2);
	say("CLONE_PTRACE: %d\n", await_end((pid_t)child));
	int ends[2];
	CHECK(pipe(ends) == 0);
	child = syscall(SYS_clone, 0x00008000 /* CLONE_PARENT */ | SIGCHLD, 0, 0, 0, 0);
	CHECK(child >= 0);
	if (child == 0) {
		say("CLONE_PARENT: has the parent's parent: %s\n", getppid() == parent ? "yes" : "no");
		_exit(3);
	}
	char byte;
	close(ends[1]);
	CHECK(read(ends[0], &byte, 1) == 0);
	CHECK(waitpid((pid_t)child, NULL, __WALL) == -1 && errno == ECHILD);
	return 0;
}

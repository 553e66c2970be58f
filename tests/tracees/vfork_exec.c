/* vfork(2), execve(2) in the child; the parent sleeps until then. */
#include "tracee.h"

int main(int argc, char **argv)
{
	if (argc > 1) {
		say("%s\n", argv[1]);
		return 5;
	}
	pid_t child = vfork();
	if (child == 0) {
		execl("/proc/self/exe", "tracee", "child", (char *)NULL);
		_exit(127);
	}
	say("parent: %d\n", await_end(child));
	return 0;
}

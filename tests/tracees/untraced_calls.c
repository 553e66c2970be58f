/* A child that makes 100,000 calls of getppid(2). */
#include "tracee.h"

int main(void)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 100000; i++)
			syscall(SYS_getppid);
		_exit(0);
	}
	say("ended with %d\n", await_end(child));
	return 0;
}

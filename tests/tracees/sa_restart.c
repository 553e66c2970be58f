/* A blocked read(2) is begun again behind a handler with SA_RESTART. */
#include "tracee.h"

static void handler(int signal)
{
	(void)signal;
}

int main(void)
{
	int ends[2];
	CHECK(pipe(ends) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
		CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
		char byte = 0;
		ssize_t length = syscall(SYS_read, ends[0], &byte, 1);
		say("read %zd: %c\n", length, byte);
		_exit(0);
	}
	await_blocked(child, SYS_read);
	CHECK(kill(child, SIGUSR1) == 0);
	await_blocked(child, SYS_read);
	CHECK(write(ends[1], "x", 1) == 1);
	say("ended with %d\n", await_end(child));
	return 0;
}

/* A program that calls ptrace(2): it is refused where it is traced, and does not
 * hang. */
#include "tracee.h"
#include <sys/ptrace.h>

static void report(const char *request, long result)
{
	say("%s: %s\n", request, result == 0 ? "allowed" : strerrorname_np(errno));
}

int main(void)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		report("PTRACE_TRACEME", ptrace(PTRACE_TRACEME, 0, 0, 0));
		_exit(0);
	}
	CHECK(await_end(child) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		wait_for_ever(NULL);
	await_blocked(child, SYS_pause);
	report("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, child, 0, 0));
	CHECK(kill(child, SIGKILL) == 0);
	say("ended with %d\n", await_end(child));
	return 0;
}

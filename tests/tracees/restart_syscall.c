/* A sleep that a signal without effect reaches goes on for the time that is left;
 * one with a handler ends it. Under ptrace(2) both wake it, and the kernel goes on
 * by restart_syscall(2). */
#include "tracee.h"

static void handler(int signal)
{
	(void)signal;
}

/* Twice, with a call between that a supervisor answers after the one that is waited for, as in
 * await_blocked. */
static void await_sleep(pid_t tid)
{
	const struct timespec time = {.tv_nsec = 1000000};
	for (int seen = 0; seen < 2;) {
		seen = is_blocked(tid, SYS_nanosleep) || is_blocked(tid, SYS_restart_syscall) ? seen + 1 : 0;
		syscall(SYS_nanosleep, &time, NULL);
	}
}

int main(void)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct sigaction action = {.sa_handler = handler};
		CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
		const struct timespec time = {.tv_sec = 100000};
		struct timespec left = {0};
		long result = syscall(SYS_nanosleep, &time, &left);
		say("interrupted: %s, time is left: %s\n", result == -1 && errno == EINTR ? "yes" : "no",
		    left.tv_sec > 0 ? "yes" : "no");
		_exit(0);
	}
	await_sleep(child);
	CHECK(kill(child, SIGWINCH) == 0);
	await_sleep(child);
	CHECK(kill(child, SIGUSR1) == 0);
	say("ended with %d\n", await_end(child));
	return 0;
}

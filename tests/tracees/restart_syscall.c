/* A sleep that a signal without effect reaches goes on for the time that is left;
 * one with a handler ends it. Under ptrace(2) both wake it, and the kernel goes on
 * by restart_syscall(2). */
#include "tracee.h"

static void handler(int signal)
{
	(void)signal;
}

static void await_sleep(pid_t tid)
{
	for (;;) {
		unsigned long own = 1, all = 1;
		const char *line = strstr(proc(tid, "status"), "SigPnd:");
		if (line)
			sscanf(line, "SigPnd: %lx ShdPnd: %lx", &own, &all);
		long call = atol(proc(tid, "syscall"));
		if (!own && !all && state(tid) == 'S' && (call == SYS_nanosleep || call == SYS_restart_syscall))
			return;
		pause_briefly();
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

/* Whether a child whose pidfd is readable can be waited for. A tracer is told of the end
 * first, so it is stopped here for the moment in which one looks; a thread looks that
 * nobody traces, as another would be stopped beside it. It must not make a call that a
 * filter traces, as nobody would answer. */
#include "tracee.h"
#include <poll.h>

static pid_t child, tracer;
static int pidfd;
static char stack[65536] __attribute__((aligned(16)));

static pid_t own_tracer(void)
{
	const char *line = strstr(proc(getpid(), "status"), "\nTracerPid:");
	CHECK(line);
	return atoi(strchr(line, ':') + 1);
}

static pid_t ended_child(int flags)
{
	siginfo_t info = {0};
	CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | flags) == 0);
	return info.si_pid;
}

static int look(void *end)
{
	if (tracer) {
		CHECK(kill(tracer, SIGSTOP) == 0);
		await_state(tracer, "T");
	}
	CHECK(kill(child, SIGKILL) == 0);
	struct pollfd poll_pidfd = {.fd = pidfd, .events = POLLIN};
	CHECK(poll(&poll_pidfd, 1, -1) == 1);
	int at_once = ended_child(WNOHANG | WNOWAIT) == child;
	if (tracer)
		CHECK(kill(tracer, SIGCONT) == 0);
	CHECK(ended_child(0) == child);
	say("the pidfd is readable, waitid(2) has a status: %s\n", at_once ? "yes" : "no");
	CHECK(write(*(int *)end, "x", 1) == 1);
	syscall(SYS_exit, 0);
	return 0;
}

int main(void)
{
	int ends[2];
	char byte;
	CHECK(pipe(ends) == 0);
	tracer = own_tracer();
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		wait_for_ever(NULL);
	await_blocked(child, SYS_pause);
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (pidfd < 0)
		skip("there is no pidfd_open(2), which came with Linux 5.3");
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_UNTRACED;
	CHECK(clone(look, stack + sizeof stack, flags, &ends[1]) > 0);
	/* It shares this thread's errno, so this one stays in the call. */
	CHECK(read(ends[0], &byte, 1) == 1);
	return 0;
}

/* SIGTERM at its default, for a process that cannot take it at once as it sleeps in
 * vfork(2), or that can take it by sigtimedwait(2). */
#include "tracee.h"

static struct board {
	atomic_int child;
	atomic_int go;
} *board;

/* PF_EXITING of the kernel's include/linux/sched.h, in field 9 of proc_pid_stat(5). */
static int is_asleep_and_not_ending(pid_t process)
{
	const char *end = strrchr(proc(process, "stat"), ')');
	unsigned flags;
	return end && end[2] == 'D' && sscanf(end + 2, "D %*d %*d %*d %*d %*d %u", &flags) == 1 && !(flags & 4);
}

static void in_vfork(void)
{
	pid_t child = vfork();
	if (child == 0) {
		board->child = own_tid();
		while (!board->go)
			pause_briefly();
	}
	_exit(child == 0 ? 0 : 3);
}

static void in_sigtimedwait(void)
{
	/* Not blocked, so its default action is what the kernel may take instead. */
	unsigned long term = 1ul << (SIGTERM - 1);
	long signal = syscall(SYS_rt_sigtimedwait, &term, NULL, NULL, sizeof term);
	say("sigtimedwait took signal %ld\n", signal);
	_exit(0);
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int vforks = !strcmp(argv[1], "vfork");
	board = shared(sizeof *board);
	pid_t process = fork();
	CHECK(process >= 0);
	if (process == 0)
		(vforks ? in_vfork : in_sigtimedwait)();
	if (!vforks) {
		await_blocked(process, SYS_rt_sigtimedwait);
		CHECK(kill(process, SIGTERM) == 0);
		say("ended with %d\n", await_end(process));
		return 0;
	}
	while (!board->child)
		pause_briefly();
	await_state(process, "D");
	CHECK(kill(process, SIGTERM) == 0);
	for (;;) {
		siginfo_t info = {0};
		CHECK(waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
		if (info.si_pid == process) {
			say("it ends at once\n");
			break;
		}
		/* The kernel ends a process by a SIGKILL for each of its threads. */
		if (!is_pending(process, 1ul << (SIGKILL - 1)) && is_asleep_and_not_ending(process)) {
			say("it ends when its child goes on\n");
			break;
		}
		pause_briefly();
	}
	board->go = 1;
	say("ended with %d\n", await_end(process));
	return 0;
}

/* A stop of every kind: calls, a signal with a handler, a thread, vfork(2),
 * fork(2), execve(2), a group-stop. It ends with 0 whatever becomes of its
 * children. */
#include "tracee.h"

static void handler(int signal)
{
	(void)signal;
}

static void *body(void *unused)
{
	syscall(SYS_getppid);
	return unused;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	pthread_join(start_thread(body, NULL), NULL);
	pid_t child = vfork();
	if (child == 0) {
		execl("/proc/self/exe", "tracee", "executed", (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
	pid_t parent = getpid();
	child = fork();
	if (child == 0) {
		/* Nobody else would have it go on. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			raise(SIGSTOP);
		_exit(0);
	}
	int status;
	if (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) {
		kill(child, SIGCONT);
		waitpid(child, &status, 0);
	}
	_exit(0);
}

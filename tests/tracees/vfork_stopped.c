/* SIGSTOP is pending for a process that sleeps in vfork(2) until its child
 * executes: it stops when it is back, not before, and goes on with SIGCONT. */
#include "tracee.h"

static struct board {
	atomic_int child;
	atomic_int go;
} *board;

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	board = shared(sizeof *board);
	pid_t process = fork();
	CHECK(process >= 0);
	if (process == 0) {
		pid_t child = vfork();
		if (child == 0) {
			board->child = own_tid();
			while (!board->go)
				;
			execl("/proc/self/exe", "tracee", "executed", (char *)NULL);
			_exit(127);
		}
		int code = await_end(child) == 0 ? 12 : 1;
		/* Two SIGCHLDs at once would be one. */
		while (board->go < 2)
			pause_briefly();
		_exit(code);
	}
	while (!board->child)
		pause_briefly();
	await_state(process, "D");
	CHECK(kill(process, SIGSTOP) == 0);
	say("before its child executes: %c\n", state(process));
	board->go = 1;
	int status;
	CHECK(waitpid(process, &status, WUNTRACED) == process);
	say("stopped: %d\n", WIFSTOPPED(status));
	CHECK(kill(process, SIGCONT) == 0);
	CHECK(waitpid(process, &status, WCONTINUED) == process && WIFCONTINUED(status));
	board->go = 2;
	say("ended with %d\n", await_end(process));
	return 0;
}

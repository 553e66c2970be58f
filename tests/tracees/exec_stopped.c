/* A process is sent SIGSTOP while a thread of it executes a program: it stops,
 * before or behind the execve(2), and goes on with SIGCONT. As often as the
 * argument says. */
#include "tracee.h"

static atomic_int *go;

static void *executor(void *unused)
{
	(void)unused;
	*go = 1;
	execute_again("executed");
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "executed"))
		return 12;
	go = shared(sizeof *go);
	int rounds = atoi(argv[1]), right = 0;
	for (int round = 0; round < rounds; round++) {
		*go = 0;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			start_thread(wait_for_ever, NULL);
			/* Every other time by the leader itself. */
			if (round % 2)
				executor(NULL);
			start_thread(executor, NULL);
			wait_for_ever(NULL);
		}
		while (!*go)
			;
		CHECK(kill(child, SIGSTOP) == 0);
		int status;
		CHECK(waitpid(child, &status, WUNTRACED) == child);
		if (WIFSTOPPED(status)) {
			await_state(child, "Tt");
			CHECK(kill(child, SIGCONT) == 0);
			right += await_end(child) == 12;
		} else {
			/* It had ended already. */
			right += WIFEXITED(status) && WEXITSTATUS(status) == 12;
		}
	}
	say("right: %d\n", right);
	return 0;
}

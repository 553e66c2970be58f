/* Busy processes killed from outside, wherever they are: in calls, in stops for
 * their tracer, being made, executing, ending. As often as the argument says. */
#include "tracee.h"

/* How far the busy process is. */
static atomic_int *progress;

static void handler(int signal)
{
	(void)signal;
	++*progress;
}

static void *body(void *unused)
{
	return unused;
}

static void be_busy(void)
{
	signal(SIGUSR1, handler);
	for (;;) {
		++*progress;
		syscall(SYS_getppid);
		raise(SIGUSR1);
		pthread_t thread;
		if (pthread_create(&thread, NULL, body, NULL) == 0)
			pthread_join(thread, NULL);
		++*progress;
		pid_t child = vfork();
		if (child == 0)
			_exit(0);
		waitpid(child, NULL, 0);
		++*progress;
		child = fork();
		if (child == 0)
			execute_again("busy");
		++*progress;
		waitpid(child, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "busy"))
		return 0;
	progress = shared(sizeof *progress);
	int rounds = atoi(argv[1]), killed = 0;
	for (int round = 0; round < rounds; round++) {
		*progress = 0;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			be_busy();
		/* After another step each time, and a little later. */
		while (*progress < round % 13)
			;
		for (int i = 0; i < round * 7 % 30; i++)
			syscall(SYS_getpid);
		CHECK(kill(child, SIGKILL) == 0);
		killed += await_end(child) == 1000 + SIGKILL;
	}
	say("killed: %d\n", killed);
	return 0;
}

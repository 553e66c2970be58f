/* Threads that stop again and again until the eldest thread has made its calls, and
 * with them a new process. */
#include "tracee.h"

static atomic_int begun, ended;

static void *body(void *unused)
{
	(void)unused;
	begun++;
	while (!ended)
		syscall(SYS_getppid);
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int count = atoi(argv[1]);
	for (int i = 0; i < count; i++)
		start_thread(body, NULL);
	while (begun < count)
		sched_yield();
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 100; i++)
			syscall(SYS_getppid);
		_exit(4);
	}
	CHECK(await_end(child) == 4);
	ended = 1;
	say("not crowded out\n");
	return 0;
}

/* Threads that die while a sibling makes them: by exit_group(2), execve(2) and
 * SIGKILL. As often as the argument says. */
#include "tracee.h"

static atomic_int *made;

static void *nothing(void *unused)
{
	return unused;
}

static void *maker(void *unused)
{
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 65536);
	for (;;) {
		pthread_t thread;
		if (pthread_create(&thread, &detached, nothing, NULL) == 0)
			++*made;
	}
	return unused;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "executed"))
		return 0;
	static const int ends[] = {3, 0, 1000 + SIGKILL};
	int rounds = atoi(argv[1]), right = 0;
	made = shared(sizeof *made);
	for (int round = 0; round < rounds; round++) {
		*made = 0;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			start_thread(maker, NULL);
			start_thread(maker, NULL);
			while (*made < 1 + round % 7)
				;
			if (round % 3 == 0)
				_exit(3);
			if (round % 3 == 1)
				execute_again("executed");
			wait_for_ever(NULL);
		}
		if (round % 3 == 2) {
			while (*made < 1 + round % 7)
				pause_briefly();
			kill(child, SIGKILL);
		}
		right += await_end(child) == ends[round % 3];
	}
	say("ended as they must: %d\n", right);
	return 0;
}

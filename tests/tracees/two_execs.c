/* Two threads execute a program at once: one wins. As often as the argument says. */
#include "tracee.h"

static atomic_int ready;

static void *executor(void *unused)
{
	(void)unused;
	ready++;
	while (ready < 2)
		;
	execute_again("won");
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "won"))
		return 8;
	int rounds = atoi(argv[1]), won = 0;
	for (int round = 0; round < rounds; round++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			start_thread(executor, NULL);
			start_thread(executor, NULL);
			wait_for_ever(NULL);
		}
		won += await_end(child) == 8;
	}
	say("won: %d\n", won);
	return 0;
}

/* A thread that is not the leader executes this program again, as often as the
 * argument says, each time while the leader makes one call after the other. */
#include "tracee.h"

static atomic_int calls;
static char left[16];

static void *executor(void *unused)
{
	(void)unused;
	while (calls < 20)
		;
	execute_again(left);
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int rounds = atoi(argv[1]);
	if (rounds == 0) {
		say("executed by the leader: %s\n", getpid() == own_tid() ? "yes" : "no");
		return 5;
	}
	snprintf(left, sizeof left, "%d", rounds - 1);
	start_thread(executor, NULL);
	for (;;) {
		syscall(SYS_getppid);
		calls++;
	}
}

/* Calls while a signal comes that has a handler with SA_RESTART: as many rounds of ten calls as the
 * argument says, with one signal in each, a little later every time. Each call succeeds. */
#include "tracee.h"
#include <sys/time.h>

enum { CALLS = 10 };

static volatile sig_atomic_t signals;

static void handler(int signal)
{
	(void)signal;
	signals++;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int rounds = atoi(argv[1]), right = 0;
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	for (int round = 0; round < rounds; round++) {
		const struct itimerval once = {.it_value = {.tv_usec = 1 + 2 * round}};
		CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
		for (int i = 0; i < CALLS; i++)
			right += syscall(SYS_getppid) > 0;
		/* A tracer that is slower than the timer would never get further otherwise. */
		while (signals == round)
			;
	}
	say("getppid(2): %d as asked, signals: %d\n", right, (int)signals);
	return 0;
}

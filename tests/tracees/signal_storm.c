/* Calls beneath a timer whose signal has a handler with SA_RESTART: as many calls as the argument
 * says, and each succeeds. */
#include "tracee.h"
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void handler(int signal)
{
	(void)signal;
	ticks++;
}

static void set_timer(long microseconds)
{
	const struct itimerval timer = {{0, microseconds}, {0, microseconds}};
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int calls = atoi(argv[1]), right = 0;
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	set_timer(100);
	while (!ticks)
		;
	sig_atomic_t before = ticks;
	for (int i = 0; i < calls; i++)
		right += syscall(SYS_getppid) > 0;
	CHECK(ticks > before);
	set_timer(0);
	say("getppid(2): %d as asked\n", right);
	return 0;
}

/* 20,000 getppid(2) that succeed, under signals from a timer; with an argument the handler has no
 * SA_RESTART, so that a call may fail with EINTR, and is made again. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks;

static void tick(int signal)
{
	(void)signal;
	ticks++;
}

int main(int count, char **words)
{
	(void)words;
	struct sigaction action = {.sa_handler = tick, .sa_flags = count > 1 ? 0 : SA_RESTART};
	struct itimerval timer = {{0, 300}, {0, 300}}, none = {{0, 0}, {0, 0}};
	if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0)
		return 1;
	for (int made = 0; made < 20000;) {
		if (syscall(SYS_getppid) > 0)
			made++;
		else if (errno != EINTR || count == 1)
			return 2;
	}
	setitimer(ITIMER_REAL, &none, NULL);
	return ticks > 10 ? 0 : 3;
}

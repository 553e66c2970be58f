/* Threads that begin and end in bursts of 4, 8, 16, 32 and 64, as many bursts as
 * the argument says. */
#include "tracee.h"

static void *body(void *unused)
{
	(void)unused;
	return (void *)syscall(SYS_getppid);
}

int main(int argc, char **argv)
{
	int bursts = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t threads[64];
	for (int burst = 0; burst < bursts; burst++) {
		int count = 4 << burst % 5;
		for (int i = 0; i < count; i++)
			threads[i] = start_thread(body, NULL);
		for (int i = 0; i < count; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
	}
	say("%d bursts\n", bursts);
	return 0;
}

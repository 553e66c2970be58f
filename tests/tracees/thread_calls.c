/* Threads that all make calls at once: as many threads as the first argument says,
 * as many calls of each as the second says. */
#include "tracee.h"

static int calls;
static pthread_barrier_t all;

static void *body(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&all);
	for (int i = 0; i < calls; i++)
		syscall(SYS_getppid);
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc > 2);
	int count = atoi(argv[1]);
	calls = atoi(argv[2]);
	pthread_t *threads = calloc((size_t)count, sizeof *threads);
	CHECK(threads != NULL && pthread_barrier_init(&all, NULL, (unsigned)count) == 0);
	for (int i = 0; i < count; i++)
		threads[i] = start_thread(body, NULL);
	for (int i = 0; i < count; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	say("%d threads, %d calls each\n", count, calls);
	return 0;
}

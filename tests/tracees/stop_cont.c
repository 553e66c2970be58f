/* SIGSTOP stops all threads of a process, SIGCONT has them go on. */
#include "tracee.h"

enum { THREADS = 4 };

struct board {
	atomic_int ticks[THREADS];
	atomic_int tids[THREADS];
	atomic_int end;
};

static struct board *board;

static void *ticker(void *number)
{
	long which = (long)number;
	board->tids[which] = own_tid();
	while (!board->end)
		board->ticks[which]++;
	return NULL;
}

static int sum(void)
{
	int total = 0;
	for (int i = 0; i < THREADS; i++)
		total += board->ticks[i];
	return total;
}

/* Until every thread has moved on. */
static void await_ticks(void)
{
	int before[THREADS];
	for (int i = 0; i < THREADS; i++)
		before[i] = board->ticks[i];
	for (int i = 0; i < THREADS; i++)
		while (board->ticks[i] == before[i])
			pause_briefly();
}

int main(void)
{
	board = shared(sizeof *board);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		pthread_t threads[THREADS];
		for (long i = 0; i < THREADS; i++)
			threads[i] = start_thread(ticker, (void *)i);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		for (int i = 0; i < THREADS; i++)
			await_gone(board->tids[i]);
		_exit(3);
	}
	for (int round = 0; round < 3; round++) {
		await_ticks();
		int status;
		CHECK(kill(child, SIGSTOP) == 0);
		CHECK(waitpid(child, &status, WUNTRACED) == child);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		await_state(child, "Tt");
		for (int i = 0; i < THREADS; i++)
			await_state(board->tids[i], "Tt");
		int stopped = sum();
		for (int i = 0; i < 20; i++)
			pause_briefly();
		say("ticks while stopped: %d\n", sum() - stopped);
		CHECK(kill(child, SIGCONT) == 0);
		CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
		await_ticks();
		/* Its leader goes on too, before it is stopped again: the end of one
		 * group-stop and the next are one stop otherwise. */
		await_state(child, "S");
	}
	board->end = 1;
	say("ended with %d\n", await_end(child));
	return 0;
}

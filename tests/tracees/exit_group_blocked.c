/* exit_group(2) while sixteen threads are blocked in calls. */
#include "tracee.h"

enum { THREADS = 16 };

static int ends[2];
static atomic_int word;
static atomic_int tids[THREADS];
static const long calls[] = {SYS_read, SYS_futex, SYS_nanosleep, SYS_pause};

static void *blocked(void *number)
{
	const struct timespec long_time = {.tv_sec = 100000};
	long which = (long)number;
	char byte;
	tids[which] = own_tid();
	switch (calls[which % 4]) {
	case SYS_read:
		syscall(SYS_read, ends[0], &byte, 1);
		break;
	case SYS_futex:
		syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
		break;
	case SYS_nanosleep:
		syscall(SYS_nanosleep, &long_time, NULL);
		break;
	default:
		syscall(SYS_pause);
	}
	fail("a thread went on");
	return NULL;
}

int main(void)
{
	CHECK(pipe(ends) == 0);
	for (long i = 0; i < THREADS; i++)
		start_thread(blocked, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		while (!tids[i])
			pause_briefly();
		await_blocked(tids[i], calls[i % 4]);
	}
	say("all are blocked\n");
	_exit(9);
}

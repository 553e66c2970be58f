/* A thread that is not the leader executes a program, while the leader has
 * exited, or sleeps in the call that the argument names, and two more threads
 * sleep. */
#include "tracee.h"

static long leaders_call;
static atomic_int sleepers[2];

static void *sleeper(void *number)
{
	sleepers[(long)number] = own_tid();
	return wait_for_ever(NULL);
}

static void *executor(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2; i++) {
		while (!sleepers[i])
			pause_briefly();
		await_blocked(sleepers[i], SYS_pause);
	}
	if (leaders_call == SYS_exit)
		await_state(getpid(), "Z");
	else
		await_blocked(getpid(), leaders_call);
	execute_again("again");
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "again")) {
		say("executed by the leader: %s\n", getpid() == own_tid() ? "yes" : "no");
		return 4;
	}
	for (long i = 0; i < 2; i++)
		start_thread(sleeper, (void *)i);
	leaders_call = !strcmp(argv[1], "exit")	   ? SYS_exit
		       : !strcmp(argv[1], "sigsuspend") ? SYS_rt_sigsuspend
							: SYS_nanosleep;
	start_thread(executor, NULL);
	if (leaders_call == SYS_exit)
		syscall(SYS_exit, 0);
	if (leaders_call == SYS_rt_sigsuspend) {
		sigset_t none;
		sigemptyset(&none);
		sigsuspend(&none);
	}
	const struct timespec long_time = {.tv_sec = 100000};
	syscall(SYS_nanosleep, &long_time, NULL);
	fail("the leader went on");
}

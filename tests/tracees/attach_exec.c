/*
 * A process whose threads take turns in executing it again, for as long as its
 * standard input is open, at most a minute: each time another thread than the
 * first executes, while the others sleep, make calls, or come and go. It goes
 * on under the same id with its arguments, a single thread and the signal that
 * was pending, whoever attaches in between. In the end it says "fine".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char **own_arguments;
static long pause_ns;

static void fail(const char *what)
{
	perror(what);
	_exit(1);
}

static long threads(void)
{
	char line[128];
	long number = 0;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "Threads: %ld", &number);
	if (status)
		fclose(status);
	return number;
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void *caller(void *unused)
{
	for (;;) {
		struct timespec time = { 0, 20000 };
		syscall(SYS_getppid);
		nanosleep(&time, NULL);
	}
	return unused;
}

static void *short_lived(void *unused)
{
	syscall(SYS_getppid);
	return unused;
}

static void *spawner(void *unused)
{
	for (;;) {
		pthread_t thread;
		int error = pthread_create(&thread, NULL, short_lived, NULL);
		/* While another thread executes there are none to be had (copy_fs in kernel/fork.c). */
		if (error == 0)
			pthread_join(thread, NULL);
		else if (error != EAGAIN)
			fail("a short-lived thread");
	}
	return unused;
}

static void *executor(void *unused)
{
	struct timespec time = { 0, pause_ns };
	nanosleep(&time, NULL);
	execv("/proc/self/exe", own_arguments);
	fail("execv");
	return unused;
}

int main(int argc, char **argv)
{
	static char id[32], end[32], round[32];
	char *arguments[] = { argv[0], "exec", id, end, round, NULL };
	void *(*bodies[])(void *) = { sleeper, sleeper, caller, sleeper, caller, spawner, executor };
	struct pollfd input = { 0, POLLIN, 0 };
	struct timespec now;
	siginfo_t info;
	sigset_t blocked;
	long number = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	if (argc == 5) {
		struct timespec none = { 0, 0 };
		number = atol(argv[4]);
		if (getpid() != atoi(argv[2]) || syscall(SYS_gettid) != getpid())
			fail("another id");
		if (threads() != 1)
			fail("another thread");
		if (sigtimedwait(&blocked, &info, &none) != SIGUSR1 || info.si_value.sival_int != (int)number)
			fail("the pending signal");
		if (now.tv_sec > atol(argv[3]))
			fail("a minute");
		memcpy(end, argv[3], strnlen(argv[3], sizeof(end) - 1));
	} else if (argc == 2) {
		snprintf(end, sizeof(end), "%ld", (long)now.tv_sec + 60);
		if (write(1, "ready\n", 6) != 6)
			fail("standard output");
	} else {
		return 2;
	}
	if (poll(&input, 1, 0) == 1) {
		puts("fine");
		return 0;
	}
	number++;
	snprintf(id, sizeof(id), "%d", getpid());
	snprintf(round, sizeof(round), "%ld", number);
	if (sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = (int)number }))
		fail("sigqueue");
	own_arguments = arguments;
	/* Every moment of attaching is met: from none to three milliseconds. */
	pause_ns = number * 370000 % 3000000;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, bodies[i], NULL))
			fail("a thread");
	}
	for (;;)
		pause();
}

/*
 * A program that notices what a tracer does to it, for as long as its standard
 * input is open: threads that wait in calls which are restarted after a stop
 * (signal(7)), threads that come and go, children by fork and vfork, and
 * signals of which none may be lost, doubled, reordered or changed. It says in
 * the end what was not as it must be, so its output does not depend on how long
 * it ran.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool over;
/* Signals of a thread that has ended are lost, so the caught ones come first. */
static atomic_bool caught_all;
static atomic_long interrupted, wrong, slept, polled, piped, born, forked, executed;
static atomic_long sent, seen, handled;

static void check(int fine, const char *what)
{
	if (!fine) {
		int error = errno;
		atomic_fetch_add(error == EINTR ? &interrupted : &wrong, 1);
		fprintf(stderr, "%s: %s\n", what, strerror(error));
	}
}

static void nap(long ns)
{
	struct timespec time = { 0, ns };
	errno = 0;
	check(nanosleep(&time, NULL) == 0, "nanosleep");
}

static void *sleeper(void *unused)
{
	while (!over) {
		nap(500000);
		slept++;
	}
	return unused;
}

static void *poller(void *unused)
{
	while (!over) {
		errno = 0;
		check(poll(NULL, 0, 1) == 0, "poll");
		polled++;
	}
	return unused;
}

static int ends[2];

static void *reader(void *unused)
{
	char byte = 0, expected = 0;
	for (;;) {
		errno = 0;
		ssize_t n = read(ends[0], &byte, 1);
		if (n == 0)
			return unused;
		check(n == 1 && byte == expected, "read");
		expected++;
		piped++;
	}
}

static void *writer(void *unused)
{
	char byte = 0;
	while (!over) {
		errno = 0;
		check(write(ends[1], &byte, 1) == 1, "write");
		byte++;
		if (byte % 16 == 0)
			nap(200000);
	}
	close(ends[1]);
	return unused;
}

static void *short_lived(void *number)
{
	syscall(SYS_getppid);
	return number;
}

static void *spawner(void *unused)
{
	while (!over) {
		pthread_t threads[4];
		for (long i = 0; i < 4; i++)
			if (pthread_create(&threads[i], NULL, short_lived, (void *)i))
				abort();
		for (long i = 0; i < 4; i++) {
			void *result;
			pthread_join(threads[i], &result);
			errno = 0;
			check(result == (void *)i, "thread");
			born++;
		}
		nap(1000000);
	}
	return unused;
}

static pid_t executed_by_vfork(void)
{
	pid_t child = vfork();
	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	return child;
}

static void *forker(void *unused)
{
	for (int round = 0; !over; round++) {
		int status = 0, code = round % 100;
		pid_t child = fork();
		if (child == 0) {
			for (int i = 0; i < 20; i++)
				syscall(SYS_getppid);
			_exit(code);
		}
		errno = 0;
		check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == code, "fork");
		forked++;
		child = executed_by_vfork();
		errno = 0;
		check(waitpid(child, &status, 0) == child && status == 0, "vfork");
		executed++;
		nap(1000000);
	}
	return unused;
}

/* One thread is blocked when its signals come, the other one is in and out of calls. */
struct catcher {
	pthread_t thread;
	atomic_int tid;
	int pipe[2];
	int signal;
	atomic_long next;
};
static struct catcher catchers[2];

static void catch(int signal, siginfo_t *info, void *context)
{
	(void)context;
	struct catcher *catcher = &catchers[signal == SIGUSR1 ? 0 : signal - SIGRTMIN];
	if (signal == SIGUSR1) {
		handled++;
		return;
	}
	if (info->si_value.sival_int != catcher->next || info->si_code != SI_QUEUE || info->si_pid != getpid())
		wrong++;
	catcher->next++;
	seen++;
}

static void *catcher(void *argument)
{
	struct catcher *self = argument;
	char byte;
	self->tid = (int)syscall(SYS_gettid);
	if (self == &catchers[0]) {
		/* Handlers are installed with SA_RESTART. */
		errno = 0;
		check(read(self->pipe[0], &byte, 1) == 0, "read under signals");
	} else {
		while (!caught_all)
			syscall(SYS_getppid);
	}
	return argument;
}

static void *sender(void *unused)
{
	long acknowledged = 0;
	while (!over) {
		for (int burst = 0; burst < 16; burst++) {
			for (int i = 0; i < 2; i++) {
				union sigval value = { .sival_int = (int)(sent / 2) };
				/* The queue is limited (RLIMIT_SIGPENDING). */
				while (pthread_sigqueue(catchers[i].thread, SIGRTMIN + i, value) != 0)
					nap(100000);
				sent++;
			}
			/* A second one of these while the first is pending is none: one at a time. */
			if (handled == acknowledged) {
				acknowledged++;
				pthread_kill(catchers[0].thread, SIGUSR1);
			}
		}
		while (sent - seen > 64)
			nap(100000);
		nap(500000);
	}
	/* All arrive in the end. */
	for (int i = 0; i < 20000 && (seen != sent || handled != acknowledged); i++)
		nap(500000);
	errno = 0;
	check(seen == sent, "queued signals lost");
	check(handled == acknowledged, "SIGUSR1 lost");
	caught_all = 1;
	return unused;
}

int main(void)
{
	pthread_t threads[7];
	void *(*bodies[])(void *) = { sleeper, poller, reader, writer, spawner, forker };
	struct sigaction action = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigset_t caught;
	char byte;
	sigemptyset(&caught);
	for (int i = 0; i < 2; i++) {
		sigaction(SIGRTMIN + i, &action, NULL);
		sigaddset(&caught, SIGRTMIN + i);
	}
	sigaction(SIGUSR1, &action, NULL);
	sigaddset(&caught, SIGUSR1);
	if (pipe2(ends, O_CLOEXEC))
		return 1;
	for (int i = 0; i < 2; i++) {
		if (pipe2(catchers[i].pipe, O_CLOEXEC))
			return 1;
		if (pthread_create(&catchers[i].thread, NULL, catcher, &catchers[i]))
			return 1;
		while (catchers[i].tid == 0)
			sched_yield();
	}
	pthread_sigmask(SIG_BLOCK, &caught, NULL);
	for (int i = 0; i < 6; i++)
		if (pthread_create(&threads[i], NULL, bodies[i], NULL))
			return 1;
	if (pthread_create(&threads[6], NULL, sender, NULL))
		return 1;
	puts("ready");
	fflush(stdout);
	errno = 0;
	check(read(0, &byte, 1) == 0, "read of standard input");
	over = 1;
	for (int i = 0; i < 7; i++)
		pthread_join(threads[i], NULL);
	close(catchers[0].pipe[1]);
	for (int i = 0; i < 2; i++)
		pthread_join(catchers[i].thread, NULL);
	printf("interrupted %ld, wrong %ld, idle %d\n", interrupted, wrong,
	       !slept + !polled + !piped + !born + !forked + !executed + !seen + !handled);
	return 0;
}

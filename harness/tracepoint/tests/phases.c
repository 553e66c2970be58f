/*
 * A process to attach to that makes a known number of calls when it is told to, and none of them
 * otherwise. The calls are getppid(2), which succeeds, and getpgid(2) of no process, which fails.
 *
 * phases work: two threads, a child with two threads, and a grandchild, all there from the beginning;
 *   in each phase every one of them makes its calls, and so does a child that is made for the phase.
 * phases grow: a tree that grows from the word "grow" to the word "stop"; in a phase every task makes its
 *   calls.
 *
 * On standard input a line is a word: "phase", "grow", "stop" or "end". The answer to "phase" and "stop" is
 * a line as well: how many tasks make calls, CALLS of each kind. A thread sleeps in epoll_wait(2)
 * meanwhile, which fails with EINTR where somebody stops it for a moment (signal(7)); "end" says how often.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 50, MOST = 3000 };

struct shared {
	atomic_int tasks, stop, interrupted;
};

static struct shared *shared;
static int go[2], done[2];

static void calls(void)
{
	for (int i = 0; i < CALLS; i++) {
		syscall(SYS_getppid);
		if (syscall(SYS_getpgid, -1) != -1)
			_exit(9);
	}
}

/* A byte read is a phase for one task; which task gets it does not matter, as each waits in between. */
static void *worker(void *unused)
{
	char byte;

	(void)unused;
	for (;;) {
		if (read(go[0], &byte, 1) != 1)
			_exit(8);
		calls();
		if (write(done[1], "d", 1) != 1)
			_exit(7);
		/* Until all have had theirs. */
		usleep(20000);
	}
	return NULL;
}

static void *sleeper(void *unused)
{
	struct epoll_event event;
	int epoll = epoll_create1(0);

	(void)unused;
	for (;;)
		if (epoll_wait(epoll, &event, 1, -1) == -1 && errno == EINTR)
			shared->interrupted++;
	return NULL;
}

static void thread(void *(*body)(void *))
{
	pthread_t id;

	if (pthread_create(&id, NULL, body, NULL))
		_exit(6);
	if (body == worker)
		shared->tasks++;
}

static void child(void)
{
	if (fork())
		return;
	shared->tasks += 1;
	thread(worker);
	if (!fork()) {
		shared->tasks++;
		worker(NULL);
	}
	worker(NULL);
}

/* A child every few milliseconds, and each makes a thread and a child of its own. All stay. */
static void *grow(void *unused)
{
	(void)unused;
	while (!shared->stop && shared->tasks < MOST) {
		if (!fork()) {
			shared->tasks++;
			usleep(1000);
			thread(worker);
			if (!fork())
				shared->tasks++;
			worker(NULL);
		}
		usleep(4000);
	}
	return NULL;
}

static void phase(int beside)
{
	int tasks = shared->tasks;
	char byte;

	for (int i = 0; i < tasks; i++)
		if (write(go[1], "g", 1) != 1)
			_exit(5);
	for (int i = 0; i < tasks; i++)
		if (read(done[0], &byte, 1) != 1)
			_exit(4);
	if (beside) {
		pid_t id = fork();

		if (!id) {
			calls();
			_exit(0);
		}
		if (waitpid(id, NULL, 0) != id)
			_exit(3);
	}
	usleep(100000);
	printf("%d\n", tasks + beside);
	fflush(stdout);
}

int main(int count, char **words)
{
	int grows = count > 1 && !strcmp(words[1], "grow");
	char line[64];

	setpgid(0, 0);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || pipe(go) || pipe(done))
		return 2;
	thread(sleeper);
	if (!grows) {
		thread(worker);
		thread(worker);
		child();
	}
	usleep(100000);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		if (!strcmp(line, "phase\n")) {
			phase(!grows);
		} else if (!strcmp(line, "grow\n")) {
			for (int i = 0; i < 4; i++)
				if (!fork())
					grow(NULL), sleeper(NULL);
		} else if (!strcmp(line, "stop\n")) {
			shared->stop = 1;
			/* A task that is being made is counted when it runs. */
			usleep(300000);
			printf("%d\n", shared->tasks);
			fflush(stdout);
		} else {
			printf("interrupted %d\n", shared->interrupted);
			fflush(stdout);
			kill(0, SIGKILL);
		}
	}
	kill(0, SIGKILL);
}

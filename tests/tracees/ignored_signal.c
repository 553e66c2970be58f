/* A signal that the process ignores, while its main thread sleeps in a call: SIGCHLD
 * at its default, as a child ends, or SIGUSR1 set to SIG_IGN. The first argument is the
 * signal, the others are the calls. Untraced none of them notices. */
#include "tracee.h"
#include <sys/epoll.h>
#include <sys/sem.h>

enum { LONG = 1 << 20, PIPE = 1 << 16 };

/* A call that sleeps, and what lets it return as it was asked to. */
struct call {
	const char *name;
	long number;
	long (*make)(void);
	void (*finish)(void);
};

static int ends[2];
static int semaphore = -1;
static pid_t main_thread, child;
static atomic_int returned;
static size_t received;

static long call_epoll_wait(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	return syscall(SYS_epoll_wait, epoll, &event, 1, -1);
}

static long call_read(void)
{
	char byte;
	return syscall(SYS_read, ends[0], &byte, 1);
}

static void finish_by_pipe(void)
{
	CHECK(write(ends[1], "x", 1) == 1);
}

static long call_sigtimedwait(void)
{
	unsigned long usr2 = 1ul << (SIGUSR2 - 1);
	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr2, NULL, sizeof usr2) == 0);
	return syscall(SYS_rt_sigtimedwait, &usr2, NULL, NULL, sizeof usr2);
}

static void finish_by_signal(void)
{
	CHECK(kill(getpid(), SIGUSR2) == 0);
}

static long call_semtimedop(void)
{
	struct sembuf down = {.sem_op = -1};
	CHECK((semaphore = semget(IPC_PRIVATE, 1, 0600)) >= 0);
	return syscall(SYS_semtimedop, semaphore, &down, 1, NULL);
}

static void finish_by_semaphore(void)
{
	struct sembuf up = {.sem_op = 1};
	CHECK(semop(semaphore, &up, 1) == 0);
}

/* More than the pipe holds, in one call, as a careless program writes. */
static long call_write(void)
{
	static char bytes[LONG];
	CHECK(fcntl(ends[1], F_SETPIPE_SZ, PIPE) == PIPE);
	long written = syscall(SYS_write, ends[1], bytes, sizeof bytes);
	CHECK(close(ends[1]) == 0);
	return written;
}

static void finish_by_reading(void)
{
	static char bytes[PIPE];
	ssize_t length;
	while ((length = read(ends[0], bytes, sizeof bytes)) > 0)
		received += (size_t)length;
	CHECK(length == 0);
}

static const struct call calls[] = {
	{"epoll_wait", SYS_epoll_wait, call_epoll_wait, finish_by_pipe},
	{"sigtimedwait", SYS_rt_sigtimedwait, call_sigtimedwait, finish_by_signal},
	{"semtimedop", SYS_semtimedop, call_semtimedop, finish_by_semaphore},
	{"read", SYS_read, call_read, finish_by_pipe},
	{"write", SYS_write, call_write, finish_by_reading},
};

/* A thread that takes no signal itself sends one, by the end of a child where there is
 * one, and sees whether the call goes on or returns. */
static void *disturb(void *argument)
{
	const struct call *call = argument;
	await_blocked(main_thread, call->number);
	if (child) {
		/* A child is waited for only once its SIGCHLD has been sent. */
		CHECK(kill(child, SIGKILL) == 0);
		CHECK(await_end(child) == 1000 + SIGKILL);
	} else {
		CHECK(kill(getpid(), SIGUSR1) == 0);
	}
	while (!returned && !is_blocked(main_thread, call->number))
		pause_briefly();
	if (!returned || call->number == SYS_write)
		call->finish();
	return NULL;
}

static void try(const struct call *call, int by_child)
{
	sigset_t all, before;
	CHECK(pipe(ends) == 0);
	child = 0;
	if (by_child) {
		CHECK((child = fork()) >= 0);
		if (child == 0)
			wait_for_ever(NULL);
		/* Not before: it would be another stop. */
		await_blocked(child, SYS_pause);
	}
	returned = 0;
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_BLOCK, &all, &before) == 0);
	pthread_t thread = start_thread(disturb, (void *)call);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	long result = call->make();
	int error = errno;
	returned = 1;
	CHECK(pthread_join(thread, NULL) == 0);
	if (result < 0)
		say("%s: %s\n", call->name, strerrorname_np(error));
	else if (call->number == SYS_write)
		say("write of %d: %ld, received: %zu\n", LONG, result, received);
	else
		say("%s: as asked\n", call->name);
}

int main(int argc, char **argv)
{
	CHECK(argc > 2);
	int by_child = !strcmp(argv[1], "SIGCHLD");
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	main_thread = own_tid();
	for (int i = 2; i < argc; i++)
		for (size_t j = 0; j < sizeof calls / sizeof *calls; j++)
			if (!strcmp(argv[i], calls[j].name))
				try(&calls[j], by_child);
	if (semaphore >= 0)
		CHECK(semctl(semaphore, 0, IPC_RMID) == 0);
	return 0;
}

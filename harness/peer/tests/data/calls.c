/* What the fixtures beside this file are outputs of: threads that block, vfork(2) and execve(2), a child that is
 * killed, numbers without a name, a thread that exit_group(2) ends in a call. cc -O1 -pthread -o calls calls.c */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(long ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000 };
	nanosleep(&time, NULL);
}

static void *sleeps(void *unused)
{
	nap(20);
	return unused;
}

static void *pauses(void *unused)
{
	pause();
	return unused;
}

int main(void)
{
	pthread_t thread;

	/* Its nanosleep(2) is not finished when these calls are made. */
	pthread_create(&thread, NULL, sleeps, NULL);
	nap(5);
	for (int i = 0; i < 5; i++)
		getppid();
	pthread_join(thread, NULL);

	if (vfork() == 0) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	wait(NULL);

	if (fork() == 0) {
		getppid();
		kill(getpid(), SIGKILL);
	}
	wait(NULL);

	syscall(500);
	syscall(-1);

	pthread_create(&thread, NULL, pauses, NULL);
	nap(20);
	return 0;
}

/*
 * Processes that are awkward to attach to, by the word they are given. Each
 * says "ready", goes on until its standard input ends, and then says "fine".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int until_the_end(void)
{
	char byte;
	ssize_t n = read(0, &byte, 1);
	if (n != 0)
		perror("read of standard input");
	return n == 0;
}

static void say(const char *word)
{
	if (write(1, word, strlen(word)) < 0)
		_exit(1);
}

static void *last_thread(void *unused)
{
	say("ready\n");
	if (until_the_end())
		say("fine\n");
	_exit(0);
	return unused;
}

/* Its first thread has ended: it is a zombie that cannot be seized. */
static void leaderless(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, last_thread, NULL))
		_exit(1);
	pthread_exit(NULL);
}

/* Its thread waits for a child of vfork(2), which nothing but SIGKILL interrupts. */
static void in_vfork(void)
{
	pid_t child = vfork();
	if (child == 0) {
		say("ready\n");
		_exit(until_the_end() ? 0 : 1);
	}
	say("fine\n");
}

/* One getppid(2) for each read(2), of a file that always has a byte. */
static void calling(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char byte;
	fcntl(0, F_SETFL, O_NONBLOCK);
	say("ready\n");
	for (;;) {
		for (int i = 0; i < 20; i++) {
			syscall(SYS_getppid);
			if (read(zero, &byte, 1) != 1)
				return;
		}
		if (read(0, &byte, 1) == 0)
			break;
		syscall(SYS_getppid);
	}
	say("fine\n");
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	if (!strcmp(word, "leaderless"))
		leaderless();
	else if (!strcmp(word, "vfork"))
		in_vfork();
	else if (!strcmp(word, "calling"))
		calling();
	else
		return 2;
	return 0;
}

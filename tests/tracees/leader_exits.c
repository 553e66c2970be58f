/* The leader ends first; the process lives on in its other thread. */
#include "tracee.h"

static void *survivor(void *unused)
{
	(void)unused;
	await_state(getpid(), "Z");
	say("the leader is gone, the process has an id: %s\n", getpid() != own_tid() ? "yes" : "no");
	syscall(SYS_getppid);
	_exit(6);
}

int main(void)
{
	start_thread(survivor, NULL);
	pthread_exit(NULL);
}

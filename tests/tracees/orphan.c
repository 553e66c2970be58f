/* A daemon, made as daemons are: by forking twice and setsid(2). It outlives the
 * process that was started. */
#include "tracee.h"

int main(void)
{
	pid_t first = getpid();
	pid_t child = fork();
	CHECK(child >= 0);
	if (child > 0)
		_exit(0);
	CHECK(setsid() == getpid());
	child = fork();
	CHECK(child >= 0);
	if (child > 0)
		_exit(0);
	while (kill(first, 0) == 0)
		pause_briefly();
	say("orphan: leads its session: %s\n", getsid(0) == getpid() ? "yes" : "no");
	_exit(7);
}

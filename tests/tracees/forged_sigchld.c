/* Sends itself the SIGCHLD of a child that it never had: of process 1. */
#include "tracee.h"

static siginfo_t got;

static void note(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	got = *info;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
	siginfo_t forged = {.si_signo = SIGCHLD, .si_code = CLD_EXITED};
	forged.si_pid = 1;
	CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGCHLD, &forged) == 0);
	say("told of the end of process %d\n", got.si_pid);
	return 0;
}

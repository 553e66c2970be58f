/* SIGTRAP from raise(3), from int3 and from a breakpoint instruction in a child:
 * the handler runs exactly once for each. */
#include "tracee.h"

static volatile sig_atomic_t count, code;

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	count++;
	code = info->si_code;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
	raise(SIGTRAP);
	say("raise: %d, code %d\n", count, code);
	__asm__ volatile("int3");
	say("int3: %d, code %d\n", count, code);
	signal(SIGTRAP, SIG_DFL);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		__asm__ volatile("int3");
		_exit(0);
	}
	say("by default: %d\n", await_end(child));
	return 0;
}

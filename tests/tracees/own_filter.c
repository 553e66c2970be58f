/* Filters of the program's own; the argument says what they answer. */
#include "tracee.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

static void install(long number, unsigned action)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {4, program};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0);
}

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	say("signal %d, code %d, call %d\n", signal, info->si_code, info->si_syscall);
}

static void report(long result)
{
	if (result >= 0)
		say("geteuid(2): as asked\n");
	else
		say("geteuid(2): %s\n", strerrorname_np(errno));
}

static atomic_int caller;

static void *call_geteuid(void *unused)
{
	caller = own_tid();
	syscall(SYS_geteuid);
	say("the thread went on\n");
	return unused;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	const char *what = argv[1];
	say("%s\n", what);
	if (!strcmp(what, "errno")) {
		install(SYS_geteuid, SECCOMP_RET_ERRNO | EXFULL);
		report(syscall(SYS_geteuid));
	} else if (!strcmp(what, "trace")) {
		install(SYS_geteuid, SECCOMP_RET_TRACE | 0x4d);
		report(syscall(SYS_geteuid));
	} else if (!strcmp(what, "trap")) {
		struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
		CHECK(sigaction(SIGSYS, &action, NULL) == 0);
		install(SYS_geteuid, SECCOMP_RET_TRAP | 0x4d);
		syscall(SYS_geteuid);
		signal(SIGSYS, SIG_DFL);
		syscall(SYS_geteuid);
		say("it went on\n");
	} else if (!strcmp(what, "kill-process")) {
		install(SYS_geteuid, SECCOMP_RET_KILL_PROCESS);
		start_thread(call_geteuid, NULL);
		wait_for_ever(NULL);
	} else if (!strcmp(what, "kill-thread")) {
		install(SYS_geteuid, SECCOMP_RET_KILL_THREAD);
		CHECK(pthread_join(start_thread(call_geteuid, NULL), NULL) == 0);
		await_gone(caller);
		say("the process went on\n");
	} else {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0) {
			say("strict mode: %s\n", strerrorname_np(errno));
			return 0;
		}
		say("in strict mode\n");
		syscall(SYS_geteuid);
		say("it went on\n");
	}
	return 0;
}

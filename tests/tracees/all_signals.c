/* Every signal that can be caught, sent with a value: each arrives once, with
 * the siginfo that it was sent with. */
#include "tracee.h"

/* The kernel's own structure: the C library keeps two signals for itself. */
struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

extern void restorer(void);
__asm__(".globl restorer\n"
	"restorer:\n\t"
	"mov $15, %eax\n\t" /* rt_sigreturn */
	"syscall");

static volatile int seen[65], right[65];

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	seen[signal]++;
	right[signal] = info->si_signo == signal && info->si_code == SI_QUEUE && info->si_errno == 0 &&
			info->si_pid == getpid() && info->si_uid == getuid() &&
			info->si_value.sival_int == 7000 + signal;
}

int main(void)
{
	int once = 0, unchanged = 0;
	for (int signal = 1; signal <= 64; signal++) {
		if (signal == SIGKILL || signal == SIGSTOP)
			continue;
		struct kernel_action action = {
			.handler = handler,
			.flags = SA_SIGINFO | 0x04000000 /* SA_RESTORER */,
			.restorer = restorer,
		};
		CHECK(syscall(SYS_rt_sigaction, signal, &action, NULL, 8) == 0);
		siginfo_t info = {
			.si_signo = signal,
			.si_code = SI_QUEUE,
		};
		info.si_pid = getpid();
		info.si_uid = getuid();
		info.si_value.sival_int = 7000 + signal;
		CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), own_tid(), signal, &info) == 0);
		once += seen[signal] == 1;
		unchanged += right[signal];
	}
	say("once: %d, unchanged: %d\n", once, unchanged);
	return 0;
}

/* Children that share the parent's memory while it sleeps: posix_spawn(3), and
 * clone3(2) with CLONE_VM and CLONE_VFORK. */
#include "tracee.h"
#include <linux/sched.h>
#include <spawn.h>

static char stack[16384] __attribute__((aligned(16)));

/* The child calls `body` on its own stack and exits with what that returns. */
static long call_clone3(struct clone_args *arguments, int (*body)(void))
{
	register long result __asm__("rax") = SYS_clone3;
	register struct clone_args *first __asm__("rdi") = arguments;
	register size_t second __asm__("rsi") = sizeof *arguments;
	register int (*function)(void) __asm__("r12") = body;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%%r12\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov $60, %%eax\n\t"
			 "syscall\n"
			 "1:"
			 : "+r"(result)
			 : "r"(first), "r"(second), "r"(function)
			 : "rcx", "r11", "memory");
	return result;
}

static int in_child(void)
{
	return 6;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "child")) {
		say("child\n");
		return 5;
	}
	pid_t child;
	if (!strcmp(argv[1], "posix_spawn")) {
		char *words[] = {"tracee", "child", NULL};
		errno = posix_spawn(&child, "/proc/self/exe", NULL, NULL, words, environ);
		CHECK(errno == 0);
	} else {
		struct clone_args arguments = {
			.flags = CLONE_VM | CLONE_VFORK,
			.exit_signal = SIGCHLD,
			.stack = (uintptr_t)stack,
			.stack_size = sizeof stack,
		};
		long result = call_clone3(&arguments, in_child);
		errno = (int)-result;
		CHECK(result > 0);
		child = (pid_t)result;
	}
	say("parent: %d\n", await_end(child));
	return 0;
}

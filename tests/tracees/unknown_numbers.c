/* Numbers that no table has, numbers with the x32 bit, and the i386 entry. */
#include "tracee.h"

static long raw(long number)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
	return result;
}

static long by_int80(long number)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static void no_entry(int signal)
{
	(void)signal;
	skip("the kernel has no i386 entry (CONFIG_IA32_EMULATION)");
}

static void report(const char *name, long result)
{
	if (result == getpid())
		say("%s: its process id\n", name);
	else
		say("%s: %ld\n", name, result);
}

int main(void)
{
	signal(SIGSEGV, no_entry);
	by_int80(20);
	signal(SIGSEGV, SIG_DFL);
	report("1000", raw(1000));
	report("-1", raw(-1));
	report("x32 39", raw(0x40000000 | 39));
	report("x32 1000", raw(0x40000000 | 1000));
	report("upper half", raw(0x100000000 | 39));
	report("i386 20", by_int80(20));
	report("i386 1000", by_int80(1000));
	report("i386 -1", by_int80(-1));
	return 0;
}

/* i386 calls of a 64-bit program: 1000 of getpid(2), 10 of write(2); and 100 native ones of getppid(2),
 * whose number is that of iopl(2) there. Where the kernel has no i386 entry it makes none. */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static long by_int80(long number, long first, long second, long third)
{
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static void no_entry(int signal)
{
	(void)signal;
	_exit(0);
}

int main(void)
{
	signal(SIGSEGV, no_entry);
	for (int i = 0; i < 1000; i++)
		by_int80(20, 0, 0, 0);
	for (int i = 0; i < 10; i++)
		by_int80(4, 1, 0, 0);
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	return 0;
}

/* An i386 program without a C library: 100 calls of getpid(2), 10 of close(2) that fail, and 3 children
 * that it waits for. Numbers are those of arch/x86/entry/syscalls/syscall_32.tbl. */
enum { FORK = 2, CLOSE = 6, WAITPID = 7, GETPID = 20, EXIT_GROUP = 252 };

static long call(long number, long first, long second, long third)
{
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "memory");
	return result;
}

void _start(void)
{
	for (int i = 0; i < 100; i++)
		call(GETPID, 0, 0, 0);
	for (int i = 0; i < 10; i++)
		call(CLOSE, -1, 0, 0);
	for (int i = 0; i < 3; i++) {
		long child = call(FORK, 0, 0, 0);
		if (child == 0)
			call(EXIT_GROUP, 0, 0, 0);
		call(WAITPID, child, 0, 0);
	}
	call(EXIT_GROUP, 0, 0, 0);
}

/* Three getppid(2), with INT80 one getpid(2) of i386, and exit_group(2): no C library, so no other call. */
static long call(long number, long argument)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(argument) : "rcx", "r11", "memory");
	return result;
}

void _start(void)
{
	for (int i = 0; i < 3; i++)
		call(110, 0);
#ifdef INT80
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
#endif
	call(231, 5);
	__builtin_unreachable();
}

/* Calls of two ABIs by one process and its child. cc -O1 -o int80 int80.c */
#include <sys/wait.h>
#include <unistd.h>

/* unistd_32.h */
enum { GETPID = 20, GETPPID = 64, NO_NAME = 600 };

static long int80(long number)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

int main(void)
{
	getppid();
	for (int i = 0; i < 3; i++)
		int80(GETPPID);
	int80(NO_NAME);
	getppid();

	if (fork() == 0) {
		int80(GETPID);
		int80(GETPID);
		getpid();
		_exit(0);
	}
	wait(NULL);
	return 0;
}

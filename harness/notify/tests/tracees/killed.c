/* Kills 300 children while they make getppid(2) again and again. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	for (int i = 0; i < 300; i++) {
		pid_t child = fork();
		if (child == 0)
			for (;;)
				syscall(SYS_getppid);
		if (child < 0)
			return 1;
		usleep(100 + 7 * (unsigned)i % 300);
		int status;
		if (kill(child, SIGKILL) != 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
			return 2;
	}
	return 0;
}

/* Four processes of three threads each; every thread makes 50 getppid(2). */
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *calls(void *unused)
{
	for (int i = 0; i < 50; i++)
		syscall(SYS_getppid);
	return unused;
}

static void work(void)
{
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, calls, NULL) != 0)
			_exit(1);
	calls(NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			work();
			_exit(0);
		}
	}
	work();
	for (int i = 0; i < 3; i++) {
		int status;
		if (wait(&status) < 0 || status != 0)
			return 1;
	}
	return 7;
}

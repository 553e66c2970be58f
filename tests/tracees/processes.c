/* Many processes: so many that live at once, and so many short ones in a row. */
#include "tracee.h"

int main(int argc, char **argv)
{
	CHECK(argc > 2);
	int alive = atoi(argv[1]), row = atoi(argv[2]), right = 0, ends[2];
	CHECK(pipe(ends) == 0);
	for (int i = 0; i < alive; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			char byte;
			close(ends[1]);
			/* Until all are there. */
			_exit(read(ends[0], &byte, 1) == 0 ? 1 : 0);
		}
	}
	close(ends[1]);
	int sum = 0;
	for (int i = 0; i < alive; i++)
		sum += await_end(-1) == 1;
	for (int i = 0; i < row; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			_exit(2);
		right += await_end(child) == 2;
	}
	say("alive at once: %d, in a row: %d\n", sum, right);
	return 0;
}

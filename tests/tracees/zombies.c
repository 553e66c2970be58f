/* Children that end before their parent, which never takes their status: whoever
 * inherits them is told of their ends again. */
#include "tracee.h"

/* Waits for the end of a child, which stays a zombie. */
static void see_end_of(pid_t child)
{
	siginfo_t info;
	CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
}

int main(void)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child > 0) {
		see_end_of(child);
		_exit(0);
	}
	pid_t children[3];
	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0)
			_exit(i + 1);
	}
	for (int i = 0; i < 3; i++)
		see_end_of(children[i]);
	_exit(7);
}

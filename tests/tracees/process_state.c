/* What a process finds of itself and of its child; the argument says which. */
#include "tracee.h"

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	const char *what = argv[1];
	if (!strcmp(what, "tracer")) {
		const char *line = strstr(proc(getpid(), "status"), "\nTracerPid:");
		CHECK(line);
		say("TracerPid: %s\n", atoi(strchr(line, ':') + 1) ? "a process" : "0");
	} else if (!strcmp(what, "seccomp")) {
		const char *line = strstr(proc(getpid(), "status"), "\nSeccomp:");
		CHECK(line);
		say("PR_GET_SECCOMP: %d\n", prctl(PR_GET_SECCOMP));
		say("Seccomp: %d\n", atoi(strchr(line, ':') + 1));
	} else if (!strcmp(what, "parent-death")) {
		int signal = -1;
		CHECK(prctl(PR_GET_PDEATHSIG, &signal) == 0);
		say("PR_GET_PDEATHSIG: %d\n", signal);
	} else {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			CHECK(raise(SIGSTOP) == 0);
			_exit(0);
		}
		int status;
		CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		say("a stopped child: %c\n", state(child));
		CHECK(kill(child, SIGKILL) == 0);
		CHECK(await_end(child) == 1000 + SIGKILL);
	}
	return 0;
}

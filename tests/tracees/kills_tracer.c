/* A tree with threads, an orphan in a session of its own, a stopped process and a
 * process in vfork(2) kills its tracer, or an ancestor of it so many generations
 * before: 1 is the guardian, 2 the harness. It waits for its own end. */
#include "tracee.h"

static pid_t number_behind(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	return line ? atoi(line + strlen(name)) : 0;
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	pid_t tracer = number_behind(proc(getpid(), "status"), "TracerPid:");
	if (tracer == 0)
		tracer = getppid();
	atomic_int *up = shared(sizeof *up);
	pid_t child = fork();
	if (child == 0) {
		setsid();
		if (fork() == 0) {
			start_thread(wait_for_ever, NULL);
			++*up;
			wait_for_ever(NULL);
		}
		_exit(0);
	}
	CHECK(await_end(child) == 0);
	child = fork();
	if (child == 0)
		wait_for_ever(NULL);
	int status;
	CHECK(kill(child, SIGSTOP) == 0);
	CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	if (fork() == 0) {
		if (vfork() == 0)
			++*up;
		for (;;)
			pause();
	}
	while (*up < 2)
		pause_briefly();
	for (int generation = atoi(argv[1]); generation > 0; generation--)
		tracer = number_behind(proc(tracer, "status"), "PPid:");
	say("killing\n");
	kill(tracer, SIGKILL);
	wait_for_ever(NULL);
}

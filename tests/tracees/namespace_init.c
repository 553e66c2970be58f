/* PID 1 of a pid namespace, which signals of its namespace neither stop nor end, with
 * SIGSTOP from there, or with a fault whose signal it does not handle. */
#include "tracee.h"
#include <sys/resource.h>

static struct board {
	atomic_int go;
	atomic_int sent;
} *board;

/* Times a thread gave up its processor: at every stop, among others. */
static long voluntary_switches(pid_t tid)
{
	const char *line = strstr(proc(tid, "status"), "\nvoluntary_ctxt_switches:");
	return line ? atol(strchr(line, ':') + 1) : 0;
}

static void is_stopped_from_within(void)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		while (!board->go)
			pause_briefly();
		CHECK(kill(1, SIGSTOP) == 0);
		board->sent = 1;
	}
	wait_for_ever(NULL);
}

static void see_whether_it_stops(pid_t init)
{
	await_blocked(init, SYS_pause);
	board->go = 1;
	while (!board->sent)
		pause_briefly();
	for (;;) {
		int status;
		if (waitpid(init, &status, WUNTRACED | WNOHANG) == init) {
			say("PID 1 is stopped: %s\n", WIFSTOPPED(status) ? "yes" : "no, it ended");
			break;
		}
		if (is_blocked(init, SYS_pause)) {
			say("PID 1 is stopped: no\n");
			break;
		}
		pause_briefly();
	}
	CHECK(kill(init, SIGKILL) == 0);
	say("ended with %d\n", await_end(init));
}

static void see_whether_it_ends(pid_t init)
{
	for (;;) {
		int status;
		if (waitpid(init, &status, WNOHANG) == init) {
			say("PID 1 ended by signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
			return;
		}
		if (voluntary_switches(init) > 100)
			break;
		pause_briefly();
	}
	say("PID 1 makes its fault again and again\n");
	CHECK(kill(init, SIGKILL) == 0);
	CHECK(await_end(init) == 1000 + SIGKILL);
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int stops = !strcmp(argv[1], "stop");
	const struct rlimit no_core = {0, 0};
	CHECK(setrlimit(RLIMIT_CORE, &no_core) == 0);
	board = shared(sizeof *board);
	long init = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (init < 0 && errno == EPERM)
		init = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (init < 0)
		skip("no pid namespace can be made here");
	if (init == 0) {
		if (stops)
			is_stopped_from_within();
		__builtin_trap();
	}
	(stops ? see_whether_it_stops : see_whether_it_ends)((pid_t)init);
	return 0;
}

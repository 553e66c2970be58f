/* What reaches a process while its call waits for a supervisor (seccomp_unotify(2)) that has not
 * received it: a signal with a handler, with SA_RESTART or without, one while the process returns
 * from a handler, or SIGKILL. The argument says which.
 *
 * The supervisor is stopped for that time, and the first process makes no call that it would have to
 * answer. Nobody else is stopped: a tracer would have to restart the first process, and nobody need be
 * where there is no filter. */
#include "tracee.h"
#include <sys/resource.h>

static struct board {
	atomic_int go;
	atomic_int returned;
	atomic_int error;
	atomic_int end;
} *board;

static pid_t supervisor;

static int number_of(const char *name)
{
	const char *line = strstr(proc(getpid(), "status"), name);
	CHECK(line);
	return atoi(strchr(line, ':') + 1);
}

static void hold(void)
{
	if (number_of("\nTracerPid:") == 0 && number_of("\nSeccomp:") == 2)
		supervisor = number_of("\nPPid:");
	if (supervisor) {
		CHECK(kill(supervisor, SIGSTOP) == 0);
		await_state(supervisor, "T");
	}
}

static void let_go(void)
{
	if (supervisor)
		CHECK(kill(supervisor, SIGCONT) == 0);
}

static volatile sig_atomic_t handled;

static void handler(int signal)
{
	(void)signal;
	handled = 1;
}

/* Ends a program whose rt_sigreturn(2) returns, which it never does. */
void after_handler(void);
__asm__(".globl after_handler\nafter_handler:\n\tmov $15, %eax\n\tsyscall\n\tud2\n");

/* The kernel's own structure: the C library has a restorer of its own. */
static void handle(unsigned long flags)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} action = {handler, flags | 0x04000000 /* SA_RESTORER */, after_handler, 0};
	CHECK(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8) == 0);
}

/* Until the process is blocked in the call, or has come back from it. */
static void await_call(pid_t process, long call)
{
	while (!board->returned && !is_blocked(process, call))
		pause_briefly();
}

static void send(pid_t process)
{
	CHECK(kill(process, SIGUSR1) == 0);
	while (is_pending(process, 1ul << (SIGUSR1 - 1)))
		pause_briefly();
}

static void be_signalled(int calls)
{
	while (!board->go)
		pause_briefly();
	if (calls && syscall(SYS_getppid) < 0)
		board->error = errno;
	board->returned = calls;
	while (!board->end) {
		pause_briefly();
		if (handled)
			board->returned = 1;
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	int kills = !strcmp(argv[1], "kill"), in_handler = !strcmp(argv[1], "sigreturn");
	const struct rlimit no_core = {0, 0};
	CHECK(setrlimit(RLIMIT_CORE, &no_core) == 0);
	board = shared(sizeof *board);
	/* While the handler returns its signal would wait to be unblocked by just that. */
	handle(!strcmp(argv[1], "restart") ? SA_RESTART : in_handler ? SA_NODEFER : 0);
	pid_t process = fork();
	CHECK(process >= 0);
	if (process == 0)
		be_signalled(!in_handler);
	hold();
	board->go = 1;
	if (in_handler) {
		send(process);
		await_call(process, SYS_rt_sigreturn);
		send(process);
	} else {
		await_call(process, SYS_getppid);
		if (kills) {
			CHECK(kill(process, SIGKILL) == 0);
			/* A call of a process that is still to notice can be received and answered. */
			await_state(process, "Z");
		} else {
			send(process);
		}
	}
	board->end = 1;
	let_go();
	int end = await_end(process);
	if (!kills && !in_handler)
		say("getppid(2): %s\n", board->error ? strerrorname_np(board->error) : "as asked");
	say("ended with %d\n", end);
	return 0;
}

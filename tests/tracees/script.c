/* A program whose calls its first argument says: a letter an operation, some with a script of their own in
 * parentheses. The same script makes the same calls each time, whichever process is the faster one, but for
 * sched_yield(2) and pread64(2), by which one task waits for another. `counts_agree` has the letters in a table. */
#include "tracee.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/utsname.h>

enum { TASKS = 8, STACK = 1 << 16 };

extern char **environ;

struct script {
	const char *at, *end;
};

struct thread {
	struct script script;
	void (*body)(struct script);
	char *stack;
	atomic_int running;
};

static void run(struct script script);

static long raw(long number)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
	return result;
}

static long by_int80(long number, long first)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first) : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static void nothing(int signal)
{
	(void)signal;
}

/* A child that does it and exits. Not by fork(3), which asks the C library's threads. */
static pid_t child(long call, void (*body)(struct script), struct script script)
{
	pid_t pid = call == SYS_fork ? (pid_t)syscall(SYS_fork) : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	CHECK(pid >= 0);
	if (pid == 0) {
		body(script);
		_exit(0);
	}
	return pid;
}

static void await_child(pid_t pid)
{
	int status;
	CHECK(syscall(SYS_wait4, pid, &status, __WALL, NULL) == pid);
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
}

static int thread_body(void *argument)
{
	struct thread *thread = argument;
	thread->body(thread->script);
	return 0;
}

/* Not by pthread_create(3), whose calls depend on who is faster. Threads share errno, which nobody reads. */
static void start(struct thread *thread, void (*body)(struct script), struct script script)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			  CLONE_CHILD_CLEARTID;
	thread->script = script;
	thread->body = body;
	thread->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(thread->stack != MAP_FAILED);
	thread->running = 1;
	CHECK(clone(thread_body, thread->stack + STACK, flags, thread, NULL, NULL, &thread->running) > 0);
}

static void join(struct thread *thread)
{
	while (thread->running)
		sched_yield();
	CHECK(munmap(thread->stack, STACK) == 0);
}

/* Until a task sleeps, which the callers' tasks do in pause(2) alone. */
static void await_sleep(pid_t pid)
{
	char path[64], text[512], *end;
	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	do {
		sched_yield();
		ssize_t length = pread(fd, text, sizeof text - 1, 0);
		CHECK(length > 0);
		text[length] = 0;
		end = strrchr(text, ')');
	} while (!end || end[2] != 'S');
	close(fd);
}

static void execute(struct script script)
{
	char text[4096];
	snprintf(text, sizeof text, "%.*s", (int)(script.end - script.at), script.at);
	char *const arguments[] = {"script", text, NULL};
	execve("/proc/self/exe", arguments, environ);
	fail("execve");
}

static void vfork_execute(struct script script)
{
	pid_t pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0)
		execute(script);
	await_child(pid);
}

static void vfork_exit(void)
{
	pid_t pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(0);
	await_child(pid);
}

static void sleeper(struct script script)
{
	(void)script;
	pause();
}

static void kill_in_call(void)
{
	pid_t pid = child(SYS_fork, sleeper, (struct script){0});
	await_sleep(pid);
	CHECK(kill(pid, SIGKILL) == 0);
	await_child(pid);
}

static void exit_beside_leader(struct script script)
{
	(void)script;
	await_sleep(getpid());
	_exit(0);
}

static void execute_beside_leader(struct script script)
{
	await_sleep(getpid());
	execute(script);
}

static void leader_ends_in_call(struct script script)
{
	struct thread thread;
	start(&thread, script.at ? execute_beside_leader : exit_beside_leader, script);
	pause();
}

static void killed_by(struct script script)
{
	kill(getpid(), *script.at == 'A' ? SIGKILL : SIGTERM);
}

static void stop_itself(struct script script)
{
	(void)script;
	kill(getpid(), SIGSTOP);
}

static void stop_and_continue(void)
{
	int status;
	pid_t pid = child(SYS_fork, stop_itself, (struct script){0});
	CHECK(syscall(SYS_wait4, pid, &status, WUNTRACED, NULL) == pid && WIFSTOPPED(status));
	CHECK(kill(pid, SIGCONT) == 0);
	await_child(pid);
}

/* From here on mkdir(2) is denied. */
static void run_filtered(struct script script)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	run(script);
}

static void signal_itself(void)
{
	CHECK(syscall(SYS_tgkill, getpid(), own_tid(), SIGUSR1) == 0);
}

static void suspended_by_signal(void)
{
	sigset_t usr1, chld;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	signal_itself();
	CHECK(sigsuspend(&chld) == -1);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
}

static void pipe_through(void)
{
	int ends[2];
	char bytes[8] = "pipe";
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(write(ends[1], bytes, sizeof bytes) == sizeof bytes);
	CHECK(read(ends[0], bytes, sizeof bytes) == sizeof bytes);
	close(ends[0]);
	close(ends[1]);
}

/* The script in the parentheses that begin at `at`. */
static struct script inner(const char *at)
{
	const char *end = at;
	int depth = 0;
	CHECK(*at == '(');
	do {
		CHECK(*end);
		depth += (*end == '(') - (*end == ')');
		end++;
	} while (depth);
	return (struct script){at + 1, end - 1};
}

static void run(struct script script)
{
	struct thread threads[TASKS];
	pid_t children[TASKS];
	int thread_count = 0, child_count = 0;
	struct utsname names;
	while (script.at < script.end) {
		const char *letter = script.at++;
		struct script own = {0};
		if (script.at < script.end && *script.at == '(') {
			own = inner(script.at);
			script.at = own.end + 1;
		}
		switch (*letter) {
		case 'g': syscall(SYS_getppid); break;
		case 'c': uname(&names); break;
		case 'n': open("/no/such/file", O_RDONLY); break;
		case 'b': close(-1); break;
		case 'l': lseek(-1, 0, SEEK_SET); break;
		case 'y': prctl(-1, 0, 0, 0, 0); break;
		case 'm': case 'M': mkdir("/no/such/directory", 0700); break;
		case 'q': execve("/no/such/program", environ, environ); break;
		case 'u': raw(9999); break;
		case 'U': raw(-1); break;
		case 'x': raw(0x40000000 | 9999); break;
		case 'i': by_int80(20, 0); break;
		case 'I': by_int80(6, -1); break;
		case 'p': pipe_through(); break;
		case 's': signal_itself(); break;
		case 'S': suspended_by_signal(); break;
		case 'f': await_child(child(SYS_fork, run, own)); break;
		case 'F':
			CHECK(child_count < TASKS);
			children[child_count++] = child(SYS_clone, run, own);
			break;
		case 't':
			start(&threads[TASKS - 1], run, own);
			join(&threads[TASKS - 1]);
			break;
		case 'T':
			CHECK(thread_count < TASKS - 1);
			start(&threads[thread_count++], run, own);
			break;
		case 'v': vfork_execute(own); break;
		case 'V': vfork_exit(); break;
		case 'e': await_child(child(SYS_fork, execute, own)); break;
		case 'X': case 'K': await_child(child(SYS_fork, leader_ends_in_call, own)); break;
		case 'k': kill_in_call(); break;
		case 'a': case 'A': await_child(child(SYS_fork, killed_by, (struct script){letter, NULL})); break;
		case 'z': stop_and_continue(); break;
		case 'D': await_child(child(SYS_fork, run_filtered, own)); break;
		default: fail("a letter that is no operation");
		}
	}
	for (int i = 0; i < child_count; i++)
		await_child(children[i]);
	for (int i = 0; i < thread_count; i++)
		join(&threads[i]);
}

int main(int count, char **arguments)
{
	sigset_t chld;
	CHECK(count == 2);
	/* Untraced, a blocked SIGCHLD ends no call; traced, an ignored one would. */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_SETMASK, &chld, NULL);
	signal(SIGUSR1, nothing);
	run((struct script){arguments[1], arguments[1] + strlen(arguments[1])});
	return 0;
}

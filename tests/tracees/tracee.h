/* What the programs of the conformance suite share. Each is one scenario: it
 * says what it did in the file `out` of its working directory, and waits for
 * others by pipes, shared memory and states in /proc, never by the clock. */
#ifndef TRACEE_H
#define TRACEE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Appends to `out` with one write(2). */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
	static int out = -1;
	char text[4096];
	va_list values;
	va_start(values, format);
	int length = vsnprintf(text, sizeof text, format, values);
	va_end(values);
	if (out < 0)
		out = open("out", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (length < 0 || write(out, text, (size_t)length) != length)
		_exit(98);
}

/* Ends a program that cannot do what it is for. */
static inline void fail(const char *what)
{
	say("FAILED: %s: %s\n", what, strerror(errno));
	_exit(99);
}

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			fail(#condition); \
	} while (0)

/* Ends a program whose scenario cannot be had here; the suite skips it. */
static inline void skip(const char *why)
{
	say("%s", why);
	_exit(77);
}

/* Executes this program again, with another first argument. The link is the
 * thread's own, as that of the process is gone with a leader that has exited. */
static inline void execute_again(const char *word)
{
	execl("/proc/thread-self/exe", "tracee", word, (char *)NULL);
	fail("execl");
}

static inline pid_t own_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* Memory that survives fork(2) as the same memory. */
static inline void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

static inline void pause_briefly(void)
{
	const struct timespec time = {.tv_nsec = 1000000};
	nanosleep(&time, NULL);
}

/* A file of a thread in /proc; empty once the thread is gone. */
static inline const char *proc(pid_t tid, const char *file)
{
	static _Thread_local char text[4096];
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", tid, file);
	text[0] = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t length = read(fd, text, sizeof text - 1);
		text[length > 0 ? length : 0] = 0;
		close(fd);
	}
	return text;
}

/* State of proc_pid_stat(5); 0 once the thread is gone. */
static inline char state(pid_t tid)
{
	const char *end = strrchr(proc(tid, "stat"), ')');
	return end ? end[2] : 0;
}

/* Waits until a thread is in one of these states. */
static inline void await_state(pid_t tid, const char *states)
{
	for (;;) {
		char now = state(tid);
		if (now && strchr(states, now))
			return;
		pause_briefly();
	}
}

/* Waits until a thread that has ended is gone, also for its tracer: while it is
 * not, exit_group(2) changes the code that it is reported with. */
static inline void await_gone(pid_t tid)
{
	while (state(tid))
		pause_briefly();
}

/* Whether one of these signals is pending for a thread or for its process. */
static inline int is_pending(pid_t tid, unsigned long signals)
{
	unsigned long own = ~0ul, all = ~0ul;
	const char *line = strstr(proc(tid, "status"), "SigPnd:");
	if (line)
		sscanf(line, "SigPnd: %lx ShdPnd: %lx", &own, &all);
	return ((own | all) & signals) != 0;
}

/* Whether a thread sleeps in a call, with no signal still to be taken; in a
 * ptrace-stop its state is another. */
static inline int is_blocked(pid_t tid, long call)
{
	return !is_pending(tid, ~0ul) && state(tid) == 'S' && atol(proc(tid, "syscall")) == call;
}

/* Waits until a thread is blocked in a call. Once is not enough: the call may wait for a supervisor
 * (seccomp_unotify(2)) that is still to let it go on. A supervisor answers calls in their order, so
 * it has, once it has answered one of the calls that looking a second time makes. */
static inline void await_blocked(pid_t tid, long call)
{
	for (int seen = 0; seen < 2; seen = is_blocked(tid, call) ? seen + 1 : 0)
		pause_briefly();
}

/* Waits for a child's end; its exit code, or 1000 and the signal. */
static inline int await_end(pid_t child)
{
	int status;
	pid_t ended = waitpid(child, &status, __WALL);
	CHECK(child < 0 ? ended > 0 : ended == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline pthread_t start_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	errno = pthread_create(&thread, NULL, body, argument);
	CHECK(errno == 0);
	return thread;
}

static inline void *wait_for_ever(void *unused)
{
	while (pause() < 0)
		;
	return unused;
}

#endif

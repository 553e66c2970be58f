/* What a program finds of its process. */
#include "tracee.h"
#include <dirent.h>
#include <sys/resource.h>

/* The kernel's own structure, as the C library hides two signals. */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static void say_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	CHECK(directory);
	for (int fd = 0; fd < 64; fd++)
		if (fd != dirfd(directory) && fcntl(fd, F_GETFD) >= 0)
			say("descriptor %d: flags %d\n", fd, fcntl(fd, F_GETFD));
	closedir(directory);
}

int main(int argc, char **argv)
{
	unsigned long mask = 1, pending = 1;
	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8) == 0);
	CHECK(syscall(SYS_rt_sigpending, &pending, 8) == 0);
	/* Before `out` is open. */
	int open_at_start = 0;
	for (int fd = 0; fd < 1024; fd++)
		open_at_start += fcntl(fd, F_GETFD) >= 0;
	say("descriptors: %d\n", open_at_start);
	say_descriptors();
	say("blocked: %lx, pending: %lx\n", mask, pending);
	for (int signal = 1; signal <= 64; signal++) {
		struct kernel_action action = {0};
		CHECK(syscall(SYS_rt_sigaction, signal, NULL, &action, 8) == 0);
		if (action.handler || action.flags || action.mask)
			say("signal %d: %p\n", signal, action.handler);
	}
	mode_t mode = umask(0);
	say("umask: %o\n", mode);
	for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
		struct rlimit limit;
		CHECK(getrlimit(resource, &limit) == 0);
		say("limit %d: %lx %lx\n", resource, limit.rlim_cur, limit.rlim_max);
	}
	char path[4096];
	CHECK(getcwd(path, sizeof path));
	say("directory: %s\n", strrchr(path, '/'));
	for (int i = 0; i < argc; i++)
		say("argument: %s\n", i ? argv[i] : strrchr(argv[i], '/'));
	/* The harness gives it a padding, in every mode. */
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, "HARNESS_PADDING=", 16))
			say("environment: %s\n", *variable);
	say("parent is its parent: %s\n", getppid() == atoi(strstr(proc(getpid(), "status"), "PPid:") + 5) ? "yes" : "no");
	say("leads its group: %s, its session: %s\n", getpgid(0) == getpid() ? "yes" : "no",
	    getsid(0) == getpid() ? "yes" : "no");
	say("dumpable: %d, subreaper: ", prctl(PR_GET_DUMPABLE));
	int subreaper = 1;
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0);
	say("%d\n", subreaper);
	say("priority: %d, scheduler: %d, timer slack: %d, persona: %lx\n", getpriority(PRIO_PROCESS, 0),
	    sched_getscheduler(0), prctl(PR_GET_TIMERSLACK), syscall(SYS_personality, 0xffffffff));
	return 0;
}

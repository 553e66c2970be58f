/* Executes the set-user-ID program `privileged`, a copy of itself, which says
 * with whose rights it runs. */
#include "tracee.h"

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	if (!strcmp(argv[1], "executed")) {
		say("rights of %s\n", geteuid() == getuid() ? "the caller" : "the file's owner");
		return 0;
	}
	say("executing\n");
	execl(argv[1], "tracee", "executed", (char *)NULL);
	fail("execl");
}

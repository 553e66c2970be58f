/* A program that executes another. */
#include "tracee.h"

int main(int argc, char **argv)
{
	say("%s\n", argc > 1 ? argv[1] : "first");
	if (argc == 1)
		execute_again("second");
	return 3;
}

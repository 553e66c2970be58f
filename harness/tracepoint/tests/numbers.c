/* Calls by numbers that no table has: four native ones, and three with the bit of x32, which -1 has. */
#define _GNU_SOURCE
#include <unistd.h>

int main(void)
{
	/* The last number of a slot of its own is 1022. */
	static const long numbers[] = {1023, 1024, 9999, -1, 0x3fffffff, 0x40000000 | 1023, 0x40000000 | 9999};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (syscall(numbers[i]) != -1)
			return 1;
	return 0;
}

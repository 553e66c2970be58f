/* Parent and child end at once, the parent with another code. */
#include "tracee.h"

int main(void)
{
	_exit(!!fork());
}

//! The observer of a whole tree of processes by programs at the kernel's raw tracepoints.

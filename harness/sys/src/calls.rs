//! Plain system calls that workloads make.

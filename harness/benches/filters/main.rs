//! Every compiler and its peers on the published sets.

fn main() {}

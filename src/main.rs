//! `behest`: arguments → configuration → build → run.

use std::process::ExitCode;

fn main() -> ExitCode {
    behest::cli::main()
}

/// Frees what a burst of requests took, and is faster than the system's at it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

//! The `arca` command. Also answers to the names `vault` and `bao`.

use std::process::ExitCode;

/// A server's requests allocate on one thread and free on another; the system's allocator takes a
/// lock for each such pair.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(arca::cli::run(arca::Host::process()))
}

//! Limits that the operating system sets us.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors the process may have open; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// The limit before.
    pub before: Option<u64>,
    /// The limit now.
    pub now: Option<u64>,
}

/// Raises the soft limit of open files to the hard one, as Go programs do at start. A refusal leaves it as it was.
pub fn raise_open_files() -> OpenFiles {
    let before = getrlimit(Resource::Nofile);
    if before.current != before.maximum {
        let raised = Rlimit { current: before.maximum, maximum: before.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
    OpenFiles { before: before.current, now: getrlimit(Resource::Nofile).current }
}

/// Keeps memory in small pages. Allocators that ask for huge ones hold megabytes that an idle gateway never touches. Call first in `main`.
pub fn keep_small_pages() {
    // Kernels without huge pages refuse, and then there is nothing to keep small.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let limit = raise_open_files();
        assert_eq!(limit.now, getrlimit(Resource::Nofile).maximum);
        assert_eq!(raise_open_files(), OpenFiles { before: limit.now, now: limit.now });
    }
}

//! Sockets that systemd opened before it started us (sd_listen_fds(3)).

use std::io;

use listenfd::ListenFd;

use super::Bound;

/// The inherited sockets, by the name that `FileDescriptorName=` gave them.
pub struct Activated {
    sockets: ListenFd,
    /// Names in the sockets' order; taken ones stay.
    names: Vec<String>,
}

impl Activated {
    /// Reads `LISTEN_FDS` and `LISTEN_FDNAMES`; empty when they are not for us. Call it once, first of all.
    #[must_use]
    pub fn from_env() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let sockets = ListenFd::from_env();
        let mut names: Vec<_> = names.split(':').map(str::to_owned).collect();
        names.resize(sockets.len(), "unknown".to_owned());
        Self { sockets, names }
    }

    /// Names that can be taken.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The listening TCP socket of a name as `count` handles; `None` when there is none of that name (left).
    pub fn take(&mut self, name: &str, count: usize) -> io::Result<Option<Vec<Bound>>> {
        for index in (0..self.names.len()).filter(|&i| self.names[i] == name) {
            if let Some(socket) = self.sockets.take_tcp_listener(index)? {
                let mut all = vec![Bound::adopt(socket)?];
                while all.len() < count {
                    all.push(all[0].try_clone()?);
                }
                return Ok(Some(all));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Activated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activated").field("names", &self.names).finish_non_exhaustive()
    }
}

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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "FAIRLEAD_TEST_ACTIVATED_PORT";

    /// Runs this test again in a child that inherits a listening socket by name.
    #[test]
    fn an_inherited_socket_is_found_by_its_name() {
        if let Ok(port) = std::env::var(CHILD) {
            return take_as_child(port.parse().unwrap());
        }
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::empty()).unwrap();
        let name = "listen::activated::tests::an_inherited_socket_is_found_by_its_name";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, socket.local_addr().unwrap().port().to_string())
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDS_FIRST_FD", std::os::fd::AsRawFd::as_raw_fd(&socket).to_string())
            .env("LISTEN_FDNAMES", "websecure")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && text.contains("1 passed"), "{text}");
    }

    fn take_as_child(port: u16) {
        let mut activated = Activated::from_env();
        assert_eq!(activated.names(), ["websecure"]);
        assert!(activated.take("web", 1).unwrap().is_none());
        let bound = activated.take("websecure", 2).unwrap().unwrap();
        assert_eq!(bound.iter().map(|b| b.local().port()).collect::<Vec<_>>(), [port, port]);
        assert!(activated.take("websecure", 1).unwrap().is_none(), "taken");
    }
}

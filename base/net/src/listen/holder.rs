//! Who has a port: from `/proc/net/tcp` to the inode, from the inode to the process.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

/// State of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A process that listens on the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Its command's name.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} {}", self.pid, self.command)
    }
}

/// The processes that listen on `port`, as far as we may look into them.
pub(super) fn of_port(port: u16) -> Vec<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let links: HashSet<String> = tables.iter().flat_map(|table| inodes(table, port)).map(link).collect();
    if links.is_empty() {
        return Vec::new();
    }
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| has_one_of(*pid, &links)).map(named).collect()
}

fn link(inode: &str) -> String {
    format!("socket:[{inode}]")
}

/// Inodes of the sockets that listen on `port` in the text of `/proc/net/tcp`.
fn inodes(table: &str, port: u16) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let (local, state) = (fields.nth(1)?, fields.nth(1)?);
        let (_, listens_on) = local.rsplit_once(':')?;
        let is_ours = state == LISTEN && u16::from_str_radix(listens_on, 16) == Ok(port);
        is_ours.then(|| fields.nth(5)).flatten()
    })
}

fn has_one_of(pid: u32, links: &HashSet<String>) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let points_to = |path: &Path| fs::read_link(path).ok()?.to_str().map(|to| links.contains(to));
    descriptors.into_iter().any(|fd| points_to(&fd.path()) == Some(true))
}

fn named(pid: u32) -> Holder {
    let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Holder { pid, command: command.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_by_port_and_state() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 x\n\
             1: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 x\n\
             2: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 x\n\
             3: broken\n";
        assert_eq!(inodes(table, 8080).collect::<Vec<_>>(), ["4711"]);
        assert_eq!(inodes(table, 8081).collect::<Vec<_>>(), ["4713"]);
        assert_eq!(inodes(table, 80).count(), 0);
    }
}

//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::cases::Case;
use crate::peers::Peer;

/// Compare Fairlead's cost per request with nginx, HAProxy and Traefik on this machine.
#[derive(Debug, Parser)]
#[command(name = "fairlead-bench", version)]
pub(crate) struct Options {
    /// The Fairlead binary to measure; without it only the others are
    #[arg(long, value_name = "FILE")]
    pub(crate) fairlead: Option<PathBuf>,
    /// The Traefik binary to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) traefik: Option<PathBuf>,
    /// The nginx binary to compare with
    #[arg(long, value_name = "FILE", default_value = "nginx")]
    pub(crate) nginx: PathBuf,
    /// The HAProxy binary to compare with
    #[arg(long, value_name = "FILE", default_value = "haproxy")]
    pub(crate) haproxy: PathBuf,
    /// Interleaved rounds of each throughput case
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// Seconds that one peer is under load in one round
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// Only these cases
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    pub(crate) only: Vec<Case>,
    /// Only these peers
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    pub(crate) peers: Vec<Peer>,
    /// Replace the numbers between the markers of this Markdown page
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Write every sample as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// The cases to run, in the order of the report.
    pub(crate) fn cases(&self) -> Vec<Case> {
        Case::ALL.iter().copied().filter(|case| self.only.is_empty() || self.only.contains(case)).collect()
    }

    /// Whether a peer was asked for.
    pub(crate) fn wants(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer)
    }

    /// Where a peer's binary is, when the command line or a default says so.
    pub(crate) fn program(&self, peer: Peer) -> Option<&PathBuf> {
        match peer {
            Peer::Fairlead => self.fairlead.as_ref(),
            Peer::Nginx => Some(&self.nginx),
            Peer::Haproxy => Some(&self.haproxy),
            Peer::Traefik => self.traefik.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        let options = Options::parse_from(["fairlead-bench", "--only", "tls,h1", "--peers", "nginx"]);
        assert_eq!(options.cases(), [Case::H1, Case::Tls], "the report's order, not the command line's");
        assert!(options.wants(Peer::Nginx) && !options.wants(Peer::Traefik));
        assert_eq!((options.rounds, options.seconds), (7, 4));
    }
}

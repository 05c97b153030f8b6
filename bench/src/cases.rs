//! What is measured.

pub(crate) mod idle;
pub(crate) mod reload;
pub(crate) mod start;
pub(crate) mod throughput;

use clap::ValueEnum;
use serde::Serialize;

use crate::load::Load;
use crate::peers::Peer;

/// A case of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// HTTP/1.1 keep-alive, 128-byte bodies
    H1,
    /// HTTP/1.1 keep-alive over TLS 1.3
    Tls,
    /// HTTP/2 over TLS
    H2,
    /// HTTP/1.1 keep-alive, 10 KB bodies
    H1Medium,
    /// HTTP/1.1 keep-alive, 100 KB bodies
    H1Large,
    /// A new connection for each request
    Close,
    /// Memory at rest and of idle connections
    Idle,
    /// Time from start to the first answer
    Start,
    /// CPU time of a configuration change
    Reload,
}

impl Case {
    /// In the order of the report.
    pub(crate) const ALL: &[Case] = &[
        Case::H1,
        Case::Tls,
        Case::H2,
        Case::H1Medium,
        Case::H1Large,
        Case::Close,
        Case::Idle,
        Case::Start,
        Case::Reload,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Its heading in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Case::H1 => "HTTP/1.1 keep-alive, 128-byte bodies, 128 connections",
            Case::Tls => "HTTP/1.1 keep-alive over TLS 1.3 (P-256), 128-byte bodies, 128 connections",
            Case::H2 => "HTTP/2 over TLS, 128-byte bodies, 32 connections × 10 streams",
            Case::H1Medium => "HTTP/1.1 keep-alive, 10 KB bodies, 64 connections",
            Case::H1Large => "HTTP/1.1 keep-alive, 100 KB bodies, 64 connections",
            Case::Close => "HTTP/1.1, a new connection for each request, 64 connections",
            Case::Idle => "Memory: at rest, and for each idle keep-alive connection",
            Case::Start => "Start to first answer",
            Case::Reload => "Reload: one router of 4,000 changes",
        }
    }

    /// Its load, when it is a throughput case.
    pub(crate) fn load(self) -> Option<Load> {
        let http1 = |tls, connections, query, extra| Some(Load::Http1 { tls, connections, query, extra });
        match self {
            Case::H1 => http1(false, 128, "", ""),
            Case::Tls => http1(true, 128, "", ""),
            Case::H2 => Some(Load::Http2 { connections: 32, streams: 10 }),
            Case::H1Medium => http1(false, 64, "&bytes=10240", ""),
            Case::H1Large => http1(false, 64, "&bytes=102400", ""),
            Case::Close => http1(false, 64, "", "Connection: close\r\n"),
            Case::Idle | Case::Start | Case::Reload => None,
        }
    }
}

/// Everything a run measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    /// One for each window of load.
    pub(crate) throughput: Vec<throughput::Sample>,
    /// One for each peer and protocol.
    pub(crate) idle: Vec<idle::Sample>,
    /// One for each start.
    pub(crate) start: Vec<start::Sample>,
    /// One for each change.
    pub(crate) reload: Vec<reload::Sample>,
    /// What a reader must know beside the numbers.
    pub(crate) notes: Vec<Note>,
}

/// A remark on a case, or on all when it names none.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    /// The case it belongs to.
    pub(crate) case: Option<Case>,
    /// The remark.
    pub(crate) text: String,
}

impl Results {
    /// Adds a remark once.
    pub(crate) fn note(&mut self, case: Option<Case>, text: String) {
        let note = Note { case, text };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The ratios of Fairlead to a peer in each round of a throughput case in which both took part.
    pub(crate) fn ratios(&self, case: Case, peer: Peer) -> Vec<f64> {
        let of = |who| self.throughput.iter().filter(move |sample| sample.case == case && sample.peer == who);
        let paired = |own: &throughput::Sample| {
            let other = of(peer).find(|other| other.round == own.round)?;
            Some(own.cpu() / other.cpu())
        };
        of(Peer::Fairlead).filter_map(paired).collect()
    }
}

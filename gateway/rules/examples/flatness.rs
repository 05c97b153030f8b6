//! Prints what building a table of 10,000 rules and finding its first and last rule cost.
//!
//! `cargo run --release -p fairlead-rules --example flatness`

#![expect(clippy::print_stdout, reason = "the output is the purpose")]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairlead_rules::{Entry, Rank, Rule, Syntax, Table, View};
use http::{HeaderMap, Method};

const RULES: usize = 10_000;
const ROUNDS: u32 = 200_000;

type Shape = (&'static str, fn(usize) -> String, fn(usize) -> (String, String));

const SHAPES: &[Shape] = &[
    ("own host", |i| format!("Host(`h{i}.example.com`)"), |i| (format!("h{i}.example.com"), "/".into())),
    (
        "own host, prefix",
        |i| format!("Host(`h{i}.example.com`) && PathPrefix(`/api`)"),
        |i| (format!("h{i}.example.com"), "/api/x".into()),
    ),
    (
        "one host, own prefix",
        |i| format!("Host(`a.example.com`) && PathPrefix(`/service/{i:05}`)"),
        |i| ("a.example.com".into(), format!("/service/{i:05}/x")),
    ),
    (
        "one host, own path",
        |i| format!("Host(`a.example.com`) && Path(`/service/{i:05}`)"),
        |i| ("a.example.com".into(), format!("/service/{i:05}")),
    ),
];

fn main() {
    println!("{:24} {:>10} {:>10} {:>10} {:>6}", "shape", "build", "first", "last", "ratio");
    for (name, text, request) in SHAPES {
        let entries: Vec<Entry> = (0..RULES).filter_map(|i| entry(i, &text(i))).collect();
        let started = Instant::now();
        let table = Table::build(entries);
        let build = started.elapsed();
        let first = lookup(&table, &request(0));
        let last = lookup(&table, &request(RULES - 1));
        let ratio = last.as_secs_f64() / first.as_secs_f64();
        println!("{name:24} {build:>10.1?} {first:>10.1?} {last:>10.1?} {ratio:>6.2}");
    }
}

fn entry(i: usize, text: &str) -> Option<Entry> {
    let rule = Arc::new(Rule::parse(text, Syntax::V3).ok()?);
    let rank = Rank { priority: -(i as i64), precedence: 0, name: format!("r{i}").into() };
    Some(Entry { rule, rank })
}

/// The mean time of one look-up, the best of five rounds.
fn lookup(table: &Table, (host, path): &(String, String)) -> Duration {
    let headers = HeaderMap::new();
    let peer = IpAddr::from([127, 0, 0, 1]);
    let view = View { method: &Method::GET, host, path, query: None, headers: &headers, peer };
    let round = || {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            black_box(table.find(black_box(&view)));
        }
        started.elapsed() / ROUNDS
    };
    (0..5).map(|_| round()).min().unwrap_or_default()
}

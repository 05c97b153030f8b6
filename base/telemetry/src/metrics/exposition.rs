//! The Prometheus text exposition 0.0.4: families by name, series by labels.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::family::{self, Family, ScopeFamilies};
use super::scope::{METHODS, PROTOCOLS, ScopeName};
use super::shard::{Key, Shard};
use super::{Inner, SEVERITIES, process};

/// Writes everything.
pub(crate) fn text(inner: &Inner) -> String {
    let sum = inner.sweep();
    let mut out = Writer::default();
    own(inner, &mut out);
    cells(inner, &sum, &mut out);
    scopes(inner, &sum, &mut out);
    process::write(&mut out);
    out.finish()
}

/// Collects families, so that each is written once and in order.
#[derive(Default)]
pub(crate) struct Writer {
    families: BTreeMap<&'static str, (&'static Family, Vec<String>)>,
}

impl Writer {
    /// A family with one series and no label.
    pub(crate) fn single(&mut self, family: &'static Family, value: f64) {
        self.line(family, String::new(), value);
    }

    /// One series; `labels` as they stand between the braces.
    fn line(&mut self, family: &'static Family, labels: String, value: impl std::fmt::Display) {
        let lines = &mut self.families.entry(family.name).or_insert_with(|| (family, Vec::new())).1;
        lines.push(if labels.is_empty() {
            format!("{} {value}\n", family.name)
        } else {
            format!("{}{{{labels}}} {value}\n", family.name)
        });
    }

    /// A histogram; `buckets` are not cumulative.
    fn histogram(&mut self, family: &'static Family, labels: &str, histogram: &Histogram<'_>) {
        let mut text = String::new();
        let mut seen = 0;
        for (bound, count) in histogram.bounds.iter().zip(histogram.buckets) {
            seen += count;
            let le = *bound as f64 / 1e9;
            let _ = writeln!(text, "{}_bucket{{{labels},le=\"{le}\"}} {seen}", family.name);
        }
        let (name, count) = (family.name, histogram.count);
        let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", histogram.nanos as f64 / 1e9);
        let _ = writeln!(text, "{name}_count{{{labels}}} {count}");
        self.families.entry(family.name).or_insert_with(|| (family, Vec::new())).1.push(text);
    }

    fn finish(self) -> String {
        let mut out = String::new();
        for (name, (family, mut lines)) in self.families {
            lines.sort_unstable();
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind);
            lines.iter().for_each(|line| out.push_str(line));
        }
        out
    }
}

/// One histogram.
struct Histogram<'a> {
    bounds: &'a [u64],
    buckets: &'a [u64],
    count: u64,
    nanos: u64,
}

/// What the control plane sets.
fn own(inner: &Inner, out: &mut Writer) {
    let load = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    out.line(&family::CONFIG_RELOADS, String::new(), load(&inner.reloads));
    out.line(&family::CONFIG_FAILED_RELOADS, String::new(), load(&inner.failed_reloads));
    out.line(&family::CONFIG_LAST_RELOAD, String::new(), load(&inner.last_reload));
    for (severity, count) in SEVERITIES.iter().zip(&inner.findings) {
        out.line(&family::FINDINGS, labels(&[("severity", severity)]), load(count));
    }
    for certificate in inner.certificates.lock().iter() {
        let names = [("cn", &*certificate.cn), ("sans", &certificate.sans), ("serial", &certificate.serial)];
        out.line(&family::CERTS_NOT_AFTER, labels(&names), certificate.not_after);
    }
}

fn cells(inner: &Inner, sum: &Shard, out: &mut Writer) {
    for cell in inner.cells.lock().alive() {
        let names: Vec<_> = cell.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // A gauge is set in its cell and never counted in a shard.
        match sum.cells.get(&cell.id) {
            Some(n) => out.line(cell.family, labels(&names), n),
            None => out.line(cell.family, labels(&names), cell.level()),
        }
    }
}

fn scopes(inner: &Inner, sum: &Shard, out: &mut Writer) {
    let names = inner.scopes.lock().names();
    for (key, series, buckets) in sum.iter() {
        let Some(name) = names.get(&key.scope) else { continue };
        let (families, code) = (families(name), key.code.to_string());
        let text = labels(&series_labels(name, key, &code));
        let histogram =
            Histogram { bounds: &inner.bounds, buckets, count: series.count, nanos: series.nanos };
        out.histogram(&families.duration, &text, &histogram);
        out.line(&families.request_bytes, text.clone(), series.request_bytes);
        out.line(&families.response_bytes, text.clone(), series.response_bytes);
        if inner.options.header_labels.is_empty() {
            out.line(&families.requests, text, series.count);
        }
    }
    for ((scope, version, cipher), count) in &sum.tls {
        let Some(name) = names.get(scope) else { continue };
        let mut all = scope_labels(name);
        all.extend([("tls_cipher", *cipher), ("tls_version", *version)]);
        all.sort_unstable();
        out.line(&families(name).requests_tls, labels(&all), count);
    }
    labelled(inner, sum, &names, out);
}

/// `requests_total` with header labels.
fn labelled(inner: &Inner, sum: &Shard, names: &HashMap<u32, ScopeName>, out: &mut Writer) {
    for (labelled, count) in &sum.labelled {
        let Some(name) = names.get(&labelled.key.scope) else { continue };
        let code = labelled.key.code.to_string();
        let mut all = series_labels(name, labelled.key, &code);
        let values = labelled.values.iter().map(|value| &**value).chain(std::iter::repeat(""));
        all.extend(inner.options.header_labels.iter().map(|(label, _)| label.as_str()).zip(values));
        all.sort_unstable();
        out.line(&families(name).requests, labels(&all), count);
    }
}

fn families(name: &ScopeName) -> &'static ScopeFamilies {
    match name {
        ScopeName::EntryPoint(_) => &family::ENTRY_POINT,
        ScopeName::Router { .. } => &family::ROUTER,
        ScopeName::Service(_) => &family::SERVICE,
    }
}

fn scope_labels(name: &ScopeName) -> Vec<(&str, &str)> {
    match name {
        ScopeName::EntryPoint(name) => vec![("entrypoint", name)],
        ScopeName::Router { router, service } => vec![("router", router), ("service", service)],
        ScopeName::Service(name) => vec![("service", name)],
    }
}

/// Labels of a series, sorted by name.
fn series_labels<'a>(name: &'a ScopeName, key: Key, code: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut all = scope_labels(name);
    all.extend([
        ("code", code),
        ("method", METHODS[key.method as usize]),
        ("protocol", PROTOCOLS[key.protocol as usize]),
    ]);
    all.sort_unstable();
    all
}

/// Labels as they stand between the braces.
fn labels(all: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in all {
        if !out.is_empty() {
            out.push(',');
        }
        let _ = write!(out, "{name}=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out
}

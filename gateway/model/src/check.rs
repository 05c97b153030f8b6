//! What cannot work in the merged dynamic configuration although every object is well formed.
//!
//! [`dynamic`] looks at all providers together and returns findings, each about one object (`router web@file`) and with
//! the place to mend. Where Traefik has a text for the fault, the message is that text. Rules are not looked into: that
//! is for the crate that knows the rule language.

mod cycle;
mod http;
mod router;
mod stream;
mod tie;
mod tls;

use std::borrow::Cow;

use fairlead_diag::{Code, Finding, Findings, Origin};

pub use self::tls::{CIPHER_SUITES, VERSIONS};
use crate::codes;
use crate::dynamic::{Merged, Object, Objects};
use crate::name::{self, INTERNAL};
use crate::statics::{MAX_PRIORITY, Protocol, Static};

/// Priorities above this are for internal routers only.
pub const MAX_USER_PRIORITY: i64 = MAX_PRIORITY - 1000;

/// Findings after which no more names are compared, so that the time stays bounded.
const MOST_SUGGESTIONS: usize = 200;

/// What a dynamic configuration meets.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The static configuration.
    pub statics: &'a Static,
    /// Qualified names of services that the program itself offers, such as `api@internal`.
    pub internal_services: &'a [&'a str],
    /// Qualified names of middlewares that the program itself offers, such as `dashboard_redirect@internal`.
    pub internal_middlewares: &'a [&'a str],
}

/// Reports what cannot work.
#[must_use]
pub fn dynamic(merged: &Merged, surroundings: Surroundings<'_>) -> Findings {
    let points = |protocol| {
        let points = surroundings.statics.entry_points.iter();
        points.filter(|(_, point)| point.address.protocol == protocol).map(|(name, _)| &**name).collect()
    };
    let mut check = Check {
        merged,
        surroundings,
        tcp_points: points(Protocol::Tcp),
        udp_points: points(Protocol::Udp),
        findings: Findings::new(),
    };
    http::check(&mut check);
    stream::check(&mut check);
    tls::check(&mut check);
    tie::check(&mut check);
    cycle::check(&mut check);
    check.findings
}

/// What a finding is about, such as `router web@file`; spelled out only when there is something to say.
#[derive(Clone, Copy)]
struct Subject<'a> {
    kind: &'static str,
    name: &'a str,
}

impl From<Subject<'_>> for Box<str> {
    fn from(Subject { kind, name }: Subject<'_>) -> Self {
        [kind, " ", name].concat().into()
    }
}

struct Check<'a> {
    merged: &'a Merged,
    surroundings: Surroundings<'a>,
    tcp_points: Vec<&'a str>,
    udp_points: Vec<&'a str>,
    findings: Findings,
}

impl<'a> Check<'a> {
    fn push(
        &mut self,
        code: &'static Code,
        message: impl Into<String>,
        subject: impl Into<Box<str>>,
        origin: &Origin,
    ) {
        self.findings.push(Finding::new(code, message).about(subject).at(origin));
    }

    /// Reports a reference to an object that does not exist, with the nearest name or the provider that has it.
    fn dangling<T>(
        &mut self,
        message: String,
        subject: Subject<'_>,
        origin: &Origin,
        qualified: &str,
        known: &Objects<T>,
    ) {
        let finding = Finding::new(&codes::DANGLING, message).about(subject).at(origin);
        let near = if self.findings.len() < MOST_SUGGESTIONS { suggestion(qualified, known) } else { None };
        self.findings.push(match near {
            Some(name) => finding.help(format!("did you mean `{name}`?")),
            None => finding,
        });
    }

    /// Names of the entry points of a protocol.
    fn points(&self, protocol: Protocol) -> &[&'a str] {
        match protocol {
            Protocol::Tcp => &self.tcp_points,
            Protocol::Udp => &self.udp_points,
        }
    }

    fn has_service<T>(&self, known: &Objects<T>, qualified: &str) -> bool {
        known.contains_key(qualified) || self.surroundings.internal_services.contains(&qualified)
    }

    fn has_middleware<T>(&self, known: &Objects<T>, qualified: &str) -> bool {
        known.contains_key(qualified) || self.surroundings.internal_middlewares.contains(&qualified)
    }
}

/// The same name of another provider, else the nearest one. The search is bounded.
fn suggestion<'a, T>(qualified: &str, known: &'a Objects<T>) -> Option<&'a str> {
    const MOST: usize = 2000;
    let (wanted, provider) = name::split(qualified);
    let names = || known.keys().take(MOST).map(|name| &**name);
    names().find(|known| name::split(known).0 == wanted).or_else(|| {
        let near = fairlead_conf::nearest(wanted, names().map(|known| name::split(known).0))?;
        let full = |known: &&str| name::split(known).0 == near;
        names().filter(full).find(|known| name::provider(known) == provider).or_else(|| names().find(full))
    })
}

/// A reference of an object: as qualified as it can be from the object's own provider.
fn reference<'n>(name: &'n str, referrer: &str) -> Cow<'n, str> {
    match name.contains(name::SEPARATOR) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name::join(name, name::provider(referrer))),
    }
}

fn is_internal(qualified: &str) -> bool {
    name::provider(qualified) == INTERNAL
}

/// Where the item `index` of the list at `path` stands.
fn item_origin<T>(object: &Object<T>, path: &[&str], index: usize) -> Origin {
    object.origin_of(&[path, &[&index.to_string()]].concat())
}

#[cfg(test)]
mod tests;

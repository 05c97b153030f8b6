//! All providers together, under qualified names.

use std::sync::Arc;

use super::object::{Object, Objects};
use super::tls::{DEFAULT, TlsOptions, TlsStore};
use super::{Dynamic, Http, Tcp, Tls, Udp};
use crate::name::{is_qualified, qualify};

/// The dynamic configuration of all providers. Names are qualified: `web@file`. Objects are shared, not copied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// HTTP.
    pub http: Http,
    /// TCP.
    pub tcp: Tcp,
    /// UDP.
    pub udp: Udp,
    /// Certificates and TLS options. Options and store `default` belong to no provider and keep that name; when several
    /// providers declare them, none is taken, and [`Merged::rivals`] holds them.
    pub tls: Tls,
    /// Declarations of `default` that exclude each other.
    pub rivals: Rivals,
}

/// Declarations of `default` by several providers, with the provider's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rivals {
    /// TLS options.
    pub options: Vec<(Arc<str>, Arc<Object<TlsOptions>>)>,
    /// TLS stores.
    pub stores: Vec<(Arc<str>, Arc<Object<TlsStore>>)>,
}

impl Merged {
    /// Puts providers together. The order is kept; one provider should come only once.
    pub fn from_providers<'a>(providers: impl IntoIterator<Item = (&'a str, &'a Dynamic)>) -> Merged {
        Merged::default().renewed(providers)
    }

    /// As [`Merged::from_providers`], sharing the names that `self` has already.
    #[must_use]
    pub fn renewed<'a>(&self, providers: impl IntoIterator<Item = (&'a str, &'a Dynamic)>) -> Merged {
        let mut merged = Merged::default();
        let (mut options, mut stores) = (Vec::new(), Vec::new());
        for (provider, dynamic) in providers {
            merged.http.take_in(&dynamic.http, provider, &self.http);
            merged.tcp.take_in(&dynamic.tcp, provider, &self.tcp);
            merged.udp.take_in(&dynamic.udp, provider, &self.udp);
            merged.tls.certificates.extend(dynamic.tls.certificates.iter().cloned());
            take_in_but_default(&mut merged.tls.options, &dynamic.tls.options, provider, &mut options);
            take_in_but_default(&mut merged.tls.stores, &dynamic.tls.stores, provider, &mut stores);
        }
        let none_given = options.is_empty();
        merged.rivals.options = settle(&mut merged.tls.options, options);
        merged.rivals.stores = settle(&mut merged.tls.stores, stores);
        if none_given {
            merged.tls.options.insert(DEFAULT.into(), Object::internal(TlsOptions::default(), DEFAULT));
        }
        merged
    }
}

impl Http {
    fn take_in(&mut self, other: &Http, provider: &str, before: &Http) {
        take_in(&mut self.routers, &other.routers, provider, &before.routers);
        take_in(&mut self.services, &other.services, provider, &before.services);
        take_in(&mut self.middlewares, &other.middlewares, provider, &before.middlewares);
        take_in(
            &mut self.servers_transports,
            &other.servers_transports,
            provider,
            &before.servers_transports,
        );
    }
}

impl Tcp {
    fn take_in(&mut self, other: &Tcp, provider: &str, before: &Tcp) {
        take_in(&mut self.routers, &other.routers, provider, &before.routers);
        take_in(&mut self.services, &other.services, provider, &before.services);
        take_in(&mut self.middlewares, &other.middlewares, provider, &before.middlewares);
        take_in(
            &mut self.servers_transports,
            &other.servers_transports,
            provider,
            &before.servers_transports,
        );
    }
}

impl Udp {
    fn take_in(&mut self, other: &Udp, provider: &str, before: &Udp) {
        take_in(&mut self.routers, &other.routers, provider, &before.routers);
        take_in(&mut self.services, &other.services, provider, &before.services);
    }
}

fn take_in<T>(all: &mut Objects<T>, some: &Objects<T>, provider: &str, before: &Objects<T>) {
    all.reserve(some.len());
    for (name, object) in some {
        // Most objects stand where they stood.
        let known = before.get_index(all.len()).map(|(known, _)| known);
        let known = known.filter(|known| is_qualified(known, name, provider)).cloned();
        all.insert(known.unwrap_or_else(|| qualify(name, provider)), Arc::clone(object));
    }
}

fn take_in_but_default<T>(
    all: &mut Objects<T>,
    some: &Objects<T>,
    provider: &str,
    defaults: &mut Vec<(Arc<str>, Arc<Object<T>>)>,
) {
    for (name, object) in some {
        if &**name == DEFAULT {
            defaults.push((provider.into(), object.clone()));
        } else {
            all.insert(qualify(name, provider), object.clone());
        }
    }
}

/// Takes the only declaration of `default`; several exclude each other and are handed back.
fn settle<T>(
    all: &mut Objects<T>,
    mut defaults: Vec<(Arc<str>, Arc<Object<T>>)>,
) -> Vec<(Arc<str>, Arc<Object<T>>)> {
    if defaults.len() > 1 {
        return defaults;
    }
    all.extend(defaults.pop().map(|(_, object)| (DEFAULT.into(), object)));
    Vec::new()
}

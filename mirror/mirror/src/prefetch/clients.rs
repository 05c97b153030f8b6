//! What each client asked for in the last ten minutes. A client is an address on a route: one build, most of the time.
//!
//! Every answer of the mirror passes here, so that what is known already costs a hash, a lock of a sixteenth of the table and
//! two look-ups.

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

use fairlead_gomod::path::Module;
use fairlead_gomod::version;
use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;

use super::WINDOW;

const SHARDS: usize = 16;
/// Clients in a shard: 1,024 in all.
const MAX_CLIENTS: usize = 64;
/// Files and paths that the clients of a shard may hold together.
const MAX_HELD: usize = 1 << 14;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    pub(super) ip: IpAddr,
    /// The route's number.
    pub(super) route: u32,
}

/// All clients. Times are seconds of the prefetch's clock.
pub(super) struct Clients {
    shards: [Mutex<HashMap<ClientKey, Client>>; SHARDS],
    hasher: DefaultHashBuilder,
    max_modules: usize,
}

#[derive(Default)]
struct Client {
    /// When it asked last.
    used: u32,
    /// When its budget began.
    since: u32,
    /// Module versions that were brought in since.
    brought: usize,
    /// The `.mod` files that it got, by hash, and when last.
    mods: HashMap<u64, u32>,
    paths: HashMap<Box<str>, Known>,
    /// Something new came after the last plan.
    has_news: bool,
}

/// A module path of a client's graph.
struct Known {
    /// The highest seen, served or required.
    version: Box<str>,
    /// When a `.mod` of it was asked for last; paths that are only required are not in the build list yet.
    asked: Option<u32>,
    /// The version whose zip was brought in.
    planned: Option<Box<str>>,
}

impl Clients {
    pub(super) fn new(max_modules: usize) -> Self {
        Clients { shards: Default::default(), hasher: DefaultHashBuilder::default(), max_modules }
    }

    /// A client got a `.mod`; true when that is news.
    pub(super) fn saw_mod(&self, key: ClientKey, module: &Module, now: u32) -> bool {
        let hash = self.hasher.hash_one((&module.path, &module.version));
        let mut shard = self.shard(key).lock();
        if let Some(client) = shard.get_mut(&key) {
            client.used = now;
            if let Some(last) = client.mods.get_mut(&hash)
                && now.saturating_sub(*last) < seconds()
            {
                return false;
            }
        } else {
            make_room(&mut shard, None);
            shard.insert(key, Client { used: now, since: now, ..Client::default() });
        }
        if held(&shard) >= MAX_HELD {
            make_room(&mut shard, Some(key));
        }
        let Some(client) = shard.get_mut(&key) else { return false };
        client.forget_old(now);
        if client.mods.len() >= self.max_modules {
            return false;
        }
        client.mods.insert(hash, now);
        client.raise(module, Some(now), self.max_modules);
        true
    }

    /// What a go.mod of the client's graph requires.
    pub(super) fn raise(&self, key: ClientKey, modules: &[Module]) {
        if let Some(client) = self.shard(key).lock().get_mut(&key) {
            for module in modules {
                client.raise(module, None, self.max_modules);
            }
        }
    }

    /// A client asks for a zip; true when there is something to plan.
    pub(super) fn wants_plan(&self, key: ClientKey) -> bool {
        let mut shard = self.shard(key).lock();
        shard.get_mut(&key).is_some_and(|client| std::mem::take(&mut client.has_news))
    }

    /// The modules whose zips a client is about to ask for and that were not planned before, by path.
    pub(super) fn plan(&self, key: ClientKey, now: u32) -> Vec<Module> {
        let mut shard = self.shard(key).lock();
        let Some(client) = shard.get_mut(&key) else { return Vec::new() };
        let mut plan = Vec::new();
        for (path, known) in &mut client.paths {
            let is_asked = known.asked.is_some_and(|asked| now.saturating_sub(asked) < seconds());
            if is_asked && known.planned.as_ref() != Some(&known.version) {
                known.planned = Some(known.version.clone());
                plan.push(Module::new(&**path, &*known.version));
            }
        }
        plan.sort_unstable();
        plan
    }

    /// Takes one module version from a client's budget; false when nothing is left of it.
    pub(super) fn charge(&self, key: ClientKey, now: u32) -> bool {
        let mut shard = self.shard(key).lock();
        let Some(client) = shard.get_mut(&key) else { return false };
        if now.saturating_sub(client.since) >= seconds() {
            (client.since, client.brought) = (now, 0);
        }
        let is_left = client.brought < self.max_modules;
        client.brought += usize::from(is_left);
        is_left
    }

    fn shard(&self, key: ClientKey) -> &Mutex<HashMap<ClientKey, Client>> {
        let hash = self.hasher.hash_one(key);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }
}

impl Client {
    fn raise(&mut self, module: &Module, asked: Option<u32>, max_modules: usize) {
        if let Some(known) = self.paths.get_mut(module.path.as_str()) {
            known.asked = asked.or(known.asked);
            if version::order(&known.version, &module.version).is_lt() {
                known.version = module.version.as_str().into();
            }
        } else if self.paths.len() < 2 * max_modules {
            let known = Known { version: module.version.as_str().into(), asked, planned: None };
            self.paths.insert(module.path.as_str().into(), known);
        }
        self.has_news = true;
    }

    fn held(&self) -> usize {
        self.mods.len() + self.paths.len()
    }

    /// Once in a while: when the table is as large as it may be, or its budget begins anew.
    fn forget_old(&mut self, now: u32) {
        if now.saturating_sub(self.since) < seconds() {
            return;
        }
        (self.since, self.brought) = (now, 0);
        self.mods.retain(|_, last| now.saturating_sub(*last) < seconds());
        self.paths.retain(|_, known| known.asked.is_some_and(|asked| now.saturating_sub(asked) < seconds()));
    }
}

fn seconds() -> u32 {
    u32::try_from(WINDOW.as_secs()).unwrap_or(u32::MAX)
}

fn held(shard: &HashMap<ClientKey, Client>) -> usize {
    shard.values().map(Client::held).sum()
}

/// Drops the clients that asked longest ago, but for `but`.
fn make_room(shard: &mut HashMap<ClientKey, Client>, but: Option<ClientKey>) {
    while shard.len() >= MAX_CLIENTS || held(shard) >= MAX_HELD {
        let others = shard.iter().filter(|(key, _)| Some(**key) != but);
        let Some(oldest) = others.min_by_key(|(_, client)| client.used).map(|(key, _)| *key) else { return };
        shard.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u32) -> ClientKey {
        ClientKey { ip: Ipv4Addr::from(number).into(), route: 0 }
    }

    fn module(path: &str, version: &str) -> Module {
        Module::new(path, version)
    }

    #[test]
    fn a_plan_has_the_highest_version_of_each_path_that_was_asked_for() {
        let clients = Clients::new(100);
        let key = client(1);
        assert!(!clients.wants_plan(key), "nobody asked");
        assert!(clients.saw_mod(key, &module("b.example/b", "v1.2.0"), 0));
        assert!(!clients.saw_mod(key, &module("b.example/b", "v1.2.0"), 1), "known");
        assert!(clients.saw_mod(key, &module("b.example/b", "v1.10.0"), 1));
        assert!(clients.saw_mod(key, &module("a.example/a", "v1.0.0"), 2));
        clients.raise(key, &[module("a.example/a", "v1.5.0"), module("c.example/c", "v1.0.0")]);
        assert!(clients.wants_plan(key) && !clients.wants_plan(key));
        let plan = clients.plan(key, 3);
        assert_eq!(plan, [module("a.example/a", "v1.5.0"), module("b.example/b", "v1.10.0")]);
        assert!(clients.plan(key, 3).is_empty(), "once is enough");
        assert!(clients.plan(ClientKey { route: 1, ..key }, 3).is_empty(), "another route is another client");
    }

    #[test]
    fn what_was_asked_long_ago_does_not_count() {
        let clients = Clients::new(100);
        let key = client(1);
        clients.saw_mod(key, &module("a.example/a", "v1.0.0"), 0);
        assert!(clients.plan(key, seconds()).is_empty());
        assert!(clients.saw_mod(key, &module("a.example/a", "v1.0.0"), seconds()));
        assert_eq!(clients.plan(key, seconds()).len(), 1);
    }

    #[test]
    fn budgets_end_and_begin_anew() {
        let clients = Clients::new(2);
        let key = client(1);
        assert!(!clients.charge(key, 0), "nobody there");
        clients.saw_mod(key, &module("a.example/a", "v1.0.0"), 0);
        assert!(clients.charge(key, 1) && clients.charge(key, 1) && !clients.charge(key, 1));
        assert!(clients.charge(key, seconds()));
    }

    #[test]
    fn the_table_never_holds_more_than_it_may() {
        let clients = Clients::new(4096);
        for number in 0..4 * u32::try_from(SHARDS * MAX_CLIENTS).unwrap() {
            clients.saw_mod(client(number), &module("a.example/a", "v1.0.0"), number);
        }
        assert!(clients.shards.iter().all(|shard| shard.lock().len() <= MAX_CLIENTS));
        for number in 0..200 {
            for at in 0..500 {
                clients.saw_mod(client(number), &module(&format!("a.example/{at}"), "v1.0.0"), 1);
            }
        }
        assert!(clients.shards.iter().all(|shard| held(&shard.lock()) <= MAX_HELD + 2));
        let small = Clients::new(10);
        for at in 0..100 {
            small.saw_mod(client(1), &module(&format!("a.example/{at}"), "v1.0.0"), 1);
        }
        assert_eq!(small.plan(client(1), 1).len(), 10);
    }
}

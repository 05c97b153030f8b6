//! Routers: one for each declaration, and one more for each entry point that puts something in front.

use std::sync::Arc;

use fairlead_diag::{Finding, Findings};
use fairlead_http::{Handler, Middleware};
use fairlead_model::dynamic::{Object, Router as Options};
use fairlead_model::statics::entry_point::Observability;
use fairlead_model::statics::{EntryPoint as EntryOptions, Protocol, RuleSyntax, Static};
use fairlead_model::{Merged, name};
use fairlead_rules::{Rule, Syntax};

use super::{Built, BuiltRouter, BuiltRouters, BuiltRoutersSlice, fingerprint, middlewares, rule, text_hash};
use crate::codes;
use crate::entry_point::EntryPoint;
use crate::router::{Observed, Router};
use crate::shared::Shared;
use crate::snapshot::{Snapshot, Status};

/// Largest priority that a user may give.
const MAX_USER_PRIORITY: i64 = i64::MAX - 1000;

/// All routers under the names that the API shows, taking over what did not change; and where those of each declaration
/// begin, see [`Built::starts`].
pub(super) fn routers(
    shared: &Arc<Shared>,
    entry_points: &[Arc<EntryPoint>],
    config: &Merged,
    built: &Built,
    previous: &Snapshot,
) -> (BuiltRouters, Vec<usize>) {
    let house = House::new(shared, entry_points, built, config);
    let before = Before::new(config, built, previous);
    let mut all = BuiltRouters::with_capacity_and_hasher(previous.built.routers.len(), Default::default());
    let mut starts = Vec::with_capacity(config.http.routers.len());
    let mut distinct = true;
    for (place, (qualified, object)) in config.http.routers.iter().enumerate() {
        starts.push(all.len());
        if let Some(untouched) = before.untouched(place, qualified, object, built) {
            for (name, known) in untouched {
                distinct &= all.insert(Arc::clone(name), Arc::clone(known)).is_none();
            }
            continue;
        }
        for site in house.sites(qualified, object) {
            let fingerprint = site.fingerprint();
            let same =
                |known: &&Arc<BuiltRouter>| known.fingerprint == fingerprint && known.findings.is_empty();
            let known = previous.built.routers.get(&site.name).filter(same);
            let build = || Arc::new(site.build(fingerprint, &previous.built.routers));
            let router = known.cloned().unwrap_or_else(build);
            distinct &= all.insert(Arc::clone(&site.name), router).is_none();
        }
    }
    (all, if distinct { starts } else { Vec::new() })
}

/// What was built before, and how much of what routers refer to is as it was.
struct Before<'a> {
    previous: &'a Snapshot,
    /// All but services: middlewares and the names of TLS options.
    steady: bool,
    services_steady: bool,
}

impl<'a> Before<'a> {
    fn new(config: &Merged, built: &Built, previous: &'a Snapshot) -> Self {
        let (middlewares, services) = (&previous.built.middlewares, &previous.built.services);
        let steady = built.middlewares.len() == middlewares.len()
            && built.middlewares.iter().all(|(name, middleware)| {
                middlewares.get(name).is_some_and(|known| known.fingerprint == middleware.fingerprint)
            })
            && config.tls.options.keys().eq(previous.config.tls.options.keys());
        let services_steady = built.services.len() == services.len()
            && built.services.iter().all(|(name, service)| {
                services.get(name).is_some_and(|known| known.fingerprint == service.fingerprint)
            });
        Before { previous, steady, services_steady }
    }

    /// What a router became, if it is declared as before and so is all that it refers to: nothing of it needs a closer look.
    fn untouched(
        &self,
        place: usize,
        qualified: &Arc<str>,
        object: &Arc<Object<Options>>,
        built: &Built,
    ) -> Option<&'a BuiltRoutersSlice> {
        let declared = &self.previous.config.http.routers;
        // Most routers stand where they stood.
        let (place, known) = match declared.get_index(place) {
            Some((name, known)) if name == qualified => (place, known),
            _ => declared.get_full(qualified).map(|(place, _, known)| (place, known))?,
        };
        let routers = self.previous.built.routers_of(place).filter(|_| self.steady && known == object)?;
        let same = |router: &Arc<BuiltRouter>| {
            let service = || built.services.get(&router.service).map(|service| service.fingerprint);
            // Findings tell a place, and that may be another one now.
            router.findings.is_empty() && (self.services_steady || service() == router.service_fingerprint)
        };
        routers.values().all(same).then_some(routers)
    }
}

/// What all routers have in common.
struct House<'a> {
    shared: &'a Arc<Shared>,
    entry_points: &'a [Arc<EntryPoint>],
    built: &'a Built,
    config: &'a Merged,
    defaults: Vec<String>,
}

impl<'a> House<'a> {
    fn new(
        shared: &'a Arc<Shared>,
        entry_points: &'a [Arc<EntryPoint>],
        built: &'a Built,
        config: &'a Merged,
    ) -> Self {
        let defaults = shared.statics.default_entry_points().into_iter().map(str::to_owned).collect();
        House { shared, entry_points, built, config, defaults }
    }

    fn statics(&self) -> &'a Static {
        &self.shared.statics
    }

    fn is_tcp(&self, entry_point: &str) -> bool {
        let options = self.statics().entry_points.get(entry_point);
        options.is_some_and(|options| options.address.protocol == Protocol::Tcp)
    }

    /// A router becomes one site; on entry points with options of their own for routers it becomes one more for each, named
    /// `entrypoint-router@provider` when it has several entry points, as Traefik does it.
    fn sites(&'a self, qualified: &Arc<str>, object: &'a Object<Options>) -> Vec<Site<'a>> {
        let named = &object.value.entry_points;
        let names: Vec<&str> =
            if named.is_empty() { &self.defaults } else { named }.iter().map(String::as_str).collect();
        let old_syntax = self.statics().core.default_rule_syntax == RuleSyntax::V2;
        let own = |name: &&str| {
            let options = self.statics().entry_points.get(*name);
            options.is_some_and(|options| {
                old_syntax
                    || !options.http.middlewares.is_empty()
                    || options.http.tls.is_some()
                    || options.observability != Observability::default()
            })
        };
        let (special, plain): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(own);
        let several = names.len() > 1;
        let mut sites = Vec::new();
        for entry_point in special {
            let name =
                if several { format!("{entry_point}-{qualified}").into() } else { Arc::clone(qualified) };
            sites.push(self.site(name, qualified, object, vec![entry_point]));
        }
        if !plain.is_empty() || sites.is_empty() {
            sites.push(self.site(Arc::clone(qualified), qualified, object, plain));
        }
        sites
    }

    fn site(
        &'a self,
        name: Arc<str>,
        declared: &Arc<str>,
        object: &'a Object<Options>,
        entry_points: Vec<&'a str>,
    ) -> Site<'a> {
        let provider = name::provider(declared);
        let entry = match entry_points.as_slice() {
            [only] => self.statics().entry_points.get(*only),
            _ => None,
        };
        let of_entry = entry.map(|entry| entry.http.middlewares.as_slice()).unwrap_or_default();
        let named = of_entry.iter().chain(&object.value.middlewares);
        let named: Vec<Arc<str>> = named.map(|text| name::qualify(text, provider)).collect();
        let middlewares = middlewares::spell_out(&named, &self.built.middlewares);
        let service = name::qualify(&object.value.service, provider);
        Site { house: self, name, object, entry_points, entry, named, middlewares, service }
    }
}

/// What a router runs: its layers, outermost first, and its service.
type Parts = (Vec<Arc<dyn Middleware>>, Arc<dyn Handler>);

/// One router on its way to be built.
struct Site<'a> {
    house: &'a House<'a>,
    name: Arc<str>,
    object: &'a Object<Options>,
    entry_points: Vec<&'a str>,
    /// The one entry point, when there is just one.
    entry: Option<&'a EntryOptions>,
    /// Middlewares as they are named, qualified.
    named: Vec<Arc<str>>,
    /// The same with chains spelled out.
    middlewares: Result<Vec<Arc<str>>, String>,
    service: Arc<str>,
}

impl Site<'_> {
    fn fingerprint(&self) -> u64 {
        let chain = match &self.middlewares {
            Ok(names) => middlewares::chain_fingerprint(names, &self.house.built.middlewares),
            Err(why) => text_hash(why),
        };
        let service = self.house.built.services.get(&self.service);
        let tls_options = self
            .tls_options()
            .map_or(0, |name| fingerprint([text_hash(&name), u64::from(self.knows_tls_options(&name))]));
        fingerprint([self.object.hash, chain, service.map_or(1, |service| service.fingerprint), tls_options])
    }

    fn build(&self, fingerprint: u64, previous: &BuiltRouters) -> BuiltRouter {
        let mut status = Status::default();
        let mut findings = Findings::new();
        let places = self.places(&mut status);
        self.parents(&mut status, &mut findings);
        let rule = self.rule(previous, &mut status, &mut findings);
        let parts = self.parts(&mut status, &mut findings);
        let tls_options = self.tls_options();
        let mut routers = Vec::new();
        if let (Some(rule), Some((layers, service)), false) = (rule, parts, status.disabled) {
            for (place, entry_point) in places {
                let router = Router {
                    name: Arc::clone(&self.name),
                    service_name: Arc::clone(&self.service),
                    priority: self.priority(),
                    rule: Arc::clone(&rule),
                    layers: layers.clone(),
                    service: Arc::clone(&service),
                    observed: self.observed(entry_point),
                };
                routers.push((place, tls_options.is_some(), Arc::new(router)));
            }
        }
        let service = self.house.built.services.get(&self.service);
        BuiltRouter {
            fingerprint,
            service: Arc::clone(&self.service),
            service_fingerprint: service.map(|service| service.fingerprint),
            places: routers,
            status,
            tls_options,
            named: self.named.clone(),
            middlewares: self.middlewares.clone().unwrap_or_default(),
            findings,
        }
    }

    /// Entry points that exist, with their places.
    fn places(&self, status: &mut Status) -> Vec<(usize, &Arc<EntryPoint>)> {
        let mut places = Vec::new();
        for name in &self.entry_points {
            let found = self.house.entry_points.iter().enumerate().find(|(_, point)| &*point.name == *name);
            match found.filter(|_| self.house.is_tcp(name)) {
                Some((place, point)) => {
                    status.using.push(Arc::clone(&point.name));
                    places.push((place, point));
                }
                None => status.warn(format!("entryPoint \"{name}\" doesn't exist")),
            }
        }
        status.using.sort_unstable();
        if places.is_empty() {
            status.fail("no valid entryPoint for this router");
        }
        places
    }

    /// A router with parents would run without their middlewares, so it is left out.
    fn parents(&self, status: &mut Status, findings: &mut Findings) {
        if self.object.value.parent_refs.is_empty() {
            return;
        }
        let message = format!("router `{}` has parents, which this version does not support", self.name);
        status.fail("parentRefs are not supported yet");
        let finding = Finding::new(&codes::NOT_YET, message).at(&self.object.origin_of(&["parentRefs"]));
        findings.push(finding.about(format!("router {}", self.name)));
    }

    fn rule(
        &self,
        previous: &BuiltRouters,
        status: &mut Status,
        findings: &mut Findings,
    ) -> Option<Arc<Rule>> {
        let text = &self.object.value.rule;
        if text.is_empty() {
            status.fail("router has no rule");
            return None;
        }
        if self.object.value.priority > MAX_USER_PRIORITY && name::provider(&self.name) != name::INTERNAL {
            let priority = self.object.value.priority;
            status.fail(format!(
                "the router priority {priority} exceeds the max user-defined priority {MAX_USER_PRIORITY}"
            ));
            return None;
        }
        let known = previous.get(&self.name).and_then(|router| router.places.first());
        let syntax = self.syntax();
        let same = |rule: &Rule| rule.text() == text && rule.syntax() == syntax;
        if let Some((_, _, router)) = known.filter(|(_, _, router)| same(&router.rule)) {
            return Some(Arc::clone(&router.rule));
        }
        match rule::parse(&self.name, self.object, syntax) {
            Ok(rule) => Some(Arc::new(rule)),
            Err(faults) => {
                for fault in faults {
                    status.fail(format!("error while parsing rule {text}: {}", fault.message));
                    findings.push(fault.finding);
                }
                None
            }
        }
    }

    fn syntax(&self) -> Syntax {
        rule::syntax(&self.object.value, self.house.statics().core.default_rule_syntax)
    }

    /// Layers and service, when all of them are there.
    fn parts(&self, status: &mut Status, findings: &mut Findings) -> Option<Parts> {
        let service = self.service(status);
        let names = match &self.middlewares {
            Ok(names) => names,
            Err(why) => {
                status.fail(why);
                return None;
            }
        };
        let made = middlewares::layers(self.house.shared, &self.name, names, &self.house.built.middlewares);
        let layers = match made {
            Ok(layers) => layers,
            Err(refused) => {
                let (error, finding) = *refused;
                findings.push(
                    finding
                        .at(&self.object.origin_of(&["middlewares"]))
                        .about(format!("router {}", self.name)),
                );
                status.fail(error);
                return None;
            }
        };
        if let Some(options) = self.tls_options().filter(|options| !self.knows_tls_options(options)) {
            status.fail(format!("building router handler: unknown TLS options: {options}"));
            return None;
        }
        Some((layers, service?))
    }

    /// The service, when it exists and could be built. Findings about it come from the model's checks and from the service itself.
    fn service(&self, status: &mut Status) -> Option<Arc<dyn Handler>> {
        if self.object.value.service.is_empty() {
            status.fail("the service is missing on the router");
            return None;
        }
        let Some(service) = self.house.built.services.get(&self.service) else {
            status.fail(format!("the service \"{}\" does not exist", self.service));
            return None;
        };
        if service.handler.is_none() {
            let why = service.status.errors.first();
            status.fail(why.map_or("the service could not be built", String::as_str));
        }
        service.handler.clone()
    }

    fn priority(&self) -> i64 {
        match self.object.value.priority {
            0 => i64::try_from(self.object.value.rule.len()).unwrap_or(i64::MAX),
            given => given,
        }
    }

    /// The TLS options this router asks for; `None` when it serves without TLS.
    fn tls_options(&self) -> Option<Arc<str>> {
        let provider = name::provider(&self.name);
        let of_entry = self.entry.and_then(|entry| entry.http.tls.as_ref());
        let options = match (&self.object.value.tls, of_entry) {
            (Some(own), _) => own.options.as_str(),
            (None, Some(entry)) => entry.options.as_str(),
            (None, None) => return None,
        };
        match options {
            "" | "default" => Some("default".into()),
            named => Some(name::qualify(named, provider)),
        }
    }

    fn knows_tls_options(&self, name: &str) -> bool {
        name == "default" || self.house.config.tls.options.contains_key(name)
    }

    fn observed(&self, entry_point: &Arc<EntryPoint>) -> Observed {
        let own = self.object.value.observability.as_ref();
        let entry = &self.house.statics().entry_points.get(&*entry_point.name);
        let entry = entry.map(|options| &options.observability);
        let internal = name::provider(&self.service) == name::INTERNAL;
        let statics = self.house.statics();
        let log_internals = statics.access_log.as_ref().is_some_and(|log| log.add_internals);
        let count_internals = statics.metrics.as_ref().is_some_and(|metrics| metrics.add_internals);
        let log = own.and_then(|o| o.access_logs).unwrap_or(entry.is_none_or(|e| e.access_logs));
        let count = own.and_then(|o| o.metrics).unwrap_or(entry.is_none_or(|e| e.metrics));
        let count = count && (!internal || count_internals) && statics.metrics.is_some();
        let metrics = &self.house.shared.metrics;
        Observed {
            access_log: log && (!internal || log_internals),
            metrics: count,
            router: if count { metrics.router(&self.name, &self.service) } else { Default::default() },
            service: if count { metrics.service(&self.service) } else { Default::default() },
            retries: if count { metrics.service_retries(&self.service) } else { Default::default() },
        }
    }
}

/// The declaration of a router. On entry points with defaults of their own its name carries the entry point's in front.
pub(crate) fn declared<'a>(config: &'a Merged, name: &str) -> Option<&'a Arc<Object<Options>>> {
    let routers = &config.http.routers;
    routers.get(name).or_else(|| name.split_once('-').and_then(|(_, rest)| routers.get(rest)))
}

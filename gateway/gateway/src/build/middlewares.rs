//! Middlewares: decoded once per configuration, built per router, chains spelled out.

use std::sync::Arc;

use fairlead_diag::{Finding, Findings, Severity};
use fairlead_http::Middleware;
use fairlead_middleware::{BuildError, Built, Context, Options};
use fairlead_model::{Merged, name};
use hashbrown::HashMap;

use super::fingerprint;
use crate::codes;
use crate::shared::Shared;
use crate::snapshot::Status;

/// Most middlewares that one reference may spell out to, so that chains of chains stay bounded.
const MAX_CHAIN: usize = 1024;

/// A decoded middleware.
#[derive(Clone)]
pub struct BuiltMiddleware {
    /// Hash of its own declaration.
    pub fingerprint: u64,
    /// Its kind as the catalogue spells it; as written when the catalogue does not know it.
    pub kind: Box<str>,
    /// Its options; `None` when they cannot be used.
    pub options: Option<Arc<dyn Options>>,
    /// Its options as the API shows them, usable or not.
    pub shown: Arc<serde_json::Value>,
    /// Members, qualified, when it is a chain.
    pub members: Option<Vec<Arc<str>>>,
    /// What the API says.
    pub status: Arc<Status>,
    /// What is wrong with it.
    pub findings: Arc<Findings>,
}

/// Decodes all middlewares, taking over what did not change.
pub(super) fn middlewares(
    config: &Merged,
    previous: &HashMap<Arc<str>, BuiltMiddleware>,
) -> HashMap<Arc<str>, BuiltMiddleware> {
    let declared = config.http.middlewares.iter();
    let mut all: HashMap<Arc<str>, BuiltMiddleware> = declared
        .map(|(qualified, object)| {
            let known = previous.get(qualified).filter(|known| known.fingerprint == object.hash);
            // Findings tell a place, and that may be another one now.
            let known = known.filter(|known| known.findings.is_empty());
            let built = known.cloned().unwrap_or_else(|| decode(qualified, object));
            (Arc::clone(qualified), built)
        })
        .collect();
    for (name, status) in chains(&all) {
        if let Some(chain) = all.get_mut(&name) {
            chain.status = Arc::new(status);
        }
    }
    all
}

/// What the API says of each chain: whether its members lead somewhere depends on the others.
fn chains(all: &HashMap<Arc<str>, BuiltMiddleware>) -> Vec<(Arc<str>, Status)> {
    let usable = all.iter().filter(|(_, chain)| chain.members.is_some() && chain.options.is_some());
    let status = |(name, _): (&Arc<str>, &BuiltMiddleware)| {
        let mut status = Status::default();
        if let Err(why) = spell_out(std::slice::from_ref(name), all) {
            status.fail(why);
        }
        (Arc::clone(name), status)
    };
    usable.map(status).collect()
}

/// Decodes one middleware.
pub(crate) fn decode(
    qualified: &Arc<str>,
    object: &fairlead_model::dynamic::Object<fairlead_model::dynamic::Middleware>,
) -> BuiltMiddleware {
    let mut findings = Findings::new();
    let mut status = Status::default();
    let kind = fairlead_middleware::find(&object.value.kind);
    let options = match kind {
        Some(kind) => (kind.decode)(&object.value.options, &mut findings),
        None => {
            let known = fairlead_middleware::ALL.iter().map(|kind| kind.name);
            let near = fairlead_conf::nearest(&object.value.kind, known);
            let help = near.map_or_else(
                || "see the reference of middlewares for what there is".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no middleware type `{}`", object.value.kind);
            findings.push(Finding::new(&codes::MIDDLEWARE_OFF, message).at(&object.origin).help(help));
            None
        }
    };
    let shown = options.as_ref().map_or_else(|| object.value.options.to_json(), |options| options.json());
    let options: Option<Arc<dyn Options>> = options.filter(|_| !findings.has_errors()).map(Arc::from);
    if options.is_none() {
        let error = findings.iter().find(|finding| finding.severity == Severity::Error);
        let why =
            error.map_or("invalid middleware type or middleware does not exist", |error| &error.message);
        status.fail(format!("invalid middleware \"{qualified}\" configuration: {why}"));
    }
    let findings: Findings =
        findings.into_iter().map(|finding| finding.about(format!("middleware {qualified}"))).collect();
    let members = object.value.is("chain").then(|| {
        let provider = name::provider(qualified);
        object.value.names("middlewares").into_iter().map(|(text, _)| name::qualify(text, provider)).collect()
    });
    BuiltMiddleware {
        fingerprint: object.hash,
        kind: kind.map_or(&*object.value.kind, |kind| kind.name).into(),
        options,
        shown: Arc::new(shown),
        members,
        status: Arc::new(status),
        findings: Arc::new(findings),
    }
}

/// The middlewares that `names` stand for, chains spelled out.
///
/// # Errors
/// In Traefik's words: a name that does not exist, or a chain that contains itself.
pub(super) fn spell_out(
    names: &[Arc<str>],
    known: &HashMap<Arc<str>, BuiltMiddleware>,
) -> Result<Vec<Arc<str>>, String> {
    let mut out = Vec::with_capacity(names.len());
    for name in names {
        let mut path = Vec::new();
        descend(name, known, &mut path, &mut out)?;
    }
    Ok(out)
}

fn descend(
    name: &Arc<str>,
    known: &HashMap<Arc<str>, BuiltMiddleware>,
    path: &mut Vec<Arc<str>>,
    out: &mut Vec<Arc<str>>,
) -> Result<(), String> {
    let Some(middleware) = known.get(name) else {
        return Err(format!("middleware \"{name}\" does not exist"));
    };
    if path.contains(name) {
        path.push(Arc::clone(name));
        let loop_text = path.iter().map(|name| format!("middleware:{name}")).collect::<Vec<_>>().join("->");
        return Err(format!("could not instantiate middleware {name}: recursion detected in {loop_text}"));
    }
    let Some(members) = &middleware.members else {
        if out.len() >= MAX_CHAIN {
            return Err(format!("middleware \"{name}\": more than {MAX_CHAIN} middlewares in one router"));
        }
        out.push(Arc::clone(name));
        return Ok(());
    };
    path.push(Arc::clone(name));
    for member in members {
        descend(member, known, path, out)?;
    }
    path.pop();
    Ok(())
}

/// Builds the layers of one router. `names` are spelled out already.
///
/// # Errors
/// Why a layer cannot be built, with the finding that says so.
pub(super) fn layers(
    shared: &Shared,
    router: &str,
    names: &[Arc<str>],
    known: &HashMap<Arc<str>, BuiltMiddleware>,
) -> Result<Vec<Arc<dyn Middleware>>, Box<(String, Finding)>> {
    let mut layers = Vec::with_capacity(names.len());
    for name in names {
        let middleware = known.get(name);
        let Some(options) = middleware.and_then(|middleware| middleware.options.as_ref()) else {
            let errors = middleware.map(|middleware| &middleware.status.errors);
            let error = errors
                .and_then(|errors| errors.first().cloned())
                .unwrap_or_else(|| format!("middleware \"{name}\" does not exist"));
            let finding = Finding::new(
                &codes::ROUTER_OFF,
                format!("router `{router}` is left out: its middleware `{name}` cannot be used"),
            );
            return Err(Box::new((error, finding)));
        };
        let context = Context { name, router, state: &shared.middlewares };
        match options.build(&context) {
            Ok(Built::Layer(layer)) => layers.push(layer),
            Ok(Built::Chain(_)) => {}
            Err(BuildError::Invalid(why)) => {
                let finding = Finding::new(&codes::MIDDLEWARE_OFF, format!("middleware `{name}`: {why}"));
                return Err((format!("invalid middleware \"{name}\" configuration: {why}"), finding).into());
            }
            Err(BuildError::NotYet) => {
                let kind = middleware.map(|middleware| middleware.kind.clone()).unwrap_or_default();
                let message =
                    format!("middleware `{name}` is of type `{kind}`, which this version cannot run");
                let finding = Finding::new(&codes::NOT_YET, message)
                    .help("remove the middleware from the router, or serve this router elsewhere for now");
                return Err((format!("middleware \"{name}\": {kind} is not supported yet"), finding).into());
            }
        }
    }
    Ok(layers)
}

/// The hash of everything that `names` stand for.
pub(super) fn chain_fingerprint(names: &[Arc<str>], known: &HashMap<Arc<str>, BuiltMiddleware>) -> u64 {
    fingerprint(names.iter().flat_map(|name| {
        [super::text_hash(name), known.get(name).map_or(0, |middleware| middleware.fingerprint)]
    }))
}

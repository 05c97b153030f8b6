//! `/api/mirror`: what the mirror is doing, as JSON, and the removal of modules from its cache.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | `{"paths": ["/upstreams", …]}` |
//! | `GET /upstreams` | `[{"name", "kind", "breaker", "requests", "failures", "isFailing"}]`: how each upstream is; numbers are those of the breaker's window |
//! | `GET /routes` | `[{"name", "upstreams", "privateUpstreams"}]`: the default route first; each list has the names of its upstreams in order, without secrets |
//! | `GET /usage?path=PREFIX&limit=N&page=N` | `{"totals": {kind: n}, "count": n, "modules": [{"path", "requests": {kind: n}, "firstAsked", "lastAsked"}]}`: the most asked for first; `count` is how many there are in all, `X-Next-Page` the next page or 1 |
//! | `GET /quarantine` | `[{"at", "wanted", "upstream", "cause", "why", "bytes", "name"}]`: answers that were refused, oldest first |
//! | `GET /cache` | `{"at", "bytes", "entries", "isComplete", "folders": {name: {"bytes", "entries"}}}`: counted at most once a minute |
//! | `DELETE /cache/MODULE` or `…/MODULE/@v/VERSION` | `{"module", "version", "removed"}`: how many files are gone; names escaped as in a GOPROXY, `version` is `null` for all |
//!
//! What is wrong is `{"message": …}` with a fitting status. There is no guard here: who may reach this may read it, so a
//! purge must be allowed by the settings.

mod survey;

use std::sync::Arc;

use fairlead_gomod::path;
use fairlead_http::{BoxFuture, Handler, Request, Response};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::serve::{Leg, Mirror, Route, UpstreamKind};
use crate::usage::Usage;
use crate::{Cause, Settings};
use survey::Surveys;

/// Where this is mounted, when paths are not cut.
const MOUNT: &str = "/api/mirror";
const PATHS: [&str; 6] =
    ["/upstreams", "/routes", "/usage", "/quarantine", "/cache", "/cache/MODULE[/@v/VERSION]"];
/// Modules on a page, when nothing else is asked for.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

/// The API of a mirror.
pub struct Admin {
    mirror: Arc<Mirror>,
    usage: Arc<Usage>,
    allow_purge: bool,
    surveys: Surveys,
}

/// What cannot be answered.
struct Refusal(StatusCode, String);

impl Admin {
    /// The API of `mirror`, with what `usage` counts.
    #[must_use]
    pub fn new(mirror: Arc<Mirror>, usage: Arc<Usage>, settings: &Settings) -> Self {
        Admin { mirror, usage, allow_purge: settings.allow_purge, surveys: Surveys::default() }
    }

    async fn answer(&self, method: Method, uri: Uri) -> Result<Response, Refusal> {
        let path = uri.path();
        let path = path.strip_prefix(MOUNT).unwrap_or(path);
        if let Some(name) = path.strip_prefix("/cache/").filter(|name| !name.is_empty()) {
            return match method {
                Method::DELETE => self.purge(name).await,
                _ => Err(not_allowed()),
            };
        }
        let value = match path.trim_end_matches('/') {
            _ if !matches!(method, Method::GET | Method::HEAD) => return Err(not_allowed()),
            "" => json!({ "paths": PATHS }),
            "/upstreams" => self.upstreams(),
            "/routes" => Value::Array(self.mirror.routes().map(|route| shown(route)).collect()),
            "/usage" => return self.usage(uri.query().unwrap_or_default()),
            "/quarantine" => json!(self.mirror.quarantine().list().await),
            "/cache" => self.surveys.survey(&**self.mirror.cache().blobs()).await.map_err(internal)?,
            _ => {
                return Err(Refusal(
                    StatusCode::NOT_FOUND,
                    format!("there is no {path}; GET / lists what there is"),
                ));
            }
        };
        Ok(json_response(StatusCode::OK, &value))
    }

    fn upstreams(&self) -> Value {
        let mut seen: Vec<&str> = Vec::new();
        let mut all = Vec::new();
        for upstream in self.mirror.routes().flat_map(|route| route.upstreams()) {
            if seen.contains(&&**upstream.name()) {
                continue;
            }
            seen.push(upstream.name());
            let state = upstream.state();
            all.push(json!({
                "name": &*state.name,
                "kind": kind_word(upstream.kind()),
                "breaker": state.breaker,
                "requests": state.requests,
                "failures": state.failures,
                "isFailing": state.is_failing,
            }));
        }
        Value::Array(all)
    }

    fn usage(&self, query: &str) -> Result<Response, Refusal> {
        let (mut prefix, mut limit, mut page) = (String::new(), PAGE, 1);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "path" => prefix = value.into_owned(),
                "limit" => limit = number("limit", &value)?.min(MAX_PAGE),
                "page" => page = number("page", &value)?,
                _ => {}
            }
        }
        let seen = self.usage.seen(&prefix);
        let count = seen.modules.len();
        let start = (page - 1).saturating_mul(limit);
        let next = if start.saturating_add(limit) < count { page + 1 } else { 1 };
        let modules: Vec<_> = seen.modules.into_iter().skip(start).take(limit).collect();
        let value = json!({ "totals": seen.totals, "count": count, "modules": modules });
        let mut response = json_response(StatusCode::OK, &value);
        response.headers.insert("x-next-page", HeaderValue::from(next));
        Ok(response)
    }

    async fn purge(&self, name: &str) -> Result<Response, Refusal> {
        if !self.allow_purge {
            let text =
                "purging is not allowed: set `allowPurge` in the mirror's settings, and guard this API";
            return Err(Refusal(StatusCode::FORBIDDEN, text.to_owned()));
        }
        let name = percent_encoding::percent_decode_str(name).decode_utf8().map_err(bad)?;
        let (module, version) = match name.split_once("/@v/") {
            Some((module, version)) => (module, Some(path::unescape_version(version).map_err(bad)?)),
            None => (&*name, None),
        };
        let module = path::unescape_path(module).map_err(bad)?;
        let removed = self.mirror.purge(&module, version.as_deref()).await.map_err(|failure| {
            let status =
                if failure.cause == Cause::BadRequest { StatusCode::BAD_REQUEST } else { failure.status };
            Refusal(status, failure.text.into())
        })?;
        if removed == 0 {
            let version = version.map(|version| format!("@{version}")).unwrap_or_default();
            return Err(Refusal(
                StatusCode::NOT_FOUND,
                format!("nothing of {module}{version} is in the cache"),
            ));
        }
        let value = json!({ "module": module, "version": version, "removed": removed });
        Ok(json_response(StatusCode::OK, &value))
    }
}

impl Handler for Admin {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        let (method, uri) = (request.method, request.uri);
        Box::pin(async move {
            match self.answer(method, uri).await {
                Ok(response) => response,
                Err(Refusal(status, message)) => {
                    let mut response = json_response(status, &json!({ "message": message }));
                    if status == StatusCode::METHOD_NOT_ALLOWED {
                        response = response.with_header(header::ALLOW, "GET, HEAD, DELETE");
                    }
                    response
                }
            }
        })
    }
}

fn shown(route: &Route) -> Value {
    let names = |legs: &[Leg]| legs.iter().map(|leg| leg.upstream().name().to_string()).collect::<Vec<_>>();
    json!({
        "name": &**route.name(),
        "upstreams": names(&route.public_legs),
        "privateUpstreams": names(&route.private_legs),
    })
}

fn kind_word(kind: UpstreamKind) -> &'static str {
    match kind {
        UpstreamKind::Proxy => "proxy",
        UpstreamKind::Direct => "direct",
        UpstreamKind::Off => "off",
    }
}

fn number(name: &str, text: &str) -> Result<usize, Refusal> {
    let bad = || Refusal(StatusCode::BAD_REQUEST, format!("`{name}` must be a number from 1"));
    text.parse().ok().filter(|number| *number > 0).ok_or_else(bad)
}

fn not_allowed() -> Refusal {
    Refusal(StatusCode::METHOD_NOT_ALLOWED, "method not allowed here".to_owned())
}

fn bad(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, format!("this names no module: {error}"))
}

fn internal(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    Response::new(status)
        .with_header(header::CONTENT_TYPE, "application/json")
        .with_body(format!("{value}\n"))
}

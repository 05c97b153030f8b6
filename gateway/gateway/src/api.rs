//! `api@internal`: what runs, as JSON, with Traefik's paths and shapes, and our own `/api/findings` and `/api/explain`.
//!
//! Everything is read from the current snapshot at the moment of the request.

mod list;
mod objects;
mod overview;

use std::sync::{Arc, Weak};

use fairlead_http::{BoxFuture, Handler, Request, Response};
use fairlead_model::statics::Static;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::explain::{self, Question};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
pub use list::Query;
use objects::Objects;

/// The API.
pub struct Api {
    shared: Weak<Shared>,
    base_path: Box<str>,
    /// What other systems show of themselves, by name.
    systems: Vec<(&'static str, Arc<dyn Handler>)>,
}

/// What the API answers.
pub(crate) enum Answer {
    Json(Value),
    /// A list with the number of the next page.
    Page(Value, usize),
    Error(StatusCode, String),
}

impl Api {
    /// The API under `base_path`, with those of other systems under `/api/NAME`.
    #[must_use]
    pub fn new(
        shared: Weak<Shared>,
        base_path: &str,
        systems: Vec<(&'static str, Arc<dyn Handler>)>,
    ) -> Self {
        Api { shared, base_path: base_path.trim_end_matches('/').into(), systems }
    }

    /// The system that a request is for, with the rest of the path: `/api/mirror/usage` is `/usage` of `mirror`.
    fn system(&self, request: &Request) -> Option<(&Arc<dyn Handler>, String)> {
        let path = request.path();
        let path = path.strip_prefix(&*self.base_path).unwrap_or(path).strip_prefix("/api/")?;
        let (name, handler) = self.systems.iter().find(|(name, _)| {
            path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })?;
        let rest = &path[name.len()..];
        Some((handler, if rest.is_empty() { "/".to_owned() } else { rest.to_owned() }))
    }

    fn answer(&self, request: &Request) -> Response {
        let Some(shared) = self.shared.upgrade() else {
            return Response::go_error(StatusCode::SERVICE_UNAVAILABLE, "stopping");
        };
        let path = request.path();
        let path = path.strip_prefix(&*self.base_path).unwrap_or(path);
        let Some(path) = path.strip_prefix("/api") else { return crate::entry_point::not_found() };
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Response::go_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
                .with_header(header::ALLOW, "GET, HEAD");
        }
        let query = Query::parse(request.uri.query().unwrap_or_default());
        let snapshot = shared.current.load_full();
        match route(&shared, &snapshot, path, &query) {
            Some(answer) => respond(answer),
            None => crate::entry_point::not_found(),
        }
    }
}

impl Handler for Api {
    fn call(&self, mut request: Request) -> BoxFuture<'_, Response> {
        if let Some((handler, rest)) = self.system(&request) {
            let query = request.uri.query().map(str::to_owned);
            if request.set_path_and_query(&rest, query.as_deref()).is_ok() {
                return handler.call(request);
            }
        }
        let response = self.answer(&request);
        Box::pin(std::future::ready(response))
    }
}

fn route(shared: &Arc<Shared>, snapshot: &Snapshot, path: &str, query: &Query) -> Option<Answer> {
    let objects = Objects { shared, snapshot };
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    Some(match segments.as_slice() {
        ["rawdata"] => Answer::Json(objects.raw_data()),
        ["overview"] => Answer::Json(overview::overview(&objects)),
        ["version"] => Answer::Json(version(shared)),
        ["findings"] => Answer::Json(json!(*snapshot.findings)),
        ["explain"] => explain(shared, snapshot, query),
        ["entrypoints"] => list::page(entry_points(&shared.statics), query),
        ["entrypoints", id] => one("entry point", id, entry_points(&shared.statics)),
        ["certificates"] => list::page(objects.certificates(), query),
        ["certificates", id] => one("certificate", id, objects.certificates()),
        ["http", "routers"] => list::page(objects.routers(), query),
        ["http", "services"] => list::page(objects.services(), query),
        ["http", "middlewares"] => list::page(objects.middlewares(), query),
        ["http", "routers", id] => one("router", id, objects.routers()),
        ["http", "services", id] => one("service", id, objects.services()),
        ["http", "middlewares", id] => one("middleware", id, objects.middlewares()),
        [section @ ("tcp" | "udp"), kind] => list::page(objects.other(section, kind)?, query),
        [section @ ("tcp" | "udp"), kind, id] => {
            one(kind.trim_end_matches('s'), id, objects.other(section, kind)?)
        }
        _ => return None,
    })
}

fn version(shared: &Shared) -> Value {
    json!({
        "Version": env!("CARGO_PKG_VERSION"),
        "Codename": "fairlead",
        "startDate": shared.started.to_string(),
    })
}

fn explain(shared: &Arc<Shared>, snapshot: &Snapshot, query: &Query) -> Answer {
    match Question::from_query(query) {
        Ok(question) => Answer::Json(json!(explain::explain(&shared.statics, snapshot, &question))),
        Err(why) => Answer::Error(StatusCode::BAD_REQUEST, why),
    }
}

fn entry_points(statics: &Static) -> Vec<Value> {
    let mut all: Vec<Value> = statics
        .entry_points
        .iter()
        .map(|(name, options)| {
            let mut value = json!(options);
            value["name"] = json!(&**name);
            value
        })
        .collect();
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    all
}

fn one(kind: &str, id: &str, all: Vec<Value>) -> Answer {
    let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
    match all.into_iter().find(|object| object["name"] == *id) {
        Some(object) => Answer::Json(object),
        None => Answer::Error(StatusCode::NOT_FOUND, format!("{kind} not found: {id}")),
    }
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Json(value) => json_response(StatusCode::OK, &value),
        Answer::Page(value, next) => {
            let mut response = json_response(StatusCode::OK, &value);
            response.headers.insert("x-next-page", HeaderValue::from(next));
            response
        }
        Answer::Error(status, message) => {
            Response::go_error(status, &json!({ "message": message }).to_string())
        }
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    Response::new(status)
        .with_header(header::CONTENT_TYPE, "application/json")
        .with_body(format!("{value}\n"))
}

//! Why a request goes where it goes: for each router of an entry point, whether it matched and which predicate failed first.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fairlead_http::{Conn, Request, TlsInfo};
use fairlead_model::statics::{EntryPoint, Protocol, RuleSyntax, Static};
use fairlead_rules::{Rule, Syntax, View, canonical_host, routing_path};
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Uri};
use serde::Serialize;

use crate::api::Query;
use crate::entry_point::policy::Policy;
use crate::entry_point::viewed;
use crate::snapshot::{Routes, Snapshot};

/// Most routers that one explanation lists.
const MAX_ROUTERS: usize = 1000;

/// A request to explain.
#[derive(Debug, Clone)]
pub struct Question {
    /// Method.
    pub method: Method,
    /// `http://host[:port]/path?query` or `https://…`.
    pub url: Uri,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Entry point; chosen by the URL's port when `None`.
    pub entry_point: Option<String>,
    /// The client.
    pub client: IpAddr,
}

/// What would happen to a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Method, host, path and query as routing sees them.
    pub request: SeenRequest,
    /// One for each entry point that was asked about.
    pub entry_points: Vec<EntryPointExplanation>,
}

/// The request as routing sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenRequest {
    method: String,
    host: String,
    /// After clean-up, as rules compare it.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    tls: bool,
}

/// What would happen on one entry point.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryPointExplanation {
    /// Its name.
    pub name: Arc<str>,
    /// One sentence.
    pub verdict: String,
    /// The router that takes the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<Arc<str>>,
    /// The service behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Arc<str>>,
    /// Layers it passes, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub middlewares: Vec<Arc<str>>,
    /// Every router in the order in which they are asked.
    pub routers: Vec<RouterVerdict>,
    /// Routers that would have matched, but answer only with (or without) TLS, or are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near_misses: Vec<String>,
}

/// One router's verdict.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterVerdict {
    /// Qualified name.
    pub name: Arc<str>,
    /// Its rule.
    pub rule: String,
    /// Its priority.
    pub priority: i64,
    /// Whether the rule holds.
    pub matched: bool,
    /// The first predicate that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
}

/// A predicate that does not hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The predicate as written.
    pub predicate: String,
    /// Its first column in the rule, from 1.
    pub column: usize,
    /// What the request has instead.
    pub actual: String,
}

impl Question {
    /// Reads `method`, `url`, `header` (repeatable, `Name: value`), `entryPoint` and `clientIP`.
    ///
    /// # Errors
    /// Which parameter cannot be used, and what it should look like.
    pub fn from_query(query: &Query) -> Result<Self, String> {
        let url = query.first("url").ok_or("`url` is missing: /api/explain?url=http://host/path")?;
        let headers = query.all("header").map(str::to_owned).collect::<Vec<_>>();
        Question::new(
            query.first("method").unwrap_or("GET"),
            url,
            &headers,
            query.first("entryPoint"),
            query.first("clientIP"),
        )
    }

    /// A question from texts.
    ///
    /// # Errors
    /// Which text cannot be used, and what it should look like.
    pub fn new(
        method: &str,
        url: &str,
        headers: &[String],
        entry_point: Option<&str>,
        client: Option<&str>,
    ) -> Result<Self, String> {
        let method = Method::try_from(method).map_err(|_| format!("`{method}` is not a method"))?;
        let uri: Uri = url.parse().map_err(|_| format!("`{url}` is not a URL such as http://host/path"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(format!("`{url}` must begin with http:// or https:// and name a host"));
        }
        let header = |line: &String| {
            let bad = || format!("header `{line}` must look like `Name: value`");
            let (name, value) = line.split_once(':').ok_or_else(bad)?;
            let name = HeaderName::try_from(name.trim()).map_err(|_| bad())?;
            Ok((name, HeaderValue::try_from(value.trim()).map_err(|_| bad())?))
        };
        let client = match client {
            Some(text) => text.parse().map_err(|_| format!("client `{text}` is not an IP address"))?,
            None => IpAddr::from(Ipv4Addr::LOCALHOST),
        };
        Ok(Question {
            method,
            url: uri,
            headers: headers.iter().map(header).collect::<Result<_, String>>()?,
            entry_point: entry_point.map(str::to_owned),
            client,
        })
    }

    fn is_tls(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }

    fn request(&self, entry_point: &str) -> Request {
        let path = self.url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        let tls = self.is_tls().then(|| TlsInfo {
            version: "1.3",
            cipher: "",
            server_name: self.url.host().map(Arc::from),
            options: "default".into(),
            client: None,
        });
        let conn = Conn::new(entry_point, (self.client, 0).into(), (Ipv4Addr::LOCALHOST, 0).into(), tls);
        let mut request = Request::new(self.method.clone(), uri, Arc::new(conn));
        let host = self.url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        if let Ok(host) = HeaderValue::try_from(host) {
            request.headers.insert(header::HOST, host);
        }
        for (name, value) in &self.headers {
            if *name == header::HOST {
                request.headers.insert(name.clone(), value.clone());
            } else {
                request.headers.append(name.clone(), value.clone());
            }
        }
        request
    }
}

/// Explains a request against a snapshot.
#[must_use]
pub fn explain(statics: &Static, snapshot: &Snapshot, question: &Question) -> Explanation {
    let asked = asked_entry_points(statics, question);
    let mut seen = None;
    let mut entry_points = Vec::new();
    for (place, name, options) in asked {
        let mut request = question.request(name);
        let policy = Policy::new(options, false, "");
        if policy.admit(&mut request).is_err() {
            entry_points.push(refused(name, "the entry point refuses the request with 400 before routing"));
            continue;
        }
        seen.get_or_insert_with(|| seen_request(&request));
        if let Some(routes) = snapshot.entry_points.get(place) {
            let (mine, other) = match question.is_tls() {
                true => (&routes.tls, &routes.plain),
                false => (&routes.plain, &routes.tls),
            };
            entry_points.push(on_entry_point(name, &request, mine, other, snapshot));
        }
    }
    let request = seen.unwrap_or_else(|| seen_request(&question.request("")));
    Explanation { request, entry_points }
}

/// The entry point that is named; else those on the URL's port; else all.
fn asked_entry_points<'a>(
    statics: &'a Static,
    question: &Question,
) -> Vec<(usize, &'a Arc<str>, &'a EntryPoint)> {
    let tcp = || {
        let all = statics.entry_points.iter().enumerate();
        all.filter(|(_, (_, options))| options.address.protocol == Protocol::Tcp)
            .map(|(place, (name, options))| (place, name, options))
    };
    if let Some(wanted) = &question.entry_point {
        return tcp().filter(|(_, name, _)| ***name == **wanted).collect();
    }
    let default = if question.is_tls() { 443 } else { 80 };
    let port = question.url.port_u16().unwrap_or(default);
    let on_port: Vec<_> = tcp().filter(|(_, _, options)| options.address.port == port).collect();
    if on_port.is_empty() { tcp().collect() } else { on_port }
}

fn seen_request(request: &Request) -> SeenRequest {
    SeenRequest {
        method: request.method.to_string(),
        host: canonical_host(request.host()).into_owned(),
        path: routing_path(request.path()).into_owned(),
        query: request.uri.query().map(str::to_owned),
        tls: request.conn.tls.is_some(),
    }
}

fn on_entry_point(
    name: &Arc<str>,
    request: &Request,
    mine: &Routes,
    other: &Routes,
    snapshot: &Snapshot,
) -> EntryPointExplanation {
    viewed(request, |view| judge(name, request, view, (mine, other), snapshot))
}

fn judge(
    name: &Arc<str>,
    request: &Request,
    view: &View<'_>,
    (mine, other): (&Routes, &Routes),
    snapshot: &Snapshot,
) -> EntryPointExplanation {
    let found = mine.find(view);
    let routers = verdicts(mine, view);
    let near = other.find(view).map(|router| {
        let how =
            if request.conn.tls.is_some() { "only answers without TLS" } else { "only answers over TLS" };
        format!("router `{}` has a rule that matches, but {how}", router.name)
    });
    let near = near.into_iter().chain(left_out(snapshot, view));
    let verdict = match found {
        Some(router) => {
            format!("router `{}` takes the request to service `{}`", router.name, router.service_name)
        }
        None if mine.routers.is_empty() => "404: the entry point has no routers for such requests".to_owned(),
        None => "404: no router matches".to_owned(),
    };
    let middlewares = found.and_then(|router| snapshot.built.routers.get(&router.name));
    EntryPointExplanation {
        name: Arc::clone(name),
        verdict,
        router: found.map(|router| Arc::clone(&router.name)),
        service: found.map(|router| Arc::clone(&router.service_name)),
        middlewares: middlewares.map(|router| router.middlewares.clone()).unwrap_or_default(),
        routers,
        near_misses: if found.is_none() { near.collect() } else { Vec::new() },
    }
}

/// Routers that could not be built, although their rule would match.
fn left_out<'a>(snapshot: &'a Snapshot, view: &'a View<'a>) -> impl Iterator<Item = String> + 'a {
    let disabled = snapshot.built.routers.iter().filter(|(_, router)| router.status.disabled);
    disabled.take(MAX_ROUTERS).filter_map(move |(name, router)| {
        let object = snapshot.config.http.routers.get(name)?;
        let syntax = match object.value.rule_syntax {
            Some(RuleSyntax::V2) => Syntax::V2,
            _ => Syntax::V3,
        };
        let rule = Rule::parse(&object.value.rule, syntax).ok()?;
        let why = router.status.errors.join("; ");
        rule.matches(view).then(|| format!("router `{name}` has a rule that matches, but is left out: {why}"))
    })
}

fn verdicts(routes: &Routes, view: &View<'_>) -> Vec<RouterVerdict> {
    let all = routes.table.explain(view).into_iter().take(MAX_ROUTERS);
    all.filter_map(|verdict| {
        let router = routes.routers.get(verdict.index)?;
        let text = router.rule.text();
        Some(RouterVerdict {
            name: Arc::clone(&router.name),
            rule: text.to_owned(),
            priority: router.priority,
            matched: verdict.matched,
            failed: verdict.failed.map(|failed| Failed {
                column: text.get(..failed.span.start).map_or(1, |before| before.chars().count() + 1),
                predicate: failed.text,
                actual: failed.actual,
            }),
        })
    })
    .collect()
}

fn refused(name: &Arc<str>, why: &str) -> EntryPointExplanation {
    EntryPointExplanation {
        name: Arc::clone(name),
        verdict: why.to_owned(),
        router: None,
        service: None,
        middlewares: Vec::new(),
        routers: Vec::new(),
        near_misses: Vec::new(),
    }
}

//! What the tests of this crate share: requests, a recording service, and a way through one layer.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};

use fairlead_conf::Node;
use fairlead_diag::{Findings, Origin};
use fairlead_http::{BoxFuture, Conn, Handler, Middleware, Next, Request, Response};
use http::{HeaderMap, Method, StatusCode};

use crate::catalogue::{BuildError, Built, Context, Options, find};
use crate::state::State;

/// A client's connection from `peer`.
pub(crate) fn conn(peer: &str) -> Arc<Conn> {
    let local = "127.0.0.1:80".parse().unwrap();
    Arc::new(Conn::new("web", peer.parse().unwrap(), local, None))
}

/// A request for `/` from `peer`.
pub(crate) fn request_from(peer: &str) -> Request {
    Request::new(Method::GET, "/".parse().unwrap(), conn(peer))
}

/// A request for `target` with host `host.example`.
pub(crate) fn request(method: &str, target: &str) -> Request {
    let mut request = Request::new(method.parse().unwrap(), target.parse().unwrap(), conn("192.0.2.7:4711"));
    request.headers.insert("host", "host.example".parse().unwrap());
    request
}

/// A request with headers.
pub(crate) fn get_with(target: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = request("GET", target);
    for (name, value) in headers {
        set(&mut request.headers, name, value);
    }
    request
}

/// Appends a header, or replaces `host`.
pub(crate) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let name: http::HeaderName = name.parse().unwrap();
    let value = value.parse().unwrap();
    if name == "host" {
        headers.insert(name, value);
    } else {
        headers.append(name, value);
    }
}

/// What a service was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
}

/// A service that records requests and answers 200 with given headers.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) asked: Mutex<Vec<Asked>>,
    pub(crate) answer: HeaderMap,
}

impl Handler for Recorder {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        let asked = Asked { target: request.uri.to_string(), headers: request.headers };
        self.asked.lock().unwrap().push(asked);
        let mut response = Response::new(StatusCode::OK);
        response.headers = self.answer.clone();
        Box::pin(std::future::ready(response))
    }
}

/// Options of a middleware from JSON, with the findings.
pub(crate) fn decode(kind: &str, options: &serde_json::Value) -> (Option<Box<dyn Options>>, Findings) {
    let mut findings = Findings::new();
    let options = (find(kind).unwrap().decode)(&node(options), &mut findings);
    (options, findings)
}

/// A tree from JSON. The origin of each value names the way to it.
pub(crate) fn node(json: &serde_json::Value) -> Node {
    node_at(json, String::new())
}

fn node_at(json: &serde_json::Value, path: String) -> Node {
    use fairlead_conf::{Entry, Value};
    let origin = Origin::Remote(path.as_str().into());
    let value = match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::String(text) => Value::Scalar { text: text.as_str().into(), quoted: true },
        serde_json::Value::Array(items) => {
            let items = items.iter().enumerate();
            Value::List(items.map(|(index, item)| node_at(item, format!("{path}[{index}]"))).collect())
        }
        serde_json::Value::Object(map) => {
            let entry = |(key, value): (&String, &serde_json::Value)| Entry {
                key: key.as_str().into(),
                key_origin: origin.clone(),
                node: node_at(value, format!("{path}.{key}")),
            };
            Value::Map(map.iter().map(entry).collect())
        }
        other => Value::Scalar { text: other.to_string().into(), quoted: false },
    };
    Node { origin, value }
}

/// A layer from JSON options that must be good.
pub(crate) fn layer(kind: &str, options: serde_json::Value) -> Arc<dyn Middleware> {
    layer_in(kind, options, &State::new()).unwrap()
}

/// A layer of the router `router@file` in some state.
pub(crate) fn layer_in(
    kind: &str,
    options: serde_json::Value,
    state: &State,
) -> Result<Arc<dyn Middleware>, BuildError> {
    let (options, findings) = decode(kind, &options);
    let options = options.unwrap_or_else(|| panic!("no options: {findings:?}"));
    let context = Context { name: "layer@file", router: "router@file", state };
    match options.build(&context)? {
        Built::Layer(layer) => Ok(layer),
        Built::Chain(names) => panic!("a chain of {names:?}"),
    }
}

/// Sends a request through one layer to a service.
pub(crate) async fn through(
    layer: &Arc<dyn Middleware>,
    service: &dyn Handler,
    request: Request,
) -> Response {
    Next::new(std::slice::from_ref(layer), service).run(request).await
}

/// As [`through`] for layers that never wait: one poll must do.
pub(crate) fn at_once(layer: &Arc<dyn Middleware>, service: &dyn Handler, request: Request) -> Response {
    let future = pin!(through(layer, service, request));
    match future.poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("the layer waited"),
    }
}

/// The response of one layer, and what the service was asked, if it was.
pub(crate) fn pass(layer: &Arc<dyn Middleware>, request: Request) -> (Response, Option<Asked>) {
    let service = Recorder::default();
    let response = at_once(layer, &service, request);
    let asked = service.asked.lock().unwrap().pop();
    (response, asked)
}

/// The body of a response, which must be at hand.
pub(crate) fn body(response: &Response) -> String {
    match &response.body {
        fairlead_http::Body::Empty => String::new(),
        fairlead_http::Body::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        fairlead_http::Body::Stream(_) => panic!("a stream"),
    }
}

/// A header of a response, empty when missing.
pub(crate) fn header<'m>(headers: &'m HeaderMap, name: &str) -> &'m str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

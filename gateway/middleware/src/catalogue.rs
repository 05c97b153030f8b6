//! The catalogue: every middleware that a configuration may name, by its key.

use std::sync::Arc;

use fairlead_conf::Node;
use fairlead_diag::Findings;
use fairlead_http::Middleware;
use serde::de::DeserializeOwned;

use crate::options::Problem;
use crate::state::State;

/// A kind of middleware.
#[derive(Debug)]
pub struct Kind {
    /// Its key in the configuration, such as `addPrefix`.
    pub name: &'static str,
    /// What it does, one sentence.
    pub summary: &'static str,
    /// Decodes its options. Whatever is wrong becomes a finding at its place; `None` when nothing usable is left.
    pub decode: fn(&Node, &mut Findings) -> Option<Box<dyn Options>>,
}

/// Decoded options of one middleware.
pub trait Options: Send + Sync + std::fmt::Debug {
    /// As Traefik's API prints them under the middleware's key: zero values left out.
    fn json(&self) -> serde_json::Value;

    /// What is wrong with values that decoded well, each with its place.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Builds the middleware for one router.
    ///
    /// # Errors
    /// [`BuildError::Invalid`] when a value cannot be used ([`Options::problems`] says which and where),
    /// [`BuildError::NotYet`] when this version cannot run it.
    fn build(&self, context: &Context<'_>) -> Result<Built, BuildError>;
}

/// What options turn into.
pub enum Built {
    /// A layer of the onion.
    Layer(Arc<dyn Middleware>),
    /// Names of other middlewares, outermost first, as written; the caller looks them up and guards against cycles.
    Chain(Vec<String>),
}

/// For whom a middleware is built.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Qualified name of the middleware, such as `auth@file`.
    pub name: &'a str,
    /// Qualified name of the router that it is built for: each router counts its own requests.
    pub router: &'a str,
    /// What outlives reloads.
    pub state: &'a State,
}

/// Why a middleware was not built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Its options cannot be used; a lower-case fragment that says why.
    #[error("{0}")]
    Invalid(String),
    /// It is known, but this version cannot run it. Leaving the layer out could open a door, so the router must be left out.
    #[error("not supported by this version")]
    NotYet,
}

/// The kind of that name, without case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
}

/// Decodes options of type `T` and adds their problems to the findings.
pub(crate) fn decode<T>(node: &Node, findings: &mut Findings) -> Option<Box<dyn Options>>
where
    T: DeserializeOwned + Options + 'static,
{
    let options: T = fairlead_conf::decode(node, findings)?;
    findings.extend(options.problems().iter().map(|problem| problem.finding(node)));
    Some(Box::new(options))
}

macro_rules! catalogue {
    ($($module:ident :: $options:ident = $name:literal, $summary:literal;)*) => {
        /// Every kind, by name.
        pub static ALL: &[Kind] = &[
            $(Kind { name: $name, summary: $summary, decode: decode::<crate::$module::$options> },)*
        ];
    };
}

catalogue! {
    add_prefix::AddPrefix = "addPrefix", "Puts a prefix in front of the path.";
    basic_auth::BasicAuth = "basicAuth", "Asks for a user name and a password (HTTP Basic).";
    buffering::Buffering = "buffering", "Reads whole bodies, limits their size and repeats failed requests.";
    chain::Chain = "chain", "Names a list of other middlewares.";
    circuit_breaker::CircuitBreaker = "circuitBreaker", "Stops asking a service that keeps failing.";
    compress::Compress = "compress", "Compresses responses.";
    content_type::ContentType = "contentType", "Guesses the type of responses that name none.";
    digest_auth::DigestAuth = "digestAuth", "Asks for a user name and a password (HTTP Digest).";
    encoded_characters::EncodedCharacters = "encodedCharacters", "Refuses paths with certain encoded characters.";
    errors::Errors = "errors", "Answers errors with the pages of a service.";
    forward_auth::ForwardAuth = "forwardAuth", "Asks another server whether a request may pass.";
    grpc_web::GrpcWeb = "grpcWeb", "Turns gRPC-Web requests into gRPC.";
    headers::Headers = "headers", "Sets and removes headers, answers CORS, adds security headers.";
    in_flight_req::InFlightReq = "inFlightReq", "Limits how many requests run at the same time.";
    ip_allow_list::IpAllowList = "ipAllowList", "Lets only some client addresses pass.";
    ip_allow_list::IpWhiteList = "ipWhiteList", "Old name of ipAllowList.";
    pass_tls_client_cert::PassTlsClientCert = "passTLSClientCert", "Tells the server about the client's certificate.";
    plugin::Plugin = "plugin", "Runs a plugin of Traefik.";
    rate_limit::RateLimit = "rateLimit", "Limits how many requests per time a source may send.";
    redirect_regex::RedirectRegex = "redirectRegex", "Redirects to an address made by a regular expression.";
    redirect_scheme::RedirectScheme = "redirectScheme", "Redirects to another scheme or port.";
    replace_path::ReplacePath = "replacePath", "Replaces the path.";
    replace_path_regex::ReplacePathRegex = "replacePathRegex", "Rewrites the path by a regular expression.";
    retry::Retry = "retry", "Repeats requests that failed.";
    strip_prefix::StripPrefix = "stripPrefix", "Takes a prefix off the path.";
    strip_prefix_regex::StripPrefixRegex = "stripPrefixRegex", "Takes what matches off the front of the path.";
}

//! `basicAuth`: asks for a user name and a password (HTTP Basic, RFC 7617).

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::htpasswd;
use crate::options::{Problem, json, options};
use crate::verdicts::Verdicts;

/// The largest file of users, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// What unknown users are checked against when nobody is known.
const DECOY: &str = "$2y$05$abcdefghijklmnopqrstuuBqvBhKX8XzTw0OuVqhbxAvcVCJ0/vTe";

options! {
    /// Options of `basicAuth`.
    pub(crate) struct BasicAuth {
        /// Users as `htpasswd` writes them: `name:hash` with bcrypt, MD5 or SHA-1.
        pub(crate) users: Vec<String>,
        /// File with such lines; `users` win.
        pub(crate) users_file: String,
        /// Realm; empty means `traefik`.
        pub(crate) realm: String,
        /// Whether to take `Authorization` off before the request goes on.
        pub(crate) remove_header: bool,
        /// Request header that gets the name of the user.
        pub(crate) header_field: String,
    }
}

impl Options for BasicAuth {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found: Vec<_> =
            self.users.iter().enumerate().filter_map(|(index, line)| bad_line(index, line)).collect();
        match self.lines_of_file() {
            Ok(lines) if lines.is_empty() && self.users.is_empty() => {
                found.push(Problem::new(
                    &codes::NO_USERS,
                    "neither users nor usersFile names a user, so nobody could pass",
                ));
            }
            Ok(lines) => {
                let bad = lines.iter().enumerate().find_map(|(index, line)| bad_line(index, line));
                found.extend(bad.map(|problem| Problem { path: vec!["usersFile".into()], ..problem }));
            }
            Err(message) => found.push(Problem::new(&codes::BAD_USERS_FILE, message).at("usersFile")),
        }
        if self.header_name().is_err() {
            let message = format!("`{}` is not a header name", self.header_field);
            found.push(Problem::new(&codes::BAD_HEADER, message).at("headerField"));
        }
        if self.challenge().is_err() {
            found.push(Problem::new(&codes::BAD_HEADER, "the realm holds control characters").at("realm"));
        }
        found
    }

    fn build(&self, context: &Context<'_>) -> Result<Built, BuildError> {
        let lines = self.lines_of_file().map_err(BuildError::Invalid)?;
        let mut users = HashMap::new();
        for line in lines.iter().chain(&self.users) {
            let (name, hash) = split(line).map_err(|message| BuildError::Invalid(message.to_owned()))?;
            users.insert(name.into(), hash.into());
        }
        if users.is_empty() {
            return Err(BuildError::Invalid(format!("no users found in {}", self.users_file)));
        }
        let layer = Layer {
            decoy: decoy(&users),
            users,
            challenge: self.challenge().map_err(|_| BuildError::Invalid("invalid realm".to_owned()))?,
            header_field: self
                .header_name()
                .map_err(|_| BuildError::Invalid("invalid headerField".to_owned()))?,
            remove_header: self.remove_header,
            verdicts: context.state.verdicts.clone(),
        };
        Ok(Built::Layer(Arc::new(layer)))
    }
}

impl BasicAuth {
    fn challenge(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let realm = if self.realm.is_empty() { "traefik" } else { &self.realm };
        HeaderValue::from_bytes(format!("Basic realm=\"{realm}\"").as_bytes())
    }

    fn header_name(&self) -> Result<Option<HeaderName>, http::header::InvalidHeaderName> {
        if self.header_field.is_empty() { Ok(None) } else { self.header_field.parse().map(Some) }
    }

    /// Lines of the file that name users; none without a file.
    fn lines_of_file(&self) -> Result<Vec<String>, String> {
        if self.users_file.is_empty() {
            return Ok(Vec::new());
        }
        let text =
            read(&self.users_file).map_err(|error| format!("cannot read {}: {error}", self.users_file))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    }
}

fn read(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    Ok(text)
}

fn split(line: &str) -> Result<(&str, &str), &'static str> {
    match line.split_once(':') {
        Some((name, hash)) if !hash.contains(':') => Ok((name, hash)),
        _ => Err("a user entry is not `name:hash`"),
    }
}

/// The problem with a line. Says nothing of what it holds but the name.
fn bad_line(index: usize, line: &str) -> Option<Problem> {
    let problem = match split(line) {
        Err(message) => Problem::new(&codes::BAD_USER, format!("{message} (entry {})", index + 1)),
        Ok((name, hash)) if htpasswd::scheme(hash).is_none() => {
            let message = format!(
                "the password hash of user `{name}` is of no known kind, so nobody can log in as `{name}`"
            );
            Problem::new(&codes::USELESS_HASH, message).help("make the line with `htpasswd -nB NAME`")
        }
        Ok(_) => return None,
    };
    Some(problem.at("users").at(index))
}

/// The hash that costs most, so that a wrong name takes as long as a wrong password.
fn decoy(users: &HashMap<Box<str>, Box<str>>) -> Box<str> {
    let cost = |hash: &str| match htpasswd::scheme(hash) {
        Some(htpasswd::Scheme::Bcrypt) => hash.get(4..6).and_then(|cost| cost.parse().ok()).unwrap_or(4),
        Some(htpasswd::Scheme::Md5) => 2,
        Some(htpasswd::Scheme::Sha1) => 1,
        None => 0_u8,
    };
    users.values().max_by_key(|hash| cost(hash)).cloned().unwrap_or_else(|| DECOY.into())
}

struct Layer {
    users: HashMap<Box<str>, Box<str>>,
    decoy: Box<str>,
    challenge: HeaderValue,
    header_field: Option<HeaderName>,
    remove_header: bool,
    verdicts: Arc<Verdicts>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        Box::pin(self.ask(request, next))
    }
}

impl Layer {
    async fn ask(&self, mut request: Request, next: Next<'_>) -> Response {
        let Some((user, password)) = credentials(&request.headers) else { return self.refuse(None) };
        let known = self.users.get(user.as_str());
        let hash = known.unwrap_or(&self.decoy);
        let accepted = match self.verdicts.check(&user, password.as_bytes(), hash).await {
            Ok(matches) => matches && known.is_some(),
            Err(_busy) => return Response::go_error(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        if !accepted {
            return self.refuse(Some(user));
        }
        if let Some(name) = &self.header_field {
            request.headers.remove(name);
            if let Ok(value) = HeaderValue::from_bytes(user.as_bytes()) {
                request.headers.insert(name.clone(), value);
            }
        }
        if self.remove_header {
            request.headers.remove(header::AUTHORIZATION);
        }
        let mut response = next.run(request).await;
        response.outcome_mut().user = Some(user.into());
        response
    }

    fn refuse(&self, user: Option<String>) -> Response {
        let mut response = Response::new(StatusCode::UNAUTHORIZED)
            .with_header(header::CONTENT_TYPE, "text/plain")
            .with_body("401 Unauthorized\n");
        response.headers.insert(header::WWW_AUTHENTICATE, self.challenge.clone());
        response.outcome_mut().user = user.map(Into::into);
        response
    }
}

/// Name and password of an `Authorization: Basic` header.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;
    use crate::harness::{Recorder, body, decode, get_with, header, layer, layer_in, through};
    use crate::state::State;

    const APR1: &str = "$apr1$abcdefgh$EfExgQSMBXioDhIVk8IOb1";
    const SHA1: &str = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";

    fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    async fn ask(layer: &Arc<dyn Middleware>, authorization: &str) -> (Response, Option<HeaderMap>) {
        let service = Recorder::default();
        let headers = [("authorization", authorization), ("x-user", "forged")];
        let response = through(layer, &service, get_with("/", &headers)).await;
        let asked = service.asked.lock().unwrap().pop();
        (response, asked.map(|asked| asked.headers))
    }

    #[tokio::test]
    async fn who_knows_the_password_passes() {
        let bcrypt = bcrypt::hash("pw:with:colons", 4).unwrap();
        let users = [format!("u:{APR1}"), format!("s:{SHA1}"), format!("b:{bcrypt}"), "p:plain".to_owned()];
        let layer =
            layer("basicAuth", json!({ "users": users, "headerField": "X-User", "removeHeader": true }));
        for (authorization, user) in [
            (basic("u", "myPassword"), Some("u")),
            (basic("s", "password"), Some("s")),
            (basic("b", "pw:with:colons"), Some("b")),
            (basic("u", "myPassword").replace("Basic", "bASIC"), Some("u")),
            (basic("u", "password"), None),
            (basic("nobody", "myPassword"), None),
            (basic("nobody", "pw:with:colons"), None),
            (basic("p", "plain"), None),
            (basic("", ""), None),
            ("Basic".to_owned(), None),
            ("Basic %%%".to_owned(), None),
            ("Bearer x".to_owned(), None),
            (format!("Basic {}", STANDARD.encode("nocolon")), None),
        ] {
            let (response, asked) = ask(&layer, &authorization).await;
            assert_eq!(asked.is_some(), user.is_some(), "{authorization}");
            if let (Some(user), Some(headers)) = (user, asked) {
                assert_eq!(header(&headers, "x-user"), user);
                assert!(!headers.contains_key("authorization"));
                assert_eq!(response.outcome.unwrap().user.as_deref(), Some(user));
            } else {
                assert_eq!((response.status.as_u16(), body(&response).as_str()), (401, "401 Unauthorized\n"));
                assert_eq!(header(&response.headers, "www-authenticate"), "Basic realm=\"traefik\"");
                assert_eq!(header(&response.headers, "content-type"), "text/plain");
            }
        }
    }

    #[tokio::test]
    async fn files_add_users_and_the_list_wins() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# users\n\n a:{SHA1} \nb:{APR1}").unwrap();
        let path = file.path().to_str().unwrap();
        let layer = layer(
            "basicAuth",
            json!({ "users": [format!("b:{SHA1}")], "usersFile": path, "realm": "my \"realm\"" }),
        );
        for (user, password, passes) in
            [("a", "password", true), ("b", "password", true), ("b", "myPassword", false)]
        {
            let (response, asked) = ask(&layer, &basic(user, password)).await;
            assert_eq!(asked.is_some(), passes, "{user}");
            if !passes {
                assert_eq!(header(&response.headers, "www-authenticate"), "Basic realm=\"my \"realm\"\"");
            }
        }
    }

    #[test]
    fn the_decoy_costs_as_much_as_the_dearest_hash() {
        let users = |hashes: &[&str]| hashes.iter().map(|hash| ((*hash).into(), (*hash).into())).collect();
        assert_eq!(&*decoy(&users(&[SHA1, APR1])), APR1);
        assert_eq!(&*decoy(&users(&["$2y$05$x", "$2y$12$x", APR1])), "$2y$12$x");
        assert_eq!(bcrypt::verify("x", &decoy(&users(&[]))).ok(), Some(false));
    }

    #[test]
    fn without_users_it_is_not_built() {
        let (options, findings) = decode("basicAuth", &json!({}));
        assert!(options.is_some() && findings.has_errors());
    }

    #[test]
    fn faults_are_told_without_secrets() {
        let options = json!({ "users": ["nocolon", "p:hunter2", format!("ok:{SHA1}")], "usersFile": "/nonexistent/users", "headerField": "a b" });
        let (_, findings) = decode("basicAuth", &options);
        let told: Vec<_> = findings.iter().map(|f| (f.code.id, f.origin().unwrap().to_string())).collect();
        let expected = [
            (codes::BAD_USER.id, ".users[0]".to_owned()),
            (codes::USELESS_HASH.id, ".users[1]".to_owned()),
            (codes::BAD_USERS_FILE.id, ".usersFile".to_owned()),
            (codes::BAD_HEADER.id, ".headerField".to_owned()),
        ];
        assert_eq!(told, expected);
        assert!(findings.iter().all(|f| !f.message.contains("hunter2") && !f.message.contains("nocolon")));
        assert!(matches!(layer_in("basicAuth", options, &State::new()), Err(BuildError::Invalid(_))));
        assert!(!decode("basicAuth", &json!({})).1.is_empty());
    }
}

//! Lists of the API: filtering, sorting and pages, as Traefik's dashboard asks for them.

use http::StatusCode;
use serde_json::Value;

use super::Answer;

/// Page size when none is asked for.
const PER_PAGE: usize = 100;

/// The query of an API request.
#[derive(Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Decodes a query string.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = raw.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Query { pairs: pairs.map(|(key, value)| (decode(key), decode(value))).collect() }
    }

    /// The first value of a key.
    #[must_use]
    pub fn first(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// The page of `objects` that the query asks for.
pub(super) fn page(objects: Vec<Value>, query: &Query) -> Answer {
    let mut wanted: Vec<Value> = objects.into_iter().filter(|object| keeps(object, query)).collect();
    sort(&mut wanted, query);
    let number = |key: &str, default: usize| match query.first(key) {
        None | Some("") => Ok(default),
        Some(text) => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad(&format!("{key}: {text}"))),
    };
    let (page, per_page) = match (number("page", 1), number("per_page", PER_PAGE)) {
        (Ok(page), Ok(per_page)) => (page, per_page),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let total = wanted.len();
    let from = (page - 1).saturating_mul(per_page);
    if from > 0 && from >= total {
        return bad(&format!("page: {page}, per_page: {per_page}"));
    }
    let next = if from.saturating_add(per_page) < total { page + 1 } else { 1 };
    Answer::Page(wanted.into_iter().skip(from).take(per_page).collect(), next)
}

fn bad(what: &str) -> Answer {
    Answer::Error(StatusCode::BAD_REQUEST, format!("invalid request: {what}"))
}

fn keeps(object: &Value, query: &Query) -> bool {
    let equals = |key: &str, wanted: &str| {
        object[key].as_str().is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let status = query.first("status").is_none_or(|wanted| wanted.is_empty() || equals("status", wanted));
    let search = query.first("search").is_none_or(|text| mentions(object, text));
    let service = query.first("serviceName").is_none_or(|name| {
        object["service"].as_str().is_some_and(|service| same_name(service, name, object))
    });
    let middleware = query.first("middlewareName").is_none_or(|name| {
        let listed = object["middlewares"].as_array();
        listed.is_some_and(|all| all.iter().any(|m| m.as_str() == Some(name)))
    });
    status && search && service && middleware
}

fn same_name(service: &str, wanted: &str, object: &Value) -> bool {
    let provider = object["provider"].as_str().unwrap_or_default();
    service == wanted || format!("{service}@{provider}") == wanted
}

fn mentions(object: &Value, text: &str) -> bool {
    let text = text.to_lowercase();
    let holds = |value: &Value| value.as_str().is_some_and(|value| value.to_lowercase().contains(&text));
    ["name", "rule", "service", "provider"].iter().any(|key| holds(&object[*key]))
        || object["entryPoints"].as_array().is_some_and(|all| all.iter().any(holds))
}

fn sort(objects: &mut [Value], query: &Query) {
    let key = query.first("sortBy").unwrap_or("name");
    objects.sort_by(|a, b| {
        let order = match (&a[key], &b[key]) {
            (Value::Number(a), Value::Number(b)) => a.as_i64().cmp(&b.as_i64()),
            (a, b) => a.as_str().cmp(&b.as_str()),
        };
        order.then_with(|| a["name"].as_str().cmp(&b["name"].as_str()))
    });
    if query.first("direction") == Some("desc") {
        objects.reverse();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(query: &str) -> Result<(Vec<String>, usize), String> {
        let objects = vec![
            json!({"name": "b@file", "status": "enabled", "priority": 2, "service": "s", "provider": "file"}),
            json!({"name": "a@file", "status": "disabled", "priority": 10, "middlewares": ["m@file"]}),
            json!({"name": "c@docker", "status": "enabled", "priority": 1, "rule": "Host(`x`)"}),
        ];
        match page(objects, &Query::parse(query)) {
            Answer::Page(Value::Array(all), next) => {
                Ok((all.iter().map(|o| o["name"].as_str().unwrap().to_owned()).collect(), next))
            }
            Answer::Error(_, message) => Err(message),
            _ => Err("not a page".into()),
        }
    }

    #[test]
    fn filters_sorts_and_pages() {
        for (query, expected, next) in [
            ("", vec!["a@file", "b@file", "c@docker"], 1),
            ("status=enabled", vec!["b@file", "c@docker"], 1),
            ("search=HOST", vec!["c@docker"], 1),
            ("serviceName=s@file", vec!["b@file"], 1),
            ("middlewareName=m@file", vec!["a@file"], 1),
            ("sortBy=priority", vec!["c@docker", "b@file", "a@file"], 1),
            ("direction=desc", vec!["c@docker", "b@file", "a@file"], 1),
            ("per_page=2", vec!["a@file", "b@file"], 2),
            ("per_page=2&page=2", vec!["c@docker"], 1),
        ] {
            assert_eq!(
                names(query).unwrap(),
                (expected.into_iter().map(String::from).collect(), next),
                "{query}"
            );
        }
    }

    #[test]
    fn a_page_that_does_not_exist_is_an_error() {
        assert_eq!(names("page=9&per_page=2").unwrap_err(), "invalid request: page: 9, per_page: 2");
        assert_eq!(names("page=x").unwrap_err(), "invalid request: page: x");
    }
}

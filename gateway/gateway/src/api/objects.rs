//! Objects of the API as JSON: routers, services, middlewares, certificates.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairlead_model::name;
use serde_json::{Map, Value, json};

use crate::shared::Shared;
use crate::snapshot::{Snapshot, Status};

/// Everything that objects are read from.
pub(super) struct Objects<'a> {
    pub(super) shared: &'a Shared,
    pub(super) snapshot: &'a Snapshot,
}

impl Objects<'_> {
    /// All objects, as `/api/rawdata` gives them.
    pub(super) fn raw_data(&self) -> Value {
        let mut data = Map::new();
        for (key, objects) in
            [("routers", self.routers()), ("middlewares", self.middlewares()), ("services", self.services())]
        {
            data.insert(key.to_owned(), by_name(objects));
        }
        for (key, section, kind) in [
            ("tcpRouters", "tcp", "routers"),
            ("tcpMiddlewares", "tcp", "middlewares"),
            ("tcpServices", "tcp", "services"),
            ("udpRouters", "udp", "routers"),
            ("udpServices", "udp", "services"),
        ] {
            let objects = self.other(section, kind).unwrap_or_default();
            if !objects.is_empty() {
                data.insert(key.to_owned(), by_name(objects));
            }
        }
        Value::Object(data)
    }

    /// HTTP routers.
    pub(super) fn routers(&self) -> Vec<Value> {
        let config = &self.snapshot.config.http.routers;
        let defaults = self.shared.statics.default_entry_points();
        let built = self.snapshot.built.routers.iter().map(|(qualified, router)| {
            let declared = config.get(qualified).or_else(|| {
                // On entry points with defaults of their own the name carries the entry point's in front.
                let (_, rest) = qualified.split_once('-')?;
                config.get(rest)
            });
            let Some(object) = declared else { return Value::Null };
            let mut value = json!(object.value);
            let named = &object.value.entry_points;
            let entry_points = match named.is_empty() {
                true => json!(defaults),
                false => json!(named),
            };
            value["entryPoints"] = entry_points;
            if !router.middlewares.is_empty() && object.value.middlewares.len() != router.middlewares.len() {
                value["middlewares"] = json!(router.middlewares);
            } else if !object.value.middlewares.is_empty() {
                let provider = name::provider(qualified);
                let qualify = |text: &String| name::qualify(text, provider);
                value["middlewares"] =
                    object.value.middlewares.iter().map(qualify).map(|n| json!(&*n)).collect();
            }
            let priority = match object.value.priority {
                0 => i64::try_from(object.value.rule.len()).unwrap_or(i64::MAX),
                given => given,
            };
            value["priority"] = json!(priority);
            if let Some(options) = &router.tls_options {
                value["tls"]["options"] = json!(&**options);
            }
            value["observability"] = self.observability(object.value.observability.as_ref());
            let mut status = router.status.clone();
            if let Some(conflict) = self.snapshot.tls_conflicts.get(qualified) {
                status.warn(conflict.clone());
            }
            add_status(&mut value, &status);
            if !status.using.is_empty() {
                value["using"] = json!(status.using);
            }
            add_name(&mut value, qualified);
            value["priorityStr"] = json!(priority.to_string());
            value
        });
        sorted(built.filter(|value| !value.is_null()).collect())
    }

    fn observability(&self, own: Option<&fairlead_model::dynamic::router::RouterObservability>) -> Value {
        json!({
            "accessLogs": own.and_then(|o| o.access_logs).unwrap_or(true),
            "metrics": own.and_then(|o| o.metrics).unwrap_or(true),
            "tracing": own.and_then(|o| o.tracing).unwrap_or(true),
            "traceVerbosity": own.and_then(|o| o.trace_verbosity).unwrap_or_default().word(),
        })
    }

    /// HTTP services, declared and internal.
    pub(super) fn services(&self) -> Vec<Value> {
        let used = self.users(|router| vec![router.service.clone()]);
        let config = &self.snapshot.config.http.services;
        let all = self.snapshot.built.services.iter().filter_map(|(qualified, service)| {
            let declared = config.get(qualified);
            if declared.is_none() && !used.contains_key(qualified) && &**qualified != "noop@internal" {
                return None;
            }
            let mut value = declared.map_or_else(|| json!({}), |object| json!(object.value));
            add_status(&mut value, &service.status);
            if let Some(routers) = used.get(qualified) {
                value["usedBy"] = json!(routers);
            }
            add_name(&mut value, qualified);
            if let Some(object) = declared {
                value["type"] = json!(object.value.kind.word().to_lowercase());
            }
            if let Some(balancer) = &service.balancer {
                let mut servers = BTreeMap::new();
                for server in balancer.balancer.servers() {
                    let word = if server.endpoint.is_up() { "UP" } else { "DOWN" };
                    servers.insert(server.endpoint.target().url.to_string(), word);
                }
                value["serverStatus"] = json!(servers);
            }
            Some(value)
        });
        sorted(all.collect())
    }

    /// HTTP middlewares.
    pub(super) fn middlewares(&self) -> Vec<Value> {
        let used = self.users(|router| router.middlewares.clone());
        let all = self.snapshot.built.middlewares.iter().map(|(qualified, middleware)| {
            let mut value = json!({});
            let options = middleware.options.as_ref().map_or(Value::Null, |options| options.json());
            value[&*middleware.kind] = options;
            if let (Some(members), true) = (&middleware.members, &*middleware.kind == "chain") {
                value["chain"]["middlewares"] = json!(members);
            }
            add_status(&mut value, &middleware.status);
            if let Some(routers) = used.get(qualified) {
                value["usedBy"] = json!(routers);
            }
            add_name(&mut value, qualified);
            value["type"] = json!(middleware.kind.to_lowercase());
            value
        });
        sorted(all.collect())
    }

    /// TCP and UDP objects: decoded, not served yet, and their status says so.
    pub(super) fn other(&self, section: &str, kind: &str) -> Option<Vec<Value>> {
        let config = &self.snapshot.config;
        let status = Status {
            errors: vec![format!("{section} is not supported by this version")],
            disabled: true,
            using: Vec::new(),
        };
        let show = |qualified: &Arc<str>, mut value: Value| {
            add_status(&mut value, &status);
            add_name(&mut value, qualified);
            value
        };
        macro_rules! objects {
            ($map:expr) => {
                $map.iter().map(|(qualified, object)| show(qualified, json!(object.value))).collect()
            };
        }
        Some(sorted(match (section, kind) {
            ("tcp", "routers") => objects!(config.tcp.routers),
            ("tcp", "services") => objects!(config.tcp.services),
            ("tcp", "middlewares") => objects!(config.tcp.middlewares),
            ("udp", "routers") => objects!(config.udp.routers),
            ("udp", "services") => objects!(config.udp.services),
            _ => return None,
        }))
    }

    /// Certificates of the entry points.
    pub(super) fn certificates(&self) -> Vec<Value> {
        let Some(routes) = self.snapshot.entry_points.first() else { return Vec::new() };
        let time = |second| jiff::Timestamp::from_second(second).map(|t| t.to_string()).unwrap_or_default();
        let all = routes.server_tls.certificates().iter().map(|certificate| {
            json!({
                "name": format!("{}-{}", certificate.cn, certificate.serial),
                "commonName": certificate.cn,
                "sans": certificate.sans,
                "serialNumber": certificate.serial,
                "notBefore": time(certificate.not_before),
                "notAfter": time(certificate.not_after),
                "source": &*certificate.label,
                "status": "enabled",
            })
        });
        sorted(all.collect())
    }

    /// Routers by what they refer to.
    fn users(
        &self,
        references: impl Fn(&fairlead_model::dynamic::Router) -> Vec<String>,
    ) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
        let mut used: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
        for (qualified, object) in &self.snapshot.config.http.routers {
            let provider = name::provider(qualified);
            for reference in references(&object.value).iter().filter(|reference| !reference.is_empty()) {
                used.entry(name::qualify(reference, provider)).or_default().push(Arc::clone(qualified));
            }
        }
        for routers in used.values_mut() {
            routers.sort_unstable();
            routers.dedup();
        }
        used
    }
}

fn add_status(value: &mut Value, status: &Status) {
    if !status.errors.is_empty() {
        value["error"] = json!(status.errors);
    }
    value["status"] = json!(status.word());
}

fn add_name(value: &mut Value, qualified: &str) {
    value["name"] = json!(qualified);
    value["provider"] = json!(name::provider(qualified));
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    objects
}

/// A map by name; what lists add beside the object is left out, as in Traefik.
fn by_name(objects: Vec<Value>) -> Value {
    let entry = |mut object: Value| {
        let fields = object.as_object_mut()?;
        for key in ["provider", "priorityStr", "type"] {
            fields.shift_remove(key);
        }
        let name = fields.shift_remove("name")?;
        Some((name.as_str()?.to_owned(), object))
    };
    Value::Object(objects.into_iter().filter_map(entry).collect())
}

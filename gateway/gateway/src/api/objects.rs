//! Objects of the API as JSON: routers, services, middlewares, certificates.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairlead_model::dynamic::Router;
use fairlead_model::name;
use fairlead_model::statics::EntryPointTls;
use serde_json::{Map, Value, json};

use crate::build::BuiltRouter;
use crate::build::routers::declared;
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
        let built = self.snapshot.built.routers.iter();
        let shown = built.filter_map(|(qualified, router)| {
            let object = declared(&self.snapshot.config, qualified)?;
            Some(self.router(qualified, router, &object.value))
        });
        sorted(shown.collect())
    }

    fn router(&self, qualified: &str, router: &BuiltRouter, options: &Router) -> Value {
        let mut value = json!(options);
        value["entryPoints"] = match options.entry_points.as_slice() {
            [] => json!(self.shared.statics.default_entry_points()),
            named => json!(named),
        };
        if !router.named.is_empty() {
            value["middlewares"] = json!(router.named);
        }
        let priority = match options.priority {
            0 => i64::try_from(options.rule.len()).unwrap_or(i64::MAX),
            given => given,
        };
        if priority != 0 {
            value["priority"] = json!(priority);
        }
        if let Some(tls_options) = &router.tls_options {
            if let (None, Some(entry)) = (&options.tls, self.entry_tls(router)) {
                value["tls"] = json!(entry);
            }
            value["tls"]["options"] = json!(&**tls_options);
        }
        if name::provider(qualified) == name::INTERNAL {
            value["ruleSyntax"] = json!("default");
        }
        value["observability"] = self.observability(router, options);
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
    }

    /// The TLS that the entry point gives a router which names none.
    fn entry_tls(&self, router: &BuiltRouter) -> Option<&EntryPointTls> {
        let entry_points = &self.shared.statics.entry_points;
        router.status.using.iter().find_map(|name| entry_points.get(&**name)?.http.tls.as_ref())
    }

    fn observability(&self, router: &BuiltRouter, options: &Router) -> Value {
        let own = options.observability.as_ref();
        let entry = match router.status.using.as_slice() {
            [only] => self.shared.statics.entry_points.get(&**only),
            _ => None,
        };
        let of_entry = entry.map(|entry| entry.observability.clone()).unwrap_or_default();
        json!({
            "accessLogs": own.and_then(|own| own.access_logs).unwrap_or(of_entry.access_logs),
            "metrics": own.and_then(|own| own.metrics).unwrap_or(of_entry.metrics),
            "tracing": own.and_then(|own| own.tracing).unwrap_or(of_entry.tracing),
            "traceVerbosity": own.and_then(|own| own.trace_verbosity).unwrap_or(of_entry.trace_verbosity).word(),
        })
    }

    /// HTTP services, declared and internal.
    pub(super) fn services(&self) -> Vec<Value> {
        let used = self.users_of_services();
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
        let used = self.users_of_middlewares();
        let all = self.snapshot.built.middlewares.iter().map(|(qualified, middleware)| {
            let mut value = json!({});
            value[&*middleware.kind] = Value::clone(&middleware.shown);
            let members = middleware.members.as_ref().filter(|members| !members.is_empty());
            if let (Some(members), true) = (members, &*middleware.kind == "chain") {
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

    /// Routers by the services that they name.
    fn users_of_services(&self) -> Users {
        let routers = self.snapshot.config.http.routers.iter();
        users(routers.filter(|(_, object)| !object.value.service.is_empty()).map(|(qualified, object)| {
            (name::qualify(&object.value.service, name::provider(qualified)), qualified)
        }))
    }

    /// Routers by the middlewares that they name, or that their entry points put in front.
    fn users_of_middlewares(&self) -> Users {
        let named = self.snapshot.config.http.routers.iter().flat_map(|(qualified, object)| {
            let names = object.value.middlewares.iter().filter(|name| !name.is_empty());
            names.map(move |name| (name::qualify(name, name::provider(qualified)), qualified))
        });
        let points = &self.shared.statics.entry_points;
        let in_front = self.snapshot.built.routers.iter().flat_map(|(qualified, router)| {
            let names = router.status.using.iter().filter_map(|point| points.get(&**point));
            let names = names.flat_map(|point| &point.http.middlewares);
            names.map(move |name| (name::qualify(name, name::provider(qualified)), qualified))
        });
        users(named.chain(in_front))
    }
}

/// Names of routers by what they use.
type Users = BTreeMap<Arc<str>, Vec<Arc<str>>>;

fn users<'a>(uses: impl Iterator<Item = (Arc<str>, &'a Arc<str>)>) -> Users {
    let mut used = Users::new();
    for (what, router) in uses {
        used.entry(what).or_default().push(Arc::clone(router));
    }
    for routers in used.values_mut() {
        routers.sort_unstable();
        routers.dedup();
    }
    used
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

//! What holds for routers of every kind.

use fairlead_diag::Origin;

use super::{Check, MAX_USER_PRIORITY, Subject, is_internal, item_origin, reference};
use crate::codes;
use crate::dynamic::{Object, Objects};
use crate::statics::Protocol;

/// The parts that routers of every kind have.
pub(super) struct Parts<'a> {
    /// `router`, `tcp router` or `udp router`.
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) entry_points: &'a [String],
    pub(super) service: &'a str,
    pub(super) protocol: Protocol,
}

impl<'a> Parts<'a> {
    pub(super) fn subject(&self) -> Subject<'a> {
        Subject { kind: self.kind, name: self.name }
    }
}

impl Check<'_> {
    pub(super) fn entry_points<T>(&mut self, parts: &Parts<'_>, object: &Object<T>) {
        let known = self.points(parts.protocol);
        let missing: Vec<(usize, String)> = parts
            .entry_points
            .iter()
            .enumerate()
            .filter(|(_, name)| !known.contains(&name.as_str()))
            .map(|(index, name)| (index, name.clone()))
            .collect();
        let listens = match parts.entry_points.len() {
            0 => {
                parts.protocol == Protocol::Tcp
                    && !self.surroundings.statics.default_entry_points().is_empty()
                    || parts.protocol == Protocol::Udp && !known.is_empty()
            }
            count => missing.len() < count,
        };
        let mut names: Vec<String> = match missing.is_empty() {
            true => Vec::new(),
            false => known.iter().map(|&name| name.to_owned()).collect(),
        };
        names.sort_unstable();
        for (index, name) in missing {
            let origin = item_origin(object, &["entryPoints"], index);
            let message = format!("entryPoint {name:?} doesn't exist");
            let finding = fairlead_diag::Finding::new(&codes::ROUTER_ENTRY_POINT, message)
                .about(parts.subject())
                .at(&origin);
            let help = match fairlead_conf::nearest(&name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declared entry points: {}", names.join(", ")),
            };
            self.findings.push(finding.help(help));
        }
        if !listens {
            let origin = object.origin_of(&["entryPoints"]);
            self.push(
                &codes::NO_ENTRY_POINT,
                "no valid entryPoint for this router",
                parts.subject(),
                &origin,
            );
        }
    }

    pub(super) fn service<T, S>(&mut self, parts: &Parts<'_>, object: &Object<T>, known: &Objects<S>) {
        if parts.service.is_empty() {
            let message = match parts.protocol {
                Protocol::Udp => "the service is missing on the udp router",
                Protocol::Tcp => "the service is missing on the router",
            };
            self.push(&codes::NO_SERVICE, message, parts.subject(), &object.origin);
            return;
        }
        let service = reference(parts.service, parts.name);
        if !self.has_service(known, &service) {
            let origin = object.value_origin(&["service"]);
            self.dangling(
                format!("the service {service:?} does not exist"),
                parts.subject(),
                &origin,
                &service,
                known,
            );
        }
    }

    /// Middlewares that `subject` names in the list `path`.
    pub(super) fn middlewares<T, M>(
        &mut self,
        subject: Subject<'_>,
        list: &[String],
        object: &Object<T>,
        known: &Objects<M>,
    ) {
        for (index, middleware) in list.iter().enumerate() {
            let qualified = reference(middleware, subject.name);
            if !self.has_middleware(known, &qualified) {
                let origin = item_origin(object, &["middlewares"], index);
                let message = format!("middleware {qualified:?} does not exist");
                self.dangling(message, subject, &origin, &qualified, known);
            }
        }
    }

    pub(super) fn rule_and_priority<T>(
        &mut self,
        parts: &Parts<'_>,
        rule: &str,
        priority: i64,
        object: &Object<T>,
    ) {
        if rule.trim().is_empty() {
            self.push(&codes::NO_RULE, "router has no rule", parts.subject(), &object.origin);
        }
        if priority > MAX_USER_PRIORITY && !is_internal(parts.name) {
            let message = format!(
                "the router priority {priority} exceeds the max user-defined priority {MAX_USER_PRIORITY}"
            );
            self.push(
                &codes::PRIORITY_TOO_HIGH,
                message,
                parts.subject(),
                &object.value_origin(&["priority"]),
            );
        }
    }

    /// TLS options and certificate resolver that a router names; `at` says where a field of its TLS stands.
    pub(super) fn router_tls(
        &mut self,
        subject: Subject<'_>,
        (options, resolver): (&str, &str),
        at: impl Fn(&str) -> Origin,
    ) {
        if !options.is_empty() {
            let qualified = match options {
                crate::dynamic::tls::DEFAULT => options.into(),
                _ => reference(options, subject.name),
            };
            let known = &self.merged.tls.options;
            if !known.contains_key(&*qualified) {
                self.dangling(
                    format!("unknown TLS options: {qualified}"),
                    subject,
                    &at("options"),
                    &qualified,
                    known,
                );
            }
        }
        if !resolver.is_empty() && !self.surroundings.statics.certificates_resolvers.contains_key(resolver) {
            let message = format!("the certificate resolver {resolver:?} is not declared");
            let finding =
                fairlead_diag::Finding::new(&codes::DANGLING, message).about(subject).at(&at("certResolver"));
            let finding = finding.severity(fairlead_diag::Severity::Warning);
            self.findings
                .push(finding.help("declare it in the static configuration under `certificatesResolvers`"));
        }
    }
}

//! Transports and services.

use std::sync::Arc;

use fairlead_diag::{Finding, Findings, Origin};
use fairlead_http::Handler;
use fairlead_http::client::Transport;
use fairlead_model::dynamic::{LoadBalancer as Options, Object, Service, ServiceKind};
use fairlead_model::{Merged, name};
use fairlead_upstream::{Balancer, Server};
use hashbrown::HashMap;

use super::{BuiltService, BuiltTransport, fingerprint, text_hash};
use crate::codes;
use crate::service::Unavailable;
use crate::service::load_balancer::{self, LoadBalancer};
use crate::shared::Shared;
use crate::snapshot::Status;
use crate::{health, transport};

/// Name of the transport of services that name none.
pub(super) const DEFAULT_TRANSPORT: &str = "default@internal";

/// All transports, the static default first.
pub(super) fn transports(
    shared: &Shared,
    config: &Merged,
    previous: &HashMap<Arc<str>, BuiltTransport>,
) -> HashMap<Arc<str>, BuiltTransport> {
    let mut all = HashMap::with_capacity(config.http.servers_transports.len() + 1);
    let default: Arc<str> = DEFAULT_TRANSPORT.into();
    let known = previous.get(&default).cloned();
    all.insert(
        default,
        known.unwrap_or_else(|| {
            let made = transport::from_static(&shared.statics.servers_transport);
            built_transport(0, DEFAULT_TRANSPORT, made, &Origin::Internal)
        }),
    );
    for (qualified, object) in &config.http.servers_transports {
        let same = |known: &&BuiltTransport| known.fingerprint == object.hash && known.findings.is_empty();
        let built = previous.get(qualified).filter(same).cloned().unwrap_or_else(|| {
            let made = transport::from_dynamic(&object.value, object.hash);
            built_transport(object.hash, qualified, made, &object.origin)
        });
        all.insert(Arc::clone(qualified), built);
    }
    all
}

fn built_transport(
    fingerprint: u64,
    name: &str,
    made: Result<Transport, String>,
    origin: &Origin,
) -> BuiltTransport {
    match made {
        Ok(transport) => {
            BuiltTransport { fingerprint, transport: Some(Arc::new(transport)), findings: Arc::default() }
        }
        Err(why) => {
            let finding = Finding::new(&codes::TRANSPORT_OFF, format!("servers transport `{name}`: {why}"))
                .at(origin)
                .about(format!("serversTransport {name}"));
            let findings = Findings::from_iter([finding]);
            BuiltTransport { fingerprint, transport: None, findings: Arc::new(findings) }
        }
    }
}

/// All services, declared and internal.
pub(super) fn services(
    shared: &Arc<Shared>,
    config: &Merged,
    transports: &HashMap<Arc<str>, BuiltTransport>,
    previous: &HashMap<Arc<str>, BuiltService>,
) -> HashMap<Arc<str>, BuiltService> {
    let mut all = HashMap::with_capacity(config.http.services.len() + shared.internal.len());
    for (short, handler) in &shared.internal {
        let service = BuiltService {
            fingerprint: text_hash(short),
            handler: Some(Arc::clone(handler)),
            balancer: None,
            status: Arc::default(),
            findings: Arc::default(),
        };
        all.insert(name::qualify(short, name::INTERNAL), service);
    }
    for (qualified, object) in &config.http.services {
        let transport = transport_of(qualified, object);
        let used = transports.get(&transport);
        let fingerprint =
            fingerprint([object.hash, text_hash(&transport), used.map_or(0, |built| built.fingerprint)]);
        let same = |known: &&BuiltService| known.fingerprint == fingerprint && known.findings.is_empty();
        let built = previous.get(qualified).filter(same).cloned().unwrap_or_else(|| {
            Site { shared, name: qualified, object, transport: &transport, fingerprint }
                .build(used.and_then(|built| built.transport.as_ref()), used.is_some())
        });
        all.insert(Arc::clone(qualified), built);
    }
    all
}

fn transport_of(qualified: &str, object: &Object<Service>) -> Arc<str> {
    match &object.value.kind {
        ServiceKind::LoadBalancer(options) if !options.servers_transport.is_empty() => {
            name::qualify(&options.servers_transport, name::provider(qualified))
        }
        _ => DEFAULT_TRANSPORT.into(),
    }
}

/// One service on its way to be built.
struct Site<'a> {
    shared: &'a Arc<Shared>,
    name: &'a Arc<str>,
    object: &'a Object<Service>,
    transport: &'a str,
    fingerprint: u64,
}

impl Site<'_> {
    fn build(&self, transport: Option<&Arc<Transport>>, declared: bool) -> BuiltService {
        let mut status = Status::default();
        let mut findings = Findings::new();
        let made = match &self.object.value.kind {
            _ if !self.object.value.middlewares.is_empty() => Err(Finding::new(
                &codes::NOT_YET,
                "middlewares of services are not supported by this version, and without them the service could be open",
            )
            .help("name the middlewares in the routers of the service")),
            ServiceKind::LoadBalancer(options) => match transport {
                Some(transport) => self.load_balancer(options, transport, &mut status),
                None => Err(self.without_transport(declared)),
            },
            other => Err(Finding::new(
                &codes::NOT_YET,
                format!("services of type `{}` are not supported by this version", other.word()),
            )),
        };
        let (handler, balancer) = match made {
            Ok((handler, balancer)) => (Some(handler), balancer),
            Err(finding) => {
                status.fail(finding.message.clone());
                findings.push(self.place(finding));
                (None, None)
            }
        };
        BuiltService {
            fingerprint: self.fingerprint,
            handler,
            balancer,
            status: Arc::new(status),
            findings: Arc::new(findings),
        }
    }

    fn load_balancer(
        &self,
        options: &Options,
        transport: &Arc<Transport>,
        status: &mut Status,
    ) -> Result<(Arc<dyn Handler>, Option<Arc<LoadBalancer>>), Finding> {
        if options.servers.is_empty() {
            return Ok((Arc::new(Unavailable), None));
        }
        let health = options.health_check.as_ref().map(|check| health::options(check, self.name)).transpose();
        let health = health.map_err(|why| Finding::new(&codes::SERVICE_OFF, why))?.flatten();
        let check_hash = health.as_ref().map_or(0, |health| text_hash(&format!("{health:?}")));
        let identity = fingerprint([check_hash, transport.id]);
        let mut servers = Vec::with_capacity(options.servers.len());
        let mut base_paths = Vec::with_capacity(options.servers.len());
        for server in &options.servers {
            let target = load_balancer::target(&server.url).map_err(|why| {
                Finding::new(&codes::SERVICE_OFF, format!("error parsing server URL `{}`: {why}", server.url))
            })?;
            let (endpoint, new) = self.shared.endpoints.obtain(self.name, &target, identity);
            if let (true, Some(health)) = (new, &health) {
                health::watch(self.shared, self.name, &endpoint, transport, health);
            }
            servers.push(Server { endpoint, weight: server.weight });
            base_paths.push(server.preserve_path.then(|| load_balancer::base_path(&server.url)).flatten());
        }
        if servers.iter().all(|server| server.weight == 0) {
            status.warn("all servers have weight 0");
        }
        let balancer = Arc::new(LoadBalancer {
            name: Arc::clone(self.name),
            balancer: Balancer::weighted_round_robin(servers),
            transport: Arc::clone(transport),
            pass_host: options.pass_host_header,
            base_paths,
        });
        Ok((Arc::clone(&balancer) as Arc<dyn Handler>, Some(balancer)))
    }

    fn without_transport(&self, declared: bool) -> Finding {
        let transport = self.transport;
        let message = if declared {
            format!("service `{}` needs servers transport `{transport}`, which could not be built", self.name)
        } else {
            format!("servers transport not found {transport}")
        };
        Finding::new(&codes::SERVICE_OFF, message)
    }

    fn place(&self, finding: Finding) -> Finding {
        finding.at(&self.object.origin).about(format!("service {}", self.name))
    }
}

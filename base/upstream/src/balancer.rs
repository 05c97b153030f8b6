//! A set of servers with a strategy.

use std::sync::Arc;

use crate::Endpoint;
use crate::pick::{Pick, WeightedRoundRobin};

/// A server's place in a balancer.
#[derive(Clone, Debug)]
pub struct Server {
    /// The server.
    pub endpoint: Arc<Endpoint>,
    /// Share of requests; 0 takes none.
    pub weight: u32,
}

/// Chooses among servers.
pub struct Balancer {
    servers: Vec<Server>,
    pick: Box<dyn Pick>,
}

impl Balancer {
    /// Weighted round robin over `servers`.
    #[must_use]
    pub fn weighted_round_robin(servers: Vec<Server>) -> Self {
        let weights: Vec<u32> = servers.iter().map(|server| server.weight).collect();
        Balancer { servers, pick: Box::new(WeightedRoundRobin::new(&weights)) }
    }

    /// The next server that is up, preferring those for which `tried` does not hold; `None` when none is up.
    #[must_use]
    pub fn next(&self, tried: &dyn Fn(&Endpoint) -> bool) -> Option<&Arc<Endpoint>> {
        let up = |server: usize| self.servers[server].endpoint.is_up();
        let fresh = |server: usize| up(server) && !tried(&self.servers[server].endpoint);
        let chosen = self.pick.pick(&fresh).or_else(|| self.pick.pick(&up))?;
        Some(&self.servers[chosen].endpoint)
    }

    /// All servers, in the order of the configuration.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Whether any server is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.servers.iter().any(|server| server.endpoint.is_up())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fairlead_http::client::Target;

    fn server(port: u16) -> Server {
        let target = Target::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        Server { endpoint: Arc::new(Endpoint::new(Arc::new(target))), weight: 1 }
    }

    #[test]
    fn a_server_that_is_down_is_passed_over() {
        let balancer = Balancer::weighted_round_robin(vec![server(1), server(2)]);
        balancer.servers()[0].endpoint.set_health(false, None);
        for _ in 0..4 {
            assert_eq!(balancer.next(&|_| false).unwrap().target().port, 2);
        }
        balancer.servers()[1].endpoint.set_health(false, None);
        assert!(balancer.next(&|_| false).is_none());
    }

    #[test]
    fn a_tried_server_comes_last() {
        let balancer = Balancer::weighted_round_robin(vec![server(1), server(2)]);
        for _ in 0..4 {
            assert_eq!(balancer.next(&|endpoint| endpoint.target().port == 1).unwrap().target().port, 2);
        }
        assert!(balancer.next(&|_| true).is_some());
    }
}

//! Load-balancing strategies: each says which of the eligible servers comes next. One file per strategy.

mod wrr;

pub use wrr::WeightedRoundRobin;

/// Chooses a server by index.
pub trait Pick: Send + Sync {
    /// The next server for which `eligible` holds; `None` when there is none. Bounded by the number of servers.
    fn pick(&self, eligible: &dyn Fn(usize) -> bool) -> Option<usize>;
}

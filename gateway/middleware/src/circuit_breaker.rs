//! `circuitBreaker`: stops asking a service that keeps failing.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};
use fairlead_conf::Duration;

options! {
    /// Options of `circuitBreaker`.
    pub(crate) struct CircuitBreaker {
        /// When to open: `NetworkErrorRatio()`, `ResponseCodeRatio(a, b, c, d)`, `LatencyAtQuantileMS(q)`.
        pub(crate) expression: String,
        /// How often the expression is looked at.
        pub(crate) check_period: Duration = Duration::from_millis(100),
        /// How long it stays open.
        pub(crate) fallback_duration: Duration = Duration::from_secs(10),
        /// How long it lets more and more requests pass before it is closed again.
        pub(crate) recovery_duration: Duration = Duration::from_secs(10),
        /// Status while it is open.
        pub(crate) response_code: u16 = 503,
    }
}

impl Options for CircuitBreaker {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}

//! What outlives reloads.

use crate::rate_limit::Rates;
use crate::verdicts::Verdicts;

/// State that middlewares share over reloads. Keep one for the life of the process.
#[derive(Default)]
pub struct State {
    pub(crate) rates: Rates,
    pub(crate) verdicts: std::sync::Arc<Verdicts>,
}

impl State {
    /// Empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

//! Waiting longer after each failure, but never in step with others.

use std::time::Duration;

/// Decorrelated jitter: each wait is drawn between the shortest and three times the one before, up to the longest.
#[derive(Debug, Clone)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
    last: Duration,
}

impl Backoff {
    /// Waits of `shortest` at first, never more than `longest`.
    #[must_use]
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest: longest.max(shortest), last: shortest }
    }

    /// How long to wait now.
    pub fn next_wait(&mut self) -> Duration {
        self.draw(rand::random::<f64>())
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.last = self.shortest;
    }

    /// `chance` is between 0 and 1.
    fn draw(&mut self, chance: f64) -> Duration {
        let widest = self.last.saturating_mul(3).min(self.longest);
        self.last = self.shortest + widest.saturating_sub(self.shortest).mul_f64(chance.clamp(0.0, 1.0));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn grows_to_the_longest_and_starts_again() {
        let mut backoff = Backoff::new(10 * MS, 1000 * MS);
        let waits: Vec<_> = (0..6).map(|_| backoff.draw(1.0).as_millis()).collect();
        assert_eq!(waits, [30, 90, 270, 810, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.draw(0.0), 10 * MS);
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut backoff = Backoff::new(5 * MS, 40 * MS);
        for _ in 0..1000 {
            let wait = backoff.next_wait();
            assert!((5 * MS..=40 * MS).contains(&wait), "{wait:?}");
        }
        assert_eq!(Backoff::new(Duration::MAX, Duration::ZERO).draw(1.0), Duration::MAX);
    }
}

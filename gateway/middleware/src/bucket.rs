//! Token buckets by source, bounded in number, and the registry that keeps them over reloads.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;

/// Most sources that one limiter keeps; the oldest go first.
const MOST_SOURCES: usize = 65_536;
const SHARDS: usize = 16;
/// A shard keeps two generations of this many.
const GENERATION: usize = MOST_SOURCES / SHARDS / 2;

/// How fast tokens come, and how many fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
    most_delay: Duration,
}

impl Rate {
    /// `average` tokens per `period`, at most `burst` at once; `None` when there is no limit.
    pub(crate) fn new(average: i64, period: Duration, burst: i64) -> Option<Self> {
        let period = if period.is_zero() { Duration::from_secs(1) } else { period };
        if average <= 0 {
            return None;
        }
        let per_second = average as f64 / period.as_secs_f64();
        let most_delay = match per_second {
            slow if slow < 1.0 => Duration::from_millis(500),
            fast => Duration::from_secs(1) / (fast.min(1e9) as u32).saturating_mul(2),
        };
        Some(Rate { per_second, burst: burst.max(1) as f64, most_delay })
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// May be negative: requests that wait have taken theirs in advance.
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: &Rate, now: Instant) -> Self {
        Bucket { tokens: rate.burst, at: now }
    }

    /// Takes a token and says how long to wait for it; leaves the bucket alone when that would be too long.
    fn take(&mut self, rate: &Rate, now: Instant) -> Result<Duration, Duration> {
        let now = now.max(self.at);
        let come = (now - self.at).as_secs_f64() * rate.per_second;
        let tokens = (self.tokens + come).min(rate.burst) - 1.0;
        let delay = Duration::try_from_secs_f64(-tokens / rate.per_second).unwrap_or_default();
        if delay > rate.most_delay {
            return Err(delay);
        }
        *self = Bucket { tokens, at: now };
        Ok(delay)
    }
}

/// Sources are kept by two keyed hashes, so that memory does not depend on what clients send.
type Key = (u64, u64);

/// The buckets of one limiter.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Rate,
    hashers: (RandomState, RandomState),
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<Key, Bucket, foldhash::fast::FixedState>,
    old: HashMap<Key, Bucket, foldhash::fast::FixedState>,
}

impl Buckets {
    pub(crate) fn new(rate: Rate) -> Self {
        Buckets { rate, hashers: (RandomState::new(), RandomState::new()), shards: Default::default() }
    }

    /// Takes a token of a source. `Ok` says how long to wait before going on, `Err` when to come back.
    pub(crate) fn take(&self, source: &str, now: Instant) -> Result<Duration, Duration> {
        let key = (self.hashers.0.hash_one(source), self.hashers.1.hash_one(source));
        let mut shard = self.shards[key.0 as usize % SHARDS].lock();
        shard.bucket(key, &self.rate, now).take(&self.rate, now)
    }
}

impl Shard {
    /// The bucket of a source, a full one when it is new. Used ones move to the young generation; when that is
    /// full, the old one is dropped.
    fn bucket(&mut self, key: Key, rate: &Rate, now: Instant) -> &mut Bucket {
        if self.young.len() >= GENERATION && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_else(|| Bucket::full(rate, now)))
    }
}

/// Buckets by the identity of their limiter.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<String, Weak<Buckets>, foldhash::fast::RandomState>>);

impl Rates {
    /// The buckets of that identity: those in use already, or new ones.
    pub(crate) fn buckets(&self, identity: String, rate: Rate) -> Arc<Buckets> {
        let mut known = self.0.lock();
        if let Some(buckets) = known.get(&identity).and_then(Weak::upgrade) {
            return buckets;
        }
        known.retain(|_, buckets| buckets.strong_count() > 0);
        let buckets = Arc::new(Buckets::new(rate));
        known.insert(identity, Arc::downgrade(&buckets));
        buckets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn most_delay_is_half_a_token_at_most_half_a_second() {
        for (average, period, expected) in
            [(1, 1000, 500), (1, 10_000, 500), (10, 1000, 50), (1, 100, 50), (5, 2000, 250)]
        {
            let rate = Rate::new(average, Duration::from_millis(period), 1).unwrap();
            assert_eq!(rate.most_delay, Duration::from_millis(expected), "{average}/{period}");
        }
        assert_eq!(Rate::new(0, Duration::from_secs(1), 1), None);
        assert_eq!(
            Rate::new(3, Duration::ZERO, 0).unwrap(),
            Rate::new(3, Duration::from_secs(1), 1).unwrap()
        );
        assert!(Rate::new(i64::MAX, Duration::from_nanos(1), 1).is_some());
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let rate = Rate::new(1, Duration::from_secs(1), 1).unwrap();
        let start = Instant::now();
        let buckets = Buckets::new(rate);
        assert_eq!(buckets.take("a", start), Ok(Duration::ZERO));
        for _ in 0..10 {
            assert_eq!(buckets.take("a", start), Err(Duration::from_secs(1)));
        }
        let wait = buckets.take("a", start + Duration::from_millis(600)).unwrap();
        assert!(wait.abs_diff(Duration::from_millis(400)) < Duration::from_micros(1), "{wait:?}");
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go() {
        let buckets = Buckets::new(Rate::new(1, Duration::from_secs(3600), 1).unwrap());
        let now = Instant::now();
        for source in 0..3 * MOST_SOURCES {
            assert!(buckets.take(&source.to_string(), now).is_ok());
        }
        let count = |shard: &Shard| shard.young.len() + shard.old.len();
        let kept: usize = buckets.shards.iter().map(|shard| count(&shard.lock())).sum();
        assert!(kept <= MOST_SOURCES && kept > MOST_SOURCES / 3, "{kept}");
        assert!(buckets.take(&(3 * MOST_SOURCES - 1).to_string(), now).is_err());
        assert!(buckets.take("0", now).is_ok());
    }

    #[test]
    fn the_registry_forgets_what_nobody_uses() {
        let rates = Rates::default();
        let rate = Rate::new(1, Duration::from_secs(1), 1).unwrap();
        let first = rates.buckets("a".to_owned(), rate);
        assert!(Arc::ptr_eq(&first, &rates.buckets("a".to_owned(), rate)));
        drop(first);
        for name in 0..100 {
            rates.buckets(name.to_string(), rate);
        }
        assert_eq!(rates.0.lock().len(), 1);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_times_time(
            average in 1_i64..1000,
            period in 1_u64..5000,
            burst in 1_i64..50,
            steps in prop::collection::vec(0_u64..3_000_000, 1..200),
        ) {
            let rate = Rate::new(average, Duration::from_millis(period), burst).unwrap();
            let buckets = Buckets::new(rate);
            let start = Instant::now();
            let mut now = start;
            let mut let_through = Vec::new();
            for step in steps {
                now += Duration::from_micros(step);
                if let Ok(delay) = buckets.take("source", now) {
                    let_through.push((now + delay - start).as_secs_f64());
                }
            }
            let_through.sort_by(f64::total_cmp);
            for (first, from) in let_through.iter().enumerate() {
                for (last, to) in let_through.iter().enumerate().skip(first) {
                    let most = rate.burst + (to - from) * rate.per_second;
                    prop_assert!((last - first + 1) as f64 <= most + 1e-3, "{first}..={last}: {most}");
                }
            }
        }
    }
}

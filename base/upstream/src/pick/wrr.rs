//! Weighted round robin: over one round each server comes as often as its weight says, spread evenly.
//!
//! The round is laid out beforehand (smooth weighted round robin), so a pick is one atomic increment.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Pick;

/// Longest round; larger weights are scaled down, at least 1 each.
const MAX_ROUND: u64 = 4096;

/// The `wrr` strategy.
#[derive(Debug)]
pub struct WeightedRoundRobin {
    round: Box<[u16]>,
    servers: usize,
    next: AtomicUsize,
}

impl WeightedRoundRobin {
    /// A round over servers with these weights. Weight 0 is never picked.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        WeightedRoundRobin {
            round: lay_out(&scale(weights)),
            servers: weights.len(),
            next: AtomicUsize::new(0),
        }
    }
}

impl Pick for WeightedRoundRobin {
    fn pick(&self, eligible: &dyn Fn(usize) -> bool) -> Option<usize> {
        let round = self.round.len();
        if round == 0 {
            return None;
        }
        let start = self.next.fetch_add(1, Ordering::Relaxed) % round;
        let first = usize::from(self.round[start]);
        if eligible(first) {
            return Some(first);
        }
        let weighted = |server: usize| self.round.contains(&u16::try_from(server).unwrap_or(u16::MAX));
        let ahead =
            (1..round.min(self.servers * 2)).map(|step| usize::from(self.round[(start + step) % round]));
        ahead
            .into_iter()
            .find(|&server| eligible(server))
            .or_else(|| (0..self.servers).find(|&server| eligible(server) && weighted(server)))
    }
}

/// Divides by the greatest common divisor, then scales until a round fits.
fn scale(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let mut scaled: Vec<u64> = weights.iter().map(|&weight| u64::from(weight / divisor)).collect();
    let total: u64 = scaled.iter().sum();
    let room = MAX_ROUND.max(weights.len() as u64);
    if total > room {
        for weight in scaled.iter_mut().filter(|weight| **weight > 0) {
            *weight = (*weight * room / total).max(1);
        }
    }
    scaled
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn lay_out(weights: &[u64]) -> Box<[u16]> {
    let total: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
    let mut credit = vec![0_i128; weights.len()];
    let mut round = Vec::with_capacity(usize::try_from(total).unwrap_or(0));
    for _ in 0..total {
        let mut best = None;
        for (server, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
            credit[server] += i128::from(weight);
            if best.is_none_or(|best: usize| credit[server] > credit[best]) {
                best = Some(server);
            }
        }
        let Some(best) = best else { break };
        credit[best] -= total;
        round.push(u16::try_from(best).unwrap_or(u16::MAX));
    }
    round.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picks(weights: &[u32], count: usize) -> Vec<usize> {
        let wrr = WeightedRoundRobin::new(weights);
        (0..count).filter_map(|_| wrr.pick(&|_| true)).collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(picks(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn weights_are_spread() {
        assert_eq!(picks(&[3, 1], 8), [0, 0, 1, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn weight_zero_is_never_picked() {
        assert_eq!(picks(&[0, 2], 3), [1, 1, 1]);
        assert!(picks(&[0, 0], 3).is_empty());
        assert_eq!(WeightedRoundRobin::new(&[0, 1]).pick(&|server| server == 0), None);
    }

    #[test]
    fn huge_weights_fit_a_round() {
        let wrr = WeightedRoundRobin::new(&[u32::MAX, u32::MAX - 1, 1]);
        assert!(wrr.round.len() as u64 <= MAX_ROUND + 3);
        assert!(wrr.round.contains(&2));
    }

    proptest! {
        #[test]
        fn a_round_gives_each_its_weight(weights in prop::collection::vec(0_u32..20, 1..12)) {
            let scaled = scale(&weights);
            let total: u64 = scaled.iter().sum();
            let seen = picks(&weights, usize::try_from(total).unwrap());
            for (server, weight) in scaled.iter().enumerate() {
                prop_assert_eq!(seen.iter().filter(|s| **s == server).count() as u64, *weight);
            }
        }

        #[test]
        fn an_eligible_server_with_weight_is_always_found(
            weights in prop::collection::vec(0_u32..5, 1..12), only in 0_usize..12, turns in 0_usize..9,
        ) {
            let wrr = WeightedRoundRobin::new(&weights);
            for _ in 0..turns { wrr.pick(&|_| true); }
            let expected = weights.get(only).is_some_and(|weight| *weight > 0).then_some(only);
            prop_assert_eq!(wrr.pick(&|server| server == only), expected);
        }
    }
}

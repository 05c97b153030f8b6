//! The breaker, case by case, and against a model that keeps every result.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn pass(breaker: &Breaker, now: Instant) -> Permit {
    breaker.try_pass(now).expect("it passes")
}

/// A breaker that opened at the returned time, after ten failures.
fn opened(options: BreakerOptions) -> (Breaker, Instant) {
    let (breaker, now) = (Breaker::new(options), Instant::now());
    for _ in 0..9 {
        assert_eq!(pass(&breaker, now).failure(now), None);
    }
    let edge = pass(&breaker, now).failure(now);
    assert_eq!(edge, Some(Edge::Opened(Counts { total: 10, failures: 10 })));
    (breaker, now)
}

#[test]
fn half_of_the_results_are_not_more_than_half() {
    let (breaker, now) = (Breaker::new(BreakerOptions::default()), Instant::now());
    for _ in 0..20 {
        assert_eq!(pass(&breaker, now).success(now), None);
        assert_eq!(pass(&breaker, now).failure(now), None);
    }
    let edge = pass(&breaker, now).failure(now);
    assert_eq!(edge, Some(Edge::Opened(Counts { total: 41, failures: 21 })));
}

#[test]
fn nothing_passes_while_it_is_open() {
    let (breaker, now) = opened(BreakerOptions::default());
    let until = now + 30 * SECOND;
    assert_eq!(breaker.state(now), State::Open { since: now, until });
    assert!(breaker.try_pass(until - Duration::from_nanos(1)).is_none());
    assert_eq!(breaker.state(until), State::HalfOpen);
}

#[test]
fn one_probe_at_a_time_and_a_success_closes() {
    let (breaker, now) = opened(BreakerOptions::default());
    let later = now + 30 * SECOND;
    let probe = pass(&breaker, later);
    assert_eq!(probe.edge(), Some(Edge::HalfOpened));
    assert!(breaker.try_pass(later).is_none());
    assert_eq!(probe.success(later), Some(Edge::Closed));
    assert_eq!((breaker.state(later), breaker.counts(later)), (State::Closed, Counts::default()));
}

#[test]
fn a_probe_that_fails_opens_for_another_pause() {
    let (breaker, now) = opened(BreakerOptions::default());
    let later = now + 45 * SECOND;
    let edge = pass(&breaker, later).failure(later);
    assert_eq!(edge, Some(Edge::Opened(Counts { total: 1, failures: 1 })));
    assert_eq!(breaker.state(later), State::Open { since: later, until: later + 30 * SECOND });
}

#[test]
fn a_probe_that_is_dropped_leaves_room_for_the_next() {
    let (breaker, now) = opened(BreakerOptions::default());
    let later = now + 30 * SECOND;
    drop(pass(&breaker, later));
    let second = pass(&breaker, later);
    assert_eq!(second.edge(), None, "the edge is told once");
    second.ignore();
    assert_eq!(pass(&breaker, later).success(later), Some(Edge::Closed));
}

#[test]
fn results_of_another_time_do_not_count() {
    let (breaker, now) = (Breaker::new(BreakerOptions::default()), Instant::now());
    let mut slow: Vec<_> = (0..3).map(|_| pass(&breaker, now)).collect();
    for _ in 0..10 {
        pass(&breaker, now).failure(now);
    }
    assert!(matches!(breaker.state(now), State::Open { .. }));
    assert_eq!(slow.remove(0).success(now), None);
    let later = now + 30 * SECOND;
    let probe = pass(&breaker, later);
    // Neither ends the probe: one would open, the other leave room for a second probe.
    assert_eq!(slow.remove(0).failure(later), None);
    drop(slow);
    assert!(breaker.try_pass(later).is_none());
    assert_eq!(probe.success(later), Some(Edge::Closed));
}

#[test]
fn old_results_are_forgotten() {
    let (breaker, now) = (Breaker::new(BreakerOptions::default()), Instant::now());
    for _ in 0..9 {
        pass(&breaker, now).failure(now);
    }
    assert_eq!(breaker.counts(now + 54 * SECOND).total, 9);
    assert_eq!(breaker.counts(now + 60 * SECOND).total, 0);
    assert_eq!(breaker.counts(now).total, 0, "time does not go back");
}

#[test]
fn threads_get_one_probe_between_them() {
    let (breaker, now) = opened(BreakerOptions::default());
    let later = now + 30 * SECOND;
    let passed: Vec<Option<Permit>> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| breaker.try_pass(later))).collect();
        asked.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(passed.iter().flatten().count(), 1);
}

/// What a user does.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Ask,
    /// Tells the oldest permit but so many.
    Tell(usize, Option<bool>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_u64..4_000).prop_map(Step::Wait),
        4 => Just(Step::Ask),
        4 => (0_usize..3, prop_oneof![3 => Just(Some(false)), 2 => Just(Some(true)), 1 => Just(None)])
            .prop_map(|(nth, outcome)| Step::Tell(nth, outcome)),
    ]
}

/// The rule, word for word, over every result there ever was. Milliseconds since the first result.
struct Model {
    options: BreakerOptions,
    state: ModelState,
    /// Goes up when the state changes.
    era: usize,
    results: Vec<(usize, u64, bool)>,
    first: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum ModelState {
    Closed,
    Open(u64),
    HalfOpen(bool),
}

impl Model {
    fn ask(&mut self, now: u64) -> Option<usize> {
        match self.state {
            ModelState::Closed => {}
            ModelState::HalfOpen(true) => return None,
            ModelState::Open(since) if now < since + self.open_for() => return None,
            ModelState::Open(_) => self.change(ModelState::HalfOpen(true)),
            ModelState::HalfOpen(false) => self.state = ModelState::HalfOpen(true),
        }
        Some(self.era)
    }

    fn tell(&mut self, era: usize, outcome: Option<bool>, now: u64) {
        if era != self.era {
            return;
        }
        match (self.state, outcome) {
            (ModelState::HalfOpen(_), None) => self.state = ModelState::HalfOpen(false),
            (ModelState::HalfOpen(_), Some(true)) => self.change(ModelState::Closed),
            (ModelState::HalfOpen(_), Some(false)) => self.change(ModelState::Open(now)),
            (ModelState::Closed, Some(outcome)) => {
                self.first.get_or_insert(now);
                self.results.push((self.era, now, outcome));
                let counts = self.counts(now);
                let ratio = f64::from(counts.failures) / f64::from(counts.total);
                if counts.total >= self.options.minimum && ratio > self.options.ratio {
                    self.change(ModelState::Open(now));
                }
            }
            _ => {}
        }
    }

    fn counts(&mut self, now: u64) -> Counts {
        let step = self.options.window.as_millis() as u64 / BUCKETS as u64;
        let first = *self.first.get_or_insert(now);
        let in_window = |at: u64| (at - first) / step + BUCKETS as u64 > (now - first) / step;
        let counted = self.results.iter().filter(|(era, at, _)| *era == self.era && in_window(*at));
        counted.fold(Counts::default(), |sum, (_, _, outcome)| Counts {
            total: sum.total + 1,
            failures: sum.failures + u32::from(!outcome),
        })
    }

    fn change(&mut self, state: ModelState) {
        self.state = state;
        self.era += 1;
    }

    fn open_for(&self) -> u64 {
        self.options.open_for.as_millis() as u64
    }
}

proptest! {
    #[test]
    fn it_does_what_the_rule_says(
        steps in proptest::collection::vec(step(), 1..300),
        minimum in 1_u32..8,
        ratio in prop_oneof![Just(0.0), Just(0.25), Just(0.5), Just(1.0)],
    ) {
        let options = BreakerOptions { ratio, minimum, window: 12 * SECOND, open_for: 5 * SECOND };
        let breaker = Breaker::new(options.clone());
        let mut model = Model { options, state: ModelState::Closed, era: 0, results: Vec::new(), first: None };
        let start = Instant::now();
        let (mut now, mut permits, mut eras, mut edges) = (0, Vec::new(), Vec::new(), 0);
        for step in steps {
            let at = start + Duration::from_millis(now);
            match step {
                Step::Wait(millis) => now += millis,
                Step::Ask => {
                    let permit = breaker.try_pass(at);
                    let era = model.ask(now);
                    prop_assert_eq!(permit.is_some(), era.is_some());
                    edges += usize::from(permit.as_ref().is_some_and(|permit| permit.edge().is_some()));
                    permits.extend(permit);
                    eras.extend(era);
                }
                Step::Tell(nth, outcome) if nth < permits.len() => {
                    let permit = permits.remove(nth);
                    let edge = match outcome {
                        Some(true) => permit.success(at),
                        Some(false) => permit.failure(at),
                        None => { permit.ignore(); None }
                    };
                    edges += usize::from(edge.is_some());
                    model.tell(eras.remove(nth), outcome, now);
                }
                Step::Tell(..) => {}
            }
            let at = start + Duration::from_millis(now);
            let expected = match model.state {
                ModelState::Closed => State::Closed,
                ModelState::Open(since) if now < since + model.open_for() => State::Open {
                    since: start + Duration::from_millis(since),
                    until: start + Duration::from_millis(since + model.open_for()),
                },
                _ => State::HalfOpen,
            };
            prop_assert_eq!(breaker.state(at), expected);
            prop_assert_eq!(breaker.counts(at), model.counts(now));
            prop_assert_eq!(edges, model.era, "each change of state is told once");
        }
    }
}

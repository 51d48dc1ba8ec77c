//! How long a search would take, from parts of it.
//!
//! A search of less than [`WHOLE`] is run to its end. Of a longer one random paths are walked: at each prefix whose branches the
//! search would hand to several threads, one of them is taken, with a known probability, and what it takes is divided by
//! that. The mean over paths is an unbiased estimate of what all branches take (D. E. Knuth, "Estimating the efficiency of
//! backtrack programs", Math. Comp. 29, 1975). A path ends where the search does not split its work any more, which is after
//! some milliseconds. All threads walk paths at once, since in the search they compete, too.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Control;
use crate::parallel;
use crate::random::Random;

/// What a search that is run to its end may take.
const WHOLE: Duration = Duration::from_millis(100);

/// For how long each thread begins new paths.
const PATHS: Duration = Duration::from_millis(200);

/// What all paths may take. One that takes longer tells that nothing can be told.
const LONGEST: Duration = Duration::from_millis(1000);

/// Standard error of an estimate, as a share of it, from which paths are so different that it tells nothing.
const LARGEST_ERROR: f64 = 0.5;

/// What is found out about a search while its [`Control`] has this.
pub struct Probe {
    now: fn() -> Duration,
    /// When the search must stop, in nanoseconds of `now`.
    deadline: AtomicU64,
    /// Whether the branches of the root were met, and whether of all branches one is walked.
    is_split: AtomicBool,
    is_sampled: AtomicBool,
    outcome: Mutex<Option<Outcome>>,
}

/// What the paths tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// All branches would take so many seconds.
    Estimate(f64),
    /// A path took too long, or paths are too different.
    Unknown,
}

/// Time since some moment.
fn clock() -> Duration {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    ORIGIN.elapsed()
}

/// What a thread knows of the path that it walks.
#[derive(Clone, Copy, Default)]
struct Path {
    random: u64,
    /// What the branches that were not taken are estimated to take.
    not_taken: f64,
}

thread_local! {
    static PATH: Cell<Path> = const { Cell::new(Path { random: 0, not_taken: 0.0 }) };
}

/// Sums over paths, each of which is an estimate of what all would take on one thread.
#[derive(Clone, Copy, Default)]
struct Paths {
    count: f64,
    seconds: f64,
    squares: f64,
}

impl Paths {
    fn add(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            seconds: self.seconds + other.seconds,
            squares: self.squares + other.squares,
        }
    }

    /// On so many threads.
    fn outcome(self, threads: usize) -> Outcome {
        let Self { count, seconds, squares } = self;
        let mean = seconds / count;
        // Rounding can leave less than 0 of equal paths; NaN, of squares that no float holds, stays.
        let error = ((squares / count - mean * mean) / count).clamp(0.0, f64::INFINITY).sqrt();
        if error <= LARGEST_ERROR * mean {
            Outcome::Estimate(mean / threads as f64)
        } else {
            Outcome::Unknown
        }
    }
}

impl Probe {
    /// Of a search that starts now.
    pub fn new() -> Self {
        Self::timed_by(clock)
    }

    fn timed_by(now: fn() -> Duration) -> Self {
        let probe = Self {
            now,
            deadline: AtomicU64::new(0),
            is_split: AtomicBool::new(false),
            is_sampled: AtomicBool::new(false),
            outcome: Mutex::new(None),
        };
        probe.stop_after(WHOLE);
        probe
    }

    /// Whether the search must stop now. One that does not split its work is short.
    pub fn is_over(&self) -> bool {
        self.is_split.load(Relaxed) && (self.now)().as_nanos() as u64 >= self.deadline.load(Relaxed)
    }

    /// What the paths told, if the search did not end before.
    pub fn outcome(&self) -> Option<Outcome> {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_after(&self, time: Duration) {
        self.deadline.store(((self.now)() + time).as_nanos() as u64, Relaxed);
    }

    fn seconds(&self) -> f64 {
        (self.now)().as_secs_f64()
    }

    /// Folds one branch, and adds to the thread's path what the others are estimated to take.
    fn fold_one<S>(
        &self,
        branches: Range<usize>,
        sets: impl Fn(usize) -> f64,
        identity: impl Fn() -> S,
        fold: impl Fn(S, usize) -> S,
    ) -> S {
        let path = PATH.get();
        let mut random = Random(path.random);
        let Some((branch, probability)) = pick(branches, sets, &mut random) else { return identity() };
        PATH.set(Path { random: random.0, not_taken: 0.0 });
        let start = self.seconds();
        let found = fold(identity(), branch);
        let seconds = self.seconds() - start;
        let Path { random, not_taken } = PATH.get();
        let not_taken = path.not_taken + (seconds + not_taken) / probability - seconds;
        PATH.set(Path { random, not_taken });
        found
    }
}

/// One of the `branches` and its probability: half of all that is equal for all, half by their sets. A branch of few sets is
/// not without cost, so its probability must not be, either.
fn pick(branches: Range<usize>, sets: impl Fn(usize) -> f64, random: &mut Random) -> Option<(usize, f64)> {
    let equal = 1.0 / branches.len() as f64;
    let all: f64 = branches.clone().map(&sets).sum();
    let is_known = all > 0.0 && all.is_finite();
    let probability = |branch| if is_known { (equal + sets(branch) / all) / 2.0 } else { equal };
    let mut left = random.share();
    let last = branches.clone().next_back()?;
    let picked = branches.into_iter().find(|&branch| {
        left -= probability(branch);
        left < 0.0
    });
    let branch = picked.unwrap_or(last);
    Some((branch, probability(branch)))
}

impl Control {
    /// [`parallel::fold_in_order`] over the branches of a prefix, of which each has so many `sets`; if the search is only
    /// probed, over some.
    pub(crate) fn fold<S: Send>(
        &self,
        branches: Range<usize>,
        sets: impl Fn(usize) -> f64 + Sync,
        identity: impl Fn() -> S + Sync,
        fold: impl Fn(S, usize) -> S + Sync,
        merge: impl Fn(S, S) -> S + Sync,
    ) -> S {
        let all = || parallel::fold_in_order(branches.clone(), &identity, &fold, &merge);
        let Some(probe) = self.probe() else { return all() };
        if probe.is_sampled.load(Relaxed) {
            return probe.fold_one(branches, sets, identity, fold);
        }
        let is_root = !probe.is_split.swap(true, Relaxed);
        let found = all();
        if !is_root || !probe.is_over() {
            return found;
        }
        drop(found);
        probe.is_sampled.store(true, Relaxed);
        probe.stop_after(LONGEST);
        let until = (probe.now)() + PATHS;
        let walked = parallel::on_each_thread(|thread| {
            let (mut found, mut paths) = (identity(), Paths::default());
            // Far apart for a generator that is linear.
            PATH.set(Path { random: (thread as u64 + 1) << 32, not_taken: 0.0 });
            loop {
                let start = probe.seconds();
                found = merge(found, probe.fold_one(branches.clone(), &sets, &identity, &fold));
                let path = PATH.get();
                let seconds = probe.seconds() - start + path.not_taken;
                paths = paths.add(Paths { count: 1.0, seconds, squares: seconds * seconds });
                PATH.set(Path { not_taken: 0.0, ..path });
                if self.is_stopped() || (probe.now)() >= until {
                    return (found, paths);
                }
            }
        });
        let paths = walked.iter().fold(Paths::default(), |sum, (_, paths)| sum.add(*paths));
        let outcome = if probe.is_over() { Outcome::Unknown } else { paths.outcome(walked.len()) };
        *probe.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        probe.deadline.store(u64::MAX, Relaxed);
        // What the paths found is not all, but an error among it is one.
        walked.into_iter().map(|(found, _)| found).fold(identity(), &merge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    fn spend(micros: u64) {
        NOW.set(NOW.get() + Duration::from_micros(micros));
    }

    /// A tree in which every prefix and every set costs something else.
    struct Tree {
        questions: usize,
        k: usize,
        prefix: u64,
        set: fn(usize) -> u64,
    }

    impl Tree {
        fn walk(&self, control: &Control, length: usize, next: usize) -> u64 {
            if length == self.k {
                spend((self.set)(next));
                return 1;
            }
            spend(self.prefix * next as u64);
            control.fold(
                next..self.questions + 1 - (self.k - length),
                |question| (self.questions - question) as f64,
                || 0,
                |found, question| {
                    if control.is_stopped() {
                        found
                    } else {
                        found + self.walk(control, length + 1, question + 1)
                    }
                },
                |found, more| found + more,
            )
        }

        /// What a walk finds, what it takes in seconds, and what is told of it.
        fn probed(&self, control: Control) -> (u64, f64, Option<Outcome>) {
            let start = NOW.get();
            let found = self.walk(&control, 0, 0);
            (found, (NOW.get() - start).as_secs_f64(), control.probed())
        }

        fn probe(&self) -> (u64, f64, Option<Outcome>) {
            self.probed(Control::default().probing(Probe::timed_by(|| NOW.get())))
        }
    }

    #[test]
    fn short_searches_are_run_to_their_end() {
        let tree = Tree { questions: 12, k: 3, prefix: 10, set: |_| 100 };
        parallel::alone(|| {
            let whole = tree.probed(Control::default());
            assert!(whole.1 < WHOLE.as_secs_f64(), "{whole:?}");
            assert_eq!(tree.probe(), whole);
        });
    }

    #[test]
    fn long_searches_are_estimated_from_parts() {
        let steep = Tree { questions: 40, k: 4, prefix: 5, set: |last| (last * last / 10) as u64 };
        let flat = Tree { questions: 60, k: 3, prefix: 0, set: |_| 1000 };
        for tree in [steep, flat] {
            parallel::alone(|| {
                let (_, whole, told) = tree.probed(Control::default());
                assert_eq!(told, None);
                let (_, taken, told) = tree.probe();
                assert!(taken < whole / 4.0, "{taken} of {whole} s");
                let Some(Outcome::Estimate(seconds)) = told else { panic!("{told:?}") };
                assert!((0.8..1.25).contains(&(seconds / whole)), "{seconds} of {whole} s");
            });
        }
    }

    #[test]
    fn what_parts_do_not_tell_is_unknown() {
        let slow = Tree { questions: 5, k: 2, prefix: 0, set: |_| 2_000_000 };
        parallel::alone(|| assert_eq!(slow.probe().2, Some(Outcome::Unknown)));

        let paths = |seconds: &[f64]| {
            seconds.iter().fold(Paths::default(), |sum, &seconds| {
                sum.add(Paths { count: 1.0, seconds, squares: seconds * seconds })
            })
        };
        assert_eq!(paths(&[1.0, 2.0, 3.0]).outcome(4), Outcome::Estimate(0.5));
        assert_eq!(paths(&[1.0, 1.0, 1.0, 1.0, 1.0, 1000.0]).outcome(4), Outcome::Unknown);
        // More seconds than a float holds the square of.
        assert_eq!(paths(&[1e200, 2e200]).outcome(4), Outcome::Unknown);
    }

    #[test]
    fn a_search_that_does_not_split_its_work_is_not_cut() {
        parallel::alone(|| {
            let control = Control::default().probing(Probe::timed_by(|| NOW.get()));
            spend(10_000_000);
            assert!(!control.is_stopped());
        });
    }

    #[test]
    fn branches_are_picked_as_often_as_their_probability_says() {
        let mut random = Random(1);
        for weights in [[0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [f64::INFINITY, 1.0, 1.0]] {
            let mut sums = [0.0; 3];
            for _ in 0..30_000 {
                let (branch, probability) = pick(0..3, |branch| weights[branch], &mut random).unwrap();
                sums[branch] += 1.0 / probability / 30_000.0;
            }
            assert!(sums.iter().all(|sum| (0.95..1.05).contains(sum)), "{weights:?}: {sums:?}");
        }
        assert_eq!(pick(4..4, |_| 1.0, &mut random), None);
    }
}

//! Constrained against free searches for the best ten: the tree that is cut should not take longer than the whole. On
//! complete data it does where the best sets are excluded by far, see `docs/bound.md`.
//!
//! `cargo bench --no-default-features --bench constraints`, with a part of a line's name behind `--` for some lines only.
//! Runs alternate; the shortest of each count, in time of all threads on a processor where the system tells it (Linux).
//!
//! Every set found must obey. On complete data, smaller sets under the same constraints must be those that an exhaustive
//! search finds.

mod random;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use polars_corrset::isa::InstructionSet;
use polars_corrset::matrix::ResponseMatrix;
use polars_corrset::moments::RankBy;
use polars_corrset::ranking::SetTable;
use polars_corrset::responses::{Duplicates, Responses};
use polars_corrset::search::{
    Blueprint, Constraints, Control, Costs, Domains, Request, Run, SearchStrategy, run,
};
use random::Random;

/// Runs of each search.
const RUNS: usize = 5;

/// Questions from one domain after another: as many domains.
const DOMAINS: u32 = 10;

/// Questions of which a set has one, fewer than a vector has lanes.
const BEST: usize = 12;

/// Questions of a set that an exhaustive search can look at all of.
const CHECKED: usize = 5;

/// Complete or sparse answers, and what is asked of them.
struct Data {
    name: &'static str,
    users: u32,
    questions: u32,
    /// Of a hundred.
    answered: f64,
    k: usize,
    rank_by: RankBy,
}

/// 0/1 scores by the two-parameter logistic model, and the questions' discriminations.
fn matrix(&Data { users, questions, answered, .. }: &Data) -> (ResponseMatrix, Vec<f64>) {
    let mut random = Random(1);
    let items: Vec<(f64, f64)> =
        (0..questions).map(|_| (0.5 + 1.5 * random.next(), random.normal())).collect();
    let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
    for user in 0..users {
        let ability = random.normal();
        for (question, (a, b)) in (0..).zip(&items) {
            let right = random.next() < 1.0 / (1.0 + (a * (b - ability)).exp());
            if random.next() * 100.0 < answered {
                responses.users.push(user);
                responses.questions.push(question);
                responses.scores.push(i64::from(right));
            }
        }
    }
    let matrix = responses.into_matrix(Duplicates::Error).expect("no duplicates");
    (matrix, items.into_iter().map(|(discrimination, _)| discrimination).collect())
}

fn domains(of: impl Iterator<Item = u32>, least: usize, most: usize) -> Constraints {
    let of = of.map(Some).collect();
    Constraints { domains: Some(Domains { of, least, most }), ..Constraints::default() }
}

fn costs(of: &[f64], most: f64) -> Constraints {
    Constraints { costs: Some(Costs { of: of.to_vec(), most }), ..Constraints::default() }
}

/// What is asked of each data set, by name.
fn cases(questions: u32, k: usize) -> Vec<(&'static str, Constraints)> {
    let mixed = |least, most| domains((0..questions).map(|question| question % DOMAINS), least, most);
    let mut random = Random(3);
    let of: Vec<f64> = (0..questions).map(|_| 1.0 + 9.0 * random.next()).collect();
    let costs = |mean: f64| costs(&of, mean * k as f64);
    vec![
        ("include 1", Constraints { include: vec![7], ..Constraints::default() }),
        ("include 2", Constraints { include: vec![7, 11], ..Constraints::default() }),
        ("exclude 1", Constraints { exclude: vec![7], ..Constraints::default() }),
        (
            "exclude a third",
            Constraints { exclude: (0..questions).step_by(3).collect(), ..Constraints::default() },
        ),
        ("one of a domain", mixed(0, 1)),
        ("nearly all of a domain", mixed(0, k - 1)),
        ("one of each of 3", domains((0..questions).map(|question| question % 3), 1, usize::MAX)),
        ("cost, half of the mean", costs(2.75)),
        ("cost, the mean", costs(5.5)),
        ("cost, nearly any", costs(9.0)),
    ]
}

/// For each question how many discriminate better.
fn ranks(discriminations: &[f64]) -> Vec<usize> {
    let mut best: Vec<usize> = (0..discriminations.len()).collect();
    best.sort_by(|&a, &b| discriminations[b].total_cmp(&discriminations[a]));
    let mut rank_of = vec![0; best.len()];
    (0..).zip(best).for_each(|(rank, question)| rank_of[question] = rank);
    rank_of
}

/// Few of the best questions: many sets that break the rule are better than all that do not.
fn few_of_the_best(discriminations: &[f64]) -> Constraints {
    let of = ranks(discriminations).into_iter().map(|rank| (rank < BEST).then_some(0)).collect();
    Constraints { domains: Some(Domains { of, least: 0, most: 1 }), ..Constraints::default() }
}

/// Constraints that exclude what is best by far: questions of a domain are of like discrimination, or the
/// discriminating cost more.
fn tight_cases(discriminations: &[f64], k: usize) -> Vec<(&'static str, Constraints)> {
    let questions = discriminations.len();
    let rank_of = ranks(discriminations);
    let alike = |count: usize, least, most| {
        domains(rank_of.iter().map(|rank| (rank * count / questions) as u32), least, most)
    };
    let mean = discriminations.iter().sum::<f64>() / questions as f64;
    let by_worth = |share: f64| costs(discriminations, share * mean * k as f64);
    let mut random = Random(3);
    let of: Vec<f64> = (0..questions).map(|_| 1.0 + 9.0 * random.next()).collect();
    let by_chance = |mean: f64| costs(&of, mean * k as f64);
    vec![
        ("alike, one of each tenth", alike(10, 0, 1)),
        ("alike, two of each fifth", alike(5, 0, 2)),
        ("alike, three of each third", alike(3, 0, 3)),
        ("alike, two at least of each third", alike(3, 2, usize::MAX)),
        ("alike, two to four of each third", alike(3, 2, 4)),
        ("by worth, all of the mean", by_worth(1.0)),
        ("by worth, four fifths", by_worth(0.8)),
        ("by worth, three fifths", by_worth(0.6)),
        ("cost, a third of the mean", by_chance(1.8)),
        ("cost, near the least", by_chance(1.5)),
        ("alike and cost, half of the mean", Constraints { costs: by_chance(2.75).costs, ..alike(5, 0, 2) }),
        ("alike, least, and by worth", Constraints { costs: by_worth(0.9).costs, ..alike(3, 2, 4) }),
    ]
}

fn obeys(constraints: &Constraints, set: &[u32]) -> bool {
    let Constraints { include, exclude, domains, costs } = constraints;
    let domains = domains.as_ref().is_none_or(|domains| {
        (0..DOMAINS).filter(|&domain| domains.of.contains(&Some(domain))).all(|domain| {
            let is_of = |question: &&u32| domains.of[**question as usize] == Some(domain);
            (domains.least..=domains.most).contains(&set.iter().filter(is_of).count())
        })
    });
    let cost = |costs: &Costs| set.iter().map(|&question| costs.of[question as usize]).sum::<f64>();
    include.iter().all(|question| set.contains(question))
        && !exclude.iter().any(|question| set.contains(question))
        && domains
        && costs.as_ref().is_none_or(|costs| cost(costs) <= costs.most * (1.0 + 1e-12))
}

/// Time of all threads that live on a processor, or else what has passed since `start`.
fn processor_time(start: Instant) -> Duration {
    let of_thread = |entry: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    let of_threads = || std::fs::read_dir("/proc/self/task").ok()?.map(of_thread).sum::<Option<u64>>();
    of_threads().map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn found(
    matrix: &ResponseMatrix,
    request: Request,
    constraints: &Constraints,
    strategy: Option<SearchStrategy>,
) -> SetTable {
    let isa = InstructionSet::from_environment().expect("an instruction set of this CPU");
    let blueprint = Blueprint::new(Cow::Borrowed(matrix), request, constraints).expect("enough memory");
    let control = Control::default();
    run(isa, &blueprint, &Run { strategy, ..Run::all(&control) }).expect("a valid request")
}

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let start = Instant::now();
    println!("{:<52} {:>12} {:>12} {:>7}", "", "free", "constrained", "ratio");
    let sparse =
        Data { name: "sparse", users: 20_000, questions: 100, answered: 20.0, k: 4, rank_by: RankBy::R };
    let dense = Data { name: "dense", users: 2_000, questions: 50, answered: 80.0, k: 4, rank_by: RankBy::R };
    // Six users for each set, so that what a prefix takes beside its users shows most.
    let thin = Data { name: "thin", users: 20_000, questions: 60, answered: 20.0, k: 5, rank_by: RankBy::R };
    let complete =
        |name, k, rank_by| Data { name, users: 2_000, questions: 110, answered: 100.0, k, rank_by };
    for data in [
        sparse,
        thin,
        dense,
        complete("complete", 8, RankBy::R),
        complete("complete, 10 by r", 10, RankBy::R),
        complete("complete, by r_rest", 8, RankBy::RRest),
        complete("complete, by α", 8, RankBy::Alpha),
    ] {
        let Data { name: data_name, questions, answered, k, rank_by, .. } = data;
        let is_complete = answered == 100.0;
        let request = Request { k, top: Some(10), min_users: 10, rank_by };
        let (matrix, discriminations) = matrix(&data);
        let all_cases = |k| {
            let tight = if is_complete {
                tight_cases(&discriminations, k)
            } else {
                vec![("one of the best", few_of_the_best(&discriminations))]
            };
            cases(questions, k).into_iter().chain(tight)
        };
        for ((name, constraints), (_, fewer)) in all_cases(k).zip(all_cases(CHECKED)) {
            let name = format!("{data_name}, {name}");
            if !name.contains(&wanted) {
                continue;
            }
            if is_complete {
                let request = Request { k: CHECKED, ..request };
                let by = |strategy| found(&matrix, request, &fewer, Some(strategy));
                assert_eq!(by(SearchStrategy::Bound), by(SearchStrategy::Moments), "{name}");
            }
            let mut best = [Duration::MAX; 2];
            for _ in 0..RUNS {
                for (best, constraints) in best.iter_mut().zip([&Constraints::default(), &constraints]) {
                    std::thread::yield_now();
                    let before = processor_time(start);
                    let found = found(&matrix, request, constraints, None);
                    std::thread::yield_now();
                    *best = (processor_time(start) - before).min(*best);
                    assert!(found.questions.chunks(k).all(|set| obeys(constraints, set)), "{name}");
                    assert_eq!(found.len(), 10, "{name}");
                }
            }
            let [free, constrained] = best.map(|time| time.as_secs_f64() * 1e3);
            println!("{name:<52} {free:>9.2} ms {constrained:>9.2} ms {:>7.2}", constrained / free);
        }
    }
}

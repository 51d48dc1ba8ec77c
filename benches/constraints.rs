//! Constrained against free searches for the best ten: the tree that is cut must not take longer than the whole.
//!
//! `cargo bench --no-default-features --bench constraints`, with a part of a line's name behind `--` for some lines only.
//! Runs alternate; the shortest of each count. Every set found must obey, and be found by a search that keeps all users, too.

mod random;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use polars_corrset::isa::InstructionSet;
use polars_corrset::matrix::ResponseMatrix;
use polars_corrset::moments::RankBy;
use polars_corrset::ranking::SetTable;
use polars_corrset::responses::{Duplicates, Responses};
use polars_corrset::search::{Blueprint, Constraints, Control, Costs, Domains, Request, Run, run};
use random::Random;

/// Runs of each search.
const RUNS: usize = 5;

/// Questions from one domain after another: as many domains.
const DOMAINS: u32 = 10;

/// 0/1 scores by the two-parameter logistic model, of which `answered` of a hundred are there.
fn matrix(users: u32, questions: u32, answered: f64) -> ResponseMatrix {
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
    responses.into_matrix(Duplicates::Error).expect("no duplicates")
}

/// What is asked of each data set, by name.
fn cases(questions: u32, k: usize) -> Vec<(&'static str, Constraints)> {
    let domains = |least, most| {
        let of = (0..questions).map(|question| Some(question % DOMAINS)).collect();
        Constraints { domains: Some(Domains { of, least, most }), ..Constraints::default() }
    };
    let few_domains = |least, most| {
        let of = (0..questions).map(|question| Some(question % 3)).collect();
        Constraints { domains: Some(Domains { of, least, most }), ..Constraints::default() }
    };
    let mut random = Random(3);
    let of: Vec<f64> = (0..questions).map(|_| 1.0 + 9.0 * random.next()).collect();
    let costs = |mean: f64| Constraints {
        costs: Some(Costs { of: of.clone(), most: mean * k as f64 }),
        ..Constraints::default()
    };
    vec![
        ("include 1", Constraints { include: vec![7], ..Constraints::default() }),
        ("include 2", Constraints { include: vec![7, 11], ..Constraints::default() }),
        ("exclude 1", Constraints { exclude: vec![7], ..Constraints::default() }),
        (
            "exclude a third",
            Constraints { exclude: (0..questions).step_by(3).collect(), ..Constraints::default() },
        ),
        ("one of a domain", domains(0, 1)),
        ("nearly all of a domain", domains(0, k - 1)),
        ("one of each of 3", few_domains(1, usize::MAX)),
        ("cost, half of the mean", costs(2.75)),
        ("cost, the mean", costs(5.5)),
        ("cost, nearly any", costs(9.0)),
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

fn timed(matrix: &ResponseMatrix, request: Request, constraints: &Constraints) -> (SetTable, Duration) {
    let isa = InstructionSet::from_environment().expect("an instruction set of this CPU");
    let start = Instant::now();
    let blueprint = Blueprint::new(Cow::Borrowed(matrix), request, constraints).expect("enough memory");
    let control = Control::default();
    let found = run(isa, &blueprint, &Run::all(&control)).expect("a valid request");
    (found, start.elapsed())
}

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!("{:<36} {:>12} {:>12} {:>7}", "", "free", "constrained", "ratio");
    for (data, users, questions, answered, k) in
        [("sparse", 20_000, 100, 20.0, 4), ("dense", 2_000, 50, 80.0, 4), ("complete", 2_000, 110, 100.0, 8)]
    {
        let request = Request { k, top: Some(10), min_users: 10, rank_by: RankBy::R };
        let cases = cases(questions, k);
        if !cases.iter().any(|(name, _)| format!("{data}, {name}").contains(&wanted)) {
            continue;
        }
        let matrix = matrix(users, questions, answered);
        for (name, constraints) in cases {
            let name = format!("{data}, {name}");
            if !name.contains(&wanted) {
                continue;
            }
            let mut best = [Duration::MAX; 2];
            for _ in 0..RUNS {
                for (best, constraints) in best.iter_mut().zip([&Constraints::default(), &constraints]) {
                    let (found, time) = timed(&matrix, request, constraints);
                    assert!(found.questions.chunks(k).all(|set| obeys(constraints, set)), "{name}");
                    assert_eq!(found.len(), 10, "{name}");
                    *best = time.min(*best);
                }
            }
            let [free, constrained] = best.map(|time| time.as_secs_f64() * 1e3);
            println!("{name:<36} {free:>9.1} ms {constrained:>9.1} ms {:>7.2}", constrained / free);
        }
    }
}

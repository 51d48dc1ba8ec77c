//! How the cost of a search that keeps users grows: with the share answered, users, questions, k, instruction set and kind
//! of scores. Each answer is recomputed before it is timed. (Complete answers: `complete.rs`.)
//!
//! `cargo bench --no-default-features --bench growth`, with a filter such as `density` behind `--`.

mod random;

use std::collections::HashMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use polars_corrset::combinations::binomial;
use polars_corrset::intern::intern_rows;
use polars_corrset::isa::InstructionSet;
use polars_corrset::matrix::ResponseMatrix;
use polars_corrset::moments::RankBy;
use polars_corrset::responses::{Duplicates, Responses};
use polars_corrset::search::{Request, SearchStrategy, search_with};
use random::Random;

fn main() {
    divan::main();
}

/// Responses of the Rasch model: users have an ability, questions a difficulty.
#[derive(Clone, Copy)]
struct Shape {
    users: u32,
    questions: u32,
    /// Of a hundred cells.
    answered: u64,
    k: usize,
}

/// What the sections below vary, one thing at a time.
const SHAPE: Shape = Shape { users: 10_000, questions: 60, answered: 20, k: 4 };

/// As many users as the sets of any of these shapes have in common, so that chance does not decide.
const MIN_USERS: u32 = 10;

impl Shape {
    fn responses<S>(self, score: impl Fn(f64, &mut Random) -> S) -> Responses<S> {
        let mut random = Random(1);
        let difficulties: Vec<f64> = (0..self.questions).map(|_| random.normal()).collect();
        let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
        for user in 0..self.users {
            let ability = random.normal();
            for (question, difficulty) in (0..).zip(&difficulties) {
                if random.next() * 100.0 < self.answered as f64 {
                    let right = 1.0 / (1.0 + (difficulty - ability).exp());
                    responses.users.push(user);
                    responses.questions.push(question);
                    responses.scores.push(score(right, &mut random));
                }
            }
        }
        responses
    }

    fn binary(self) -> Responses<i64> {
        self.responses(|right, random| i64::from(random.next() < right))
    }

    fn sets(self) -> ItemsCount {
        ItemsCount::new(binomial(self.questions as usize, self.k).map_or(u64::MAX, |sets| sets as u64))
    }
}

/// r of one set by the two-pass formula, from the responses themselves.
fn plain_r<S: Copy + Into<f64>>(responses: &Responses<S>, set: &[u32]) -> f64 {
    let mut users: HashMap<u32, (usize, f64, f64)> = HashMap::new();
    for ((&user, question), &score) in responses.users.iter().zip(&responses.questions).zip(&responses.scores)
    {
        let (answered, x, t) = users.entry(user).or_default();
        *t += score.into();
        if set.contains(question) {
            *answered += 1;
            *x += score.into();
        }
    }
    let common: Vec<(f64, f64)> =
        users.into_values().filter(|user| user.0 == set.len()).map(|(_, x, t)| (x, t)).collect();
    let n = common.len() as f64;
    let (mean_x, mean_t) = common.iter().fold((0.0, 0.0), |sum, (x, t)| (sum.0 + x / n, sum.1 + t / n));
    let moment =
        |of: fn(f64, f64) -> f64| common.iter().map(|(x, t)| of(x - mean_x, t - mean_t)).sum::<f64>();
    moment(|x, t| x * t) / (moment(|x, _| x * x) * moment(|_, t| t * t)).sqrt()
}

/// Times the search for the best ten, once they are found to be what they are said to be.
fn time<S: Copy + Into<f64>>(
    bencher: Bencher,
    isa: InstructionSet,
    shape: Shape,
    responses: Responses<S>,
    matrix: &ResponseMatrix,
) {
    let request = Request { k: shape.k, top: Some(10), min_users: MIN_USERS, rank_by: RankBy::R };
    let find =
        || search_with(isa, Some(SearchStrategy::Projection), matrix, &request).expect("a valid request");
    let best = find();
    for (set, r) in best.questions.chunks(shape.k).zip(best.r.iter()) {
        let (found, plain) = (r.expect("ranked sets have an r"), plain_r(&responses, set));
        assert!((found - plain).abs() < 1e-9, "{set:?}: {found}, plainly {plain}");
    }
    drop(responses);
    bencher.counter(shape.sets()).bench(find);
}

fn time_binary(bencher: Bencher, isa: InstructionSet, shape: Shape) {
    let responses = shape.binary();
    let floats = Responses {
        users: responses.users.clone(),
        questions: responses.questions.clone(),
        scores: responses.scores.iter().map(|&score| score as f64).collect(),
    };
    let matrix = responses.into_matrix(Duplicates::Error).expect("no duplicates");
    time(bencher, isa, shape, floats, &matrix);
}

fn fastest() -> InstructionSet {
    InstructionSet::from_environment().expect("an instruction set of this CPU")
}

#[divan::bench(args = [5, 10, 20, 50, 80, 100], sample_count = 3, sample_size = 1)]
fn density(bencher: Bencher, answered: u64) {
    time_binary(bencher, fastest(), Shape { answered, ..SHAPE });
}

#[divan::bench(args = [1_000, 10_000, 100_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn users(bencher: Bencher, users: u32) {
    time_binary(bencher, fastest(), Shape { users, k: 3, ..SHAPE });
}

#[divan::bench(args = [20, 50, 100, 200, 500, 1_000], sample_count = 3, sample_size = 1)]
fn questions(bencher: Bencher, questions: u32) {
    time_binary(bencher, fastest(), Shape { questions, k: 2, ..SHAPE });
}

#[divan::bench(args = [2, 3, 4, 5, 6, 7, 8], sample_count = 3, sample_size = 1)]
fn k(bencher: Bencher, k: usize) {
    // Enough answered that sets of eight have common users.
    time_binary(bencher, fastest(), Shape { k, questions: 30, answered: 60, ..SHAPE });
}

#[divan::bench(args = InstructionSet::ALL.map(InstructionSet::name), sample_count = 3, sample_size = 1)]
fn instruction_set(bencher: Bencher, name: &str) {
    match InstructionSet::ALL.into_iter().find(|isa| isa.name() == name && isa.is_available()) {
        Some(isa) => time_binary(bencher, isa, SHAPE),
        None => println!("this CPU has no {name}"),
    }
}

#[divan::bench(args = ["small integers", "wide integers", "floats"], sample_count = 3, sample_size = 1)]
fn scores(bencher: Bencher, kind: &str) {
    let float = |right: f64, random: &mut Random| right + random.next() / 10.0;
    let responses = match kind {
        "small integers" => SHAPE.responses(|right, random| (5.0 * float(right, random)).floor()),
        "wide integers" => SHAPE.responses(|right, random| (1e12 * float(right, random)).floor()),
        _ => SHAPE.responses(float),
    };
    let copy = Responses {
        users: responses.users.clone(),
        questions: responses.questions.clone(),
        scores: responses.scores.clone(),
    };
    let matrix = responses.into_matrix(Duplicates::Error).expect("no duplicates");
    time(bencher, fastest(), SHAPE, copy, &matrix);
}

/// Rows of ids of 32 characters, of 60,000 different ones.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn interning(bencher: Bencher, rows: usize) {
    let mut random = Random(1);
    let ids: Vec<String> =
        (0..rows).map(|_| format!("{:032x}", (random.next() * 60_000.0) as u64 * 0x9e37_79b9)).collect();
    let intern = || intern_rows(rows, |stretch| ids[stretch].iter().map(String::as_str));
    let interned = intern();
    let mut first: HashMap<&str, u32> = HashMap::new();
    for (id, dense) in ids.iter().zip(interned.ids()) {
        let next = first.len() as u32;
        assert_eq!(*first.entry(id).or_insert(next), dense, "ids count up in order of first appearance");
    }
    bencher.counter(ItemsCount::new(rows)).bench(intern);
}

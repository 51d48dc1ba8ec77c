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
use polars_corrset::moments::RankBy;
use polars_corrset::responses::{Duplicates, Responses, Source};
use polars_corrset::search::{Request, SearchStrategy, search_with};
use polars_corrset::whole::Whole;
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
    fn responses(self, score: impl Fn(f64, &mut Random) -> f64) -> Responses<f64> {
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

    fn binary(self) -> Responses<f64> {
        self.responses(|right, random| f64::from(u8::from(random.next() < right)))
    }

    fn sets(self) -> ItemsCount {
        ItemsCount::new(binomial(self.questions as usize, self.k).map_or(u64::MAX, |sets| sets as u64))
    }
}

/// What a user scored on the questions of a set, each with its question, and on all others.
type Answers = (Vec<(u32, f64)>, Vec<f64>);

/// r, r_rest of a mean, or Cronbach's α of one set by the two-pass formulas, from the responses themselves.
fn plain(responses: &Responses<f64>, set: &[u32], rank_by: RankBy) -> f64 {
    let mut users: HashMap<u32, Answers> = HashMap::new();
    for ((&user, &question), &score) in
        responses.users.iter().zip(&responses.questions).zip(&responses.scores)
    {
        let (scores, others) = users.entry(user).or_default();
        if set.contains(&question) {
            scores.push((question, score));
        } else {
            others.push(score);
        }
    }
    let is_by_rest = rank_by == RankBy::RRest;
    users.retain(|_, (scores, others)| scores.len() == set.len() && !(is_by_rest && others.is_empty()));
    let x_of = |scores: &Vec<(u32, f64)>| scores.iter().map(|(_, score)| score).sum::<f64>();
    let x = || users.values().map(|(scores, _)| x_of(scores));
    let t = || {
        users.values().map(|(scores, others)| {
            let rest = others.iter().sum::<f64>();
            if is_by_rest { rest / others.len() as f64 } else { x_of(scores) + rest }
        })
    };
    let moment = |pairs: Vec<(f64, f64)>| {
        let n = pairs.len() as f64;
        let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |sum, (a, b)| (sum.0 + a / n, sum.1 + b / n));
        pairs.into_iter().map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>()
    };
    let variance_x = moment(x().zip(x()).collect());
    if rank_by != RankBy::Alpha {
        return moment(x().zip(t()).collect()) / (variance_x * moment(t().zip(t()).collect())).sqrt();
    }
    let variance = |question: &u32| {
        let scores = users.values().flat_map(|(scores, _)| scores).filter(|(id, _)| id == question);
        moment(scores.map(|&(_, score)| (score, score)).collect())
    };
    let k = set.len() as f64;
    k / (k - 1.0) * (1.0 - set.iter().map(variance).sum::<f64>() / variance_x)
}

/// Times the search for the best ten, once they are found to be what they are said to be. By r_rest the grand total is a mean.
fn time(bencher: Bencher, isa: InstructionSet, shape: Shape, responses: Responses<f64>, rank_by: RankBy) {
    let whole = if rank_by == RankBy::RRest { Whole::Mean } else { Whole::Sum };
    let matrix = responses.clone().matrix_against(Duplicates::Error, &whole).expect("no duplicates");
    let request = Request { k: shape.k, top: Some(10), min_users: MIN_USERS, rank_by };
    let find =
        || search_with(isa, Some(SearchStrategy::Projection), &matrix, &request).expect("a valid request");
    let best = find();
    let ranked = match rank_by {
        RankBy::R => &best.r,
        RankBy::RRest => &best.r_rest,
        RankBy::Alpha => &best.alpha,
    };
    for (set, found) in best.questions.chunks(shape.k).zip(ranked.iter()) {
        let (found, plain) = (found.expect("ranked sets have it"), plain(&responses, set, rank_by));
        assert!((found - plain).abs() < 1e-9, "{set:?}: {found}, plainly {plain}");
    }
    drop(responses);
    bencher.counter(shape.sets()).bench(find);
}

fn time_binary(bencher: Bencher, isa: InstructionSet, shape: Shape) {
    time(bencher, isa, shape, shape.binary(), RankBy::R);
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
    time_binary(bencher, fastest(), Shape { k, ..OF_ANY_SIZE });
}

#[divan::bench(args = [2, 3, 4, 5, 6, 7, 8], sample_count = 3, sample_size = 1)]
fn k_by_alpha(bencher: Bencher, k: usize) {
    let shape = Shape { k, ..OF_ANY_SIZE };
    time(bencher, fastest(), shape, shape.binary(), RankBy::Alpha);
}

#[divan::bench(args = [2, 3, 4, 5, 6, 7, 8], sample_count = 3, sample_size = 1)]
fn k_by_alpha_of_floats(bencher: Bencher, k: usize) {
    let shape = Shape { k, ..OF_ANY_SIZE };
    let responses = shape.responses(|right, random| right + random.next());
    time(bencher, fastest(), shape, responses, RankBy::Alpha);
}

/// Enough answered that sets of eight have common users.
const OF_ANY_SIZE: Shape = Shape { questions: 30, answered: 60, ..SHAPE };

#[divan::bench(args = InstructionSet::ALL.map(InstructionSet::name), sample_count = 3, sample_size = 1)]
fn instruction_set(bencher: Bencher, name: &str) {
    match InstructionSet::ALL.into_iter().find(|isa| isa.name() == name && isa.is_available()) {
        Some(isa) => time_binary(bencher, isa, SHAPE),
        None => println!("this CPU has no {name}"),
    }
}

/// By r, by r_rest of a mean, and by Cronbach's α.
#[divan::bench(
    args = [RankBy::R, RankBy::RRest, RankBy::Alpha].into_iter().flat_map(|rank_by| KINDS.map(|kind| (rank_by, kind))),
    sample_count = 3,
    sample_size = 1
)]
fn scores(bencher: Bencher, (rank_by, kind): (RankBy, &str)) {
    let float = |right: f64, random: &mut Random| right + random.next() / 10.0;
    let responses = match kind {
        "0/1" => SHAPE.binary(),
        "small integers" => SHAPE.responses(|right, random| (5.0 * float(right, random)).floor()),
        "wide integers" => SHAPE.responses(|right, random| (1e12 * float(right, random)).floor()),
        "floats, one in 10,000 far out" => SHAPE.responses(|right, random| {
            let score = float(right, random);
            if random.next() < 1e-4 { 1000.0 * score } else { score }
        }),
        "noisy floats" => SHAPE.responses(|right, random| right + 3.0 * random.next()),
        _ => SHAPE.responses(float),
    };
    time(bencher, fastest(), SHAPE, responses, rank_by);
}

const KINDS: [&str; 6] =
    ["0/1", "small integers", "wide integers", "floats", "noisy floats", "floats, one in 10,000 far out"];

/// Rows of ids of 32 characters, of 60,000 different ones.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn interning(bencher: Bencher, rows: usize) {
    let mut random = Random(1);
    let ids: Vec<String> =
        (0..rows).map(|_| format!("{:032x}", (random.next() * 60_000.0) as u64 * 0x9e37_79b9)).collect();
    let intern = || intern_rows(rows, |stretch| std::iter::once(ids[stretch].iter().map(String::as_str)));
    let interned = intern();
    let mut first: HashMap<&str, u32> = HashMap::new();
    for (id, dense) in ids.iter().zip(interned.ids()) {
        let next = first.len() as u32;
        assert_eq!(*first.entry(id).or_insert(next), dense, "ids count up in order of first appearance");
    }
    bencher.counter(ItemsCount::new(rows)).bench(intern);
}

//! Complete answers, few answer patterns, or a core with electives: how long the best n take to be proven, how fast all sets
//! are looked at, and when it pays to sum users up.
//!
//! `cargo bench --no-default-features --bench complete`, with `bound`, `families`, `electives`, `exhaustive`, `users` or
//! `booklets` behind `--`; or `… --bench complete -- SCORES.csv K TOP` for complete answers of one's own, a line per user
//! and a column per question.
//!
//! Each answer is checked before its time is printed: r of every set by the two-pass formula, the best set against every swap
//! of one question, and the whole table against the exhaustive search where that takes seconds.

mod random;

use std::time::{Duration, Instant};

use polars_corrset::combinations::binomial;
use polars_corrset::isa::InstructionSet;
use polars_corrset::matrix::ResponseMatrix;
use polars_corrset::moments::RankBy;
use polars_corrset::ranking::SetTable;
use polars_corrset::responses::{Duplicates, Responses};
use polars_corrset::search::{Request, SearchStrategy, search_with};
use random::Random;

/// A row per user, a column per question.
type Scores = Vec<Vec<Option<i64>>>;

/// Scores of 0 and 1 by the two-parameter logistic model.
#[derive(Clone, Copy)]
struct Test {
    users: usize,
    questions: usize,
    /// Discriminations are uniform between these.
    discrimination: (f64, f64),
    /// Standard deviation of the difficulties.
    difficulty: f64,
    /// Each has half of the questions; none: everything is answered.
    booklets: usize,
    /// Whether a question is in the form that a user has.
    form: fn(usize, usize) -> bool,
}

/// Electives behind the first 110 questions.
fn half_of_electives(user: usize, question: usize) -> bool {
    question < 110 || drawn(user, question) < 0.5
}

/// The same number from 0 to 1 for a user and a question each time.
fn drawn(user: usize, question: usize) -> f64 {
    // Neighbouring seeds make numbers that are far from independent; not so after a multiplication and a shift.
    let mut random = Random((user << 20 | question) as u64);
    random.next();
    Random(random.0 ^ random.0 >> 32).next()
}

const EVERYTHING: fn(usize, usize) -> bool = |_, _| true;

/// A test as tests are.
const USUAL: Test = Test {
    users: 2000,
    questions: 110,
    discrimination: (0.5, 2.0),
    difficulty: 1.0,
    booklets: 0,
    form: EVERYTHING,
};

/// Searches of each kind, in turns, of which the fastest are compared where a difference of times is wanted.
const USERS_TURNS: usize = 20;

/// Items that differ by chance only.
const INTERCHANGEABLE: Test = Test {
    users: 2000,
    questions: 50,
    discrimination: (1.0, 1.0),
    difficulty: 0.1,
    booklets: 0,
    form: EVERYTHING,
};

impl Test {
    fn scores(self) -> Scores {
        let mut random = Random(1);
        let (least, most) = self.discrimination;
        let items: Vec<(f64, f64)> = (0..self.questions)
            .map(|_| (least + (most - least) * random.next(), self.difficulty * random.normal()))
            .collect();
        let mut draw = Random(2);
        let drawn: Vec<Vec<bool>> =
            (0..self.booklets).map(|_| items.iter().map(|_| draw.next() < 0.5).collect()).collect();
        let mut user = |user: usize| {
            let ability = random.normal();
            let mut answer = |(question, &(a, b)): (usize, &(f64, f64))| {
                let right = random.next() < 1.0 / (1.0 + (a * (b - ability)).exp());
                let is_drawn = drawn.is_empty() || drawn[user % drawn.len()][question];
                (is_drawn && (self.form)(user, question)).then_some(i64::from(right))
            };
            items.iter().enumerate().map(&mut answer).collect()
        };
        (0..self.users).map(&mut user).collect()
    }
}

fn matrix_of(scores: &Scores) -> ResponseMatrix {
    let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
    for (user, row) in (0..).zip(scores) {
        for (question, score) in (0..).zip(row).filter_map(|(question, score)| Some((question, (*score)?))) {
            responses.users.push(user);
            responses.questions.push(question);
            responses.scores.push(score);
        }
    }
    responses.into_matrix(Duplicates::Error).expect("no duplicates")
}

/// r of one set by the two-pass formula, from the scores themselves; NaN if it has fewer than `least_users`.
fn plain_r(scores: &Scores, set: &[u32], least_users: u32) -> f64 {
    let x = |row: &Vec<Option<i64>>| set.iter().map(|&question| row[question as usize]).sum::<Option<i64>>();
    let t = |row: &Vec<Option<i64>>| row.iter().flatten().sum::<i64>() as f64;
    let totals: Vec<(f64, f64)> = scores.iter().filter_map(|row| Some((x(row)? as f64, t(row)))).collect();
    if totals.len() < least_users as usize {
        return f64::NAN;
    }
    let n = totals.len() as f64;
    let (mean_x, mean_t) = totals.iter().fold((0.0, 0.0), |sum, (x, t)| (sum.0 + x / n, sum.1 + t / n));
    let moment =
        |of: fn(f64, f64) -> f64| totals.iter().map(|(x, t)| of(x - mean_x, t - mean_t)).sum::<f64>();
    moment(|x, t| x * t) / (moment(|x, _| x * x) * moment(|_, t| t * t)).sqrt()
}

struct Case<'a> {
    name: &'a str,
    scores: &'a Scores,
    matrix: &'a ResponseMatrix,
    request: Request,
}

impl Case<'_> {
    fn find(&self, strategy: SearchStrategy) -> (SetTable, Duration) {
        let isa = InstructionSet::from_environment().expect("an instruction set of this CPU");
        let start = Instant::now();
        let table = search_with(isa, Some(strategy), self.matrix, &self.request).expect("a valid request");
        (table, start.elapsed())
    }

    /// What a heuristic would find from there is not better than the best set.
    fn no_swap_is_better(&self, best: &[u32]) {
        let r = plain_r(self.scores, best, 0);
        for position in 0..best.len() {
            for question in (0..self.scores[0].len() as u32).filter(|question| !best.contains(question)) {
                let mut set = best.to_vec();
                set[position] = question;
                let swapped = plain_r(self.scores, &set, self.request.min_users);
                // A set that nobody answered, or too few, has none.
                assert!(swapped.is_nan() || swapped < r + 1e-9, "{set:?} is better than {best:?}");
            }
        }
    }

    /// Prints the time, and returns it.
    fn time(&self, strategy: SearchStrategy, same_as: Option<SearchStrategy>) -> Duration {
        let (table, mut least) = self.find(strategy);
        assert_eq!(Some(table.len()), self.request.top, "as many sets as wanted");
        for (set, r) in table.questions.chunks(self.request.k).zip(table.r.iter()) {
            let (found, plain) =
                (r.expect("ranked sets have an r"), plain_r(self.scores, set, self.request.min_users));
            assert!((found - plain).abs() < 1e-9, "{set:?}: {found}, plainly {plain}");
        }
        // With millions of users that would take minutes.
        if self.request.rank_by == RankBy::R && self.scores.len() < 10_000 {
            self.no_swap_is_better(&table.questions[..self.request.k]);
        }
        if let Some(other) = same_as {
            assert_eq!(self.find(other).0, table, "{} finds the same", other.name());
        }
        for _ in 0..2 {
            least = least.min(self.find(strategy).1);
        }
        let Request { k, rank_by, .. } = self.request;
        let questions = self.scores[0].len();
        let sets = binomial(questions, k).map_or(f64::INFINITY, |sets| sets as f64);
        println!(
            "{}, {} users × {questions} questions, k = {k}, best {} by {rank_by:?}, {}: {sets:.1e} sets in {:.4} s, {:.2e} \
            per second",
            self.name,
            self.scores.len(),
            table.len(),
            strategy.name(),
            least.as_secs_f64(),
            sets / least.as_secs_f64(),
        );
        least
    }
}

fn request(k: usize, top: usize, rank_by: RankBy) -> Request {
    Request { k, top: Some(top), min_users: 2, rank_by }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [file, k, top] = &arguments[..] {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let number = |cell: &str| Some(cell.trim().parse().expect("an integer"));
        let scores: Scores = text.lines().map(|line| line.split(',').map(number).collect()).collect();
        let matrix = matrix_of(&scores);
        let (k, top) = (k.parse().expect("an integer"), top.parse().expect("an integer"));
        for rank_by in [RankBy::R, RankBy::RRest] {
            let case =
                Case { name: file, scores: &scores, matrix: &matrix, request: request(k, top, rank_by) };
            case.time(SearchStrategy::Bound, None);
        }
        return;
    }
    let wanted = |section: &str| {
        arguments.is_empty() || arguments.iter().any(|filter| section.contains(filter.as_str()))
    };
    let run = |name: &str, test: Test, k, top, rank_by, strategy, same_as| {
        let scores = test.scores();
        let matrix = matrix_of(&scores);
        Case { name, scores: &scores, matrix: &matrix, request: request(k, top, rank_by) }
            .time(strategy, same_as);
    };
    let (bound, moments) = (SearchStrategy::Bound, SearchStrategy::Moments);
    if wanted("bound") {
        for rank_by in [RankBy::R, RankBy::RRest] {
            run("usual", USUAL, 5, 10, rank_by, bound, Some(moments));
            for (k, top) in [(8, 10), (10, 1), (10, 10), (12, 10)] {
                run("usual", USUAL, k, top, rank_by, bound, None);
            }
            for k in [8, 12, 14] {
                run("interchangeable", INTERCHANGEABLE, k, 10, rank_by, bound, None);
            }
        }
    }
    if wanted("families") {
        let short: fn(usize, usize) -> bool = |user, question| (user, question) != (7, 3);
        let eight_short: fn(usize, usize) -> bool = |user, question| user >= 8 || question / 2 != user;
        let anchored: fn(usize, usize) -> bool = |user, question| question < 20 || question % 3 == user % 3;
        // Three of seven blocks of questions each, so that each two have one in common (a balanced incomplete block design).
        let blocks: fn(usize, usize) -> bool =
            |user, question| [0, 1, 3].contains(&((question + 7 - user % 7) % 7));
        for (name, test) in [
            ("complete", USUAL),
            ("a user short of a question", Test { form: short, ..USUAL }),
            ("eight users short of two", Test { form: eight_short, ..USUAL }),
            ("three forms of 70 with 20 in common", Test { questions: 170, form: anchored, ..USUAL }),
            ("seven forms of 69 in three blocks", Test { questions: 161, form: blocks, ..USUAL }),
            ("three forms of half", Test { questions: 140, booklets: 3, ..USUAL }),
            ("ten forms of half", Test { questions: 140, booklets: 10, ..USUAL }),
        ] {
            for rank_by in [RankBy::R, RankBy::RRest] {
                run(name, test, 4, 10, rank_by, moments, None);
                run(name, test, 4, 10, rank_by, bound, Some(moments));
                run(name, test, 8, 10, rank_by, bound, None);
                run(name, test, 10, 10, rank_by, bound, None);
            }
        }
    }
    if wanted("electives") {
        let elective = Test { questions: 130, form: half_of_electives, ..USUAL };
        let (scores, projection) = (elective.scores(), SearchStrategy::Projection);
        let matrix = matrix_of(&scores);
        for (min_users, rank_by) in
            [200, 100, 30].into_iter().flat_map(|users| [RankBy::R, RankBy::RRest].map(|by| (users, by)))
        {
            println!("at least {min_users} users");
            for k in [3, 4, 8] {
                let request = Request { min_users, ..request(k, 10, rank_by) };
                let case =
                    Case { name: "20 electives, half answered", scores: &scores, matrix: &matrix, request };
                if k <= 4 {
                    case.time(projection, None);
                }
                case.time(bound, (k <= 4).then_some(projection));
            }
        }
    }
    if wanted("exhaustive") {
        for k in [3, 4, 5, 6] {
            run("usual", USUAL, k, 10, RankBy::R, moments, (k < 4).then_some(SearchStrategy::Projection));
        }
    }
    if wanted("users") {
        // The same users again and again, so that every search has the same to do.
        let few = Test { questions: 60, ..USUAL }.scores();
        for times in [1, 10, 100, 1000] {
            let scores: Scores = few.iter().cycle().take(times * few.len()).cloned().collect();
            let matrix = matrix_of(&scores);
            let case = |k| {
                let request = request(k, 10, RankBy::R);
                Case { name: "users", scores: &scores, matrix: &matrix, request }
            };
            // Pairs take no time once they are summed up.
            let (pairs, sets) = (case(2), case(6));
            let (mut pass, mut whole) = (pairs.time(moments, None), sets.time(moments, None));
            for _ in 0..USERS_TURNS {
                pass = pass.min(pairs.find(moments).1);
                whole = whole.min(sets.find(moments).1);
            }
            println!(
                "  {pass:.4?} for the pass over the users, {:.4?} for the search",
                whole.saturating_sub(pass)
            );
        }
    }
    if wanted("booklets") {
        for booklets in [4, 16, 64, 256] {
            let test = Test { users: 16_384, questions: 40, booklets, ..USUAL };
            let name = format!("{booklets} booklets");
            run(&name, test, 4, 10, RankBy::R, moments, Some(SearchStrategy::Projection));
            run(&name, test, 4, 10, RankBy::R, SearchStrategy::Projection, None);
        }
    }
}

use proptest::prelude::*;

use super::*;
use crate::chunks::{Chunks, Runs};
use crate::intern::Interner;
use crate::matrix::{Cells, Table};
use crate::parallel::PARALLEL_ROWS;
use crate::responses::{Duplicates, Responses, Score};

/// Ids of any kind.
struct Values(Vec<u16>);

impl Values {
    /// In two chunks.
    fn chunks(&self) -> Chunks<'_, u16> {
        let (start, end) = self.0.split_at(self.0.len() / 3);
        [start, end].into_iter().collect()
    }
}

impl Column for Values {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize) {
        self.chunks().extend_runs(runs, end, most);
    }

    fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize {
        self.chunks().repeats(ends, pattern)
    }

    fn are_distinct(&self, rows: &[u32]) -> bool {
        self.number(rows.to_vec()).is_some_and(|(_, first_rows)| first_rows.len() == rows.len())
    }

    fn number(&self, rows: Vec<u32>) -> Option<(Vec<u32>, Vec<u32>)> {
        let mut interner = Interner::default();
        let mut first_rows = Vec::new();
        let id = |&row: &u32| {
            let id = interner.intern(self.0[row as usize]);
            if id as usize == first_rows.len() {
                first_rows.push(row);
            }
            id
        };
        let ids = rows.iter().map(id).collect();
        Some((ids, first_rows))
    }
}

/// Responses whose order is known.
struct InOrder<S> {
    responses: Responses<S>,
    regular: Regular,
}

impl<S: Score> Source for InOrder<S> {
    type Score = S;

    fn ids(&self) -> (usize, usize) {
        self.regular.ids()
    }

    fn rows(&self) -> usize {
        self.responses.len()
    }

    fn read(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = (u32, u32, S)>> {
        let ids =
            self.regular.users_at(rows.clone()).into_iter().zip(self.regular.questions_at(rows.clone()));
        let scores = self.responses.scores[rows].iter();
        std::iter::once(ids.zip(scores).map(|((user, question), &score)| (user, question, score)))
    }

    fn scores(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = S>> {
        self.responses.scores(rows)
    }

    fn regular(&self) -> Option<&Regular> {
        Some(&self.regular)
    }
}

/// Finds the order of rows, and checks what it says of them against ids by interning; tells whether there is one.
fn check(rows: &[(u16, u16)]) -> bool {
    let (users, questions): (Vec<u16>, Vec<u16>) = rows.iter().copied().unzip();
    let (users, questions) = (Values(users), Values(questions));
    let Some(Found { regular, question_rows }) = find(&users, &questions) else { return false };
    let all = (0..rows.len() as u32).collect::<Vec<_>>();
    let (user_ids, expected) = users.number(all.clone()).unwrap();
    assert_eq!(regular.user_rows(), expected);
    let (question_ids, expected) = questions.number(all).unwrap();
    assert_eq!(question_rows, expected);
    for start in [0, rows.len() / 3, rows.len() / 2] {
        for end in [start, rows.len() / 2, rows.len() / 2 + 1, rows.len()] {
            let some = start..end.min(rows.len()).max(start);
            assert_eq!(regular.users_at(some.clone()), user_ids[some.clone()]);
            assert_eq!(regular.questions_at(some.clone()), question_ids[some]);
        }
    }

    check_matrix(regular, &user_ids, &question_ids);
    true
}

/// Checks that the matrices of scores of all kinds are what they would be in no known order.
fn check_matrix(regular: Regular, users: &[u32], questions: &[u32]) {
    let score = |row: usize| (row * row + row / 7) as i64;
    let of = |points: &Table, answered: &BitMatrix, user: u32, question: u32| {
        let (user, question) = (user as usize, question as usize);
        match points {
            Table::Binary(integers) => f64::from(integers.points.of(answered, user, question)),
            Table::Numbers(integers) => integers.points.of(answered, user, question) as f64,
            Table::Float(floats) => floats.points.of(answered, user, question),
        }
    };
    let responses = Responses {
        users: users.to_vec(),
        questions: questions.to_vec(),
        scores: (0..users.len()).map(score).collect(),
    };
    let known = InOrder { responses: responses.clone(), regular };
    macro_rules! compare {
        ($made:expr) => {
            let made = $made;
            let (expected, matrix) = match (
                responses.with_scores(made).matrix(Duplicates::Error),
                known.with_scores(made).matrix(Duplicates::Error),
            ) {
                (Ok(expected), Ok(matrix)) => (expected, matrix),
                (expected, matrix) => {
                    assert_eq!(matrix.unwrap_err(), expected.unwrap_err());
                    return;
                }
            };
            assert_eq!(matrix.answered, expected.answered);
            for (&user, &question) in users.iter().zip(questions) {
                assert_eq!(
                    of(&matrix.table, &matrix.answered, user, question),
                    of(&expected.table, &expected.answered, user, question)
                );
            }
            match (&matrix.table, &expected.table) {
                (Table::Binary(a), Table::Binary(b)) => assert_eq!(a.totals, b.totals),
                (Table::Numbers(a), Table::Numbers(b)) => assert_eq!(a.totals, b.totals),
                (Table::Float(a), Table::Float(b)) => assert_eq!(a.centred_totals, b.centred_totals),
                _ => panic!("tables of two kinds"),
            }
        };
    }
    compare!(|score: i64| score % 2);
    compare!(|score: i64| (score % 2) as f64);
    compare!(|score: i64| score % 5);
    compare!(|score: i64| i128::from(score % 5));
    compare!(|score: i64| score % 2 * 300 + score % 5);
    // Two rows suffice for scores that need more than 16 bits.
    compare!(|score: i64| ((score % 2) << 40) + score % 5);
    compare!(|score: i64| (score % 7) as f64 / 8.0);
    compare!(|score: i64| i128::from(i64::MIN + score % 5));
    // For many questions an error, which is compared, too.
    compare!(|score: i64| if score % 2 == 0 { i64::MIN / 2 } else { score % 5 });
}

/// Users 0, 1, … with the questions of a sequence each, from the first on or from the last.
fn by_user(sequences: impl Iterator<Item = Vec<u16>>) -> Vec<(u16, u16)> {
    let numbered = sequences.enumerate();
    numbered.flat_map(|(user, questions)| questions.into_iter().map(move |q| (user as u16, q))).collect()
}

/// Complete answers user by user, and question by question; some orders are not worth it.
fn check_complete(users: usize, questions: usize) {
    let context = format!("{users} users, {questions} questions");
    let all: Vec<u16> = (0..questions).map(|question| (question * 7 % 65_521) as u16).collect();
    let mut rows = by_user((0..users).map(|_| all.clone()));
    let are_neighbours = questions >= find::LEAST_RESPONSES;
    assert_eq!(check(&rows), are_neighbours || questions == 1 && users > 1, "{context}");
    let mut transposed: Vec<_> =
        (0..rows.len()).map(|row| rows[row % users * questions + row / users]).collect();
    assert_eq!(check(&transposed), are_neighbours || users > 1, "{context}");
    if users > 2 && questions > 2 {
        // One more response.
        rows.push((0, 65_530));
        assert!(!check(&rows), "{context}");
        transposed.push((0, 65_530));
        assert!(!check(&transposed), "{context}");
    }
}

#[test]
fn complete_answers() {
    for questions in [1, 2, 63, 64, 65, 130] {
        for users in [1, 2, 31, 64, 65] {
            check_complete(users, questions);
        }
    }
    parallel::on(3, || {
        check_complete(usize::from(u16::MAX), 1);
        check_complete(3 * PARALLEL_ROWS / 65 + 1, 65);
        // A stretch in which nobody begins.
        check_complete(2, 30_000 * 2);
        check_complete(70, 2500);
    });
}

#[test]
fn a_repeated_response_is_not_regular() {
    let mut rows = by_user((0..100).map(|_| (0..20).collect()));
    assert!(check(&rows));
    rows[45].1 = rows[44].1;
    assert!(!check(&rows));
    // A user who comes back.
    rows[45].1 += 1;
    rows.extend((20..40).map(|question| (50, question)));
    assert!(!check(&rows));
}

#[test]
fn a_user_who_comes_back_late_is_not_regular() {
    // Neither ascending nor descending from the first users on, and sorted from then on.
    let user = |place: u16| if place < 2 { 1 - place } else { place };
    for is_back in [false, true] {
        let users: Vec<u16> =
            (0..300).map(|place| user(if is_back && place == 299 { 0 } else { place })).collect();
        let questions = 0..20;
        let mut rows: Vec<(u16, u16)> =
            users.iter().flat_map(|&user| questions.clone().map(move |question| (user, question))).collect();
        assert_eq!(check(&rows), !is_back, "user by user");
        rows = questions.flat_map(|question| users.iter().map(move |&user| (user, question))).collect();
        assert_eq!(check(&rows), !is_back, "question by question");
    }
}

#[test]
fn users_with_questions_of_their_own() {
    // One of fifty skips a question, and others have an order of their own.
    let usual: Vec<u16> = (0..60).collect();
    let sequence = |user: usize| {
        let mut questions = usual.clone();
        if user % 50 == 3 {
            questions.remove(user % 60);
        }
        if user % 70 == 4 {
            questions.rotate_left(user % 60);
        }
        questions
    };
    assert!(check(&by_user((0..3000).map(sequence))));
    // All of them.
    let shuffled = |user: usize| usual.iter().map(|q| (q * 7 + user as u16) % 60).collect();
    assert!(!check(&by_user((0..3000).map(shuffled))));
}

#[test]
fn booklets() {
    let booklets: [Vec<u16>; 3] =
        [(0..20).collect(), (10..40).collect(), (35..80).rev().chain(3..9).collect()];
    assert!(check(&by_user((0..2000).map(|user| booklets[user * user % 7 % 3].clone()))));
}

proptest! {
    #[test]
    fn few_users(
        sequences in prop::collection::vec(
            (prop::collection::btree_set(0u16..140, 1..40), any::<bool>(), 1usize..4), 1..8,
        ),
    ) {
        let mut users: Vec<Vec<u16>> = Vec::new();
        for (questions, is_reversed, times) in sequences {
            let mut questions: Vec<u16> = questions.into_iter().collect();
            if is_reversed {
                questions.reverse();
            }
            users.extend(vec![questions; times]);
        }
        // Whether it is worth it or not.
        check(&by_user(users.into_iter()));
    }
}

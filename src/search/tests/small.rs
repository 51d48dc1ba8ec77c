//! Small matrices of every kind of scores, drawn at random.

use super::*;

/// Dense or sparse answers, about `density` of 255 cells answered, with scores from `score`.
fn answers(
    users: std::ops::Range<u32>,
    questions: std::ops::Range<u32>,
    score: impl Strategy<Value = f64> + Clone + 'static,
) -> impl Strategy<Value = Answers> {
    let cell = (any::<u8>(), score);
    (users, questions, any::<u8>()).prop_flat_map(move |(users, questions, density)| {
        prop::collection::vec(cell.clone(), (users * questions) as usize).prop_map(move |cells| {
            let mut answers = Answers::new();
            for (i, (chance, score)) in cells.into_iter().enumerate() {
                if chance <= density {
                    let (user, question) = (i as u32 / questions, i as u32 % questions);
                    answers.entry(user).or_default().insert(question, score);
                }
            }
            answers
        })
    })
}

fn scores(values: &'static [f64]) -> impl Strategy<Value = f64> + Clone + 'static {
    prop::sample::select(values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn binary_scores(answers in answers(1..40, 1..8, scores(&[0.0, 1.0])), k in 1usize..5, min_users in 0u32..6) {
        let matrix = matrix_of(&answers, |score| score as i64);
        check(&matrix, &answers, k, min_users, "binary");
    }

    #[test]
    fn small_integer_scores(answers in answers(1..30, 1..8, scores(&[-2.0, 0.0, 3.0, 4.0, 9.0])), k in 1usize..5) {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, "small");
        check(&matrix_of(&answers, |score| score as i128), &answers, k, 2, "wide type, small values");
        check(&matrix_of(&answers, |score| score), &answers, k, 2, "integral floats");
    }

    #[test]
    fn large_integer_scores(answers in answers(1..30, 1..7, scores(&[-1e8, 0.0, 123_456.0, 99_999_999.0])), k in 1usize..4) {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, "large, sums of 64 or 128 bits");
    }

    #[test]
    fn float_scores(answers in answers(1..30, 1..7, scores(&[0.1, 0.25, 0.7, 1.3, -2.9])), k in 1usize..4) {
        check(&matrix_of(&answers, |score| score), &answers, k, 2, "floats");
    }

    #[test]
    fn float_scores_without_structure(answers in answers(1..30, 1..7, -1.0f64..1.0), k in 1usize..4) {
        check(&matrix_of(&answers, |score| score), &answers, k, 2, "floats");
        check(&matrix_of(&answers, |score| score * 1e-200), &answers, k, 2, "tiny floats");
        check(&matrix_of(&answers, |score| score * 1e300), &answers, k, 2, "huge floats");
    }

    #[test]
    fn batches_merge_to_the_whole(answers in answers(1..30, 1..8, scores(&[0.0, 1.0, 5.0])), cut in any::<prop::sample::Index>()) {
        let whole = responses_of(&answers, |score| score as i64);
        let mut first = whole.clone();
        let cut = cut.index(whole.len() + 1);
        let batch = Responses {
            users: first.users.split_off(cut),
            questions: first.questions.split_off(cut),
            scores: first.scores.split_off(cut),
        };
        // The batch numbers users and questions backwards.
        let ids: Vec<u32> = (0..40).rev().collect();
        let renamed = |ids: Vec<u32>| ids.into_iter().map(|id| 39 - id).collect();
        let batch = Responses { users: renamed(batch.users), questions: renamed(batch.questions), ..batch };
        first.merge(batch, &ids, &ids);
        prop_assert_eq!(first, whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Every kind of scores with every kind of criteria.
    #[test]
    fn criteria(
        answers in answers(1..30, 1..7, scores(&[0.0, 1.0])),
        values in prop::collection::vec(-4i8..4, 30),
        k in 1usize..5,
    ) {
        let answers: Answers = (0..).zip(answers.into_values()).collect();
        let users = answers.len();
        let values: Vec<f64> = values[..users].iter().map(|&value| f64::from(value)).collect();
        let criterion = |factor: f64| {
            Against::Criterion((0..).zip(values.iter().map(|value| value * factor)).collect())
        };
        let integers = |factor: i128| {
            Whole::IntegerCriterion(values.iter().map(|&value| value as i128 * factor).collect())
        };
        let floats = |factor: f64| Whole::FloatCriterion(values.iter().map(|value| value * factor).collect());
        for (against, whole) in [
            (criterion(1.0), integers(1)),
            (criterion(1e15), integers(1_000_000_000_000_000)),
            (criterion(1.0), floats(1.0)),
            (criterion(0.3), floats(0.3)),
            // Of which the oracle could not take squares.
            (criterion(1.0), floats(1e300)),
        ] {
            for factor in [1.0, -5.0, 1e6, 1e12] {
                let answers: Answers = scaled(&answers, factor);
                let matrix = matrix_against(&whole, &answers, |score| score as i64);
                check_against(&against, &matrix, &answers, k, 2, &format!("{factor} and {whole:?}"));
            }
            let answers = scaled(&answers, 0.7);
            let matrix = matrix_against(&whole, &answers, |score| score);
            check_against(&against, &matrix, &answers, k, 2, &format!("floats and {whole:?}"));
        }
    }

    #[test]
    fn means(answers in answers(1..30, 1..7, scores(&[0.0, 1.0, 5.0])), k in 1usize..5) {
        let answers: Answers = (0..).zip(answers.into_values()).collect();
        for (factor, shift) in [(1.0, 0.0), (1e6, 0.0), (1.0, 1e12)] {
            let answers: Answers = scaled(&answers, factor);
            let matrix = matrix_against(&Whole::Mean, &answers, |score| score as i64 + shift as i64);
            check_against(&Against::Mean, &matrix, &answers, k, 2, &format!("{factor} and {shift}"));
        }
        let answers = scaled(&answers, 0.7);
        let matrix = matrix_against(&Whole::Mean, &answers, |score| score);
        check_against(&Against::Mean, &matrix, &answers, k, 2, "floats");
    }
}

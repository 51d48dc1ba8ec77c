//! Cronbach's α against the definition in exact fractions. (The tests of the search hold the correlations against the
//! oracle.)

use proptest::prelude::*;

use super::*;

/// n² times a variance.
fn scaled_variance(values: &[i64]) -> i128 {
    let values = || values.iter().map(|&value| i128::from(value));
    values().count() as i128 * values().map(|value| value * value).sum::<i128>()
        - values().sum::<i128>().pow(2)
}

/// Numerator and denominator of k/(k − 1) · (1 − Σ var(x_i)/var(X)), of scores by question.
fn alpha_as_fraction(scores: &[Vec<i64>]) -> (i128, i128) {
    let k = scores.len() as i128;
    let total = scaled_variance(&totals(scores));
    let items: i128 = scores.iter().map(|scores| scaled_variance(scores)).sum();
    (k * (total - items), (k - 1) * total)
}

fn totals(scores: &[Vec<i64>]) -> Vec<i64> {
    (0..scores[0].len()).map(|user| scores.iter().map(|scores| scores[user]).sum()).collect()
}

fn alpha<A: SumInteger>(scores: &[Vec<i64>]) -> Option<f64> {
    let mut sums = IntegerSums::<A>::default();
    totals(scores).iter().for_each(|&x| sums.add(x, 0));
    let questions = scores.iter().map(|scores| {
        scores.iter().fold([A::default(); 2], |[x, xx], &score| {
            let score = A::from(score);
            [x + score, xx + score * score]
        })
    });
    sums.alpha(scores.len(), summed_variances(sums.n(), questions))
}

fn alpha_of_floats(scores: &[Vec<i64>], of: impl Fn(i64) -> f64) -> Option<f64> {
    let floats: Vec<Vec<f64>> =
        scores.iter().map(|scores| scores.iter().map(|&score| of(score)).collect()).collect();
    let total = |user: usize| {
        let mut total = DoubleDouble::default();
        floats.iter().for_each(|scores| total += scores[user]);
        total
    };
    let values = (0..scores[0].len()).map(total).collect();
    let largest = floats.iter().flatten().fold(0.0, |most: f64, score| most.max(score.abs()));
    let noise = 2.0 * ROUNDOFF * largest * scores.len() as f64;
    float_alpha(&floats, &Totals { values, noise })
}

/// Scores of 2 to 30 users on 1 to 6 questions.
fn tables() -> impl Strategy<Value = Vec<Vec<i64>>> {
    (1..7usize, 2..31usize, prop_oneof![Just(0..2i64), Just(-9..9i64), Just(-1000..1_000_000i64)])
        .prop_flat_map(|(questions, users, scores)| {
            prop::collection::vec(prop::collection::vec(scores, users), questions)
        })
}

proptest! {
    #[test]
    fn alpha_is_the_definition_rounded(scores in tables()) {
        let (numerator, denominator) = alpha_as_fraction(&scores);
        if denominator == 0 {
            prop_assert_eq!(alpha::<i64>(&scores), None);
            prop_assert_eq!(alpha_of_floats(&scores, |score| score as f64), None);
        } else {
            let expected = numerator as f64 / denominator as f64;
            let found = alpha::<i64>(&scores).unwrap();
            prop_assert!((found - expected).abs() <= 4.0 * ROUNDOFF * expected.abs(), "{} {}", found, expected);
            prop_assert!(found <= 1.0);
            prop_assert_eq!(alpha::<i128>(&scores), Some(found));
            // A power of two changes no digit; far from zero, quarters are exact.
            for of in [|score| score as f64 / 1024.0, |score| 1e9 + score as f64 / 4.0] {
                let found = alpha_of_floats(&scores, of).unwrap();
                prop_assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{} {}", found, expected);
            }
        }
    }

    #[test]
    fn equal_alpha_are_equal_floats(scores in tables(), factor in 1..1000i64, shift in -1000..1000i64) {
        let scaled: Vec<Vec<i64>> =
            scores.iter().map(|scores| scores.iter().map(|score| score * factor + shift).collect()).collect();
        prop_assert_eq!(alpha::<i128>(&scaled), alpha::<i128>(&scores));
        let repeated: Vec<Vec<i64>> = scores.iter().map(|scores| scores.repeat(3)).collect();
        prop_assert_eq!(alpha::<i128>(&repeated), alpha::<i128>(&scores));
    }
}

#[test]
fn alpha_by_hand() {
    // 16 times the variances of the questions are 3, 4 and 3, of the totals 3 2 1 0 it is 20: 3/2 · (1 − 10/20).
    let scores = [vec![1, 1, 1, 0], vec![1, 1, 0, 0], vec![1, 0, 0, 0]];
    assert_eq!(alpha::<i64>(&scores), Some(0.75));
    assert_eq!(alpha::<i64>(&scores[..1]), None, "one question");
    assert_eq!(alpha::<i64>(&[vec![1, 2], vec![2, 1]]), None, "constant totals");
    assert_eq!(alpha::<i64>(&[vec![1, 2, 7], vec![1, 2, 7]]), Some(1.0));
    assert_eq!(alpha::<i64>(&[vec![0, 1, 0, 1], vec![0, 0, 1, 1]]).map(f64::to_bits), Some(0.0f64.to_bits()));
}

proptest! {
    #[test]
    fn two_users_are_on_a_line(values in prop::array::uniform4(-1e3..1e3f64)) {
        let [a, b, c, d] = values.map(DoubleDouble::from);
        let totals = |values: [DoubleDouble; 2]| Totals { values: values.to_vec(), noise: 0.0 };
        let expected = ((a - b) * (c - d)).round().signum();
        prop_assume!(values[0] != values[1] && values[2] != values[3]);
        prop_assert_eq!(float_correlation(&totals([a, b]), &totals([c, d])), Some(expected));
    }
}

/// Beyond 2^53 a float does not tell neighbours apart, beside a total of which these are still two.
#[test]
fn totals_far_from_zero_are_correlated_by_their_differences() {
    let totals =
        |values: &[i128]| Totals { values: values.iter().map(|&value| value.into()).collect(), noise: 0.0 };
    let far = 1i128 << 60;
    let x = totals(&[1, 2, 4, 3]);
    for near in [[0, 1, 3, 2], [-5, 0, 1, 7]] {
        let expected = float_correlation(&x, &totals(&near));
        assert_eq!(float_correlation(&x, &totals(&near.map(|value| far + value))), expected);
    }
    assert_eq!(float_correlation(&x, &totals(&[far; 4])), None);
}

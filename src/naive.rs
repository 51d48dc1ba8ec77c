//! The definition, as plainly as it can be written; the oracle of the tests. It shares nothing with the
//! search but the type of its answer.

use std::collections::BTreeMap;

/// user → question → score.
pub type Answers = BTreeMap<u32, BTreeMap<u32, f64>>;

/// One set as the definition sees it.
#[derive(Debug)]
pub struct NaiveSet {
    pub questions: Vec<u32>,
    pub n_users: u32,
    pub r: Option<f64>,
    pub r_rest: Option<f64>,
    pub alpha: Option<f64>,
}

/// Every set of k questions with at least `min_users` common users, in lexicographic order.
pub fn all_sets(answers: &Answers, k: usize, min_users: u32) -> Vec<NaiveSet> {
    let mut questions: Vec<u32> = answers.values().flat_map(BTreeMap::keys).copied().collect();
    questions.sort_unstable();
    questions.dedup();

    let mut sets = Vec::new();
    for set in combinations(&questions, k) {
        let common: Vec<&BTreeMap<u32, f64>> =
            answers.values().filter(|user| set.iter().all(|question| user.contains_key(question))).collect();
        let (mut x, mut t, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for user in &common {
            x.push(set.iter().map(|question| user[question]).sum::<f64>());
            t.push(user.values().sum::<f64>());
            rest.push(
                user.iter().filter(|(question, _)| !set.contains(question)).map(|(_, score)| score).sum(),
            );
        }
        if x.len() >= min_users.max(2) as usize {
            let scores_on = |question| common.iter().map(|user| user[question]).collect();
            sets.push(NaiveSet {
                n_users: x.len() as u32,
                r: pearson(&x, &t),
                r_rest: pearson(&x, &rest),
                alpha: cronbach(&set.iter().map(scores_on).collect::<Vec<_>>(), &x),
                questions: set,
            });
        }
    }
    sets
}

fn combinations(items: &[u32], k: usize) -> Vec<Vec<u32>> {
    if k == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (position, &first) in items.iter().enumerate() {
        for mut rest in combinations(&items[position + 1..], k - 1) {
            rest.insert(0, first);
            all.push(rest);
        }
    }
    all
}

/// Cronbach's α of the scores on each question and the totals of these.
fn cronbach(scores: &[Vec<f64>], x: &[f64]) -> Option<f64> {
    let variance = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>()
    };
    let k = scores.len() as f64;
    let of_questions: f64 = scores.iter().map(|scores| variance(scores)).sum();
    if k == 1.0 || is_constant(x) { None } else { Some(k / (k - 1.0) * (1.0 - of_questions / variance(x))) }
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len() as f64;
    let mean_x = x.iter().sum::<f64>() / n;
    let mean_y = y.iter().sum::<f64>() / n;
    let xy: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let xx: f64 = x.iter().map(|x| (x - mean_x) * (x - mean_x)).sum();
    let yy: f64 = y.iter().map(|y| (y - mean_y) * (y - mean_y)).sum();
    if is_constant(x) || is_constant(y) { None } else { Some(xy / (xx * yy).sqrt()) }
}

/// Totals of decimal fractions that are equal on paper differ in the last digits.
fn is_constant(values: &[f64]) -> bool {
    let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    values.iter().all(|value| (value - values[0]).abs() <= 1e-13 * largest)
}

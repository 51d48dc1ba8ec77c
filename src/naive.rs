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
}

/// Every set of k questions with at least `min_users` common users, in lexicographic order.
pub fn all_sets(answers: &Answers, k: usize, min_users: u32) -> Vec<NaiveSet> {
    let mut questions: Vec<u32> = answers.values().flat_map(BTreeMap::keys).copied().collect();
    questions.sort_unstable();
    questions.dedup();

    let mut sets = Vec::new();
    for set in combinations(&questions, k) {
        let common = answers.values().filter(|user| set.iter().all(|question| user.contains_key(question)));
        let (mut x, mut t, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for user in common {
            x.push(set.iter().map(|question| user[question]).sum::<f64>());
            t.push(user.values().sum::<f64>());
            rest.push(
                user.iter().filter(|(question, _)| !set.contains(question)).map(|(_, score)| score).sum(),
            );
        }
        if x.len() >= min_users.max(2) as usize {
            let n_users = x.len() as u32;
            sets.push(NaiveSet { questions: set, n_users, r: pearson(&x, &t), r_rest: pearson(&x, &rest) });
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

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len() as f64;
    let mean_x = x.iter().sum::<f64>() / n;
    let mean_y = y.iter().sum::<f64>() / n;
    let xy: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let xx: f64 = x.iter().map(|x| (x - mean_x) * (x - mean_x)).sum();
    let yy: f64 = y.iter().map(|y| (y - mean_y) * (y - mean_y)).sum();
    // Totals of decimal fractions that are equal on paper differ in the last digits.
    let constant = |values: &[f64]| {
        let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        values.iter().all(|value| (value - values[0]).abs() <= 1e-13 * largest)
    };
    if constant(x) || constant(y) { None } else { Some(xy / (xx * yy).sqrt()) }
}

//! The definition, as plainly as it can be written; the oracle of the tests. It shares nothing with the
//! search but the type of its answer.

use std::collections::BTreeMap;

/// user → question → score.
pub type Answers = BTreeMap<u32, BTreeMap<u32, f64>>;

/// What the set totals are correlated with, and what is left of it.
#[derive(Clone, Debug)]
pub enum Against {
    Sum,
    Mean,
    Criterion(BTreeMap<u32, f64>),
}

impl Against {
    fn total(&self, user: u32, scores: &BTreeMap<u32, f64>) -> f64 {
        let sum = scores.values().sum::<f64>();
        match self {
            Self::Sum => sum,
            Self::Mean => sum / scores.len() as f64,
            Self::Criterion(values) => values[&user],
        }
    }

    fn rest(&self, scores: &BTreeMap<u32, f64>, set: &[u32]) -> Option<f64> {
        let others = scores.iter().filter(|(question, _)| !set.contains(question)).map(|(_, score)| score);
        let (sum, count) = (others.clone().sum(), others.count());
        match self {
            Self::Sum => Some(sum),
            Self::Mean => (count > 0).then(|| sum / count as f64),
            Self::Criterion(_) => None,
        }
    }
}

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
    all_sets_against(&Against::Sum, answers, k, min_users)
}

/// The same, correlated with `against`.
pub fn all_sets_against(against: &Against, answers: &Answers, k: usize, min_users: u32) -> Vec<NaiveSet> {
    let mut questions: Vec<u32> = answers.values().flat_map(BTreeMap::keys).copied().collect();
    questions.sort_unstable();
    questions.dedup();

    let mut sets = Vec::new();
    for set in combinations(&questions, k) {
        let common = answers.iter().filter(|(_, scores)| set.iter().all(|q| scores.contains_key(q)));
        let (mut x, mut t) = (Vec::new(), Vec::new());
        let (mut x_of_rest, mut rest) = (Vec::new(), Vec::new());
        let mut columns = vec![Vec::new(); set.len()];
        for (&user, scores) in common {
            columns.iter_mut().zip(&set).for_each(|(column, question)| column.push(scores[question]));
            x.push(set.iter().map(|question| scores[question]).sum::<f64>());
            t.push(against.total(user, scores));
            if let Some(value) = against.rest(scores, &set) {
                x_of_rest.push(x[x.len() - 1]);
                rest.push(value);
            }
        }
        if x.len() >= min_users.max(2) as usize {
            let n_users = x.len() as u32;
            let (r, r_rest) = (pearson(&x, &t), pearson(&x_of_rest, &rest));
            sets.push(NaiveSet { questions: set, n_users, r, r_rest, alpha: alpha(&columns, &x) });
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

/// Cronbach's α of the scores on each question.
fn alpha(columns: &[Vec<f64>], x: &[f64]) -> Option<f64> {
    let k = columns.len() as f64;
    let variances: f64 = columns.iter().map(|column| deviations(column)).sum();
    let exists = columns.len() > 1 && !is_constant(x);
    exists.then(|| k / (k - 1.0) * (1.0 - variances / deviations(x)))
}

/// The squared deviations from the mean, summed.
fn deviations(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean) * (value - mean)).sum()
}

/// Totals of decimal fractions that are equal on paper differ in the last digits.
fn is_constant(values: &[f64]) -> bool {
    let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    values.iter().all(|value| (value - values[0]).abs() <= 1e-13 * largest)
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() < 2 || is_constant(x) || is_constant(y) {
        return None;
    }
    let n = x.len() as f64;
    let mean_x = x.iter().sum::<f64>() / n;
    let mean_y = y.iter().sum::<f64>() / n;
    let xy: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    Some(xy / (deviations(x) * deviations(y)).sqrt())
}

//! How many sets there are.

/// The binomial coefficient `n choose k`, or `None` beyond `u128`.
///
/// ```
/// use polars_corrset::combinations::binomial;
///
/// assert_eq!(binomial(200, 5), Some(2_535_650_040));
/// assert_eq!(binomial(3, 4), Some(0));
/// assert_eq!(binomial(1000, 500), None);
/// ```
pub fn binomial(n: usize, k: usize) -> Option<u128> {
    if k > n {
        return Some(0);
    }
    let k = k.min(n - k);
    // After step i the product is C(n - k + i, i), so every division is exact.
    (1..=k).try_fold(1u128, |product, i| Some(product.checked_mul((n - k + i) as u128)? / i as u128))
}

/// [`binomial`] as a float, for what is only weighed; infinite beyond `u128`.
pub fn many(n: usize, k: usize) -> f64 {
    binomial(n, k).map_or(f64::INFINITY, |sets| sets as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomials_follow_pascals_rule() {
        for n in 1..60 {
            for k in 1..=n {
                let expected = binomial(n - 1, k - 1).unwrap() + binomial(n - 1, k).unwrap();
                assert_eq!(binomial(n, k), Some(expected), "C({n}, {k})");
            }
        }
    }
}

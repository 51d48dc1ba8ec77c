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
    (1..=k).try_fold(1u128, |product, i| {
        let (factor, i) = ((n - k + i) as u128, i as u128);
        // That is product · factor / i = C(n - k + i, i), of which only the result has to fit: the division is exact, and so
        // is that of what remains of the product.
        (product / i).checked_mul(factor)?.checked_add(product % i * factor / i)
    })
}

/// [`binomial`] as a float, for what is only weighed; infinite beyond `u128`.
pub fn many(n: usize, k: usize) -> f64 {
    binomial(n, k).map_or(f64::INFINITY, |sets| sets as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomials_follow_pascals_rule_up_to_the_last_that_fits() {
        let mut row = vec![Some(1)];
        for n in 0..300 {
            for (k, &expected) in row.iter().enumerate() {
                assert_eq!(binomial(n, k), expected, "C({n}, {k})");
            }
            let sum = |pair: &[Option<u128>]| pair[0]?.checked_add(pair[1]?);
            let inner: Vec<_> = row.windows(2).map(sum).collect();
            row = [vec![Some(1)], inner, vec![Some(1)]].concat();
        }
    }
}

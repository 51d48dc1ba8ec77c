//! What sets are known to reach before a search, or while it goes from one group of users to the next.

/// The best keys of different sets, at most as many as sets are wanted.
pub struct Known {
    wanted: usize,
    descending: Vec<f64>,
}

impl Known {
    pub fn new(wanted: usize) -> Self {
        Self { wanted, descending: Vec::new() }
    }

    /// Takes up the keys of further sets.
    pub fn add(&mut self, keys: impl IntoIterator<Item = f64>) {
        self.descending.extend(keys);
        self.descending.sort_unstable_by(|a, b| b.total_cmp(a));
        self.descending.truncate(self.wanted);
    }

    /// What as many sets as are wanted reach; 0 if not so many are known.
    pub fn threshold(&self) -> f64 {
        if self.descending.len() < self.wanted { 0.0 } else { self.descending.last().copied().unwrap_or(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_the_last_of_the_best() {
        let mut known = Known::new(3);
        assert_eq!(known.threshold(), 0.0);
        known.add([0.2, 0.9]);
        assert_eq!(known.threshold(), 0.0, "one set short");
        known.add([0.5, 0.1]);
        assert_eq!(known.threshold(), 0.2);
        known.add([0.7]);
        assert_eq!(known.threshold(), 0.5);
        assert_eq!(Known::new(0).threshold(), 0.0, "no set is wanted");
    }
}

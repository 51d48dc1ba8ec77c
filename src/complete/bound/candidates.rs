//! Candidates of a prefix: items that can follow it, and the covariances that their bounds are made of.

use std::collections::TryReserveError;

use crate::search::Path;

use super::LANES;

/// Items that can follow a prefix, best first or ascending, and the covariances between them: a square of a larger matrix.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    pub items: &'a [u32],
    /// Covariances with the grand total, padded by [`LANES`].
    pub with_total: &'a [f64],
    /// Covariances with the prefix's total, padded by [`LANES`].
    pub with_prefix: &'a [f64],
    /// Row by row, as far apart as `stride`.
    pub between: &'a [f64],
    pub stride: usize,
}

/// Candidates in memory of their own.
#[derive(Clone, Default)]
pub struct Square {
    pub items: Vec<u32>,
    pub with_total: Vec<f64>,
    pub with_prefix: Vec<f64>,
    pub between: Vec<f64>,
    pub stride: usize,
}

impl Square {
    /// Those of `candidates` that can follow the prefix `set`.
    pub fn open_of<'a>(
        &'a mut self,
        candidates: Candidates<'a>,
        set: &Path,
    ) -> std::result::Result<Candidates<'a>, TryReserveError> {
        if !set.closes_some() || candidates.items.iter().all(|&item| set.is_open(item)) {
            return Ok(candidates);
        }
        let is_open = |&position: &usize| set.is_open(candidates.items[position]);
        let open: Vec<usize> = (0..candidates.items.len()).filter(is_open).collect();
        self.copy(candidates, &open)?;
        Ok(self.candidates())
    }

    /// Keeps the given candidates, whose positions ascend.
    #[inline(always)]
    pub fn retain(&mut self, order: &[usize]) {
        for (to, &from) in order.iter().enumerate() {
            self.items[to] = self.items[from];
            self.with_total[to] = self.with_total[from];
            self.with_prefix[to] = self.with_prefix[from];
            // Nothing is read that was overwritten, since `to` is nowhere beyond `from`.
            for (other_to, &other_from) in order.iter().enumerate() {
                self.between[to * self.stride + other_to] = self.between[from * self.stride + other_from];
            }
        }
        self.items.truncate(order.len());
        self.with_total.truncate(order.len() + LANES);
        self.with_prefix.truncate(order.len() + LANES);
    }

    pub fn candidates(&self) -> Candidates<'_> {
        Candidates {
            items: &self.items,
            with_total: &self.with_total,
            with_prefix: &self.with_prefix,
            between: &self.between,
            stride: self.stride,
        }
    }

    /// Takes the given candidates, in that order.
    #[inline(always)]
    pub fn copy(&mut self, from: Candidates, order: &[usize]) -> std::result::Result<(), TryReserveError> {
        self.stride = order.len() + LANES;
        self.items.clear();
        self.with_total.clear();
        self.with_prefix.clear();
        self.between.clear();
        self.between.try_reserve(order.len() * self.stride)?;
        for &position in order {
            self.items.push(from.items[position]);
            self.with_total.push(from.with_total[position]);
            self.with_prefix.push(from.with_prefix[position]);
            let row = &from.between[position * from.stride..][..from.items.len()];
            // One by one, the length would go through memory for each.
            self.between.extend(order.iter().map(|&other| row[other]));
            self.between.extend([0.0; LANES]);
        }
        self.with_total.extend([0.0; LANES]);
        self.with_prefix.extend([0.0; LANES]);
        Ok(())
    }
}

//! The best sum of so many candidates, no more of a group than there may be.

use super::groups::Groups;

/// The largest bounds that can be chosen together. What can be are the bases of a matroid, so one exchanged for one leads to
/// the best (J. Edmonds, "Matroids and the greedy algorithm", 1971).
#[derive(Clone, Default)]
pub struct Base {
    /// In descending order.
    largest: Vec<f64>,
    /// By group the largest of it, in descending order, as many as there may be.
    of_group: Vec<Vec<f64>>,
    left: Vec<usize>,
}

impl Base {
    /// Begins anew, with other groups.
    pub fn clear(&mut self, groups: &Groups) {
        self.largest.clear();
        self.left.clear();
        self.left.extend(groups.capped.iter().map(|group| group.left));
        if self.of_group.len() < self.left.len() {
            self.of_group.resize(self.left.len(), Vec::new());
        }
        self.of_group.iter_mut().for_each(Vec::clear);
    }

    /// Takes in a bound if it is among the `count` best.
    #[inline(always)]
    pub fn take(&mut self, count: usize, bound: f64, group: Option<usize>) {
        if let Some(group) = group {
            let last = self.last_of_full(group);
            take_largest(&mut self.of_group[group], self.left[group], bound);
            if let Some(last) = last {
                if bound <= last {
                    return;
                }
                // It is there unless it was not among the best.
                if let Some(place) = self.largest.iter().rposition(|&other| other == last) {
                    self.largest.remove(place);
                }
            }
        }
        take_largest(&mut self.largest, count, bound);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.largest.len()
    }

    #[inline(always)]
    pub fn sum(&self) -> f64 {
        let mut sum = 0.0;
        for bound in &self.largest {
            sum += bound;
        }
        sum
    }

    /// What the sum of at least one loses if a candidate that was taken in must be there: the one that it takes the place of
    /// has its group, if there is no more room for that, and is the last of all otherwise.
    #[inline(always)]
    pub fn loss(&self, bound: f64, group: Option<usize>) -> f64 {
        let mut last = self.largest[self.largest.len() - 1];
        // Where the group's last is less than that, the group has room.
        if let Some(of_group) = group.and_then(|group| self.last_of_full(group)) {
            last = last.max(of_group);
        }
        if bound >= last { 0.0 } else { last - bound }
    }

    /// The last of a group of which there are as many as there may be.
    #[inline(always)]
    fn last_of_full(&self, group: usize) -> Option<f64> {
        let of_group = &self.of_group[group];
        of_group.last().copied().filter(|_| of_group.len() == self.left[group])
    }
}

/// Keeps the `count` largest values, in descending order.
#[inline(always)]
fn take_largest(largest: &mut Vec<f64>, count: usize, value: f64) {
    take_best(largest, count, value, |one, other| one > other);
}

/// Keeps the `count` best, best first.
#[inline(always)]
pub fn take_best<T: Copy>(best: &mut Vec<T>, count: usize, new: T, is_better: impl Fn(&T, &T) -> bool) {
    if best.len() < count {
        best.push(new);
    } else if let Some(last) = best.last_mut()
        && is_better(&new, last)
    {
        *last = new;
    } else {
        return;
    }
    let mut place = best.len() - 1;
    while place > 0 && is_better(&best[place], &best[place - 1]) {
        best.swap(place - 1, place);
        place -= 1;
    }
}

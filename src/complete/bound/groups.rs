//! Candidates by domains of which a set may have fewer than it could take.

use crate::search::Remaining;

use super::LANES;

/// A group of which more can be chosen is none: all its candidates could be the best partners, and prices do the rest.
pub const CAP: usize = 4;

/// Of a candidate that has no group.
const FREE: u32 = u32::MAX;

/// The candidates of one prefix; empty where nothing limits them.
#[derive(Clone, Default)]
pub struct Groups {
    /// By position the number of its group, padded by [`LANES`].
    pub of: Vec<u32>,
    /// Positions without a group.
    pub free: Vec<usize>,
    /// Positions of one group after another.
    pub members: Vec<usize>,
    pub capped: Vec<Group>,
    /// By domain how many candidates it has, and the number of its group.
    domains: Vec<(usize, u32)>,
}

#[derive(Clone, Copy)]
pub struct Group {
    /// In [`Groups::members`].
    pub end: usize,
    /// How many of it can be chosen, at least one.
    pub left: usize,
}

impl Groups {
    /// Whether there are groups.
    pub fn is_capped(&self) -> bool {
        !self.capped.is_empty()
    }

    /// The group of a candidate; none unless there are groups.
    #[inline(always)]
    pub fn group<const CAPPED: bool>(&self, position: usize) -> Option<usize> {
        let group = if CAPPED { self.of[position] } else { FREE };
        (group != FREE).then_some(group as usize)
    }

    /// Those of other candidates, of which `missing` are to be chosen.
    pub fn fill(&mut self, items: &[u32], remaining: Option<Remaining>, missing: usize) {
        self.capped.clear();
        self.of.clear();
        let is_capped = |left: usize, most: usize| left < most && (1..=CAP).contains(&left);
        let has_capped = |remaining: &Remaining| {
            (0..remaining.domains() as u32).any(|domain| is_capped(remaining.left(domain), missing))
        };
        let Some(remaining) = remaining.filter(has_capped) else { return };
        self.domains.clear();
        self.domains.resize(remaining.domains(), (0, FREE));
        for domain in items.iter().filter_map(|&item| remaining.domain(item)) {
            self.domains[domain as usize].0 += 1;
        }
        let mut start = 0;
        for (domain, (count, group)) in (0..).zip(&mut self.domains) {
            let left = remaining.left(domain);
            if is_capped(left, missing.min(*count)) {
                *group = self.capped.len() as u32;
                // Where it begins, until its members are there.
                self.capped.push(Group { end: start, left });
                start += *count;
            }
        }
        self.free.clear();
        self.members.resize(start, 0);
        for (position, &item) in items.iter().enumerate() {
            let group = remaining.domain(item).map_or(FREE, |domain| self.domains[domain as usize].1);
            self.of.push(group);
            match self.capped.get_mut(group as usize) {
                Some(Group { end, .. }) => {
                    self.members[*end] = position;
                    *end += 1;
                }
                None => self.free.push(position),
            }
        }
        self.of.resize(items.len() + LANES, FREE);
    }
}

//! What a set may still take, along one path of a search: questions by content domain, and their cost.
//!
//! A domain from which a set has as many questions as it may is closed to all that follows; so is a question that leaves
//! too little for the cheapest others; and where just as many questions are missing as some domains lack, all other
//! domains are. What is closed stays closed below a prefix, so it is a bitset that grows along the path: a search skips
//! what is closed and comes to no set that breaks a rule. (Frequent-itemset mining calls rules of the first two kinds
//! anti-monotone, and pushes them into the search just so: R. T. Ng et al., "Exploratory mining and pruning optimizations
//! of constrained association rules", SIGMOD 1998.)

use hashbrown::HashMap;

use crate::bitset::{WORD_BITS, words_for};
use crate::combinations::binomial;

/// Content domains of questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Domains {
    /// For each question the number of its domain; `None` for a question of none, which nothing is said of.
    pub of: Vec<Option<u32>>,
    /// Questions that a set has at least, from each domain that a question is of that is not excluded.
    pub least: usize,
    /// Questions that a set has at most from a domain.
    pub most: usize,
}

/// What questions cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// For each question, not negative and finite.
    pub of: Vec<f64>,
    /// What the questions of a set cost at most together.
    pub most: f64,
}

/// Parts of [`Costs::most`] in which costs are counted, rounded to whole ones, whose sums are the same in any order.
const UNITS: u64 = 1 << 52;

/// Masks of the places above a cost, at most.
const MASKS: usize = 256;

/// Domains and costs of the columns of a matrix, for sets of `k` of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    k: usize,
    /// By column.
    domain_of: Vec<Option<u32>>,
    /// Domains that sets must have questions from.
    domains: usize,
    least: usize,
    most: usize,
    /// By column, in units.
    cost_of: Vec<u64>,
    budget: u64,
}

impl Limits {
    /// Those of the questions `ids`, which become columns. `None` where they rule nothing out.
    pub fn new(k: usize, domains: Option<&Domains>, costs: Option<&Costs>, ids: &[u32]) -> Option<Self> {
        let mut limits = Self {
            k,
            domain_of: vec![None; ids.len()],
            domains: 0,
            least: 0,
            most: usize::MAX,
            cost_of: vec![0; ids.len()],
            budget: 0,
        };
        if let Some(&Domains { ref of, least, most }) = domains
            && (least > 0 || most < k)
        {
            let mut numbers: HashMap<u32, u32> = HashMap::new();
            for (domain, &id) in limits.domain_of.iter_mut().zip(ids) {
                let next = numbers.len() as u32;
                *domain = of[id as usize].map(|domain| *numbers.entry(domain).or_insert(next));
            }
            (limits.domains, limits.least, limits.most) = (numbers.len(), least, most);
        }
        if let Some(Costs { of, most }) = costs {
            // Each cost and the limit are rounded to what decimal fractions they stand for, and each to units.
            limits.budget = UNITS + k as u64;
            for (cost, &id) in limits.cost_of.iter_mut().zip(ids) {
                let share = of[id as usize] / most;
                // Nothing of nothing is no cost; what is above the limit is above it however far.
                *cost = if share.is_nan() { 0 } else { (share.min(2.0) * UNITS as f64).round() as u64 };
            }
        }
        let mut dearest = limits.cost_of.clone();
        dearest.sort_unstable_by(|a, b| b.cmp(a));
        let is_cheap = dearest.iter().take(k).sum::<u64>() <= limits.budget;
        (limits.domains > 0 || !is_cheap).then_some(limits)
    }

    /// Those of some columns.
    pub fn select(&self, columns: &[usize]) -> Self {
        Self {
            domain_of: columns.iter().map(|&column| self.domain_of[column]).collect(),
            cost_of: columns.iter().map(|&column| self.cost_of[column]).collect(),
            ..*self
        }
    }

    /// The columns that can be in a set beside the first `fixed`, with these; none where no set can be.
    pub fn possible(&self, fixed: usize) -> Vec<usize> {
        let all = self.cost_of.len();
        let rules = Rules::new(self, &(0..all).map(Some).collect::<Vec<_>>());
        let Some(mut standing) = rules.start() else { return Vec::new() };
        for column in 0..fixed {
            if standing.is_closed(&rules, column) {
                return Vec::new();
            }
            standing.push(&rules, column);
        }
        let is_possible = |&column: &usize| column < fixed || !standing.is_closed(&rules, column);
        let columns: Vec<usize> = (0..all).filter(is_possible).collect();
        if self.supplies(&columns) { columns } else { Vec::new() }
    }

    /// How many sets with the first `fixed` columns the domains leave, if they can be counted. Costs leave no more.
    pub fn most_sets(&self, fixed: usize) -> Option<u128> {
        // Also lest room is made for any k.
        if self.k > self.domain_of.len() {
            return Some(0);
        }
        // By domain, the columns of none behind them: how many sets have of it, and how many more there are.
        let mut columns = vec![(0, 0); self.domains + 1];
        for (column, domain) in self.domain_of.iter().enumerate() {
            let (taken, open) = &mut columns[domain.map_or(self.domains, |domain| domain as usize)];
            *if column < fixed { taken } else { open } += 1;
        }
        // Choices of so many columns from the domains so far: the product of a polynomial for each.
        let mut choices = vec![0u128; self.k + 1 - fixed];
        choices[0] = 1;
        for (domain, (taken, open)) in columns.into_iter().enumerate() {
            let (least, most) = if domain < self.domains { (self.least, self.most) } else { (0, usize::MAX) };
            if taken > most {
                return Some(0);
            }
            let counts = least.saturating_sub(taken)..=most.saturating_sub(taken).min(self.k).min(open);
            let mut longer = vec![0u128; choices.len()];
            for count in counts {
                let ways = binomial(open, count)?;
                for (sum, &choices) in longer.iter_mut().skip(count).zip(&choices) {
                    *sum = sum.checked_add(choices.checked_mul(ways)?)?;
                }
            }
            choices = longer;
        }
        choices.last().copied()
    }

    /// Whether every domain has as many of `columns` as sets need of it.
    fn supplies(&self, columns: &[usize]) -> bool {
        let mut counts = vec![0; self.domains];
        for domain in columns.iter().filter_map(|&column| self.domain_of[column]) {
            counts[domain as usize] += 1;
        }
        counts.into_iter().all(|count| count >= self.least)
    }
}

/// [`Limits`] of the places of a search, which columns take in its own order.
#[derive(Debug)]
pub struct Rules {
    k: usize,
    places: usize,
    domain_of: Vec<Option<u32>>,
    /// For each domain where its words in `words` begin, and where the last one's end.
    starts: Vec<usize>,
    /// Places of a domain: the number of a word, and its bits.
    words: Vec<(u32, u64)>,
    least: usize,
    most: usize,
    cost_of: Vec<u64>,
    budget: u64,
    /// What so many places cost at least, and at most.
    cheapest: Vec<u64>,
    dearest_sums: Vec<u64>,
    /// Places by descending cost.
    dearest: Vec<usize>,
    /// Bits of the first of these: of none, of `step`, of twice as many, and so on.
    masks: Vec<u64>,
    step: usize,
}

/// The path so far.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    path: Vec<usize>,
    /// For each length of the path, from 0 on, the bits of the places that are closed.
    closed: Vec<u64>,
    /// For each domain how many places of the path are of it.
    counts: Vec<usize>,
    /// How many questions the domains lack together.
    lacking: usize,
    cost: u64,
}

impl Rules {
    /// For places that have these columns; a place without one is closed.
    pub fn new(limits: &Limits, columns: &[Option<usize>]) -> Self {
        let Limits { k, domains, least, most, budget, .. } = *limits;
        let of = |column: &Option<usize>| column.and_then(|column| limits.domain_of[column]);
        let domain_of: Vec<Option<u32>> = columns.iter().map(of).collect();
        let (mut starts, mut words) = (vec![0], Vec::new());
        let mut places: Vec<usize> = (0..columns.len()).filter(|&place| domain_of[place].is_some()).collect();
        places.sort_by_key(|&place| domain_of[place]);
        let mut places = places.into_iter().peekable();
        for domain in 0..domains {
            let start = words.len();
            while let Some(place) = places.next_if(|&place| domain_of[place] == Some(domain as u32)) {
                let (word, bit) = ((place / WORD_BITS) as u32, 1 << (place % WORD_BITS));
                match words[start..].last_mut() {
                    Some((last, bits)) if *last == word => *bits |= bit,
                    _ => words.push((word, bit)),
                }
            }
            starts.push(words.len());
        }

        // A place without a column costs more than there is.
        let cost = |column: &Option<usize>| column.map_or(budget + 1, |column| limits.cost_of[column]);
        let cost_of: Vec<u64> = columns.iter().map(cost).collect();
        let mut dearest: Vec<usize> = (0..columns.len()).collect();
        dearest.sort_by_key(|&place| std::cmp::Reverse(cost_of[place]));
        let sums = |places: &mut dyn Iterator<Item = &usize>| {
            let mut sums = vec![0u64];
            places.take(k).for_each(|&place| sums.push(sums[sums.len() - 1].saturating_add(cost_of[place])));
            sums
        };
        let (cheapest, dearest_sums) = (sums(&mut dearest.iter().rev()), sums(&mut dearest.iter()));
        let step = columns.len().div_ceil(MASKS).max(1);
        let mut mask = vec![0; words_for(columns.len())];
        let mut masks = mask.clone();
        for some in dearest.chunks(step) {
            some.iter().for_each(|&place| mask[place / WORD_BITS] |= 1 << (place % WORD_BITS));
            masks.extend_from_slice(&mask);
        }
        let places = columns.len();
        Self {
            k,
            places,
            domain_of,
            starts,
            words,
            least,
            most,
            cost_of,
            budget,
            cheapest,
            dearest_sums,
            dearest,
            masks,
            step,
        }
    }

    /// The empty path, if a set may follow it.
    pub fn start(&self) -> Option<Standing> {
        let domains = self.starts.len() - 1;
        let mut standing = Standing {
            path: Vec::new(),
            closed: vec![0; words_for(self.places)],
            counts: vec![0; domains],
            lacking: self.least.checked_mul(domains)?,
            cost: 0,
        };
        if standing.lacking > self.k || *self.cheapest.get(self.k)? > self.budget {
            return None;
        }
        standing.close_dear(self);
        if standing.lacking == self.k {
            standing.close_satisfied(self);
        }
        Some(standing)
    }

    /// How many domains sets must have questions from, or not too many.
    pub fn domains(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many there are.
    pub fn places(&self) -> usize {
        self.places
    }

    pub fn domain(&self, place: usize) -> Option<u32> {
        self.domain_of[place]
    }

    /// Questions that a set has at least and at most from a domain.
    pub fn per_domain(&self) -> (usize, usize) {
        (self.least, self.most)
    }

    /// Of a place, in units of which a set has at most [`budget`](Self::budget).
    pub fn cost(&self, place: usize) -> u64 {
        self.cost_of[place]
    }

    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Whether a set breaks none of them: what is open along a path tells the same, but only of a path.
    pub fn obeys(&self, set: impl Iterator<Item = u32>) -> bool {
        self.tally(set).obeys()
    }

    /// What some places, different ones, have together.
    pub fn tally(&self, places: impl Iterator<Item = u32>) -> Tally<'_> {
        let mut tally = Tally { rules: self, cost: 0, counts: vec![0; self.domains()], needed: 0, beyond: 0 };
        places.for_each(|place| tally.add(place));
        tally
    }

    fn members(&self, domain: u32) -> &[(u32, u64)] {
        &self.words[self.starts[domain as usize]..self.starts[domain as usize + 1]]
    }
}

/// What places have together, to be told in few steps of a set with one place changed.
pub struct Tally<'a> {
    rules: &'a Rules,
    cost: u128,
    /// By domain.
    counts: Vec<usize>,
    /// How many of the places their domains need.
    needed: usize,
    /// How many are more than their domains may have.
    beyond: usize,
}

impl Tally<'_> {
    #[inline(always)]
    pub fn add(&mut self, place: u32) {
        self.cost += u128::from(self.rules.cost_of[place as usize]);
        if let Some(domain) = self.rules.domain_of[place as usize] {
            let count = &mut self.counts[domain as usize];
            self.needed += usize::from(*count < self.rules.least);
            self.beyond += usize::from(*count >= self.rules.most);
            *count += 1;
        }
    }

    /// Takes away a place that was added.
    #[inline(always)]
    pub fn remove(&mut self, place: u32) {
        self.cost -= u128::from(self.rules.cost_of[place as usize]);
        if let Some(domain) = self.rules.domain_of[place as usize] {
            let count = &mut self.counts[domain as usize];
            *count -= 1;
            self.needed -= usize::from(*count < self.rules.least);
            self.beyond -= usize::from(*count >= self.rules.most);
        }
    }

    /// Whether a set of these places breaks no rule.
    #[inline(always)]
    pub fn obeys(&self) -> bool {
        let Self { rules, cost, needed, beyond, .. } = *self;
        beyond == 0
            && cost <= u128::from(rules.budget)
            && needed == rules.least.saturating_mul(rules.domains())
    }

    /// The same with one more.
    #[inline(always)]
    pub fn obeys_with(&mut self, place: u32) -> bool {
        self.add(place);
        let obeys = self.obeys();
        self.remove(place);
        obeys
    }
}

impl Standing {
    /// Goes on to a place, which must not be closed.
    pub fn push(&mut self, rules: &Rules, place: usize) {
        let width = words_for(rules.places);
        self.closed.extend_from_within(self.closed.len() - width..);
        let was_tight = self.lacking == rules.k - self.path.len();
        self.path.push(place);
        self.cost += rules.cost_of[place];
        let missing = rules.k - self.path.len();
        if missing == 0 {
            return;
        }
        if let Some(domain) = rules.domain_of[place] {
            let count = &mut self.counts[domain as usize];
            *count += 1;
            self.lacking -= usize::from(*count <= rules.least);
            if *count == rules.most || was_tight && *count == rules.least {
                let start = self.closed.len() - width;
                let closed = &mut self.closed[start..];
                rules.members(domain).iter().for_each(|&(word, bits)| closed[word as usize] |= bits);
            }
        }
        if self.lacking == missing && !was_tight {
            self.close_satisfied(rules);
        }
        self.close_dear(rules);
    }

    /// Becomes what `shorter` is with one more place, if there is one.
    pub fn become_longer(&mut self, shorter: &Self, rules: &Rules, place: Option<usize>) {
        let Self { path, closed, counts, lacking, cost } = shorter;
        self.path.clone_from(path);
        self.closed.clone_from(closed);
        self.counts.clone_from(counts);
        (self.lacking, self.cost) = (*lacking, *cost);
        if let Some(place) = place {
            self.push(rules, place);
        }
    }

    pub fn pop(&mut self, rules: &Rules) {
        let Some(place) = self.path.pop() else { return };
        self.closed.truncate(self.closed.len() - words_for(rules.places));
        self.cost -= rules.cost_of[place];
        if let Some(domain) = rules.domain_of[place]
            && self.path.len() + 1 < rules.k
        {
            let count = &mut self.counts[domain as usize];
            self.lacking += usize::from(*count <= rules.least);
            *count -= 1;
        }
    }

    /// Closes all places but those of domains that lack questions.
    fn close_satisfied(&mut self, rules: &Rules) {
        let start = self.closed.len() - words_for(rules.places);
        let mut satisfied = vec![u64::MAX; words_for(rules.places)];
        for (domain, _) in (0..).zip(&self.counts).filter(|(_, count)| **count < rules.least) {
            rules.members(domain).iter().for_each(|&(word, bits)| satisfied[word as usize] &= !bits);
        }
        self.closed[start..].iter_mut().zip(satisfied).for_each(|(closed, bits)| *closed |= bits);
    }

    /// Closes the places that leave too little for the cheapest others.
    fn close_dear(&mut self, rules: &Rules) {
        let missing = rules.k - self.path.len();
        let most = (rules.budget - self.cost).checked_sub(rules.cheapest[missing - 1]);
        let is_dear = |&place: &usize| most.is_none_or(|most| rules.cost_of[place] > most);
        if !rules.dearest.first().is_some_and(is_dear) {
            return;
        }
        let dear = rules.dearest.partition_point(is_dear);
        let width = words_for(rules.places);
        let start = self.closed.len() - width;
        let closed = &mut self.closed[start..];
        let mask = &rules.masks[dear / rules.step * width..][..width];
        closed.iter_mut().zip(mask).for_each(|(closed, bits)| *closed |= bits);
        for &place in &rules.dearest[dear - dear % rules.step..dear] {
            closed[place / WORD_BITS] |= 1 << (place % WORD_BITS);
        }
    }

    /// Whether no set has this place beside the path.
    pub fn is_closed(&self, rules: &Rules, place: usize) -> bool {
        self.words(rules)[place / WORD_BITS] >> (place % WORD_BITS) & 1 == 1
    }

    /// The bits of the places that are closed.
    pub fn words(&self, rules: &Rules) -> &[u64] {
        &self.closed[self.closed.len() - words_for(rules.places)..]
    }

    /// How many places are closed.
    pub fn closed(&self, rules: &Rules) -> usize {
        self.words(rules).iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Of 16 places from one on, which are closed.
    pub fn lanes(&self, rules: &Rules, first: usize) -> u16 {
        let (words, shift) = (self.words(rules), first % WORD_BITS);
        let of = |word: usize| u128::from(words.get(word).copied().unwrap_or_default());
        let word = first / WORD_BITS;
        ((of(word + 1) << WORD_BITS | of(word)) >> shift) as u16
    }
}

/// The questions of a path whose places are columns, and what can follow them.
#[derive(Clone)]
pub struct Path<'a> {
    /// `None` where nothing is ruled out.
    rules: Option<&'a Rules>,
    standing: Standing,
    questions: Vec<u32>,
}

impl<'a> Path<'a> {
    /// That of the first questions, which are fixed. `None` where no set may follow.
    pub fn of_fixed(rules: Option<&'a Rules>, fixed: usize) -> Option<Self> {
        let standing = rules.map_or(Some(Standing::default()), Rules::start)?;
        let mut path = Self { rules, standing, questions: Vec::new() };
        (0..fixed as u32).for_each(|question| path.push(question));
        Some(path)
    }

    pub fn questions(&self) -> &[u32] {
        &self.questions
    }

    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// The first question that can follow, where questions ascend.
    pub fn next(&self) -> usize {
        self.questions.last().map_or(0, |&last| last as usize + 1)
    }

    pub fn push(&mut self, question: u32) {
        self.questions.push(question);
        if let Some(rules) = self.rules {
            self.standing.push(rules, question as usize);
        }
    }

    pub fn pop(&mut self) {
        self.questions.pop();
        if let Some(rules) = self.rules {
            self.standing.pop(rules);
        }
    }

    /// Shows the questions with one more, without going on to it.
    pub fn show_with<T>(&mut self, last: u32, show: impl FnOnce(&[u32]) -> T) -> T {
        self.questions.push(last);
        let shown = show(&self.questions);
        self.questions.pop();
        shown
    }

    /// The same with a question more.
    pub fn with(&self, question: u32) -> Self {
        let mut longer = self.clone();
        longer.push(question);
        longer
    }

    /// Whether no set may have some question, too.
    pub fn closes_some(&self) -> bool {
        self.rules.is_some_and(|rules| self.standing.words(rules).iter().any(|&word| word != 0))
    }

    /// Whether a set may have this question, too.
    #[inline(always)]
    pub fn is_open(&self, question: u32) -> bool {
        self.rules.is_none_or(|rules| !self.standing.is_closed(rules, question as usize))
    }

    /// What a set may still take; `None` where nothing is ruled out.
    pub fn remaining(&self) -> Option<Remaining<'_>> {
        Some(Remaining { rules: self.rules?, standing: &self.standing })
    }

    /// Whether nothing is ruled out, here and below.
    pub fn is_free(&self) -> bool {
        self.rules.is_none()
    }
}

/// What a set may still take, beside a path.
#[derive(Clone, Copy)]
pub struct Remaining<'a> {
    rules: &'a Rules,
    standing: &'a Standing,
}

impl Remaining<'_> {
    pub fn domains(&self) -> usize {
        self.rules.domains()
    }

    pub fn domain(&self, question: u32) -> Option<u32> {
        self.rules.domain(question as usize)
    }

    /// How many more questions a set may have of a domain.
    pub fn left(&self, domain: u32) -> usize {
        self.rules.most.saturating_sub(self.standing.counts[domain as usize])
    }

    /// Whether the dearest questions would cost more than what is left.
    pub fn limits_cost(&self) -> bool {
        let Self { rules, standing } = self;
        rules.dearest_sums[rules.k - standing.path.len()] > self.budget()
    }

    /// Of a question, in units of which [`budget`](Self::budget) is left.
    pub fn cost(&self, question: u32) -> u64 {
        self.rules.cost(question as usize)
    }

    /// What a set may still cost.
    pub fn budget(&self) -> u64 {
        self.rules.budget.saturating_sub(self.standing.cost)
    }
}

#[cfg(test)]
mod tests;

//! The leaf of the search: the sums of one prefix with *every* remaining question at once.
//!
//! [`by_response`] serves every kind of scores. [`by_lane`] serves scores of 0 and 1, where a sum over the users
//! who answered, or who scored, is a masked sum and 8 questions fit into one 128-bit register; written so that
//! compilers vectorise it for SSE2 and NEON alike.
//!
//! Tried on the reference benchmark (one thread, busy machine, so read the ratios): at k = 4, [`by_response`]
//! alone takes 690 of 954 ns a set, about 20 cycles for each response, a good part of them for mispredicted ends of
//! rows. Lanes written as arrays of `i16` are not vectorised by the compiler and took four times as long as
//! [`by_response`]. Two registers side by side save 13 % of the whole search against one.

use wide::i16x8;

use crate::bitset::{BitMatrix, WORD_BITS, below, ones};
use crate::moments::{IntegerSums, SumInteger};
use crate::scoring::Scoring;

/// The users of a prefix: their rows, and their running totals on the prefix's questions.
#[derive(Clone, Copy)]
pub struct Prefix<'a, N> {
    pub users: &'a [u32],
    pub totals: &'a [N],
}

impl<N> Prefix<'_, N> {
    fn halves(&self) -> [Self; 2] {
        let middle = self.users.len() / 2;
        let (users, totals) = (self.users.split_at(middle), self.totals.split_at(middle));
        [Prefix { users: users.0, totals: totals.0 }, Prefix { users: users.1, totals: totals.1 }]
    }
}

/// Adds to `sums[q]`, for every question q from `from` on, the sums of the prefix extended by q.
///
/// Row by row, each user adds what it contributes to the sums of the questions it answered, so the cost is
/// one step per response, not one per cell.
pub fn by_response<S: Scoring>(
    scoring: &S,
    answered: &BitMatrix,
    prefix: Prefix<'_, S::Number>,
    from: usize,
    sums: &mut [S::Sums],
) {
    let (words, words_per_row) = (answered.words(), answered.words_per_row());
    let first = from / WORD_BITS;
    for (&user, &x) in prefix.users.iter().zip(prefix.totals) {
        let t = scoring.total(user as usize);
        let row = user as usize * words_per_row;
        let mut skipped = words[row + first] & below(from);
        for word in first..words_per_row {
            let mut cursor = scoring.cursor(row + word, skipped);
            for bit in ones(words[row + word] & !skipped) {
                let question = word * WORD_BITS + bit;
                S::add(&mut sums[question], x + scoring.next(&mut cursor, question), t);
            }
            skipped = 0;
        }
    }
}

/// Questions whose sums one register holds.
const LANES: usize = 8;

/// One 16-bit number per question. Sums wrap on the way; [`by_lane`] sees to it that their ends are exact.
type Lanes = i16x8;

/// For each byte of bits the lanes: -1 where the bit is set.
static MASKS: [Lanes; 256] = {
    let mut masks = [Lanes::ZERO; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut lanes = [0; LANES];
        let mut lane = 0;
        while lane < LANES {
            lanes[lane] = -((byte >> lane & 1) as i16);
            lane += 1;
        }
        masks[byte] = Lanes::new(lanes);
        byte += 1;
    }
    masks
};

/// What one user adds to the sums of each question.
#[derive(Clone, Copy, Default)]
struct Addend {
    /// The first word of the user's row.
    row: usize,
    /// The grand total, in every lane.
    t: Lanes,
}

/// Whether the square of every total of up to `k` questions, and of every grand total, fits into a lane.
pub fn fits_lanes(k: usize, largest_total: u64) -> bool {
    let largest = largest_total.max(k as u64);
    largest.checked_mul(largest).is_some_and(|square| square < i16::MAX as u64)
}

/// [`by_response`] for scores of 0 or 1, of which `correct` are 1, if [`fits_lanes`].
pub fn by_lane<A: SumInteger>(
    answered: &BitMatrix,
    correct: &BitMatrix,
    prefix: Prefix<'_, i64>,
    totals: &[i64],
    from: usize,
    sums: &mut [IntegerSums<A>],
) {
    // Users by their running total x, of which there are few: within a group of equal ones the sums with x
    // follow from those without, five masked sums instead of nine. Counting sort.
    let most = prefix.totals.iter().copied().max().unwrap_or(0) as usize;
    let mut ends = vec![0; most + 2];
    let (mut squares_x, mut squares_t) = (0, 0);
    for (&user, &x) in prefix.users.iter().zip(prefix.totals) {
        ends[x as usize + 1] += 1;
        squares_x += x * x + 1;
        squares_t += totals[user as usize] * totals[user as usize];
    }
    // No sum exceeds these: Σ1 and |Σx| ≤ Σ(x² + 1), |Σt| ≤ Σt², 2|Σxt| ≤ Σx² + Σt².
    if squares_x.max(squares_t) > i64::from(i16::MAX) {
        for half in prefix.halves() {
            by_lane(answered, correct, half, totals, from, sums);
        }
        return;
    }
    for x in 0..most {
        ends[x + 1] += ends[x];
    }
    let mut addends = vec![Addend::default(); prefix.users.len()];
    for (&user, &x) in prefix.users.iter().zip(prefix.totals) {
        let end = &mut ends[x as usize];
        addends[*end] = Addend {
            row: user as usize * answered.words_per_row(),
            t: Lanes::splat(totals[user as usize] as i16),
        };
        *end += 1;
    }

    let block = Block { answered: answered.words(), correct: correct.words(), addends, ends: &ends[..=most] };
    let mut column = from - from % LANES;
    while column < sums.len() {
        let sums = &mut sums[column..];
        // Two registers where two are left, in the questions and in the word.
        let is_pair = sums.len() > LANES && column % WORD_BITS < WORD_BITS - LANES;
        column += if is_pair {
            block.add_stripe::<2, A>(column, sums)
        } else {
            block.add_stripe::<1, A>(column, sums)
        };
    }
}

/// Users of a prefix, few enough for 16-bit sums, sorted by their running total.
struct Block<'a> {
    answered: &'a [u64],
    correct: &'a [u64],
    addends: Vec<Addend>,
    /// For each running total the end of its users among the addends.
    ends: &'a [usize],
}

impl Block<'_> {
    /// Adds to `sums` those of the questions from `column` on, as many as `SIDES` registers hold; gives their
    /// number. Side by side, registers share what a user costs beside the sums.
    fn add_stripe<const SIDES: usize, A: SumInteger>(
        &self,
        column: usize,
        sums: &mut [IntegerSums<A>],
    ) -> usize {
        let (word, shift) = (column / WORD_BITS, column % WORD_BITS);
        let mut total = [Sums::default(); SIDES];
        let mut start = 0;
        for (x, &end) in self.ends.iter().enumerate() {
            let mut group = [GroupSums::default(); SIDES];
            for user in &self.addends[start..end] {
                let answers = self.answered[user.row + word] >> shift;
                let scores = self.correct[user.row + word] >> shift;
                for (side, group) in group.iter_mut().enumerate() {
                    let mask = |bits: u64| MASKS[(bits >> (side * LANES)) as u8 as usize];
                    group.add(mask(answers), mask(scores), user.t);
                }
            }
            for (total, group) in total.iter_mut().zip(group) {
                total.add(group, Lanes::splat(x as i16));
            }
            start = end;
        }
        for (total, sums) in total.into_iter().zip(sums.chunks_mut(LANES)) {
            total.fold(sums);
        }
        SIDES * LANES
    }
}

/// Sums over users with the same running total x, one lane per question.
#[derive(Clone, Copy, Default)]
struct GroupSums {
    n: Lanes,
    t: Lanes,
    tt: Lanes,
    /// Users who scored 1, and their grand totals.
    ones: Lanes,
    t_ones: Lanes,
}

impl GroupSums {
    #[inline(always)]
    fn add(&mut self, answers: Lanes, scores: Lanes, t: Lanes) {
        let t_answers = answers & t;
        self.n -= answers;
        self.t += t_answers;
        self.tt += t_answers * t;
        self.ones -= scores;
        self.t_ones += scores & t;
    }
}

/// The six sums, one lane per question.
#[derive(Clone, Copy, Default)]
struct Sums {
    n: Lanes,
    x: Lanes,
    xx: Lanes,
    t: Lanes,
    tt: Lanes,
    xt: Lanes,
}

impl Sums {
    /// With the score s of 0 or 1 added to x: (x + s)² = x² + 2xs + s, (x + s)t = xt + st.
    #[inline(always)]
    fn add(&mut self, group: GroupSums, x: Lanes) {
        let xn_ones = x * group.n + group.ones;
        self.n += group.n;
        self.x += xn_ones;
        self.xx += x * (xn_ones + group.ones) + group.ones;
        self.t += group.t;
        self.tt += group.tt;
        self.xt += x * group.t + group.t_ones;
    }

    fn fold<A: SumInteger>(self, sums: &mut [IntegerSums<A>]) {
        let [n, x, xx, t, tt, xt] = [self.n, self.x, self.xx, self.t, self.tt, self.xt].map(Lanes::to_array);
        for (lane, sums) in sums.iter_mut().enumerate() {
            let [n, x, xx, t, tt, xt] = [n, x, xx, t, tt, xt].map(|sum| i64::from(sum[lane]));
            sums.add_sums(n as u32, [x, xx, t, tt, xt]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Integers, ResponseMatrix, Table};
    use crate::responses::{Duplicates, Responses};
    use crate::scoring::IntegerScoring;

    /// About `density` percent answered; the first user answered everything, so that every question exists.
    fn matrix(users: u32, questions: u32, density: u64) -> ResponseMatrix {
        let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
        let mut state = u64::from(users * 1000 + questions);
        for user in 0..users {
            for question in 0..questions {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if user == 0 || (state >> 33) % 100 < density {
                    responses.users.push(user);
                    responses.questions.push(question);
                    // The later the user, the better: totals far from their mean.
                    let right = (state >> 40) % 100 < u64::from(100 * user / users);
                    responses.scores.push(i64::from(right));
                }
            }
        }
        responses.into_matrix(Duplicates::Error).unwrap()
    }

    fn binary(matrix: &ResponseMatrix) -> &Integers<BitMatrix> {
        match &matrix.table {
            Table::Binary(integers) => integers,
            other => panic!("scores of 0 and 1 are binary, not {other:?}"),
        }
    }

    #[test]
    fn lanes_give_the_sums_of_responses() {
        for questions in [1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 300] {
            for (users, density) in [(1, 50), (2, 90), (40, 20), (700, 50), (300, 100)] {
                let matrix = matrix(users, questions, density);
                let integers = binary(&matrix);
                assert!(fits_lanes(5, integers.largest_total), "{questions} questions must stay in range");
                let scoring = IntegerScoring::<_, i64>::new(integers, 5);
                let everyone: Vec<u32> = (0..users).collect();
                let totals: Vec<i64> = everyone.iter().map(|user| i64::from(user % 5)).collect();
                for every in [1, 2, 3] {
                    let pick = |values: &[u32]| values.iter().step_by(every).copied().collect::<Vec<_>>();
                    let users = pick(&everyone);
                    let totals: Vec<i64> = users.iter().map(|&user| totals[user as usize]).collect();
                    let prefix = Prefix { users: &users, totals: &totals };
                    for from in [0, 1, 6, 8, 13, 16, 63, 64, questions as usize - 1] {
                        let from = from.min(questions as usize - 1);
                        let mut expected = vec![IntegerSums::<i64>::default(); questions as usize];
                        by_response(&scoring, &matrix.answered, prefix, from, &mut expected);
                        let mut sums = expected.clone();
                        sums.fill(IntegerSums::default());
                        by_lane(
                            &matrix.answered,
                            &integers.points,
                            prefix,
                            &integers.totals,
                            from,
                            &mut sums,
                        );
                        assert_eq!(
                            sums[from..],
                            expected[from..],
                            "{} users, {questions} questions from {from}",
                            users.len()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn large_totals_do_not_fit_lanes() {
        assert!(fits_lanes(181, 181));
        assert!(!fits_lanes(1, 182));
        assert!(!fits_lanes(182, 1));
        assert!(!fits_lanes(1, u64::MAX));
    }
}

//! Users far from the mean, by whom alone sets can be ruled out.

use crate::bitset::ones;
use crate::isa::{BLOCK, Isa, PART, PartSums};
use crate::tree::{Column, FAR_SHARES, Near};

use super::database::Database;
use super::extension::Extension;
use super::kernel;

/// For each of the [`FAR_SHARES`] the least t² of so many users; 0 if nobody is to be near.
pub fn far_squares(totals: &[i64]) -> [u64; FAR_SHARES.len()] {
    let mut squares: Vec<u64> = totals.iter().map(|t| t.unsigned_abs().pow(2)).collect();
    squares.sort_unstable();
    FAR_SHARES.map(|share| {
        let near = (squares.len() as f64 * (1.0 - share)) as usize;
        if near == 0 { 0 } else { squares.get(near).copied().unwrap_or(0) }
    })
}

/// Who of a database's users is far, and what the others sum up to.
#[derive(Default)]
pub struct Far {
    /// For each block of users those who are.
    blocks: Vec<u64>,
    /// For each block the running total of its users.
    totals: Vec<i32>,
    /// Sums over all near users, for each part: only how many answered, and their Σt², mean anything.
    near: Vec<PartSums>,
}

impl Far {
    /// Becomes that of users of `database` whose t² is at least `square`.
    #[inline(always)]
    pub fn mark<I: Isa>(&mut self, isa: I, database: &Database, square: u64) {
        let (blocks, _) = database.weights().as_chunks::<BLOCK>();
        self.blocks.clear();
        self.blocks.extend(blocks.iter().map(|weights| {
            let (parts, _) = weights.as_chunks::<PART>();
            parts.iter().rev().fold(0, |far, weights| {
                far << PART | u64::from(isa.bits(&weights.map(|weight| weight.square() >= square)))
            })
        }));
        self.totals.clear();
        for (total, &count) in database.blocks().iter().enumerate().rev() {
            self.totals.extend(std::iter::repeat_n(total as i32, count));
        }
        let parts = database.layout().parts();
        self.near.resize(parts, PartSums::default());
        let near = Extension::of_one_total(isa, self.blocks.iter().map(|far| !far));
        kernel::sum(isa, database, &near, 0..parts, &mut self.near);
    }

    pub fn blocks(&self) -> &[u64] {
        &self.blocks
    }

    /// Those of the near users of `database` who answered `column`.
    pub fn near(&self, database: &Database, column: Column) -> Near {
        let (part, lane) = database.layout().locate(column);
        let sums = &self.near[part];
        Near { users: sums.n[lane] as usize, squares: sums.tt[lane] as u64 }
    }

    /// Adds those of them who answered all of `columns` to one lane of `sums`; or says that its users are fewer than `least_users`
    /// even so.
    ///
    /// Half of the sets that far users do not rule out have few users: so these are counted first.
    #[inline(always)]
    pub fn add_near(
        &self,
        database: &Database,
        columns: [Column; 3],
        least_users: i32,
        (lane, sums): (usize, &mut PartSums),
    ) -> bool {
        let blocks = self.blocks.len();
        let columns = columns.map(|column| &database.users_of(column)[..blocks]);
        let near = |block: usize| {
            let answered = columns.iter().fold(u64::MAX, |users, column| users & column[block][0]);
            answered & !self.blocks[block]
        };
        let count: u32 = (0..blocks).map(|block| near(block).count_ones()).sum();
        if sums.n[lane] + (count as i32) < least_users {
            return false;
        }
        // Blocks are looked for first, as of which of them has a user none is predicted.
        for start in (0..blocks).step_by(BLOCK) {
            let some = start..blocks.min(start + BLOCK);
            let occupied = some.rev().fold(0, |occupied, block| occupied << 1 | u64::from(near(block) != 0));
            for block in ones(occupied).map(|block| start + block) {
                for user in ones(near(block)) {
                    let scored = columns.map(|column| (column[block][1] >> user & 1) as i32);
                    let x = self.totals[block] + scored.iter().sum::<i32>();
                    sums.take_up(lane, x, database.weights()[block * BLOCK + user].t());
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isa::{InstructionSet, Kernel};
    use crate::moments::{IntegerSums, Side};
    use crate::tree::{Bar, Layout, Next, Open};

    /// x and t of a user.
    type User = (i32, i32);

    fn add(sums: &mut PartSums, lane: usize, users: &[User]) {
        for &(x, t) in users {
            sums.take_up(lane, x, t);
        }
    }

    struct Candidates<'a> {
        bar: Bar,
        k: usize,
        limits: (usize, u64),
        near: Near,
        sums: &'a PartSums,
    }

    impl Kernel for Candidates<'_> {
        type Output = u16;

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> u16 {
            self.bar.candidates_by_far(isa, self.sums, self.k, self.limits, self.near)
        }
    }

    /// Users of a set of `k` questions of whom all but a few are as near to a line as rounding allows.
    fn users(k: i32) -> impl Strategy<Value = Vec<User>> {
        let strays = prop::collection::vec((0..=k, -40..=40), 0..4);
        let on_a_line = (prop::collection::vec(0..=k, 2..30), 0..9, -30..=30)
            .prop_map(|(x, slope, from)| x.into_iter().map(|x| (x, slope * x + from)).collect::<Vec<_>>());
        (strays, on_a_line).prop_map(|(mut strays, mut users)| {
            users.append(&mut strays);
            users
        })
    }

    fn cases() -> impl Strategy<Value = (usize, Vec<Vec<User>>, i32, usize, u64)> {
        (2..9).prop_flat_map(|k: i32| {
            let lanes = prop::collection::vec(users(k), PART);
            // The least |t| of who is far, and what limits sums.
            (Just(k as usize), lanes, 0..30, 0..5usize, prop_oneof![Just(0), Just(u64::MAX)])
        })
    }

    proptest! {
        #[test]
        fn far_users_rule_no_set_out_that_reaches_the_bar((k, lanes, far, others, large) in cases()) {
            let mut by_far = PartSums::default();
            let mut near = Near { users: others, squares: 0 };
            let mut reached = [[0.0; 2]; PART];
            let mut largest = 0;
            for (lane, users) in lanes.iter().enumerate() {
                let (far_users, near_users): (Vec<User>, Vec<User>) =
                    users.iter().partition(|(_, t)| t.abs() >= far);
                add(&mut by_far, lane, &far_users);
                near.users = near.users.max(near_users.len());
                let squares = |users: &[User]| users.iter().map(|&(_, t)| (t * t) as u64).sum::<u64>();
                near.squares = near.squares.max(squares(&near_users));
                largest = squares(&far_users).max(largest).max((far_users.len() * k * k) as u64);
                let mut all = PartSums::default();
                add(&mut all, lane, users);
                let five = [&all.x, &all.xx, &all.t, &all.tt, &all.xt].map(|sums| i64::from(sums[lane]));
                let found = IntegerSums::of(all.n[lane] as u32, five).correlations();
                reached[lane] = [found.r, found.r_rest].map(Option::unwrap_or_default);
            }
            for (which, side) in [Side::Total, Side::Rest].into_iter().enumerate() {
                for (lane, reached) in reached.iter().enumerate() {
                    let threshold = reached[which];
                    if threshold <= 0.0 {
                        continue;
                    }
                    let bar = Bar { least_users: 2, threshold, side: Some(side) };
                    for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
                        let limits = (35, largest.max(large));
                        let found = isa.run(Candidates { bar, k, limits, near, sums: &by_far });
                        prop_assert!(found >> lane & 1 == 1, "{} loses {threshold} by {side:?}", isa.name());
                    }
                }
            }
        }
    }

    /// What is known of the answers of `users` to 20 questions of one half and 18 of the other.
    struct Split {
        users: usize,
    }

    impl Split {
        fn answer(user: usize, question: usize) -> (bool, bool) {
            let bits = (user as u64 * 38 + question as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            (bits % 5 < 3, bits % 7 < 3)
        }
    }

    impl Kernel for Split {
        type Output = ();

        /// Of the users of one more question, those who are far and near make all, for each of the steps.
        #[inline(always)]
        fn run<I: Isa>(self, isa: I) {
            const K: usize = 4;
            let both = Next { low: true, high: true };
            let open = Open { low: 20, high: 18 };
            let columns: Vec<Column> = (0..20).map(Column::Low).chain((0..18).map(Column::High)).collect();
            let totals: Vec<i64> = (0..self.users).map(|user| (user as i64 * 37) % 61 - 30).collect();
            let mut database =
                Database::of_everyone(Layout::apart(open, both), &totals, K, |user, respond| {
                    for (question, &column) in columns.iter().enumerate() {
                        let (answered, scored) = Self::answer(user, question);
                        if answered {
                            respond(column, scored);
                        }
                    }
                });
            database.index(isa, both);
            let longer = Open { low: 17, high: 18 };
            let (second, third) = (Column::Low(17), Column::Low(16));
            let sums_of = |extension: &Extension, database: &Database| {
                let parts = 0..database.layout().leaf_lanes(Open { low: 16, high: 18 }, true).div_ceil(PART);
                let mut sums = vec![PartSums::default(); parts.len()];
                kernel::sum(isa, database, extension, parts, &mut sums);
                sums
            };
            let mut all = Vec::new();
            for square in far_squares(&totals) {
                let mut far = Far::default();
                far.mark(isa, &database, square);
                let (mut extension, mut projected) = (Extension::default(), Database::default());
                extension.extend_by_far(isa, &database, second, &far);
                projected.project(isa, &database, &extension, Layout::joined(longer, both), K);
                projected.index(isa, both);
                let near = projected.near();
                let plain = (0..self.users)
                    .filter(|&user| Self::answer(user, 17).0)
                    .map(|user| (totals[user] * totals[user]) as u64)
                    .filter(|&squared| squared < square);
                assert_eq!((near.users, near.squares), (plain.clone().count(), plain.sum()));
                assert!(self.users < 500 || square == 0 || near.users > 0);
                extension.extend(isa, &projected, third);
                let mut sums = sums_of(&extension, &projected);
                let leaves = columns.iter().filter(|&&column| (Open { low: 16, high: 18 }).has(column));
                let sums: Vec<[i32; 6]> = leaves
                    .map(|&leaf| {
                        let (part, lane) = projected.layout().locate(leaf);
                        let sums = &mut sums[part];
                        let set = [second, third, leaf];
                        let before = *sums;
                        assert!(!far.add_near(&database, set, i32::MAX, (lane, sums)), "too few users");
                        assert_eq!(*sums, before);
                        assert!(far.add_near(&database, set, 0, (lane, sums)));
                        [&sums.n, &sums.x, &sums.xx, &sums.t, &sums.tt, &sums.xt].map(|sums| sums[lane])
                    })
                    .collect();
                if square == 0 {
                    all = sums;
                } else {
                    assert_eq!(sums, all, "t² ≥ {square}");
                }
            }
        }
    }

    #[test]
    fn far_and_near_users_are_all() {
        for users in [0, 1, 63, 64, 65, 500] {
            for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
                isa.run(Split { users });
            }
        }
    }
}

//! The leaf of the search: the sums of one prefix with *every* open question at once.

use crate::isa::{Isa, PART, PartSums, USERS_AT_ONCE};

use super::database::Local;

/// The six sums of the sets that one prefix and each question of a part make, one lane per question. All are integers,
/// exact for up to [`MOST_USERS`] users.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub struct Sums {
    pub n: [f64; PART],
    pub x: [f64; PART],
    pub xx: [f64; PART],
    pub t: [f64; PART],
    pub tt: [f64; PART],
    pub xt: [f64; PART],
}

/// Products of two numbers of 12 bits, summed up in the 53 of an `f64`.
pub const MOST_USERS: usize = 1 << 29;

/// The six sums of one set.
pub struct SetSums {
    pub n: u32,
    /// Σx, Σx², Σt, Σt², Σxt.
    pub others: [i64; 5],
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, more: &PartSums) {
        for lane in 0..PART {
            self.n[lane] += f64::from(more.n[lane]);
            self.x[lane] += f64::from(more.x[lane]);
            self.xx[lane] += f64::from(more.xx[lane]);
            self.t[lane] += f64::from(more.t[lane]);
            self.tt[lane] += f64::from(more.tt[lane]);
            self.xt[lane] += f64::from(more.xt[lane]);
        }
    }

    pub fn of(&self, lane: usize) -> SetSums {
        let others = [&self.x, &self.xx, &self.t, &self.tt, &self.xt];
        SetSums { n: self.n[lane] as u32, others: others.map(|sums| sums[lane] as i64) }
    }
}

/// Adds to `sums`, one for each part from `first` on, those of the prefix whose common users are `users` of `database`,
/// with totals `x`, with each question of the part.
#[inline(always)]
pub fn add_sums<I: Isa>(
    isa: I,
    database: &Local,
    users: &[u32],
    x: &[i32],
    first: usize,
    sums: &mut [Sums],
) {
    for (users, x) in users.chunks(USERS_AT_ONCE).zip(x.chunks(USERS_AT_ONCE)) {
        let mut first = first;
        let mut sums = &mut *sums;
        while !sums.is_empty() {
            let (these, others) = sums.split_at_mut(sums.len().min(I::GRADED_PARTS_AT_ONCE));
            match these.len() {
                1 => pass::<I, 1>(isa, database, users, x, first, these),
                2 => pass::<I, 2>(isa, database, users, x, first, these),
                3 => pass::<I, 3>(isa, database, users, x, first, these),
                _ => pass::<I, 4>(isa, database, users, x, first, these),
            }
            first += these.len();
            sums = others;
        }
    }
}

/// One pass over the users, for `N` parts from `first` on.
#[inline(always)]
fn pass<I: Isa, const N: usize>(
    isa: I,
    database: &Local,
    users: &[u32],
    x: &[i32],
    first: usize,
    found: &mut [Sums],
) {
    let answered: [&[u16]; N] = std::array::from_fn(|part| database.answered(first + part));
    let points: [&[[u16; PART]]; N] = std::array::from_fn(|part| database.points(first + part));
    let weights = database.weights();
    let mut sums = [isa.zero_graded(); N];
    for (&user, x) in users.iter().zip(x) {
        let user = user as usize;
        debug_assert!(user < weights.len());
        // SAFETY: an extension's users are those of its database, which has a weight and, in each part, responses for
        // every user.
        unsafe {
            let weight = weights.get_unchecked(user);
            for part in 0..N {
                let (answered, points) =
                    (answered[part].get_unchecked(user), points[part].get_unchecked(user));
                isa.add_graded(&mut sums[part], answered, points, x, weight);
            }
        }
    }
    let mut part_sums = PartSums::default();
    for (sums, found) in sums.into_iter().zip(found) {
        isa.finish_graded(sums, &mut part_sums);
        found.add(&part_sums);
    }
}

//! The leaf of the search: the sums of one prefix with *every* open question at once.

use std::borrow::BorrowMut;

use crate::isa::{
    GradedSums, Isa, LARGEST_NARROW, NarrowWeight, PART, Pass, USERS_AT_ONCE, WideWeight, in_passes,
    largest_wide,
};

use super::database::Local;

/// The type in which points are stored, and its lanes.
pub trait Point: Copy + Default + Send + Sync {
    type Weight: Copy + Default + Send + Sync;
    type Lanes<I: Isa>: Copy;

    /// Users that are summed up without loss.
    const USERS_AT_ONCE: usize;

    /// The largest set total and the largest |t| where there are so many users.
    fn largest(users: usize) -> u32;

    /// Points are within [`largest`](Self::largest).
    fn new(points: u32) -> Self;

    fn total(self) -> i32;

    fn weight(t: i32) -> Self::Weight;

    /// Parts that one pass can be for.
    fn parts_at_once<I: Isa>() -> usize;

    fn zero<I: Isa>(isa: I) -> Self::Lanes<I>;

    fn add<I: Isa>(
        isa: I,
        sums: &mut Self::Lanes<I>,
        answered: &u16,
        points: &[Self; PART],
        x: &i32,
        weight: &Self::Weight,
    );

    fn finish<I: Isa>(isa: I, sums: Self::Lanes<I>, found: &mut GradedSums);
}

impl Point for u16 {
    type Weight = NarrowWeight;
    type Lanes<I: Isa> = I::Narrow;

    const USERS_AT_ONCE: usize = USERS_AT_ONCE;

    fn largest(_users: usize) -> u32 {
        LARGEST_NARROW
    }

    fn new(points: u32) -> Self {
        points as Self
    }

    #[inline(always)]
    fn total(self) -> i32 {
        self.into()
    }

    fn weight(t: i32) -> NarrowWeight {
        NarrowWeight::new(t)
    }

    #[inline(always)]
    fn parts_at_once<I: Isa>() -> usize {
        I::NARROW_PARTS
    }

    #[inline(always)]
    fn zero<I: Isa>(isa: I) -> I::Narrow {
        isa.zero_narrow()
    }

    #[inline(always)]
    fn add<I: Isa>(
        isa: I,
        sums: &mut I::Narrow,
        answered: &u16,
        points: &[Self; PART],
        x: &i32,
        weight: &NarrowWeight,
    ) {
        isa.add_narrow(sums, answered, points, x, weight);
    }

    #[inline(always)]
    fn finish<I: Isa>(isa: I, sums: I::Narrow, found: &mut GradedSums) {
        isa.finish_narrow(sums, found);
    }
}

impl Point for u32 {
    type Weight = WideWeight;
    type Lanes<I: Isa> = I::Wide;

    const USERS_AT_ONCE: usize = usize::MAX;

    fn largest(users: usize) -> u32 {
        largest_wide(users)
    }

    fn new(points: u32) -> Self {
        points
    }

    #[inline(always)]
    fn total(self) -> i32 {
        self as i32
    }

    fn weight(t: i32) -> WideWeight {
        WideWeight::new(t)
    }

    #[inline(always)]
    fn parts_at_once<I: Isa>() -> usize {
        I::WIDE_PARTS
    }

    #[inline(always)]
    fn zero<I: Isa>(isa: I) -> I::Wide {
        isa.zero_wide()
    }

    #[inline(always)]
    fn add<I: Isa>(
        isa: I,
        sums: &mut I::Wide,
        answered: &u16,
        points: &[Self; PART],
        x: &i32,
        weight: &WideWeight,
    ) {
        isa.add_wide(sums, answered, points, x, weight);
    }

    #[inline(always)]
    fn finish<I: Isa>(isa: I, sums: I::Wide, found: &mut GradedSums) {
        isa.finish_wide(sums, found);
    }
}

/// Adds to `sums`, one for each part from `first` on, those of the prefix whose common users are `users` of `database`,
/// with totals `x`, with each question of the part.
#[inline(always)]
pub fn add_sums<I: Isa, P: Point>(
    isa: I,
    database: &Local<P>,
    users: &[u32],
    x: &[i32],
    first: usize,
    sums: &mut [impl BorrowMut<GradedSums>],
) {
    for (users, x) in users.chunks(P::USERS_AT_ONCE).zip(x.chunks(P::USERS_AT_ONCE)) {
        in_passes(&AddSums { isa, database, users, x }, first, sums);
    }
}

/// Passes over `users` of `database`, with totals `x`, that add to the six sums.
struct AddSums<'a, I, P: Point> {
    isa: I,
    database: &'a Local<P>,
    users: &'a [u32],
    x: &'a [i32],
}

impl<I: Isa, P: Point, S: BorrowMut<GradedSums>> Pass<S> for AddSums<'_, I, P> {
    #[inline(always)]
    fn parts_at_once() -> usize {
        P::parts_at_once::<I>()
    }

    #[inline(always)]
    fn pass<const N: usize>(&self, first: usize, found: &mut [S]) {
        let Self { isa, database, users, x } = *self;
        let answered: [&[u16]; N] = std::array::from_fn(|part| database.answered(first + part));
        let points: [&[[P; PART]]; N] = std::array::from_fn(|part| database.points(first + part));
        let weights = database.weights();
        let mut sums = [P::zero(isa); N];
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
                    P::add(isa, &mut sums[part], answered, points, x, weight);
                }
            }
        }
        for (sums, found) in sums.into_iter().zip(found) {
            P::finish(isa, sums, found.borrow_mut());
        }
    }
}

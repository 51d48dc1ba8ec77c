//! How the parts of a prefix are divided among passes over its users.

/// A pass over the users of a prefix, which makes or adds to sums of a few parts. Its users are read once for all of
/// these, whose sums stay in registers.
pub trait Pass<S> {
    /// Parts that one pass can be for: as many as the registers hold, at most six.
    fn parts_at_once() -> usize;

    /// The pass for `N` parts from `first` on, for each of which there is one of `sums`. Must be inlined.
    fn pass<const N: usize>(&self, first: usize, sums: &mut [S]);
}

/// Makes as many passes as it takes for parts from `first` on, one for each of `sums`.
#[inline(always)]
pub fn in_passes<S, P: Pass<S>>(pass: &P, mut first: usize, mut sums: &mut [S]) {
    while !sums.is_empty() {
        let (these, others) = sums.split_at_mut(parts_of_pass(sums.len(), P::parts_at_once()));
        match these.len() {
            1 => pass.pass::<1>(first, these),
            2 => pass.pass::<2>(first, these),
            3 => pass.pass::<3>(first, these),
            4 => pass.pass::<4>(first, these),
            5 => pass.pass::<5>(first, these),
            _ => pass.pass::<6>(first, these),
        }
        first += these.len();
        sums = others;
    }
}

/// How many of the remaining `parts` one pass takes, `most` or fewer: passes are of about as many parts each, as each has
/// its own price.
#[inline(always)]
fn parts_of_pass(parts: usize, most: usize) -> usize {
    match parts.div_ceil(most) {
        // Nearly always, and without a division.
        1 => parts,
        2 => parts.div_ceil(2),
        passes => parts.div_ceil(passes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Record<const PARTS: usize>;

    /// Each part is told which pass it was in.
    impl<const PARTS: usize> Pass<(usize, usize)> for Record<PARTS> {
        fn parts_at_once() -> usize {
            PARTS
        }

        fn pass<const N: usize>(&self, first: usize, sums: &mut [(usize, usize)]) {
            assert!(N == sums.len() && N <= PARTS);
            for (part, sums) in sums.iter_mut().enumerate() {
                assert_eq!(*sums, (0, 0), "one pass for a part");
                *sums = (first + part, N);
            }
        }
    }

    fn check<const PARTS: usize>() {
        for parts in 0..40 {
            let mut sums = vec![(0, 0); parts];
            in_passes(&Record::<PARTS>, 7, &mut sums);
            let sizes: Vec<usize> = sums.iter().map(|&(_, size)| size).collect();
            assert!(sums.iter().map(|&(part, _)| part).eq(7..7 + parts));
            let (most, least) = (sizes.iter().max(), sizes.iter().min());
            // As few passes as can be, and as equal.
            let passes: f64 = sizes.iter().map(|&size| 1.0 / size as f64).sum();
            assert_eq!(passes.round() as usize, parts.div_ceil(PARTS), "{parts} parts: {sizes:?}");
            assert!(
                most.zip(least).is_none_or(|(most, least)| most - least <= 1),
                "{parts} parts: {sizes:?}"
            );
        }
    }

    #[test]
    fn passes_are_few_and_of_about_as_many_parts() {
        check::<1>();
        check::<2>();
        check::<4>();
        check::<5>();
        check::<6>();
    }
}

//! The proven errors against exact arithmetic, and how much they leave to the users.

use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::complete::tests::matrix;
use crate::complete::{Exact, FloatSums, SettledFloats};
use crate::isa::{InstructionSet, Kernel};
use crate::matrix::{ResponseMatrix, Table};
use crate::moment_tree::{self, Sums};
use crate::moments::{FloatComoments, LaneCorrelations, RankBy, Side};

const LANES: usize = moment_tree::LANES;

fn answers(matrix: &ResponseMatrix, k: usize) -> FloatAnswers<'_> {
    let Table::Float(floats) = &matrix.table else { panic!("scores are floats") };
    FloatAnswers::new(floats, &matrix.answered, matrix.users(), k)
}

/// The sums of a set as the search makes them, in the first lane.
fn sums_of(sums: &FloatSums, set: &[u32]) -> FloatComoments<LANES> {
    struct Last<'a, 'b>(&'a FloatSums<'b>, &'a <FloatSums<'b> as Sums>::Node, usize);

    impl Kernel for Last<'_, '_> {
        type Output = FloatComoments<LANES>;

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> FloatComoments<LANES> {
            self.0.lanes(isa, self.1, self.2)
        }
    }

    let mut node = sums.root();
    for &question in &set[..set.len() - 1] {
        let mut child = Default::default();
        sums.project(&node, question as usize, &mut child);
        node = child;
    }
    InstructionSet::Portable.run(Last(sums, &node, set[set.len() - 1] as usize))
}

/// r, r_rest and α of the lanes.
struct Correlate<'a, 'b>(&'a FloatSums<'b>, &'a FloatComoments<LANES>, usize);

impl Kernel for Correlate<'_, '_> {
    type Output = [LaneCorrelations<LANES>; 3];

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        let Self(sums, lanes, k) = self;
        let of = |side| sums.lane_correlations(isa, lanes, side);
        // The lanes have all that it takes.
        [of(Side::Total), of(Side::Rest), sums.lane_alphas(isa, (&sums.root(), 0), lanes, k)]
    }
}

/// What a float is times 2³⁰⁰, for those that make it an integer.
fn scaled(value: f64) -> BigInt {
    let (mantissa, exponent) = (value.to_bits() << 12 >> 12 | 1 << 52, (value.to_bits() << 1 >> 53) as i32);
    if value == 0.0 {
        return BigInt::ZERO;
    }
    let shift = exponent - 1075 + 300;
    let magnitude = BigInt::from(mantissa) << shift.max(0) >> (-shift).max(0);
    if value < 0.0 { -magnitude } else { magnitude }
}

fn sets(items: u32, k: usize) -> Vec<Vec<u32>> {
    let all = (0u32..1 << items).filter(|set| set.count_ones() as usize == k);
    all.map(|set| (0..items).filter(|item| set >> item & 1 == 1).collect()).collect()
}

/// Scores of any size against their spread, on items of any size against each other.
fn columns() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let column =
        |users| (prop::collection::vec(-1.0f64..1.0, users), 0..40i32, prop_oneof![Just(0.0), -2.0..3.0]);
    // One block, or several, the last of which is not full.
    prop_oneof![9 => 2usize..40, 1 => 255usize..515].prop_flat_map(move |users| {
        let scaled = column(users).prop_map(|(column, bits, shift)| {
            column.into_iter().map(|score| score * (-f64::from(bits)).exp2() + shift).collect()
        });
        prop::collection::vec(scaled, 3..7)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn comoments_are_no_more_off_than_proven(columns in columns(), k in 2usize..4) {
        let matrix = matrix(&columns);
        let Table::Float(floats) = &matrix.table else { panic!("scores are floats") };
        let answers = answers(&matrix, k);
        let comoments = answers.comoments(InstructionSet::Portable).unwrap();
        let Some(tolerance) = answers.tolerance(&comoments) else { return Ok(()) };
        let Accuracy { errors, .. } = answers.accuracy(&comoments);
        let total = comoments.total;
        let sums = FloatSums::try_new(answers, &comoments, tolerance, k).unwrap();
        let n = BigInt::from(matrix.users());
        // n times a comoment, in units of 2⁻⁶⁰⁰.
        let exact = |a: &[BigInt], b: &[BigInt]| -> BigInt {
            let products: BigInt = a.iter().zip(b).map(|(a, b)| a * b).sum();
            &n * products - a.iter().sum::<BigInt>() * b.iter().sum::<BigInt>()
        };
        let is_near = |found: [f64; 2], exact: &BigInt, error: f64| {
            let found = &n * (scaled(found[0]) + scaled(found[1]));
            let off: BigInt = found - (exact >> 300u32);
            off.magnitude() <= (&n * scaled(error)).magnitude()
        };
        let score = |user: usize, item: u32| scaled(floats.points.of(&matrix.answered, user, item as usize));
        let x = |set: &[u32]| -> Vec<BigInt> {
            (0..matrix.users()).map(|user| set.iter().map(|&item| score(user, item)).sum()).collect()
        };
        let t: Vec<BigInt> = floats.totals.iter().map(|total| total.parts().map(scaled).iter().sum()).collect();
        prop_assert!(is_near(total.parts(), &exact(&t, &t), errors.tt));
        for set in sets(columns.len() as u32, k) {
            let found = sums_of(&sums, &set);
            let first = |lanes: &crate::moments::Doubled<LANES>| [lanes.high[0], lanes.low[0]];
            let totals = x(&set);
            prop_assert!(is_near(first(&found.xx), &exact(&totals, &totals), errors.xx), "{:?}", set);
            prop_assert!(is_near(first(&found.xt), &exact(&totals, &t), errors.xt), "{:?}", set);
            let questions: BigInt = set.iter().map(|&item| x(&[item])).map(|item| exact(&item, &item)).sum();
            prop_assert!(is_near(first(&found.questions), &questions, errors.questions), "{:?}", set);
        }
    }

    /// To the bit, wherever they are settled.
    #[test]
    fn what_is_settled_is_what_users_make(columns in columns(), k in 2usize..4) {
        let matrix = matrix(&columns);
        for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
            let answers = answers(&matrix, k);
            let comoments = answers.comoments(isa).unwrap();
            let Some(tolerance) = answers.tolerance(&comoments) else { return Ok(()) };
            let sums = FloatSums::try_new(answers, &comoments, tolerance, k).unwrap();
            let settled = SettledFloats::new(self::answers(&matrix, k), comoments);
            for set in sets(columns.len() as u32, k) {
                let lanes = sums_of(&sums, &set);
                let found = isa.run(Correlate(&sums, &lanes, k));
                let correlations = sums.correlations(&lanes, 0, &set);
                let alpha = sums.alpha(&sums.root(), &lanes, 0, &set, 0);
                let of_set = settled.correlations(&set, 0.0, RankBy::R, true);
                prop_assert_eq!(of_set, Some(Correlations { alpha, ..correlations }), "{:?}", set);
                for (found, expected) in found.iter().zip([correlations.r, correlations.r_rest, alpha]) {
                    if found.settled() & 1 == 1 {
                        let expected = expected.unwrap_or(f64::NAN);
                        prop_assert_eq!(found.values[0].to_bits(), expected.to_bits(), "{:?}", set);
                    }
                }
            }
        }
    }
}

/// Users are for a few sets in a million, also where scores are far from zero.
#[test]
fn nearly_all_is_settled() {
    let mut random = crate::random::Random(1);
    for (scale, shift) in [(1.0, 0.0), (0.01, 1e3), (1.0, 1e9)] {
        let ability: Vec<f64> = (0..700).map(|_| random.share()).collect();
        let column = |_| ability.iter().map(|ability| (ability + random.share()) * scale + shift).collect();
        let columns: Vec<Vec<f64>> = (0..14).map(column).collect();
        let matrix = matrix(&columns);
        let answers = answers(&matrix, 5);
        let comoments = answers.comoments(InstructionSet::Portable).unwrap();
        let tolerance = answers.tolerance(&comoments).unwrap();
        let sums = FloatSums::try_new(answers, &comoments, tolerance, 5).unwrap();
        let one_by_one = SettledFloats::new(self::answers(&matrix, 5), comoments);
        let sets = sets(14, 5);
        let settled = |set: &Vec<u32>| {
            let found = InstructionSet::Portable.run(Correlate(&sums, &sums_of(&sums, set), 5));
            found.iter().all(|found| found.settled() & 1 == 1)
        };
        let settled = sets.iter().filter(|set| settled(set)).count();
        assert!(settled + 2 >= sets.len(), "{settled} of {} at {shift}", sets.len());
        let settled = sets.iter().filter(|set| one_by_one.settled(set, true).is_some()).count();
        assert!(settled + 2 >= sets.len(), "{settled} of {} at {shift}, one by one", sets.len());
    }
}

//! Every instruction set against plain counting.

use super::*;

/// What an instruction set makes of the same input.
struct Found {
    bits: Vec<u16>,
    positions: Vec<Vec<u32>>,
    transposed: Vec<Vec<u64>>,
    gathered: Vec<Vec<[u32; 2]>>,
    sums: Vec<PartSums>,
    narrow: Vec<GradedSums>,
    wide: Vec<GradedSums>,
    scorers: Vec<FieldSums<4>>,
    prefixes: Vec<(FieldSums<2>, FieldSums<1>)>,
    pairs: Vec<PairCounts>,
    products: Vec<pairs::TileProducts>,
    float_products: Vec<FloatProducts>,
}

/// Scores of some users on four questions and on four others.
type Scores = [[Vec<i16>; TILE]; 2];

/// The same as floats, which are integers, and a power of two that none reaches.
type FloatScores = ([[Vec<f64>; TILE]; 2], f64);

/// For each question and each how many users scored on both.
type PairCounts = Vec<[u64; BLOCK]>;

/// A user of graded scores: what it answered, its points, its total on the prefix, and its grand total.
type User = (u16, [u32; PART], i32, i32);

/// What a user answered of a part, and whether it scored on each of some other questions.
type MarkedUser = (u16, [bool; 4]);

/// What a user answered of a part, its points there and of two other questions, and their squares, summed.
type PrefixUser = (u16, [u16; PART], [u32; 2], u32);

/// Users by running total, highest first: their words and grand totals.
type Groups = Vec<Vec<(u32, i64)>>;

struct Everything<'a> {
    words: &'a [u64],
    squares: &'a [[u64; BLOCK]],
    /// Each a choice of `words`.
    chosen: &'a [Vec<u32>],
    /// With whether Σt² is moved to 32 bits after each run.
    cases: &'a [(Groups, bool)],
    narrow: &'a [Vec<User>],
    wide: &'a [Vec<User>],
    marked: &'a [Vec<MarkedUser>],
    /// No more than fit into halves of a word.
    prefixes: &'a [Vec<PrefixUser>],
    /// Of users, what they scored on.
    rows: &'a [Vec<u64>],
    scores: &'a [Scores],
    float_scores: &'a [FloatScores],
}

impl Kernel for Everything<'_> {
    type Output = Found;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Found {
        let lanes = |&word: &u64| isa.bits(&std::array::from_fn(|lane| word >> lane & 1 == 1));
        let positions = |&word: &u64| {
            let mut positions = [0; BLOCK];
            isa.positions(word, 1000, &mut positions);
            positions[..word.count_ones() as usize].to_vec()
        };
        let pairs_of_parts: Vec<[u32; 2]> = self.words.iter().map(halves).collect();
        let gathered = |users: &Vec<u32>| {
            // With room for more, which stays as it is.
            let mut gathered = vec![[7; 2]; users.len() + 3];
            isa.gather(&pairs_of_parts, users, &mut gathered);
            gathered
        };
        let transposed = |square: &[u64; BLOCK]| {
            let transposed = isa.transpose(square);
            (0..BLOCK).map(|row| transposed.row(row)).collect()
        };
        let sums = |(groups, is_wide): &(Groups, bool)| {
            let largest = groups.iter().flatten().map(|(_, t)| t.unsigned_abs()).max().unwrap_or(0);
            let (mut run, mut sums) = isa.zero();
            for (step, users) in groups.iter().enumerate() {
                if step > 0 {
                    isa.step_down(&mut sums);
                }
                for users in users.chunks(longest_run(largest)) {
                    users.iter().for_each(|(word, t)| isa.add(&mut run, word, &Weight::new(*t)));
                    isa.end_run(&mut run, &mut sums);
                    if *is_wide {
                        isa.widen(&mut run, &mut sums);
                    }
                }
            }
            let mut found = PartSums::default();
            isa.finish(run, sums, &mut found);
            found
        };
        let narrow = |users: &Vec<User>| {
            let mut sums = isa.zero_narrow();
            for (answered, points, x, t) in users {
                isa.add_narrow(
                    &mut sums,
                    answered,
                    &points.map(|points| points as u16),
                    x,
                    &NarrowWeight::new(*t),
                );
            }
            let mut found = GradedSums::default();
            isa.finish_narrow(sums, &mut found);
            found
        };
        let wide = |users: &Vec<User>| {
            let mut sums = isa.zero_wide();
            for (answered, points, x, t) in users {
                isa.add_wide(&mut sums, answered, points, x, &WideWeight::new(*t));
            }
            let mut found = GradedSums::default();
            isa.finish_wide(sums, &mut found);
            found
        };
        let scorers = |users: &Vec<MarkedUser>| {
            let mut found = FieldSums::default();
            for users in users.chunks(Fields::<4>::longest_run(1)) {
                let mut sums = isa.zero_words();
                for (answered, scored) in users {
                    let mark = |marks: Fields<4>, place: usize| marks.with(place, scored[place].into());
                    isa.add_fields(&mut sums, *answered, &(0..4).fold(Fields::default(), mark));
                }
                isa.finish_fields(sums, &mut found);
            }
            found
        };
        let prefixes = |users: &Vec<PrefixUser>| {
            let (mut pairs, mut squares) = (isa.zero_words(), isa.zero_words());
            for &(answered, ref points, [first, second], square) in users {
                isa.add_fields(&mut pairs, answered, &Fields::<2>::default().with(0, first).with(1, second));
                isa.add_fields(&mut squares, answered, &Fields::<1>::default().plus(square));
                isa.add_squares(&mut squares, points);
            }
            let mut found = (FieldSums::default(), FieldSums::default());
            isa.finish_fields(pairs, &mut found.0);
            isa.finish_fields(squares, &mut found.1);
            found
        };
        let pairs = |users: &Vec<u64>| {
            let used = users.len().div_ceil(STRIP);
            // What is behind the strips in use is not to be counted.
            let stride = used + 1;
            let mut strips = vec![Strip([u64::MAX; STRIP / BLOCK]); BLOCK * stride];
            for (strip, users) in users.chunks(STRIP).enumerate() {
                let mut rows: Rows = [[0; _]; _];
                rows.as_flattened_mut()[..users.len()].copy_from_slice(users);
                isa.transpose_strip(&rows, &mut strips[strip..], stride);
            }
            let column = |question: usize| &strips[question * stride..][..used];
            let mut found = vec![[0; BLOCK]; BLOCK];
            for (i, j) in (0..BLOCK * BLOCK).step_by(TILE).map(|pair| (pair / BLOCK, pair % BLOCK)) {
                // Questions in any order, also the same twice.
                let of = [i, (i + 1) % BLOCK, i, (i + 3) % BLOCK];
                let counts = isa.count_tile(of.map(column), std::array::from_fn(|other| column(j + other)));
                for (question, counts) in of.into_iter().zip(counts) {
                    found[question][j..][..TILE].copy_from_slice(&counts);
                }
            }
            found
        };
        let products = |scores: &Scores| {
            let [a, b] = scores.each_ref().map(|of| of.each_ref().map(Vec::as_slice));
            isa.sum_products(a, b)
        };
        let float_products = |(scores, power): &FloatScores| {
            let [a, b] = scores.each_ref().map(|of| of.each_ref().map(Vec::as_slice));
            isa.sum_float_products(a, b, &[[1.5 * room_for(a[0].len(), *power); TILE]; TILE])
        };
        Found {
            pairs: self.rows.iter().map(pairs).collect(),
            products: self.scores.iter().map(products).collect(),
            float_products: self.float_scores.iter().map(float_products).collect(),
            bits: self.words.iter().map(lanes).collect(),
            positions: self.words.iter().map(positions).collect(),
            transposed: self.squares.iter().map(transposed).collect(),
            gathered: self.chosen.iter().map(gathered).collect(),
            sums: self.cases.iter().map(sums).collect(),
            narrow: self.narrow.iter().map(narrow).collect(),
            wide: self.wide.iter().map(wide).collect(),
            scorers: self.marked.iter().map(scorers).collect(),
            prefixes: self.prefixes.iter().map(prefixes).collect(),
        }
    }
}

fn halves(&word: &u64) -> [u32; 2] {
    [word as u32, (word >> u32::BITS) as u32]
}

fn bits(word: u64) -> impl Iterator<Item = usize> {
    (0..BLOCK).filter(move |bit| word >> bit & 1 == 1)
}

fn counted(groups: &Groups) -> PartSums {
    let mut sums = PartSums::default();
    for (step, users) in groups.iter().enumerate() {
        for &(word, t) in users {
            for question in (0..PART).filter(|bit| word >> bit & 1 == 1) {
                let x = (groups.len() - 1 - step) as i32 + (word >> (PART + question) & 1) as i32;
                sums.take_up(question, x, t as i32);
            }
        }
    }
    sums
}

fn counted_graded(users: &Vec<User>) -> GradedSums {
    let mut sums = GradedSums::default();
    for &(answered, points, x, t) in users {
        for question in (0..PART).filter(|bit| answered >> bit & 1 == 1) {
            let (x, t) = (i64::from(points[question]) + i64::from(x), i64::from(t));
            sums.n[question] += 1;
            sums.x[question] += x;
            sums.xx[question] += x * x;
            sums.t[question] += t;
            sums.tt[question] += t * t;
            sums.xt[question] += x * t;
        }
    }
    sums
}

fn counted_scorers(users: &[MarkedUser]) -> FieldSums<4> {
    let count = |place: usize, question: usize| {
        let is_scorer = |(answered, scored): &&MarkedUser| answered >> question & 1 == 1 && scored[place];
        users.iter().filter(is_scorer).count() as i32
    };
    std::array::from_fn(|place| std::array::from_fn(|question| count(place, question)))
}

fn counted_prefixes(users: &Vec<PrefixUser>) -> (FieldSums<2>, FieldSums<1>) {
    let mut found = (FieldSums::default(), FieldSums::default());
    for &(answered, ref points, pair, square) in users {
        for question in (0..PART).filter(|bit| answered >> bit & 1 == 1) {
            for (sums, points) in found.0.iter_mut().zip(pair) {
                sums[question] += points as i32;
            }
            found.1[0][question] += square as i32 + i32::from(points[question]).pow(2);
        }
    }
    found
}

fn counted_pairs(users: &Vec<u64>) -> PairCounts {
    let mut counts = vec![[0; BLOCK]; BLOCK];
    for &user in users {
        for i in bits(user) {
            bits(user).for_each(|j| counts[i][j] += 1);
        }
    }
    counts
}

fn added_products([a, b]: &Scores) -> pairs::TileProducts {
    let sum = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
    a.each_ref().map(|a| b.each_ref().map(|b| sum(a, b)))
}

/// The power of two twice as large as all products of so many numbers below a power of two.
fn room_for(users: usize, power: f64) -> f64 {
    2.0 * users.next_power_of_two() as f64 * power * power
}

/// Whether float sums are as near as they are said to be: in operations of half a unit in the last place, or twice as far.
fn are_near(found: &FloatProducts, (scores, power): &FloatScores) -> bool {
    let [a, b] = scores;
    let users = a[0].len();
    let roundings = 4 * users.div_ceil(FLOAT_LANES) + 4 * FLOAT_LANES + 9;
    let error = (users * roundings) as f64 * room_for(users, *power) * (-106f64).exp2();
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(&a, &b)| a as i128 * b as i128).sum::<i128>();
    a.iter().zip(found).all(|(a, found)| {
        b.iter().zip(found).all(|(b, found)| {
            let found: i128 = found.iter().map(|&part| part as i128).sum();
            (found - sum(a, b)).abs() <= error as i128
        })
    })
}

/// Users whose totals are at most `largest`, or at their extremes.
fn graded_users(
    count: usize,
    largest: u32,
    extreme: Option<i32>,
    random: &mut impl FnMut() -> u64,
) -> Vec<User> {
    let user = |user: usize| match extreme {
        Some(sign) => {
            let x = if user.is_multiple_of(2) { largest } else { 0 };
            (u16::MAX, [largest - x; PART], x as i32, sign * largest as i32)
        }
        None => {
            let answered = random() as u16;
            let half = u64::from(largest) / 2;
            let points = std::array::from_fn(|bit| (answered >> bit & 1) as u32 * (random() % half) as u32);
            (answered, points, (random() % half) as i32, (random() % (2 * half)) as i32 - half as i32)
        }
    };
    (0..count).map(user).collect()
}

#[test]
fn every_instruction_set_counts_right() {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    };
    let mut words: Vec<u64> =
        (0..200).map(|i| random() & if i % 2 == 0 { random() } else { u64::MAX }).collect();
    words.extend([0, 1, 1 << 63, u64::MAX, u64::MAX >> 1, 0xffff, 0x1ffff, 0xffff << 48]);
    // The first and the last among them, and any number of them.
    let last = words.len() as u32 - 1;
    let chosen: Vec<Vec<u32>> =
        (0..40).map(|count| (0..count).map(|i| (i * 77 + count * last) % (last + 1)).collect()).collect();
    let squares: Vec<[u64; BLOCK]> = (0..20).map(|_| std::array::from_fn(|_| random())).collect();
    // As many users as fit into lanes for sets of six: Σt² below 2¹⁶.
    let mut cases: Vec<(Groups, bool)> = Vec::new();
    for (users, largest) in
        [(0, 1), (1, 255), (1, -255), (2, 181), (12, 73), (31, 33), (60, 33), (70, -30), (300, 14)]
    {
        for is_full in [false, true] {
            let mut groups: Groups = vec![Vec::new(); 6];
            for user in 0..users {
                let answered = if is_full { 0xffff } else { random() as u32 & 0xffff };
                let scored = if is_full { answered } else { random() as u32 & answered };
                let t = if is_full { largest } else { random() as i64 % largest };
                groups[user * 6 / users].push((answered | scored << PART, t));
            }
            cases.push((groups.clone(), false));
            cases.push((groups, true));
        }
    }
    // More than that.
    let many = (0..300).map(|user| (0xffff_ffff, if user % 3 == 0 { -16 } else { 16 })).collect();
    cases.push((vec![many, Vec::new(), Vec::new()], true));
    // As many users as narrow lanes hold, and as large totals as wide ones hold of so many.
    let mut graded = |counts: &[usize], largest: fn(usize) -> u32| -> Vec<Vec<User>> {
        let kinds = [None, Some(1), Some(-1)];
        let cases = counts.iter().flat_map(|&count| kinds.map(|kind| (count, kind)));
        cases.map(|(count, kind)| graded_users(count, largest(count), kind, &mut random)).collect()
    };
    let narrow = graded(&[0, 1, 2, 77, USERS_AT_ONCE], |_| LARGEST_NARROW);
    let wide = graded(&[0, 1, 2, 200, 16_384, 100_000], largest_wide);
    // Runs of all lengths, of users who scored everywhere, too.
    let marked: Vec<Vec<MarkedUser>> = [0, 1, 2, 77, 255, 256, 1000]
        .into_iter()
        .flat_map(|count| [(count, false), (count, true)])
        .map(|(count, is_full)| {
            let user = |_| {
                let (answered, scored) = if is_full { (u16::MAX, 0xf) } else { (random() as u16, random()) };
                (answered, std::array::from_fn(|place| scored >> place & 1 == 1))
            };
            (0..count).map(user).collect()
        })
        .collect();
    // As many users as fit into halves of a word, and as large points.
    let largest = LARGEST_NARROW as u16;
    let prefixes: Vec<Vec<PrefixUser>> = [0, 1, 2, Fields::<2>::longest_run(largest.into())]
        .into_iter()
        .flat_map(|count| [(count, false), (count, true)])
        .map(|(count, is_full)| {
            let user = |_| {
                if is_full {
                    let most = u32::from(largest);
                    return (u16::MAX, [largest; PART], [most; 2], 2 * most.pow(2));
                }
                let answered = random() as u16;
                let mut points = || random() as u16 % (largest + 1);
                let of_part = std::array::from_fn(|bit| (answered >> bit & 1) * points());
                let pair = [points(), points()].map(u32::from);
                (answered, of_part, pair, pair.iter().map(|points| points.pow(2)).sum())
            };
            (0..count).map(user).collect()
        })
        .collect();
    // Around the ends of words, of strips, and of as many words as are added up to binary digits.
    let sizes = [0, 1, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 2049, 4095, 4096, 4097, 4700];
    let mut rows: Vec<Vec<u64>> =
        sizes.into_iter().map(|users| (0..users).map(|_| random() | random()).collect()).collect();
    rows.push(vec![u64::MAX; 9 * STRIP]);
    // Around the ends of registers, and as many and as large scores as 32 bits hold the sums of.
    let sizes = [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 1023, 1024];
    let scores_of = |users: i32, random: &mut dyn FnMut() -> u64, is_extreme: bool| -> Scores {
        let largest = (i32::MAX / users.max(1)).isqrt().min(i16::MAX.into());
        let mut score = |tile: usize, question: usize| match is_extreme {
            true => (if tile < question { -largest } else { largest }) as i16,
            false => ((random() % (2 * largest as u64 + 1)) as i32 - largest) as i16,
        };
        std::array::from_fn(|tile| {
            std::array::from_fn(|question| (0..users).map(|_| score(tile, question)).collect())
        })
    };
    let scores: Vec<Scores> = sizes
        .into_iter()
        .flat_map(|users| [false, true].map(|is_extreme| (users, is_extreme)))
        .map(|(users, is_extreme)| scores_of(users, &mut random, is_extreme))
        .collect();
    // Products of two such are floats, or have twice as many bits.
    let powers = [20, 52];
    let mut float_scores: Vec<FloatScores> = Vec::new();
    for (users, bits) in sizes.into_iter().flat_map(|users| powers.map(|bits| (users, bits))) {
        for is_extreme in [false, true] {
            let mut score = |tile: usize, question: usize| match is_extreme {
                true => (1 << bits) - 1 - (tile * TILE + question) as i64,
                false => (random() % (2 << bits)) as i64 - (1 << bits) + 1,
            };
            let scores = std::array::from_fn(|tile| {
                std::array::from_fn(|question| (0..users).map(|_| score(tile, question) as f64).collect())
            });
            float_scores.push((scores, f64::from(bits).exp2()));
        }
    }
    let expected = Found {
        pairs: rows.iter().map(counted_pairs).collect(),
        products: scores.iter().map(added_products).collect(),
        // Not known to the bit: see `are_near`.
        float_products: Vec::new(),
        bits: words.iter().map(|&word| word as u16).collect(),
        positions: words.iter().map(|&word| bits(word).map(|bit| 1000 + bit as u32).collect()).collect(),
        transposed: squares
            .iter()
            .map(|square| {
                let column = |bit: usize| (0..BLOCK).map(|row| (square[row] >> bit & 1) << row).sum();
                (0..BLOCK).map(column).collect()
            })
            .collect(),
        gathered: chosen
            .iter()
            .map(|users| {
                let words = users.iter().map(|&user| halves(&words[user as usize]));
                words.chain([[7; 2]; 3]).collect()
            })
            .collect(),
        sums: cases.iter().map(|(groups, _)| counted(groups)).collect(),
        narrow: narrow.iter().map(counted_graded).collect(),
        wide: wide.iter().map(counted_graded).collect(),
        scorers: marked.iter().map(|users| counted_scorers(users)).collect(),
        prefixes: prefixes.iter().map(counted_prefixes).collect(),
    };
    let everything = || Everything {
        words: &words,
        squares: &squares,
        chosen: &chosen,
        cases: &cases,
        narrow: &narrow,
        wide: &wide,
        marked: &marked,
        prefixes: &prefixes,
        rows: &rows,
        scores: &scores,
        float_scores: &float_scores,
    };
    let compare = |found: Found, name: &str| {
        assert!(found.bits == expected.bits, "{name}: bits");
        assert!(found.positions == expected.positions, "{name}: positions");
        assert!(found.transposed == expected.transposed, "{name}: transposed");
        assert!(found.gathered == expected.gathered, "{name}: gathered");
        for (found, expected) in found.sums.iter().zip(&expected.sums) {
            assert_eq!(found, expected, "{name}");
        }
        for (found, expected) in found.narrow.iter().zip(&expected.narrow) {
            assert_eq!(found, expected, "{name}, narrow");
        }
        for (found, expected) in found.wide.iter().zip(&expected.wide) {
            assert_eq!(found, expected, "{name}, wide");
        }
        for (found, expected) in found.scorers.iter().zip(&expected.scorers) {
            assert_eq!(found, expected, "{name}, scorers");
        }
        for (found, expected) in found.prefixes.iter().zip(&expected.prefixes) {
            assert_eq!(found, expected, "{name}, prefixes");
        }
        for ((found, expected), users) in found.pairs.iter().zip(&expected.pairs).zip(&rows) {
            assert!(found == expected, "{name}, pairs of {} users", users.len());
        }
        for (found, scores) in found.float_products.iter().zip(&float_scores) {
            assert!(are_near(found, scores), "{name}, float products of {} users", scores.0[0][0].len());
        }
        for ((found, expected), [a, _]) in found.products.iter().zip(&expected.products).zip(&scores) {
            assert_eq!(found, expected, "{name}, products of {} users", a[0].len());
        }
    };
    for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
        compare(isa.run(everything()), isa.name());
    }
    // Without VBMI2, VNNI and VPOPCNTDQ, which the choice above takes where it is there.
    #[cfg(target_arch = "x86_64")]
    if let Some(isa) = avx512::Avx512::<false>::detect() {
        compare(isa.run(everything()), "AVX-512 without VBMI2, VNNI and VPOPCNTDQ");
    }
}

#[test]
fn runs_are_as_long_as_the_lanes_they_share() {
    assert_eq!(longest_run(0), 31);
    assert_eq!(longest_run(33), 31);
    assert_eq!(longest_run(34), 30);
    assert_eq!(longest_run(LARGEST_WEIGHT), 4);
}

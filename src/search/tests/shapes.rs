//! Matrices by whose sizes or scores something could go wrong: word and block boundaries, large totals, ties.

use super::*;

#[test]
fn questions_around_word_boundaries() {
    for questions in [1, 2, 15, 16, 17, 31, 32, 33, 48, 62, 63, 64, 65, 66, 127, 128, 129] {
        let context = format!("{questions} questions");
        let answers = fixed(60, questions, 50, |bits| (bits % 2) as f64);
        check(&matrix_of(&answers, |score| score as i64), &answers, 2, 3, &context);
        let answers = fixed(60, questions, 50, |bits| (bits % 7) as f64);
        check(&matrix_of(&answers, |score| score as i64), &answers, 2, 3, &context);
        let answers = fixed(60, questions, 50, |bits| (bits % 1000) as f64 / 999.0);
        check(&matrix_of(&answers, |score| score), &answers, 2, 3, &context);
    }
}

#[test]
fn users_around_block_boundaries() {
    for users in [63, 64, 65, 127, 128, 129, 200] {
        let answers = fixed(users, 33, 60, |bits| (bits % 2) as f64);
        check(&matrix_of(&answers, |score| score as i64), &answers, 3, 3, &format!("{users} users"));
    }
}

/// The tree that is cut in half meets each set once, as the plain tree does that returns all in order.
#[test]
fn both_trees_have_the_same_sets() {
    let answers = fixed(40, 36, 70, |bits| (bits % 2) as f64);
    let matrix = matrix_of(&answers, |score| score as i64);
    for (k, rank_by) in (1..=5).flat_map(|k| [(k, RankBy::R), (k, RankBy::Alpha)]) {
        let request = Request { k, top: None, min_users: 2, rank_by };
        let all = search(&matrix, &request).unwrap();
        let request = Request { top: Some(all.len() + 1), ..request };
        let context = format!("k = {k} by {rank_by:?}");
        assert_best_is_sorted_all(&search(&matrix, &request).unwrap(), &all, &request, &context);
    }
}

/// The marks of a user take one word, just fill it, or take more.
#[test]
fn binary_scores_in_large_sets() {
    let answers = fixed(150, 11, 93, |bits| f64::from(bits % 8 < 5));
    for k in 4..=11 {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, &format!("k = {k}"));
    }
}

/// Points on an even and on an odd number of questions of a prefix, in as many words as that takes.
#[test]
fn graded_scores_in_large_sets() {
    let answers = fixed(150, 9, 93, |bits| (bits % 5) as f64 - 2.0);
    let wide = scaled(&answers, (1u64 << 38) as f64);
    let floats = fixed(150, 9, 93, |bits| (bits % 1000) as f64 / 7.0);
    for k in 2..=9 {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, &format!("k = {k}"));
        check(&matrix_of(&wide, |score| score as i64), &wide, k, 2, &format!("wide, k = {k}"));
        check(&matrix_of(&floats, |score| score), &floats, k, 2, &format!("floats, k = {k}"));
    }
}

/// Points that are the scores, as few as narrow lanes take, of users whose grand totals are more.
#[test]
fn small_points_with_large_totals() {
    let mut answers = fixed(80, 14, 90, |bits| (bits % 2 * 1000) as f64);
    answers.insert(80, (0..14).map(|question| (question, 1000.0)).collect());
    let matrix = matrix_of(&answers, |score| score as i64);
    let Table::Numbers(integers) = &matrix.table else { unreachable!("integers, not all 0 or 1") };
    for k in [2, 4] {
        assert!(narrow_points(&matrix, integers, k).is_none(), "grand totals are too large");
        check(&matrix, &answers, k, 2, &format!("k = {k}"));
    }
}

/// Points so large that of few users their sums fit into half a word.
#[test]
fn graded_scores_of_nearly_twelve_bits() {
    let answers = fixed(400, 5, 95, |bits| (bits % 1000) as f64 - 300.0);
    let matrix = matrix_of(&answers, |score| score as i64);
    for k in 2..=4 {
        let Table::Numbers(integers) = &matrix.table else { unreachable!("integers, not all 0 or 1") };
        assert!(narrow_points(&matrix, integers, k).is_some(), "points are the scores");
        assert!(2 * integers.largest_point * 400 > u64::from(u16::MAX));
        check(&matrix, &answers, k, 2, &format!("k = {k}"));
    }
}

/// Sums so large that floats do not tell the variances, which are then made user by user.
#[test]
fn graded_scores_with_inexact_variances() {
    let users = 27_000;
    let mut answers = fixed(users, 3, 99, |bits| (2030 + bits % 16) as f64);
    // Of each question its least score, in a total that is not far from the others.
    for least in 0..3 {
        let scores = (0..3).map(|question| (question, if question == least { 0.0 } else { 2045.0 }));
        answers.insert(users + least, scores.collect());
    }
    let matrix = matrix_of(&answers, |score| score as i64);
    let Table::Numbers(integers) = &matrix.table else { unreachable!("integers, not all 0 or 1") };
    let n = f64::from(users) * 0.97;
    assert!(
        narrow_points(&matrix, integers, 2).is_some() && (n * 2.0 * 2030.0).powi(2) > (1u64 << 53) as f64
    );
    let request = Request { k: 2, top: None, min_users: 2, rank_by: RankBy::R };
    let tables = all_by_points(&matrix, &request);
    assert_eq!(tables[0], tables[1]);
    assert_all_equal(&tables[1], &naive::all_sets(&answers, 2, 2), 2, "inexact variances");
    for isa in instruction_sets() {
        for top in [1, 2, 3] {
            let request = Request { top: Some(top), rank_by: RankBy::Alpha, ..request };
            let best = search_with(isa, Some(SearchStrategy::Projection), &matrix, &request).unwrap();
            assert_best_is_sorted_all(&best, &tables[0], &request, &format!("top {top} on {}", isa.name()));
        }
    }
}

/// Rare questions come first in the tree, which must not show.
#[test]
fn questions_of_every_frequency() {
    let mut answers = fixed(300, 40, 100, |bits| (bits % 2) as f64);
    for (&user, scores) in &mut answers {
        scores.retain(|&question, _| (user * 7919 + question * 104_729) % 40 >= question);
    }
    check(&matrix_of(&answers, |score| score as i64), &answers, 3, 5, "frequencies");
}

/// Totals far from their mean: short runs, and more users than fit into lanes at once.
#[test]
fn binary_scores_with_large_totals() {
    for (questions, is_eligible) in [(200, true), (500, true), (560, false)] {
        // Every other user is right nowhere, so totals are up to half the questions from their mean.
        let right = |user: u32, bits: u64| user.is_multiple_of(2) && !bits.is_multiple_of(16);
        let mut answers = fixed(40, questions, 95, |bits| bits as f64);
        for (&user, scores) in &mut answers {
            scores.values_mut().for_each(|score| *score = f64::from(right(user, *score as u64)));
        }
        let matrix = matrix_of(&answers, |score| score as i64);
        let request = Request { k: 1, top: None, min_users: 2, rank_by: RankBy::R };
        assert_eq!(as_binary(&matrix, &request).is_some(), is_eligible, "{questions} questions");
        check(&matrix, &answers, 1, 2, &format!("{questions} questions"));
    }
    let answers = fixed(3000, 8, 90, |bits| f64::from(bits % 16 < 11));
    check(&matrix_of(&answers, |score| score as i64), &answers, 3, 2, "many users");
}

/// More users than narrow lanes take at once, and than are laid out at once for the empty prefix; points that are the
/// scores, of both widths, and points that are rounded.
#[test]
fn graded_scores_of_many_users() {
    for users in [127, 128, 129, 256, 1023, 1025, 1300] {
        let context = |kind: &str| format!("{kind}, {users} users");
        let spread = |most: u64| fixed(users, 5, 95, move |bits| (bits % most) as f64);
        let (narrow, wide, beyond) = (spread(7), spread(1 << 20), spread(1 << 40));
        for k in 1..=3 {
            check(&matrix_of(&narrow, |score| score as i64), &narrow, k, 2, &context("narrow"));
            check(&matrix_of(&wide, |score| score as i64), &wide, k, 2, &context("wide"));
            check(&matrix_of(&beyond, |score| score as i64), &beyond, k, 2, &context("rounded"));
        }
        let floats = fixed(users, 5, 95, |bits| (bits % 1_000_003) as f64 / 7e4);
        check(&matrix_of(&floats, |score| score), &floats, 2, 2, &context("floats"));
    }
}

/// One question's range makes points so coarse that the scores of all others differ by a few: only the margin keeps
/// the best sets. (Either of its two terms suffices here; without both, the test fails.) The larger ones differ by a few of the
/// points from which α is made.
#[test]
fn rounding_to_points_loses_no_set() {
    for (fraction, worth) in [(0.0, 1.0), (0.125, 1.0), (0.0, 8192.0), (0.125, 8192.0)] {
        let mut answers = fixed(30, 9, 90, |bits| (bits % (3 << 22)) as f64 * worth + fraction);
        for (user, score) in [(30, 0.0), (31, (1u64 << 45) as f64), (32, (1u64 << 44) as f64)] {
            answers.insert(user, [(9, score)].into());
        }
        let matrix = matrix_of(&answers, |score| score);
        assert_eq!(matches!(matrix.table, Table::Float(_)), fraction > 0.0);
        for (k, min_users) in [(1, 4), (2, 4), (3, 4), (4, 15)] {
            let context = format!("k = {k}, {worth} times the scores + {fraction}");
            check(&matrix, &answers, k, min_users, &context);
        }
    }
}

/// More questions in a set than points in a total, and no time spent on prefixes that cannot be completed.
#[test]
fn a_set_of_nearly_all_questions() {
    for (questions, left_out) in [(5000, 0), (300, 1), (300, 2)] {
        for score in [|bits| (bits % 2) as f64, |bits| (bits % 3) as f64, |bits| (bits % 1000) as f64 / 7.0] {
            let answers = fixed(6, questions, 100, score);
            let k = questions as usize - left_out;
            let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
            let matrix = matrix_of(&answers, |score| score);
            let all = search(&matrix, &request).unwrap();
            assert_eq!(all.len() as u128, binomial(questions as usize, left_out).unwrap());
            if left_out == 0 {
                assert_eq!((all.len(), all.r.get(0), all.r_rest.get(0)), (1, Some(1.0), None));
            } else {
                let best = search(&matrix, &Request { top: Some(5), ..request }).unwrap();
                assert_best_is_sorted_all(&best, &all, &Request { top: Some(5), ..request }, "left out");
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_rows() {
    let answers = fixed(5000, 26, 60, |bits| (bits % 2) as f64);
    let binary = matrix_of(&answers, |score| score as i64);
    let float = matrix_of(&answers, |score| score / 3.0);
    let graded = matrix_of(&fixed(5000, 26, 60, |bits| (bits % 3) as f64), |score| score as i64);
    let by_r = [(Some(7), RankBy::R), (Some(500), RankBy::RRest), (None, RankBy::R)];
    let by_alpha = [(Some(7), RankBy::Alpha), (None, RankBy::Alpha)];
    for (matrix, requests) in
        [(&binary, &by_r[..]), (&binary, &by_alpha), (&graded, &by_alpha), (&float, &by_r)]
    {
        for &(top, rank_by) in requests {
            let request = Request { k: 4, top, min_users: 3, rank_by };
            let blueprint = Blueprint::free(Cow::Borrowed(matrix), request);
            assert!(is_parallel(&blueprint), "the case must be large enough to split");
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| search(matrix, &request)).unwrap()
            };
            let expected = on(1);
            assert!(expected.len() > 5);
            for threads in [2, 3, 8] {
                assert_eq!(on(threads), expected, "{threads} threads, {request:?}");
            }
        }
    }
}

#[test]
fn equal_correlations_tie_whatever_their_sums() {
    // Question 1 is question 0 times 3, question 2 times 7, and so on: all correlate equally with the total.
    let mut answers = Answers::new();
    for (user, score) in [0.0, 1.0, 5.0, 2.0, 11.0, 4.0].into_iter().enumerate() {
        let factors = [1.0, 3.0, 7.0, 10.0, 99.0, 12_345.0];
        let noise = (user * user % 5) as f64;
        let scores = factors.iter().map(|factor| factor * score).chain([noise]);
        answers.insert(user as u32, (0..).zip(scores).collect());
    }
    let request = Request { k: 2, top: None, min_users: 2, rank_by: RankBy::R };
    let all = search(&matrix_of(&answers, |score| score as i64), &request).unwrap();
    let without_noise = (0..all.len()).filter(|&i| !row(&all, 2, i).contains(&6));
    let distinct: std::collections::BTreeSet<u64> =
        without_noise.filter_map(|i| all.r.get(i)).map(f64::to_bits).collect();
    assert_eq!(distinct.len(), 1);
}

#[test]
fn far_from_zero_floats_lose_nothing() {
    let near = fixed(50, 6, 100, |bits| (bits % 64) as f64 / 64.0);
    let far: Answers = near
        .iter()
        .map(|(&user, scores)| {
            (user, scores.iter().map(|(&question, score)| (question, score + 1e9)).collect())
        })
        .collect();
    for k in 1..=6 {
        let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
        let table = |answers| search(&matrix_of(answers, |score| score), &request).unwrap();
        let (near, far) = (table(&near), table(&far));
        for i in 0..near.len() {
            assert_close(far.r.get(i), near.r.get(i), "r");
            assert_close(far.r_rest.get(i), near.r_rest.get(i), "r_rest");
        }
    }
}

#[test]
fn a_float_spread_lost_in_the_sums_is_still_ranked_right() {
    // Questions 0 and 1 are nearly constant on the users they share, which question 2's users are far from:
    // the sums of the search cannot see their spread, the reported correlations must.
    let mut answers = Answers::new();
    for user in 0..40u32 {
        let wiggle = f64::from(user * 7 % 11) * 1e-7;
        let far = if user < 20 { 1e9 } else { -1e9 };
        answers.insert(user, [(0, far + wiggle), (1, far - wiggle), (2, wiggle + 0.1)].into());
    }
    for user in 20..40 {
        answers.entry(user).and_modify(|scores| {
            scores.remove(&2);
        });
    }
    let matrix = matrix_of(&answers, |score| score);
    for k in 1..=2 {
        let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
        let all = search(&matrix, &request).unwrap();
        let request = Request { top: Some(2), ..request };
        assert_best_is_sorted_all(&search(&matrix, &request).unwrap(), &all, &request, "spread");
    }
}

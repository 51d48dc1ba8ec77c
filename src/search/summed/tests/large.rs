//! Tests so large that the strategies do what they do in earnest: climb, prune, split, give up.

use super::*;

#[test]
fn larger_tests_with_a_common_factor() {
    for (questions, ks) in [(9, 2..=9), (16, 4..=8), (24, 4..=5)] {
        for (name, loading) in [
            ("alike", (|_| 1.0) as fn(f64) -> f64),
            ("different", |random| 2.0 * random),
            ("some the other way", |random| 3.0 * random - 1.0),
            ("unrelated", |_| 0.0),
        ] {
            for most in [1.0, 4.0] {
                let answers = factor(150, questions, most, loading);
                let context = format!("{questions} questions, {name}, scores to {most}");
                check_by_projection(&integers_of(&answers), ks.clone(), &context);
            }
        }
    }
}

/// Sets of 13 and more have more partners than are kept sorted.
#[test]
fn large_sets() {
    let answers = factor(120, 18, 3.0, |random| 1.0 + random);
    check_by_projection(&integers_of(&answers), [12, 13, 14, 15, 17, 18], "large sets");
}

/// Equal items make equal sets: ties that only the position of the set decides.
#[test]
fn masses_of_ties() {
    let mut answers = factor(60, 15, 3.0, |random| 1.0 + random);
    for scores in answers.values_mut() {
        let first = [scores[&0], scores[&1], scores[&2]];
        for (question, score) in scores.iter_mut() {
            // Three kinds of items, shuffled.
            *score = first[(*question as usize * 7) % 11 % 3];
        }
    }
    let mut forms = answers.clone();
    for (&user, scores) in &mut forms {
        scores.retain(|&question, _| question % 4 != user % 4 || user > 30);
    }
    check_by_projection(&integers_of(&forms), 2..=6, "ties among forms");
    let matrix = integers_of(&answers);
    check_by_projection(&matrix, 2..=6, "ties");
    let request = Request { k: 5, top: Some(40), min_users: 2, rank_by: RankBy::R };
    let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
    let distinct: std::collections::BTreeSet<u64> = found.r.iter().flatten().map(f64::to_bits).collect();
    assert!(distinct.len() < 10, "the case must have ties, got {} different r", distinct.len());
    assert_eq!(found, by(SearchStrategy::Projection, &matrix, &request).unwrap());
}

#[test]
fn a_user_short_of_complete_and_booklets_with_and_without_overlap() {
    let complete = factor(200, 12, 1.0, |random| 2.0 * random);
    let mut short = complete.clone();
    short.entry(7).and_modify(|scores| {
        scores.remove(&3);
    });
    let overlapping = |user: u32, question: u32| !(question / 3 + 4 - user % 4).is_multiple_of(4);
    let disjoint = |user: u32, question: u32| question / 6 == user % 2;
    let cut = |keep: &dyn Fn(u32, u32) -> bool| {
        let mut answers = complete.clone();
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| keep(user, question));
        }
        answers
    };
    for (name, answers) in
        [("short", short.clone()), ("overlapping", cut(&overlapping)), ("disjoint", cut(&disjoint))]
    {
        for k in [1, 3, 4] {
            check(&integers_of(&answers), &answers, k, 50, name);
        }
    }
}

/// Too many families to search one by one.
#[test]
fn the_best_of_many_patterns_with_a_core_are_proven() {
    for (most, share) in [(1.0, 0.5), (1.0, 0.9), (4.0, 0.6)] {
        let answers = with_electives(&factor(300, 24, most, |random| 2.0 * random), 12, share);
        let matrix = integers_of(&answers);
        for (k, top, min_users) in
            [(2, 10, 2), (3, 10, 20), (4, 10, 2), (4, 300, 75), (5, 10, 150), (6, 5, 40)]
        {
            for rank_by in RANKS {
                let request = Request { k, top: Some(top), min_users, rank_by };
                let is_few = patterns(&matrix.answered, 300, 300)
                    .and_then(|patterns| families(&patterns, 24, k, request.least_users(), MOST_FAMILIES))
                    .is_some();
                assert!(!is_few, "there must be many families of patterns");
                let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
                let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
                assert_eq!(found, expected, "scores to {most}, {share} answered: {request:?}");
                assert_eq!(
                    strategy_of(Some(SearchStrategy::Bound), &matrix, request),
                    SearchStrategy::Bound,
                    "{request:?}"
                );
            }
        }
        // Just as many users as a choice of electives has, and one more.
        let of_choice = |user: &u32| answers[user].contains_key(&20) && answers[user].contains_key(&23);
        let users = answers.keys().filter(|user| of_choice(user)).count() as u32;
        for min_users in [users, users + 1] {
            let request = Request { k: 3, top: Some(2000), min_users, rank_by: RankBy::R };
            let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
            assert_eq!(found, by(SearchStrategy::Projection, &matrix, &request).unwrap());
            assert_eq!(found.n_users.contains(&users), min_users == users, "{users} users");
        }
    }
}

/// The same against the definition.
#[test]
fn small_tests_with_a_core_in_many_patterns() {
    for most in [1.0, 3.0] {
        let answers = with_electives(&factor(60, 14, most, |random| 2.0 * random), 3, 0.7);
        for (k, min_users) in [(2, 2), (3, 20), (4, 12)] {
            check(&integers_of(&answers), &answers, k, min_users, "electives");
        }
    }
}

/// Large enough that the bound rules out most, and that a set which another family has is in its way.
#[test]
fn the_best_of_few_patterns_are_proven() {
    for ((name, users, form), most) in FORMS.into_iter().flat_map(|form| [(form, 1.0), (form, 4.0)]) {
        let mut answers = factor(users, 20, most, |random| 2.0 * random);
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| form(user, question));
        }
        let matrix = integers_of(&answers);
        for (k, top, min_users) in [(2, 10, 2), (3, 1, 2), (4, 10, 2), (4, 300, 50), (5, 10, 100), (6, 5, 2)]
        {
            for rank_by in RANKS {
                let request = Request { k, top: Some(top), min_users, rank_by };
                let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
                let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
                assert_eq!(found, expected, "{name}, scores to {most}: {request:?}");
                let is_full = expected.len() == top;
                let searched = strategy_of(Some(SearchStrategy::Bound), &matrix, request);
                assert!(!is_full || searched == SearchStrategy::Bound, "{name}: {request:?} by {searched:?}");
            }
        }
    }
}

/// Sets of nearly all questions, of which most must be in each.
#[test]
fn families_with_nearly_all_questions() {
    let mut answers = factor(90, 14, 2.0, |random| 1.0 + random);
    for (&user, scores) in &mut answers {
        scores.retain(|&question, _| user >= 21 || question / 2 != user % 7);
    }
    let matrix = integers_of(&answers);
    check_by_projection(&matrix, 6..=14, "pairs are lacking");
    for (&user, scores) in &mut answers {
        scores.retain(|&question, _| user >= 5 || question != 13 - user);
    }
    check_by_projection(&integers_of(&answers), 7..=14, "and more");
}

/// More rows than are wanted at once, by one thread and by several.
#[test]
fn stretches_of_too_many_rows_are_given_up() {
    let matrix = integers_of(&factor(1000, 30, 1.0, |random| 2.0 * random));
    let request = Request { k: 4, top: None, min_users: 2, rank_by: RankBy::R };
    let blueprint = Blueprint::free(Cow::Borrowed(&matrix), request);
    let isa = InstructionSet::from_environment().unwrap();
    let (columns, most) = (TableColumns::USUAL, 5000);
    let all = by(SearchStrategy::Projection, &matrix, &request).unwrap();
    for (strategy, floor) in [
        (SearchStrategy::Projection, None),
        (SearchStrategy::Moments, None),
        (SearchStrategy::Projection, Some(0.5)),
        (SearchStrategy::Bound, Some(0.5)),
    ] {
        let expected = rows_from(&all, 4, floor.map(|floor| (RankBy::R, floor)), columns);
        assert!(expected.len() > 3 * most, "{}", expected.len());
        let every = Every::new(isa, &blueprint, Some(strategy), columns, floor).unwrap();
        every
            .walk(|stretches| {
                assert_eq!(stretches.strategy(), Some(strategy));
                let whole = || stretches.stretch(0..all.len() as u128, most, &Control::default());
                assert_eq!(whole(), Ok(None), "{}", strategy.name());
                assert_eq!(parallel::alone(whole), Ok(None), "{}", strategy.name());
            })
            .unwrap();
        let found = stretch_by_stretch(isa, &blueprint, strategy, columns, floor, most).unwrap();
        assert_eq!(found, expected, "{}", strategy.name());
    }
}

/// Blocks of users that are summed up at once, and stretches for several threads.
#[test]
fn many_users() {
    for (users, most) in [(4095, 1.0), (4097, 1.0), (1023, 5.0), (1025, 5.0), (70_000, 1.0), (70_000, 3.0)] {
        let answers = factor(users, 6, most, |random| 2.0 * random);
        let matrix = integers_of(&answers);
        for top in [None, Some(4)] {
            let request = Request { k: 2, top, min_users: 2, rank_by: RankBy::R };
            let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
            for strategy in others(&matrix, top) {
                assert_eq!(by(strategy, &matrix, &request).unwrap(), expected, "{users} users, to {most}");
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_rows() {
    let complete = factor(700, 34, 1.0, |random| 2.0 * random);
    let mut booklets = complete.clone();
    for (&user, scores) in &mut booklets {
        scores.retain(|&question, _| question % 3 != user % 3);
    }
    for (answers, k) in [(&complete, 6), (&booklets, 5)] {
        let matrix = integers_of(answers);
        for (top, rank_by) in [(Some(9), RankBy::R), (Some(300), RankBy::RRest)] {
            let request = Request { k, top, min_users: 3, rank_by };
            assert!(
                is_parallel(&Blueprint::free(Cow::Borrowed(&matrix), request)),
                "the case must be large enough to split"
            );
            let on = |threads, strategy| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| by(strategy, &matrix, &request)).unwrap()
            };
            let expected = on(1, SearchStrategy::Moments);
            assert_eq!(Some(expected.len()), top);
            for (threads, strategy) in
                [1, 2, 3, 8].into_iter().flat_map(|n| others(&matrix, top).into_iter().map(move |s| (n, s)))
            {
                assert_eq!(on(threads, strategy), expected, "{threads} threads, {}", strategy.name());
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_rows_of_electives() {
    let matrix = integers_of(&with_electives(&factor(700, 30, 1.0, |random| 2.0 * random), 18, 0.5));
    for (top, rank_by) in [(9, RankBy::R), (300, RankBy::RRest)] {
        let request = Request { k: 5, top: Some(top), min_users: 30, rank_by };
        assert!(
            is_parallel(&Blueprint::free(Cow::Borrowed(&matrix), request)),
            "the case must be large enough to split"
        );
        let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
        assert_eq!(expected.len(), top);
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| by(SearchStrategy::Bound, &matrix, &request)).unwrap();
            assert_eq!(found, expected, "{threads} threads");
        }
    }
}

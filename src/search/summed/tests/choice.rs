//! Which strategy is taken, which one refuses what, and how searches by each end.

use super::*;

#[test]
fn no_threshold_above_zero_to_prune_by() {
    // The grand total hardly varies: most sets correlate negatively, if at all.
    let mut answers = factor(40, 9, 4.0, |_| 0.0);
    for scores in answers.values_mut() {
        let sum: f64 = scores.values().take(8).sum();
        scores.insert(8, -sum);
    }
    for user in [3, 5] {
        answers.entry(user).and_modify(|scores| *scores.entry(8).or_default() += 1.0);
    }
    for k in 2..=5 {
        check(&integers_of(&answers), &answers, k, 2, "negative");
    }
    // It does not vary at all.
    for user in [3, 5] {
        answers.entry(user).and_modify(|scores| *scores.entry(8).or_default() -= 1.0);
    }
    check(&integers_of(&answers), &answers, 3, 2, "constant total");
}

#[test]
fn what_a_forced_strategy_cannot_search_is_an_error() {
    let answers = factor(40, 6, 3.0, |random| random);
    let all = Request { k: 2, top: None, min_users: 2, rank_by: RankBy::R };
    let message = |strategy, matrix: &ResponseMatrix| by(strategy, matrix, &all).unwrap_err().to_string();
    assert_eq!(
        message(SearchStrategy::Bound, &integers_of(&answers)),
        "POLARS_CORRSET_STRATEGY is bound, which needs `top` or a positive floor, since it leaves sets out"
    );
    let floats = matrix_of(&answers, |score| score / 7.0);
    assert_eq!(
        message(SearchStrategy::Bound, &floats),
        "POLARS_CORRSET_STRATEGY is bound, which needs `top` or a positive floor, since it leaves sets out"
    );
    let same = matrix_of(&answers, |_| 0.1);
    assert_eq!(
        message(SearchStrategy::Moments, &same),
        "POLARS_CORRSET_STRATEGY is moments, which needs grand totals that differ by more than their rounding"
    );
    let best = Request { top: Some(1), ..all };
    assert_eq!(
        by(SearchStrategy::Moments, &floats, &Request { k: 1, ..best }).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is moments, which needs sets of two and more where scores are not integers"
    );
    assert_eq!(
        by(SearchStrategy::Bound, &same, &best).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is bound, which needs scores whose spread is far above their rounding"
    );
    let mut short = answers.clone();
    short.entry(3).and_modify(|scores| {
        scores.remove(&0);
    });
    assert_eq!(
        by(SearchStrategy::Moments, &matrix_of(&short, |score| score / 7.0), &best).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is moments, which needs every user to have answered every question where scores are \
        not integers"
    );
    // A family for any questions to be lacking, and none that nobody lacks.
    let mut each_another = factor(40, 14, 1.0, |random| random);
    for (user, scores) in each_another.iter_mut().take(14) {
        scores.remove(user);
    }
    let matrix = integers_of(&each_another);
    assert_eq!(
        by(SearchStrategy::Bound, &matrix, &best).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is bound, which needs users who share few answer patterns, or questions that all answered and \
        few choices of others"
    );
    assert_eq!(strategy_of(None, &matrix, best), SearchStrategy::Projection);
    let every = Blueprint::free(Cow::Borrowed(&matrix), all);
    let (isa, bound) = (InstructionSet::Portable, Some(SearchStrategy::Bound));
    assert_eq!(
        Every::new(isa, &every, bound, TableColumns::USUAL, Some(0.5)).err().unwrap().to_string(),
        "POLARS_CORRSET_STRATEGY is bound, which needs `top`, or every user to have answered every question"
    );
    let unknown = Error::Strategy { name: "guess".into(), needs: None };
    assert_eq!(
        unknown.to_string(),
        "POLARS_CORRSET_STRATEGY must be one of projection, moments, bound, got \"guess\""
    );
}

/// Without a forced strategy the data decide.
#[test]
fn moments_are_chosen_where_they_pay() {
    let request = Request { k: 4, top: Some(3), min_users: 2, rank_by: RankBy::R };
    let is_summed = |answers: &Answers, request: &Request| {
        let isa = InstructionSet::Portable;
        let (matrix, control) = (integers_of(answers), Control::default());
        let blueprint = Blueprint::free(Cow::Borrowed(&matrix), *request);
        let way = sum_up(isa, &blueprint, None, Wanted::usual(blueprint.request(), false)).unwrap();
        if let Some(way) = &way {
            assert_eq!(way.search(&Run::all(&control)), by(SearchStrategy::Projection, &matrix, request));
        }
        way.is_some()
    };
    let complete = factor(600, 14, 1.0, |random| 2.0 * random);
    assert!(is_summed(&complete, &request));
    assert!(is_summed(&complete, &Request { top: None, ..request }));
    assert!(!is_summed(&complete, &Request { k: 1, ..request }), "no pairs are needed");
    let long = integers_of(&factor(5, 140, 1.0, |_| 1.0));
    let countless = Request { k: 70, ..request };
    assert_eq!(binomial(140, 70), None, "the case must have more sets than can be counted");
    let (isa, strategy) = (InstructionSet::Portable, None);
    let blueprint = &Blueprint::free(Cow::Borrowed(&long), countless);
    assert!(Summed { isa, blueprint, strategy, wanted: Wanted::usual(blueprint.request(), false) }.pays());
    let cut = |patterns: u32| {
        let mut answers = complete.clone();
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| question % patterns != user % patterns);
        }
        answers
    };
    assert!(is_summed(&cut(3), &request), "200 users per pattern");
    assert!(!is_summed(&cut(13), &request), "46 users of 0/1 scores per pattern");

    let long = factor(600, 50, 1.0, |random| 2.0 * random);
    let form = |patterns: u32| {
        let mut answers = long.clone();
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| question % 2 == 0 || question % patterns != user % patterns);
        }
        integers_of(&answers)
    };
    assert_eq!(strategy_of(None, &form(3), request), SearchStrategy::Bound);
    assert_eq!(strategy_of(None, &form(3), Request { k: 2, ..request }), SearchStrategy::Moments);
    assert_eq!(strategy_of(None, &form(3), Request { top: None, ..request }), SearchStrategy::Moments);
    assert_eq!(strategy_of(None, &form(23), request), SearchStrategy::Projection, "2^23 families");

    // A core of 48, and twelve electives in hundreds of patterns.
    let wide = with_electives(&factor(600, 60, 1.0, |random| 2.0 * random), 48, 0.5);
    let wide = integers_of(&wide);
    let proven = Request { k: 5, min_users: 60, ..request };
    assert_eq!(strategy_of(None, &wide, proven), SearchStrategy::Bound);
    assert_eq!(strategy_of(None, &wide, Request { k: 2, ..proven }), SearchStrategy::Projection);
    assert_eq!(strategy_of(None, &wide, Request { top: None, ..proven }), SearchStrategy::Projection);

    // A hundred users without one question or another hardly matter beside those who answered all.
    let mut nearly = complete.clone();
    for (&user, scores) in &mut nearly {
        scores.retain(|&question, _| user >= 100 || question % 14 != user % 14 && question % 5 != user % 5);
    }
    let count = patterns(&integers_of(&nearly).answered, 600, 600).unwrap().len();
    assert!(600 / count < 10, "{count} patterns must be many");
    assert!(is_summed(&nearly, &Request { k: 8, ..request }));
    assert!(!is_summed(&nearly, &Request { k: 2, ..request }));
}

#[test]
fn every_strategy_stops_and_tells_how_far_it_is() {
    let answers = |missing: u32| -> Answers {
        let scores = |user: u32| {
            let answered = (0..14).filter(move |question| (user * 7 + question * 5) % 11 >= missing);
            answered
                .map(|question| (question, f64::from((user * user + 3 * question * user + user / 7) % 3)))
                .collect()
        };
        (0..60).map(|user| (user, scores(user))).collect()
    };
    let (complete, booklets) = (integers_of(&answers(0)), integers_of(&answers(2)));
    let isa = InstructionSet::Portable;
    for matrix in [&complete, &booklets] {
        for strategy in SearchStrategy::ALL {
            for top in [Some(5), None] {
                if strategy == SearchStrategy::Bound && top.is_none() {
                    continue;
                }
                let request = Request { k: 5, top, min_users: 2, rank_by: RankBy::R };
                let run = |control: &Control| {
                    let run = Run { strategy: Some(strategy), ..Run::all(control) };
                    crate::search::run(isa, &Blueprint::free(Cow::Borrowed(matrix), request), &run)
                };
                let control = Control::default();
                run(&control).unwrap();
                assert!(
                    (control.done() - 1.0).abs() < 1e-9,
                    "{strategy:?}, {top:?}: {} done",
                    control.done()
                );
                control.stop();
                assert_eq!(run(&control), Err(Error::Interrupted), "{strategy:?}, {top:?}");
            }
        }
    }
}

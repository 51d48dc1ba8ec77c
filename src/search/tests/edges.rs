//! Nothing to find, what cannot be computed, and what is stopped.

use super::*;

#[test]
fn no_set_no_row() {
    let answers = fixed(10, 4, 100, |bits| (bits % 2) as f64);
    let matrix = matrix_of(&answers, |score| score as i64);
    let request = Request { k: 5, top: Some(10), min_users: 2, rank_by: RankBy::R };
    assert!(search(&matrix, &request).unwrap().is_empty(), "more than there are questions");
    let request = Request { k: 2, min_users: 11, ..request };
    assert!(search(&matrix, &request).unwrap().is_empty(), "more than there are users");
    let empty = Responses::<i64>::default().into_matrix(Duplicates::Error).unwrap();
    assert!(search(&empty, &Request { k: 1, ..request }).unwrap().is_empty(), "no response");
}

#[test]
fn results_that_cannot_be_held_are_refused() {
    let complete = matrix_of(&fixed(3, 100, 100, |bits| (bits % 2) as f64), |score| score as i64);
    let request = Request { k: 8, top: None, min_users: 2, rank_by: RankBy::R };
    let sets = Some(186_087_894_300);
    let refused = Error::TooManyRows { k: 8, questions: 100, sets, limit: TooManyRows::Frame };
    assert_eq!(search(&complete, &request), Err(refused.clone()));
    assert_eq!(search(&complete, &Request { top: Some(usize::MAX), ..request }), Err(refused));
    let beyond =
        search(&matrix_of(&fixed(2, 1000, 100, |_| 0.0), |s| s as i64), &Request { k: 500, ..request });
    assert!(matches!(beyond, Err(Error::TooManyRows { sets: None, .. })));

    // As many sets, but no user answered more than ten of the questions.
    let sparse = matrix_of(&fixed(30, 100, 5, |bits| (bits % 2) as f64), |score| score as i64);
    assert!(search(&sparse, &request).is_ok());
}

#[test]
fn sums_beyond_128_bits_are_refused() {
    let answers = fixed(10, 4, 100, |bits| bits as f64);
    let request = Request { k: 2, top: Some(1), min_users: 2, rank_by: RankBy::R };
    let scaled = |factor: i128| matrix_of(&answers, move |score| score as i128 * factor);
    assert!(search(&scaled(1 << 34), &request).is_ok());
    assert_eq!(search(&scaled(1 << 38), &request), Err(Error::Overflow { what: "sums of squared totals" }));
    let totals = responses_of(&answers, |score| if score > 0.0 { i128::MAX } else { 0 });
    assert!(matches!(totals.into_matrix(Duplicates::Error), Err(Error::Overflow { .. })));
}

#[test]
fn duplicates_follow_the_policy() {
    let with = |scores: [i64; 3], duplicates| {
        let users = vec![0, 0, 0, 0, 1, 1, 2, 2];
        let questions = vec![0, 0, 0, 1, 0, 1, 0, 1];
        let scores: Vec<i64> = scores.into_iter().chain([1, 2, 6, 8, 3]).collect();
        Responses { users, questions, scores }.into_matrix(duplicates)
    };
    let request = Request { k: 1, top: None, min_users: 2, rank_by: RankBy::R };
    let table = |matrix: Result<ResponseMatrix>| search(&matrix.unwrap(), &request).unwrap();
    let error = with([4, 9, 5], Duplicates::Error).unwrap_err();
    assert_eq!(error, Error::Duplicate { user: 0, question: 0, count: 3 });
    for (policy, score) in [
        (Duplicates::First, 4.0),
        (Duplicates::Last, 5.0),
        (Duplicates::Sum, 18.0),
        (Duplicates::Mean, 6.0),
        (Duplicates::Min, 4.0),
        (Duplicates::Max, 9.0),
    ] {
        let answers = Answers::from([
            (0, [(0, score), (1, 1.0)].into()),
            (1, [(0, 2.0), (1, 6.0)].into()),
            (2, [(0, 8.0), (1, 3.0)].into()),
        ]);
        let expected = table(Ok(matrix_of(&answers, |score| score)));
        assert_eq!(table(with([4, 9, 5], policy)), expected, "{policy:?}");
    }
    let overflow = with([i64::MAX, 1, 0], Duplicates::Sum);
    assert_eq!(overflow.unwrap_err(), Error::Overflow { what: "sum of duplicate responses" });
}

#[test]
fn scores_that_are_not_finite_are_refused() {
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let responses = Responses { users: vec![0], questions: vec![0], scores: vec![score] };
        let error = responses.into_matrix(Duplicates::Error).unwrap_err();
        assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    }
}

#[test]
fn what_is_stopped_is_interrupted_and_nothing_else() {
    let matrix = matrix_of(&fixed(100, 12, 80, |value| (value % 3) as f64), |score| score as i64);
    let control = Control::default();
    control.stop();
    let request = Request { k: 3, top: None, min_users: 2, rank_by: RankBy::R };
    for top in [None, Some(3)] {
        let request = Request { top, ..request };
        let blueprint = Blueprint::free(Cow::Borrowed(&matrix), request);
        let stopped = super::run(InstructionSet::Portable, &blueprint, &Run::all(&control));
        assert_eq!(stopped, Err(Error::Interrupted));
        let control = Control::default();
        let whole = Run::all(&control);
        assert_eq!(super::run(InstructionSet::Portable, &blueprint, &whole), search(&matrix, &request));
        assert_eq!(control.done(), 1.0, "all of the search is accounted for");
    }
}

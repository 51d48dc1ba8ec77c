//! Between which scores those of each question are.

use crate::error::Result;
use crate::parallel;
use crate::responses::{Score, Source, all, greater, lesser};

use super::CENTRES;

/// The least and the largest score of each question; of one without responses, the other way round.
struct Ranges<S> {
    least: Vec<S>,
    largest: Vec<S>,
}

impl<S: Score> Ranges<S> {
    fn none(questions: usize) -> Self {
        Self { least: vec![S::LARGEST; questions], largest: vec![S::LEAST; questions] }
    }

    /// Takes up a range of scores of each of some consecutive questions.
    #[inline]
    fn widen(&mut self, first: usize, least: &[S], largest: &[S]) {
        for (all, &least) in self.least[first..].iter_mut().zip(least) {
            *all = lesser(*all, least);
        }
        for (all, &largest) in self.largest[first..].iter_mut().zip(largest) {
            *all = greater(*all, largest);
        }
    }
}

/// For each question its least and its largest score.
pub fn ranges<S: Source>(responses: &S) -> Vec<Option<(S::Score, S::Score)>> {
    let (_, questions) = responses.ids();
    let stretches = match responses.regular() {
        Some(regular) => regular.map_stretches(|users| {
            let mut ranges = Ranges::none(questions);
            let score = |score| score;
            regular.try_for_each_alike(responses, users, score, |_, sequence, scores| {
                for scores in scores.chunks_exact(sequence.length()) {
                    for span in &sequence.spans {
                        let scores = span.part(scores);
                        ranges.widen(span.question, scores, scores);
                    }
                }
                true
            });
            ranges
        }),
        None => parallel::map_stretches(responses.rows(), |rows| {
            let mut ranges = Ranges::none(questions);
            for piece in responses.read(rows) {
                for (_, question, score) in piece {
                    ranges.widen(question as usize, &[score], &[score]);
                }
            }
            ranges
        }),
    };
    let mut all = Ranges::none(questions);
    for Ranges { least, largest } in stretches {
        all.widen(0, &least, &largest);
    }
    let ranges = all.least.into_iter().zip(all.largest);
    ranges.map(|(least, largest)| (least <= largest).then_some((least, largest))).collect()
}

/// The [`ranges`] of integers.
pub fn integer_ranges<S: Source<Score: Into<i128>>>(responses: &S) -> Vec<Option<(i128, i128)>> {
    let small = |score: S::Score| score.into() as i16;
    // Every CPU compares many small integers at once, but not many large ones.
    if all(responses, |score| i128::from(small(score)) == score.into()) {
        widened(ranges(&responses.with_scores(small)))
    } else {
        widened(ranges(responses))
    }
}

fn widened<T: Into<i128>>(ranges: Vec<Option<(T, T)>>) -> Vec<Option<(i128, i128)>> {
    ranges.into_iter().map(|range| range.map(|(least, largest)| (least.into(), largest.into()))).collect()
}

/// What is taken off the scores of each question, given its least and its largest, and the largest |score| then.
pub fn centres(ranges: Vec<Option<(i128, i128)>>) -> Result<(Vec<i128>, u64)> {
    let mut largest_point = 0;
    let centre = |(least, most): (i128, i128)| {
        let half = most.checked_sub(least).ok_or(CENTRES)? / 2;
        let centre = least + half;
        let farthest = u64::try_from(most - centre).map_err(|_| CENTRES)?;
        largest_point = farthest.max(largest_point);
        Ok(centre)
    };
    let centres: Result<_> = ranges.into_iter().map(Option::unwrap_or_default).map(centre).collect();
    Ok((centres?, largest_point))
}

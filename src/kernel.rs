//! The leaf of the search for scores of every kind: the sums of one prefix with *every* remaining question at once.
//! (Scores of 0 and 1 have a faster one in `binary`.)

use crate::bitset::{BitMatrix, WORD_BITS, below, ones};
use crate::scoring::Scoring;

/// The users of a prefix: their rows, and their running totals on the prefix's questions.
#[derive(Clone, Copy)]
pub struct Prefix<'a, N> {
    pub users: &'a [u32],
    pub totals: &'a [N],
}

/// Adds to `sums[q]`, for every question q from `from` on, the sums of the prefix extended by q.
///
/// Row by row, each user adds what it contributes to the sums of the questions it answered, so the cost is
/// one step per response, not one per cell.
pub fn by_response<S: Scoring>(
    scoring: &S,
    answered: &BitMatrix,
    prefix: Prefix<'_, S::Number>,
    from: usize,
    sums: &mut [S::Sums],
) {
    let (words, words_per_row) = (answered.words(), answered.words_per_row());
    let first = from / WORD_BITS;
    for (&user, &x) in prefix.users.iter().zip(prefix.totals) {
        let t = scoring.total(user as usize);
        let row = user as usize * words_per_row;
        let mut skipped = words[row + first] & below(from);
        for word in first..words_per_row {
            let mut cursor = scoring.cursor(row + word, skipped);
            for bit in ones(words[row + word] & !skipped) {
                let question = word * WORD_BITS + bit;
                S::add(&mut sums[question], x + scoring.next(&mut cursor, question), t);
            }
            skipped = 0;
        }
    }
}

//! Scores of 0 and 1 in a regular order → bits.

use super::{Score, Source};
use crate::bitset::{self, BitMatrix, WORD_BITS, words_for};
use crate::regular::Regular;

/// Scores that are looked at before there is a matrix for scores of 0 and 1: nearly always, one of these tells of others.
const FIRST_SCORES: usize = 1 << 12;

/// Who answered what, and who scored if all scores are 0 or 1. `None` where the memory is not to be had.
pub fn regular_bits<S: Source>(responses: &S, regular: &Regular) -> Option<(BitMatrix, Option<BitMatrix>)> {
    let answered = regular.answered()?;
    let mut first = responses.scores(0..responses.rows().min(FIRST_SCORES)).flatten();
    if first.any(|score| score.bit().is_none()) {
        return Some((answered, None));
    }
    let scored = match regular.is_by_question() {
        true => by_question(responses, regular.ids()),
        false => by_user(responses, regular, &answered),
    };
    Some((answered, scored?))
}

/// Who scored, of responses user by user; the inner `None` if a score is neither 0 nor 1.
fn by_user<S: Source>(responses: &S, regular: &Regular, answered: &BitMatrix) -> Option<Option<BitMatrix>> {
    let width = answered.words_per_row();
    BitMatrix::filled(answered.rows(), answered.columns(), |users, words| {
        let first = users.start;
        let mut bits = Vec::new();
        regular.try_for_each_alike(responses, users, byte, |users, sequence, bytes| {
            bits.clear();
            if !pack(bytes, &mut bits) {
                return false;
            }
            let words = &mut words[(users.start - first) * width..(users.end - first) * width];
            for span in &sequence.spans {
                let starts = (span.start..).step_by(sequence.length());
                for (row, start) in words.chunks_exact_mut(width).zip(starts) {
                    bitset::copy(row, span.question, &bits, start, span.length);
                }
            }
            true
        })
    })
}

/// The same of responses question by question, by so many users to so many questions. Bits are transposed sooner than bytes.
fn by_question<S: Source>(responses: &S, (users, questions): (usize, usize)) -> Option<Option<BitMatrix>> {
    let by_question = BitMatrix::filled(questions, users, |questions, words| {
        let mut rows = questions.zip(words.chunks_exact_mut(words_for(users)));
        rows.all(|(question, row)| fill_row(responses, question * users, users, row))
    })?;
    match by_question {
        Some(by_question) => by_question.transposed(questions).map(Some),
        None => Some(None),
    }
}

/// Scores that become bits at once: those of whole words, and as bytes they stay in the first-level cache.
const BITS_AT_ONCE: usize = 1 << 12;

/// Fills `row` with the bits of `length` scores from that of row `first` on; tells whether all are 0 or 1.
fn fill_row<S: Source>(responses: &S, first: usize, length: usize, row: &mut [u64]) -> bool {
    let (mut bytes, mut bits) = (Vec::new(), Vec::new());
    let starts = (0..length).step_by(BITS_AT_ONCE);
    starts.zip(row.chunks_mut(BITS_AT_ONCE / WORD_BITS)).all(|(start, words)| {
        let rows = first + start..first + length.min(start + BITS_AT_ONCE);
        bytes.clear();
        responses.scores(rows).for_each(|scores| bytes.extend(scores.map(byte)));
        bits.clear();
        let are_bits = pack(&bytes, &mut bits);
        words.copy_from_slice(&bits);
        are_bits
    })
}

/// A score of 0 or 1 as it is.
fn byte(score: impl Score) -> u8 {
    score.bit().map_or(NO_BIT, u8::from)
}

/// The byte of other scores.
const NO_BIT: u8 = 2;

/// Appends bytes as bits, 64 of them a word; tells whether none is [`NO_BIT`].
fn pack(bytes: &[u8], bits: &mut Vec<u64>) -> bool {
    let mut all = 0;
    let mut byte_of = |word: u64| {
        all |= word;
        // The product has the lowest bit of byte i at 56 + i, beside others that do not meet.
        word.wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    let mut word_of = |bytes: &[u8]| {
        let (words, rest) = bytes.as_chunks();
        // One by one: a word that was just written in parts is read after a delay.
        let rest = byte_of(rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        words.iter().rev().fold(rest, |bits, &word| bits << 8 | byte_of(u64::from_le_bytes(word)))
    };
    let (words, rest) = bytes.as_chunks::<WORD_BITS>();
    bits.extend(words.iter().map(|bytes| word_of(bytes)));
    if !rest.is_empty() {
        bits.push(word_of(rest));
    }
    all & u64::from_ne_bytes([NO_BIT; size_of::<u64>()]) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_bits() {
        for length in [0, 1, 7, 8, 9, 63, 64, 65, 71, 72, 128, 200] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * i % 7 % 2) as u8).collect();
            let mut bits = vec![7];
            assert!(pack(&bytes, &mut bits), "{length}");
            let bit = |i: usize| (bits[1 + i / WORD_BITS] >> (i % WORD_BITS) & 1) as u8;
            assert_eq!((0..length).map(bit).collect::<Vec<_>>(), bytes);
            let ones = bits[1..].iter().map(|word| word.count_ones()).sum::<u32>();
            assert_eq!(
                (bits[0], bits.len(), ones as usize),
                (7, 1 + length.div_ceil(WORD_BITS), bytes.iter().filter(|&&byte| byte == 1).count())
            );
            for at in 0..length {
                let mut other = bytes.clone();
                other[at] = NO_BIT;
                assert!(!pack(&other, &mut Vec::new()), "{at} of {length}");
            }
        }
    }
}

//! Scores of 0 and 1 in a regular order → bits.

use super::{Score, Source};
use crate::bitset::{self, BitMatrix, WORD_BITS, words_for};
use crate::isa::{InstructionSet, Isa, Kernel, PART};
use crate::regular::{Regular, Sequence};

/// Scores that are looked at before there is a matrix for scores of 0 and 1: nearly always, one of these tells of others.
const FIRST_SCORES: usize = 1 << 12;

/// Who answered what, and who scored if all scores are 0 or 1. `None` where the memory is not to be had.
pub fn regular_bits<S: Source>(
    isa: InstructionSet,
    responses: &S,
    regular: &Regular,
) -> Option<(BitMatrix, Option<BitMatrix>)> {
    let answered = regular.answered()?;
    let mut first = responses.scores(0..responses.rows().min(FIRST_SCORES)).flatten();
    if first.any(|score| score.bit().is_none()) {
        return Some((answered, None));
    }
    let scored = match regular.is_by_question() {
        true => by_question(isa, responses, regular.ids()),
        false => by_user(isa, responses, regular, &answered),
    };
    Some((answered, scored?))
}

/// Who scored, of responses user by user; the inner `None` if a score is neither 0 nor 1.
fn by_user<S: Source>(
    isa: InstructionSet,
    responses: &S,
    regular: &Regular,
    answered: &BitMatrix,
) -> Option<Option<BitMatrix>> {
    let width = answered.words_per_row();
    BitMatrix::filled(answered.rows(), answered.columns(), |users, words| {
        let mut left = words;
        let mut bits = Vec::new();
        regular.try_for_each_alike(responses, users, byte, |users, sequence, bytes| {
            let rows = left.split_off_mut(..users.len() * width).unwrap_or_default();
            isa.run(FillRows { bytes, sequence, width, rows, bits: &mut bits })
        })
    })
}

/// Fills rows of `width` words with the bits of users of one sequence, whose scores are `bytes`; tells whether all are 0 or 1.
struct FillRows<'a> {
    bytes: &'a [u8],
    sequence: &'a Sequence,
    width: usize,
    rows: &'a mut [u64],
    /// Scratch.
    bits: &'a mut Vec<u64>,
}

impl Kernel for FillRows<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> bool {
        let Self { bytes, sequence, width, rows, bits } = self;
        // Users' bits one behind the other, as no word of these is of a few bits alone.
        bits.resize(words_for(bytes.len()), 0);
        let are_bits = Pack { bytes, bits }.run(isa);
        for span in &sequence.spans {
            let starts = (span.start..).step_by(sequence.length());
            for (row, start) in rows.chunks_exact_mut(width).zip(starts) {
                bitset::copy(row, span.question, bits, start, span.length);
            }
        }
        are_bits
    }
}

/// The same of responses question by question, by so many users to so many questions. Bits are transposed sooner than bytes.
fn by_question<S: Source>(
    isa: InstructionSet,
    responses: &S,
    (users, questions): (usize, usize),
) -> Option<Option<BitMatrix>> {
    let by_question = BitMatrix::filled(questions, users, |questions, words| {
        let mut rows = questions.zip(words.chunks_exact_mut(words_for(users)));
        rows.all(|(question, row)| fill_row(isa, responses, question * users, users, row))
    })?;
    match by_question {
        Some(by_question) => by_question.transposed(questions).map(Some),
        None => Some(None),
    }
}

/// Scores that become bits at once: those of whole words, and as bytes they stay in the first-level cache.
const BITS_AT_ONCE: usize = 1 << 12;

/// Fills `row` with the bits of `length` scores from that of row `first` on; tells whether all are 0 or 1.
fn fill_row<S: Source>(
    isa: InstructionSet,
    responses: &S,
    first: usize,
    length: usize,
    row: &mut [u64],
) -> bool {
    let mut bytes = Vec::new();
    let starts = (0..length).step_by(BITS_AT_ONCE);
    starts.zip(row.chunks_mut(BITS_AT_ONCE / WORD_BITS)).all(|(start, bits)| {
        let rows = first + start..first + length.min(start + BITS_AT_ONCE);
        bytes.clear();
        responses.scores(rows).for_each(|scores| bytes.extend(scores.map(byte)));
        isa.run(Pack { bytes: &bytes, bits })
    })
}

/// A score of 0 or 1 as it is.
fn byte(score: impl Score) -> u8 {
    score.bit().map_or(NO_BIT, u8::from)
}

/// The byte of other scores.
const NO_BIT: u8 = 2;

/// Makes bytes to bits, 64 of them a word; tells whether none is [`NO_BIT`].
struct Pack<'a> {
    bytes: &'a [u8],
    bits: &'a mut [u64],
}

impl Kernel for Pack<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> bool {
        let (words, rest) = self.bytes.as_chunks();
        for (bits, bytes) in self.bits.iter_mut().zip(words) {
            *bits = word_of(isa, bytes);
        }
        if let Some(bits) = self.bits.get_mut(words.len()) {
            let mut last = [0; WORD_BITS];
            last[..rest.len()].copy_from_slice(rest);
            *bits = word_of(isa, &last);
        }
        self.bytes.iter().fold(0, |all, &byte| all | byte) & NO_BIT == 0
    }
}

/// A bit for each byte.
#[inline(always)]
fn word_of<I: Isa>(isa: I, bytes: &[u8; WORD_BITS]) -> u64 {
    let (parts, _) = bytes.as_chunks::<PART>();
    parts.iter().rev().fold(0, |word, part| {
        // No `map`, which may be compiled apart, for another instruction set.
        let mut lanes = [false; PART];
        lanes.iter_mut().zip(part).for_each(|(lane, &byte)| *lane = byte == 1);
        word << PART | u64::from(isa.bits(&lanes))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_bits() {
        for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
            for length in [0, 1, 7, 8, 9, 63, 64, 65, 71, 72, 128, 200] {
                let bytes: Vec<u8> = (0..length).map(|i| (i * i % 7 % 2) as u8).collect();
                let pack = |bytes: &[u8]| {
                    let mut bits = vec![7; words_for(length)];
                    let are_bits = isa.run(Pack { bytes, bits: &mut bits });
                    (are_bits, bits)
                };
                let mut expected = vec![0; words_for(length)];
                for i in (0..length).filter(|&i| bytes[i] == 1) {
                    expected[i / WORD_BITS] |= 1 << (i % WORD_BITS);
                }
                assert_eq!(pack(&bytes), (true, expected), "{isa:?}, {length}");
                for at in 0..length {
                    let mut other = bytes.clone();
                    other[at] = NO_BIT;
                    assert!(!pack(&other).0, "{isa:?}, {at} of {length}");
                }
            }
        }
    }
}

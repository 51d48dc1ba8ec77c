//! The conditional database of a prefix: the responses of its common users to the questions that can follow.

use std::cmp::Ordering;

use crate::isa::{BLOCK, Isa, PART, Weight};
use crate::tree::{Column, Layout, Near, Next, grow};

use super::extension::Extension;
use super::kernel::Limits;

/// The common users of a prefix, each with its responses to the open questions.
///
/// Users come by running total, highest first, the users of each total padded to whole blocks with users who answered
/// nothing. The questions of each half begin a part of their own, so that those before a position are the first parts
/// of their half and a subtree drops the rest; unless the layout is joined, which no database is made from.
#[derive(Default)]
pub struct Database {
    layout: Layout,
    /// Users, padding included.
    stride: usize,
    /// For each running total the number of its blocks of users.
    blocks: Vec<usize>,
    /// For each pair of parts the users' responses: answered in the low half of a word, scored in the high half. In pairs,
    /// because a user is copied, and 64 of them are transposed, 64 bits at a time.
    words: Vec<[u32; 2]>,
    weights: Vec<Weight>,
    /// Over all users, of t².
    squares: u64,
    limits: Limits,
    /// Common users of the prefix who are not here.
    near: Near,
    /// For each question and block of users: who answered, and who scored.
    users_of: Vec<[u64; 2]>,
}

impl Database {
    /// The database of the empty prefix, for sets of `k` questions. `responses` gives a user's answered and scored columns
    /// to its second argument.
    pub fn of_everyone(
        layout: Layout,
        totals: &[i64],
        k: usize,
        mut responses: impl FnMut(usize, &mut dyn FnMut(Column, bool)),
    ) -> Self {
        let mut database = Self::default();
        database.resize(layout, &[totals.len()]);
        let stride = database.stride;
        for (user, &t) in totals.iter().enumerate() {
            database.weights[user] = Weight::new(t);
            responses(user, &mut |column, scored| {
                let (part, bit) = layout.locate(column);
                database.words[part / 2 * stride + user][part % 2] |=
                    1 << bit | u32::from(scored) << (PART + bit);
            });
        }
        database.take_stock(k);
        database
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Over all users, of t².
    pub fn squares(&self) -> u64 {
        self.squares
    }

    pub fn weights(&self) -> &[Weight] {
        &self.weights[..self.stride]
    }

    /// Common users of the prefix who are not here.
    pub fn near(&self) -> Near {
        self.near
    }

    /// How many of its users can be summed up in lanes.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The responses to the questions of `part`: that of a user is the word at twice its position.
    pub fn words(&self, part: usize) -> &[u32] {
        // Nothing of nobody.
        self.pair(part / 2).as_flattened().get(part % 2..).unwrap_or_default()
    }

    fn pair(&self, pair: usize) -> &[[u32; 2]] {
        &self.words[pair * self.stride..][..self.stride]
    }

    /// For each running total the number of its blocks of users.
    pub fn blocks(&self) -> &[usize] {
        &self.blocks
    }

    /// For each block of users: who answered `column`, and who scored. Only after
    /// [`index`](Self::index) for its half.
    pub fn users_of(&self, column: Column) -> &[[u64; 2]] {
        let (part, bit) = self.layout.locate(column);
        let blocks = self.stride / BLOCK;
        &self.users_of[(part * PART + bit) * blocks..][..blocks]
    }

    /// Becomes the database of the common users `extension` of a longer prefix, with the responses that `layout` has, for
    /// sets of `k` questions.
    #[inline(always)]
    pub fn project<I: Isa>(
        &mut self,
        isa: I,
        parent: &Self,
        extension: &Extension,
        layout: Layout,
        k: usize,
    ) {
        self.resize(layout, extension.counts());
        self.near = extension.near();
        let mut parts = layout.parts_from(parent.layout);
        for to in self.words.chunks_exact_mut(self.stride.max(1)) {
            match (parts.next(), parts.next()) {
                (Some(first), Some(second)) if first % 2 == 0 && second == first + 1 => {
                    let from = parent.pair(first / 2);
                    for (users, to) in rooms(extension, to) {
                        isa.gather(from, users, to);
                    }
                }
                (Some(first), Some(second)) => {
                    let [first, second] = [first, second].map(|part| parent.words(part));
                    for (users, to) in rooms(extension, to) {
                        for (to, user) in to.iter_mut().zip(users) {
                            *to = [first, second].map(|words| words[2 * *user as usize]);
                        }
                    }
                }
                (Some(first), None) => {
                    let first = parent.words(first);
                    for (users, to) in rooms(extension, to) {
                        for (to, user) in to.iter_mut().zip(users) {
                            *to = [first[2 * *user as usize], 0];
                        }
                    }
                }
                (None, _) => break,
            }
        }
        if let Some((seam, shift)) = layout.seam() {
            self.join(seam, shift);
        }
        for (users, to) in rooms(extension, &mut self.weights) {
            for (to, user) in to.iter_mut().zip(users) {
                *to = parent.weights[*user as usize];
            }
        }
        self.take_stock(k);
    }

    /// Moves the questions of the half behind, which begin a part of their own, to where they belong: from the lane `shift`
    /// of the part `seam` on.
    #[inline(always)]
    fn join(&mut self, seam: usize, shift: usize) {
        let pairs = seam / 2..self.layout.parts_apart().div_ceil(2);
        for pair in pairs.clone() {
            let join = Join::new([2 * pair, 2 * pair + 1].map(|part| part.cmp(&seam)), shift);
            let (words, next) = self.words[pair * self.stride..].split_at_mut(self.stride);
            if pair + 1 < pairs.end {
                words.iter_mut().zip(next).for_each(|(word, &mut next)| *word = join.join(*word, next));
            } else {
                words.iter_mut().for_each(|word| *word = join.join(*word, [0; 2]));
            }
        }
    }

    #[inline(always)]
    fn take_stock(&mut self, k: usize) {
        let (mut largest, mut sum) = (0, 0);
        for weight in self.weights() {
            largest = weight.square().max(largest);
            sum += weight.square();
        }
        self.squares = sum;
        self.limits = Limits::new(k, sum, largest.isqrt());
    }

    /// Room for `counts` users of each total.
    fn resize(&mut self, layout: Layout, counts: &[usize]) {
        self.layout = layout;
        self.blocks.clear();
        self.blocks.extend(counts.iter().map(|count| count.div_ceil(BLOCK)));
        self.stride = self.blocks.iter().sum::<usize>() * BLOCK;
        grow(&mut self.words, layout.parts_apart().div_ceil(2) * self.stride);
        grow(&mut self.weights, self.stride);
    }

    /// Finds the users of each question that can be next, for [`users_of`](Self::users_of).
    #[inline(always)]
    pub fn index<I: Isa>(&mut self, isa: I, next: Next) {
        let (parts, of_next) = (self.layout.parts(), self.layout.parts_of(next));
        let blocks = self.stride / BLOCK;
        grow(&mut self.users_of, parts * PART * blocks);
        for pair in of_next.start / 2..of_next.end.div_ceil(2) {
            for block in 0..blocks {
                let users = &self.words[pair * self.stride + block * BLOCK..];
                let Some(users) = users.first_chunk::<BLOCK>() else { continue };
                let square = isa.transpose(&users.map(word));
                for part in 2 * pair..parts.min(2 * pair + 2) {
                    let first_row = part % 2 * 2 * PART;
                    for bit in 0..PART {
                        let [answered, scored] = [0, PART].map(|half| square.row(first_row + half + bit));
                        self.users_of[(part * PART + bit) * blocks + block] = [answered, scored];
                    }
                }
            }
        }
    }
}

/// The users of `extension` by total, each with room for what they have, which begins with a new block and ends with
/// nothing.
#[inline(always)]
fn rooms<'a, T: Copy + Default>(
    extension: &'a Extension,
    mut to: &'a mut [T],
) -> impl Iterator<Item = (&'a [u32], &'a mut [T])> {
    extension.groups().map(move |users| {
        let (room, behind) = std::mem::take(&mut to).split_at_mut(users.len().next_multiple_of(BLOCK));
        to = behind;
        // A whole block, as to fill the padding alone would take a call.
        if let Some(last) = room.last_chunk_mut::<BLOCK>() {
            *last = [T::default(); BLOCK];
        }
        (users, room)
    })
}

/// Where the responses to a pair of parts come from when questions move to lower lanes.
struct Join {
    /// The lane in which these begin.
    shift: usize,
    /// Of both parts the lanes that stay as they are, and that are filled from the same part, both halves of a word alike. The
    /// others are filled from the next part.
    stay: u64,
    own: u64,
}

impl Join {
    /// Where the parts are, seen from that of the first of these questions.
    fn new(parts: [Ordering; 2], shift: usize) -> Self {
        let below = (1 << shift) - 1;
        let lanes = parts.map(|part| match part {
            Ordering::Less => [u16::MAX, 0],
            Ordering::Equal => [below, 0],
            Ordering::Greater => [0, below],
        });
        let [stay, own] = [0, 1].map(|which| {
            let [first, second] =
                lanes.map(|lanes| u32::from(lanes[which]) << PART | u32::from(lanes[which]));
            word([first, second])
        });
        Self { shift, stay, own }
    }

    /// A user's responses to the parts, where `next` are those to the parts behind.
    #[inline(always)]
    fn join(&self, parts: [u32; 2], next: [u32; 2]) -> [u32; 2] {
        let (own, next) = (word(parts), word([parts[1], next[0]]));
        // What crosses from one half of a word to the other is in lanes that the masks leave out.
        let moved = own >> (PART - self.shift) & self.own | next << self.shift & !self.own;
        let joined = own & self.stay | moved & !self.stay;
        [joined as u32, (joined >> u32::BITS) as u32]
    }
}

fn word([low, high]: [u32; 2]) -> u64 {
    u64::from(high) << u32::BITS | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_move_behind_those_in_front() {
        let parts: [u32; 4] = [0x1234_5678, 0x9abc_def1, 0x2345_6789, 0x0f0f_3c5a];
        // Bits of answers or of scores, one question after another.
        let row = |parts: &[u32], half: usize| -> Vec<bool> {
            parts
                .iter()
                .flat_map(|part| (0..PART).map(move |lane| part >> (half * PART + lane) & 1 == 1))
                .collect()
        };
        for seam in 0..2 {
            for shift in 1..PART {
                let mut joined = Vec::new();
                for pair in 0..2 {
                    let next = if pair == 0 { [parts[2], parts[3]] } else { [0; 2] };
                    let join = Join::new([2 * pair, 2 * pair + 1].map(|part| part.cmp(&seam)), shift);
                    joined.extend(join.join([parts[2 * pair], parts[2 * pair + 1]], next));
                }
                for half in 0..2 {
                    let mut expected = row(&parts, half);
                    expected.drain(seam * PART + shift..(seam + 1) * PART);
                    expected.resize(parts.len() * PART, false);
                    assert_eq!(row(&joined, half), expected, "from lane {shift} of part {seam} on");
                }
            }
        }
    }
}

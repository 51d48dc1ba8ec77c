//! The conditional database of a prefix: the responses of its common users, compact in memory.

use std::borrow::Cow;

use crate::bitset::{BitMatrix, WORD_BITS, below, ones};
use crate::scoring::Scoring;

/// Who answered what, and the scores, of some users. Users are numbered within the database.
pub struct Database<'a, S> {
    answered: Cow<'a, BitMatrix>,
    scoring: S,
    users: usize,
}

/// The common users of a prefix, each with its running total on the prefix's questions.
#[derive(Clone, Debug, Default)]
pub struct Survivors<N> {
    users: Vec<u32>,
    totals: Vec<N>,
}

impl<N> Survivors<N> {
    pub fn len(&self) -> usize {
        self.users.len()
    }

    pub fn users(&self) -> &[u32] {
        &self.users
    }
}

impl<'a, S: Scoring> Database<'a, S> {
    pub fn new(answered: &'a BitMatrix, scoring: S, users: usize) -> Self {
        Self { answered: Cow::Borrowed(answered), scoring, users }
    }

    pub fn answered(&self) -> &BitMatrix {
        &self.answered
    }

    pub fn scoring(&self) -> &S {
        &self.scoring
    }

    /// The common users of the empty prefix: all.
    pub fn everyone(&self) -> Survivors<S::Number> {
        Survivors { users: (0..self.users as u32).collect(), totals: vec![S::Number::default(); self.users] }
    }

    /// The survivors' database, if a copy of it pays: their rows, scattered here, would be read from beyond
    /// the cache again and again. They are renumbered to match.
    ///
    /// On the reference benchmark (k = 4, one thread) a set costs 954 ns without the copies.
    pub fn compact(&self, survivors: &mut Survivors<S::Number>) -> Option<Self> {
        if survivors.len() > self.users / 2 {
            return None;
        }
        let scoring = self.scoring.gather(&survivors.users, &self.answered);
        let answered = Cow::Owned(self.answered.gather(&survivors.users));
        survivors.users.clear();
        survivors.users.extend(0..survivors.totals.len() as u32);
        Some(Self { answered, scoring, users: survivors.len() })
    }

    /// Those of `parent` who also answered `question`.
    pub fn project(&self, parent: &Survivors<S::Number>, question: usize, child: &mut Survivors<S::Number>) {
        let (words, words_per_row) = (self.answered.words(), self.answered.words_per_row());
        let word_of = |user: u32| user as usize * words_per_row + question / WORD_BITS;

        // Who answered is as good as random, so a branch on it would be mispredicted all the time: every
        // position is written, and the next one overwrites it if this user did not answer.
        child.users.clear();
        child.users.resize(parent.len(), 0);
        let mut n = 0;
        for (position, &user) in (0..).zip(&parent.users) {
            child.users[n] = position;
            n += (words[word_of(user)] >> (question % WORD_BITS) & 1) as usize;
        }
        child.users.truncate(n);

        child.totals.clear();
        for user in &mut child.users {
            let position = *user as usize;
            *user = parent.users[position];
            let word = word_of(*user);
            let mut cursor = self.scoring.cursor(word, words[word] & below(question));
            child.totals.push(parent.totals[position] + self.scoring.next(&mut cursor, question));
        }
    }

    /// The leaf of the search: adds to `sums[q]`, for every question q from `from` on, the sums of the prefix
    /// extended by q.
    ///
    /// Row by row, each user of the prefix adds what it contributes to the sums of the questions it
    /// answered, so the cost is one step per response, not one per cell.
    pub fn extend_by_each(&self, prefix: &Survivors<S::Number>, from: usize, sums: &mut [S::Sums]) {
        let (words, words_per_row) = (self.answered.words(), self.answered.words_per_row());
        let first = from / WORD_BITS;
        for (&user, &x) in prefix.users.iter().zip(&prefix.totals) {
            let t = self.scoring.total(user as usize);
            let row = user as usize * words_per_row;
            let mut skipped = words[row + first] & below(from);
            for word in first..words_per_row {
                let mut cursor = self.scoring.cursor(row + word, skipped);
                for bit in ones(words[row + word] & !skipped) {
                    let question = word * WORD_BITS + bit;
                    S::add(&mut sums[question], x + self.scoring.next(&mut cursor, question), t);
                }
                skipped = 0;
            }
        }
    }
}

//! The state of the art before this package: a compiled loop over sets, with bitsets and rayon, but no reuse of what
//! sets have in common. Run by `ladder.py`, as `straightforward serial|parallel DATA FOUND`.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::time::Instant;

use rayon::prelude::*;

/// Questions per set.
const K: usize = 5;

/// Sets that a thread takes at once.
const BATCH: usize = 1024;

/// What the data file holds, in this order, all little-endian: questions, users, words and sets as u64; then
/// questions × words of u64, questions × users of i8, users of i64, sets × [`K`] of u16.
struct Data {
    users: usize,
    words: usize,
    /// Who answered a question: 64 users in a word, the first in its lowest bit.
    answered: Vec<u64>,
    /// 0 where a user did not answer.
    scores: Vec<i8>,
    /// The users' grand totals.
    totals: Vec<i64>,
    sets: Vec<[u16; K]>,
}

impl Data {
    fn read(path: &str) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let header = numbers(&mut file, 4, u64::from_le_bytes)?;
        let [questions, users, words, sets] = [0, 1, 2, 3].map(|field| header[field] as usize);
        let answered = numbers(&mut file, questions * words, u64::from_le_bytes)?;
        let scores = numbers(&mut file, questions * users, i8::from_le_bytes)?;
        let totals = numbers(&mut file, users, i64::from_le_bytes)?;
        let chosen = numbers(&mut file, sets * K, u16::from_le_bytes)?;
        let sets = chosen.as_chunks().0.to_vec();
        Ok(Self { users, words, answered, scores, totals, sets })
    }

    /// Part-whole correlation of a set, NaN where there is none.
    fn r(&self, set: &[u16; K]) -> f64 {
        let answered = set.map(|question| &self.answered[usize::from(question) * self.words..][..self.words]);
        let scores = set.map(|question| &self.scores[usize::from(question) * self.users..][..self.users]);
        let [mut n, mut sum_x, mut sum_xx, mut sum_t, mut sum_tt, mut sum_xt] = [0_i64; 6];
        for word in 0..self.words {
            let mut common = answered.iter().fold(u64::MAX, |common, bits| common & bits[word]);
            while common != 0 {
                let user = word * u64::BITS as usize + common.trailing_zeros() as usize;
                common &= common - 1;
                let x: i64 = scores.iter().map(|scores| i64::from(scores[user])).sum();
                let t = self.totals[user];
                n += 1;
                sum_x += x;
                sum_xx += x * x;
                sum_t += t;
                sum_tt += t * t;
                sum_xt += x * t;
            }
        }
        let [covariance, variance_x, variance_t] =
            [n * sum_xt - sum_x * sum_t, n * sum_xx - sum_x * sum_x, n * sum_tt - sum_t * sum_t]
                .map(|comoment| comoment as f64);
        covariance / (variance_x * variance_t).sqrt()
    }
}

fn numbers<T, const BYTES: usize>(
    file: &mut impl Read,
    count: usize,
    from_bytes: fn([u8; BYTES]) -> T,
) -> io::Result<Vec<T>> {
    let mut bytes = vec![0; count * BYTES];
    file.read_exact(&mut bytes)?;
    Ok(bytes.as_chunks().0.iter().map(|&bytes| from_bytes(bytes)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (threads, data, found) = match arguments[..] {
        [threads @ ("serial" | "parallel"), data, found] => (threads, Data::read(data)?, found),
        // Cargo calls benchmarks with nothing but `--bench`.
        _ => {
            eprintln!("usage: straightforward serial|parallel DATA FOUND");
            return Ok(());
        }
    };

    let start = Instant::now();
    let r: Vec<f64> = if threads == "serial" {
        data.sets.iter().map(|set| data.r(set)).collect()
    } else {
        data.sets.par_iter().with_min_len(BATCH).map(|set| data.r(set)).collect()
    };
    let seconds = start.elapsed().as_secs_f64();

    let mut found = BufWriter::new(File::create(found)?);
    for r in &r {
        found.write_all(&r.to_le_bytes())?;
    }
    found.flush()?;
    println!("{} ns per set", seconds * 1e9 / r.len() as f64);
    Ok(())
}

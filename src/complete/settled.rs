//! What is reported of sets of complete answers with float scores: what their comoments settle, and for others what the users make.
//!
//! A set by its comoments takes k² additions; by its users, as many as there are of them, so that their number would matter after all.

use crate::double_double::DoubleDouble;
use crate::isa::Portable;
use crate::moments::{Correlations, Doubled, FloatComoments, LaneCorrelations, RankBy, Side, Tolerance};
use crate::whole::Rest;

use super::floats::Comoments;
use super::{Exact, FloatAnswers};

/// The users, and what spares most sets a look at them.
pub struct SettledFloats<'a> {
    answers: FloatAnswers<'a>,
    comoments: Comoments,
    /// `None` where comoments settle nothing.
    tolerance: Option<Tolerance>,
}

impl<'a> SettledFloats<'a> {
    pub fn new(answers: FloatAnswers<'a>, comoments: Comoments) -> Self {
        // A rest that is a mean is no difference of totals.
        let tolerance = answers.tolerance(&comoments).filter(|_| answers.rest() != Rest::Mean);
        Self { answers, comoments, tolerance }
    }

    /// What comoments settle, if it is all that is asked for.
    pub(super) fn settled(&self, set: &[u32], with_alpha: bool) -> Option<Correlations> {
        let tolerance = self.tolerance.as_ref()?;
        let lanes = self.comoments_of(set);
        let r = value(lanes.correlations(Portable, tolerance, Side::Total))?;
        let r_rest = match self.answers.rest() {
            Rest::None => None,
            _ => Some(value(lanes.correlations(Portable, tolerance, Side::Rest))?),
        };
        let alpha = match with_alpha {
            true => Some(value(lanes.alphas(Portable, tolerance, set.len()))?),
            false => None,
        };
        Some(Correlations { r: Some(r), r_rest, alpha })
    }

    /// The comoments of a set. Each of its k² + 2k additions is rounded to 3u² of what it has added up, so all of them to less than what
    /// the tolerance allows for numbers that are cut in two.
    fn comoments_of(&self, set: &[u32]) -> FloatComoments<1> {
        let comoments = &self.comoments;
        let [mut xx, mut xt, mut questions] = [DoubleDouble::default(); 3];
        for (place, item) in set.iter().map(|&item| item as usize).enumerate() {
            xt = xt + comoments.with_total(item);
            questions = questions + comoments.between(item, item);
            for other in set[place + 1..].iter().map(|&other| other as usize) {
                let between = comoments.between(item, other);
                xx = xx + (between + between);
            }
        }
        xx = xx + questions;
        let lane = |number: DoubleDouble| {
            let [high, low] = number.parts();
            Doubled { high: [high], low: [low] }
        };
        FloatComoments { xx: lane(xx), xt: lane(xt), questions: lane(questions) }
    }
}

/// That of the only lane, where it is settled and exists.
fn value(lanes: LaneCorrelations<1>) -> Option<f64> {
    let [value] = lanes.values;
    (lanes.settled() == 1 && !value.is_nan()).then_some(value)
}

impl Exact for SettledFloats<'_> {
    fn n_users(&self) -> u32 {
        self.answers.n_users()
    }

    fn correlations(
        &self,
        set: &[u32],
        _threshold: f64,
        _rank_by: RankBy,
        with_alpha: bool,
    ) -> Option<Correlations> {
        if let Some(settled) = self.settled(set, with_alpha) {
            return Some(settled);
        }
        let alpha = if with_alpha { self.answers.alpha_of(set) } else { None };
        Some(Correlations { alpha, ..self.answers.correlations_of(set) })
    }
}

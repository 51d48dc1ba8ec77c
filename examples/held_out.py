"""Users who had no say in the choice of a set, and what they make of it: simulated responses and noise."""

import numpy as np
import polars as pl
import polars_corrset as pc

USERS, QUESTIONS = 1500, 40
rng = np.random.default_rng(1950)

# The two-parameter logistic model: users differ in ability, questions in difficulty and in how well they
# tell users apart.
ability = rng.normal(size=(USERS, 1))
difficulty = rng.normal(size=QUESTIONS)
discrimination = rng.lognormal(0, 0.3, size=QUESTIONS)
chance = 1 / (1 + np.exp(-discrimination * (ability - difficulty)))


def responses(chance: np.ndarray) -> pl.DataFrame:
    """Each user answers each question, rightly with this chance."""
    user, question = np.indices(chance.shape)
    right = rng.random(chance.shape) < chance
    return pl.DataFrame({"user": user.ravel(), "question": question.ravel(), "score": right.ravel()})


for name, frame in {"ability": responses(chance), "noise": responses(np.full(chance.shape, 0.5))}.items():
    held_out = pc.validate_corrsets(frame.lazy(), k=5, top=1).collect()
    print(name, held_out.select("fold", "r", "r_rest", "r_test", "r_rest_test"))

# A form in use, and one that was chosen on half of the users, both on the other half.
frame = responses(chance)
half = pl.col("user") < USERS // 2
chosen = pc.top_corrsets(frame.filter(half), k=5, top=1).select("questions")
in_use = pl.DataFrame({"questions": [[0, 1, 2, 3, 4]]})
print(pc.evaluate_corrsets(frame.filter(~half), pl.concat([chosen, in_use]), confidence=0.95))

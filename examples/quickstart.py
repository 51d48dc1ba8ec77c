"""Which two of six questions stand best for the whole test?"""

import polars as pl
import polars_corrset as pc

answers = {
    "ann": [1, 1, 1, 1, 1, 0],
    "ben": [0, 1, 0, 1, 0, 1],
    "cleo": [1, 1, 1, 0, 1, 1],
    "dan": [0, 0, 0, 0, 1, 0],
    "eve": [1, 0, 1, 0, 0, None],
    "finn": [0, 1, 0, 0, 0, 1],
    "gus": [1, 1, None, 1, 1, 1],
}
questions = ["sum", "product", "root", "power", "log", "limit"]
responses = pl.DataFrame(
    [
        {"user": user, "question": question, "score": score}
        for user, scores in answers.items()
        for question, score in zip(questions, scores, strict=True)
    ]
)

# A row with a null score is no response.
print(pc.top_corrsets(responses.lazy(), k=2, top=5).collect())

# r counts the two questions on both sides; r_rest asks how well they predict the other four.
print(pc.top_corrsets(responses.lazy(), k=2, top=5, rank_by="r_rest").collect())

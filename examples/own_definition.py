"""A definition of one's own: only what aims at superintelligence, whatever its topic, as a share of technical work."""

from alignment_census import estimate_share, load_census

census = load_census()
frame = "alignmentforum-census"
mine = {"target": ["T3"], "groups": ["A", "B", "C", "D", "E"], "min_confidence": 2}
print("mine:                ", estimate_share(mine, frame=frame, denominator="technical", census=census))
print("the same, 2023 alone:", estimate_share(mine, frame=frame, year="2023", denominator="technical", census=census))

# Two parts of one definition: they add up.
theory = estimate_share({"groups": ["A"]}, frame=frame, census=census)
training = estimate_share({"groups": ["C"]}, frame=frame, census=census)
both = estimate_share({"groups": ["A", "C"]}, frame=frame, census=census)
print(f"theory {theory.share:.1%} and training {training.share:.1%} are together {both.share:.1%}")

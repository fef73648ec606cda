"""Nearest neighbours: of one paper, of a mean of several, and of every document at once."""

from alignment_census import find_documents, find_neighbours, load_census, nearest

census = load_census()
for row in nearest("arxiv:2502.17424", 5, census=census).to_dict("records"):
    print(f"{row['cosine_score']:.3f}  {row['title'][:80]}")

# A vector of one's own: the middle of two papers. It is divided by its length before it is compared.
wanted = find_documents(["2310.06474", "2502.17424"], census=census)["doc_id"].dropna()
middle = census.vectors[census.documents["doc_id"].isin(wanted)].mean(axis=0)
print("between the two:", nearest(middle, 1, census=census)["title"].iloc[0][:80])

rows, cosines = find_neighbours(census.vectors[:2000], 5)  # exact, for 2,000 documents at once
print(f"{len(rows):,} documents, median cosine with the nearest {float(sorted(cosines[:, 0])[1000]):.3f}")
